//! What a kernel reads: one or two batches of planes, normalised and activated on the way.

use super::math::silu;
use super::output::Slot;
use super::simd::Simd;

/// Sizes of a batch of images, in the order of its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Images.
    pub batch: usize,
    /// Planes of each image.
    pub channels: usize,
    /// Rows of each plane.
    pub height: usize,
    /// Values of each row.
    pub width: usize,
}

impl Shape {
    /// Values in one plane.
    pub fn plane(&self) -> usize {
        self.height * self.width
    }

    /// Values in all.
    pub fn len(&self) -> usize {
        self.batch * self.channels * self.plane()
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What is done to a value before a kernel computes with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    #[default]
    None,
    /// `x / (1 + e^-x)`
    Silu,
    /// `max(x, 0)`
    Relu,
}

/// A batch of images as a kernel reads it: `act(scale x + shift)`.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// Sizes; `channels` counts both parts.
    pub shape: Shape,
    /// The first channels of each image, `[batch][channels of this part][height][width]`.
    pub first: &'a [f32],
    /// The channels after them, in the same layout; may be empty. This saves a concatenation.
    pub second: &'a [f32],
    /// Scale and shift of each image's channel, `[batch][channels]`: a normalisation that is applied on the way.
    pub affine: Option<&'a [[f32; 2]]>,
    /// What is applied after it.
    pub activation: Activation,
}

impl<'a> Input<'a> {
    /// The values as they are.
    pub fn plain(values: &'a [f32], shape: Shape) -> Self {
        Self {
            shape,
            first: values,
            second: &[],
            affine: None,
            activation: Activation::None,
        }
    }

    /// The plane of `channel` in `image`.
    #[inline(always)]
    pub(super) fn plane(&self, image: usize, channel: usize) -> &'a [f32] {
        let plane = self.shape.plane();
        let n_first = self.first.len() / (self.shape.batch * plane);
        let (values, at) = if channel < n_first {
            (self.first, image * n_first + channel)
        } else {
            let n_second = self.shape.channels - n_first;
            (self.second, image * n_second + channel - n_first)
        };
        &values[at * plane..][..plane]
    }

    /// Copies part of a plane of `channel` in `image` to `to`, which is as long, normalised and activated.
    #[inline(always)]
    pub(super) fn copy<S: Simd, T: Slot>(
        &self,
        s: S,
        (image, channel): (usize, usize),
        from: &[f32],
        to: &mut [T],
    ) {
        assert_eq!(from.len(), to.len(), "values to copy");
        let affine = self
            .affine
            .map(|a| a[image * self.shape.channels + channel]);
        let map = Affine::new(s, affine.unwrap_or([1.0, 0.0]));
        match (affine, self.activation) {
            (None, Activation::None) => copy(from, to),
            (Some(_), Activation::None) => map.apply::<_, NONE>(s, from, to),
            (_, Activation::Silu) => map.apply::<_, SILU>(s, from, to),
            (_, Activation::Relu) => map.apply::<_, RELU>(s, from, to),
        }
    }
}

#[inline(always)]
fn copy<T: Slot>(from: &[f32], to: &mut [T]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = T::new(*from);
    }
}

/// [`Activation`] as a constant of a compiled loop.
const NONE: u8 = 0;
const SILU: u8 = 1;
const RELU: u8 = 2;

/// `scale x + shift` on vectors.
struct Affine<S: Simd> {
    scale: S::V,
    shift: S::V,
}

// No closures here: the compiler need not inline them, and then they aren't compiled for the instruction set.
impl<S: Simd> Affine<S> {
    #[inline(always)]
    fn new(s: S, [scale, shift]: [f32; 2]) -> Self {
        Self {
            scale: s.splat(scale),
            shift: s.splat(shift),
        }
    }

    #[inline(always)]
    fn apply<T: Slot, const ACTIVATION: u8>(&self, s: S, from: &[f32], to: &mut [T]) {
        let mut vectors = to.chunks_exact_mut(S::LANES);
        let mut sources = from.chunks_exact(S::LANES);
        for (to, from) in (&mut vectors).zip(&mut sources) {
            s.store(self.one::<ACTIVATION>(s, s.load(from)), to);
        }
        let rest = self.one::<ACTIVATION>(s, s.load_partial(sources.remainder()));
        s.store_partial(rest, vectors.into_remainder());
    }

    #[inline(always)]
    fn one<const ACTIVATION: u8>(&self, s: S, x: S::V) -> S::V {
        let x = s.mul_add(x, self.scale, self.shift);
        match ACTIVATION {
            SILU => silu(s, x),
            RELU => s.max(x, s.splat(0.0)),
            _ => x,
        }
    }
}
