//! Onset strength and onsets.
//!
//! Onset strength is SuperFlux (Böck and Widmer, DAFx 2013): the rise of each band of a logarithmic spectrogram over the
//! loudest of its neighbours two hops earlier, which a vibrato doesn't raise. Levels are relative to the song's, and to
//! what was loud within some seconds, so neither the gain of the file nor a quiet verse matters. Onsets are peaks of it, moved
//! to the millisecond at which the sound's level rises.

use super::features::{Features, HOP_SECS};
use super::{Band, Onset};

/// Hops over which the spectrogram rises.
const LAG_HOPS: usize = 2;
/// How far below the reference level a band fades into nothing, in dB.
const RANGE_DB: f32 = 45.0;
/// How far the local reference may lie below the song's, in dB.
const MAX_AGC_DB: f32 = 25.0;
/// Reach of the local reference to each side, in hops.
const AGC_HOPS: usize = 400;
/// Least onset strength, in natural-log units summed over bands, that counts as 1: sounds without attacks stay weak.
const MIN_TOP: f32 = 12.0;
/// Rise over the surroundings that makes an onset, in the same units.
const MIN_RISE: f32 = 1.8;
/// Share of a strong onset below which rises within the quarter second after it are part of its decay.
const MASKED_SHARE: f32 = 0.1;
/// Frequencies between low, mid and high band.
const SPLITS_HZ: [f32; 2] = [200.0, 2500.0];

/// Onset strength of each hop.
#[derive(Clone, Default)]
pub(super) struct OnsetStrength {
    /// Over all bands; 1 at the song's 99th percentile.
    pub full: Vec<f32>,
    /// In the low, mid and high band, in the units of `full`.
    pub bands: Vec<[f32; 3]>,
    /// Natural-log units, summed over bands, of 1 in `full`.
    pub unit: f32,
}

impl OnsetStrength {
    /// Computes the onset strength of each hop.
    pub fn of(features: &Features) -> Self {
        let n_hops = features.n_hops;
        let reference_db = reference_levels(&features.loudness_db);
        let centers_hz = &features.spectrogram.centers_hz;
        let band_of: Vec<usize> = centers_hz
            .iter()
            .map(|hz| SPLITS_HZ.iter().filter(|split| hz >= split).count())
            .collect();
        let n_bands = centers_hz.len();
        let mut history = vec![vec![0.0f32; n_bands]; LAG_HOPS + 1];
        let mut strength = Self {
            full: Vec::with_capacity(n_hops),
            bands: Vec::with_capacity(n_hops),
            unit: MIN_TOP,
        };
        for (hop_idx, reference_db) in reference_db.into_iter().enumerate() {
            history.rotate_right(1);
            let (now, before) = history.split_at_mut(1);
            let (now, before) = (&mut now[0], &before[LAG_HOPS - 1]);
            features.spectrogram.read(hop_idx, now);
            for level in now.iter_mut() {
                let above = *level - reference_db + RANGE_DB;
                *level = (1.0 + 10f32.powf(above / 20.0)).ln();
            }
            let mut rises = [0.0f32; 3];
            if hop_idx >= LAG_HOPS {
                for band in 0..n_bands {
                    let around = &before[band.saturating_sub(1)..(band + 2).min(n_bands)];
                    let loudest = around.iter().copied().fold(0.0, f32::max);
                    rises[band_of[band]] += (now[band] - loudest).max(0.0);
                }
            }
            strength.full.push(rises.iter().sum());
            strength.bands.push(rises);
        }
        let top = percentile(&strength.full, 0.99);
        strength.unit = top.max(MIN_TOP);
        let scale = 1.0 / strength.unit;
        strength.full.iter_mut().for_each(|s| *s *= scale);
        strength
            .bands
            .iter_mut()
            .for_each(|rises| rises.iter_mut().for_each(|s| *s *= scale));
        strength
    }

    /// Time and strength of a hop, between hops.
    fn peak_secs(&self, hop_idx: usize) -> f64 {
        // The rise over two hops is seen one hop late.
        (hop_idx as f64 - LAG_HOPS as f64 / 2.0) * HOP_SECS
    }
}

