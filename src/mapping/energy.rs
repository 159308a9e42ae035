//! Energy and other features: how lively the song is at each hop, 0..=1 over the *whole* song, so that a quiet verse stays
//! quiet beside a loud chorus.
//!
//! Energy is a mix of loudness (in dB between percentiles of the song) and onset strength. Features are followed with a
//! fast attack and a slow release in seconds, hence independent of hop length and frame rate.

use crate::analysis::Hops;
use crate::prompts::{Channel, Feature, Route};

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

/// Time constants of the follower in seconds, where a route gives none.
const ATTACK_SECS: f64 = 0.08;
const RELEASE_SECS: f64 = 0.9;

/// The default: speed follows energy.
pub(super) const ENERGY: Route = Route {
    channel: Channel::Noise,
    feature: Feature::Energy,
    gain: 1.0,
    attack_secs: None,
    release_secs: None,
};

/// A route's feature at each hop, 0..=1 over the song, without its gain. `smooth` is a factor on attack and release; 0 = none.
pub(super) fn follow(hops: &Hops, route: &Route, smooth: f64) -> Vec<f64> {
    let values = feature(hops, route.feature);
    let gain = |secs: f64| {
        let secs = secs * smooth;
        if secs > 0.0 {
            1.0 - (-hops.hop_secs / secs).exp()
        } else {
            1.0
        }
    };
    let attack = gain(route.attack_secs.unwrap_or(ATTACK_SECS));
    let release = gain(route.release_secs.unwrap_or(RELEASE_SECS));
    // A one-pole follower that rises and falls at different speeds.
    let mut state = values.first().copied().unwrap_or_default();
    let mut followed: Vec<f64> = values
        .into_iter()
        .map(|value| {
            state += (value - state) * if value > state { attack } else { release };
            state
        })
        .collect();
    let top = percentile(&followed, TOP_PERCENTILE);
    if top > 0.0 {
        for value in &mut followed {
            *value = (*value / top).min(1.0);
        }
    }
    followed
}

/// A feature at each hop, 0..=1 over the song.
fn feature(hops: &Hops, feature: Feature) -> Vec<f64> {
    let onset_strength = || {
        hops.onset_strength
            .iter()
            .map(|s| finite(*s, 0.0).clamp(0.0, 1.0))
    };
    let band = |idx: usize| {
        let amplitude = |bands: &[f32; 3]| bands.get(idx).map_or(0.0, |a| a.max(1e-6));
        let db: Vec<f32> = hops
            .bands
            .iter()
            .map(|bands| 20.0 * amplitude(bands).log10())
            .collect();
        loudness(&db)
    };
    match feature {
        Feature::Energy => {
            let onset_strength = onset_strength().chain(std::iter::repeat(0.0));
            let both = loudness(&hops.loudness_db).into_iter().zip(onset_strength);
            both.map(|(loudness, onset)| LOUDNESS_SHARE * loudness + (1.0 - LOUDNESS_SHARE) * onset)
                .collect()
        }
        Feature::Loudness => loudness(&hops.loudness_db),
        Feature::Low => band(0),
        Feature::Mid => band(1),
        Feature::High => band(2),
        // Beats drive the pulse alone, which takes them as events.
        Feature::Onsets | Feature::Beats | Feature::Downbeats => onset_strength().collect(),
    }
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

    fn energy(hops: &Hops, smooth: f64) -> Vec<f64> {
        follow(hops, &ENERGY, smooth)
    }

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
    fn features_tell_the_bands_apart() {
        let mut hops = hops(vec![-12.0; 2000], 0.01);
        hops.bands = (0..2000)
            .map(|i| {
                if i < 1000 {
                    [0.2, 0.01, 0.001]
                } else {
                    [0.01, 0.01, 0.2]
                }
            })
            .collect();
        let at = |feature, hop: usize| follow(&hops, &Route { feature, ..ENERGY }, 1.0)[hop];
        assert!(at(Feature::Low, 900) > 0.9 && at(Feature::Low, 1900) < 0.2);
        assert!(at(Feature::High, 900) < 0.2 && at(Feature::High, 1900) > 0.9);
        assert!((at(Feature::Mid, 900) - at(Feature::Mid, 1900)).abs() < 1e-9);
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
