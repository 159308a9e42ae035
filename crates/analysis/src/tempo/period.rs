//! The period of a path of beats.

use std::collections::BTreeMap;

/// The median, in hops; 0 without periods.
pub(in super::super) fn median_period(hops: impl Iterator<Item = usize> + Clone) -> f32 {
    let later = hops.clone().skip(1);
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    for (hop, next) in hops.zip(later) {
        *counts.entry(next - hop).or_default() += 1;
    }
    let n_periods: usize = counts.values().sum();
    let mut n_left = n_periods.saturating_sub(1) / 2;
    for (period, count) in counts {
        if n_left < count {
            return period as f32;
        }
        n_left -= count;
    }
    0.0
}

#[cfg(test)]
mod tests {
    use common::statistics::percentile;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_one_of_the_periods(mut hops in prop::collection::vec(0usize..400, 0..60)) {
            hops.sort();
            let periods: Vec<f32> = hops.windows(2).map(|w| (w[1] - w[0]) as f32).collect();
            let median = super::median_period(hops.iter().copied());
            prop_assert_eq!(median, percentile(&periods, 0.5));
        }
    }
}
