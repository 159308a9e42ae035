//! The chunks that a run draws, in its order: those that another run is drawing come last, and are left out if they are there by
//! then. So machines that are given the same chunks share them.

use std::collections::VecDeque;
use std::ops::Range;

use common::Result;
use common::partial_file::PartialFile;
use timeline::{RunFolder, Timeline};
use video::{Found, claim, find};

use super::chunks::chunk_id;

/// Chunks that aren't finished.
pub(super) struct Queue<'a> {
    timeline: &'a Timeline,
    /// Where chunks lie; `None` where pictures go elsewhere, and none is claimed.
    folder: Option<&'a RunFolder>,
    left: VecDeque<Range<u64>>,
    /// Those that another run was drawing.
    claimed: Vec<Range<u64>>,
    /// Frames of chunks that another run has finished since.
    pub n_found: u64,
}

/// A chunk to draw.
pub(super) struct Turn {
    /// Its frames, half-open.
    pub frames: Range<u64>,
    /// Its name.
    pub id: String,
    /// Its file, where it is this run's.
    pub file: Option<PartialFile>,
}

impl<'a> Queue<'a> {
    /// The chunks of frames that aren't finished.
    pub fn new(
        timeline: &'a Timeline,
        missing: &[Range<u64>],
        folder: Option<&'a RunFolder>,
    ) -> Self {
        Self {
            timeline,
            folder,
            left: missing.iter().cloned().collect(),
            claimed: Vec::new(),
            n_found: 0,
        }
    }

    /// The next chunk to draw. Whoever has claimed one may have died since: none is left out for that.
    ///
    /// # Errors
    /// As [`chunk_id`]; [`Error::Io`](common::Error::Io) for a folder that can't be written.
    pub fn next(&mut self) -> Result<Option<Turn>> {
        while let Some(frames) = self.left.pop_front() {
            let id = chunk_id(self.timeline, frames.clone())?;
            let Some(folder) = self.folder else {
                let file = None;
                return Ok(Some(Turn { frames, id, file }));
            };
            if self.is_found(folder, &frames, &id) {
                continue;
            }
            match claim(folder.path(), &frames, &id)? {
                Some(file) => {
                    let file = Some(file);
                    return Ok(Some(Turn { frames, id, file }));
                }
                None => self.claimed.push(frames),
            }
        }
        // From the last one on: whoever draws these in their order has finished the others meanwhile.
        while let Some(frames) = self.claimed.pop() {
            let id = chunk_id(self.timeline, frames.clone())?;
            if let Some(folder) = self.folder
                && self.is_found(folder, &frames, &id)
            {
                continue;
            }
            let file = None;
            return Ok(Some(Turn { frames, id, file }));
        }
        Ok(None)
    }

    fn is_found(&mut self, folder: &RunFolder, frames: &Range<u64>, id: &str) -> bool {
        let is_found = matches!(find(folder.path(), frames, id), Found::Whole(_));
        if is_found {
            self.n_found += frames.end - frames.start;
        }
        is_found
    }
}
