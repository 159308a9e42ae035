//! A film says how it was made: in words that other programs show, and with its whole timeline, from which it can be made
//! again.
//!
//! The timeline travels as its JSON file, byte for byte, compressed by zlib: about 30 bytes a frame. It is the timeline
//! rather than what it was made from, since it alone determines the pictures, was perhaps edited by hand, and outlives
//! changes of the mapping. It holds the song's and the model's path as they were given.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use common::hex::hex;
use common::{Error, Result};
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use mapping::prompts::shorten;
use sha2::{Digest, Sha256};
use timeline::Timeline;
use video::{Probe, Tags};

/// Name of the fact that holds [`sha256`] of a film's timeline.
pub const TIMELINE_SHA256: &str = "timeline_sha256";

/// Longest text in a film's tags, in letters: they come before the picture. The timeline has all of it.
const MAX_LETTERS: usize = 10_000;

/// A timeline's JSON is longer neither than this many bytes a frame nor, with its prompts, than that many more: a film
/// that was made to fill the memory doesn't.
const MAX_FRAME_BYTES: u64 = 1 << 10;
const MAX_HEAD_BYTES: u64 = 1 << 28;

/// SHA-256 of a timeline in lowercase hex: that of the file that [`Timeline::save`] writes.
pub fn sha256(timeline: &Timeline) -> String {
    let mut hasher = Hasher(Sha256::new());
    // A hasher takes all bytes, and a timeline has no value that JSON can't hold.
    let _ = timeline.write_json(&mut hasher);
    hasher.hex()
}

/// What a film says about itself in words.
pub fn tags(timeline: &Timeline) -> Tags {
    let render = &timeline.render;
    let name = timeline.song.path.file_stem().unwrap_or_default();
    let mut texts: Vec<&str> = Vec::new();
    for prompt in &timeline.prompts {
        if !texts.contains(&prompt.words.text.as_str()) {
            texts.push(&prompt.words.text);
        }
    }
    let version = env!("CARGO_PKG_VERSION");
    let settings = format!(
        "{} drawn at {}, {} frames a second, {} steps, quantisation {}",
        render.size,
        render.draw_size,
        timeline.play_rate(),
        render.n_steps,
        timeline.encoding.qp
    );
    let facts = [
        (TIMELINE_SHA256, sha256(timeline)),
        ("song_sha256", timeline.song.source_sha256.clone()),
        ("prompts", shorten(&texts.join("\n"), MAX_LETTERS)),
        ("seed", timeline.seed.to_string()),
        ("model", render.model.clone()),
        ("weights_sha256", render.weights_sha256.clone()),
        ("settings", settings),
        ("version", version.to_owned()),
    ];
    Tags {
        title: name.to_string_lossy().into_owned(),
        encoder: format!("visualize {version}"),
        comment: shorten(&texts.join(" / "), MAX_LETTERS),
        facts: facts.map(|(name, text)| (name.to_owned(), text)).into(),
    }
}

/// A timeline as it travels with its film.
///
/// # Errors
/// [`Error::Video`] when it can't be compressed, which is a bug.
pub fn pack(timeline: &Timeline) -> Result<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    timeline
        .write_json(&mut encoder)
        .and_then(|()| encoder.finish())
        .map_err(|e| Error::Video {
            reason: format!("can't compress the timeline: {e}"),
        })
}

/// The timeline that a film was made from. Saved, it is the plan's own file again.
///
/// # Errors
/// [`Error::Input`] for a film that wasn't made here, was cut or rewritten by another program, or is damaged;
/// [`Error::Io`] for one that can't be read.
pub fn timeline_of(film: impl AsRef<Path>) -> Result<Timeline> {
    let film = film.as_ref();
    let attachment = video::attachment(film)?;
    let probe = video::probe(film)?;
    match attachment {
        Some(packed) => unpack(film, &probe, &packed),
        None => Err(missing(film, &probe.tags.facts)),
    }
}

fn missing(film: &Path, facts: &BTreeMap<String, String>) -> Error {
    if facts.contains_key(TIMELINE_SHA256) {
        Error::input(
            film,
            "its timeline is lost: another program has cut or rewritten the film",
        )
        .with_hint("take the film as visualize wrote it")
    } else {
        Error::input(
            film,
            "it holds no timeline: it wasn't made by visualize, or another program has rewritten it since",
        )
        .with_hint("take a film as visualize wrote it; `visualize plan SONG` makes a new timeline")
    }
}

fn unpack(film: &Path, probe: &Probe, packed: &[u8]) -> Result<Timeline> {
    let damaged = |why: String| Error::input(film, format!("its timeline is damaged: {why}"));
    let n_frames = probe.video.as_ref().map_or(0, |video| video.n_frames);
    let limit = MAX_HEAD_BYTES + MAX_FRAME_BYTES * n_frames;
    let json = BufReader::new(ZlibDecoder::new(packed).take(limit));
    let timeline: Timeline = serde_json::from_reader(json).map_err(|e| damaged(e.to_string()))?;
    timeline.validate().map_err(damaged)?;
    if timeline.frames.len() as u64 != n_frames {
        return Err(Error::input(
            film,
            format!(
                "it has {n_frames} frames, and its timeline {}: the film was cut",
                timeline.frames.len()
            ),
        )
        .with_hint("take the film as visualize wrote it"));
    }
    match probe.tags.facts.get(TIMELINE_SHA256) {
        Some(stated) if *stated != sha256(&timeline) => Err(damaged(
            "its hash isn't the one that the film states".to_owned(),
        )),
        _ => Ok(timeline),
    }
}

/// Hashes what is written to it.
struct Hasher(Sha256);

impl Hasher {
    fn hex(self) -> String {
        hex(&self.0.finalize())
    }
}

impl Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
