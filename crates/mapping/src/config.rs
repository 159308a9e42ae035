use common::units::FrameRate;
use common::{Error, Result};
use serde::{Deserialize, Serialize};
use timeline::{Encoding, MAX_GUIDANCE_SCALE, NoiseKind, RenderConfig};

use crate::prompts::Arrive;

/// How music becomes motion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mapping {
    /// Sections and bars move the prompts, energy the noise, onsets the pulse.
    #[default]
    Music,
    /// The walk of stable-diffusion-videos, a baseline to compare with: between two prompts, words and noise move
    /// together by the running sum of percussive energy.
    Classic,
}

impl std::str::FromStr for Mapping {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "music" => Ok(Self::Music),
            "classic" => Ok(Self::Classic),
            _ => Err(Error::Config {
                name: "mapping",
                value: text.to_owned(),
                allowed: "give music or classic".to_owned(),
            }),
        }
    }
}

/// Whether the film's end leads into its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Looping {
    /// A film with an end.
    #[default]
    Off,
    /// The film (or its part by start and duration) closes.
    Whole,
    /// The film is this many beats long, from the first downbeat after its start on, and closes.
    Beats(u32),
}

/// What a viewer may want to turn. The defaults suit most songs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Knobs {
    /// How much faster loud parts move than quiet ones: 0 = all parts drift slowly, 1 = default, at most 10.
    pub energy: f64,
    /// How hard hits shake the picture: 0 = not at all, 1 = default, at most 4.
    pub pulse: f64,
    /// Factor on the attack and release times of the energy: 0 = follows every hop, 1 = default, at most 20.
    pub smooth: f64,
    /// Where prompts without a mark arrive.
    pub arrive: Arrive,
    /// Share of the time between two prompts in which the first one stays, 0..=0.95.
    pub dwell: f64,
    /// How far the camera sways towards the picture: 0 = not at all, at most 1 = twice as close; `None` = where `map:` lines
    /// ask for it.
    pub zoom: Option<f64>,
    /// How far it turns to either side, in degrees, 0..=45; `None` as for `zoom`.
    pub rotate: Option<f64>,
    /// How far it moves to either side, as a share of the frame, 0..=0.2; `None` as for `zoom`.
    pub pan: Option<f64>,
}

impl Default for Knobs {
    fn default() -> Self {
        Self {
            energy: 1.0,
            pulse: 1.0,
            smooth: 1.0,
            arrive: Arrive::Section,
            dwell: 0.0,
            zoom: None,
            rotate: None,
            pan: None,
        }
    }
}

/// Settings of the mapping stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MappingConfig {
    /// Frames per second.
    pub frame_rate: FrameRate,
    /// Where in the song the film begins, in seconds.
    pub start_secs: f64,
    /// Length of the film in seconds; `None`, or more than is left, = to the song's end.
    pub duration_secs: Option<f64>,
    /// First seed of the noise path; the others count up from it.
    pub seed: u64,
    /// Classifier-free guidance of prompts that don't set their own; 1 or less = none.
    pub guidance_scale: f64,
    /// What no picture should show, besides what the prompts say; empty = nothing.
    pub negative: String,
    /// How music becomes motion.
    pub mapping: Mapping,
    /// How the noise moves from seed to seed.
    pub noise: NoiseKind,
    /// Whether the film's end leads into its start.
    pub looping: Looping,
    /// What a viewer may want to turn.
    pub knobs: Knobs,
    /// Settings that the timeline hands on to the renderer.
    pub render: RenderConfig,
    /// Settings that the timeline hands on to the encoder.
    pub encoding: Encoding,
}

impl MappingConfig {
    /// Refuses values out of range.
    pub(super) fn check(&self) -> Result<()> {
        let knobs = &self.knobs;
        for (name, value, max) in [
            ("start", self.start_secs, f64::MAX),
            ("guidance", self.guidance_scale, MAX_GUIDANCE_SCALE),
            ("energy", knobs.energy, 10.0),
            ("pulse", knobs.pulse, 4.0),
            ("smooth", knobs.smooth, 20.0),
            ("dwell", knobs.dwell, 0.95),
            ("zoom", knobs.zoom.unwrap_or_default(), 1.0),
            ("rotate", knobs.rotate.unwrap_or_default(), 45.0),
            ("pan", knobs.pan.unwrap_or_default(), 0.2),
        ] {
            if !(0.0..=max).contains(&value) {
                let allowed = if name == "start" {
                    "give a time in the song, such as 1:23.5".to_owned()
                } else {
                    format!("give a number from 0 to {max}")
                };
                return Err(Error::Config {
                    name,
                    value: value.to_string(),
                    allowed,
                });
            }
        }
        let is_loop = self.looping != Looping::Off;
        if is_loop && self.mapping == Mapping::Classic {
            return Err(Error::Config {
                name: "loop",
                value: "used with `mapping classic`".to_owned(),
                allowed: "the classic walk has no way back; leave out one of them".to_owned(),
            });
        }
        match self.duration_secs {
            Some(secs) if !(secs.is_finite() && secs > 0.0) => Err(Error::Config {
                name: "duration",
                value: secs.to_string(),
                allowed: "give a length above 0, such as 0:30".to_owned(),
            }),
            _ => Ok(()),
        }
    }
}
