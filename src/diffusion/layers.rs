//! Layers with weights, loaded by name and shape.

use candle_core::{Result as TensorResult, Tensor};

use super::ops;
use super::weights::Weights;
use crate::Result;

/// 2D convolution with a square kernel.
#[derive(Clone, Debug)]
pub struct Conv2d {
    weight: Tensor,
    bias: Option<Tensor>,
    stride: usize,
    padding: usize,
}

impl Conv2d {
    /// A convolution that keeps height and width: stride 1, padding `kernel / 2`.
    pub fn load(w: Weights, c_in: usize, c_out: usize, kernel: usize) -> Result<Self> {
        Ok(Self {
            weight: w.tensor("weight", (c_out, c_in, kernel, kernel))?,
            bias: Some(w.tensor("bias", c_out)?),
            stride: 1,
            padding: kernel / 2,
        })
    }

    /// The same without a bias.
    pub fn load_without_bias(w: Weights, c_in: usize, c_out: usize, kernel: usize) -> Result<Self> {
        Ok(Self {
            weight: w.tensor("weight", (c_out, c_in, kernel, kernel))?,
            bias: None,
            stride: 1,
            padding: kernel / 2,
        })
    }

    /// The same weights with another stride and padding.
    #[must_use]
    pub fn with_stride(self, stride: usize, padding: usize) -> Self {
        Self {
            stride,
            padding,
            ..self
        }
    }

    /// `[b, c_in, h, w]` to `[b, c_out, h', w']`.
    pub fn forward(&self, x: &Tensor) -> TensorResult<Tensor> {
        ops::conv2d(
            x,
            &self.weight,
            self.bias.as_ref(),
            self.stride,
            self.padding,
        )
    }
}

/// Affine map of the last axis.
#[derive(Clone, Debug)]
pub struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Linear {
    /// A map with bias.
    pub fn load(w: Weights, width_in: usize, width_out: usize) -> Result<Self> {
        Ok(Self {
            weight: w.tensor("weight", (width_out, width_in))?,
            bias: Some(w.tensor("bias", width_out)?),
        })
    }

    /// A map without bias.
    pub fn load_without_bias(w: Weights, width_in: usize, width_out: usize) -> Result<Self> {
        Ok(Self {
            weight: w.tensor("weight", (width_out, width_in))?,
            bias: None,
        })
    }

    /// `[..., width_in]` to `[..., width_out]`.
    pub fn forward(&self, x: &Tensor) -> TensorResult<Tensor> {
        ops::linear(x, &self.weight, self.bias.as_ref())
    }
}

/// Normalisation over groups of channels.
#[derive(Clone, Debug)]
pub struct GroupNorm {
    weight: Tensor,
    bias: Tensor,
    n_groups: usize,
    eps: f64,
}

impl GroupNorm {
    /// Loads scale and shift.
    ///
    /// # Errors
    /// When the tensors don't fit, or `n_groups` doesn't divide `channels`.
    pub fn load(w: Weights, channels: usize, n_groups: usize, eps: f64) -> Result<Self> {
        if n_groups == 0 || !channels.is_multiple_of(n_groups) {
            return Err(crate::Error::Config {
                name: "norm_num_groups",
                value: n_groups.to_string(),
                allowed: format!("it must divide the model's {channels} channels"),
            });
        }
        Ok(Self {
            weight: w.tensor("weight", channels)?,
            bias: w.tensor("bias", channels)?,
            n_groups,
            eps,
        })
    }

    /// `[b, c, ...]`, same shape out.
    pub fn forward(&self, x: &Tensor) -> TensorResult<Tensor> {
        ops::group_norm(x, &self.weight, &self.bias, self.n_groups, self.eps)
    }

    /// The normalised `x`, then SiLU.
    pub fn forward_silu(&self, x: &Tensor) -> TensorResult<Tensor> {
        ops::group_norm_silu(x, &self.weight, &self.bias, self.n_groups, self.eps)
    }
}

/// Normalisation over the last axis.
#[derive(Clone, Debug)]
pub struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    eps: f64,
}

impl LayerNorm {
    /// Loads scale and shift.
    pub fn load(w: Weights, width: usize, eps: f64) -> Result<Self> {
        Ok(Self {
            weight: w.tensor("weight", width)?,
            bias: w.tensor("bias", width)?,
            eps,
        })
    }

    /// `[..., width]`, same shape out.
    pub fn forward(&self, x: &Tensor) -> TensorResult<Tensor> {
        ops::layer_norm(x, &self.weight, &self.bias, self.eps)
    }
}
