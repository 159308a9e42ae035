//! Normalisations of pictures and tokens.

use candle_core::{DType, Device, Result as TensorResult, Tensor};
use common::Result;
use kernels::{Activation, Isa};

use super::packed::shape_of;
use super::{Values, packing};
use crate::ops;
use crate::weights::Weights;

/// The map `scale x + shift` of each picture's channel, as a normalisation with known statistics: `[b * c]` pairs.
#[derive(Clone, Debug)]
pub struct ChannelAffine(pub(super) Vec<[f32; 2]>);

impl ChannelAffine {
    /// `x` is `[b, c, h, w]`.
    pub(super) fn forward(&self, x: &Tensor) -> TensorResult<Tensor> {
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

/// Normalisation over groups of channels.
#[derive(Debug)]
pub struct GroupNorm {
    weight: Tensor,
    bias: Tensor,
    n_groups: usize,
    eps: f64,
    pub(super) kernel: Option<kernels::GroupNorm>,
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
        let input = kernels::Input {
            affine: Some(&affine),
            activation: match silu {
                true => Activation::Silu,
                false => Activation::None,
            },
            ..input
        };
        let out = kernels::normalize(Isa::best(), &input);
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
    pub(super) kernel: Option<kernels::LayerNorm>,
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
