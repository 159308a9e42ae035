//! Layers with weights, loaded by name and shape.
//!
//! On the CPU they run on our [kernels], with weights packed once and the steps around a layer (normalisation and
//! activation before it, a sum behind it) done on the way. They compute in f32; weights may be kept in half precision, and are
//! then widened and packed for each call. Elsewhere the same steps are candle's, one by one.

mod packed;

use candle_core::{DType, Device, Result as TensorResult, Tensor};
use common::Result;
use kernels::Isa;

use self::packed::{PackedConv, PackedLinear, run_conv, run_linear, shape_of};
use super::ops;
use super::weights::Weights;

pub use self::packed::{Heads, Values, attention, pixel_shuffle, to_picture, to_tokens};

fn packing() -> impl FnOnce(candle_core::Error) -> common::Error {
    common::Error::tensor("packing weights")
}

/// One batch of pictures, or two whose channels belong together.
#[derive(Clone, Copy, Debug)]
pub struct Joined<'a> {
    /// The first channels.
    pub first: &'a Tensor,
    /// The channels behind them.
    pub second: Option<&'a Tensor>,
}

impl Joined<'_> {
    fn cat(&self) -> TensorResult<Tensor> {
        match self.second {
            Some(second) => Tensor::cat(&[self.first, second], 1),
            None => Ok(self.first.clone()),
        }
    }
}

impl<'a> From<&'a Tensor> for Joined<'a> {
    fn from(first: &'a Tensor) -> Self {
        Self {
            first,
            second: None,
        }
    }
}

/// What is done before and behind a convolution.
#[derive(Clone, Copy, Debug, Default)]
pub struct Around<'a> {
    /// A normalisation of the input, followed by SiLU.
    pub norm: Option<&'a GroupNorm>,
    /// In place of `norm`: a normalisation whose statistics are known, followed by SiLU.
    pub affine: Option<&'a ChannelAffine>,
    /// Added to every pixel of a channel, `[b, c_out]`.
    pub channel_bias: Option<&'a Tensor>,
    /// Added pixel by pixel; as large as the output.
    pub residual: Option<&'a Tensor>,
    /// Whether negative values become zero in the end.
    pub relu: bool,
}

/// The map `scale x + shift` of each picture's channel, as a normalisation with known statistics: `[b * c]` pairs.
#[derive(Clone, Debug)]
pub struct ChannelAffine(Vec<[f32; 2]>);

impl ChannelAffine {
    /// `x` is `[b, c, h, w]`.
    fn forward(&self, x: &Tensor) -> TensorResult<Tensor> {
        let (batch, channels, _, _) = x.dims4()?;
        let part = |idx: usize| {
            let values: Vec<f32> = self
                .0
                .iter()
                .filter_map(|pair| pair.get(idx))
                .copied()
                .collect();
            Tensor::from_vec(values, (batch, channels, 1, 1), x.device())
        };
        x.to_dtype(DType::F32)?
            .broadcast_mul(&part(0)?)?
            .broadcast_add(&part(1)?)?
            .to_dtype(x.dtype())
    }
}

/// 2D convolution with a square kernel.
#[derive(Debug)]
pub struct Conv2d {
    weights: ConvWeights,
    stride: usize,
    padding: usize,
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
        let weight = w.tensor("weight", (c_out, c_in, kernel, kernel))?;
        let shape = kernels::ConvShape {
            in_channels: c_in,
            out_channels: c_out,
            kernel,
            stride,
            upsample: false,
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
        })
    }

    /// `[b, c_in, h, w]` to `[b, c_out, h', w']`.
    pub fn forward(&self, x: &Tensor) -> TensorResult<Tensor> {
        self.forward_around(x.into(), Around::default())
    }

    /// The same with what is done before and behind it.
    pub fn forward_around(&self, x: Joined<'_>, around: Around<'_>) -> TensorResult<Tensor> {
        let (weight, bias) = match &self.weights {
            ConvWeights::Packed(conv) => return run_conv(conv, x, around),
            ConvWeights::Plain { weight, bias } => (weight, bias.as_ref()),
        };
        let mut x = x.cat()?;
        if let Some(affine) = around.affine {
            x = ops::silu(&affine.forward(&x)?)?;
        } else if let Some(norm) = around.norm {
            x = norm.forward_silu(&x)?;
        }
        let mut y = ops::conv2d(&x, weight, bias, self.stride, self.padding)?;
        if let Some(shift) = around.channel_bias {
            y = y.broadcast_add(&shift.unsqueeze(2)?.unsqueeze(3)?)?;
        }
        if let Some(residual) = around.residual {
            y = (y + residual)?;
        }
        if around.relu { y.relu() } else { Ok(y) }
    }
}

