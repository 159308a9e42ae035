//! How far the picture moves along a film's course, measured on probe frames.
//!
//! Equal steps between prompts and seeds are wildly unequal steps on the screen: one pair of prompts crawls, the next one
//! jumps where the motif switches. So the plan is first a *course*: where prompts and noise are at each time of the song,
//! without hits. Probe frames on the course measure its visible length ([`picture::perception`]), and the table of that
//! length over time lets the mapping walk the same course at the speed that the music asks for. (Arc-length
//! parametrisation; DiffMorpher, CVPR 2024, does it with LPIPS and even steps.)
//!
//! A course is measured in [`MeasuredSegment`]es, from one arrival of a prompt to the next, each by itself: after an edit, only those
//! segments are measured and moved again that show what was edited. Probes first lie evenly, then each goes into the middle
//! of the largest gap, until no gap is larger than 1.5 times the median or the probes are used up.
//!
//! This module knows neither music nor models: it asks for pictures at times.

mod measure;
mod store;
mod table;
#[cfg(test)]
mod tests;

use std::ops::Range;

use serde::{Deserialize, Serialize};

pub use measure::{
    Budget, Draw, SCALE_PICTURES, ScaleTurn, WALKED_PICTURES, measure, measure_scale, walked,
};
pub use store::{load_pool, save};
pub use table::Table;

/// Version of [`Calibration`]'s serialised form, and of the way to measure.
pub const SCHEMA_VERSION: u32 = 5;

/// How far the picture moves along a film's course.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Version of this type's serialised form.
    pub schema_version: u32,
    /// The measured parts of the course, in order of time, without gaps.
    pub segments: Vec<MeasuredSegment>,
}

/// A part of the course, from one prompt cue of the prompts to the next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasuredSegment {
    /// Hash of everything that determines the pictures on it, in lowercase hex.
    pub key: String,
    /// How far prompts and seeds move the picture.
    pub scale: Scale,
    /// Times of the probes in seconds of the song, strictly increasing; the first and last are the segment's ends.
    pub secs: Vec<f64>,
    /// How far the picture has moved up to each probe, as a sum of [`distances`](picture::perception::Percept::distance);
    /// strictly increasing from 0.
    pub lengths: Vec<f64>,
}

/// How far prompts and seeds by themselves move the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scale {
    /// Distance between the pictures of the segment's first and last prompt on the same noise.
    pub prompt_length: f64,
    /// Visible length of a seed.
    pub seed_length: f64,
    /// How far a pulse of a radian moves the picture of the first and of the last prompt.
    pub hit_lengths: [f64; 2],
}

impl Default for Calibration {
    fn default() -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            segments: Vec::new(),
        }
    }
}

impl MeasuredSegment {
    /// From where to where it reaches, in seconds of the song.
    pub fn span(&self) -> Range<f64> {
        let end = |secs: Option<&f64>| secs.copied().unwrap_or_default();
        end(self.secs.first())..end(self.secs.last())
    }

    /// How far the picture moves on it.
    pub fn length(&self) -> f64 {
        self.lengths.last().copied().unwrap_or_default()
    }
}
