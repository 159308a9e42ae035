use candle_core::{Result as TensorResult, Tensor};

use crate::Result;
use crate::diffusion::layers::{Conv2d, ConvKind, GroupNorm, Linear, UpsamplingConv2d};
use crate::diffusion::weights::Weights;

/// `ResnetBlock2D`: two convolutions with a shortcut, and the time embedding added between them.
#[derive(Debug)]
pub struct ResnetBlock {
    norm1: GroupNorm,
    conv1: Conv2d,
    time_emb_proj: Option<Linear>,
    norm2: GroupNorm,
    conv2: Conv2d,
    conv_shortcut: Option<Conv2d>,
}

/// Normalisation of a residual layer.
#[derive(Clone, Copy, Debug)]
pub struct Norm {
    /// Number of groups.
    pub n_groups: usize,
    /// Added to the variance.
    pub eps: f64,
}

impl ResnetBlock {
    /// `time_width` is the width of the time embedding; `None` in an autoencoder.
    pub fn load(
        w: &Weights,
        c_in: usize,
        c_out: usize,
        time_width: Option<usize>,
        norm: Norm,
    ) -> Result<Self> {
        Ok(Self {
            norm1: GroupNorm::load(w.at("norm1"), c_in, norm.n_groups, norm.eps)?,
            conv1: Conv2d::load(w.at("conv1"), c_in, c_out, 3)?,
            time_emb_proj: time_width
                .map(|width| Linear::load(w.at("time_emb_proj"), width, c_out))
                .transpose()?,
            norm2: GroupNorm::load(w.at("norm2"), c_out, norm.n_groups, norm.eps)?,
            conv2: Conv2d::load(w.at("conv2"), c_out, c_out, 3)?,
            conv_shortcut: (c_in != c_out)
                .then(|| Conv2d::load(w.at("conv_shortcut"), c_in, c_out, 1))
                .transpose()?,
        })
    }

    /// `x` is `[b, c_in, h, w]`, `time` the time embedding after SiLU, `[b, time_width]`.
    pub fn forward(&self, x: &Tensor, time: Option<&Tensor>) -> TensorResult<Tensor> {
        let shift = match (&self.time_emb_proj, time) {
            (Some(proj), Some(time)) => Some(proj.forward(time)?), // [b, c_out]
            _ => None,
        };
        let h = self
            .conv1
            .forward_normed(&self.norm1, x, shift.as_ref(), None)?;
        let shortcut = self
            .conv_shortcut
            .as_ref()
            .map(|conv| conv.forward(x))
            .transpose()?;
        self.conv2
            .forward_normed(&self.norm2, &h, None, Some(shortcut.as_ref().unwrap_or(x)))
    }
}

/// `Downsample2D`: a convolution with stride 2.
#[derive(Debug)]
pub struct Downsample {
    conv: Conv2d,
    padding: usize,
}

impl Downsample {
    /// With `padding` 0, the picture grows by one row at the bottom and one column at the right first.
    pub fn load(w: &Weights, channels: usize, padding: usize) -> Result<Self> {
        let kind = ConvKind {
            stride: 2,
            padding,
            ..ConvKind::same(3)
        };
        Ok(Self {
            conv: Conv2d::load_kind(&w.at("conv"), channels, channels, kind)?,
            padding,
        })
    }

    /// `[b, c, h, w]` to about half the height and width.
    pub fn forward(&self, x: &Tensor) -> TensorResult<Tensor> {
        if self.padding == 0 {
            let x = x.pad_with_zeros(2, 0, 1)?.pad_with_zeros(3, 0, 1)?;
            self.conv.forward(&x)
        } else {
            self.conv.forward(x)
        }
    }
}

/// `Upsample2D`: nearest-neighbour resize, then a convolution.
#[derive(Debug)]
pub struct Upsample {
    conv: UpsamplingConv2d,
}

impl Upsample {
    /// Loads the convolution.
    pub fn load(w: &Weights, channels: usize) -> Result<Self> {
        Ok(Self {
            conv: UpsamplingConv2d::load(&w.at("conv"), channels)?,
        })
    }

    /// `[b, c, h, w]` to `[b, c, height, width]`.
    pub fn forward(&self, x: &Tensor, height: usize, width: usize) -> TensorResult<Tensor> {
        self.conv.forward(x, height, width)
    }
}
