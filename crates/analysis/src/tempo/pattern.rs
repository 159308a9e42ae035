//! How a series of values, one for each beat, alternates from beat to beat.

/// Beats over which a pattern keeps its place: one beat too many or too few shifts what comes after it.
const CHUNK: usize = 32;

/// Means of each of `n` places in the pattern over consecutive chunks of beats, and how many beats each chunk has.
fn chunks(values: &[f32], n: usize) -> impl Iterator<Item = (Vec<f32>, usize)> {
    let is_long = move |chunk: &&[f32]| chunk.len() >= 2 * n;
    values.chunks(CHUNK).filter(is_long).map(move |chunk| {
        let mean = |place: usize| {
            let (mut sum, mut count) = (0.0, 0.0);
            for value in chunk.iter().skip(place).step_by(n) {
                (sum, count) = (sum + value, count + 1.0);
            }
            sum / f32::max(count, 1.0)
        };
        ((0..n).map(mean).collect(), chunk.len())
    })
}

/// How far the strongest of `n` places stands out from the others, 0..=1: 0 where all beats are alike.
pub(super) fn contrast(values: &[f32], n: usize) -> f32 {
    let (mut sum, mut count) = (0.0, 1e-6);
    for (means, n_beats) in chunks(values, n) {
        let most = means.iter().copied().fold(0.0, f32::max);
        let others = (means.iter().sum::<f32>() - most) / (n as f32 - 1.0).max(1.0);
        sum += n_beats as f32 * (most - others) / (most + others).max(1e-6);
        count += n_beats as f32;
    }
    sum / count
}

/// Whether two series alternate from beat to beat against each other, -1..=1: the low band and the mid band where kick and snare
/// take turns. Above 0 where they are loud together.
pub(super) fn alternation(a: &[f32], b: &[f32]) -> f32 {
    let (mut sum, mut count) = (0.0, 1e-6);
    for ((a, n_beats), (b, _)) in chunks(a, 2).zip(chunks(b, 2)) {
        let difference = |m: &[f32]| (m[0] - m[1]) / (m[0] + m[1]).max(1e-6);
        let product = difference(&a) * difference(&b);
        sum += n_beats as f32 * product.signum() * product.abs().sqrt();
        count += n_beats as f32;
    }
    sum / count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_stands_out_at_its_length_even_if_it_is_shifted_once() {
        let of = |i: usize| if i.is_multiple_of(3) { 0.9 } else { 0.3 };
        let values: Vec<f32> = (0..64).map(of).chain((65..128).map(of)).collect();
        assert!(contrast(&values, 3) > 0.35);
        assert!(contrast(&values, 2) < 0.1);
        assert_eq!(contrast(&[0.5; 64], 4), 0.0);
    }

    #[test]
    fn kick_and_snare_take_turns() {
        let kick: Vec<f32> = (0..40).map(|i| [1.0, 0.1][i % 2]).collect();
        let snare: Vec<f32> = (0..40).map(|i| [0.1, 1.0][i % 2]).collect();
        assert!(alternation(&kick, &snare) < -0.7);
        assert!(alternation(&kick, &kick) > 0.7);
        assert_eq!(alternation(&[], &[]), 0.0);
    }
}
