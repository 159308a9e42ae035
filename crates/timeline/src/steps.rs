use common::Result;

use super::{Frame, FrameInputs, NoiseMix, Timeline};

/// About how far a camera that moves the picture by its diagonal does so for the eye, in the unit of a calibration's
/// lengths.
const CAMERA_LENGTH: f64 = 0.6;

/// Radians by which the noise turns for as much visible change as a camera that moves the picture by its diagonal.
/// Measured with the bundled model on a soft picture (12) and on one full of detail (21).
const CAMERA_STEP: f64 = 15.0;

impl Timeline {
    /// How far the plan moves from each frame to the next, one value less than frames: what a viewer should see move.
    ///
    /// In a calibrated film, a perceptual distance: the root of the squared length that [`Frame::speed`] asks for and the
    /// squared ones of hits ([`Frame::hit`]) and camera. In others the root of the squared turn of the noise (in radians, drift and pulse
    /// together), the squared change of the prompts' shares and the squared move of the camera, which knows nothing of how far
    /// two prompts lie apart on the screen.
    ///
    /// # Errors
    /// As [`inputs`](Self::inputs).
    pub fn target_steps(&self) -> Result<Vec<f64>> {
        let calibrated: Option<Vec<f64>> = self
            .frames
            .windows(2)
            .map(|pair| self.calibrated_step(&pair[0], &pair[1]))
            .collect();
        if let Some(steps) = calibrated {
            return Ok(steps);
        }
        let mut last: Option<FrameInputs> = None;
        let mut steps = Vec::with_capacity(self.frames.len().saturating_sub(1));
        for frame in &self.frames {
            let inputs = self.inputs(frame.frame_idx)?;
            let size = self.render.size;
            steps.extend(last.as_ref().map(|last| {
                let moved = CAMERA_STEP * last.camera.distance(&inputs.camera, size);
                step(last, &inputs).hypot(moved)
            }));
            last = Some(inputs);
        }
        Ok(steps)
    }

    /// How far the picture shall move between two frames of a calibrated film.
    fn calibrated_step(&self, a: &Frame, b: &Frame) -> Option<f64> {
        let drift = 0.5 * (a.speed? + b.speed?) * self.frame_rate.frame_secs();
        let moved = CAMERA_LENGTH * a.camera.distance(&b.camera, self.render.size);
        let pushed = b.to_side(b.hit?) - a.to_side(a.hit?);
        Some(drift.hypot(pushed).hypot(moved))
    }
}

/// How far two frames lie apart, the camera aside; see [`Timeline::target_steps`].
pub fn step(a: &FrameInputs, b: &FrameInputs) -> f64 {
    let texts = [&a.prompt_from, &a.prompt_to, &b.prompt_from, &b.prompt_to];
    let mut squares = 0.0;
    for (idx, text) in texts.iter().enumerate() {
        let is_first = texts.iter().position(|other| other == text) == Some(idx);
        if is_first {
            let share = |inputs: &FrameInputs| {
                let from = if inputs.prompt_from == **text {
                    1.0 - inputs.prompt_mix
                } else {
                    0.0
                };
                from + if inputs.prompt_to == **text {
                    inputs.prompt_mix
                } else {
                    0.0
                }
            };
            squares += (share(a) - share(b)).powi(2);
        }
    }
    (squares + angle(&a.noise, &b.noise).powi(2)).sqrt()
}

/// Angle in radians between two noises.
fn angle(a: &NoiseMix, b: &NoiseMix) -> f64 {
    let weight = |mix: &NoiseMix, seed: u64| {
        let found = mix.terms.iter().find(|(known, _)| *known == seed);
        found.map_or(0.0, |(_, weight)| *weight)
    };
    let of_a = a
        .terms
        .iter()
        .map(|(seed, w)| (w - weight(b, *seed)).powi(2));
    let only_b = b
        .terms
        .iter()
        .filter(|(seed, _)| a.terms.iter().all(|(known, _)| known != seed));
    let squares: f64 = of_a.sum::<f64>() + only_b.map(|(_, w)| w * w).sum::<f64>();
    // From the chord: exact for small angles, where the arc cosine of a dot product isn't.
    2.0 * (0.5 * squares.sqrt()).min(1.0).asin()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(terms: &[(u64, f64)], prompt_mix: f64) -> FrameInputs {
        FrameInputs {
            prompt_to: "b".into(),
            prompt_mix,
            noise: NoiseMix {
                terms: terms.to_vec(),
            },
            ..FrameInputs::still("a".into(), 1)
        }
    }

    #[test]
    fn turns_and_prompts_add_up_as_at_a_right_angle() {
        let still = inputs(&[(1, 1.0)], 0.2);
        assert!(step(&still, &still) < 1e-12);
        let turned = inputs(&[(1, 0.1f64.cos()), (2, 0.1f64.sin())], 0.2);
        assert!((step(&still, &turned) - 0.1).abs() < 1e-12);
        let other = inputs(&[(2, 1.0)], 0.2);
        assert!((step(&still, &other) - std::f64::consts::FRAC_PI_2).abs() < 1e-12);
        let mixed = inputs(&[(1, 1.0)], 0.5);
        assert!((step(&still, &mixed) - 0.3 * 2f64.sqrt()).abs() < 1e-12);
    }
}
