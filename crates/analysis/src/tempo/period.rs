//! The period of a path of beats.

use common::statistics::percentile;

/// The median, in hops.
pub(super) fn median_period(hops: &[usize]) -> f32 {
    let periods: Vec<f32> = hops.windows(2).map(|w| (w[1] - w[0]) as f32).collect();
    percentile(&periods, 0.5)
}
