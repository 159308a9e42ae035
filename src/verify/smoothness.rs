//! How evenly a film moves: measures of the visible steps from frame to frame.

use common::statistics::{mean, median};

/// A step below this share of the median step counts as frozen.
pub const FROZEN: f64 = 0.1;

/// ISTD, the standard deviation of the steps in relation to their mean (Guo et al. 2023, "Smooth Diffusion", with the mean
/// divided out, so that fast films aren't worse than slow ones). 0 = all steps are equal.
pub fn istd(steps: &[f64]) -> Option<f64> {
    let mean = mean(steps)?;
    let squares: Vec<f64> = steps.iter().map(|step| (step - mean).powi(2)).collect();
    let deviation = common::statistics::mean(&squares)?.sqrt();
    (mean > 0.0).then(|| deviation / mean)
}

/// The largest step in relation to the median one, 1 or more.
pub fn largest_over_median(steps: &[f64]) -> Option<f64> {
    let median = median(steps)?;
    let largest = steps.iter().copied().fold(0.0, f64::max);
    (median > 0.0).then(|| largest / median)
}

/// Share (0..=1) of the steps that `counts` lets count which are below [`FROZEN`] of the median of all steps.
pub fn frozen_share(steps: &[f64], counts: impl Fn(usize) -> bool) -> Option<f64> {
    let bound = FROZEN * median(steps)?;
    let counted: Vec<&f64> = (0..)
        .zip(steps)
        .filter(|(idx, _)| counts(*idx))
        .map(|(_, step)| step)
        .collect();
    let n_frozen = counted
        .iter()
        .filter(|step| ***step <= 0.0 || ***step < bound)
        .count();
    (!counted.is_empty()).then(|| n_frozen as f64 / counted.len() as f64)
}

/// Runs of at least `least` steps over which `target` changes by no more than a factor of `most`, as long as they can
/// be, from left to right without overlap.
pub fn steady_passages(target: &[f64], least: usize, most: f64) -> Vec<std::ops::Range<usize>> {
    let mut passages = Vec::new();
    let mut start = 0;
    let (mut low, mut high) = (f64::INFINITY, 0.0f64);
    for idx in 0..=target.len() {
        let step = target.get(idx).copied();
        let widened = step.map(|step| (low.min(step), high.max(step)));
        match widened.filter(|(low, high)| *low > 0.0 && *high <= most * low) {
            Some(range) => (low, high) = range,
            None => {
                if idx - start >= least.max(1) {
                    passages.push(start..idx);
                }
                let is_moving = step.is_some_and(|step| step > 0.0);
                start = if is_moving { idx } else { idx + 1 };
                (low, high) = step
                    .filter(|_| is_moving)
                    .map_or((f64::INFINITY, 0.0), |step| (step, step));
            }
        }
    }
    passages
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_series_have_known_answers() {
        assert_eq!(istd(&[2.0; 8]), Some(0.0));
        assert_eq!(istd(&[1.0, 3.0]), Some(0.5));
        assert_eq!(istd(&[0.0; 3]), None);
        assert_eq!(largest_over_median(&[1.0, 2.0, 9.0]), Some(4.5));
        assert_eq!(largest_over_median(&[]), None);
        let steps = [1.0, 1.0, 0.05, 1.0, 0.0, 0.2];
        assert_eq!(frozen_share(&steps, |_| true), Some(2.0 / 6.0));
        assert_eq!(frozen_share(&steps, |idx| idx < 4), Some(0.25));
        assert_eq!(frozen_share(&steps, |_| false), None);
        assert_eq!(
            frozen_share(&[0.0; 4], |_| true),
            Some(1.0),
            "a slide show stands still"
        );
    }

    #[test]
    fn steady_passages_end_where_the_speed_changes() {
        let target = [
            vec![1.0; 30],
            vec![5.0],
            vec![2.0; 10],
            vec![0.0; 3],
            vec![2.2; 20],
        ]
        .concat();
        assert_eq!(steady_passages(&target, 10, 1.5), [0..30, 31..41, 44..64]);
        assert_eq!(steady_passages(&target, 11, 1.5), [0..30, 44..64]);
        assert!(steady_passages(&[], 1, 1.5).is_empty());
        assert!(steady_passages(&[0.0; 20], 1, 1.5).is_empty());
    }

    proptest! {
        #[test]
        fn passages_are_steady(target in prop::collection::vec(0.0f64..2.0, 0..80), least in 1usize..6) {
            let mut end = 0;
            for passage in steady_passages(&target, least, 1.5) {
                prop_assert!(passage.start >= end && passage.len() >= least);
                end = passage.end;
                let part = &target[passage];
                let low = part.iter().copied().fold(f64::INFINITY, f64::min);
                let high = part.iter().copied().fold(0.0, f64::max);
                prop_assert!(high <= 1.5 * low);
            }
        }
    }
}
