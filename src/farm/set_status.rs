//! How far a set of clips is that several machines draw.

use std::path::Path;

use common::Result;
use serde::Serialize;
use timeline::Timeline;

use super::status::{ChunkState, ChunkStatus, Status, chunks_of, not_done};
use crate::set::{Place, SetRecord, folder_of_set, place_of, run_folder};

/// Which clips of a set are made, and which of their chunks are drawn.
#[derive(Clone, Debug, Serialize)]
pub struct SetStatus {
    /// Number of clips.
    pub n_clips: u64,
    /// Those that are made.
    pub n_made: u64,
    /// Every clip, in order.
    pub clips: Vec<ClipStatus>,
    /// The chunks of all clips, counted through them. Those of a clip that is made are done.
    #[serde(flatten)]
    pub chunks: Status,
}

/// One clip.
#[derive(Clone, Debug, Serialize)]
pub struct ClipStatus {
    /// Name of its file.
    pub file: String,
    /// Number of its first chunk.
    pub first_chunk: u64,
    /// The number behind that of its last chunk.
    pub end_chunk: u64,
    /// How far it is.
    pub state: ClipState,
    /// Chunks that must still be drawn, as `render --chunks` takes them.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub missing: String,
    /// What is wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

/// How far a clip is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ClipState {
    /// The clip is there.
    Made,
    /// All of its chunks are there; `mux` makes the clip.
    Drawn,
    /// Chunks are missing.
    Missing,
    /// A chunk is damaged, or a file in the clip's place can't be read. It is drawn again.
    Damaged,
}

impl SetStatus {
    /// Looks at every clip of a set, given by its folder or its `set.json`, and reads all of the chunks of those that aren't made.
    ///
    /// # Errors
    /// Those of reading the set and its timelines.
    pub fn of(set: &Path) -> Result<Self> {
        let record = SetRecord::load(set)?;
        let folder = folder_of_set(set);
        let (mut clips, mut chunks) = (Vec::new(), Vec::new());
        for clip in record.clips() {
            let timeline = Timeline::load(folder.join(&clip.timeline))?;
            let place = place_of(&folder.join(&clip.file), &timeline);
            let mut own = chunks_of(&timeline, &run_folder(&folder))?;
            let first_chunk = chunks.len() as u64;
            for chunk in &mut own {
                chunk.chunk += first_chunk;
                if matches!(place, Place::Made) {
                    chunk.state = ChunkState::Done; // it is in the clip, and its file was removed
                    chunk.fault = None;
                }
            }
            let (state, fault) = state(&place, &own);
            clips.push(ClipStatus {
                file: clip.file.clone(),
                first_chunk,
                end_chunk: first_chunk + own.len() as u64,
                state,
                missing: not_done(&own),
                fault,
            });
            chunks.append(&mut own);
        }
        let is_made = |clip: &&ClipStatus| clip.state == ClipState::Made;
        Ok(Self {
            n_clips: clips.len() as u64,
            n_made: clips.iter().filter(is_made).count() as u64,
            clips,
            chunks: Status::new(chunks),
        })
    }
}

/// How far a clip is, and what is wrong with it.
fn state(place: &Place, chunks: &[ChunkStatus]) -> (ClipState, Option<String>) {
    let damaged = chunks.iter().find_map(|chunk| chunk.fault.clone());
    let is_done = |chunk: &ChunkStatus| chunk.state == ChunkState::Done;
    match place {
        Place::Made => (ClipState::Made, None),
        Place::Unreadable(error) => (ClipState::Damaged, Some(error.to_string())),
        Place::Empty | Place::Other if damaged.is_some() => (ClipState::Damaged, damaged),
        Place::Empty | Place::Other if chunks.iter().all(is_done) => (ClipState::Drawn, None),
        Place::Empty | Place::Other => (ClipState::Missing, None),
    }
}
