//! Trackers: each finds the times of beats in its own way; bars, sections and confidence are worked out alike for all.

use std::str::FromStr;

use common::{Error, Result};
use serde::{Deserialize, Serialize};

use super::AnalysisConfig;
use super::features::Features;
use super::network::Activations;
use super::onset::OnsetStrength;
use super::tempo::Likely;

/// The ways to find beats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrackerKind {
    /// Ours: a network finds beats, and a chain of periods joins them. Follows changing tempo.
    #[default]
    Neural,
    /// aubio's beat tracker (Davies and Plumbley 2007). Needs the feature `aubio`, which makes the binary GPL-3.0.
    Aubio,
}

impl std::fmt::Display for TrackerKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Neural => "neural",
            Self::Aubio => "aubio",
        })
    }
}

impl FromStr for TrackerKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "neural" => Ok(Self::Neural),
            "aubio" => Ok(Self::Aubio),
            _ => Err(Error::Config {
                name: "tracker",
                value: text.to_owned(),
                allowed: "give neural or aubio".to_owned(),
            }),
        }
    }
}

/// What is known when the samples are over.
pub(super) struct Evidence<'a> {
    pub features: &'a Features,
    pub strength: &'a OnsetStrength,
    pub activations: &'a Activations,
    /// The beats that people would most likely tap, by the level that [`super::tempo`] judges to be meant.
    pub likely: Option<Likely>,
    pub config: &'a AnalysisConfig,
}

/// Finds beats. A tracker may take the samples as they come, or look at the evidence once they are over.
pub(super) trait BeatTracker {
    /// Takes the next mono samples at the song's sample rate.
    ///
    /// # Errors
    /// When the tracker fails.
    fn push(&mut self, mono: &[f32]) -> Result<()>;

    /// The beats in seconds, ascending.
    ///
    /// # Errors
    /// When the tracker fails.
    fn finish(self: Box<Self>, evidence: &Evidence<'_>) -> Result<Vec<f64>>;
}
