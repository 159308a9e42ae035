//! Layers with weights, loaded by name and shape. In f32 on the CPU their weights are packed once for the
//! [`kernels`](super::kernels); elsewhere they are candle's tensors, computed with [`ops`].

use std::sync::Arc;

use candle_core::{Result as TensorResult, Tensor};

use super::kernels::{self, ConvShape, Method};
use super::weights::Weights;
use super::{cpu, ops};
use crate::{Error, Result};

/// 2D convolution with a square kernel.
#[derive(Clone, Debug)]
pub struct Conv2d {
    form: ConvForm,
    stride: usize,
    padding: usize,
}

#[derive(Clone, Debug)]
enum ConvForm {
    Tensors {
        weight: Tensor,
        bias: Option<Tensor>,
    },
    Packed {
        conv: Arc<kernels::Conv2d>,
        method: Method,
    },
}

/// What a convolution is, apart from its channels.
#[derive(Clone, Copy, Debug)]
pub struct ConvKind {
    /// Rows and columns of the kernel.
    pub kernel: usize,
    /// Step over the input.
    pub stride: usize,
    /// Zeros on every side of the input.
    pub padding: usize,
    /// Whether the file has a bias.
    pub has_bias: bool,
}

impl ConvKind {
    /// Keeps height and width: stride 1, padding `kernel / 2`, with a bias.
    pub fn same(kernel: usize) -> Self {
        Self {
            kernel,
            stride: 1,
            padding: kernel / 2,
            has_bias: true,
        }
    }
}

impl Conv2d {
    /// A convolution that keeps height and width: stride 1, padding `kernel / 2`.
    pub fn load(w: Weights, c_in: usize, c_out: usize, kernel: usize) -> Result<Self> {
        Self::load_kind(&w, c_in, c_out, ConvKind::same(kernel))
    }

    /// Any convolution.
    pub fn load_kind(w: &Weights, c_in: usize, c_out: usize, kind: ConvKind) -> Result<Self> {
        let ConvKind {
            kernel,
            stride,
            padding,
            has_bias,
        } = kind;
        let weight = w.tensor("weight", (c_out, c_in, kernel, kernel))?;
        let bias = has_bias.then(|| w.tensor("bias", c_out)).transpose()?;
        let shape = ConvShape {
            in_channels: c_in,
            out_channels: c_out,
            kernel,
            stride,
            upsample: false,
        };
        let is_packed = w.is_packed() && shape.is_supported() && padding == kernel / 2;
        let form = if is_packed {
            ConvForm::Packed {
                conv: Arc::new(pack(shape, &weight, bias.as_ref())?),
                method: w.method(),
            }
        } else {
            ConvForm::Tensors { weight, bias }
        };
        Ok(Self {
            form,
            stride,
            padding,
        })
    }

    /// `[b, c_in, h, w]` to `[b, c_out, h', w']`.
    pub fn forward(&self, x: &Tensor) -> TensorResult<Tensor> {
        match &self.form {
            ConvForm::Packed { conv, method } => cpu::conv2d(conv, *method, x, None, None, None),
            ConvForm::Tensors { weight, bias } => {
                ops::conv2d(x, weight, bias.as_ref(), self.stride, self.padding)
            }
        }
    }

    /// The convolution of `silu(norm(x))`, plus a value for each channel of an image (`[b, c_out]`), plus a residual.
    pub fn forward_normed(
        &self,
        norm: &GroupNorm,
        x: &Tensor,
        channel_bias: Option<&Tensor>,
        residual: Option<&Tensor>,
    ) -> TensorResult<Tensor> {
        if let (ConvForm::Packed { conv, method }, NormForm::Packed(norm)) =
            (&self.form, &norm.form)
        {
            return cpu::conv2d(conv, *method, x, Some(norm), channel_bias, residual);
        }
        let mut y = self.forward(&norm.forward_silu(x)?)?;
        if let Some(shift) = channel_bias {
            y = y.broadcast_add(&shift.unsqueeze(2)?.unsqueeze(3)?)?;
        }
        match residual {
            Some(residual) => y + residual,
            None => Ok(y),
        }
    }
}

/// A 3x3 convolution of a picture made larger, by whole numbers or not.
#[derive(Clone, Debug)]
pub struct UpsamplingConv2d {
    plain: Conv2d,
    /// The same for exactly twice the size, which needs less than half of the work.
    doubling: Option<(Arc<kernels::Conv2d>, Method)>,
}