/// A nearest-neighbour resize to about twice the size, then a 3x3 convolution that keeps it.
#[derive(Debug)]
pub struct UpsampleConv {
    /// Packed for a doubled input.
    weights: ConvWeights,
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
        };
        let weights = if w.packs() {
            let packed = PackedConv::new((shape, w.method()), &weight, bias.as_ref(), w.half());
            ConvWeights::Packed(packed.map_err(packing())?)
        } else {
            ConvWeights::Plain { weight, bias }
        };
        Ok(Self { weights })
    }

    /// `[b, c, h, w]` to `[b, c, height, width]`.
    pub fn forward(&self, x: &Tensor, height: usize, width: usize) -> TensorResult<Tensor> {
        let (_, _, h, w) = x.dims4()?;
        match &self.weights {
            ConvWeights::Packed(conv) if (2 * h, 2 * w) == (height, width) => {
                run_conv(conv, x.into(), Around::default())
            }
            ConvWeights::Packed(conv) => {
                let x = ops::upsample_nearest(x, height, width)?;
                run_conv(&conv.undoubled(), (&x).into(), Around::default())
            }
            ConvWeights::Plain { weight, bias } => {
                let x = ops::upsample_nearest(x, height, width)?;
                ops::conv2d(&x, weight, bias.as_ref(), 1, 1)
            }
        }
    }
}

/// Affine map of the last axis.
#[derive(Debug)]
pub struct Linear {
    weights: LinearWeights,
    is_gated: bool,
}

#[derive(Debug)]
enum LinearWeights {
    Packed(PackedLinear),
    Plain {
        weight: Tensor,
        bias: Option<Tensor>,
    },
}

impl Linear {
    /// A map with bias.
    pub fn load(w: Weights, width_in: usize, width_out: usize) -> Result<Self> {
        let bias = w.tensor("bias", width_out)?;
        Self::new(&w, width_in, width_out, Some(bias), false)
    }

    /// A map without bias.
    pub fn load_without_bias(w: Weights, width_in: usize, width_out: usize) -> Result<Self> {
        Self::new(&w, width_in, width_out, None, false)
    }

    /// A map to `2 * width_out` values, whose first half is multiplied by GELU of the second.
    pub fn load_gated(w: Weights, width_in: usize, width_out: usize) -> Result<Self> {
        let bias = w.tensor("bias", 2 * width_out)?;
        Self::new(&w, width_in, 2 * width_out, Some(bias), true)
    }

    fn new(
        w: &Weights,
        width_in: usize,
        width_out: usize,
        bias: Option<Tensor>,
        is_gated: bool,
    ) -> Result<Self> {
        let weight = w.tensor("weight", (width_out, width_in))?;
        let weights = if w.packs() {
            let packed =
                PackedLinear::new(w.method().isa(), &weight, bias.as_ref(), is_gated, w.half());
            LinearWeights::Packed(packed.map_err(packing())?)
        } else {
            LinearWeights::Plain { weight, bias }
        };
        Ok(Self { weights, is_gated })
    }

    /// `[..., width_in]` to `[..., width_out]`.
    pub fn forward(&self, x: &Tensor) -> TensorResult<Tensor> {
        self.forward_around(x, None, None)
    }

    /// The same of the normalised `x`, with `residual` added.
    pub fn forward_around(
        &self,
        x: &Tensor,
        norm: Option<&LayerNorm>,
        residual: Option<&Tensor>,
    ) -> TensorResult<Tensor> {
        let (weight, bias) = match &self.weights {
            LinearWeights::Packed(linear) => return run_linear(linear, x, norm, residual),
            LinearWeights::Plain { weight, bias } => (weight, bias.as_ref()),
        };
        let x = match norm {
            Some(norm) => norm.forward(x)?,
            None => x.clone(),
        };
        let mut y = ops::linear(&x, weight, bias)?;
        if self.is_gated {
            y = ops::geglu(&y)?;
        }
        match residual {
            Some(residual) => y + residual,
            None => Ok(y),
        }
    }
}

/// Normalisation over groups of channels.
#[derive(Debug)]
pub struct GroupNorm {
    weight: Tensor,
    bias: Tensor,
    n_groups: usize,
    eps: f64,
    kernel: Option<kernels::GroupNorm>,
}

impl GroupNorm {
    /// Loads scale and shift.
    ///
    /// # Errors
    /// When the tensors don't fit, or `n_groups` doesn't divide `channels`.
    pub fn load(w: Weights, channels: usize, n_groups: usize, eps: f64) -> Result<Self> {
        if n_groups == 0 || !channels.is_multiple_of(n_groups) {
            return Err(w.misfit(format!(
                "norm_num_groups = {n_groups} must divide a layer's {channels} channels"
            )));
        }
        let weight = w.tensor("weight", channels)?;
        let bias = w.tensor("bias", channels)?;
        let kernel = || -> TensorResult<kernels::GroupNorm> {
            Ok(kernels::GroupNorm {
                n_groups,
                eps,
                weight: weight.to_vec1()?,
                bias: bias.to_vec1()?,
            })
        };
        let kernel = w.packs().then(kernel).transpose();
        Ok(Self {
            kernel: kernel.map_err(packing())?,
            weight,
            bias,
            n_groups,
            eps,
        })
    }

