//! Energy and other features: how lively the song is at each hop, 0..=1 over the *whole* song, so that a quiet verse stays
//! quiet beside a loud chorus.
//!
//! Energy is a mix of loudness (in dB between percentiles of the song) and onset strength. Features are followed with a
//! fast attack and a slow release in seconds, hence independent of hop length and frame rate.

use analysis::{Analysis, Hops, SILENCE_DB, Series, SlowHops};
use common::Result;
use common::statistics::{quantile, sorted_quantile};

use crate::prompts::{Feature, Route};

/// Share of loudness in the energy; the rest is onset strength.
const LOUDNESS_SHARE: f64 = 0.65;

/// Percentiles of loudness that become 0 and 1. Percentiles rather than extremes: one loud hit can't flatten a song.
const QUIET_PERCENTILE: f64 = 0.05;
const LOUD_PERCENTILE: f64 = 0.95;

/// Percentile of the mixed and smoothed energy that becomes 1.
const TOP_PERCENTILE: f64 = 0.99;

/// Bounds of the range between quiet and loud, in dB. The lower one keeps a song of constant loudness from having its
/// small differences blown up; the upper one keeps a faint intro from making everything else look equally loud.
const MIN_RANGE_DB: f64 = 12.0;
const MAX_RANGE_DB: f64 = 36.0;

/// Least range between dark and bright, in octaves of the spectral centroid.
const MIN_RANGE_OCTAVES: f64 = 1.0;

/// Loudness of the quietest sound, which is still more than silence.
const AUDIBLE: f64 = 0.1;

/// Time constants of the follower in seconds, where a route gives none.
const ATTACK_SECS: f64 = 0.08;
const RELEASE_SECS: f64 = 0.9;

/// Exponent on the energy. Loudness in dB, like hearing, squeezes loud and quiet together; motion may tell them apart.
pub(super) const ENERGY_POWER: f64 = 1.6;

/// A route's feature at each hop, 0..=1 over the song, without its gain. `smooth` is a factor on attack and release; 0 = none.
fn follow(analysis: &Analysis, route: &Route, smooth: f64) -> Result<Vec<f64>> {
    let hops = &analysis.hops;
    let values = feature(analysis, &route.feature)?;
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
    Ok(followed)
}

/// The sum of what routes carry at each hop; empty without routes.
///
/// # Errors
/// As [`Series::read`].
pub(super) fn sum(
    analysis: &Analysis,
    routes: &[Route],
    smooth: f64,
    power: f64,
) -> Result<Vec<f64>> {
    let mut sum: Vec<f64> = Vec::new();
    for route in routes {
        let mut carried = follow(analysis, route, smooth)?;
        for value in &mut carried {
            *value = route.gain * value.powf(power);
        }
        if carried.len() > sum.len() {
            std::mem::swap(&mut sum, &mut carried);
        }
        for (sum, value) in sum.iter_mut().zip(carried) {
            *sum += value;
        }
    }
    Ok(sum)
}

/// A feature at each hop, 0..=1 over the song.
fn feature(analysis: &Analysis, feature: &Feature) -> Result<Vec<f64>> {
    let (hops, slow) = (&analysis.hops, &analysis.slow_hops);
    let band = |idx: usize| {
        let amplitude = |bands: [f32; 3]| bands.get(idx).copied().unwrap_or_default();
        level(hops.bands.iter().map(|bands| bands.map(amplitude)))
    };
    match feature {
        Feature::Energy => energy(hops),
        Feature::Loudness => Ok(loudness(&spread(&slow.momentary_lufs, slow, hops)?)),
        Feature::ShortTerm => Ok(loudness(&spread(&slow.short_term_lufs, slow, hops)?)),
        Feature::Low => band(0),
        Feature::Mid => band(1),
        Feature::High => band(2),
        Feature::Harmonic => level(hops.harmonic.iter()),
        Feature::Percussive => level(hops.percussive.iter()),
        Feature::Brightness => brightness(hops),
        Feature::Width => {
            let width = spread(&slow.width, slow, hops)?;
            let share = |width: &f32| finite(*width, 0.0).clamp(0.0, 1.0);
            Ok(width.iter().map(share).collect())
        }
        // Beats drive the pulse alone, which takes them as events.
        Feature::Onsets | Feature::Beats | Feature::Downbeats => onset_strength(hops).collect(),
        Feature::Stem { name, .. } => {
            let stem = analysis.stems.iter().find(|stem| stem.name == *name);
            stem.map_or_else(|| Ok(Vec::new()), |stem| energy(&stem.hops))
        }
    }
}

