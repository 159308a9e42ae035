//! Stems: parts of the song in files of their own, analyzed like the song, each by itself.

use std::path::PathBuf;
use std::str::FromStr;

use audio::Track;
use common::units::format_secs;
use common::{Error, Result};
use serde::{Deserialize, Serialize};

use super::Stem;
use super::evidence::{evidence, hops_of};
use super::features::{FLOOR_DB, Features};
use super::hops::{HOP_SECS, HOPS_PER_SEC};
use super::network::Activations;
use super::onset;
use super::series::{Series, SeriesWriter, Value};

/// The stem that beats are tracked with.
const DRUMS: &str = "drums";
/// Most that a stem may be longer or shorter than the song, in seconds: the padding of a lossy codec.
const MAX_DIFFERENCE_SECS: f64 = 0.1;
/// Most stems of a song.
const MAX_STEMS: usize = 16;

/// A stem's name and file, as in `drums=drums.wav`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StemFile {
    /// What routes call it: without blanks, braces and equals signs.
    pub name: String,
    /// The file.
    pub path: PathBuf,
}

impl FromStr for StemFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = "give a name and a file, such as drums=drums.wav";
        let (name, path) = text.split_once('=').ok_or(form)?;
        let is_name =
            !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || "{}#".contains(c));
        if !is_name || path.is_empty() {
            return Err(format!("{form}; the name can't have blanks or braces"));
        }
        Ok(Self {
            name: name.to_owned(),
            path: PathBuf::from(path),
        })
    }
}

/// A stem and what trackers want of it.
pub(super) struct StemEvidence {
    pub stem: Stem,
    pub activations: Activations,
}

impl StemEvidence {
    /// Whether beats are tracked with it.
    pub fn is_drums(&self) -> bool {
        self.stem.name.eq_ignore_ascii_case(DRUMS)
    }
}

/// Opens the stems of a song and checks that they fit it, before anything is analyzed.
///
/// # Errors
/// As for [`Track::open`]; [`Error::Input`] for a stem of another length or sample rate, [`Error::Config`] for a name that is
/// given twice.
pub(super) fn open(song: &Track, files: &[StemFile]) -> Result<Vec<(String, Track)>> {
    let refuse = |value: &str, allowed: String| {
        let value = value.to_owned();
        Err(Error::Config {
            name: "stem",
            value,
            allowed,
        })
    };
    if files.len() > MAX_STEMS {
        return refuse(
            &format!("given {} times", files.len()),
            format!("{MAX_STEMS} stems are the limit"),
        );
    }
    let mut tracks: Vec<(String, Track)> = Vec::new();
    for file in files {
        if tracks.iter().any(|(name, _)| *name == file.name) {
            return refuse(
                &file.name,
                "this name is given twice; each stem has one of its own".to_owned(),
            );
        }
        let track = Track::open(&file.path)?;
        check(song, &track)?;
        tracks.push((file.name.clone(), track));
    }
    Ok(tracks)
}

fn check(song: &Track, stem: &Track) -> Result<()> {
    let (wanted, given) = (song.sample_rate_hz, stem.sample_rate_hz);
    if given != wanted {
        let reason = format!("this stem has {given} Hz, and the song {wanted} Hz");
        return Err(Error::input(&stem.path, reason).with_hint(format!(
            "export it again at {wanted} Hz, from the same start as the song"
        )));
    }
    if (stem.duration_secs - song.duration_secs).abs() > MAX_DIFFERENCE_SECS {
        let (stem_secs, song_secs) = (
            format_secs(stem.duration_secs, 3),
            format_secs(song.duration_secs, 3),
        );
        let reason = format!("this stem lasts {stem_secs}, and the song {song_secs}");
        return Err(Error::input(&stem.path, reason).with_hint(
            "a stem is as long as its song, silence included; export it over the whole song",
        ));
    }
    Ok(())
}

/// Analyzes a stem. Its hops are those of a song of `n_hops`.
///
/// # Errors
/// As for [`Track::blocks`].
pub(super) fn analyze(name: &str, track: &Track, n_hops: usize) -> Result<StemEvidence> {
    let features = Features::of(track)?;
    let (strength, activations) = evidence(&features)?;
    let mut onsets = onset::find(&features, &strength, &activations)?;
    onsets.retain(|onset| onset.time_secs < n_hops as f64 * HOP_SECS);
    Ok(StemEvidence {
        stem: Stem {
            name: name.to_owned(),
            path: track.path.clone(),
            source_sha256: track.source_sha256.clone(),
            onsets,
            hops: hops_of(
                &resized(&features.bands, n_hops, [0.0; 3])?,
                &resized(&strength.full, n_hops, 0.0)?,
                &resized(&features.loudness_db, n_hops, FLOOR_DB)?,
                track.sample_rate_hz,
            )?,
        },
        activations,
    })
}

/// As many hops as the song has, with `silent` ones where the stem is shorter.
fn resized<T: Value>(hops: &Series<T>, n_hops: usize, silent: T) -> Result<Series<T>> {
    let mut resized = SeriesWriter::new(HOPS_PER_SEC);
    for hop in hops.iter().take(n_hops) {
        resized.push(hop?);
    }
    (resized.len()..n_hops).for_each(|_| resized.push(silent));
    Ok(resized.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stems_have_a_name_and_a_file() {
        let stem: StemFile = "drums=a/b=c.wav".parse().unwrap();
        assert_eq!(
            (stem.name.as_str(), stem.path.to_str().unwrap()),
            ("drums", "a/b=c.wav")
        );
        for text in ["", "drums", "=x.wav", "drums=", "a b=x.wav", "{=x.wav"] {
            assert!(text.parse::<StemFile>().is_err(), "{text}");
        }
    }
}
