//! The film's chunks in its run folder: which are finished, how they are named, whether the disk holds them.
//!
//! A chunk is named by the hash of everything that determines its bytes: its frames' resolved inputs, the render and
//! encode settings, and the version of the drawing code. A chunk whose name fits is therefore finished work, whoever made
//! it and when; one whose name doesn't fit belongs to another timeline and is passed over.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;

use audio::{SoundtrackFormat, Track};
use common::{Error, Result};
use timeline::{RunFolder, Size, Timeline, VideoCodec};
use video::{Coverage, EncodeConfig, Found, Origin};

use super::chunk_set::{ChunkSet, Piece};

/// Raised when a change to this program alters pixels, so that older chunks aren't mixed with new ones. The golden pictures of
/// the tests are kept with the version that drew them.
pub const DRAWING_VERSION: u32 = 4;

/// Bytes of an H.264 film a pixel, about, at the default quality: films of the bundled model have 0.07, busy ones 0.13.
const BYTES_PER_PIXEL: f64 = 0.1;
/// Bytes of a frame however small it is, about: measured at 64x64, its places in the tables included.
const BYTES_PER_FRAME: f64 = 1000.0;

/// Bytes of disk, about, that the sound of a film takes while it is muxed. Clips at a rate of their own have none.
///
/// # Errors
/// As for [`Track::soundtrack_disk_bytes`].
pub(super) fn sound_bytes(
    timeline: &Timeline,
    track: &Track,
    format: SoundtrackFormat,
) -> Result<f64> {
    let song = &timeline.song;
    let samples = song.start_sample..song.start_sample + song.n_samples;
    match timeline.encoding.play_rate {
        Some(_) => Ok(0.0),
        None => track.soundtrack_disk_bytes(&samples, format),
    }
}

/// Bytes of a frame in a film, about.
fn frame_bytes(size: Size, codec: VideoCodec) -> f64 {
    let pixel_bytes = BYTES_PER_PIXEL.max(codec.bytes_per_pixel());
    BYTES_PER_FRAME + pixel_bytes * f64::from(size.width) * f64::from(size.height)
}

/// Bytes of disk, about, that a film takes while it is made, of which `n_missing` frames aren't finished.
///
/// # Errors
/// As for [`Track::soundtrack_disk_bytes`].
pub fn needed_bytes(
    timeline: &Timeline,
    n_missing: u64,
    track: &Track,
    format: SoundtrackFormat,
) -> Result<f64> {
    let n_frames = n_missing + timeline.frames.len() as u64;
    let frame_bytes = frame_bytes(timeline.render.size, timeline.encoding.codec);
    Ok(frame_bytes * n_frames as f64 + sound_bytes(timeline, track, format)?)
}

/// Refuses to begin what the disk can't hold: `n_missing` frames, the film of all `n_frames`, and its sound.
///
/// # Errors
/// [`Error::Later`] that says how much is needed and how much is free.
pub(super) fn check_space(
    folder: &Path,
    size: Size,
    codec: VideoCodec,
    (n_missing, n_frames): (u64, u64),
    sound_bytes: f64,
) -> Result<()> {
    let Ok(free) = fs4::available_space(folder) else {
        return Ok(()); // a file system that doesn't tell may still have room
    };
    let needed = frame_bytes(size, codec) * (n_missing + n_frames) as f64 + sound_bytes;
    if free as f64 >= needed {
        return Ok(());
    }
    Err(Error::Later {
        reason: format!(
            "the disk of {} has {:.0} MB left, and the film needs about {:.0} MB while it is made",
            folder.display(),
            free as f64 / 1e6,
            needed / 1e6
        ),
        hint: Some("free some space, or write to another disk with -o".to_owned()),
    })
}

/// Looks for chunks of a film, each by its name: no other file is opened.
///
/// # Errors
/// As [`Timeline::drawn_inputs`].
pub fn find_chunks(
    timeline: &Timeline,
    chunks: &ChunkSet,
    folder: &RunFolder,
) -> Result<Vec<(Piece, Found)>> {
    let find = |piece: Piece| {
        let id = chunk_id(timeline, piece.frames.clone())?;
        let found = video::find(folder.path(), &piece.frames, &id);
        Ok((piece, found))
    };
    chunks.pieces(timeline).map(find).collect()
}

/// The chunks of a film, and whether there is a file of each one's name: what [`find_chunks`] finds, but for damaged ones, and without
/// reading them.
///
/// # Errors
/// As [`Timeline::drawn_inputs`].
pub fn list_chunks(timeline: &Timeline, folder: &RunFolder) -> Result<Vec<(Piece, bool)>> {
    let look = |piece: Piece| {
        let id = chunk_id(timeline, piece.frames.clone())?;
        let is_there = video::is_there(folder.path(), &piece.frames, &id);
        Ok((piece, is_there))
    };
    ChunkSet::all().pieces(timeline).map(look).collect()
}

/// What to say where chunks were drawn with different arithmetic, which their pictures may show where they meet. `arithmetic` is
/// that of each chunk.
pub fn mixed<'a>(arithmetic: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let mut n_chunks: BTreeMap<&str, u64> = BTreeMap::new();
    for kind in arithmetic {
        *n_chunks.entry(kind).or_default() += 1;
    }
    let counted: Vec<String> = n_chunks
        .iter()
        .map(|(kind, n_chunks)| format!("{kind} ({n_chunks})"))
        .collect();
    (counted.len() > 1).then(|| {
        format!(
            "chunks were drawn with different arithmetic, so that pictures may differ by rounding where they meet: {}",
            counted.join(", ")
        )
    })
}

/// What to say where finished chunks were drawn with another arithmetic than those that are drawn now.
pub(super) fn resumed(finished: &[Origin], arithmetic: &str) -> Option<String> {
    let kinds = finished.iter().map(|origin| origin.arithmetic.as_str());
    let others: BTreeSet<&str> = kinds.filter(|kind| *kind != arithmetic).collect();
    let others: Vec<&str> = others.into_iter().collect();
    (!others.is_empty()).then(|| {
        format!(
            "finished chunks were drawn with {}, the others are drawn with {arithmetic}: pictures may differ by rounding where they meet",
            others.join(" and ")
        )
    })
}

/// The finished chunks of a film, and the frames that none of them has.
///
/// # Errors
/// [`Error::Io`] when the folder can't be read.
pub(super) fn coverage(folder: &RunFolder, timeline: &Timeline) -> Result<Coverage> {
    let n_frames = timeline.frames.len() as u64;
    // A range that the timeline can't resolve has no id, and no chunk has an empty one.
    let wanted = |frames: Range<u64>| chunk_id(timeline, frames).unwrap_or_default();
    video::cover(folder.path(), n_frames, wanted)
}

/// Name of the chunk that holds `frames`.
///
/// # Errors
/// As [`Timeline::drawn_inputs`].
pub(super) fn chunk_id(timeline: &Timeline, frames: Range<u64>) -> Result<String> {
    let inputs = timeline.drawn_inputs(frames)?;
    let encoding = EncodeConfig::new(timeline.render.size, timeline.frame_rate, timeline.encoding);
    video::chunk_id(
        encoding.codec,
        &(DRAWING_VERSION, inputs, &timeline.render, &encoding),
    )
}
