//! Affine maps of tokens.

use candle_core::{Result as TensorResult, Tensor};
use common::Result;
use gpu::{Gemm, GemmShape};

use super::activation::misplaced;
use super::packed::{PackedLinear, run_linear};
use super::{Activation, LayerNorm, Place, on_gpu, packing};
use crate::ops;
use crate::weights::Weights;

/// Affine map of the last axis.
#[derive(Debug)]
pub struct Linear {
    weights: LinearWeights,
    is_gated: bool,
}

#[derive(Debug)]
enum LinearWeights {
    Gpu(Gemm),
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
        let weights = if let Place::Gpu(gpu, element) = w.place() {
            let shape = GemmShape {
                gated: is_gated,
                ..GemmShape::linear(width_in, width_out / (1 + usize::from(is_gated)))
            };
            let gemm = on_gpu::gemm((gpu, *element), shape, &weight, bias.as_ref());
            LinearWeights::Gpu(gemm.map_err(packing())?)
        } else if w.packs() {
            let packed =
                PackedLinear::new(w.method().isa(), &weight, bias.as_ref(), is_gated, w.half());
            LinearWeights::Packed(packed.map_err(packing())?)
        } else {
            LinearWeights::Plain { weight, bias }
        };
        Ok(Self { weights, is_gated })
    }

    /// `[..., width_in]` to `[..., width_out]`.
    pub fn forward(&self, x: &Activation) -> TensorResult<Activation> {
        self.forward_fused(x, None, None)
    }

    /// The same of the normalised `x`, with `residual` added.
    pub fn forward_fused(
        &self,
        x: &Activation,
        norm: Option<&LayerNorm>,
        residual: Option<&Activation>,
    ) -> TensorResult<Activation> {
        if let LinearWeights::Gpu(gemm) = &self.weights {
            return on_gpu::run_linear(gemm, x.array()?, norm, residual);
        }
        let residual = residual.map(Activation::tensor).transpose()?;
        self.of_tensor(x.tensor()?, norm, residual)
            .map(Activation::Tensor)
    }

    /// [`Linear::forward_fused`] of a tensor.
    pub fn of_tensor(
        &self,
        x: &Tensor,
        norm: Option<&LayerNorm>,
        residual: Option<&Tensor>,
    ) -> TensorResult<Tensor> {
        let (weight, bias) = match &self.weights {
            LinearWeights::Gpu(_) => return Err(misplaced()),
            LinearWeights::Packed(linear) => return run_linear(linear, x, norm, residual),
            LinearWeights::Plain { weight, bias } => (weight, bias.as_ref()),
        };
        let x = match norm {
            Some(norm) => norm.of_tensor(x)?,
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
