//! Attention, and pictures as tokens.

use candle_core::{DType, Device, Result as TensorResult, Tensor};
use gpu::{Array, Pointwise};
use kernels::Method;

use super::on_gpu::output;
use super::{Activation, Values};
use crate::ops;

/// How an attention is computed.
#[derive(Clone, Copy, Debug)]
pub struct Heads {
    /// How many there are.
    pub count: usize,
    /// Whether a token sees those before it only.
    pub causal: bool,
    /// On the CPU.
    pub method: Method,
}

impl Heads {
    /// What scores are multiplied by.
    fn scale(&self, width: usize) -> f32 {
        ((width / self.count.max(1)) as f64).powf(-0.5) as f32
    }
}

/// Attention over `[b, n, heads * d]`, see [`ops::attention`].
pub fn attention(
    q: &Activation,
    k: &Activation,
    v: &Activation,
    heads: Heads,
) -> TensorResult<Activation> {
    match q {
        Activation::Tensor(q) => {
            attention_of_tensors(q, k.tensor()?, v.tensor()?, heads).map(Activation::Tensor)
        }
        Activation::Array(_) if heads.causal => {
            candle_core::bail!("there is no causal attention on the GPU")
        }
        Activation::Array(q) => {
            let scale = heads.scale(q.shape().channels);
            let qkv = (q, k.array()?, v.array()?);
            output(gpu::attention(qkv, heads.count, scale))
        }
    }
}

/// [`attention`] of tensors.
pub fn attention_of_tensors(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    heads: Heads,
) -> TensorResult<Tensor> {
    if !(q.device().is_cpu() && q.dtype() == DType::F32) {
        return ops::attention(q, k, v, heads.count, heads.causal);
    }
    let (q, k, v) = (q.contiguous()?, k.contiguous()?, v.contiguous()?);
    let (batch, n_queries, width) = q.dims3()?;
    let shape = kernels::AttentionShape {
        batch,
        n_queries,
        n_keys: k.dim(1)?,
        n_heads: heads.count,
        head_width: width / heads.count.max(1),
    };
    let values = (Values::of(&q)?, Values::of(&k)?, Values::of(&v)?);
    let qkv: (&[f32], &[f32], &[f32]) = (&values.0, &values.1, &values.2);
    let isa = heads.method.isa();
    let out = kernels::attention(isa, shape, qkv, heads.scale(width), heads.causal);
    Tensor::from_vec(out, (batch, n_queries, width), &Device::Cpu)
}

/// Pictures `[b, c, h, w]` as tokens `[b, h * w, c]`.
pub fn to_tokens(x: &Activation) -> TensorResult<Activation> {
    match x {
        Activation::Tensor(x) => transposed(&x.flatten_from(2)?, None).map(Activation::Tensor),
        Activation::Array(x) => output(x.seen_as(x.shape().plane(), 1)),
    }
}

/// Tokens `[b, h * w, c]` as pictures, plus `residual` `[b, c, h, w]`.
pub fn to_picture(tokens: &Activation, residual: &Activation) -> TensorResult<Activation> {
    match tokens {
        Activation::Tensor(tokens) => {
            let residual = residual.tensor()?;
            transposed(tokens, Some(&residual.flatten_from(2)?))?
                .reshape(residual.shape())
                .map(Activation::Tensor)
        }
        Activation::Array(tokens) => {
            let residual = residual.array()?;
            let sum = |tokens: &Array| {
                let shape = residual.shape();
                let steps = Pointwise {
                    residual: Some(residual),
                    ..Pointwise::default()
                };
                steps.forward(&tokens.seen_as(shape.height, shape.width)?)
            };
            output(sum(tokens))
        }
    }
}

/// `[b, m, n]` as `[b, n, m]`, plus `residual`.
fn transposed(x: &Tensor, residual: Option<&Tensor>) -> TensorResult<Tensor> {
    if !(x.device().is_cpu() && x.dtype() == DType::F32) {
        let turned = x.transpose(1, 2)?.contiguous()?;
        return match residual {
            Some(residual) => turned + residual,
            None => Ok(turned),
        };
    }
    let x = x.contiguous()?;
    let residual = residual.map(Tensor::contiguous).transpose()?;
    let (batch, rows, columns) = x.dims3()?;
    let residual = Values::of_option(residual.as_ref())?;
    let out = kernels::transpose((rows, columns), &Values::of(&x)?, residual.as_deref());
    Tensor::from_vec(out, (batch, columns, rows), &Device::Cpu)
}
