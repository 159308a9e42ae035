//! Normalisations of pictures and tokens.

use candle_core::{DType, Device, Result as TensorResult, Tensor};
use common::Result;
use gpu::{Array, GroupSums, Pointwise};
use kernels::Isa;

use super::activation::misplaced;
use super::on_gpu::{failed, output, values};
use super::packed::shape_of;
use super::{Activation, Place, Values, packing};
use crate::ops;
use crate::weights::Weights;

/// The map `scale x + shift` of each picture's channel, as a normalisation with known statistics.
#[derive(Clone, Debug)]
pub enum ChannelAffine {
    /// `[b * c]` pairs.
    Pairs(Vec<[f32; 2]>),
    /// On a GPU.
    Gpu(gpu::ChannelAffine),
}

impl ChannelAffine {
    /// `x` is `[b, c, h, w]`.
    pub(super) fn forward(&self, x: &Tensor) -> TensorResult<Tensor> {
        let (batch, channels, _, _) = x.dims4()?;
        let pairs = self.on_cpu()?;
        let part = |idx: usize| {
            let values = pairs.iter().filter_map(|pair| pair.get(idx));
            let values: Vec<f32> = values.copied().collect();
            Tensor::from_vec(values, (batch, channels, 1, 1), x.device())
        };
        x.to_dtype(DType::F32)?
            .broadcast_mul(&part(0)?)?
            .broadcast_add(&part(1)?)?
            .to_dtype(x.dtype())
    }

    pub(super) fn on_cpu(&self) -> TensorResult<&[[f32; 2]]> {
        match self {
            Self::Pairs(pairs) => Ok(pairs),
            Self::Gpu(_) => Err(misplaced()),
        }
    }

