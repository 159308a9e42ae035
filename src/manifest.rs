//! The run folder: where finished chunks lie until they are muxed, so that a killed run continues where it stopped.
//!
//! A chunk is named by the hash of everything that determines its bytes: its frames' resolved inputs, the render and
//! encode settings, and the version of the drawing code. A chunk whose name fits is therefore finished work, whoever made
//! it and when; one whose name doesn't fit belongs to another timeline and is passed over.

use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::config::{Encoding, Size};
use crate::mapping::{FrameInputs, hold_still};
use crate::units::FrameRate;
use crate::video::{self, Coverage, EncodeConfig};
use crate::{Error, Result, Timeline};

/// Raised when a change to this program alters pixels or packets, so that older chunks aren't mixed with new ones.
const DRAWING_VERSION: u32 = 2;

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

/// Frames `frames` of a timeline with every reference resolved, as they are drawn: with `skip_still`, a frame that hardly
/// moves has the inputs of the one that it repeats. The first frame of each stretch between keyframes is kept, so that no
/// frame depends on which range is asked for.
///
/// # Errors
/// As [`Timeline::inputs`].
pub fn inputs(timeline: &Timeline, frames: Range<u64>) -> Result<Vec<FrameInputs>> {
    let resolved = |frames: Range<u64>| -> Result<Vec<FrameInputs>> {
        frames.map(|frame_idx| timeline.inputs(frame_idx)).collect()
    };
    let threshold = timeline.render.diffusion.skip_still;
    if threshold <= 0.0 {
        return resolved(frames);
    }
    let stretch_len = u64::from(timeline.encoding.gop_len.max(1));
    let mut inputs = Vec::new();
    for first in
        (frames.start / stretch_len..frames.end.div_ceil(stretch_len)).map(|i| i * stretch_len)
    {
        let end = frames.end.min(first + stretch_len);
        let held = hold_still(resolved(first..end)?, threshold);
        inputs.extend(
            held.into_iter()
                .skip(frames.start.saturating_sub(first) as usize),
        );
    }
    Ok(inputs)
}

/// Name of the chunk that holds `frames`.
pub fn chunk_id(timeline: &Timeline, frames: Range<u64>) -> Result<String> {
    let inputs = inputs(timeline, frames)?;
    video::chunk_id(&(
        DRAWING_VERSION,
        inputs,
        &timeline.render,
        encode_config(timeline.render.size, timeline.frame_rate, timeline.encoding),
    ))
}

/// Encoder settings of a film.
pub fn encode_config(size: Size, frame_rate: FrameRate, encoding: Encoding) -> EncodeConfig {
    EncodeConfig {
        size,
        frame_rate,
        qp: encoding.qp,
        gop_len: encoding.gop_len,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::test_songs::{Song, config};
    use crate::prompts::Script;

    #[test]
    fn still_frames_do_not_depend_on_the_range_that_is_asked_for() {
        let mut config = config(24);
        config.render.diffusion.skip_still = 0.05;
        let script = Script::parse("p", b"sea\nfire").unwrap();
        let timeline = crate::mapping::timeline(&Song::default().analysis(), &script, &config);
        let timeline = timeline.unwrap();
        let whole = inputs(&timeline, 0..300).unwrap();
        assert_eq!(whole.len(), 300);
        let n_repeated = whole.windows(2).filter(|pair| pair[0] == pair[1]).count();
        assert!((1..299).contains(&n_repeated), "{n_repeated}");
        for keyframe in [0, 48, 96, 144] {
            assert_eq!(whole[keyframe], timeline.inputs(keyframe as u64).unwrap());
        }
        for range in [0..1, 10..60, 47..49, 48..96, 100..300, 200..200] {
            let part = inputs(&timeline, range.clone()).unwrap();
            assert_eq!(part, whole[range.start as usize..range.end as usize]);
        }
    }
}
