//! Convolutions, with what is fused into them.

use candle_core::{Result as TensorResult, Tensor};
use common::Result;
use gpu::{Gemm, GemmShape};
use kernels::Border;

use super::packed::{self, PackedConv};
use super::{Activation, ChannelAffine, GroupNorm, Place, on_gpu, packing, upsample_nearest};
use crate::ops;
use crate::weights::Weights;

/// A batch of pictures, whose channels lie in one place or in two: a concatenation that costs no copy.
#[derive(Clone, Copy, Debug)]
pub struct Concat<'a> {
    /// The first channels.
    pub first: &'a Activation,
    /// The channels after them.
    pub second: Option<&'a Activation>,
}

impl Concat<'_> {
    fn cat(&self) -> TensorResult<Tensor> {
        let first = self.first.tensor()?;
        match self.second {
            Some(second) => Tensor::cat(&[first, second.tensor()?], 1),
            None => Ok(first.clone()),
        }
    }
}

impl<'a> From<&'a Activation> for Concat<'a> {
    fn from(first: &'a Activation) -> Self {
        Self {
            first,
            second: None,
        }
    }
}

/// What is fused into a convolution: steps before and after it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fusion<'a> {
    /// A normalisation of the input, followed by SiLU.
    pub norm: Option<&'a GroupNorm>,
    /// In place of `norm`: a normalisation whose statistics are known, followed by SiLU.
    pub affine: Option<&'a ChannelAffine>,
    /// In place of a normalisation: whether ReLU is applied to the input.
    pub relu_before: bool,
    /// Added to every pixel of a channel, `[b, c_out]`.
    pub channel_bias: Option<&'a Activation>,
    /// Added pixel by pixel; as large as the output.
    pub residual: Option<&'a Activation>,
    /// Whether ReLU is applied at the end.
    pub relu: bool,
}

/// 2D convolution with a square kernel.
#[derive(Debug)]
pub struct Conv2d {
    weights: ConvWeights,
    sizes: ConvSizes,
    border: Border,
}

#[derive(Debug)]
enum ConvWeights {
    Gpu(Gemm),
    Packed(PackedConv),
    Plain {
        weight: Tensor,
        bias: Option<Tensor>,
    },
}

/// Sizes of a [`Conv2d`].
#[derive(Clone, Copy, Debug)]
pub struct ConvSizes {
    /// Channels of the input.
    pub c_in: usize,
    /// Channels of the output.
    pub c_out: usize,
    /// Side of the kernel.
    pub kernel: usize,
    /// Step over the input.
    pub stride: usize,
    /// Pixels above the input and left of it.
    pub padding: usize,
    /// Pixels below the input and right of it.
    pub end_padding: usize,
}

impl ConvSizes {
    /// A convolution that keeps height and width.
    pub fn same(c_in: usize, c_out: usize, kernel: usize) -> Self {
        Self {
            c_in,
            c_out,
            kernel,
            stride: 1,
            padding: kernel / 2,
            end_padding: kernel / 2,
        }
    }

    /// Whether the padding is that of an output as large as the input, on all sides.
    fn is_centred(&self) -> bool {
        [self.padding, self.end_padding] == [self.kernel / 2; 2]
    }
}

impl Conv2d {
    /// A convolution that keeps height and width: stride 1, padding `kernel / 2`.
    pub fn load(w: Weights, c_in: usize, c_out: usize, kernel: usize) -> Result<Self> {
        let bias = w.tensor("bias", c_out)?;
        Self::new(&w, ConvSizes::same(c_in, c_out, kernel), Some(bias))
    }

    /// A convolution of any stride and padding, with a bias.
    pub fn load_strided(w: Weights, sizes: ConvSizes) -> Result<Self> {
        let bias = w.tensor("bias", sizes.c_out)?;
        Self::new(&w, sizes, Some(bias))
    }

    /// A convolution without a bias.
    pub fn load_without_bias(w: Weights, sizes: ConvSizes) -> Result<Self> {
        Self::new(&w, sizes, None)
    }

    fn new(w: &Weights, sizes: ConvSizes, bias: Option<Tensor>) -> Result<Self> {
        let border = w.border();
        let kernel = sizes.kernel;
        if border == Border::Reflect && (!sizes.is_centred() || kernel > 3) {
            return Err(w.misfit(format!(
                "only 3x3 convolutions can reflect a picture, not {kernel}x{kernel} with a padding of {}",
                sizes.padding
            )));
        }
        let weight = w.tensor("weight", (sizes.c_out, sizes.c_in, kernel, kernel))?;
        let weights = ConvWeights::new(w, &sizes, false, weight, bias)?;
        Ok(Self {
            weights,
            sizes,
            border,
        })
    }

    /// `[b, c_in, h, w]` to `[b, c_out, h', w']`.
    pub fn forward(&self, x: &Activation) -> TensorResult<Activation> {
        self.forward_fused(x.into(), Fusion::default())
    }

