//! Convolutions over time, written so that compilers turn them into vectors.
//!
//! Arrays are `[time][channel]`. A convolution's weights are `[output][input][tap]` in the file.

use std::array;

use super::weights::WeightReader;

/// Steps of time that are computed together: they share each weight that is loaded.
const N_TOGETHER: usize = 4;
/// Outputs that are computed together, as one vector.
const LANES: usize = 8;

type Lanes = [f32; LANES];

/// A convolution with an odd number of taps, padded with zeros.
pub(super) struct Conv<const N_OUT: usize> {
    n_in: usize,
    dilation: usize,
    /// `[group of outputs][tap][input][output]`; outputs beyond the last have zeros.
    weights: Vec<Vec<Lanes>>,
    /// `[group of outputs][output]`
    bias: Vec<Lanes>,
}

impl<const N_OUT: usize> Conv<N_OUT> {
    pub fn read(reader: &mut WeightReader, n_in: usize, n_taps: usize, dilation: usize) -> Self {
        let n_groups = N_OUT.div_ceil(LANES);
        let mut weights = vec![vec![[0.0; LANES]; n_taps * n_in]; n_groups];
        let mut bias = vec![[0.0; LANES]; n_groups];
        for i in 0..N_OUT * n_in * n_taps {
            let (output, input, tap) = (i / (n_in * n_taps), i / n_taps % n_in, i % n_taps);
            weights[output / LANES][tap * n_in + input][output % LANES] = reader.next();
        }
        for output in 0..N_OUT {
            bias[output / LANES][output % LANES] = reader.next();
        }
        Self {
            n_in,
            dilation,
            weights,
            bias,
        }
    }

    /// `input` is `[time][n_in]`.
    #[inline(always)]
    pub fn apply(&self, input: &[f32]) -> Vec<[f32; N_OUT]> {
        let n = input.len() / self.n_in;
        let reach = self.weights[0].len() / self.n_in / 2 * self.dilation;
        let n_padded = n.next_multiple_of(N_TOGETHER);
        let mut padded = vec![0.0; (n_padded + 2 * reach) * self.n_in];
        padded[reach * self.n_in..][..input.len()].copy_from_slice(input);
        let mut output = vec![[0.0; N_OUT]; n];
        for (at, output) in (0..).step_by(N_TOGETHER).zip(output.chunks_mut(N_TOGETHER)) {
            for (group, (weights, bias)) in self.weights.iter().zip(&self.bias).enumerate() {
                let sums = self.sums(&padded[at * self.n_in..], weights, *bias);
                for (output, sums) in output.iter_mut().zip(sums) {
                    for (output, sum) in output[group * LANES..].iter_mut().zip(sums) {
                        *output = sum;
                    }
                }
            }
        }
        output
    }

    /// A group's outputs at the first [`N_TOGETHER`] steps of `padded`.
    #[inline(always)]
    fn sums(&self, padded: &[f32], weights: &[Lanes], bias: Lanes) -> [Lanes; N_TOGETHER] {
        let mut sums = [bias; N_TOGETHER];
        for (tap, weights) in weights.chunks_exact(self.n_in).enumerate() {
            let rows: [&[f32]; N_TOGETHER] = array::from_fn(|i| {
                &padded[(i + tap * self.dilation) * self.n_in..][..weights.len()]
            });
            for (k, weights) in weights.iter().enumerate() {
                for (sums, row) in sums.iter_mut().zip(rows) {
                    let value = row[k];
                    for (sum, weight) in sums.iter_mut().zip(weights) {
                        *sum += value * weight;
                    }
                }
            }
        }
        sums
    }
}

/// A layer of a temporal convolutional network: what a dilated convolution finds is added to what was known.
pub(super) struct Block<const WIDTH: usize> {
    dilated: Conv<WIDTH>,
    mix: Conv<WIDTH>,
}

impl<const WIDTH: usize> Block<WIDTH> {
    pub fn read(reader: &mut WeightReader, dilation: usize) -> Self {
        Self {
            dilated: Conv::read(reader, WIDTH, 5, dilation),
            mix: Conv::read(reader, WIDTH, 1, 1),
        }
    }

    #[inline(always)]
    pub fn apply(&self, values: &mut [[f32; WIDTH]]) {
        let mut found = self.dilated.apply(values.as_flattened());
        rectify(&mut found);
        for (value, found) in values.iter_mut().zip(self.mix.apply(found.as_flattened())) {
            for (value, found) in value.iter_mut().zip(found) {
                *value += found;
            }
        }
    }
}

#[inline(always)]
pub(super) fn rectify<const WIDTH: usize>(values: &mut [[f32; WIDTH]]) {
    for value in values.as_flattened_mut() {
        *value = value.max(0.0);
    }
}

pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_convolution_with_a_hole_is_the_sum_over_its_taps() {
        let alone = |weight| array::from_fn(|lane| if lane == 0 { weight } else { 0.0 });
        let conv = Conv::<1> {
            n_in: 2,
            dilation: 3,
            weights: vec![(0..6).map(|i| alone(i as f32)).collect()],
            bias: vec![alone(0.5)],
        };
        for n in [0, 1, 5, 10] {
            let input: Vec<f32> = (0..2 * n).map(|i| (i * i % 7) as f32).collect();
            let output = conv.apply(&input);
            assert_eq!(output.len(), n);
            for (at, [value]) in output.iter().enumerate() {
                let mut sum = 0.5;
                for tap in 0..3 {
                    let from = at as i64 + 3 * (tap as i64 - 1);
                    if (0..n as i64).contains(&from) {
                        let from = from as usize * 2;
                        sum +=
                            input[from] * (2 * tap) as f32 + input[from + 1] * (2 * tap + 1) as f32;
                    }
                }
                assert!((value - sum).abs() < 1e-4);
            }
        }
    }
}
