//! How far given beats lie beside what is heard: DJ programs disagree by 26 ms about where some MP3 files start.

use super::super::{Beat, Onset};
use common::statistics::median;

/// Furthest distance of a beat and its onset, in seconds.
const MAX_DISTANCE_SECS: f64 = 0.07;
/// Distances that agree within this, to both sides, are of one cause, in seconds.
const AGREEMENT_SECS: f64 = 0.008;
/// Least offset that is said, in seconds: players and attacks differ by less.
const MIN_OFFSET_SECS: f64 = 0.006;
/// Least number of distances that agree.
const MIN_AGREEING: usize = 12;
/// Least share of the beats with an onset whose distances agree.
const MIN_SHARE: f64 = 0.6;

/// By how many seconds the beats lie before the strong onsets (negative: behind them), where that is sure and large enough
/// to be seen.
pub fn offset_secs(beats: &[Beat], onsets: &[Onset]) -> Option<f64> {
    let distances = distances(beats, onsets);
    // The densest place: hi-hats and voices lie anywhere, drums where the beat is.
    let n_near = |center: f64| {
        let start = distances.partition_point(|d| *d < center - AGREEMENT_SECS);
        let end = distances.partition_point(|d| *d <= center + AGREEMENT_SECS);
        start..end
    };
    let densest = distances
        .iter()
        .map(|center| n_near(*center))
        .max_by_key(std::iter::ExactSizeIterator::len)?;
    let share = densest.len() as f64 / distances.len() as f64;
    if densest.len() < MIN_AGREEING || share < MIN_SHARE {
        return None;
    }
    let offset_secs = median(&distances[densest])?;
    (offset_secs.abs() >= MIN_OFFSET_SECS).then_some(offset_secs)
}

/// From each beat to the strongest onset near it, in ascending order.
fn distances(beats: &[Beat], onsets: &[Onset]) -> Vec<f64> {
    let strengths: Vec<f64> = onsets.iter().map(|onset| onset.strength).collect();
    let Some(typical) = median(&strengths) else {
        return Vec::new();
    };
    let strong = typical * 0.5;
    let mut distances = Vec::new();
    for (i, beat) in beats.iter().enumerate() {
        // Not as far as the next sixteenth.
        let beside = beats.get(i + 1).or_else(|| beats.get(i.checked_sub(1)?));
        let period = beside.map_or(1.0, |other| (other.time_secs - beat.time_secs).abs());
        let reach = MAX_DISTANCE_SECS.min(period / 5.0);
        let start = onsets.partition_point(|onset| onset.time_secs < beat.time_secs - reach);
        let near = onsets[start..]
            .iter()
            .take_while(|onset| onset.time_secs <= beat.time_secs + reach)
            .filter(|onset| onset.strength >= strong);
        if let Some(onset) = near.max_by(|a, b| a.strength.total_cmp(&b.strength)) {
            distances.push(onset.time_secs - beat.time_secs);
        }
    }
    distances.sort_by(f64::total_cmp);
    distances
}

#[cfg(test)]
mod tests {
    use super::super::super::Band;
    use super::*;

    fn beats() -> Vec<Beat> {
        let beat = |i: u32| Beat {
            time_secs: 0.4 + 0.5 * f64::from(i),
            position_in_bar: i % 4 + 1,
            strength: 0.5,
        };
        (0..100).map(beat).collect()
    }

    fn onsets(offset_secs: impl Fn(usize) -> f64) -> Vec<Onset> {
        let onset = |(i, beat): (usize, Beat)| Onset {
            time_secs: beat.time_secs + offset_secs(i),
            strength: 0.8,
            band: Band::Low,
        };
        beats().into_iter().enumerate().map(onset).collect()
    }

    /// Between -1 and 1, without a pattern.
    fn noise(i: usize) -> f64 {
        (i as f64 * 12.9898).sin().mul_add(43758.5453, 0.0).fract()
    }

    #[test]
    fn a_shift_is_measured_despite_jitter_and_hats() {
        for shift in [-0.052, -0.026, 0.01, 0.026, 0.06] {
            let mut onsets = onsets(|i| shift + 0.003 * noise(i));
            // Every fifth beat's strongest onset is something else.
            for (i, onset) in onsets.iter_mut().enumerate().filter(|(i, _)| i % 5 == 0) {
                onset.time_secs = beats()[i].time_secs + 0.06 * noise(i);
            }
            onsets.sort_by(|a, b| a.time_secs.total_cmp(&b.time_secs));
            let found = offset_secs(&beats(), &onsets).expect("a shift");
            assert!((found - shift).abs() < 0.001, "{shift}: {found}");
        }
    }

    #[test]
    fn what_is_small_or_unsure_is_not_said() {
        assert_eq!(offset_secs(&beats(), &onsets(|_| 0.003)), None);
        assert_eq!(offset_secs(&beats(), &onsets(|i| 0.06 * noise(i))), None);
        assert_eq!(offset_secs(&beats(), &onsets(|_| 0.026)[..8]), None);
        assert_eq!(offset_secs(&beats(), &[]), None);
        assert_eq!(offset_secs(&[], &onsets(|_| 0.026)), None);
    }
}
