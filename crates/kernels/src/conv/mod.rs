//! Convolutions: 3×3 with a border of one value, and 1×1.

mod bf16x3;
mod direct;
mod pointwise;
mod winograd;

use std::mem::MaybeUninit;
use std::sync::OnceLock;

use rayon::prelude::*;

use super::input::{Input, Shape};
use super::microkernel::ROWS;
use super::output::write_all;
use super::pieces::Piece;
use super::simd::{Isa, Simd};

/// How products are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// Every product of f32, in order: error as of a plain sum.
    Exact,
    /// Winograd's F(4×4, 3×3) (Lavin and Gray, 2016) where it pays: a quarter of a convolution's products, about ten times the
    /// rounding error. For linear layers, 1×1 convolutions and attention, where the processor has
    /// AMX, values split into two bfloat16, which keep 16 bits of them.
    #[default]
    Fast,
}

impl Method {
    /// The instruction set that computes by it.
    pub fn isa(self) -> Isa {
        match self {
            Self::Exact => Isa::without_bf16x3(),
            Self::Fast => Isa::best(),
        }
    }
}

/// What a 3×3 kernel sees around the image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Border {
    /// Zeros.
    #[default]
    Zero,
    /// The image reflected at its outermost rows and columns, which aren't repeated: PyTorch's `reflect`. An image that is one row
    /// or column wide is repeated.
    Reflect,
}

impl Border {
    /// The row of an image of `n` rows that stands at row `at` of the image with its border, which begins with row 0. `None` for
    /// zeros, and for whatever lies behind the border.
    #[inline(always)]
    fn row(self, at: usize, n: usize) -> Option<usize> {
        match (self, at) {
            (_, at) if (1..=n).contains(&at) => Some(at - 1),
            (Self::Reflect, 0) => Some(1.min(n - 1)),
            (Self::Reflect, at) if at == n + 1 => Some(n.saturating_sub(2)),
            _ => None,
        }
    }

    /// Sets the values around a row of `width` that begins at 1.
    #[inline(always)]
    fn close(self, row: &mut [f32], width: usize) {
        (row[0], row[width + 1]) = match self {
            Self::Zero => (0.0, 0.0),
            Self::Reflect => (row[2.min(width)], row[(width - 1).max(1)]),
        };
    }
}

/// What a convolution is, apart from its weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvShape {
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output.
    pub out_channels: usize,
    /// Rows and columns of the kernel: 1, or 3 with a border of one value around the input.
    pub kernel: usize,
    /// Step over the input: 1, or 2 with a 3×3 kernel.
    pub stride: usize,
    /// Whether the input is doubled in height and width (nearest neighbour) beforehand; with a 3×3 kernel of stride 1.
    pub upsample: bool,
    /// What surrounds the input, after it was doubled.
    pub border: Border,
}

impl ConvShape {
    /// Whether there is a kernel for it.
    pub fn is_supported(&self) -> bool {
        let is_known = match (self.kernel, self.stride) {
            (3, 1) => true,
            (3, 2) | (1, 1) => !self.upsample,
            _ => false,
        };
        is_known && self.in_channels > 0 && self.out_channels > 0
    }

    /// The same of an input that isn't doubled.
    pub fn undoubled(self) -> Self {
        Self {
            upsample: false,
            ..self
        }
    }

    /// Shape of the output.
    pub fn output(&self, input: Shape) -> Shape {
        let size = |n: usize| {
            if self.upsample {
                2 * n
            } else {
                n.div_ceil(self.stride)
            }
        };
        Shape {
            batch: input.batch,
            channels: self.out_channels,
            height: size(input.height),
            width: size(input.width),
        }
    }
}

/// Whether [`Method::Fast`] keeps a 3×3 convolution's weights transformed, which takes 4 times as much memory again, for
/// pictures of any usual size; larger convolutions do so for large pictures.
pub fn is_always_winograd(in_channels: usize, out_channels: usize) -> bool {
    in_channels >= ROWS && winograd::has_few_weights(in_channels, out_channels)
}

/// What is done to the output while it is stored, in this order.
#[derive(Clone, Copy, Debug, Default)]
pub struct Epilogue<'a> {
    /// Added to every value of an image's channel, `[batch][out_channels]`: the time embedding.
    pub channel_bias: Option<&'a [f32]>,
    /// Added value by value; as large as the output.
    pub residual: Option<&'a [f32]>,
    /// Whether ReLU is applied: negative values become zero.
    pub relu: bool,
}

/// A convolution with its weights packed for the kernels.
#[derive(Debug)]
pub struct Conv2d {
    shape: ConvShape,
    isa: Isa,
    method: Method,
    bias: Vec<f32>,
    /// `[out_channels / ROWS][in_channels][taps][ROWS]`; of a 1×1 kernel `[out_channels][in_channels]`, and where values are split, see
    /// [`bf16x3::pack`].
    plain: Vec<f32>,
    /// `[out_channels / ROWS][4][in_channels][4][ROWS]`: of a doubled input, see [`direct`]; made when it is first needed.
    folded: OnceLock<Vec<f32>>,
    /// `[out_channels / ROWS][36][in_channels][ROWS]`, made when it is first needed.
    winograd: OnceLock<Vec<f32>>,
}

impl Conv2d {
    /// Packs `weight`, `[out_channels][in_channels][kernel][kernel]`, to be computed by `method`; an empty bias counts as zeros.
    pub fn new(shape: ConvShape, method: Method, weight: &[f32], bias: &[f32]) -> Self {
        Self::on(method.isa(), shape, method, weight, bias)
    }

