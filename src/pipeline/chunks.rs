//! The film's chunks in its run folder: which are finished, how they are named, whether the disk holds them.
//!
//! A chunk is named by the hash of everything that determines its bytes: its frames' resolved inputs, the render and
//! encode settings, and the version of the drawing code. A chunk whose name fits is therefore finished work, whoever made
//! it and when; one whose name doesn't fit belongs to another timeline and is passed over.

use std::collections::BTreeMap;
use std::ops::Range;

use common::{Error, Result};
use timeline::{RunFolder, Timeline};
use video::{Coverage, EncodeConfig, Found};

use super::chunk_set::{ChunkSet, Piece};

/// Raised when a change to this program alters pixels, so that older chunks aren't mixed with new ones. The golden pictures of
/// the tests are kept with the version that drew them.
pub const DRAWING_VERSION: u32 = 2;

/// Bytes of an H.264 film a pixel, about, at the default quality: measured on films of the bundled model, rounded up.
const BYTES_PER_PIXEL: f64 = 0.05;

/// Refuses to begin what the disk can't hold: the missing chunks, and the film made of all of them.
///
/// # Errors
/// [`Error::Later`] that says how much is needed and how much is free.
pub(super) fn check_space(folder: &RunFolder, timeline: &Timeline, n_missing: u64) -> Result<()> {
    let Ok(free) = fs4::available_space(folder.path()) else {
        return Ok(()); // a file system that doesn't tell may still have room
    };
    let size = timeline.render.size;
    let pixel_bytes = BYTES_PER_PIXEL.max(timeline.encoding.codec.bytes_per_pixel());
    let frame_bytes = pixel_bytes * f64::from(size.width) * f64::from(size.height);
    let needed = frame_bytes * (n_missing + timeline.frames.len() as u64) as f64;
    if free as f64 >= needed {
        return Ok(());
    }
    Err(Error::Later {
        reason: format!(
            "the disk of {} has {:.0} MB left, and the film needs about {:.0} MB while it is made",
            folder.path().display(),
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

/// What to say where chunks were drawn with different arithmetic, which their pictures may show where they meet.
pub fn mixed<'a>(chunks: impl IntoIterator<Item = &'a video::ChunkInfo>) -> Option<String> {
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    for origin in chunks.into_iter().filter_map(|chunk| chunk.origin.as_ref()) {
        *kinds.entry(&origin.arithmetic).or_default() += 1;
    }
    let counted: Vec<String> = kinds
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
