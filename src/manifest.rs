//! The run folder: where finished chunks lie until they are muxed, so that a killed run continues where it stopped.
//!
//! A chunk is named by the hash of everything that determines its bytes: its frames' resolved inputs, the render and
//! encode settings, and the version of the drawing code. A chunk whose name fits is therefore finished work, whoever made
//! it and when; one whose name doesn't fit belongs to another timeline and is passed over.

use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::mapping::FrameInputs;
use crate::video::{self, Coverage, EncodeConfig};
use crate::{Error, Result, Timeline};

/// Raised when a change to this program alters pixels or packets, so that older chunks aren't mixed with new ones.
const DRAWING_VERSION: u32 = 1;

/// Bytes of film a pixel, about, at the default quality: measured on films of the bundled model, rounded up.
const BYTES_PER_PIXEL: f64 = 0.05;

/// The folder of a film's finished chunks.
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// The run folder of a film or a timeline: beside it, with the extension `visualize`.
    pub fn beside(file: &Path) -> Self {
        Self {
            path: file.with_extension("visualize"),
        }
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Creates the folder where it is missing; the folder above it must exist.
    ///
    /// # Errors
    /// [`Error::Io`] when the folder above is missing or can't be written.
    pub fn create(&self) -> Result<()> {
        match std::fs::create_dir(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                Err(Error::io("create", &self.path)(error))
            }
            _ => Ok(()),
        }
    }

    /// Refuses to begin what the disk can't hold: the missing chunks, and the film made of all of them.
    ///
    /// # Errors
    /// [`Error::Limit`] that says how much is needed and how much is free.
    pub fn check_space(&self, timeline: &Timeline, n_missing: u64) -> Result<()> {
        let Ok(free) = fs4::available_space(&self.path) else {
            return Ok(()); // a file system that doesn't tell may still have room
        };
        let size = timeline.render.size;
        let frame_bytes = BYTES_PER_PIXEL * f64::from(size.width) * f64::from(size.height);
        let needed = frame_bytes * (n_missing + timeline.frames.len() as u64) as f64;
        if free as f64 >= needed {
            return Ok(());
        }
        Err(Error::Limit {
            reason: format!(
                "the disk of {} has {:.0} MB left, and the film needs about {:.0} MB while it is made",
                self.path.display(),
                free as f64 / 1e6,
                needed / 1e6
            ),
            hint: Some("free some space, or write to another disk with -o".to_owned()),
        })
    }

    /// The finished chunks of a film, and the frames that none of them has.
    ///
    /// # Errors
    /// [`Error::Io`] when the folder can't be read.
    pub fn coverage(&self, timeline: &Timeline) -> Result<Coverage> {
        let n_frames = timeline.frames.len() as u64;
        // A range that the timeline can't resolve has no id, and no chunk has an empty one.
        let wanted = |frames: Range<u64>| chunk_id(timeline, frames).unwrap_or_default();
        video::cover(&self.path, n_frames, wanted)
    }
}

/// Frames `frames` of a timeline with every reference resolved.
pub fn inputs(timeline: &Timeline, frames: Range<u64>) -> Result<Vec<FrameInputs>> {
    frames.map(|frame_idx| timeline.inputs(frame_idx)).collect()
}

/// Name of the chunk that holds `frames`.
pub fn chunk_id(timeline: &Timeline, frames: Range<u64>) -> Result<String> {
    let inputs = inputs(timeline, frames)?;
    video::chunk_id(&(
        DRAWING_VERSION,
        inputs,
        &timeline.render,
        encode_config(timeline),
    ))
}

/// Encoder settings of a timeline's film.
pub fn encode_config(timeline: &Timeline) -> EncodeConfig {
    EncodeConfig {
        size: timeline.render.size,
        frame_rate: timeline.frame_rate,
        qp: timeline.encoding.qp,
        gop_len: timeline.encoding.gop_len,
    }
}
