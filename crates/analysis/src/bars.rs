//! Bars: which beats are downbeats, once the beats are known.
//!
//! What the network finds at a beat is joined by what changes there, measured from beat to beat: harmony, bass, and the sound
//! as a whole, since sections begin with bars. The most likely positions are found by the Viterbi algorithm, in which a bar that
//! ends early or late costs as much as many doubtful downbeats: rubato and breaks don't shift the bars behind them.

use super::features::Features;
use super::hops::HOP_SECS;
use super::network::AtHop;
use super::novelty;
use super::tempo::{self, METERS, Standard};
use super::tracker::Evidence;
use common::Result;

/// Log-probability of a meter, relative to 4, for each bar.
const METER_COST: [f32; 6] = [0.55, 0.1, 0.0, 0.5, 0.5, 0.6];
/// What a bar of two costs more for each octave that it is shorter than this, in seconds: two beats of a usual tempo are half a bar.
const SHORT_BAR: (f32, f32) = (4.0, 1.6);
/// Positions in bars of all meters, one after the other.
const N_POSITIONS: usize = 27;
/// Share of downbeats among beats that the network expects without evidence.
const DOWNBEAT_SHARE: f32 = 0.28;
/// Cost of a bar that ends early or late, and of another meter.
const SLIP_COST: f32 = 20.0;
/// Weight of the evidence: neighbouring downbeats often err alike.
const WEIGHT: f32 = 0.5;
/// Log-odds of a downbeat: bias, then the weight of each of [`describe`]'s numbers; see `training/README.md`.
const ODDS: [f32; N_SIGNS + 1] = [-0.97, 0.86, 0.10, 0.31, 2.04];
/// Values that describe a beat.
const N_SIGNS: usize = 4;
/// Beats on each side of one between which the sound is compared.
const NOVELTY_BEATS: usize = 4;
/// Beats on each side of one that novelty must exceed.
const PEAK_BEATS: usize = 2;
/// Most that novelty counts.
const MAX_NOVELTY: f32 = 1.5;

/// The most likely position in the bar of each of `hops`, from 1.
///
/// # Errors
/// As [`novelty::changes`].
pub(super) fn positions(hops: &[usize], evidence: &Evidence<'_>) -> Result<Vec<u32>> {
    let odds = describe(hops, evidence)?.into_iter().map(|signs| {
        let weighted = signs.iter().zip(&ODDS[1..]).map(|(s, w)| s * w);
        ODDS[0] + weighted.sum::<f32>()
    });
    let beat_secs = tempo::median_period(hops.iter().copied()) * HOP_SECS as f32;
    Ok(most_likely(
        &odds.collect::<Vec<_>>(),
        meter_costs(beat_secs),
        evidence.config.meter,
    ))
}

/// Cost of a bar of each meter, with beats of this length.
fn meter_costs(beat_secs: f32) -> [f32; METERS.len()] {
    let mut costs = METER_COST;
    let octaves = (SHORT_BAR.1 / (2.0 * beat_secs).max(1e-3)).log2();
    costs[0] += SHORT_BAR.0 * octaves.max(0.0);
    costs
}

/// For each beat: log-odds of a downbeat by the network, change of harmony, change of the bass, and how much more novel the
/// sound is than at the beats around.
///
/// # Errors
/// As [`novelty::changes`].
pub(super) fn describe(hops: &[usize], evidence: &Evidence<'_>) -> Result<Vec<[f32; N_SIGNS]>> {
    let found = tempo::evidence(evidence.features, evidence.strength, hops.iter().copied())?;
    let standard = Standard::of(&found)?;
    let mut found = found.iter();
    let novelty = novelty(evidence.features, hops)?;
    let mut downbeat = AtHop::of(&evidence.activations.downbeat);
    let of_beat = |i: usize| {
        let p = downbeat.read(hops[i])?.clamp(0.01, 0.99);
        let found = found.next().transpose()?.unwrap_or_default();
        let [harmony, bass, ..] = standard.of_beat(&found);
        Ok([log_odds(p), harmony, bass, novelty[i]])
    };
    (0..hops.len()).map(of_beat).collect()
}

/// Relative to what is expected without evidence.
fn log_odds(p: f32) -> f32 {
    (p / DOWNBEAT_SHARE).ln() - ((1.0 - p) / (1.0 - DOWNBEAT_SHARE)).ln()
}

/// How much more the sound changes at each beat than at its neighbours.
fn novelty(features: &Features, hops: &[usize]) -> Result<Vec<f32>> {
    let changes = novelty::changes(features, hops.iter().copied(), NOVELTY_BEATS);
    let changes: Vec<f32> = changes.collect::<Result<_>>()?;
    let novelty = (0..changes.len())
        .map(|i| {
            let around = i.saturating_sub(PEAK_BEATS)..(i + PEAK_BEATS + 1).min(changes.len());
            let others = around
                .filter(|other| *other != i)
                .map(|other| changes[other]);
            (changes[i] - others.fold(0.0, f32::max)).clamp(0.0, MAX_NOVELTY)
        })
        .collect();
    Ok(novelty)
}

/// Index of the first position of each meter, and the meter of each position.
struct Layout {
    first: [usize; METERS.len()],
    meter_of: [usize; N_POSITIONS],
}

