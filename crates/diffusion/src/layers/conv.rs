//! Convolutions, with what is fused into them.

use candle_core::{Result as TensorResult, Tensor};
use common::Result;
use kernels::Border;

use super::packed::{PackedConv, run_conv};
use super::{ChannelAffine, GroupNorm, packing};
use crate::ops;
use crate::weights::Weights;

/// A batch of pictures, whose channels lie in one tensor or in two: a concatenation that costs no copy.
#[derive(Clone, Copy, Debug)]
pub struct Concat<'a> {
    /// The first channels.
    pub first: &'a Tensor,
    /// The channels after them.
    pub second: Option<&'a Tensor>,
}

impl Concat<'_> {
    fn cat(&self) -> TensorResult<Tensor> {
        match self.second {
            Some(second) => Tensor::cat(&[self.first, second], 1),
            None => Ok(self.first.clone()),
        }
    }
}

impl<'a> From<&'a Tensor> for Concat<'a> {
    fn from(first: &'a Tensor) -> Self {
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
    pub channel_bias: Option<&'a Tensor>,
    /// Added pixel by pixel; as large as the output.
    pub residual: Option<&'a Tensor>,
    /// Whether ReLU is applied at the end.
    pub relu: bool,
}

/// 2D convolution with a square kernel.
#[derive(Debug)]
pub struct Conv2d {
    weights: ConvWeights,
    stride: usize,
    padding: usize,
    border: Border,
}

#[derive(Debug)]
enum ConvWeights {
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
    /// Zeros around the input.
    pub padding: usize,
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
        }
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
        let ConvSizes {
            c_in,
            c_out,
            kernel,
            stride,
            padding,
        } = sizes;
        let border = w.border();
        if border == Border::Reflect && (padding != kernel / 2 || kernel > 3) {
            return Err(w.misfit(format!(
                "only 3x3 convolutions can reflect a picture, not {kernel}x{kernel} with a padding of {padding}"
            )));
        }
        let weight = w.tensor("weight", (c_out, c_in, kernel, kernel))?;
        let shape = kernels::ConvShape {
            in_channels: c_in,
            out_channels: c_out,
            kernel,
            stride,
            upsample: false,
            border,
        };
        let weights = if w.packs() && shape.is_supported() && padding == kernel / 2 {
            let packed = PackedConv::new((shape, w.method()), &weight, bias.as_ref(), w.half());
            ConvWeights::Packed(packed.map_err(packing())?)
        } else {
            ConvWeights::Plain { weight, bias }
        };
        Ok(Self {
            weights,
            stride,
            padding,
            border,
        })
    }

    /// `[b, c_in, h, w]` to `[b, c_out, h', w']`.
    pub fn forward(&self, x: &Tensor) -> TensorResult<Tensor> {
        self.forward_fused(x.into(), Fusion::default())
    }

    /// The same with other steps fused into it.
    pub fn forward_fused(&self, x: Concat<'_>, fusion: Fusion<'_>) -> TensorResult<Tensor> {
        let (weight, bias) = match &self.weights {
            ConvWeights::Packed(conv) => return run_conv(conv, x, fusion),
            ConvWeights::Plain { weight, bias } => (weight, bias.as_ref()),
        };
        let mut x = x.cat()?;
        if let Some(affine) = fusion.affine {
            x = ops::silu(&affine.forward(&x)?)?;
        } else if let Some(norm) = fusion.norm {
            x = norm.forward_silu(&x)?;
        }
        if fusion.relu_before {
            x = x.relu()?;
        }
        let (x, padding) = bordered(x, self.border, self.padding)?;
        let mut y = ops::conv2d(&x, weight, bias, self.stride, padding)?;
        if let Some(shift) = fusion.channel_bias {
            y = y.broadcast_add(&shift.unsqueeze(2)?.unsqueeze(3)?)?;
        }
        if let Some(residual) = fusion.residual {
            y = (y + residual)?;
        }
        if fusion.relu { y.relu() } else { Ok(y) }
    }
}

/// The input with its border where that isn't made of zeros, and how many zeros are still to be added around it.
fn bordered(x: Tensor, border: Border, padding: usize) -> TensorResult<(Tensor, usize)> {
    match (border, padding) {
        (Border::Reflect, 1) => Ok((ops::reflected(&x)?, 0)),
        _ => Ok((x, padding)),
    }
}

/// A nearest-neighbour resize to about twice the size, then a 3x3 convolution that keeps it.
#[derive(Debug)]
pub struct UpsampleConv {
    /// Packed for a doubled input.
    weights: ConvWeights,
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
        let shape = kernels::ConvShape {
            in_channels: channels,
            out_channels: channels,
            kernel: 3,
            stride: 1,
            upsample: true,
            border: w.border(),
        };
        let weights = if w.packs() {
            let packed = PackedConv::new((shape, w.method()), &weight, bias.as_ref(), w.half());
            ConvWeights::Packed(packed.map_err(packing())?)
        } else {
            ConvWeights::Plain { weight, bias }
        };
        Ok(Self {
            weights,
            border: w.border(),
        })
    }

    /// `[b, c, h, w]` to `[b, c, height, width]`.
    pub fn forward(&self, x: &Tensor, height: usize, width: usize) -> TensorResult<Tensor> {
        let (_, _, h, w) = x.dims4()?;
        match &self.weights {
            ConvWeights::Packed(conv) if (2 * h, 2 * w) == (height, width) => {
                run_conv(conv, x.into(), Fusion::default())
            }
            ConvWeights::Packed(conv) => {
                let x = ops::upsample_nearest(x, height, width)?;
                run_conv(&conv.undoubled(), (&x).into(), Fusion::default())
            }
            ConvWeights::Plain { weight, bias } => {
                let x = ops::upsample_nearest(x, height, width)?;
                let (x, padding) = bordered(x, self.border, 1)?;
                ops::conv2d(&x, weight, bias.as_ref(), 1, padding)
            }
        }
    }
}
