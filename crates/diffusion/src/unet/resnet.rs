use candle_core::Result as TensorResult;
use common::Result;

use crate::layers::{Activation, Concat, Conv2d, ConvSizes, Fusion, GroupNorm, Linear};
use crate::weights::Weights;

/// `ResnetBlock2D`: two convolutions with a shortcut, and the time embedding added between them.
///
/// Its layers can be used one by one where a picture is too large for [`ResnetBlock::forward`].
#[derive(Debug)]
pub struct ResnetBlock {
    /// Normalisation before the first convolution.
    pub norm1: GroupNorm,
    /// First convolution, 3x3.
    pub conv1: Conv2d,
    time_emb_proj: Option<Linear>,
    /// Normalisation before the second convolution.
    pub norm2: GroupNorm,
    /// Second convolution, 3x3.
    pub conv2: Conv2d,
    /// Brings the input to the output's channels, 1x1, if they differ.
    pub conv_shortcut: Option<Conv2d>,
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

    /// `x` is `[b, c_in, h, w]`, perhaps in two parts, `time` the time embedding after SiLU, `[b, time_width]`.
    pub fn forward<'a>(
        &self,
        x: impl Into<Concat<'a>>,
        time: Option<&Activation>,
    ) -> TensorResult<Activation> {
        let x = x.into();
        let shift = match (&self.time_emb_proj, time) {
            (Some(proj), Some(time)) => Some(proj.forward(time)?), // [b, c_out]
            _ => None,
        };
        let first = Fusion {
            norm: Some(&self.norm1),
            channel_bias: shift.as_ref(),
            ..Fusion::default()
        };
        let h = self.conv1.forward_fused(x, first)?;
        let shortcut = match &self.conv_shortcut {
            Some(conv) => conv.forward_fused(x, Fusion::default())?,
            None => x.first.clone(),
        };
        let second = Fusion {
            norm: Some(&self.norm2),
            residual: Some(&shortcut),
            ..Fusion::default()
        };
        self.conv2.forward_fused((&h).into(), second)
    }
}

/// `Downsample2D`: a convolution with stride 2.
#[derive(Debug)]
pub struct Downsample {
    conv: Conv2d,
}

impl Downsample {
    /// With `padding` 0, the picture has one row more at the bottom and one column at the right.
    pub fn load(w: &Weights, channels: usize, padding: usize) -> Result<Self> {
        let sizes = ConvSizes {
            stride: 2,
            padding,
            end_padding: padding.max(1),
            ..ConvSizes::same(channels, channels, 3)
        };
        Ok(Self {
            conv: Conv2d::load_strided(w.at("conv"), sizes)?,
        })
    }

    /// `[b, c, h, w]` to about half the height and width.
    pub fn forward(&self, x: &Activation) -> TensorResult<Activation> {
        self.conv.forward(x)
    }
}
