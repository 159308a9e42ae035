//! What counts as loud.

use std::collections::VecDeque;

use common::Result;

use super::super::features::Features;
use super::super::hops::HOPS_PER_SEC;
use super::super::series::{Series, SeriesWriter};

/// How far the local reference may lie below the song's, in dB.
const MAX_AGC_DB: f32 = 25.0;
/// Reach of the local reference to each side, in hops.
const AGC_HOPS: usize = 400;

/// What counts as loud around each hop, in dB relative to full scale: neither the gain of the file nor a quiet verse matters.
///
/// # Errors
/// As [`Series::read`].
pub(super) fn levels(features: &Features) -> Result<Series<f32>> {
    let song_db = features.song_db()?;
    let reference = running_max(&features.loudness_db, AGC_HOPS)?;
    let reference = reference.map(|level| level.clamp(song_db - MAX_AGC_DB, song_db))?;
    // A step of the reference would look like an onset in all bands.
    running_mean(&reference, AGC_HOPS / 2)
}

/// The largest value within `reach` of each.
fn running_max(values: &Series<f32>, reach: usize) -> Result<Series<f32>> {
    let mut highest = SeriesWriter::new(HOPS_PER_SEC);
    let mut candidates: VecDeque<(usize, f32)> = VecDeque::new();
    let (mut ahead, mut next) = (values.iter(), 0);
    for i in 0..values.len() {
        while next < (i + reach + 1).min(values.len()) {
            let value = ahead.next().transpose()?.unwrap_or_default();
            while candidates.back().is_some_and(|(_, last)| *last <= value) {
                candidates.pop_back();
            }
            candidates.push_back((next, value));
            next += 1;
        }
        while candidates
            .front()
            .is_some_and(|(first, _)| first + reach < i)
        {
            candidates.pop_front();
        }
        highest.push(candidates.front().map_or(0.0, |(_, first)| *first));
    }
    Ok(highest.finish())
}

/// The mean of the values within `reach` of each.
fn running_mean(values: &Series<f32>, reach: usize) -> Result<Series<f32>> {
    let mut means = SeriesWriter::new(HOPS_PER_SEC);
    let (mut entering, mut leaving) = (values.iter(), values.iter());
    let (mut sum, mut start, mut end) = (0.0f64, 0, 0);
    for i in 0..values.len() {
        while end < (i + reach + 1).min(values.len()) {
            sum += f64::from(entering.next().transpose()?.unwrap_or_default());
            end += 1;
        }
        while start + reach < i {
            sum -= f64::from(leaving.next().transpose()?.unwrap_or_default());
            start += 1;
        }
        means.push((sum / (end - start) as f64) as f32);
    }
    Ok(means.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_running_maximum_and_mean_are_those_of_the_windows() {
        let values: Vec<f32> = (0..50).map(|i| ((i * 37) % 19) as f32).collect();
        for reach in [0, 1, 7, 100] {
            let series = Series::from(values.clone());
            let max = running_max(&series, reach).unwrap().to_vec().unwrap();
            let mean = running_mean(&series, reach).unwrap().to_vec().unwrap();
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
