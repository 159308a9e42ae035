//! Metrical levels: for each, the most likely beats near one tempo.
//!
//! What the network hears is tracked once around each of some tempi, so firmly that the beats of a song that moves twice or two thirds
//! as fast are found as well; and around the periods of onset strength, which has a pulse where the network is at a loss. Which of
//! them people would tap is for [`super::judge`] to say.

use rayon::prelude::*;

use super::super::chain::Chain;
use super::super::hops::{HOP_SECS, HOPS_PER_SEC};
use super::super::onset::OnsetStrength;
use super::super::series::{Series, SeriesWriter};
use super::beats::Beats;
use super::grid;
use super::period::median_period;
use common::Result;

/// Tempi around which beats are sought, in beats per minute: half an octave apart.
const LEVELS_BPM: [f32; 6] = [45.0, 64.0, 90.0, 127.0, 180.0, 255.0];
/// Shortest and longest period in hops: 300 and 40 bpm.
const PERIODS: (f64, f64) = (20.0, 150.0);
/// Distance between periods, as a factor.
const PERIOD_STEP: f64 = 1.025;
/// Cost of a change by 0, 1, … steps from beat to beat.
const CHANGE_COSTS: [f32; 4] = [0.0, 0.5, 1.5, 3.0];
/// Cost of a new tempo out of nowhere.
const JUMP_COST: f32 = 9.0;
/// Cost of a beat whose period is an octave from the level's: more than any beat gains.
const OCTAVE_COST: f32 = 8.0;
/// The same around a period that onset strength has, which may be a little off.
const SOFT_OCTAVE_COST: f32 = 2.5;

/// Tempi around which onset strength is tracked, in beats per minute.
const STRENGTH_LEVELS_BPM: [f32; 5] = [42.0, 60.0, 85.0, 120.0, 170.0];
/// Shortest and longest period for that in hops: 300 and 30 bpm.
const STRENGTH_PERIODS: (f64, f64) = (20.0, 200.0);
/// Distance between those periods, as a factor.
const STRENGTH_PERIOD_STEP: f64 = 1.022;
/// Cost of a change of the period by a factor of e, squared.
const STRENGTH_CHANGE_COST: f32 = 90.0;
/// Largest change between neighbouring beats, in steps.
const STRENGTH_MAX_CHANGE: usize = 6;
/// Cost of any change beyond that: a new tempo.
const STRENGTH_JUMP_COST: f32 = 2.5;
/// Time that one unit of gain covers, in hops.
const UNIT_HOPS: f32 = 50.0;
/// How far periods stray from a level, in octaves, and what one such distance costs.
const WIDTH_OCTAVES: f32 = 0.35;
const WIDTH_COST: f32 = 0.25;

/// Share of beats from which on two candidates are one.
const SAME_SHARE: f32 = 0.96;

/// What onset strength adds to the log-odds of a beat, where it exceeds its mean by 1: where the network is at a loss, what sounds
/// is followed.
const STRENGTH_WEIGHT: f32 = 1.0;

/// The beats of each level, as hops, where `odds` are the log-odds of a beat at each hop. Off-beats may be louder than beats, all
/// through the song or for a while: each level is also proposed without slips, and all of them half a period later.
///
/// # Errors
/// As [`Series::read`].
pub(super) fn candidates(odds: &Series<f32>, activation: &Series<f32>) -> Result<Vec<Candidate>> {
    let mean = activation.sum()? / activation.len().max(1) as f32;
    let loudness = activation.map(|level| level - mean)?;
    let mut loud = loudness.iter();
    let mut worth = SeriesWriter::new(HOPS_PER_SEC);
    for odds in odds.iter() {
        let loud = loud.next().transpose()?.unwrap_or_default();
        worth.push(odds? + STRENGTH_WEIGHT * loud);
    }
    let worth = worth.finish();
    let both = |beats: Beats| {
        let candidate = |beats: Beats, is_placed| Candidate { beats, is_placed };
        let placed = grid::placed(&worth, &beats)?.map(|beats| candidate(beats, true));
        Ok([Some(candidate(beats, false)), placed])
    };
    let of_level = |bpm: &f32| both(track(&worth, 60.0 / (bpm * HOP_SECS as f32), OCTAVE_COST)?);
    let of_strength = |bpm: &f32| {
        let heard = track_strength(&loudness, 60.0 / (bpm * HOP_SECS as f32))?;
        let period = median_period(heard.iter()).max(1.0);
        both(track(&worth, period, SOFT_OCTAVE_COST)?)
    };
    let (by_network, by_strength): (Result<Vec<_>>, Result<Vec<_>>) = rayon::join(
        || LEVELS_BPM.par_iter().map(of_level).collect(),
        || STRENGTH_LEVELS_BPM.par_iter().map(of_strength).collect(),
    );
    let tracked = by_network?.into_iter().chain(by_strength?);
    let tracked: Vec<Candidate> = tracked.flatten().flatten().collect();
    let shifted: Vec<Candidate> = tracked.iter().map(Candidate::half_later).collect();
    let mut levels: Vec<Candidate> = Vec::new();
    for candidate in tracked.into_iter().chain(shifted) {
        let is_same = |known: &Candidate| known.beats.share(&candidate.beats) > SAME_SHARE;
        match levels.iter().position(is_same) {
            // The one that keeps its place stands for both.
            Some(known) if candidate.is_placed && !levels[known].is_placed => {
                levels[known] = candidate;
            }
            Some(_) => {}
            None => levels.push(candidate),
        }
    }
    Ok(levels)
}