impl UpsamplingConv2d {
    /// Loads the convolution.
    pub fn load(w: &Weights, channels: usize) -> Result<Self> {
        let plain = Conv2d::load(w.clone(), channels, channels, 3)?;
        let shape = ConvShape {
            in_channels: channels,
            out_channels: channels,
            kernel: 3,
            stride: 1,
            upsample: true,
        };
        let doubling = match plain.form {
            ConvForm::Packed { method, .. } => {
                let weight = w.tensor("weight", (channels, channels, 3, 3))?;
                let bias = w.tensor("bias", channels)?;
                Some((Arc::new(pack(shape, &weight, Some(&bias))?), method))
            }
            ConvForm::Tensors { .. } => None,
        };
        Ok(Self { plain, doubling })
    }

    /// `[b, c, h, w]` to `[b, c, height, width]`, resized to its nearest neighbours before the convolution.
    pub fn forward(&self, x: &Tensor, height: usize, width: usize) -> TensorResult<Tensor> {
        let (_, _, old_height, old_width) = x.dims4()?;
        match &self.doubling {
            Some((conv, method)) if (height, width) == (2 * old_height, 2 * old_width) => {
                cpu::conv2d(conv, *method, x, None, None, None)
            }
            _ => self
                .plain
                .forward(&ops::upsample_nearest(x, height, width)?),
        }
    }
}

fn pack(shape: ConvShape, weight: &Tensor, bias: Option<&Tensor>) -> Result<kernels::Conv2d> {
    let packed = || {
        let bias = bias.map(cpu::values).transpose()?.unwrap_or_default();
        Ok(kernels::Conv2d::new(shape, &cpu::values(weight)?, &bias))
    };
    packed().map_err(Error::tensor("packing a convolution's weights"))
}

/// Affine map of the last axis.
#[derive(Clone, Debug)]
pub struct Linear {
    form: LinearForm,
}

#[derive(Clone, Debug)]
enum LinearForm {
    Tensors {
        weight: Tensor,
        bias: Option<Tensor>,
    },
    Packed(Arc<kernels::Linear>),
}

impl Linear {
    /// A map with bias.
    pub fn load(w: Weights, width_in: usize, width_out: usize) -> Result<Self> {
        Self::load_form(&w, width_in, width_out, true)
    }

    /// A map without bias.
    pub fn load_without_bias(w: Weights, width_in: usize, width_out: usize) -> Result<Self> {
        Self::load_form(&w, width_in, width_out, false)
    }

    fn load_form(w: &Weights, width_in: usize, width_out: usize, has_bias: bool) -> Result<Self> {
        let weight = w.tensor("weight", (width_out, width_in))?;
        let bias = has_bias.then(|| w.tensor("bias", width_out)).transpose()?;
        let form = if w.is_packed() {
            let values = bias.as_ref().map(cpu::values).transpose();
            let pack = |bias: Option<Vec<f32>>| {
                let weight = cpu::values(&weight)?;
                Ok(kernels::Linear::new(
                    width_in,
                    width_out,
                    &weight,
                    &bias.unwrap_or_default(),
                ))
            };
            let packed = values
                .and_then(pack)
                .map_err(Error::tensor("packing a linear layer's weights"))?;
            LinearForm::Packed(Arc::new(packed))
        } else {
            LinearForm::Tensors { weight, bias }
        };
        Ok(Self { form })
    }

    /// `[..., width_in]` to `[..., width_out]`.
    pub fn forward(&self, x: &Tensor) -> TensorResult<Tensor> {
        match &self.form {
            LinearForm::Packed(linear) => cpu::linear(linear, x, None, None),
            LinearForm::Tensors { weight, bias } => ops::linear(x, weight, bias.as_ref()),
        }
    }

    /// The map of `norm(x)`.
    pub fn forward_normed(&self, norm: &LayerNorm, x: &Tensor) -> TensorResult<Tensor> {
        match (&self.form, &norm.form) {
            (LinearForm::Packed(linear), LayerNormForm::Packed(norm)) => {
                cpu::linear(linear, x, Some(norm), None)
            }
            _ => self.forward(&norm.forward(x)?),
        }
    }

    /// The map of `x`, added to `residual`.
    pub fn forward_added(&self, x: &Tensor, residual: &Tensor) -> TensorResult<Tensor> {
        match &self.form {
            LinearForm::Packed(linear) => cpu::linear(linear, x, None, Some(residual)),
            LinearForm::Tensors { .. } => self.forward(x)? + residual,
        }
    }
}

/// An affine map to twice the width, whose first half is multiplied by the GELU of the second.
#[derive(Clone, Debug)]
pub struct GatedLinear {
    form: LinearForm,
}

