//! A small convolutional network that hears onsets, beats and downbeats.
//!
//! The near layers look a third of a second to each side of a hop and tell onsets. Behind them, at half the rate, a temporal
//! convolutional network (Davies and Böck, EUSIPCO 2019) looks ten seconds to each side and tells beats, and which of the beats
//! are downbeats.
//! It was trained on synthetic music; `training/` has the recipe, `network.weights` its numbers.
//!
//! Arrays are `[time][channel]`. A convolution's weights are `[tap][input][output]` here, `[output][input][tap]` in the file.

use std::sync::LazyLock;

use rayon::prelude::*;

use super::inputs::{self, HOPS_PER_FRAME, LAG_HOPS, Levels, N_HARMONY};

/// Channels of every layer.
const WIDTH: usize = 24;
/// Distances of the five taps of the near layers, in hops.
const NEAR_DILATIONS: [usize; 3] = [2, 4, 8];
/// Distances of the five taps of the far layers, in frames.
const FAR_DILATIONS: [usize; 9] = [1, 2, 4, 8, 16, 32, 64, 128, 256];
/// Frames on each side of one that its outputs depend on: two taps of each dilation, and some for the first layers.
const REACH: usize = 2 * 511 + 14 + 4;
/// Frames that are computed at once, 2 minutes: memory stays bounded, and threads share a long song.
const CHUNK: usize = 6000;

/// Probabilities.
#[derive(Clone, Debug, Default)]
pub(super) struct Activations {
    /// That a sound starts at a hop.
    pub onset: Vec<f32>,
    /// That a beat falls on a frame of [`HOPS_PER_FRAME`] hops.
    pub beat: Vec<f32>,
    /// That a beat on this frame would be a downbeat.
    pub downbeat: Vec<f32>,
}

impl Activations {
    /// Lets the drums lead where they play: the song's beats are raised to theirs. Where they pause, the song is all there is.
    pub fn led_by(&mut self, drums: &Activations) {
        for (song, drums) in self.beat.iter_mut().zip(&drums.beat) {
            *song = song.max(*drums);
        }
    }
}

/// Hears all of a song; `harmony` is from [`inputs::harmony`].
pub(super) fn activations(
    levels: &Levels<'_>,
    n_hops: usize,
    harmony: &[[f32; N_HARMONY]],
) -> Activations {
    let n_frames = n_hops.div_ceil(HOPS_PER_FRAME);
    let network = LazyLock::force(&NETWORK);
    let arch = pulp::Arch::new();
    let chunks: Vec<Activations> = (0..n_frames.div_ceil(CHUNK))
        .into_par_iter()
        .map(|i| {
            let wanted = i * CHUNK..((i + 1) * CHUNK).min(n_frames);
            let start = wanted.start.saturating_sub(REACH);
            let end = (wanted.end + REACH).min(n_frames);
            let hops = start * HOPS_PER_FRAME..(end * HOPS_PER_FRAME).min(n_hops);
            let harmony = &harmony[start..end.min(harmony.len())];
            let mut heard = arch.dispatch(Hearing {
                network,
                levels,
                hops,
                harmony,
            });
            let frames = wanted.start - start..wanted.end - start;
            let cut = |values: &mut Vec<f32>, factor: usize| {
                values.truncate(frames.end * factor);
                values.drain(..frames.start * factor);
            };
            cut(&mut heard.onset, HOPS_PER_FRAME);
            cut(&mut heard.beat, 1);
            cut(&mut heard.downbeat, 1);
            heard
        })
        .collect();
    let mut all = Activations::default();
    for chunk in chunks {
        all.onset.extend(chunk.onset);
        all.beat.extend(chunk.beat);
        all.downbeat.extend(chunk.downbeat);
    }
    all
}

/// What is to be heard.
struct Hearing<'a> {
    network: &'a Network,
    levels: &'a Levels<'a>,
    hops: std::ops::Range<usize>,
    harmony: &'a [[f32; N_HARMONY]],
}

impl pulp::WithSimd for Hearing<'_> {
    type Output = Activations;

    /// All convolutions are inlined, and so compiled for the vectors of `S`.
    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) -> Activations {
        self.network.hear(self.levels, self.hops, self.harmony)
    }
}

