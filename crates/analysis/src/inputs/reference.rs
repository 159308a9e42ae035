//! What counts as loud.

use super::super::features::Features;

/// How far the local reference may lie below the song's, in dB.
const MAX_AGC_DB: f32 = 25.0;
/// Reach of the local reference to each side, in hops.
const AGC_HOPS: usize = 400;

/// What counts as loud around each hop, in dB relative to full scale: neither the gain of the file nor a quiet verse matters.
pub(super) fn levels(features: &Features) -> Vec<f32> {
    let song_db = features.song_db();
    let mut reference = running_max(&features.loudness_db, AGC_HOPS);
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