impl GatedLinear {
    /// The file's map has `2 * width_out` outputs.
    pub fn load(w: &Weights, width_in: usize, width_out: usize) -> Result<Self> {
        let weight = w.tensor("weight", (2 * width_out, width_in))?;
        let bias = w.tensor("bias", 2 * width_out)?;
        if !w.is_packed() {
            return Ok(Self {
                form: LinearForm::Tensors {
                    weight,
                    bias: Some(bias),
                },
            });
        }
        let packed = cpu::values(&weight)
            .and_then(|weight| {
                Ok(kernels::Linear::gated(
                    width_in,
                    width_out,
                    &weight,
                    &cpu::values(&bias)?,
                ))
            })
            .map_err(Error::tensor("packing a linear layer's weights"))?;
        Ok(Self {
            form: LinearForm::Packed(Arc::new(packed)),
        })
    }

    /// `norm(x)`, `[..., width_in]`, to `[..., width_out]`.
    pub fn forward_normed(&self, norm: &LayerNorm, x: &Tensor) -> TensorResult<Tensor> {
        match (&self.form, &norm.form) {
            (LinearForm::Packed(linear), LayerNormForm::Packed(norm)) => {
                cpu::linear(linear, x, Some(norm), None)
            }
            (LinearForm::Tensors { weight, bias }, _) => {
                ops::geglu(&ops::linear(&norm.forward(x)?, weight, bias.as_ref())?)
            }
            (LinearForm::Packed(linear), _) => cpu::linear(linear, &norm.forward(x)?, None, None),
        }
    }
}

/// Normalisation over groups of channels.
#[derive(Clone, Debug)]
pub struct GroupNorm {
    form: NormForm,
}

#[derive(Clone, Debug)]
enum NormForm {
    Tensors {
        weight: Tensor,
        bias: Tensor,
        n_groups: usize,
        eps: f64,
    },
    Packed(Arc<kernels::GroupNorm>),
}

impl GroupNorm {
    /// Loads scale and shift.
    ///
    /// # Errors
    /// When the tensors don't fit, or `n_groups` doesn't divide `channels`.
    pub fn load(w: Weights, channels: usize, n_groups: usize, eps: f64) -> Result<Self> {
        if n_groups == 0 || !channels.is_multiple_of(n_groups) {
            return Err(Error::Config {
                name: "norm_num_groups",
                value: n_groups.to_string(),
                allowed: format!("it must divide the model's {channels} channels"),
            });
        }
        let weight = w.tensor("weight", channels)?;
        let bias = w.tensor("bias", channels)?;
        let form = if w.is_packed() {
            let values =
                |x| cpu::values(x).map_err(Error::tensor("packing a normalisation's weights"));
            let (weight, bias) = (values(&weight)?, values(&bias)?);
            NormForm::Packed(Arc::new(kernels::GroupNorm {
                n_groups,
                eps,
                weight,
                bias,
            }))
        } else {
            NormForm::Tensors {
                weight,
                bias,
                n_groups,
                eps,
            }
        };
        Ok(Self { form })
    }

    /// `[b, c, ...]`, same shape out.
    pub fn forward(&self, x: &Tensor) -> TensorResult<Tensor> {
        match &self.form {
            NormForm::Packed(norm) => cpu::group_norm(norm, x, false),
            NormForm::Tensors {
                weight,
                bias,
                n_groups,
                eps,
            } => ops::group_norm(x, weight, bias, *n_groups, *eps),
        }
    }

    /// The normalised `x`, then SiLU.
    pub fn forward_silu(&self, x: &Tensor) -> TensorResult<Tensor> {
        match &self.form {
            NormForm::Packed(norm) => cpu::group_norm(norm, x, true),
            NormForm::Tensors {
                weight,
                bias,
                n_groups,
                eps,
            } => ops::group_norm_silu(x, weight, bias, *n_groups, *eps),
        }
    }
}

/// Normalisation over the last axis.
#[derive(Clone, Debug)]
pub struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    eps: f64,
    form: LayerNormForm,
}

#[derive(Clone, Debug)]
enum LayerNormForm {
    Tensors,
    Packed(Arc<kernels::LayerNorm>),
}

impl LayerNorm {
    /// Loads scale and shift.
    pub fn load(w: Weights, width: usize, eps: f64) -> Result<Self> {
        let weight = w.tensor("weight", width)?;
        let bias = w.tensor("bias", width)?;
        let form = if w.is_packed() {
            let values =
                |x| cpu::values(x).map_err(Error::tensor("packing a normalisation's weights"));
            let (weight, bias) = (values(&weight)?, values(&bias)?);
            LayerNormForm::Packed(Arc::new(kernels::LayerNorm {
                weight,
                bias,
                eps: eps as f32,
            }))
        } else {
            LayerNormForm::Tensors
        };
        Ok(Self {
            weight,
            bias,
            eps,
            form,
        })
    }

    /// `[..., width]`, same shape out.
    pub fn forward(&self, x: &Tensor) -> TensorResult<Tensor> {
        ops::layer_norm(x, &self.weight, &self.bias, self.eps)
    }
}