/// A convolution with an odd number of taps, padded with zeros.
struct Conv<const N_OUT: usize> {
    n_in: usize,
    dilation: usize,
    /// `[tap][input][output]`
    weights: Vec<[f32; N_OUT]>,
    bias: [f32; N_OUT],
}

impl<const N_OUT: usize> Conv<N_OUT> {
    fn read(numbers: &mut Numbers, n_in: usize, n_taps: usize, dilation: usize) -> Self {
        let mut weights = vec![[0.0; N_OUT]; n_taps * n_in];
        for i in 0..N_OUT * n_in * n_taps {
            let (output, input, tap) = (i / (n_in * n_taps), i / n_taps % n_in, i % n_taps);
            weights[tap * n_in + input][output] = numbers.next();
        }
        Self {
            n_in,
            dilation,
            weights,
            bias: std::array::from_fn(|_| numbers.next()),
        }
    }

    /// `input` is `[time][n_in]`.
    #[inline(always)]
    fn apply(&self, input: &[f32]) -> Vec<[f32; N_OUT]> {
        let n = input.len() / self.n_in;
        let n_taps = self.weights.len() / self.n_in;
        let reach = n_taps / 2 * self.dilation;
        (0..n)
            .map(|at| {
                let mut sums = self.bias;
                for (tap, weights) in self.weights.chunks_exact(self.n_in).enumerate() {
                    let Some(from) = (at + tap * self.dilation).checked_sub(reach) else {
                        continue;
                    };
                    let Some(values) = input.get(from * self.n_in..(from + 1) * self.n_in) else {
                        continue;
                    };
                    for (value, weights) in values.iter().zip(weights) {
                        for (sum, weight) in sums.iter_mut().zip(weights) {
                            *sum += value * weight;
                        }
                    }
                }
                sums
            })
            .collect()
    }
}

/// A layer of a temporal convolutional network: what a dilated convolution finds is added to what was known.
struct Block {
    dilated: Conv<WIDTH>,
    mix: Conv<WIDTH>,
}

impl Block {
    fn read(numbers: &mut Numbers, dilation: usize) -> Self {
        Self {
            dilated: Conv::read(numbers, WIDTH, 5, dilation),
            mix: Conv::read(numbers, WIDTH, 1, 1),
        }
    }

    #[inline(always)]
    fn apply(&self, values: &mut [[f32; WIDTH]]) {
        let mut found = self.dilated.apply(values.as_flattened());
        rectify(&mut found);
        for (value, found) in values.iter_mut().zip(self.mix.apply(found.as_flattened())) {
            value.iter_mut().zip(found).for_each(|(v, f)| *v += f);
        }
    }
}

struct Network {
    mean: Vec<f32>,
    scale: Vec<f32>,
    first: [Conv<WIDTH>; 2],
    near: Vec<Block>,
    onset: Conv<1>,
    joint: Conv<WIDTH>,
    far: Vec<Block>,
    /// Beat, and downbeat among beats.
    beat: Conv<2>,
}

/// Reads the parameters one after the other; zeros past their end, which a test rules out.
struct Numbers {
    bytes: std::slice::ChunksExact<'static, u8>,
    n_missing: usize,
}

impl Numbers {
    fn next(&mut self) -> f32 {
        match self.bytes.next() {
            Some(&[low, high]) => half::f16::from_le_bytes([low, high]).to_f32(),
            _ => {
                self.n_missing += 1;
                0.0
            }
        }
    }
}

static WEIGHTS: &[u8] = include_bytes!("network.weights");
/// Bands of the spectrogram, which fix the number of inputs.
const N_BANDS: usize = 40;

static NETWORK: LazyLock<Network> = LazyLock::new(|| Network::read().0);

impl Network {
    /// The network, and how many numbers were missing or left over.
    fn read() -> (Self, usize) {
        let mut numbers = Numbers {
            bytes: WEIGHTS.chunks_exact(2),
            n_missing: 0,
        };
        let n_in = 2 * N_BANDS;
        let mut row = |n: usize| (0..n).map(|_| numbers.next()).collect();
        let network = Self {
            mean: row(n_in),
            scale: row(n_in),
            first: [
                Conv::read(&mut numbers, n_in, 3, 1),
                Conv::read(&mut numbers, WIDTH, 5, 1),
            ],
            near: NEAR_DILATIONS
                .map(|dilation| Block::read(&mut numbers, dilation))
                .into(),
            onset: Conv::read(&mut numbers, WIDTH, 3, 1),
            joint: Conv::read(&mut numbers, WIDTH + N_HARMONY, 1, 1),
            far: FAR_DILATIONS
                .map(|dilation| Block::read(&mut numbers, dilation))
                .into(),
            beat: Conv::read(&mut numbers, WIDTH, 1, 1),
        };
        (network, numbers.n_missing + numbers.bytes.len())
    }

