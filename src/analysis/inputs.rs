//! What the network in [`super::network`] hears: the logarithmic spectrogram relative to what is loud around, how each of its
//! bands rises, and how harmony changes.

use super::features::{Features, HOPS_PER_CHROMA};
use super::percentile::percentile;

/// How far below the reference level a band fades into nothing, in dB.
pub(super) const RANGE_DB: f32 = 45.0;
/// Hops over which bands rise.
pub(super) const LAG_HOPS: usize = 2;
/// How far the local reference may lie below the song's, in dB.
const MAX_AGC_DB: f32 = 25.0;
/// Reach of the local reference to each side, in hops.
const AGC_HOPS: usize = 400;
/// Hops further below the song's loudest than this are silence, and have no say in what is loud.
const SILENCE_DB: f32 = 60.0;
/// Hops to a frame of harmony, and of beats: 20 ms.
pub(super) const HOPS_PER_FRAME: usize = 2;
/// Reaches of the change of harmony to each side, in chroma vectors: 0.4 s and 1 s.
const HARMONY_REACHES: [usize; 2] = [8, 20];
/// Numbers that describe the change of harmony at a frame.
pub(super) const N_HARMONY: usize = 2 * HARMONY_REACHES.len();

/// What counts as loud around each hop, in dB relative to full scale: neither the gain of the file nor a quiet verse matters.
pub(super) fn reference_levels(loudness_db: &[f32]) -> Vec<f32> {
    let loudest = loudness_db.iter().copied().fold(f32::MIN, f32::max);
    let sounding: Vec<f32> = loudness_db
        .iter()
        .copied()
        .filter(|l| *l > loudest - SILENCE_DB)
        .collect();
    let song_db = percentile(&sounding, 0.95);
    let mut reference = running_max(loudness_db, AGC_HOPS);
    for level in &mut reference {
        *level = level.clamp(song_db - MAX_AGC_DB, song_db);
    }
    // A step of the reference would look like an onset in all bands.
    running_mean(&reference, AGC_HOPS / 2)
}

/// The largest value within `reach` of each.
fn running_max(values: &[f32], reach: usize) -> Vec<f32> {
    let mut candidates: std::collections::VecDeque<usize> = Default::default();
    let mut next = 0;
    (0..values.len())
        .map(|i| {
            while next < (i + reach + 1).min(values.len()) {
                while candidates
                    .back()
                    .is_some_and(|last| values[*last] <= values[next])
                {
                    candidates.pop_back();
                }
                candidates.push_back(next);
                next += 1;
            }
            while candidates.front().is_some_and(|first| first + reach < i) {
                candidates.pop_front();
            }
            candidates.front().map_or(0.0, |first| values[*first])
        })
        .collect()
}

/// The mean of the values within `reach` of each.
fn running_mean(values: &[f32], reach: usize) -> Vec<f32> {
    let (mut sum, mut start, mut end) = (0.0f64, 0, 0);
    (0..values.len())
        .map(|i| {
            while end < (i + reach + 1).min(values.len()) {
                sum += f64::from(values[end]);
                end += 1;
            }
            while start + reach < i {
                sum -= f64::from(values[start]);
                start += 1;
            }
            (sum / (end - start) as f64) as f32
        })
        .collect()
}

/// Spectra relative to what is loud, hop by hop.
pub(super) struct Levels<'a> {
    features: &'a Features,
    reference_db: &'a [f32],
}

impl<'a> Levels<'a> {
    /// `reference_db` is from [`reference_levels`].
    pub fn new(features: &'a Features, reference_db: &'a [f32]) -> Self {
        Self {
            features,
            reference_db,
        }
    }

    pub fn n_bands(&self) -> usize {
        self.features.spectrogram.n_bands()
    }

    pub fn centers_hz(&self) -> &[f32] {
        &self.features.spectrogram.centers_hz
    }

    /// Bands of a hop in dB relative to the reference.
    pub fn relative_db(&self, hop_idx: usize, levels: &mut [f32]) {
        self.features.spectrogram.read(hop_idx, levels);
        let reference_db = self.reference_db.get(hop_idx).copied().unwrap_or_default();
        levels.iter_mut().for_each(|l| *l -= reference_db);
    }

    /// Bands of a hop as `ln(1 + amplitude)`, where 1 is [`RANGE_DB`] below the reference.
    pub fn compressed(&self, hop_idx: usize, levels: &mut [f32]) {
        self.relative_db(hop_idx, levels);
        for level in levels {
            // 10^(x / 20), then the natural logarithm.
            *level = ((*level + RANGE_DB) * (std::f32::consts::LN_10 / 20.0))
                .exp()
                .ln_1p();
        }
    }
}

/// How far each band rises over the loudest of its neighbours earlier (SuperFlux, Böck and Widmer, DAFx 2013), which a vibrato
/// doesn't raise.
pub(super) fn rises(now: &[f32], before: &[f32], rises: &mut [f32]) {
    for (band, rise) in rises.iter_mut().enumerate() {
        let around = &before[band.saturating_sub(1)..(band + 2).min(before.len())];
        let loudest = around.iter().copied().fold(0.0, f32::max);
        *rise = (now[band] - loudest).max(0.0);
    }
}

