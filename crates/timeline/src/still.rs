//! Frames that hardly move may repeat the one before (`--skip-still`).

use std::ops::Range;

use common::Result;

use super::steps::step;
use super::timeline::{FrameInputs, Timeline};

/// Inputs in order, where a frame that lies less than `threshold` from the last one that was kept gets that one's inputs, but
/// for its own camera; the measure is that of [`Timeline::target_steps`](super::Timeline::target_steps). Slow motion
/// adds up until a frame is kept, and a frame that differs in anything else is kept.
fn hold_still(frames: Vec<FrameInputs>, threshold: f64) -> Vec<FrameInputs> {
    let mut held: Vec<FrameInputs> = Vec::with_capacity(frames.len());
    for frame in frames {
        let kept = held.last().filter(|kept| is_still(kept, &frame, threshold));
        let still = kept.map(|kept| FrameInputs {
            camera: frame.camera,
            ..kept.clone()
        });
        held.push(still.unwrap_or(frame));
    }
    held
}

impl Timeline {
    /// Frames `frames` with every reference resolved, as they are drawn: with `skip_still`, a frame that hardly moves has the
    /// inputs of the one that it repeats. The first frame of each chunk is kept, so that no frame depends on which
    /// range is asked for.
    ///
    /// # Errors
    /// As [`Timeline::inputs`].
    pub fn drawn_inputs(&self, frames: Range<u64>) -> Result<Vec<FrameInputs>> {
        let resolved = |frames: Range<u64>| -> Result<Vec<FrameInputs>> {
            frames.map(|frame_idx| self.inputs(frame_idx)).collect()
        };
        let threshold = self.render.diffusion.skip_still;
        if threshold <= 0.0 {
            return resolved(frames);
        }
        let chunk_len = u64::from(self.encoding.chunk_len.max(1));
        let mut inputs = Vec::new();
        for first in
            (frames.start / chunk_len..frames.end.div_ceil(chunk_len)).map(|i| i * chunk_len)
        {
            let end = frames.end.min(first + chunk_len);
            let held = hold_still(resolved(first..end)?, threshold);
            let n_before = frames.start.saturating_sub(first) as usize;
            inputs.extend(held.into_iter().skip(n_before));
        }
        Ok(inputs)
    }
}

impl FrameInputs {
    /// Whether both frames are drawn alike; the camera may look at them in two ways.
    pub fn draws_like(&self, other: &Self) -> bool {
        let same_view = Self {
            camera: other.camera,
            ..self.clone()
        };
        same_view == *other
    }
}

fn is_still(kept: &FrameInputs, frame: &FrameInputs, threshold: f64) -> bool {
    let moved = FrameInputs {
        prompt_from: frame.prompt_from.clone(),
        prompt_to: frame.prompt_to.clone(),
        prompt_mix: frame.prompt_mix,
        noise: frame.noise.clone(),
        ..kept.clone()
    };
    moved.draws_like(frame) && step(kept, frame) < threshold
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NoiseMix;

    fn frame(angle: f64) -> FrameInputs {
        FrameInputs {
            prompt_to: "fire".into(),
            prompt_mix: 0.25,
            noise: NoiseMix {
                terms: vec![(1, angle.cos()), (2, angle.sin())],
            },
            ..FrameInputs::still("sea".into(), 1)
        }
    }

    #[test]
    fn slow_movement_adds_up_until_a_frame_is_kept() {
        let frames: Vec<_> = (0..10).map(|i| frame(0.04 * f64::from(i))).collect();
        let kept = [0, 0, 0, 3, 3, 3, 6, 6, 6, 9].map(|i| frame(0.04 * f64::from(i)));
        assert_eq!(hold_still(frames.clone(), 0.1), kept);
        assert_eq!(hold_still(frames.clone(), 0.0), frames);
    }

    #[test]
    fn whatever_else_differs_is_kept() {
        let guided = FrameInputs {
            guidance_scale: 3.0,
            ..frame(0.0)
        };
        let frames = vec![frame(0.0), guided];
        assert_eq!(hold_still(frames.clone(), 10.0), frames);
    }
}
