//! Group normalisation: statistics in one pass, the result as an affine map per channel.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::input::{Input, Shape};
use super::output::write_all;
use super::simd::{Isa, Kernel, Simd};

/// Sum and sum of squares of each image's channel, `[batch][channels]`.
pub type ChannelSums = Vec<[f64; 2]>;

/// Group normalisation (Wu and He, 2018) with a scale and a shift for each channel.
#[derive(Clone, Debug)]
pub struct GroupNorm {
    /// Groups of neighbouring channels; divides their number.
    pub n_groups: usize,
    /// Added to the variance.
    pub eps: f64,
    /// Scale of each channel.
    pub weight: Vec<f32>,
    /// Shift of each channel.
    pub bias: Vec<f32>,
}

impl GroupNorm {
    /// The map `scale x + shift` of each image's channel that normalises it, for planes of `plane` values.
    pub fn affine(&self, sums: &[[f64; 2]], plane: usize) -> Vec<[f32; 2]> {
        let n_channels = self.weight.len();
        let n_group_channels = n_channels / self.n_groups;
        let n_values = (n_group_channels * plane) as f64;
        let mut affine = Vec::with_capacity(sums.len());
        for (group_idx, group) in sums.chunks(n_group_channels).enumerate() {
            let [sum, squares] = add_up(group);
            let mean = sum / n_values;
            let variance = (squares / n_values - mean * mean).max(0.0);
            let inverse = 1.0 / (variance + self.eps).sqrt();
            let first = group_idx % self.n_groups * n_group_channels;
            for channel in first..first + group.len() {
                let scale = f64::from(self.weight[channel]) * inverse;
                let shift = f64::from(self.bias[channel]) - mean * scale;
                affine.push([scale as f32, shift as f32]);
            }
        }
        affine
    }
}

/// Adds pairs in order.
pub(super) fn add_up(sums: &[[f64; 2]]) -> [f64; 2] {
    sums.iter().fold([0.0; 2], |[a, b], [c, d]| [a + c, b + d])
}

/// Values in one span: short enough that f32 sums lose nothing that matters.
const SPAN: usize = 4096;

/// Sums over each plane, which [`GroupNorm::affine`] takes.
pub fn channel_sums(isa: Isa, input: &Input) -> ChannelSums {
    let Shape {
        batch, channels, ..
    } = input.shape;
    let planes = 0..batch * channels;
    planes
        .into_par_iter()
        .with_min_len(SPAN.div_ceil(input.shape.plane()))
        .map(|index| isa.run(Sums(input.plane(index / channels, index % channels))))
        .collect()
}

/// Sum and sum of squares of a slice.
pub(super) struct Sums<'a>(pub &'a [f32]);

impl Kernel for Sums<'_> {
    type Output = [f64; 2];

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> [f64; 2] {
        let mut total = [0.0; 2];
        for span in self.0.chunks(SPAN) {
            let [sum, squares] = span_sums(s, span);
            total = [total[0] + sum, total[1] + squares];
        }
        total
    }
}

/// Sum and sum of squares of at most [`SPAN`] values.
#[inline(always)]
pub(super) fn span_sums<S: Simd>(s: S, values: &[f32]) -> [f64; 2] {
    let zero = s.splat(0.0);
    let mut sums = [[zero; 2]; 4];
    let mut quads = values.chunks_exact(4 * S::LANES);
    for quad in &mut quads {
        for (i, [sum, squares]) in sums.iter_mut().enumerate() {
            let x = s.load(&quad[i * S::LANES..]);
            *sum = s.add(*sum, x);
            *squares = s.mul_add(x, x, *squares);
        }
    }
    for rest in quads.remainder().chunks(S::LANES) {
        let x = s.load_partial(rest);
        sums[0] = [s.add(sums[0][0], x), s.mul_add(x, x, sums[0][1])];
    }
    let [a, b, c, d] = sums;
    let sum = s.add(s.add(a[0], b[0]), s.add(c[0], d[0]));
    let squares = s.add(s.add(a[1], b[1]), s.add(c[1], d[1]));
    [f64::from(s.sum(sum)), f64::from(s.sum(squares))]
}

/// `act(scale x + shift)`: a normalisation on its own, where no convolution follows.
pub fn normalize(isa: Isa, input: &Input) -> Vec<f32> {
    if input.shape.is_empty() {
        return Vec::new();
    }
    #[expect(unsafe_code, reason = "the output isn't cleared before")]
    // SAFETY: the length is a multiple of the plane's, and `Input::copy` stores a whole plane.
    unsafe {
        write_all(input.shape.len(), |out| write(isa, input, out))
    }
}

fn write(isa: Isa, input: &Input, out: &mut [MaybeUninit<f32>]) {
    let Shape { channels, .. } = input.shape;
    let plane = input.shape.plane();
    out.par_chunks_exact_mut(plane)
        .with_min_len(SPAN.div_ceil(plane))
        .enumerate()
        .for_each(|(index, to)| {
            let (image, channel) = (index / channels, index % channels);
            isa.run(Copy {
                input,
                image,
                channel,
                to,
            });
        });
}

struct Copy<'a> {
    input: &'a Input<'a>,
    image: usize,
    channel: usize,
    to: &'a mut [MaybeUninit<f32>],
}

impl Kernel for Copy<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let from = self.input.plane(self.image, self.channel);
        self.input
            .copy(s, (self.image, self.channel), from, self.to);
    }
}
