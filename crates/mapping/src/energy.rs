//! Energy and other features: how lively the song is at each hop, 0..=1 over the *whole* song, so that a quiet verse stays
//! quiet beside a loud chorus.
//!
//! Energy is a mix of loudness (in dB between percentiles of the song) and onset strength. Features are followed with a
//! fast attack and a slow release in seconds, hence independent of hop length and frame rate.

use analysis::{Analysis, Hops, SILENCE_DB, Series, SlowHops};
use common::Result;

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
fn follow(analysis: &Analysis, route: &Route, smooth: f64) -> Result<Series<f64>> {
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
    let mut state = values.iter().next().transpose()?.unwrap_or_default();
    let followed = values.map(|value| {
        state += (value - state) * if value > state { attack } else { release };
        state
    })?;
    drop(values);
    match followed.quantile(TOP_PERCENTILE, |_| true)? {
        Some(top) if top > 0.0 => followed.map(|value| (value / top).min(1.0)),
        _ => Ok(followed),
    }
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
) -> Result<Series<f64>> {
    let mut sum = Series::default();
    for route in routes {
        let carried = follow(analysis, route, smooth)?;
        let carried = carried.map(|value| route.gain * value.powf(power))?;
        sum = if sum.is_empty() {
            carried
        } else {
            added(&sum, &carried)?
        };
    }
    Ok(sum)
}

/// Sums of both; as long as the longer one.
fn added(a: &Series<f64>, b: &Series<f64>) -> Result<Series<f64>> {
    let (mut a, mut b) = (a.iter(), b.iter());
    let sums = std::iter::from_fn(|| {
        let (a, b) = (a.next(), b.next());
        if a.is_none() && b.is_none() {
            return None;
        }
        let of = |value: Option<Result<f64>>| value.unwrap_or(Ok(0.0));
        Some(of(a).and_then(|a| Ok(a + of(b)?)))
    });
    Series::of_hops(sums)
}

/// A feature at each hop, 0..=1 over the song.
fn feature(analysis: &Analysis, feature: &Feature) -> Result<Series<f64>> {
    let (hops, slow) = (&analysis.hops, &analysis.slow_hops);
    let band = |idx: usize| {
        let amplitude = |bands: [f32; 3]| bands.get(idx).copied().unwrap_or_default();
        level(&hops.bands.map(amplitude)?)
    };
    match feature {
        Feature::Energy => energy(hops),
        Feature::Loudness => loudness(&spread(&slow.momentary_lufs, slow, hops)?),
        Feature::ShortTerm => loudness(&spread(&slow.short_term_lufs, slow, hops)?),
        Feature::Low => band(0),
        Feature::Mid => band(1),
        Feature::High => band(2),
        Feature::Harmonic => level(&hops.harmonic),
        Feature::Percussive => level(&hops.percussive),
        Feature::Brightness => brightness(hops),
        Feature::Width => {
            let width = spread(&slow.width, slow, hops)?;
            width.map(|width| finite(width, 0.0).clamp(0.0, 1.0))
        }
        // Beats drive the pulse alone, which takes them as events.
        Feature::Onsets | Feature::Beats | Feature::Downbeats => {
            hops.onset_strength.map(onset_strength)
        }
        Feature::Stem { name, .. } => {
            let stem = analysis.stems.iter().find(|stem| stem.name == *name);
            stem.map_or_else(|| Ok(Series::default()), |stem| energy(&stem.hops))
        }
    }
}

fn onset_strength(strength: f32) -> f64 {
    finite(strength, 0.0).clamp(0.0, 1.0)
}

fn energy(hops: &Hops) -> Result<Series<f64>> {
    let mut strengths = hops.onset_strength.iter();
    let loudness = loudness(&hops.loudness_db)?;
    let energies = loudness.iter().map(|loudness| {
        let strength = strengths.next().transpose()?.map_or(0.0, onset_strength);
        Ok(LOUDNESS_SHARE * loudness? + (1.0 - LOUDNESS_SHARE) * strength)
    });
    Series::of_hops(energies)
}

/// Amplitudes as loudness.
fn level(amplitudes: &Series<f32>) -> Result<Series<f64>> {
    loudness(&amplitudes.map(|amplitude| 20.0 * amplitude.max(1e-6).log10())?)
}

/// How bright each hop is between the song's dark and bright percentile, in octaves; 0 in silence.
fn brightness(hops: &Hops) -> Result<Series<f64>> {
    let octaves = |hz: f32| Some(finite(hz, 0.0)).filter(|hz| *hz > 1.0).map(f64::log2);
    let all = hops.brightness_hz.iter();
    let audible = all.filter_map(|hz| hz.map(octaves).transpose());
    let audible = Series::of_hops(audible)?;
    let percentile = |share| Ok(audible.quantile(share, |_| true)?.unwrap_or_default());
    let dark = percentile(QUIET_PERCENTILE)?;
    let range = (percentile(LOUD_PERCENTILE)? - dark).max(MIN_RANGE_OCTAVES);
    let relative = |octaves: f64| ((octaves - dark) / range).clamp(0.0, 1.0);
    let brightness = |hz| octaves(hz).map_or(0.0, relative);
    hops.brightness_hz.map(brightness)
}

/// Values of slow hops at each hop, with straight lines between them; empty without values.
fn spread(values: &Series<f32>, slow: &SlowHops, hops: &Hops) -> Result<Series<f32>> {
    let Some(last_idx) = values.len().checked_sub(1) else {
        return Ok(Series::default());
    };
    let ratio = hops.hop_secs / slow.hop_secs.max(1e-3);
    let mut values = values.reader();
    let at = |hop: usize| {
        let place = (hop as f64 * ratio).clamp(0.0, last_idx as f64);
        let (before, share) = (place as usize, place.fract() as f32);
        let around = values.read(before..before + 2)?;
        let before = around.first().copied().unwrap_or_default();
        let after = around.last().copied().unwrap_or_default();
        Ok(before * (1.0 - share) + after * share)
    };
    Series::of_hops((0..hops.loudness_db.len()).map(at))
}

/// Loudness of each hop between the song's quiet and loud percentile, [`AUDIBLE`]`..=1`; 0 in silence.
fn loudness(loudness_db: &Series<f32>) -> Result<Series<f64>> {
    let is_audible = |db: f32| finite_db(db) > SILENCE_DB;
    let quantile = |share| loudness_db.quantile(share, is_audible);
    let loud = quantile(LOUD_PERCENTILE)?.unwrap_or_default();
    let quiet = quantile(QUIET_PERCENTILE)?
        .unwrap_or_default()
        .clamp(loud - MAX_RANGE_DB, loud - MIN_RANGE_DB);
    loudness_db.map(|db| {
        let db = f64::from(finite_db(db));
        if db > f64::from(SILENCE_DB) {
            AUDIBLE + (1.0 - AUDIBLE) * ((db - quiet) / (loud - quiet)).clamp(0.0, 1.0)
        } else {
            0.0
        }
    })
}

fn finite_db(db: f32) -> f32 {
    if db.is_finite() { db } else { -120.0 }
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
        let followed = follow(&song(hops.clone()), &ENERGY, smooth).unwrap();
        followed.to_vec().unwrap()
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
            let route = Route { feature, ..ENERGY };
            follow(&analysis, &route, 1.0).unwrap().to_vec().unwrap()[hop]
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
            let followed = follow(&analysis, &route, 1.0).unwrap().to_vec().unwrap();
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
