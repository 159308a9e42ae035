//! Energy: how lively the song is at each hop, 0..=1 over the *whole* song, so that a quiet verse stays quiet beside a
//! loud chorus.
//!
//! Loudness (in dB between percentiles of the song) and onset strength are mixed, then followed with a fast attack and a
//! slow release. The times are in seconds, hence independent of hop length and frame rate.

use crate::analysis::Hops;

/// Share of loudness in the energy; the rest is onset strength.
const LOUDNESS_SHARE: f64 = 0.65;

/// Loudness below which a hop counts as silence, in dB relative to full scale.
pub(super) const SILENCE_DB: f64 = -70.0;

/// Percentiles of loudness that become 0 and 1. Percentiles rather than extremes: one loud hit can't flatten a song.
const QUIET_PERCENTILE: f64 = 0.05;
const LOUD_PERCENTILE: f64 = 0.95;

/// Percentile of the mixed and smoothed energy that becomes 1.
const TOP_PERCENTILE: f64 = 0.99;

/// Bounds of the range between quiet and loud, in dB. The lower one keeps a song of constant loudness from having its
/// small differences blown up; the upper one keeps a faint intro from making everything else look equally loud.
const MIN_RANGE_DB: f64 = 12.0;
const MAX_RANGE_DB: f64 = 36.0;

/// Loudness of the quietest sound, which is still more than silence.
const AUDIBLE: f64 = 0.1;

/// Time constants of the follower in seconds.
const ATTACK_SECS: f64 = 0.08;
const RELEASE_SECS: f64 = 0.9;

/// The energy of each hop. `smooth` is a factor on attack and release; 0 = none.
pub(super) fn energy(hops: &Hops, smooth: f64) -> Vec<f64> {
    let loudness = loudness(&hops.loudness_db);
    let onset_strength = hops
        .onset_strength
        .iter()
        .map(|s| finite(*s, 0.0).clamp(0.0, 1.0));
    let onset_strength = onset_strength.chain(std::iter::repeat(0.0));
    let mixed = loudness
        .iter()
        .zip(onset_strength)
        .map(|(loudness, onset)| LOUDNESS_SHARE * loudness + (1.0 - LOUDNESS_SHARE) * onset);
    let mut energy = follow(mixed, hops.hop_secs, smooth);
    let loud = percentile(&energy, TOP_PERCENTILE);
    if loud > 0.0 {
        for value in &mut energy {
            *value = (*value / loud).min(1.0);
        }
    }
    energy
}

/// Loudness of each hop between the song's quiet and loud percentile, [`AUDIBLE`]`..=1`; 0 in silence.
fn loudness(loudness_db: &[f32]) -> Vec<f64> {
    let audible: Vec<f64> = loudness_db
        .iter()
        .map(|db| finite(*db, -120.0))
        .filter(|db| *db > SILENCE_DB)
        .collect();
    let loud = percentile(&audible, LOUD_PERCENTILE);
    let quiet =
        percentile(&audible, QUIET_PERCENTILE).clamp(loud - MAX_RANGE_DB, loud - MIN_RANGE_DB);
    let normalised = |db: &f32| {
        let db = finite(*db, -120.0);
        if db > SILENCE_DB {
            AUDIBLE + (1.0 - AUDIBLE) * ((db - quiet) / (loud - quiet)).clamp(0.0, 1.0)
        } else {
            0.0
        }
    };
    loudness_db.iter().map(normalised).collect()
}

/// A one-pole follower that rises and falls at different speeds.
fn follow(values: impl Iterator<Item = f64>, hop_secs: f64, smooth: f64) -> Vec<f64> {
    let gain = |time_secs: f64| {
        let time_secs = time_secs * smooth;
        if time_secs > 0.0 {
            1.0 - (-hop_secs / time_secs).exp()
        } else {
            1.0
        }
    };
    let (attack, release) = (gain(ATTACK_SECS), gain(RELEASE_SECS));
    let mut state = None;
    let follow = |value: f64| {
        let last = state.unwrap_or(value);
        let next = last + (value - last) * if value > last { attack } else { release };
        state = Some(next);
        next
    };
    values.map(follow).collect()
}

/// The value below which a share of all values lies; 0 without values.
pub(super) fn percentile(values: &[f64], share: f64) -> f64 {
    let mut values = values.to_vec();
    let Some(last_idx) = values.len().checked_sub(1) else {
        return 0.0;
    };
    let idx = (share * last_idx as f64).round() as usize;
    let (_, value, _) = values.select_nth_unstable_by(idx.min(last_idx), f64::total_cmp);
    *value
}

fn finite(value: f32, otherwise: f64) -> f64 {
    if value.is_finite() {
        f64::from(value)
    } else {
        otherwise
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hops(loudness_db: Vec<f32>, hop_secs: f64) -> Hops {
        Hops {
            hop_secs,
            onset_strength: vec![0.0; loudness_db.len()],
            loudness_db,
            ..Hops::default()
        }
    }

    #[test]
    fn a_quiet_verse_stays_below_a_loud_chorus() {
        let song = [vec![-30.0; 1000], vec![-10.0; 1000]].concat();
        let energy = energy(&hops(song, 0.01), 1.0);
        assert!(energy[900] < 0.15, "{}", energy[900]);
        assert!(energy[1900] > 0.95, "{}", energy[1900]);
    }

    #[test]
    fn small_differences_are_not_blown_up() {
        let song = (0..1000)
            .map(|i| if i % 2 == 0 { -12.0 } else { -13.0 })
            .collect();
        let energy = energy(&hops(song, 0.01), 0.0);
        assert!(energy.iter().all(|e| *e > 0.85));
    }

    #[test]
    fn silence_and_broken_values_have_no_energy() {
        let song = vec![f32::NAN, f32::NEG_INFINITY, -120.0, f32::INFINITY];
        for smooth in [0.0, 1.0] {
            assert!(
                energy(&hops(song.clone(), 0.01), smooth)
                    .iter()
                    .all(|e| *e == 0.0)
            );
        }
        assert!(energy(&hops(Vec::new(), 0.01), 1.0).is_empty());
    }

    #[test]
    fn attack_and_release_do_not_depend_on_the_hop() {
        let at = |hop_secs: f64, secs: f64| {
            let n = (4.0 / hop_secs) as usize;
            let is_loud = |i: &usize| (1.0..2.0).contains(&(*i as f64 * hop_secs));
            let song = (0..n)
                .map(|i| if is_loud(&i) { -10.0 } else { -60.0 })
                .collect();
            energy(&hops(song, hop_secs), 1.0)[(secs / hop_secs).round() as usize]
        };
        for secs in [1.1, 1.9, 2.2, 3.0] {
            assert!((at(0.01, secs) - at(0.0025, secs)).abs() < 0.06, "{secs}");
        }
        assert!(
            at(0.01, 1.2) > 0.85 && at(0.01, 2.2) > 0.7,
            "fast attack, slow release"
        );
    }
}