/// Change of harmony at each frame, 0..=1 each: of the chroma, then of the bass, with each reach.
pub(super) fn harmony(features: &Features) -> Vec<[f32; N_HARMONY]> {
    let n_reaches = HARMONY_REACHES.len();
    let mut changes = vec![[0.0f32; N_HARMONY]; features.chroma.len()];
    for (part, chroma) in [&features.chroma, &features.bass_chroma]
        .into_iter()
        .enumerate()
    {
        for (k, reach) in HARMONY_REACHES.into_iter().enumerate() {
            let (mut before, mut after) = ([0.0f64; 12], [0.0f64; 12]);
            let at = |i: Option<usize>| i.and_then(|i| chroma.get(i)).copied().unwrap_or_default();
            for ahead in 1..=reach {
                add(&mut after, at(ahead.checked_sub(1)), 1.0);
            }
            for (i, change) in changes.iter_mut().enumerate() {
                // Chroma i is in neither side: it hears both.
                add(&mut after, at(Some(i)), -1.0);
                add(&mut after, at(Some(i + reach)), 1.0);
                change[part * n_reaches + k] = distance(&before, &after);
                add(&mut before, at(Some(i)), 1.0);
                add(&mut before, at(i.checked_sub(reach)), -1.0);
            }
        }
    }
    let n_frames = features.n_hops.div_ceil(HOPS_PER_FRAME);
    (0..n_frames)
        .map(|frame| {
            let at = (frame * HOPS_PER_FRAME) as f32 / HOPS_PER_CHROMA as f32;
            let (first, share) = (at as usize, at.fract());
            let get = |i: usize| {
                changes
                    .get(i)
                    .or(changes.last())
                    .copied()
                    .unwrap_or_default()
            };
            let (a, b) = (get(first), get(first + 1));
            std::array::from_fn(|k| a[k] + share * (b[k] - a[k]))
        })
        .collect()
}

fn add(sum: &mut [f64; 12], chroma: [f32; 12], sign: f64) {
    for (sum, value) in sum.iter_mut().zip(chroma) {
        *sum += sign * f64::from(value);
    }
}

/// 1 minus the cosine similarity; 0 where one side is silent.
fn distance(a: &[f64; 12], b: &[f64; 12]) -> f32 {
    let dot: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
    let norm = |v: &[f64; 12]| v.iter().map(|v| v * v).sum::<f64>().sqrt();
    let norms = norm(a) * norm(b);
    if norms > 1e-9 {
        (1.0 - dot / norms).clamp(0.0, 1.0) as f32
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::path::Path;

    use super::super::features::FeatureExtractor;
    use super::super::stream;
    use super::*;
    use crate::Track;

    #[test]
    fn the_running_maximum_and_mean_are_those_of_the_windows() {
        let values: Vec<f32> = (0..50).map(|i| ((i * 37) % 19) as f32).collect();
        for reach in [0, 1, 7, 100] {
            let (max, mean) = (running_max(&values, reach), running_mean(&values, reach));
            for i in 0..values.len() {
                let window = &values[i.saturating_sub(reach)..(i + reach + 1).min(values.len())];
                let largest = window.iter().copied().fold(f32::MIN, f32::max);
                assert!((max[i] - largest).abs() < 1e-6);
                let sum: f32 = window.iter().sum();
                assert!((mean[i] - sum / window.len() as f32).abs() < 1e-3);
            }
        }
    }

    fn features(path: &Path) -> Features {
        let track = Track::open(path).unwrap();
        let mut extractor = FeatureExtractor::new(track.duration_secs);
        let heard = stream::listen(&track, |batch| {
            extractor.push(batch.resampled);
            Ok(())
        });
        heard.unwrap();
        extractor.finish()
    }

    /// For each WAV file a `.input` file: the numbers of hops and bands as u32, then `[hop][band]` in 1/64 dB relative to the
    /// reference as i16, then `[frame][harmony]` as f32, little-endian.
    #[test]
    #[ignore = "writes inputs for training the network; see training/README.md"]
    fn training_inputs() {
        let folder = std::env::var("TRAINING_MUSIC").unwrap();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let output = path.with_extension("input");
            if path.extension().is_none_or(|e| e != "wav") || output.exists() {
                continue;
            }
            let features = features(&path);
            let reference_db = reference_levels(&features.loudness_db);
            let levels = Levels::new(&features, &reference_db);
            let mut file = std::io::BufWriter::new(std::fs::File::create(output).unwrap());
            let mut write = |bytes: &[u8]| file.write_all(bytes).unwrap();
            write(&(features.n_hops as u32).to_le_bytes());
            write(&(levels.n_bands() as u32).to_le_bytes());
            let mut row = vec![0.0; levels.n_bands()];
            for hop_idx in 0..features.n_hops {
                levels.relative_db(hop_idx, &mut row);
                row.iter()
                    .for_each(|l| write(&((l * 64.0) as i16).to_le_bytes()));
            }
            for change in harmony(&features).iter().flatten() {
                write(&change.to_le_bytes());
            }
        }
    }
}
