use timeline::View;

use super::prompt_path::PromptPoint;

/// What moves, at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Moment {
    pub prompts: PromptPoint,
    /// In seeds.
    pub noise_position: f64,
    /// In seeds per second.
    pub noise_velocity: f64,
    /// In radians.
    pub pulse: f64,
    /// Guidance scale that the sound adds.
    pub guidance: f64,
    /// How the frame is looked at.
    pub camera: View,
}