    pub(super) fn on_gpu(&self) -> TensorResult<&gpu::ChannelAffine> {
        match self {
            Self::Gpu(affine) => Ok(affine),
            Self::Pairs(_) => Err(misplaced()),
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
    pub(super) kernel: Option<kernels::GroupNorm>,
    gpu: Option<gpu::GroupNorm>,
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
        let on_gpu = || {
            let Place::Gpu(gpu, _) = w.place() else {
                return Ok(None);
            };
            let scale_shift = (&*values(&weight)?, &*values(&bias)?);
            let norm = gpu::GroupNorm::new(gpu, n_groups, eps, scale_shift);
            norm.map(Some).map_err(failed)
        };
        Ok(Self {
            kernel: kernel.map_err(packing())?,
            gpu: on_gpu().map_err(packing())?,
            weight,
            bias,
            n_groups,
            eps,
        })
    }

    /// `[b, c, h, w]`, same shape out.
    pub fn forward(&self, x: &Activation) -> TensorResult<Activation> {
        self.run(x, false)
    }

    /// The normalised `x`, then SiLU.
    pub fn forward_silu(&self, x: &Activation) -> TensorResult<Activation> {
        self.run(x, true)
    }

    fn run(&self, x: &Activation, silu: bool) -> TensorResult<Activation> {
        let x = match x {
            Activation::Tensor(x) => return self.of_tensor(x, silu).map(Activation::Tensor),
            Activation::Array(x) => x,
        };
        let steps = Pointwise {
            affine: Some(&self.affine_of(x, None)?),
            silu,
            ..Pointwise::default()
        };
        output(steps.forward(x))
    }

    /// The normalisation of pictures on the GPU, whose channels may come in two parts.
    pub(super) fn affine_of(
        &self,
        first: &Array,
        second: Option<&Array>,
    ) -> TensorResult<gpu::ChannelAffine> {
        let norm = self.gpu.as_ref().ok_or_else(misplaced)?;
        let sums = norm.sums(first, second).map_err(failed)?;
        norm.affine(&sums).map_err(failed)
    }

    /// Sums over parts of a picture, from which [`GroupNorm::affine`] makes the normalisation of the whole. `parts` have
    /// the same batch and channels.
    ///
    /// # Errors
    /// When the device or the memory fails.
    pub fn sums(
        &self,
        parts: impl Iterator<Item = TensorResult<Activation>>,
    ) -> TensorResult<PartSums> {
        if let Some(norm) = &self.gpu {
            let sums = parts.map(|part| norm.sums(part?.array()?, None).map_err(failed));
            return sums.collect::<TensorResult<_>>().map(PartSums::Gpu);
        }
        let mut all: kernels::ChannelSums = Vec::new();
        let mut plane = 0;
        for part in parts {
            let part = part?.tensor()?.contiguous()?;
            let sums = match &self.kernel {
                Some(_) => {
                    let values = Values::of(&part)?;
                    let input = kernels::Input::plain(&values, shape_of(&part)?);
                    kernels::channel_sums(Isa::best(), &input)
                }
                None => channel_sums(&part)?,
            };
            plane += part.elem_count() / sums.len().max(1);
            all.resize(sums.len(), [0.0; 2]);
            for (total, part) in all.iter_mut().zip(sums) {
                *total = [total[0] + part[0], total[1] + part[1]];
            }
        }
        Ok(PartSums::Channels { sums: all, plane })
    }

    /// The normalisation of a picture with these sums.
    ///
    /// # Errors
    /// When the device fails.
    pub fn affine(&self, sums: &PartSums) -> TensorResult<ChannelAffine> {
        let (sums, plane) = match sums {
            PartSums::Channels { sums, plane } => (sums, *plane),
            PartSums::Gpu(parts) => {
                let norm = self.gpu.as_ref().ok_or_else(misplaced)?;
                let affine = norm.affine_of_parts(parts).map_err(failed)?;
                return Ok(ChannelAffine::Gpu(affine));
            }
        };
        let affine = match &self.kernel {
            Some(kernel) => kernel.affine(sums, plane),
            None => kernels::GroupNorm {
                n_groups: self.n_groups,
                eps: self.eps,
                weight: values(&self.weight)?,
                bias: values(&self.bias)?,
            }
            .affine(sums, plane),
        };
        Ok(ChannelAffine::Pairs(affine))
    }

    /// [`GroupNorm::forward`] of a tensor, then SiLU if that is wanted.
    pub(super) fn of_tensor(&self, x: &Tensor, silu: bool) -> TensorResult<Tensor> {
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
                true => kernels::Activation::Silu,
                false => kernels::Activation::None,
            },
            ..input
        };
        let out = kernels::normalize(Isa::best(), &input);
        Tensor::from_vec(out, x.shape(), &Device::Cpu)
    }
}

/// Statistics of the parts of a picture.
#[derive(Debug)]
pub enum PartSums {
    /// Sum and sum of squares of each picture's channel, over a number of pixels.
    Channels {
        /// For each channel.
        sums: kernels::ChannelSums,
        /// Pixels.
        plane: usize,
    },
    /// On a GPU, one for each part.
    Gpu(Vec<GroupSums>),
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
    gpu: Option<gpu::LayerNorm>,
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
        let on_gpu = || {
            let Place::Gpu(gpu, _) = w.place() else {
                return Ok(None);
            };
            let scale_shift = (&*values(&weight)?, &*values(&bias)?);
            let norm = gpu::LayerNorm::new(gpu, eps as f32, scale_shift);
            norm.map(Some).map_err(failed)
        };
        Ok(Self {
            kernel: kernel.map_err(packing())?,
            gpu: on_gpu().map_err(packing())?,
            weight,
            bias,
            eps,
        })
    }

    /// `[..., width]`, same shape out.
    pub fn of_tensor(&self, x: &Tensor) -> TensorResult<Tensor> {
        ops::layer_norm(x, &self.weight, &self.bias, self.eps)
    }

    pub(super) fn on_gpu(&self) -> TensorResult<&gpu::LayerNorm> {
        self.gpu.as_ref().ok_or_else(misplaced)
    }
}
