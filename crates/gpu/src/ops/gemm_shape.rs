//! Sizes of convolutions and linear layers.

use super::misfit;
use crate::Result;

/// What a convolution sees around a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Border {
    /// Zeros.
    Zero,
    /// The rows and columns next to the outermost ones, as PyTorch's `reflect`; for paddings of one pixel.
    Reflect,
}

/// What a product is, apart from its weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GemmShape {
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output.
    pub out_channels: usize,
    /// Rows and columns of the kernel; 1 for linear layers.
    pub kernel: usize,
    /// Step over the input.
    pub stride: usize,
    /// Pixels above the input and left of it.
    pub padding: usize,
    /// Pixels below the input and right of it.
    pub end_padding: usize,
    /// What these pixels are.
    pub border: Border,
    /// Whether there are twice as many output channels, of which the first half is multiplied by GELU of the second
    /// (GEGLU; Shazeer 2020, arXiv 2002.05202).
    pub gated: bool,
}

impl GemmShape {
    /// A convolution that keeps height and width.
    pub fn conv(in_channels: usize, out_channels: usize, kernel: usize) -> Self {
        Self {
            in_channels,
            out_channels,
            kernel,
            stride: 1,
            padding: kernel / 2,
            end_padding: kernel / 2,
            border: Border::Zero,
            gated: false,
        }
    }

    /// An affine map of tokens.
    pub fn linear(in_channels: usize, out_channels: usize) -> Self {
        Self::conv(in_channels, out_channels, 1)
    }

    /// Rows or columns of the output for `n` of the input.
    pub(super) fn output(&self, n: usize) -> Result<usize> {
        match (n + self.padding + self.end_padding).checked_sub(self.kernel) {
            Some(rest) if self.stride > 0 => Ok(rest / self.stride + 1),
            _ => misfit(format!("a kernel of {} on {n} pixels", self.kernel)),
        }
    }

    /// Quads of a row of weights.
    pub(super) fn columns(&self) -> usize {
        let quads = self.out_channels.div_ceil(4);
        quads * (1 + usize::from(self.gated))
    }

    /// Where an output channel lies in a row of weights: with gates, quads of values and of gates take turns.
    pub(super) fn column(&self, out: usize) -> usize {
        if !self.gated {
            return out;
        }
        let (gate, channel) = (out / self.out_channels, out % self.out_channels);
        (channel / 4 * 2 + gate) * 4 + channel % 4
    }
}