/// What counts as loud around each hop, in dB.
fn reference_levels(loudness_db: &[f32]) -> Vec<f32> {
    let song_db = percentile(loudness_db, 0.95);
    // Loudest level of each second, then the largest within reach.
    let seconds: Vec<f32> = loudness_db
        .chunks(100)
        .map(|c| c.iter().copied().fold(f32::MIN, f32::max))
        .collect();
    let reach = AGC_HOPS / 100;
    let local: Vec<f32> = (0..seconds.len())
        .map(|i| {
            let around = &seconds[i.saturating_sub(reach)..(i + reach + 1).min(seconds.len())];
            around.iter().copied().fold(f32::MIN, f32::max)
        })
        .collect();
    (0..loudness_db.len())
        .map(|hop_idx| local[hop_idx / 100].clamp(song_db - MAX_AGC_DB, song_db))
        .collect()
}

/// Onsets in order of time.
pub(super) fn find(features: &Features, strength: &OnsetStrength) -> Vec<Onset> {
    let least_rise = MIN_RISE / strength.unit;
    let full = &strength.full;
    let mut onsets: Vec<Onset> = Vec::new();
    for hop_idx in 0..full.len() {
        let value = full[hop_idx];
        let around = |before: usize, after: usize| {
            &full[hop_idx.saturating_sub(before)..(hop_idx + after + 1).min(full.len())]
        };
        let highest = around(3, 3).iter().copied().fold(0.0, f32::max);
        let window = around(10, 7);
        let mean = window.iter().sum::<f32>() / window.len() as f32;
        // What a strong sound does while it decays isn't an onset.
        let masked = around(25, 0).iter().copied().fold(0.0, f32::max) * MASKED_SHARE;
        if value < highest
            || value < masked
            || value < mean + least_rise
            || value < 1.3 * least_rise
        {
            continue;
        }
        let rises = strength.bands[hop_idx];
        let band = dominant(rises);
        let time_secs = attack_secs(features, strength.peak_secs(hop_idx), band);
        let onset = Onset {
            time_secs: rounded(time_secs, 1e6),
            strength: rounded(f64::from(value.min(1.0)), 1e4),
            band,
        };
        match onsets.last_mut() {
            Some(last) if time_secs - last.time_secs < 0.03 => {
                if onset.strength > last.strength {
                    *last = onset;
                }
            }
            _ => onsets.push(onset),
        }
    }
    onsets
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
pub(super) fn attack_secs(features: &Features, coarse_secs: f64, band: Band) -> f64 {
    let envelope = match band {
        Band::Low => &features.fine_low,
        Band::Mid | Band::High => &features.fine_high,
    };
    let level = |ms: i64| {
        usize::try_from(ms)
            .ok()
            .and_then(|ms| envelope.get(ms))
            .map_or(0.0, |l| f64::from(*l) / 2.0)
    };
    let highest = |range: std::ops::Range<i64>| range.map(level).fold(0.0, f64::max);
    let coarse_ms = (coarse_secs * 1000.0).round() as i64;
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
        return coarse_secs.max(0.0);
    }
    let before = highest(start - 12..start);
    let half = before + 0.5 * (highest(start..start + 8) - before);
    let attack = (start..start + 8)
        .find(|ms| level(*ms) >= half)
        .unwrap_or(start);
    (attack as f64 / 1000.0).max(0.0)
}

/// The value below which `share` of all values lie; 0 for none.
pub(super) fn percentile(values: &[f32], share: f64) -> f32 {
    let mut sorted = values.to_vec();
    if sorted.is_empty() {
        return 0.0;
    }
    let rank = ((sorted.len() - 1) as f64 * share) as usize;
    *sorted.select_nth_unstable_by(rank, f32::total_cmp).1
}

/// `value` to the nearest of `steps` parts of 1: short in JSON, and read back exactly.
pub(super) fn rounded(value: f64, steps: f64) -> f64 {
    (value * steps).round() / steps
}
