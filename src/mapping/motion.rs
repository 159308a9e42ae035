use super::camera::Camera;
use super::classic::Classic;
use super::energy::{ENERGY, follow};
use super::integral::Integral;
use super::looping::Loop;
use super::prompt_path::{PromptPath, PromptPoint};
use super::pulse::Pulse;
use super::{Mapping, MappingConfig};
use crate::Analysis;
use crate::camera::View;
use crate::prompts::{Channel, Route};

/// Noise velocity in silence, in seeds per second: slow, but never still.
const FLOOR_VELOCITY: f64 = 0.06;

/// Noise velocity that an energy of 1 adds, in seeds per second.
const ENERGY_VELOCITY: f64 = 0.4;

/// Exponent on the energy. Loudness in dB, like hearing, squeezes loud and quiet together; motion may tell them apart.
pub(super) const ENERGY_POWER: f64 = 1.6;

/// Everything that moves, as a function of the song's time.
#[derive(Clone, Debug)]
pub(super) enum Motion {
    Music(Music),
    Loop(Loop),
    Classic(Classic),
}

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

impl Motion {
    /// `arrivals` are those of the prompts, in seconds of the song.
    pub fn new(
        analysis: &Analysis,
        arrivals: Vec<f64>,
        routes: &[Route],
        config: &MappingConfig,
    ) -> Self {
        if config.mapping == Mapping::Classic {
            let classic = Classic::new(&analysis.hops, &arrivals, analysis.duration_secs);
            return Self::Classic(classic);
        }
        Self::Music(Music::new(analysis, arrivals, routes, config))
    }

    /// The same motion closed: `start_secs..start_secs + length_secs` of the song is one turn, on which the noise position
    /// grows by `period`; `None` = a whole number that suits the speed. Only music closes.
    pub fn closed(self, start_secs: f64, length_secs: f64, period: Option<f64>) -> Self {
        match self {
            Self::Music(music) => Self::Loop(Loop::new(music, (start_secs, length_secs), period)),
            other => other,
        }
    }

    /// Where everything is at a time in seconds of the song.
    pub fn at(&self, secs: f64) -> Moment {
        match self {
            Self::Music(music) => music.at(secs),
            Self::Loop(looped) => looped.at(secs),
            Self::Classic(classic) => classic.at(secs),
        }
    }
}

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
    fn new(
        analysis: &Analysis,
        arrivals: Vec<f64>,
        routes: &[Route],
        config: &MappingConfig,
    ) -> Self {
        let knobs = &config.knobs;
        let hops = &analysis.hops;
        let noise_routes = of_channel(routes, Channel::Noise);
        let noise_routes = if noise_routes.is_empty() {
            vec![ENERGY]
        } else {
            noise_routes
        };
        let energy = sum(analysis, &noise_routes, knobs.smooth, ENERGY_POWER);
        let gain = knobs.energy * ENERGY_VELOCITY;
        let velocities = energy
            .iter()
            .map(|energy| FLOOR_VELOCITY + gain * energy.max(0.0));
        let guidance = sum(
            analysis,
            &of_channel(routes, Channel::Guidance),
            knobs.smooth,
            1.0,
        );
        Self {
            noise: Integral::new(velocities.collect(), hops.hop_secs, FLOOR_VELOCITY),
            prompts: PromptPath::new(arrivals, knobs.dwell),
            pulse: Pulse::new(analysis, &of_channel(routes, Channel::Pulse), knobs.pulse),
            guidance: Integral::new(guidance, hops.hop_secs, 0.0),
            camera: Camera::new(analysis, routes, knobs, config.render.size),
        }
    }

    fn at(&self, secs: f64) -> Moment {
        Moment {
            prompts: self.prompts.at(secs),
            noise_position: self.noise.position(secs),
            noise_velocity: self.noise.rate(secs),
            pulse: self.pulse.at(secs),
            guidance: self.guidance.rate(secs),
            camera: self.camera.at(secs),
        }
    }
}

fn of_channel(routes: &[Route], channel: Channel) -> Vec<Route> {
    let routes = routes.iter().filter(|route| route.channel == channel);
    routes.cloned().collect()
}

/// The sum of what routes carry at each hop; empty without routes.
pub(super) fn sum(analysis: &Analysis, routes: &[Route], smooth: f64, power: f64) -> Vec<f64> {
    let mut sum: Vec<f64> = Vec::new();
    for route in routes {
        let followed = follow(analysis, route, smooth);
        sum.resize(followed.len().max(sum.len()), 0.0);
        for (sum, value) in sum.iter_mut().zip(followed) {
            *sum += route.gain * value.powf(power);
        }
    }
    sum
}
