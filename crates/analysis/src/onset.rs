//! Onset strength and onsets.
//!
//! Onset strength is SuperFlux (Böck and Widmer, DAFx 2013): the rise of each band of a logarithmic spectrogram over the
//! loudest of its neighbours two hops earlier. Levels are relative to the song's, and to what is loud within some seconds, so
//! neither the gain of the file nor a quiet verse matters. Onsets are what the network takes for one, moved to the millisecond
//! at which the sound's level rises.

use super::features::Features;
use super::hops::{HOP_SECS, HOPS_PER_SEC};
use super::inputs::Inputs;
use super::network::Activations;
use super::rows::Reader;
use super::series::{Series, SeriesWriter};
use super::{Band, Onset};
use common::Result;
use common::rounding::rounded;

/// Least onset strength, in natural-log units summed over bands, that counts as 1: sounds without attacks stay weak.
const MIN_TOP: f32 = 12.0;
/// Least probability of an onset.
const MIN_PROBABILITY: f32 = 0.4;
/// Hops to each side among which an onset is the most probable.
const PEAK_HOPS: usize = 2;
/// Onsets closer than this are one, in seconds.
const MIN_DISTANCE_SECS: f64 = 0.03;
/// Hops whose spectrogram is read at once.
const CHUNK_HOPS: usize = 2000;
/// Frequencies between low, mid and high band.
const SPLITS_HZ: [f32; 2] = [200.0, 2500.0];

/// Onset strength of each hop.
#[derive(Clone, Default)]
pub(super) struct OnsetStrength {
    /// Over all bands; 1 at the song's 99th percentile.
    pub full: Series<f32>,
    /// In the low, mid and high band, in the units of `full`.
    pub bands: Series<[f32; 3]>,
}

impl OnsetStrength {
    /// Computes the onset strength of each hop.
    ///
    /// # Errors
    /// As [`Inputs::bands`].
    pub fn of(features: &Features, inputs: &Inputs<'_>) -> Result<Self> {
        let centers_hz = &features.spectrogram.centers_hz;
        let band_of: Vec<usize> = centers_hz
            .iter()
            .map(|hz| SPLITS_HZ.iter().filter(|split| hz >= split).count())
            .collect();
        let mut full = SeriesWriter::new(HOPS_PER_SEC);
        let mut bands = SeriesWriter::new(HOPS_PER_SEC);
        for start in (0..features.n_hops).step_by(CHUNK_HOPS) {
            let hops = start..(start + CHUNK_HOPS).min(features.n_hops);
            let mut rising = inputs.bands(hops.clone())?;
            for _ in hops {
                let mut sums = [0.0f32; 3];
                for (rise, band) in rising.next_rises().iter().zip(&band_of) {
                    sums[*band] += rise;
                }
                full.push(sums.iter().sum());
                bands.push(sums);
            }
        }
        let (full, bands) = (full.finish(), bands.finish());
        let scale = 1.0 / full.percentile(0.99, |_: f32| true)?.max(MIN_TOP);
        Ok(Self {
            full: full.map(|sum| sum * scale)?,
            bands: bands.map(|sums| sums.map(|sum| sum * scale))?,
        })
    }
}

/// Onsets in order of time.
///
/// # Errors
/// As [`Envelopes::read`](super::features::Envelopes::read).
pub(super) fn find(
    features: &Features,
    strength: &OnsetStrength,
    activations: &Activations,
) -> Result<Vec<Onset>> {
    let mut envelopes = features.envelopes.reader();
    let mut bands = strength.bands.reader();
    let mut strengths = strength.full.reader();
    let mut probabilities = activations.onset.reader();
    let mut onsets: Vec<Onset> = Vec::new();
    let mut last_probability = 0.0;
    for (hop_idx, probability) in activations.onset.iter().enumerate() {
        let probability = probability?;
        let around = hop_idx.saturating_sub(PEAK_HOPS)..hop_idx + PEAK_HOPS + 1;
        let around = probabilities.read(around)?;
        let is_peak = around.iter().all(|p| *p <= probability);
        if probability < MIN_PROBABILITY || !is_peak {
            continue;
        }
        // The rise over two hops is seen a hop late, and an attack may fall between hops.
        let first = hop_idx.saturating_sub(1);
        let near = strengths.read(first..hop_idx + 4)?.iter().enumerate();
        let Some((place, strongest)) = near.max_by(|(_, a), (_, b)| a.total_cmp(b)) else {
            continue;
        };
        let rises = bands.read(first + place..first + place + 1)?;
        let band = dominant(rises.first().copied().unwrap_or_default());
        let time_secs = attack_secs(&mut envelopes, hop_idx as f64 * HOP_SECS, band)?;
        let onset = Onset {
            time_secs: rounded(time_secs, 1e6),
            strength: rounded(f64::from(strongest.min(1.0)), 1e4),
            band,
        };
        match onsets.last_mut() {
            Some(last) if time_secs - last.time_secs < MIN_DISTANCE_SECS => {
                if probability > last_probability {
                    *last = onset;
                    last_probability = probability;
                }
            }
            _ => {
                onsets.push(onset);
                last_probability = probability;
            }
        }
    }
    Ok(onsets)
}