/// Beats of one metrical level.
pub(super) struct Candidate {
    pub beats: Beats,
    /// Whether they keep their place, as [`grid`] has it.
    pub is_placed: bool,
}

impl Candidate {
    fn half_later(&self) -> Self {
        Self {
            beats: self.beats.half_later(),
            is_placed: self.is_placed,
        }
    }
}

/// The most likely beats with periods around `center` hops, where an octave from it costs `octave_cost` for each beat.
fn track(worth: &Series<f32>, center: f32, octave_cost: f32) -> Result<Beats> {
    let chain = Chain::new(PERIODS, PERIOD_STEP, CHANGE_COSTS.to_vec(), JUMP_COST);
    let cost = |period: &usize| octave_cost * (*period as f32 / center).log2().powi(2);
    let periods: Vec<[f32; 2]> = chain.periods().iter().map(|p| [1.0, cost(p)]).collect();
    chain.most_likely(worth, &periods)
}

/// The path that gains most onset strength, times the time that a beat covers, with periods around `center` hops. `loudness` is onset
/// strength above its mean.
fn track_strength(loudness: &Series<f32>, center: f32) -> Result<Beats> {
    let change_cost =
        |steps| STRENGTH_CHANGE_COST * (steps as f32 * STRENGTH_PERIOD_STEP.ln() as f32).powi(2);
    let chain = Chain::new(
        STRENGTH_PERIODS,
        STRENGTH_PERIOD_STEP,
        (0..=STRENGTH_MAX_CHANGE).map(change_cost).collect(),
        STRENGTH_JUMP_COST,
    );
    let of_period = |period: &usize| {
        let weight = *period as f32 / UNIT_HOPS;
        let widths = (*period as f32 / center).log2() / WIDTH_OCTAVES;
        [weight, WIDTH_COST * widths * widths * weight]
    };
    let periods: Vec<[f32; 2]> = chain.periods().iter().map(of_period).collect();
    chain.most_likely(loudness, &periods)
}

/// Onset strength relative to what is usual around, smoothed by the jitter of players, 0..=1.
///
/// # Errors
/// As [`Series::read`].
pub(super) fn activation(strength: &OnsetStrength) -> Result<Series<f32>> {
    let n = strength.full.len();
    let mut tops = Vec::with_capacity(n.div_ceil(HOPS_PER_SEC));
    let mut full = strength.full.reader();
    for start in (0..n).step_by(HOPS_PER_SEC) {
        let second = full.read(start..start + HOPS_PER_SEC)?;
        tops.push(second.iter().copied().fold(0.0, f32::max));
    }
    let local: Vec<f32> = (0..tops.len())
        .map(|i| {
            let around = &tops[i.saturating_sub(3)..(i + 4).min(tops.len())];
            around.iter().sum::<f32>() / around.len() as f32
        })
        .collect();
    let mut usual = (0..).map(|hop| local.get(hop / HOPS_PER_SEC).map_or(0.15, |l| l.max(0.15)));
    let scaled = strength.bands.map(|[low, mid, high]| {
        let usual = usual.next().unwrap_or(0.15);
        ((low * 1.6 + mid + 0.7 * high) / usual).min(1.2)
    })?;
    let kernel = [0.06, 0.24, 0.4, 0.24, 0.06];
    let mut smoothed = SeriesWriter::new(HOPS_PER_SEC);
    let mut scaled = scaled.reader();
    for hop in 0..n {
        // Strength is seen a hop late.
        let n_before = usize::from(hop > 0);
        let around = scaled.read(hop - n_before..hop + 4)?;
        let at = |k: usize| (k + n_before).checked_sub(1).and_then(|k| around.get(k));
        let values = (0..5).map(|k| at(k).copied().unwrap_or(0.0) * kernel[k]);
        smoothed.push(values.sum());
    }
    Ok(smoothed.finish())
}
