//! The arithmetic of the networks, one function an operation. Everything expensive goes through here.
//!
//! Tensors are `[batch, channels, height, width]` for pictures and `[batch, tokens, width]` for sequences.

use candle_core::{D, DType, Device, Result, Tensor};

/// Most elements of the attention matrix that are held at once, over all heads (64 MiB of f32).
const MAX_ATTENTION_SCORES: usize = 1 << 24;

/// 2D convolution with equal padding on all sides.
///
/// `x` is `[b, c_in, h, w]`, `weight` `[c_out, c_in, k, k]`, `bias` `[c_out]`.
pub fn conv2d(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    stride: usize,
    padding: usize,
) -> Result<Tensor> {
    let y = x.conv2d(weight, padding, stride, 1, 1)?;
    match bias {
        Some(bias) => y.broadcast_add(&bias.reshape((1, (), 1, 1))?),
        None => Ok(y),
    }
}

/// `x` with one row and column more on each side: those next to the outermost ones, as PyTorch's `reflect`.
pub fn reflected(x: &Tensor) -> Result<Tensor> {
    let mut x = x.clone();
    for axis in [2, 3] {
        let n = x.dim(axis)?;
        let before = x.narrow(axis, 1.min(n.saturating_sub(1)), 1)?;
        let after = x.narrow(axis, n.saturating_sub(2), 1)?;
        x = Tensor::cat(&[&before, &x, &after], axis)?;
    }
    Ok(x)
}

/// `x @ weight^T + bias` over the last axis; `weight` is `[out, in]`.
///
/// On the CPU, each element of the batch is multiplied by itself: the order of a long product's sums depends on the number
/// of rows, and a frame must not change with its neighbours in the batch.
pub fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let (width_out, width_in) = weight.dims2()?;
    let mut shape = x.dims().to_vec();
    if let Some(last) = shape.last_mut() {
        *last = width_out;
    }
    let batch = match x.device() {
        Device::Cpu => x.dim(0)?,
        _ => 1,
    };
    let rows = x.contiguous()?.reshape((batch, (), width_in))?;
    let y = rows.matmul(&weight.t()?.broadcast_left(batch)?)?;
    let y = match bias {
        Some(bias) => y.broadcast_add(bias)?,
        None => y,
    };
    y.reshape(shape)
}

/// Group normalisation of `[b, c, ...]` over `c / n_groups` channels and all pixels, then scale and shift by channel.
pub fn group_norm(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    n_groups: usize,
    eps: f64,
) -> Result<Tensor> {
    let (batch, channels) = (x.dim(0)?, x.dim(1)?);
    let wide = x.to_dtype(accumulator(x.dtype()))?;
    let groups = wide.contiguous()?.reshape((batch, n_groups, ()))?;
    let centred = groups.broadcast_sub(&groups.mean_keepdim(D::Minus1)?)?;
    let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
    let normed = centred.broadcast_div(&(variance + eps)?.sqrt()?)?;
    let per_channel = (1, channels, 1);
    normed
        .reshape((batch, channels, ()))?
        .to_dtype(x.dtype())?
        .broadcast_mul(&weight.reshape(per_channel)?)?
        .broadcast_add(&bias.reshape(per_channel)?)?
        .reshape(x.shape())
}

/// [`group_norm`], then [`silu`].
pub fn group_norm_silu(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    n_groups: usize,
    eps: f64,
) -> Result<Tensor> {
    silu(&group_norm(x, weight, bias, n_groups, eps)?)
}

/// Layer normalisation over the last axis.
pub fn layer_norm(x: &Tensor, weight: &Tensor, bias: &Tensor, eps: f64) -> Result<Tensor> {
    let wide = x.to_dtype(accumulator(x.dtype()))?;
    let centred = wide.broadcast_sub(&wide.mean_keepdim(D::Minus1)?)?;
    let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
    centred
        .broadcast_div(&(variance + eps)?.sqrt()?)?
        .to_dtype(x.dtype())?
        .broadcast_mul(weight)?
        .broadcast_add(bias)
}