fn onset_strength(hops: &Hops) -> impl Iterator<Item = Result<f64>> {
    let strength = hops.onset_strength.iter();
    strength.map(|strength| Ok(finite(strength?, 0.0).clamp(0.0, 1.0)))
}

fn energy(hops: &Hops) -> Result<Vec<f64>> {
    let mut onset_strength = onset_strength(hops);
    let mut energy = loudness(&hops.loudness_db.to_vec()?);
    for value in &mut energy {
        let onset = onset_strength.next().unwrap_or(Ok(0.0))?;
        *value = LOUDNESS_SHARE * *value + (1.0 - LOUDNESS_SHARE) * onset;
    }
    Ok(energy)
}

/// Amplitudes as loudness.
fn level(amplitudes: impl Iterator<Item = Result<f32>>) -> Result<Vec<f64>> {
    let db = amplitudes.map(|amplitude| Ok(20.0 * amplitude?.max(1e-6).log10()));
    Ok(loudness(&db.collect::<Result<Vec<f32>>>()?))
}

/// How bright each hop is between the song's dark and bright percentile, in octaves; 0 in silence.
fn brightness(hops: &Hops) -> Result<Vec<f64>> {
    let octaves = |hz: f32| Some(finite(hz, 0.0)).filter(|hz| *hz > 1.0).map(f64::log2);
    let octaves: Vec<Option<f64>> = hops
        .brightness_hz
        .iter()
        .map(|hz| hz.map(octaves))
        .collect::<Result<_>>()?;
    let audible: Vec<f64> = octaves.iter().flatten().copied().collect();
    let dark = percentile(&audible, QUIET_PERCENTILE);
    let range = (percentile(&audible, LOUD_PERCENTILE) - dark).max(MIN_RANGE_OCTAVES);
    let relative =
        |octaves: Option<f64>| octaves.map_or(0.0, |o| ((o - dark) / range).clamp(0.0, 1.0));
    Ok(octaves.into_iter().map(relative).collect())
}

/// Values of slow hops at each hop, with straight lines between them; empty without values.
fn spread(values: &Series<f32>, slow: &SlowHops, hops: &Hops) -> Result<Vec<f32>> {
    let values = values.to_vec()?;
    let Some(last_idx) = values.len().checked_sub(1) else {
        return Ok(Vec::new());
    };
    let ratio = hops.hop_secs / slow.hop_secs.max(1e-3);
    let at = |hop: usize| {
        let place = (hop as f64 * ratio).clamp(0.0, last_idx as f64);
        let (before, share) = (place as usize, place.fract() as f32);
        let after = (before + 1).min(last_idx);
        values[before] * (1.0 - share) + values[after] * share
    };
    Ok((0..hops.loudness_db.len()).map(at).collect())
}

/// Loudness of each hop between the song's quiet and loud percentile, [`AUDIBLE`]`..=1`; 0 in silence.
fn loudness(loudness_db: &[f32]) -> Vec<f64> {
    let audible = loudness_db.iter().map(|db| finite_db(*db));
    let mut audible: Vec<f32> = audible.filter(|db| *db > SILENCE_DB).collect();
    audible.sort_unstable_by(f32::total_cmp);
    let loud = sorted_quantile(&audible, LOUD_PERCENTILE).unwrap_or_default();
    let quiet = sorted_quantile(&audible, QUIET_PERCENTILE)
        .unwrap_or_default()
        .clamp(loud - MAX_RANGE_DB, loud - MIN_RANGE_DB);
    drop(audible);
    let normalised = |db: &f32| {
        let db = f64::from(finite_db(*db));
        if db > f64::from(SILENCE_DB) {
            AUDIBLE + (1.0 - AUDIBLE) * ((db - quiet) / (loud - quiet)).clamp(0.0, 1.0)
        } else {
            0.0
        }
    };
    loudness_db.iter().map(normalised).collect()
}

