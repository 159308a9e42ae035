use super::classic::Classic;
use super::energy::energy;
use super::integral::Integral;
use super::looping::Loop;
use super::prompt_path::{PromptPath, PromptPoint};
use super::pulse::Pulse;
use super::{Knobs, Mapping};
use crate::Analysis;

/// Noise velocity in silence, in seeds per second: slow, but never still.
const FLOOR_VELOCITY: f64 = 0.06;

/// Noise velocity that an energy of 1 adds, in seeds per second.
const ENERGY_VELOCITY: f64 = 0.4;

/// Exponent on the energy. Loudness in dB, like hearing, squeezes loud and quiet together; motion may tell them apart.
const ENERGY_POWER: f64 = 1.6;

/// Everything that moves, as a function of the song's time.
#[derive(Clone, Debug)]
pub(super) enum Motion {
    Music {
        noise: Integral,
        prompts: PromptPath,
        pulse: Pulse,
    },
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
}

impl Motion {
    /// `arrivals` are those of the prompts, in seconds of the song.
    pub fn new(analysis: &Analysis, arrivals: Vec<f64>, mapping: Mapping, knobs: &Knobs) -> Self {
        let hops = &analysis.hops;
        if mapping == Mapping::Classic {
            return Self::Classic(Classic::new(hops, &arrivals, analysis.duration_secs));
        }
        let gain = knobs.energy * ENERGY_VELOCITY;
        let velocity = |energy: f64| FLOOR_VELOCITY + gain * energy.powf(ENERGY_POWER);
        let velocities = energy(hops, knobs.smooth)
            .into_iter()
            .map(velocity)
            .collect();
        Self::Music {
            noise: Integral::new(velocities, hops.hop_secs, FLOOR_VELOCITY),
            prompts: PromptPath::new(arrivals, knobs.dwell),
            pulse: Pulse::new(analysis, knobs.pulse),
        }
    }

    /// The same motion closed: `start_secs..start_secs + length_secs` of the song is one turn, on which the noise position
    /// grows by `period`; `None` = a whole number that suits the speed. The classic walk doesn't close.
    pub fn closed(self, start_secs: f64, length_secs: f64, period: Option<f64>) -> Self {
        match self {
            Self::Music {
                noise,
                prompts,
                pulse,
            } => Self::Loop(Loop::new(
                &noise,
                prompts,
                &pulse,
                (start_secs, length_secs),
                period,
            )),
            other => other,
        }
    }

    /// Where everything is at a time in seconds of the song.
    pub fn at(&self, secs: f64) -> Moment {
        match self {
            Self::Music {
                noise,
                prompts,
                pulse,
            } => Moment {
                prompts: prompts.at(secs),
                noise_position: noise.position(secs),
                noise_velocity: noise.rate(secs),
                pulse: pulse.at(secs),
            },
            Self::Loop(looped) => looped.at(secs),
            Self::Classic(classic) => {
                let (prompts, noise_position, noise_velocity) = classic.at(secs);
                Moment {
                    prompts,
                    noise_position,
                    noise_velocity,
                    pulse: 0.0,
                }
            }
        }
    }
}
