//! Affine maps of tokens.

use candle_core::{Result as TensorResult, Tensor};
use common::Result;

use super::packed::{PackedLinear, run_linear};
use super::{LayerNorm, packing};
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
        self.forward_fused(x, None, None)
    }

    /// The same of the normalised `x`, with `residual` added.
    pub fn forward_fused(
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