/// Band with the strongest rise; bands have different numbers of rows, which the weights even out.
fn dominant(rises: [f32; 3]) -> Band {
    let [low, mid, high] = [rises[0] * 1.6, rises[1], rises[2] * 1.4];
    if low >= mid && low >= high {
        Band::Low
    } else if high > mid {
        Band::High
    } else {
        Band::Mid
    }
}

/// The attack near `coarse_secs`: where the level of a millisecond envelope rises most.
fn attack_secs(envelopes: &mut Reader<'_>, coarse_secs: f64, band: Band) -> Result<f64> {
    let part = match band {
        Band::Low => 0,
        Band::Mid | Band::High => 1,
    };
    let coarse_ms = (coarse_secs * 1000.0).round() as i64;
    let first_ms = (coarse_ms - 30 - 12).max(0);
    let around = first_ms as usize..(coarse_ms + 30 + 8) as usize;
    let steps = envelopes.read(around)?.as_chunks::<2>().0;
    let level = |ms: i64| {
        let place = usize::try_from(ms - first_ms).ok();
        let steps = place.and_then(|place| steps.get(place));
        steps.map_or(0.0, |steps| f64::from(steps[part]) / 2.0)
    };
    let highest = |range: std::ops::Range<i64>| range.map(level).fold(0.0, f64::max);
    let mut best = (0.0, coarse_ms);
    for ms in coarse_ms - 30..=coarse_ms + 30 {
        let before = highest(ms - 12..ms);
        let after = highest(ms..ms + 8);
        // A little preference for the coarse time keeps ties and slow attacks in place.
        let rise = after - before - 0.002 * ((ms - coarse_ms) as f64).powi(2);
        if rise > best.0 {
            best = (rise, ms);
        }
    }
    let (rise, start) = best;
    if rise < 1.5 {
        return Ok(coarse_secs.max(0.0));
    }
    let before = highest(start - 12..start);
    let half = before + 0.5 * (highest(start..start + 8) - before);
    let attack = (start..start + 8)
        .find(|ms| level(*ms) >= half)
        .unwrap_or(start);
    Ok((attack as f64 / 1000.0).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::super::evidence::evidence;
    use super::super::features::FeatureExtractor;
    use super::*;

    const RATE_HZ: f32 = 24_000.0;

    fn noise(i: usize) -> f32 {
        let x = (i as u32).wrapping_mul(0x9E37_79B9);
        (x ^ (x >> 15)).wrapping_mul(0x85EB_CA6B) as f32 / u32::MAX as f32 - 0.5
    }

    /// A drum `t` seconds after its attack, sample `i` of the song.
    fn drum(band: Band, t: f32, i: usize) -> f32 {
        let tone = |hz: f32| (std::f32::consts::TAU * hz * t).sin();
        match band {
            Band::Low => 0.7 * tone(55.0 + 30.0 * (-t / 0.03).exp()) * (-t / 0.12).exp(),
            Band::Mid => (0.4 * tone(200.0) + 0.3 * noise(i)) * (-t / 0.06).exp(),
            Band::High => 0.3 * (noise(i) - noise(i + 1)) * (-t / 0.02).exp(),
        }
    }

    #[test]
    fn kicks_snares_and_hats_are_told_apart_and_timed() {
        let bands = [Band::Low, Band::High, Band::Mid, Band::High];
        let truth: Vec<(f32, Band)> = (0..48)
            .map(|i| (0.4 + 0.2507 * i as f32, bands[i % 4]))
            .collect();
        let samples: Vec<f32> = (0..13 * 24_000)
            .map(|i| {
                let now = i as f32 / RATE_HZ;
                let sounding = truth
                    .iter()
                    .filter(|(start, _)| (0.0..0.5).contains(&(now - start)));
                sounding
                    .map(|(start, band)| drum(*band, now - start, i))
                    .sum()
            })
            .collect();
        let mut extractor = FeatureExtractor::new();
        extractor.push(&samples);
        let features = extractor.finish();
        let (strength, activations) = evidence(&features).unwrap();
        let onsets = find(&features, &strength, &activations).unwrap();
        assert!(onsets.len().abs_diff(truth.len()) <= 2, "{}", onsets.len());
        let mut errors = Vec::new();
        let mut n_right = 0;
        for (start, band) in &truth {
            let near = onsets
                .iter()
                .find(|o| (o.time_secs - f64::from(*start)).abs() < 0.03);
            let Some(onset) = near else { continue };
            errors.push((onset.time_secs - f64::from(*start)).abs());
            n_right += usize::from(onset.band == *band);
        }
        errors.sort_by(f64::total_cmp);
        assert!(errors.len() >= 46, "{} found", errors.len());
        assert!(errors[errors.len() / 2] < 0.003, "{:?}", errors);
        assert!(n_right >= 45, "{n_right} tagged right");
    }
}