    /// Activations at `hops`, the first of which is a frame's first; `harmony` is of their frames.
    #[inline(always)]
    fn hear(
        &self,
        levels: &Levels<'_>,
        hops: std::ops::Range<usize>,
        harmony: &[[f32; N_HARMONY]],
    ) -> Activations {
        let input = self.input(levels, hops);
        let mut near = self.first[0].apply(&input);
        drop(input);
        rectify(&mut near);
        let mut near = self.first[1].apply(near.as_flattened());
        rectify(&mut near);
        self.near.iter().for_each(|block| block.apply(&mut near));
        rectify(&mut near);
        let onset = self.onset.apply(near.as_flattened());
        let mut joint = Vec::with_capacity(near.len() / 2 * (WIDTH + N_HARMONY));
        for (frame, hops) in near.chunks(HOPS_PER_FRAME).enumerate() {
            let loudest = hops.iter().fold([f32::MIN; WIDTH], |max, hop| {
                std::array::from_fn(|k| max[k].max(hop[k]))
            });
            joint.extend(loudest);
            joint.extend(harmony.get(frame).copied().unwrap_or_default());
        }
        let mut far = self.joint.apply(&joint);
        rectify(&mut far);
        self.far.iter().for_each(|block| block.apply(&mut far));
        rectify(&mut far);
        let beat = self.beat.apply(far.as_flattened());
        Activations {
            onset: onset.iter().map(|[o]| sigmoid(*o)).collect(),
            beat: beat.iter().map(|[b, _]| sigmoid(*b)).collect(),
            downbeat: beat.iter().map(|[_, d]| sigmoid(*d)).collect(),
        }
    }

    /// `[hop][level of each band, then rise of each band]`, standardised.
    fn input(&self, levels: &Levels<'_>, hops: std::ops::Range<usize>) -> Vec<f32> {
        let n_bands = levels.n_bands();
        let mut history = vec![vec![0.0f32; n_bands]; LAG_HOPS + 1];
        let mut input = Vec::with_capacity(hops.len() * 2 * n_bands);
        for (i, hop_idx) in hops.clone().enumerate() {
            history.rotate_right(1);
            levels.compressed(hop_idx, &mut history[0]);
            input.extend_from_slice(&history[0]);
            let at = input.len();
            input.resize(at + n_bands, 0.0);
            if i >= LAG_HOPS {
                inputs::rises(&history[0], &history[LAG_HOPS], &mut input[at..]);
            }
            let row = &mut input[at - n_bands..];
            for ((value, mean), scale) in row.iter_mut().zip(&self.mean).zip(&self.scale) {
                *value = (*value - mean) * scale;
            }
        }
        input
    }
}

fn rectify(values: &mut [[f32; WIDTH]]) {
    for value in values.as_flattened_mut() {
        *value = value.max(0.0);
    }
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weights_are_whole_and_fit_the_spectrogram() {
        let (network, n_wrong) = Network::read();
        assert_eq!(n_wrong, 0);
        assert!(network.scale.iter().all(|s| s.is_finite() && *s > 0.0));
    }

    #[test]
    fn a_convolution_with_a_hole_is_the_sum_over_its_taps() {
        let conv = Conv::<1> {
            n_in: 2,
            dilation: 3,
            weights: (0..6).map(|i| [i as f32]).collect(),
            bias: [0.5],
        };
        let input: Vec<f32> = (0..20).map(|i| (i * i % 7) as f32).collect();
        let output = conv.apply(&input);
        for (at, [value]) in output.iter().enumerate() {
            let mut sum = 0.5;
            for tap in 0..3 {
                let from = at as i64 + 3 * (tap as i64 - 1);
                if (0..10).contains(&from) {
                    let from = from as usize * 2;
                    sum += input[from] * (2 * tap) as f32 + input[from + 1] * (2 * tap + 1) as f32;
                }
            }
            assert!((value - sum).abs() < 1e-4);
        }
    }
}