    /// The same with other steps fused into it.
    pub fn forward_fused(&self, x: Concat<'_>, fusion: Fusion<'_>) -> TensorResult<Activation> {
        let (weight, bias) = match &self.weights {
            ConvWeights::Gpu(gemm) => return on_gpu::run_conv(gemm, x, None, fusion),
            ConvWeights::Packed(conv) => return packed::run_conv(conv, x, fusion),
            ConvWeights::Plain { weight, bias } => (weight, bias.as_ref()),
        };
        let mut x = x.cat()?;
        if let Some(affine) = fusion.affine {
            x = ops::silu(&affine.forward(&x)?)?;
        } else if let Some(norm) = fusion.norm {
            x = norm.of_tensor(&x, true)?;
        }
        if fusion.relu_before {
            x = x.relu()?;
        }
        let (x, padding) = bordered(x, self.border, &self.sizes)?;
        let mut y = ops::conv2d(&x, weight, bias, self.sizes.stride, padding)?;
        if let Some(shift) = fusion.channel_bias {
            y = y.broadcast_add(&shift.tensor()?.unsqueeze(2)?.unsqueeze(3)?)?;
        }
        if let Some(residual) = fusion.residual {
            y = (y + residual.tensor()?)?;
        }
        if fusion.relu {
            y = y.relu()?;
        }
        Ok(Activation::Tensor(y))
    }
}

impl ConvWeights {
    /// Weights as they are computed with; `upsample` says whether the input is doubled beforehand.
    fn new(
        w: &Weights,
        sizes: &ConvSizes,
        upsample: bool,
        weight: Tensor,
        bias: Option<Tensor>,
    ) -> Result<Self> {
        if let Place::Gpu(gpu, element) = w.place() {
            let shape = GemmShape {
                stride: sizes.stride,
                padding: sizes.padding,
                end_padding: sizes.end_padding,
                border: on_gpu::border(w.border()),
                ..GemmShape::conv(sizes.c_in, sizes.c_out, sizes.kernel)
            };
            let gemm = on_gpu::gemm((gpu, *element), shape, &weight, bias.as_ref());
            return gemm.map(Self::Gpu).map_err(packing());
        }
        let shape = kernels::ConvShape {
            in_channels: sizes.c_in,
            out_channels: sizes.c_out,
            kernel: sizes.kernel,
            stride: sizes.stride,
            upsample,
            border: w.border(),
        };
        if !(w.packs() && shape.is_supported() && sizes.is_centred()) {
            return Ok(Self::Plain { weight, bias });
        }
        let packed = PackedConv::new((shape, w.method()), &weight, bias.as_ref(), w.half());
        packed.map(Self::Packed).map_err(packing())
    }
}

/// The input with its border, as far as that isn't one of as many zeros on all sides: how many of these are still to be added.
fn bordered(x: Tensor, border: Border, sizes: &ConvSizes) -> TensorResult<(Tensor, usize)> {
    let padding = sizes.padding;
    match (border, padding) {
        (Border::Reflect, 1) => Ok((ops::reflected(&x)?, 0)),
        _ => {
            let more = sizes.end_padding.saturating_sub(padding);
            let x = match more {
                0 => x,
                _ => x.pad_with_zeros(2, 0, more)?.pad_with_zeros(3, 0, more)?,
            };
            Ok((x, padding))
        }
    }
}

/// A nearest-neighbour resize to about twice the size, then a 3x3 convolution that keeps it.
#[derive(Debug)]
pub struct UpsampleConv {
    /// Packed for a doubled input.
    weights: ConvWeights,
    sizes: ConvSizes,
    border: Border,
}

impl UpsampleConv {
    /// Loads the convolution.
    pub fn load(w: Weights, channels: usize) -> Result<Self> {
        let bias = w.tensor("bias", channels)?;
        Self::new(&w, channels, Some(bias))
    }

    /// A convolution without a bias.
    pub fn load_without_bias(w: Weights, channels: usize) -> Result<Self> {
        Self::new(&w, channels, None)
    }

    fn new(w: &Weights, channels: usize, bias: Option<Tensor>) -> Result<Self> {
        let weight = w.tensor("weight", (channels, channels, 3, 3))?;
        let sizes = ConvSizes::same(channels, channels, 3);
        Ok(Self {
            weights: ConvWeights::new(w, &sizes, true, weight, bias)?,
            sizes,
            border: w.border(),
        })
    }

    /// `[b, c, h, w]` to `[b, c, height, width]`.
    pub fn forward(&self, x: &Activation, height: usize, width: usize) -> TensorResult<Activation> {
        let (h, w) = x.size()?;
        match &self.weights {
            ConvWeights::Gpu(gemm) => {
                on_gpu::run_conv(gemm, x.into(), Some((height, width)), Fusion::default())
            }
            ConvWeights::Packed(conv) if (2 * h, 2 * w) == (height, width) => {
                packed::run_conv(conv, x.into(), Fusion::default())
            }
            ConvWeights::Packed(conv) => {
                let x = upsample_nearest(x, height, width)?;
                packed::run_conv(&conv.undoubled(), (&x).into(), Fusion::default())
            }
            ConvWeights::Plain { weight, bias } => {
                let x = ops::upsample_nearest(x.tensor()?, height, width)?;
                let (x, padding) = bordered(x, self.border, &self.sizes)?;
                ops::conv2d(&x, weight, bias.as_ref(), 1, padding).map(Activation::Tensor)
            }
        }
    }
}
