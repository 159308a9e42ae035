//! Sums over many values, in lanes that compilers turn into vectors.

const LANES: usize = 8;

/// The sum of `values`.
pub(super) fn sum(values: &[f32]) -> f32 {
    let (whole, rest) = values.as_chunks::<LANES>();
    let mut lanes = [0.0f32; LANES];
    for values in whole {
        for (lane, value) in lanes.iter_mut().zip(values) {
            *lane += value;
        }
    }
    lanes.iter().sum::<f32>() + rest.iter().sum::<f32>()
}

/// The sum of each of `weights` times the value beside it; `values` may be longer.
pub(super) fn weighted_sum(weights: &[f32], values: &[f32]) -> f32 {
    let (whole, rest) = weights.as_chunks::<LANES>();
    let (beside, values_rest) = values[..weights.len()].as_chunks::<LANES>();
    let mut lanes = [0.0f32; LANES];
    for (weights, values) in whole.iter().zip(beside) {
        for ((lane, weight), value) in lanes.iter_mut().zip(weights).zip(values) {
            *lane += weight * value;
        }
    }
    let mut sum = lanes.iter().sum();
    for (weight, value) in rest.iter().zip(values_rest) {
        sum += weight * value;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_any_length() {
        for n in [0, 1, 7, 8, 9, 31] {
            let values: Vec<f32> = (1..=n).map(|i| i as f32).collect();
            let gauss = (n * (n + 1) / 2) as f32;
            assert!((sum(&values) - gauss).abs() < 1e-3);
            let longer: Vec<f32> = (1..n + 20).map(|_| 2.0).collect();
            assert!((weighted_sum(&values, &longer) - 2.0 * gauss).abs() < 1e-3);
        }
    }
}