/// `softmax(q k^T / sqrt(d)) v` for each head; `q` is `[b, n_q, heads * d]`, `k` and `v` `[b, n_k, heads * d]`.
///
/// With `causal`, a query sees the keys up to its own position only. Queries are worked off in slices, so that memory
/// stays bounded at any picture size.
pub fn attention(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    n_heads: usize,
    causal: bool,
) -> Result<Tensor> {
    let (batch, n_queries, width) = q.dims3()?;
    let n_keys = k.dim(1)?;
    #[cfg(feature = "flash-attn")]
    if let Some(seen) = flash_attention(q, k, v, n_heads, causal)? {
        return Ok(seen);
    }
    if batch > 1 && batch * n_heads * n_queries * n_keys > MAX_ATTENTION_SCORES {
        let one = |x: &Tensor, idx: usize| x.narrow(0, idx, 1);
        let each = (0..batch)
            .map(|idx| attention(&one(q, idx)?, &one(k, idx)?, &one(v, idx)?, n_heads, causal))
            .collect::<Result<Vec<_>>>()?;
        return Tensor::cat(&each, 0);
    }
    let head_width = width / n_heads;
    // [b, n, heads * d] -> [b * heads, n, d]
    let split = |x: &Tensor, n: usize| -> Result<Tensor> {
        x.reshape((batch, n, n_heads, head_width))?
            .transpose(1, 2)?
            .contiguous()?
            .reshape((batch * n_heads, n, head_width))
    };
    let q = (split(q, n_queries)? * (head_width as f64).powf(-0.5))?;
    let k_t = split(k, n_keys)?.transpose(1, 2)?.contiguous()?; // [b * heads, d, n_k]
    let v = split(v, n_keys)?;

    let n_slice = (MAX_ATTENTION_SCORES / (n_heads * n_keys).max(1)).clamp(1, n_queries);
    let mut slices = Vec::with_capacity(n_queries.div_ceil(n_slice));
    for begin in (0..n_queries).step_by(n_slice) {
        let n = n_slice.min(n_queries - begin);
        let scores = q.narrow(1, begin, n)?.contiguous()?.matmul(&k_t)?; // [b * heads, n, n_k]
        let scores = if causal {
            scores.broadcast_add(&causal_mask(begin, n, n_keys, &scores)?)?
        } else {
            scores
        };
        let wide = scores.to_dtype(accumulator(scores.dtype()))?;
        let shares = candle_nn::ops::softmax_last_dim(&wide)?.to_dtype(scores.dtype())?;
        slices.push(shares.matmul(&v)?); // [b * heads, n, d]
    }
    Tensor::cat(&slices, 1)?
        .reshape((batch, n_heads, n_queries, head_width))?
        .transpose(1, 2)?
        .contiguous()?
        .reshape((batch, n_queries, width))
}

/// [`attention`] by FlashAttention 2 (Dao 2023, arXiv 2307.08691), for heads that it has kernels for: on NVIDIA GPUs, in half
/// precision, of a width up to 256.
#[cfg(feature = "flash-attn")]
fn flash_attention(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    n_heads: usize,
    causal: bool,
) -> Result<Option<Tensor>> {
    let (batch, n_queries, width) = q.dims3()?;
    let head_width = width / n_heads;
    let is_half = matches!(q.dtype(), DType::F16 | DType::BF16);
    if !q.device().is_cuda() || !is_half || head_width > 256 || head_width % 8 != 0 {
        return Ok(None);
    }
    let split = |x: &Tensor| -> Result<Tensor> {
        x.reshape((batch, x.dim(1)?, n_heads, head_width))?
            .contiguous()
    };
    let scale = (head_width as f64).powf(-0.5) as f32;
    let seen = candle_flash_attn::flash_attn(&split(q)?, &split(k)?, &split(v)?, scale, causal)?;
    seen.reshape((batch, n_queries, width)).map(Some) // from [b, n, heads, d]
}

/// `[n, n_keys]` with minus infinity where key > query; `begin` is the first query's position.
fn causal_mask(begin: usize, n: usize, n_keys: usize, like: &Tensor) -> Result<Tensor> {
    let mask: Vec<f32> = (0..n)
        .flat_map(|row| {
            (0..n_keys).map(move |key| {
                if key > begin + row {
                    f32::NEG_INFINITY
                } else {
                    0.0
                }
            })
        })
        .collect();
    Tensor::from_vec(mask, (n, n_keys), like.device())?.to_dtype(like.dtype())
}

/// `x * sigmoid(x)`, also called swish.
pub fn silu(x: &Tensor) -> Result<Tensor> {
    x.silu()
}

/// `x * Phi(x)` by the error function, as PyTorch's default.
pub fn gelu(x: &Tensor) -> Result<Tensor> {
    x.gelu_erf()
}

/// `x * sigmoid(1.702 x)`, OpenAI CLIP's approximation of [`gelu`].
pub fn quick_gelu(x: &Tensor) -> Result<Tensor> {
    x * candle_nn::ops::sigmoid(&(x * 1.702)?)?
}

/// The first half of the last axis times the [`gelu`] of the second (Shazeer 2020, arXiv 2002.05202).
pub fn geglu(x: &Tensor) -> Result<Tensor> {
    let width = x.dim(D::Minus1)? / 2;
    let value = x.narrow(D::Minus1, 0, width)?;
    let gate = x.narrow(D::Minus1, width, width)?;
    value * gelu(&gate.contiguous()?)?
}

/// Nearest-neighbour resize of `[b, c, h, w]`, rounding source positions down as PyTorch does.
pub fn upsample_nearest(x: &Tensor, height: usize, width: usize) -> Result<Tensor> {
    x.upsample_nearest2d(height, width)
}

/// Sums are taken in f32 where elements are half as wide.
fn accumulator(dtype: DType) -> DType {
    match dtype {
        DType::F16 | DType::BF16 => DType::F32,
        wide => wide,
    }
}
