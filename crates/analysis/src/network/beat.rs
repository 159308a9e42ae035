//! Hears beats, and which of them are downbeats.

use std::ops::Range;
use std::sync::LazyLock;

use common::Result;
use rayon::prelude::*;

use super::super::inputs::{HOPS_PER_STEP, Inputs, N_HARMONY};
use super::super::series::{Series, SeriesWriter};
use super::STEPS_PER_SEC;
use super::conv::{Block, Conv, rectify, sigmoid};
use super::conv_stack::{ConvStack, REACH_HOPS};
use super::weights::WeightReader;

const WIDTH: usize = 24;
/// Bands of the spectrogram, which fix the number of inputs.
const N_BANDS: usize = 40;
/// Distances of the five taps of the far layers, in steps.
const DILATIONS: [usize; 9] = [1, 2, 4, 8, 16, 32, 64, 128, 256];
/// Frames on each side of one that its outputs depend on.
const REACH: usize = 2 * 511 + REACH_HOPS.div_ceil(HOPS_PER_STEP);
/// Most steps that are computed at once, 2 minutes: memory stays bounded, and threads share a long song.
const MAX_CHUNK: usize = 6000;
/// Steps whose surroundings are looked at at once.
const PART_STEPS: usize = 1000;

struct Network {
    around: ConvStack<WIDTH>,
    joint: Conv<WIDTH>,
    far: Vec<Block<WIDTH>>,
    /// Beat, and downbeat among beats.
    beat: Conv<2>,
}

static NETWORK: LazyLock<Network> = LazyLock::new(|| Network::read().0);

impl Network {
    /// The network, and how many weights were missing or left over.
    fn read() -> (Self, usize) {
        let mut reader = WeightReader::of(include_bytes!("beat.weights"));
        let network = Self {
            around: ConvStack::read(&mut reader, 2 * N_BANDS),
            joint: Conv::read(&mut reader, WIDTH + N_HARMONY, 1, 1),
            far: DILATIONS
                .map(|dilation| Block::read(&mut reader, dilation))
                .into(),
            beat: Conv::read(&mut reader, WIDTH, 1, 1),
        };
        (network, reader.n_wrong())
    }
}

/// The probabilities of a beat, and of a downbeat if it is one, at each step of [`HOPS_PER_STEP`] hops.
///
/// # Errors
/// As [`Inputs::for_beats`].
pub(super) fn activations(inputs: &Inputs<'_>) -> Result<(Series<f32>, Series<f32>)> {
    in_chunks(inputs, MAX_CHUNK)
}

/// As [`activations`], in chunks of at most `max_chunk` steps, which makes no difference.
pub(super) fn in_chunks(
    inputs: &Inputs<'_>,
    max_chunk: usize,
) -> Result<(Series<f32>, Series<f32>)> {
    let network = LazyLock::force(&NETWORK);
    let arch = pulp::Arch::new();
    let n_steps = inputs.n_hops().div_ceil(HOPS_PER_STEP);
    let n_chunks = n_steps.div_ceil(max_chunk).max(1);
    let length = n_steps.div_ceil(n_chunks).max(1);
    let chunk = |start: usize| {
        let wanted = start..(start + length).min(n_steps);
        let start = wanted.start.saturating_sub(REACH);
        let joint = joint(network, inputs, start..(wanted.end + REACH).min(n_steps))?;
        let mut beats = arch.dispatch(Far { network, joint });
        beats.truncate(wanted.end - start);
        beats.drain(..wanted.start - start);
        Ok(beats)
    };
    let new = || SeriesWriter::new(STEPS_PER_SEC);
    let (mut beat, mut downbeat) = (new(), new());
    let starts: Vec<usize> = (0..n_steps).step_by(length).collect();
    for starts in starts.chunks(rayon::current_num_threads()) {
        let found: Result<Vec<Vec<[f32; 2]>>> = starts.par_iter().map(|at| chunk(*at)).collect();
        for [is_beat, is_downbeat] in found?.into_iter().flatten() {
            beat.push(is_beat);
            downbeat.push(is_downbeat);
        }
    }
    Ok((beat.finish(), downbeat.finish()))
}

/// What the far layers see of some steps: what sounds around each, and how harmony changes. It is found in short parts, whose many inputs
/// take little memory.
fn joint(network: &Network, inputs: &Inputs<'_>, steps: Range<usize>) -> Result<Vec<f32>> {
    let arch = pulp::Arch::new();
    let mut joint = Vec::with_capacity(steps.len() * (WIDTH + N_HARMONY));
    for start in steps.clone().step_by(PART_STEPS) {
        let steps = start..(start + PART_STEPS).min(steps.end);
        let hops = steps.start * HOPS_PER_STEP..steps.end * HOPS_PER_STEP;
        let first = hops.start.saturating_sub(REACH_HOPS);
        let rows = inputs.for_beats(first..(hops.end + REACH_HOPS).min(inputs.n_hops()))?;
        let hidden = arch.dispatch(Around { network, rows });
        let hidden = hidden.get(hops.start - first..).unwrap_or_default();
        let hops = hidden.chunks(HOPS_PER_STEP);
        for (harmony, hops) in inputs.harmony(steps)?.into_iter().zip(hops) {
            let loudest = hops.iter().fold([f32::MIN; WIDTH], |max, hop| {
                std::array::from_fn(|k| max[k].max(hop[k]))
            });
            joint.extend(loudest);
            joint.extend(harmony);
        }
    }
    Ok(joint)
}

/// The layers that look around a hop, over part of a song.
struct Around<'a> {
    network: &'a Network,
    /// What [`Inputs::for_beats`] has for the hops.
    rows: Vec<f32>,
}

impl pulp::WithSimd for Around<'_> {
    type Output = Vec<[f32; WIDTH]>;

    /// All convolutions are inlined, and so compiled for the vectors of `S`.
    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) -> Vec<[f32; WIDTH]> {
        self.network.around.apply(self.rows)
    }
}

/// The layers that look far, over part of a song.
struct Far<'a> {
    network: &'a Network,
    joint: Vec<f32>,
}

impl pulp::WithSimd for Far<'_> {
    type Output = Vec<[f32; 2]>;

    /// As in [`Around`].
    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) -> Vec<[f32; 2]> {
        let Self { network, joint } = self;
        let mut far = network.joint.apply(&joint);
        drop(joint);
        rectify(&mut far);
        for block in &network.far {
            block.apply(&mut far);
        }
        rectify(&mut far);
        let beats = network.beat.apply(far.as_flattened());
        beats.iter().map(|beat| beat.map(sigmoid)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weights_are_whole() {
        assert_eq!(Network::read().1, 0);
    }
}
