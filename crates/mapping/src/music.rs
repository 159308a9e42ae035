use analysis::Analysis;
use common::Result;

use super::MappingConfig;
use super::camera::Camera;
use super::energy::{ENERGY_POWER, sum};
use super::integral::Integral;
use super::moment::Moment;
use super::prompt_path::PromptPath;
use super::pulse::Pulse;
use crate::prompts::{Channel, Route};

/// Noise velocity in silence, in seeds per second: slow, but never still.
const FLOOR_VELOCITY: f64 = 0.06;

/// Noise velocity that an energy of 1 adds, in seeds per second.
const ENERGY_VELOCITY: f64 = 0.4;

/// Motion by energy, sections and onsets, or by what routes say instead.
#[derive(Clone, Debug)]
pub(super) struct Music {
    /// In seeds.
    pub noise: Integral,
    pub prompts: PromptPath,
    pub pulse: Pulse,
    /// Guidance scale that the sound adds; its integral has no meaning.
    pub guidance: Integral,
    pub camera: Camera,
}

impl Music {
    /// # Errors
    /// As [`Series::read`](analysis::Series::read).
    pub fn new(
        analysis: &Analysis,
        arrivals: Vec<f64>,
        routes: &[Route],
        config: &MappingConfig,
    ) -> Result<Self> {
        let knobs = &config.knobs;
        let hops = &analysis.hops;
        let noise_routes = Channel::Noise.routes_or_default(routes);
        let energy = sum(analysis, &noise_routes, knobs.smooth, ENERGY_POWER)?;
        let gain = knobs.energy * ENERGY_VELOCITY;
        let velocities = energy.map(|energy| FLOOR_VELOCITY + gain * energy.max(0.0))?;
        drop(energy);
        let guidance = sum(
            analysis,
            &Channel::Guidance.routes_or_default(routes),
            knobs.smooth,
            1.0,
        )?;
        Ok(Self {
            noise: Integral::new(velocities, hops.hop_secs, FLOOR_VELOCITY)?,
            prompts: PromptPath::new(arrivals, knobs.dwell),
            pulse: Pulse::new(
                analysis,
                &Channel::Pulse.routes_or_default(routes),
                knobs.pulse,
            )?,
            guidance: Integral::new(guidance, hops.hop_secs, 0.0)?,
            camera: Camera::new(analysis, routes, knobs, config.render.size)?,
        })
    }

    /// Where everything is at a time in seconds of the song.
    ///
    /// # Errors
    /// As [`Series::read`](analysis::Series::read).
    pub fn at(&self, secs: f64) -> Result<Moment> {
        Ok(Moment {
            prompts: self.prompts.at(secs),
            noise_position: self.noise.position(secs)?,
            noise_velocity: self.noise.rate(secs)?,
            pulse: self.pulse.at(secs),
            guidance: self.guidance.rate(secs)?,
            camera: self.camera.at(secs)?,
        })
    }
}