    /// `[b, c, ...]`, same shape out.
    pub fn forward(&self, x: &Tensor) -> TensorResult<Tensor> {
        self.run(x, false)
    }

    /// The normalised `x`, then SiLU.
    pub fn forward_silu(&self, x: &Tensor) -> TensorResult<Tensor> {
        self.run(x, true)
    }

    /// Sums over parts of a picture, from which [`GroupNorm::affine`] makes the normalisation of the whole. `parts` have
    /// the same batch and channels.
    ///
    /// # Errors
    /// When the device or the memory fails.
    pub fn sums(
        &self,
        parts: impl Iterator<Item = TensorResult<Tensor>>,
    ) -> TensorResult<PartSums> {
        let mut total = PartSums::default();
        for part in parts {
            let part = part?.contiguous()?;
            let sums = match &self.kernel {
                Some(_) => {
                    let values = Values::of(&part)?;
                    let input = kernels::Input::plain(&values, shape_of(&part)?);
                    kernels::channel_sums(Isa::best(), &input)
                }
                None => channel_sums(&part)?,
            };
            total.plane += part.elem_count() / sums.len().max(1);
            total.sums.resize(sums.len(), [0.0; 2]);
            for (total, part) in total.sums.iter_mut().zip(sums) {
                *total = [total[0] + part[0], total[1] + part[1]];
            }
        }
        Ok(total)
    }

    /// The normalisation of a picture with these sums.
    ///
    /// # Errors
    /// When the device fails.
    pub fn affine(&self, sums: &PartSums) -> TensorResult<ChannelAffine> {
        let affine = match &self.kernel {
            Some(kernel) => kernel.affine(&sums.sums, sums.plane),
            None => kernels::GroupNorm {
                n_groups: self.n_groups,
                eps: self.eps,
                weight: self.weight.to_dtype(DType::F32)?.to_vec1()?,
                bias: self.bias.to_dtype(DType::F32)?.to_vec1()?,
            }
            .affine(&sums.sums, sums.plane),
        };
        Ok(ChannelAffine(affine))
    }

    fn run(&self, x: &Tensor, silu: bool) -> TensorResult<Tensor> {
        let Some(kernel) = &self.kernel else {
            return match silu {
                true => ops::group_norm_silu(x, &self.weight, &self.bias, self.n_groups, self.eps),
                false => ops::group_norm(x, &self.weight, &self.bias, self.n_groups, self.eps),
            };
        };
        let x = x.contiguous()?;
        let values = Values::of(&x)?;
        let input = kernels::Input::plain(&values, shape_of(&x)?);
        let affine = kernel.affine(
            &kernels::channel_sums(Isa::best(), &input),
            input.shape.plane(),
        );
        let mut out = kernels::unwritten(values.len());
        let input = kernels::Input {
            affine: Some(&affine),
            silu,
            ..input
        };
        kernels::normalize(Isa::best(), &input, &mut out);
        Tensor::from_vec(out, x.shape(), &Device::Cpu)
    }
}

/// Sum and sum of squares of each picture's channel, over a number of pixels.
#[derive(Clone, Debug, Default)]
pub struct PartSums {
    sums: kernels::ChannelSums,
    plane: usize,
}

/// [`kernels::channel_sums`] of a tensor on any device.
fn channel_sums(x: &Tensor) -> TensorResult<kernels::ChannelSums> {
    let rows = x.to_dtype(DType::F32)?.flatten_from(2)?.flatten_to(1)?; // [b * c, h * w]
    let sums: Vec<f32> = rows.sum(1)?.to_vec1()?;
    let squares: Vec<f32> = rows.sqr()?.sum(1)?.to_vec1()?;
    let pairs = sums.into_iter().zip(squares);
    Ok(pairs.map(|(a, b)| [f64::from(a), f64::from(b)]).collect())
}

/// Normalisation over the last axis.
#[derive(Debug)]
pub struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    eps: f64,
    kernel: Option<kernels::LayerNorm>,
}

impl LayerNorm {
    /// Loads scale and shift.
    pub fn load(w: Weights, width: usize, eps: f64) -> Result<Self> {
        let weight = w.tensor("weight", width)?;
        let bias = w.tensor("bias", width)?;
        let kernel = || -> TensorResult<kernels::LayerNorm> {
            Ok(kernels::LayerNorm {
                weight: weight.to_vec1()?,
                bias: bias.to_vec1()?,
                eps: eps as f32,
            })
        };
        let kernel = w.packs().then(kernel).transpose();
        Ok(Self {
            kernel: kernel.map_err(packing())?,
            weight,
            bias,
            eps,
        })
    }

    /// `[..., width]`, same shape out.
    pub fn forward(&self, x: &Tensor) -> TensorResult<Tensor> {
        ops::layer_norm(x, &self.weight, &self.bias, self.eps)
    }
}
