//! How far a film is.

use common::Result;
use serde::Serialize;
use timeline::{RunFolder, Timeline};
use video::{ChunkInfo, Found};

use crate::pipeline::{ChunkSet, find_chunks, mixed};

/// Which chunks of a film are done.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// Chunks of the film.
    pub n_chunks: u64,
    /// Those that are finished and whole.
    pub n_done: u64,
    /// Those that must still be drawn, missing or damaged, as `render --chunks` takes them: `3,7-9`.
    pub missing: String,
    /// What to know where chunks were drawn with different arithmetic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mixed: Option<String>,
    /// Every chunk, in order.
    pub chunks: Vec<ChunkStatus>,
}

/// One chunk.
#[derive(Clone, Debug, Serialize)]
pub struct ChunkStatus {
    /// Its number, from 0.
    pub chunk: u64,
    /// Its first frame.
    pub first_frame: u64,
    /// The frame behind its last.
    pub end_frame: u64,
    /// Whether it is done.
    pub state: ChunkState,
    /// What is wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// The machine that drew it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// How that machine computes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arithmetic: Option<String>,
    /// How long drawing took, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secs: Option<f64>,
}

/// Whether a chunk is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChunkState {
    /// Finished and whole.
    Done,
    /// There is none.
    Missing,
    /// Its file is torn or has rotted; it is drawn again as a missing one is.
    Damaged,
}

impl Status {
    /// Looks at every chunk of a film, and reads all of each.
    ///
    /// # Errors
    /// As [`find_chunks`].
    pub fn of(timeline: &Timeline, folder: &RunFolder) -> Result<Self> {
        Ok(Self::new(chunks_of(timeline, folder)?))
    }

    /// What chunks add up to.
    pub(super) fn new(chunks: Vec<ChunkStatus>) -> Self {
        let kinds = chunks
            .iter()
            .filter_map(|chunk| chunk.arithmetic.as_deref());
        Self {
            n_chunks: chunks.len() as u64,
            n_done: chunks.iter().filter(|chunk| chunk.is_done()).count() as u64,
            missing: not_done(&chunks),
            mixed: mixed(kinds),
            chunks,
        }
    }

    /// The longest that a chunk took, in seconds, where one is known.
    pub fn slowest_secs(&self) -> Option<f64> {
        self.chunks
            .iter()
            .filter_map(|chunk| chunk.secs)
            .max_by(f64::total_cmp)
    }
}

impl ChunkStatus {
    fn is_done(&self) -> bool {
        self.state == ChunkState::Done
    }
}

/// Those chunks that must still be drawn, as `render --chunks` takes them.
pub(super) fn not_done(chunks: &[ChunkStatus]) -> String {
    let missing = chunks.iter().filter(|chunk| !chunk.is_done());
    let missing: ChunkSet = missing.map(|chunk| chunk.chunk).collect();
    missing.to_string()
}

/// Every chunk of a film.
pub(super) fn chunks_of(timeline: &Timeline, folder: &RunFolder) -> Result<Vec<ChunkStatus>> {
    let found = find_chunks(timeline, &ChunkSet::all(), folder)?;
    Ok(found
        .into_iter()
        .map(|(piece, found)| {
            let (state, fault, info) = match found {
                Found::Whole(info) => (ChunkState::Done, None, Some(info)),
                Found::Missing => (ChunkState::Missing, None, None),
                Found::Damaged(error) => (ChunkState::Damaged, Some(error.to_string()), None),
            };
            let origin = info.and_then(|info: ChunkInfo| info.origin);
            ChunkStatus {
                chunk: piece.chunk,
                first_frame: piece.frames.start,
                end_frame: piece.frames.end,
                state,
                fault,
                host: origin.as_ref().map(|origin| origin.host.clone()),
                arithmetic: origin.as_ref().map(|origin| origin.arithmetic.clone()),
                secs: origin.map(|origin| origin.drawn_ms as f64 / 1000.0),
            }
        })
        .collect())
}
