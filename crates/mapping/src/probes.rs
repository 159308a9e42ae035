//! What the plan has drawn to measure how far the picture moves: see [`calibration`](crate::calibration).

use common::Result;
use common::rounding::round_nano;
use timeline::{FrameInputs, NoiseKind, NoiseMix, NoisePath, View};

use super::course::Segment;
use super::plan::Plan;
use crate::calibration::{Scale, ScaleTurn};

/// Angle in radians by which the noise is turned to measure the scale of a segment: about a hit.
const SCALE_ANGLE: f64 = 0.18;

/// Angle in radians between noises a seed apart on a spline, where it is even.
const SEED_ANGLE: f64 = 1.175;

/// Places on a segment, besides its ends, that tell it from another one.
const N_SIGNATURE: u32 = 16;

impl Plan<'_> {
    /// What to draw to measure a segment's scale: its first and last prompt on the noises of its first and last knot, and each
    /// of the two once more on the noise of its own end, turned as by a hit.
    ///
    /// What concerns a prompt alone is the same for both segments that meet where it arrives.
    pub fn scale_inputs(&self, segment: &Segment) -> [FrameInputs; 6] {
        let (sin, cos) = SCALE_ANGLE.sin_cos();
        // In its middle, the last prompt is the one that is approached.
        let middle = 0.5 * (segment.span.start + segment.span.end);
        let [from, to] = self.motion.prompts_at(middle);
        let pulse_seed = self.pulse_seed(&[]);
        let still = |seed| vec![(seed, 1.0)];
        let turned = |seed| vec![(seed, cos), (pulse_seed, sin)];
        let [start, end] = segment.ends;
        [
            (from, still(start)),
            (from, turned(start)),
            (to, still(start)),
            (from, still(end)),
            (to, still(end)),
            (to, turned(end)),
        ]
        .map(|(prompt, terms)| FrameInputs {
            prompt_from: self.prompt(prompt).words,
            prompt_to: self.prompt(prompt).words,
            prompt_mix: 0.0,
            noise: NoiseMix { terms },
            guidance_scale: self.guidance(prompt),
            camera: View::default(),
        })
    }

    /// Angles in radians of what [`scale_inputs`](Self::scale_inputs) turns, and from one seed to the next.
    pub fn scale_turn(&self) -> ScaleTurn {
        ScaleTurn {
            angle: SCALE_ANGLE,
            seed_angle: SEED_ANGLE,
        }
    }

    /// What the course of a segment with a scale shows at a time in seconds of the song.
    ///
    /// # Errors
    /// As [`Series::read`](analysis::Series::read); else none for a segment of this plan.
    pub fn course_inputs(&self, segment: &Segment, scale: Scale, secs: f64) -> Result<FrameInputs> {
        let n_seeds = segment.n_seeds(scale);
        let mut seeds = vec![segment.beside[0]];
        seeds.extend(segment.knots(n_seeds));
        seeds.extend([segment.ends[1], segment.beside[1]]);
        let path = NoisePath {
            kind: NoiseKind::Spline,
            pulse_seed: self.pulse_seed(&[]),
            seeds,
        };
        let place = self
            .motion
            .at(secs.clamp(segment.span.start, segment.span.end))?;
        let position = 1.0 + n_seeds as f64 * segment.share(place.noise_position);
        let noise = path.mix(round_nano(position), 0.0);
        let fault = |what: String| common::Error::input(&self.song.path, what);
        Ok(FrameInputs {
            prompt_from: self.prompt(place.prompts.from).words,
            prompt_to: self.prompt(place.prompts.to).words,
            prompt_mix: round_nano(place.prompts.mix),
            noise: noise.map_err(fault)?,
            guidance_scale: self.guidance_at(&place, &place),
            camera: View::default(),
        })
    }

    /// What determines a segment's pictures, besides model and settings.
    ///
    /// # Errors
    /// As [`course_inputs`](Self::course_inputs).
    pub fn signature(&self, segment: &Segment) -> Result<(Vec<FrameInputs>, [f64; 3])> {
        let mut inputs = self.scale_inputs(segment).to_vec();
        let secs = segment.span.end - segment.span.start;
        for i in 0..=N_SIGNATURE {
            let secs = segment.span.start + f64::from(i) / f64::from(N_SIGNATURE) * secs;
            inputs.push(self.course_inputs(segment, Scale::default(), secs)?);
        }
        let numbers = [segment.span.start, segment.span.end, segment.target_length].map(round_nano);
        Ok((inputs, numbers))
    }
}
