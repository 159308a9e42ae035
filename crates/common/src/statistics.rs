//! Plain statistics of series of numbers: mapping puts a song's values on one scale with them, verification says how a film
//! moves. Series without enough values have none.

/// The value below which a share (0..=1) of the values lies, interpolated between neighbours.
pub fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = share.clamp(0.0, 1.0) * sorted.len().checked_sub(1)? as f64;
    let low = *sorted.get(place.floor() as usize)?;
    let high = *sorted.get(place.ceil() as usize)?;
    Some(low + (place - place.floor()) * (high - low))
}

/// The value at the share (0..=1) of the sorted values, rounded down to one of them; 0 for none. Faster than [`quantile`] on long
/// series.
pub fn percentile(values: &[f32], share: f64) -> f32 {
    let mut sorted = values.to_vec();
    if sorted.is_empty() {
        return 0.0;
    }
    let rank = ((sorted.len() - 1) as f64 * share.clamp(0.0, 1.0)) as usize;
    *sorted.select_nth_unstable_by(rank, f32::total_cmp).1
}

/// The middle value.
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// The arithmetic mean.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Pearson's correlation of two series of one length, -1..=1; `None` where one of them doesn't vary.
pub fn correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    if a.len() != b.len() {
        return None;
    }
    let (mean_a, mean_b) = (mean(a)?, mean(b)?);
    let (mut both, mut only_a, mut only_b) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        let (a, b) = (a - mean_a, b - mean_b);
        both += a * b;
        only_a += a * a;
        only_b += b * b;
    }
    let scale = (only_a * only_b).sqrt();
    (scale > 1e-300).then(|| (both / scale).clamp(-1.0, 1.0))
}

/// Spearman's rank correlation of two series of one length, -1..=1: Pearson's of their ranks, where equal values share
/// the mean of their ranks.
pub fn rank_correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    correlation(&ranks(a), &ranks(b))
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    let value = |idx: usize| values.get(idx).copied().unwrap_or_default();
    order.sort_by(|a, b| value(*a).total_cmp(&value(*b)));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    for tied in order.chunk_by(|a, b| value(*a).total_cmp(&value(*b)).is_eq()) {
        let rank = start as f64 + (tied.len() as f64 - 1.0) / 2.0;
        for idx in tied {
            if let Some(place) = ranks.get_mut(*idx) {
                *place = rank;
            }
        }
        start += tied.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_series_have_known_answers() {
        assert_eq!(quantile(&[4.0, 1.0, 3.0, 2.0], 0.5), Some(2.5));
        assert_eq!(quantile(&[4.0, 1.0, 3.0, 2.0], 1.0), Some(4.0));
        assert_eq!((median(&[]), mean(&[])), (None, None));
        assert_eq!(percentile(&[4.0, 1.0, 3.0, 2.0], 0.5), 2.0);
        assert_eq!(
            (percentile(&[4.0, 1.0], 1.0), percentile(&[], 0.5)),
            (4.0, 0.0)
        );
        // Anscombe's first quartet.
        let x = [10.0, 8.0, 13.0, 9.0, 11.0, 14.0, 6.0, 4.0, 12.0, 7.0, 5.0];
        let y = [
            8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68,
        ];
        assert!((correlation(&x, &y).unwrap() - 0.816_420_5).abs() < 1e-6);
        assert_eq!(correlation(&[1.0, 1.0], &[1.0, 2.0]), None);
        assert_eq!(correlation(&[1.0], &[1.0, 2.0]), None);
        // Ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4.
        let tied = rank_correlation(&[1.0, 5.0, 5.0, 9.0], &[1.0, 2.0, 3.0, 4.0]).unwrap();
        assert!((tied - 0.948_683_3).abs() < 1e-6, "{tied}");
    }

    proptest! {
        #[test]
        fn ranks_see_the_order_alone(values in prop::collection::vec(-5.0f64..5.0, 3..40)) {
            let bent: Vec<f64> = values.iter().map(|v| v.exp()).collect();
            if let Some(rank) = rank_correlation(&values, &bent) {
                prop_assert!((rank - 1.0).abs() < 1e-9);
            }
        }
    }
}
