//! The beat as people would tap it, judged over the whole song: beats at several metrical levels, described by numbers, and a small
//! network that chooses among them.
//!
//! [`levels`] finds the candidates in what [`super::network`] hears at single beats, which leaves open whether every beat or every
//! other one is meant; [`grid`] keeps their beats in place over the whole song. [`pulse`] says how plain a candidate is to that network, [`drums`] what sounds at it and between, [`meter`]
//! how harmony changes and repeats; [`judge`] weighs it all. [`phase`] then says whether its choice lies on the beat or between.

mod beats;
mod drums;
mod grid;
mod judge;
mod levels;
mod meter;
mod pattern;
mod period;
mod phase;
mod pulse;
mod scorer;
mod strength;

pub(super) use self::beats::Beats;
use self::drums::Drums;
use self::levels::Candidate;
use self::meter::Harmony;
pub(super) use self::meter::{METERS, Standard, evidence};
pub(super) use self::period::median_period;
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
/// Log-odds below which what was taken for beats is off-beats: strong evidence, as it is rare.
const OFF_BEATS: f32 = -1.0;

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
    let music = Music::of(heard)?;
    let levels = levels(heard, &music)?;
    let Some((best, certainty)) = judge::best(&levels, meter) else {
        return Ok(None);
    };
    let Some(beats) = levels.into_iter().nth(best).map(|level| level.beats) else {
        return Ok(None);
    };
    let likely = |beats: &Beats, certainty| Likely {
        hops: beats.iter().collect(),
        certainty,
    };
    Ok(Some(match phase::log_odds(heard, &music, &beats)? {
        Some(odds) if odds < OFF_BEATS => {
            likely(&beats.half_later(), certainty / (1.0 + odds.exp()))
        }
        _ => likely(&beats, certainty),
    }))
}

/// What candidates are described by, over all of the song.
struct Music {
    extent: Extent,
    /// Log-odds of a beat at each hop.
    worth: Series<f32>,
}

impl Music {
    fn of(heard: &Heard<'_>) -> Result<Self> {
        Ok(Self {
            extent: Extent::of(heard.onsets, heard.features, heard.strength)?,
            worth: heard.activations.beat_odds(heard.features.n_hops)?,
        })
    }
}

/// All candidates, described.
///
/// # Errors
/// As [`meter::describe`].
fn levels(heard: &Heard<'_>, music: &Music) -> Result<Vec<Level>> {
    use rayon::prelude::*;
    let activation = levels::activation(heard.strength)?;
    let describe = |candidate: Candidate| {
        let within: Beats = music.extent.trimmed(candidate.beats.iter());
        let is_long = within.len() >= MIN_BEATS;
        is_long.then(|| Level::of(heard, &music.worth, &activation, candidate, &within))
    };
    let candidates = levels::candidates(&music.worth, &activation)?;
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
        within: &Beats,
    ) -> Result<Self> {
        let bpm = 60.0 / (median_period(within.iter()) * HOP_SECS as f32);
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
