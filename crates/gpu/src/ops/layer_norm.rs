//! Layer normalisation: statistics of every token.

use super::{kernel, misfit, names, to_u32};
use crate::Result;
use crate::array::Array;
use crate::backend::{Buffer, Gpu};
use crate::call::Call;

/// Tokens that a workgroup takes.
const TOKENS: usize = 4;

/// Layer normalisation with a scale and a shift for each value of a token.
#[derive(Debug)]
pub struct LayerNorm {
    width: usize,
    eps: f32,
    /// `[quad]` scale, shift.
    weights: Buffer,
}

impl LayerNorm {
    /// Brings scale and shift to the GPU.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if they aren't equally long; when memory doesn't suffice or the GPU fails.
    pub fn new(gpu: &Gpu, eps: f32, (weight, bias): (&[f32], &[f32])) -> Result<Self> {
        if weight.len() != bias.len() {
            return misfit("scale and shift of different lengths");
        }
        let mut quads = Vec::with_capacity(2 * weight.len() + 8);
        for (weight, bias) in weight.chunks(4).zip(bias.chunks(4)) {
            for part in [weight, bias] {
                quads.extend_from_slice(part);
                quads.extend(std::iter::repeat_n(0.0, 4 - part.len()));
            }
        }
        Ok(Self {
            width: weight.len(),
            eps,
            weights: gpu.upload(bytemuck::cast_slice(&quads))?,
        })
    }

    pub(super) fn weights(&self) -> &Buffer {
        &self.weights
    }
}

/// Mean, and 1 / standard deviation, of every token.
pub(super) struct Moments(Buffer);

impl Moments {
    pub(super) fn of(norm: &LayerNorm, x: &Array) -> Result<Self> {
        let shape = x.shape();
        if shape.channels != norm.width || shape.plane() == 0 {
            return misfit(format!(
                "tokens of {} values in a normalisation of {}",
                shape.channels, norm.width
            ));
        }
        let n_tokens = shape.plane();
        let len = shape.batch * n_tokens * 2 * size_of::<f32>();
        let moments = x.gpu().allocate(len as u64)?;
        x.gpu().run(&Call {
            template: kernel!("layer_moments"),
            names: names(x.element()),
            buffers: &[x.buffer(), &moments],
            n_written: 1,
            sizes: &[
                0,
                to_u32(n_tokens)?,
                to_u32(shape.quads())?,
                to_u32(shape.channels)?,
                norm.eps.to_bits(),
            ],
            groups: [to_u32(n_tokens.div_ceil(TOKENS))?, 1, to_u32(shape.batch)?],
            n_products: (n_tokens * shape.channels * 2) as f64,
        })?;
        Ok(Self(moments))
    }

    pub(super) fn buffer(&self) -> &Buffer {
        &self.0
    }
}
