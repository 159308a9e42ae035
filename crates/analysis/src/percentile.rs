//! Percentiles, which put loud and quiet songs on one scale.

/// The value below which `share` of all values lie; 0 for none.
pub(super) fn percentile(values: &[f32], share: f64) -> f32 {
    let mut sorted = values.to_vec();
    if sorted.is_empty() {
        return 0.0;
    }
    let rank = ((sorted.len() - 1) as f64 * share) as usize;
    *sorted.select_nth_unstable_by(rank, f32::total_cmp).1
}
