//! The beat as people would tap it, judged over the whole song: beats at several metrical levels, described by numbers, and a small
//! network that chooses among them.
//!
//! [`levels`] finds the candidates in what [`super::network`] hears at single beats, which leaves open whether every beat or every
//! other one is meant; [`grid`] keeps their beats in place over the whole song. [`pulse`] says how plain a candidate is to that network, [`drums`] what sounds at it and between, [`meter`]
//! how harmony changes and repeats; [`judge`] weighs it all.

mod beats;
mod drums;
mod grid;
mod judge;
mod levels;
mod meter;
mod pattern;
mod period;
mod pulse;
mod scorer;
mod strength;

use self::beats::Beats;
use self::drums::Drums;
use self::levels::Candidate;
use self::meter::Harmony;
pub(super) use self::meter::{METERS, evidence, standardised};
use self::period::median_period;
use self::pulse::Pulse;
use self::strength::Profile;
use super::Onset;
use super::extent::Extent;
use super::features::Features;
use super::hops::HOP_SECS;
use super::network::Activations;
use super::onset::OnsetStrength;
use super::series::Series;
use common::Result;

/// Fewest beats that make a level.
const MIN_BEATS: usize = 4;

/// What is heard in a song.
#[derive(Clone, Copy)]
pub(super) struct Heard<'a> {
    pub features: &'a Features,
    pub strength: &'a OnsetStrength,
    pub activations: &'a Activations,
    pub onsets: &'a [Onset],
}

/// The beats that people would most likely tap.
#[derive(Clone, Debug)]
pub(super) struct Likely {
    /// The beats, over all of the song.
    pub hops: Vec<usize>,
    /// Probability that these are meant, rather than those of another level, by the judge.
    pub certainty: f32,
}

/// The level that people would most likely tap, in bars of `meter` beats where that is given. None without beats.
///
/// # Errors
/// As [`meter::describe`].
pub(super) fn likely(heard: &Heard<'_>, meter: Option<u32>) -> Result<Option<Likely>> {
    let levels = levels(heard)?;
    let Some((best, certainty)) = judge::best(&levels, meter) else {
        return Ok(None);
    };
    let best = levels.into_iter().nth(best);
    Ok(best.map(|level| {
        let hops: Vec<usize> = level.beats.iter().collect();
        Likely { hops, certainty }
    }))
}

/// All candidates, described.
///
/// # Errors
/// As [`meter::describe`].
fn levels(heard: &Heard<'_>) -> Result<Vec<Level>> {
    use rayon::prelude::*;
    let worth = heard.activations.beat_odds(heard.features.n_hops)?;
    let music = Extent::of(heard.onsets, heard.features, heard.strength)?;
    let activation = levels::activation(heard.strength)?;
    let describe = |candidate: Candidate| {
        let within = music.trimmed(candidate.beats.iter().collect());
        let is_long = within.len() >= MIN_BEATS;
        is_long.then(|| Level::of(heard, &worth, &activation, candidate, &within))
    };
    let candidates = levels::candidates(&worth, &activation)?;
    candidates.into_par_iter().filter_map(describe).collect()
}

/// A candidate for the beat.
struct Level {
    beats: Beats,
    is_placed: bool,
    bpm: f32,
    pulse: Pulse,
    drums: Drums,
    harmony: Harmony,
    profile: Profile,
}

impl Level {
    /// Described by those of its beats that lie `within` the music.
    fn of(
        heard: &Heard<'_>,
        worth: &Series<f32>,
        activation: &Series<f32>,
        candidate: Candidate,
        within: &[usize],
    ) -> Result<Self> {
        let bpm = 60.0 / (median_period(within) * HOP_SECS as f32);
        let drums = drums::describe(heard.strength, heard.onsets, within)?;
        let harmony = meter::describe(heard.features, heard.strength, within)?;
        Ok(Self {
            bpm,
            pulse: pulse::describe(heard.activations, worth, within)?,
            profile: Profile::of(activation, within, bpm, drums.over_half, harmony.harmony)?,
            drums,
            harmony,
            beats: candidate.beats,
            is_placed: candidate.is_placed,
        })
    }
}
