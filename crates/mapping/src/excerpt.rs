//! Which part of the song a film shows.

use std::ops::Range;

use analysis::{Analysis, Beat, Stem};
use common::units::{FrameRate, format_secs, secs_to_samples};
use common::{Error, Result};
use timeline::{Song, SongStem};

use super::{Looping, MappingConfig};

/// The part of the song that the film shows. A loop gets a whole number of frames.
///
/// # Errors
/// [`Error::Input`] for a song without samples, [`Error::Config`] for a start or a loop that isn't in the song.
pub(super) fn excerpt(analysis: &Analysis, config: &MappingConfig) -> Result<Song> {
    let track = &analysis.track;
    if track.n_samples == 0 {
        return Err(Error::input(&track.path, "the song has no samples"));
    }
    let rate_hz = track.sample_rate_hz;
    let (start_secs, duration_secs) = match config.looping {
        Looping::Beats(n) => {
            let (start_secs, duration_secs) = beats(analysis, config.start_secs, n)?;
            (start_secs, Some(duration_secs))
        }
        Looping::Off | Looping::Whole => (config.start_secs, config.duration_secs),
    };
    let part = samples_of(start_secs, duration_secs, track.n_samples, rate_hz);
    if part.is_empty() {
        return Err(Error::Config {
            name: "start",
            value: format_secs(start_secs, 1),
            allowed: format!("the song ends at {}", format_secs(track.duration_secs, 1)),
        });
    }
    let mut n_samples = part.end - part.start;
    if config.looping != Looping::Off {
        let left = track.n_samples - part.start;
        n_samples = whole_frames(config.frame_rate, n_samples, left, rate_hz)?;
    }
    Ok(Song {
        path: track.path.clone(),
        source_sha256: track.source_sha256.clone(),
        sample_rate_hz: rate_hz,
        start_sample: part.start,
        n_samples,
        stems: analysis.stems.iter().map(song_stem).collect(),
    })
}

/// The part of a song of `n_samples` from a start on, of a length or to its end: a sample at least, none where the start isn't
/// in the song.
pub fn samples_of(
    start_secs: f64,
    duration_secs: Option<f64>,
    n_samples: u64,
    sample_rate_hz: u32,
) -> Range<u64> {
    let start = secs_to_samples(start_secs, sample_rate_hz).min(n_samples);
    let wanted = duration_secs.map_or(n_samples, |secs| secs_to_samples(secs, sample_rate_hz));
    start..start.saturating_add(wanted.max(1)).min(n_samples)
}

fn song_stem(stem: &Stem) -> SongStem {
    SongStem {
        name: stem.name.clone(),
        path: stem.path.clone(),
        source_sha256: stem.source_sha256.clone(),
    }
}

/// Start and length in seconds of `n` beats from the first downbeat at or after a time on.
pub(super) fn beats(analysis: &Analysis, start_secs: f64, n: u32) -> Result<(f64, f64)> {
    let is_after = |beat: &Beat| beat.time_secs >= start_secs - 1e-3;
    let mut bars = analysis.beats.iter().enumerate();
    let first = bars.find(|(_, beat)| is_after(beat) && beat.position_in_bar == 1);
    let n_left = first.map_or(0, |(idx, _)| analysis.beats.len() - idx - 1);
    let refused = || Error::Config {
        name: "loop_beats",
        value: n.to_string(),
        allowed: format!(
            "there are {n_left} beats after the first bar line behind {}; give 1 to {n_left}, or another `start`",
            format_secs(start_secs, 1)
        ),
    };
    let (idx, first) = first.filter(|_| n > 0).ok_or_else(refused)?;
    let end = analysis.beats.get(idx + n as usize).ok_or_else(refused)?;
    Ok((first.time_secs, end.time_secs - first.time_secs))
}

/// The number of samples nearest to `wanted`, at most `left`, that fills whole frames.
fn whole_frames(rate: FrameRate, wanted: u64, left: u64, rate_hz: u32) -> Result<u64> {
    let more = rate.n_frames(wanted, rate_hz);
    let [less, more] = [more.saturating_sub(1), more].map(|n| rate.n_samples(n, rate_hz));
    let n_samples = if more > left || (less > 0 && wanted - less < more - wanted) {
        less
    } else {
        more
    };
    if n_samples == 0 {
        return Err(Error::Config {
            name: "loop",
            value: "a part of the song shorter than a frame".to_owned(),
            allowed: "a loop takes a frame or more".to_owned(),
        });
    }
    Ok(n_samples)
}