fn finite_db(db: f32) -> f32 {
    if db.is_finite() { db } else { -120.0 }
}

/// The value below which a share of all values lies; 0 without values.
fn percentile(values: &[f64], share: f64) -> f64 {
    quantile(values, share).unwrap_or_default()
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
    use analysis::Stem;

    use super::super::test_songs::Song;
    use super::*;
    use crate::prompts::Channel;

    /// Speed follows energy.
    const ENERGY: Route = Route {
        channel: Channel::Noise,
        feature: Feature::Energy,
        gain: 1.0,
        attack_secs: None,
        release_secs: None,
    };

    fn song(hops: Hops) -> Analysis {
        Analysis {
            hops,
            ..Song::default().analysis()
        }
    }

    fn energy(hops: &Hops, smooth: f64) -> Vec<f64> {
        follow(&song(hops.clone()), &ENERGY, smooth).unwrap()
    }

    fn hops(loudness_db: Vec<f32>, hop_secs: f64) -> Hops {
        Hops {
            hop_secs,
            onset_strength: vec![0.0; loudness_db.len()].into(),
            loudness_db: loudness_db.into(),
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
        let analysis = song(hops);
        let at = |feature, hop: usize| {
            follow(&analysis, &Route { feature, ..ENERGY }, 1.0).unwrap()[hop]
        };
        assert!(at(Feature::Low, 900) > 0.9 && at(Feature::Low, 1900) < 0.2);
        assert!(at(Feature::High, 900) < 0.2 && at(Feature::High, 1900) > 0.9);
        assert!((at(Feature::Mid, 900) - at(Feature::Mid, 1900)).abs() < 1e-9);
    }

    /// Every feature is low in the first half of this song and high in the second.
    #[test]
    fn every_feature_drives() {
        let halves = |low: f32, high: f32, n: usize| [vec![low; n], vec![high; n]].concat();
        let mut analysis = song(Hops {
            harmonic: halves(0.001, 0.2, 1000).into(),
            percussive: halves(0.002, 0.3, 1000).into(),
            brightness_hz: halves(300.0, 3000.0, 1000).into(),
            ..hops(halves(-30.0, -10.0, 1000), 0.01)
        });
        analysis.slow_hops = SlowHops {
            hop_secs: 0.1,
            momentary_lufs: halves(-33.0, -12.0, 100).into(),
            short_term_lufs: halves(-34.0, -13.0, 100).into(),
            width: halves(0.0, 0.5, 100).into(),
            ..SlowHops::default()
        };
        analysis.stems.push(Stem {
            name: "drums".to_owned(),
            path: "drums.wav".into(),
            source_sha256: String::new(),
            onsets: Vec::new(),
            hops: hops(halves(-50.0, -20.0, 1000), 0.01),
        });
        let stem = |name: &str| Feature::Stem {
            name: name.to_owned(),
            place: common::text_file::Place::default(),
        };
        for feature in [
            Feature::Energy,
            Feature::Loudness,
            Feature::ShortTerm,
            Feature::Harmonic,
            Feature::Percussive,
            Feature::Brightness,
            Feature::Width,
            stem("drums"),
        ] {
            let route = Route { feature, ..ENERGY };
            let followed = follow(&analysis, &route, 1.0).unwrap();
            assert_eq!(followed.len(), 2000, "{route:?}");
            assert!(followed[900] < 0.2 && followed[1900] > 0.9, "{route:?}");
        }
        let lacking = Route {
            feature: stem("bass"),
            ..ENERGY
        };
        assert!(follow(&analysis, &lacking, 1.0).unwrap().is_empty());
        analysis.slow_hops = SlowHops::default();
        let width = Route {
            feature: Feature::Width,
            ..ENERGY
        };
        assert!(
            follow(&analysis, &width, 1.0).unwrap().is_empty(),
            "a song with one channel"
        );
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