    /// The same on one of this processor's instruction sets.
    pub(super) fn on(
        isa: Isa,
        shape: ConvShape,
        method: Method,
        weight: &[f32],
        bias: &[f32],
    ) -> Self {
        let mut bias = bias.to_vec();
        bias.resize(shape.out_channels.next_multiple_of(ROWS), 0.0);
        let plain = match isa.uses_bf16x3() && bf16x3::is_faster(&shape) {
            true => bf16x3::pack(&shape, weight),
            false if shape.kernel == 1 => weight.to_vec(),
            false => direct::pack(&shape, weight),
        };
        Self {
            shape,
            isa,
            method,
            bias,
            plain,
            folded: OnceLock::new(),
            winograd: OnceLock::new(),
        }
    }

    /// The same of an input that isn't doubled, packed anew: for the time and memory of a copy, and of transforms where they pay.
    pub fn undoubled(&self) -> Self {
        Self {
            shape: self.shape.undoubled(),
            bias: self.bias.clone(),
            plain: self.plain.clone(),
            folded: OnceLock::new(),
            winograd: OnceLock::new(),
            ..*self
        }
    }

    /// What it is.
    pub fn shape(&self) -> ConvShape {
        self.shape
    }

    /// The convolution of `input`; its shape is [`ConvShape::output`].
    pub fn forward(&self, input: &Input, epilogue: &Epilogue) -> Vec<f32> {
        assert_eq!(
            input.shape.channels, self.shape.in_channels,
            "channels of a convolution"
        );
        let len = self.shape.output(input.shape).len();
        #[expect(unsafe_code, reason = "the output isn't cleared before")]
        // SAFETY: every way to compute it cuts the output into pieces that hold all of it, and stores the rows of each
        // piece from the first value to the last.
        unsafe {
            write_all(len, |out| self.write(input, epilogue, out))
        }
    }

    /// Stores the convolution in `out`.
    fn write(&self, input: &Input, epilogue: &Epilogue, out: &mut [MaybeUninit<f32>]) {
        let isa = self.isa;
        if out.is_empty() {
            return;
        }
        if let Some(amx) = isa.amx().filter(|_| bf16x3::is_faster(&self.shape)) {
            return bf16x3::forward(self, (isa, amx), input, epilogue, out);
        }
        match self.method {
            _ if self.shape.kernel == 1 => pointwise::forward(self, isa, input, epilogue, out),
            Method::Fast if winograd::is_faster(&self.shape, input.shape) => {
                winograd::forward(self, isa, input, epilogue, out)
            }
            Method::Fast if winograd::deep::is_faster(&self.shape, input.shape) => {
                winograd::deep::forward(self, isa, input, epilogue, out)
            }
            _ => direct::forward(self, isa, input, epilogue, out),
        }
    }

    /// The plain weight of a 3×3 kernel's output channel, input channel and tap, out of the packed ones.
    fn weight(&self, out_channel: usize, in_channel: usize, tap: usize) -> f32 {
        let block = out_channel / ROWS * self.shape.in_channels * 9;
        self.plain[(block + in_channel * 9 + tap) * ROWS + out_channel % ROWS]
    }

    /// What is added to a channel of an image.
    fn channel_bias(&self, epilogue: &Epilogue, image: usize, channel: usize) -> f32 {
        let more = epilogue
            .channel_bias
            .map(|b| b[image * self.shape.out_channels + channel]);
        self.bias[channel] + more.unwrap_or(0.0)
    }
}

/// Runs `compute` on every piece, side by side.
fn for_pieces<'a>(pieces: Vec<Piece<'a>>, compute: impl Fn(&mut Piece<'a>) + Send + Sync) {
    let pieces = pieces.into_par_iter().with_max_len(1);
    pieces.for_each(|mut piece| compute(&mut piece));
}

/// [`Epilogue`] and bias of one channel of one image.
#[derive(Clone, Copy)]
struct ChannelEpilogue<S: Simd> {
    bias: S::V,
    relu: bool,
}

impl<S: Simd> ChannelEpilogue<S> {
    #[inline(always)]
    fn new(s: S, conv: &Conv2d, epilogue: &Epilogue, image: usize, channel: usize) -> Self {
        Self {
            bias: s.splat(conv.channel_bias(epilogue, image, channel)),
            relu: epilogue.relu,
        }
    }

    /// Stores some vectors of sums, or their part that fits `to`; `residual` is at least as long as that.
    #[inline(always)]
    fn store<const V: usize>(
        &self,
        s: S,
        sums: [S::V; V],
        residual: Option<&[f32]>,
        to: &mut [MaybeUninit<f32>],
    ) {
        let mut values = sums;
        for value in &mut values {
            *value = s.add(*value, self.bias);
        }
        if let Some(residual) = residual {
            let residual = s.load_row::<V>(residual);
            for v in 0..V {
                values[v] = s.add(values[v], residual[v]);
            }
        }
        if self.relu {
            for value in &mut values {
                *value = s.max(*value, s.splat(0.0));
            }
        }
        s.store_row(values, to);
    }

    /// Stores a row of sums.
    #[inline(always)]
    fn store_row(
        &self,
        s: S,
        sums: &[f32],
        residual: Option<&[f32]>,
        out: &mut [MaybeUninit<f32>],
    ) {
        for x in (0..out.len()).step_by(S::LANES) {
            let residual = residual.map(|residual| &residual[x..]);
            self.store(s, [s.load_partial(&sums[x..])], residual, &mut out[x..]);
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