fn layout() -> Layout {
    let mut layout = Layout {
        first: [0; METERS.len()],
        meter_of: [0; N_POSITIONS],
    };
    let mut at = 0;
    for (meter, n) in METERS.into_iter().enumerate() {
        layout.first[meter] = at;
        layout.meter_of[at..at + n].fill(meter);
        at += n;
    }
    layout
}

/// The most likely positions of beats with these log-odds of being downbeats, where each bar costs what its meter does, in bars of
/// `meter` beats where that is given.
fn most_likely(odds: &[f32], costs: [f32; METERS.len()], meter: Option<u32>) -> Vec<u32> {
    let layout = layout();
    let is_wanted = |m: usize| meter.is_none_or(|n| METERS[m] == n as usize);
    let mut gain = [0.0f32; N_POSITIONS];
    for (position, gain) in gain.iter_mut().enumerate() {
        if !is_wanted(layout.meter_of[position]) {
            *gain = f32::MIN / 4.0;
        }
    }
    let mut origins: Vec<[u8; N_POSITIONS]> = Vec::with_capacity(odds.len());
    for odds in odds {
        let p = (1.0 / (1.0 + (-odds).exp())).clamp(0.01, 0.99);
        let first = WEIGHT * (p / DOWNBEAT_SHARE).ln();
        let other = WEIGHT * ((1.0 - p) / (1.0 - DOWNBEAT_SHARE)).ln();
        let before = gain;
        let best = (0..N_POSITIONS).fold(0, |b, p| if before[p] > before[b] { p } else { b });
        let mut origin = [0u8; N_POSITIONS];
        for position in 0..N_POSITIONS {
            let meter = layout.meter_of[position];
            let is_first = position == layout.first[meter];
            let mut from = match is_first {
                true => position + METERS[meter] - 1,
                false => position - 1,
            };
            let mut reached = before[from];
            if is_first && is_wanted(meter) && before[best] - SLIP_COST > reached {
                (from, reached) = (best, before[best] - SLIP_COST);
            }
            origin[position] = from as u8;
            gain[position] = reached
                + match is_first {
                    true => first - costs[meter],
                    false => other,
                };
        }
        origins.push(origin);
    }
    let mut position = (0..N_POSITIONS).fold(0, |b, p| if gain[p] > gain[b] { p } else { b });
    let mut positions = vec![0u32; odds.len()];
    for (slot, origin) in positions.iter_mut().zip(&origins).rev() {
        *slot = (position - layout.first[layout.meter_of[position]]) as u32 + 1;
        position = usize::from(origin[position]);
    }
    positions
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Log-odds of beats every `n`th of which is likely a downbeat, the `k`th first.
    fn odds(n: usize, k: usize, n_beats: usize) -> Vec<f32> {
        let of_beat = |i: usize| if i % n == k { 1.5 } else { -2.0 };
        (0..n_beats).map(of_beat).collect()
    }

    #[test]
    fn bars_of_every_length_are_found_after_any_pick_up() {
        for n in METERS {
            for k in 0..n {
                let positions = most_likely(&odds(n, k, 12 * n), METER_COST, None);
                let is_first = |i: usize| i % n == k;
                let is_right = |(i, p): (usize, &u32)| (*p == 1) == is_first(i);
                assert!(positions.iter().enumerate().all(is_right), "{n} {k}");
            }
        }
    }

    #[test]
    fn a_few_doubtful_beats_dont_shift_the_bars_and_a_short_bar_does() {
        let mut odds_of_beats = odds(4, 0, 64);
        for i in (20..28).step_by(4) {
            (odds_of_beats[i], odds_of_beats[i + 1]) = (-2.0, 1.5);
        }
        let positions = most_likely(&odds_of_beats, METER_COST, None);
        assert!((0..64).all(|i| positions[i] as usize == i % 4 + 1));
        let odds_of_beats = [odds(4, 0, 62), odds(4, 0, 64)].concat();
        let positions = most_likely(&odds_of_beats, METER_COST, None);
        assert!((4..60).all(|i| positions[i] as usize == i % 4 + 1));
        assert!((66..120).all(|i| positions[i] as usize == (i - 62) % 4 + 1));
    }

    #[test]
    fn two_beats_are_a_bar_where_they_are_slow() {
        // The third of four beats sounds like a downbeat, almost as much as the first.
        let of_beat = |i: usize| [2.5, -2.0, 2.2, -2.0][i % 4];
        let odds: Vec<f32> = (0..48).map(of_beat).collect();
        for (beat_secs, n) in [(0.57, 4), (1.07, 2)] {
            let positions = most_likely(&odds, meter_costs(beat_secs), None);
            let is_first = |(i, position): (usize, &u32)| (*position == 1) == (i % n == 0);
            assert!(positions.iter().enumerate().all(is_first), "{beat_secs}");
        }
    }

    #[test]
    fn a_given_meter_is_kept() {
        let positions = most_likely(&odds(4, 0, 40), METER_COST, Some(3));
        assert!(positions.windows(2).all(|w| w[1] == w[0] % 3 + 1));
        assert!(most_likely(&[], METER_COST, Some(3)).is_empty());
    }
}
