//! Seeded Gaussian noise, the same on every machine.
//!
//! A seed's numbers come from ChaCha with 12 rounds and are shaped by Box and Muller's transform in f64. `libm` is used
//! rather than the system's functions, so that the last bit agrees on every platform. Nothing is drawn on a device.

use candle_core::{DType, Device, Tensor};
use common::{Error, Result};
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use timeline::NoiseMix;

/// `n` unit Gaussian numbers of a seed. `stream` selects one of the seed's independent sequences: 0 for the initial
/// noise, `i` for the noise of step `i - 1`.
pub fn gaussian(seed: u64, stream: u64, n: usize) -> Vec<f64> {
    let mut rng = ChaCha12Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    let mut values = Vec::with_capacity(n + 1);
    while values.len() < n {
        // (0, 1], so that the logarithm is finite
        let u = (rng.next_u64() >> 11) as f64 + 1.0;
        let radius = libm::sqrt(-2.0 * libm::log(u / 9_007_199_254_740_992.0)); // 2^53
        let v = (rng.next_u64() >> 11) as f64 / 9_007_199_254_740_992.0;
        let angle = std::f64::consts::TAU * v;
        values.push(radius * libm::cos(angle));
        values.push(radius * libm::sin(angle));
    }
    values.truncate(n);
    values
}

/// The weighted sum of the noises of some seeds, `n` numbers.
pub fn mixed(mix: &NoiseMix, stream: u64, n: usize) -> Vec<f32> {
    let mut sum = vec![0f64; n];
    for &(seed, weight) in &mix.terms {
        for (sum, value) in sum.iter_mut().zip(gaussian(seed, stream, n)) {
            *sum += weight * value;
        }
    }
    sum.into_iter().map(|value| value as f32).collect()
}

/// The noises of a batch, `[b, channels, height, width]`.
///
/// # Errors
/// When the device or the memory fails.
pub fn batch(
    mixes: &[&NoiseMix],
    stream: u64,
    shape: (usize, usize, usize),
    device: &Device,
    dtype: DType,
) -> Result<Tensor> {
    let (channels, height, width) = shape;
    let n = channels * height * width;
    let values: Vec<f32> = mixes.iter().flat_map(|mix| mixed(mix, stream, n)).collect();
    Tensor::from_vec(values, (mixes.len(), channels, height, width), &Device::Cpu)
        .and_then(|noise| noise.to_device(device)?.to_dtype(dtype))
        .map_err(Error::tensor("drawing the noise"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_standard_normal() {
        let values = gaussian(42, 0, 200_000);
        let moment =
            |power: i32| values.iter().map(|v| v.powi(power)).sum::<f64>() / values.len() as f64;
        assert!(moment(1).abs() < 0.01, "mean {}", moment(1));
        assert!((moment(2) - 1.0).abs() < 0.02, "variance {}", moment(2));
        assert!(moment(3).abs() < 0.05, "skewness {}", moment(3));
        assert!((moment(4) - 3.0).abs() < 0.1, "kurtosis {}", moment(4));
        let lag = values.windows(2).map(|w| w[0] * w[1]).sum::<f64>() / values.len() as f64;
        assert!(lag.abs() < 0.01, "lag {lag}");
    }

    #[test]
    fn streams_and_seeds_are_independent() {
        let n = 50_000;
        let correlation =
            |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / n as f64;
        let first = gaussian(1, 0, n);
        assert!(correlation(&first, &gaussian(2, 0, n)).abs() < 0.02);
        assert!(correlation(&first, &gaussian(1, 1, n)).abs() < 0.02);
    }

    proptest! {
        #[test]
        fn a_longer_draw_begins_with_the_shorter(seed: u64, n in 0usize..200, more in 0usize..50) {
            let short = gaussian(seed, 0, n);
            prop_assert_eq!(&gaussian(seed, 0, n + more)[..n], &short[..]);
        }

        #[test]
        fn a_mix_is_linear(a: u64, b: u64, weight in -1.0f64..1.0) {
            let mix = NoiseMix { terms: vec![(a, weight), (b, 1.0 - weight)] };
            let (na, nb) = (gaussian(a, 0, 16), gaussian(b, 0, 16));
            for (i, value) in mixed(&mix, 0, 16).into_iter().enumerate() {
                prop_assert!((f64::from(value) - (weight * na[i] + (1.0 - weight) * nb[i])).abs() < 1e-6);
            }
        }
    }
}
