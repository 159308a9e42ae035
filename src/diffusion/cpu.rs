//! Tensors in f32 on the CPU, handed to the [`kernels`](super::kernels) as slices.

use candle_core::{CpuStorage, DType, Device, Result, Storage, Tensor};

use super::kernels::{
    AttentionShape, Conv2d, Extras, GroupNorm, Input, Isa, LayerNorm, Linear, Method, Shape,
    attention as attend, channel_sums, normalize,
};

/// Whether the kernels can compute with `x`.
pub fn has_kernels(x: &Tensor) -> bool {
    x.device().is_cpu() && x.dtype() == DType::F32
}

/// All values of a tensor in order; for weights that are packed at load.
pub fn values(x: &Tensor) -> Result<Vec<f32>> {
    with_slice(x, |values| Ok(values.to_vec()))
}

/// `conv(x)`, or `conv(silu(norm(x)))`, plus a value for each channel of an image (`[b, c_out]`), plus a residual.
pub fn conv2d(
    conv: &Conv2d,
    method: Method,
    x: &Tensor,
    norm: Option<&GroupNorm>,
    channel_bias: Option<&Tensor>,
    residual: Option<&Tensor>,
) -> Result<Tensor> {
    let shape = shape_of(x)?;
    let out_shape = conv.shape().output(shape);
    let isa = Isa::best();
    let mut out = vec![0f32; out_shape.len()];
    with_slice(x, |x| {
        with_option(channel_bias, |channel_bias| {
            with_option(residual, |residual| {
                let plain = Input::plain(x, shape);
                let affine =
                    norm.map(|norm| norm.affine(&channel_sums(isa, &plain), shape.plane()));
                let input = Input {
                    affine: affine.as_deref(),
                    silu: norm.is_some(),
                    ..plain
                };
                let extras = Extras {
                    channel_bias,
                    residual,
                };
                conv.forward(isa, method, &input, &extras, &mut out);
                Ok(())
            })
        })
    })?;
    let Shape {
        batch,
        channels,
        height,
        width,
    } = out_shape;
    Tensor::from_vec(out, (batch, channels, height, width), &Device::Cpu)
}

/// Group normalisation of `[b, c, ...]`, then SiLU if asked for.
pub fn group_norm(norm: &GroupNorm, x: &Tensor, silu: bool) -> Result<Tensor> {
    let (batch, channels) = (x.dim(0)?, x.dim(1)?);
    let width = x.elem_count() / (batch * channels).max(1);
    let shape = Shape {
        batch,
        channels,
        height: 1,
        width,
    };
    let isa = Isa::best();
    let mut out = vec![0f32; shape.len()];
    with_slice(x, |x| {
        let plain = Input::plain(x, shape);
        let affine = norm.affine(&channel_sums(isa, &plain), shape.plane());
        normalize(
            isa,
            &Input {
                affine: Some(&affine),
                silu,
                ..plain
            },
            &mut out,
        );
        Ok(())
    })?;
    Tensor::from_vec(out, x.shape(), &Device::Cpu)
}

/// An affine map of the last axis, of layer-normalised values if asked for, plus a residual.
pub fn linear(
    linear: &Linear,
    x: &Tensor,
    norm: Option<&LayerNorm>,
    residual: Option<&Tensor>,
) -> Result<Tensor> {
    let mut dims = x.dims().to_vec();
    if let Some(last) = dims.last_mut() {
        *last = linear.width_out();
    }
    let mut out = vec![0f32; dims.iter().product()];
    with_slice(x, |x| {
        with_option(residual, |residual| {
            linear.forward(Isa::best(), x, norm, residual, &mut out);
            Ok(())
        })
    })?;
    Tensor::from_vec(out, dims, &Device::Cpu)
}

/// As [`attention`](super::ops::attention).
pub fn attention(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    n_heads: usize,
    causal: bool,
) -> Result<Tensor> {
    let (batch, n_queries, width) = q.dims3()?;
    let head_width = width / n_heads.max(1);
    let shape = AttentionShape {
        batch,
        n_queries,
        n_keys: k.dim(1)?,
        n_heads,
        head_width,
    };
    let scale = (head_width as f32).powf(-0.5);
    let mut out = vec![0f32; q.elem_count()];
    with_slice(q, |q| {
        with_slice(k, |k| {
            with_slice(v, |v| {
                attend(Isa::best(), shape, (q, k, v), scale, causal, &mut out);
                Ok(())
            })
        })
    })?;
    Tensor::from_vec(out, q.shape(), &Device::Cpu)
}

fn shape_of(x: &Tensor) -> Result<Shape> {
    let (batch, channels, height, width) = x.dims4()?;
    Ok(Shape {
        batch,
        channels,
        height,
        width,
    })
}

/// Calls `f` with the values of a tensor in order, copied only where they don't lie so.
fn with_slice<R>(x: &Tensor, f: impl FnOnce(&[f32]) -> Result<R>) -> Result<R> {
    let x = x.contiguous()?;
    let (storage, layout) = x.storage_and_layout();
    let start = layout.start_offset();
    let values = match &*storage {
        Storage::Cpu(CpuStorage::F32(values)) => values.get(start..start + x.elem_count()),
        _ => None,
    };
    match values {
        Some(values) => f(values),
        None => candle_core::bail!(
            "a kernel for the CPU was called with {:?} on {:?}",
            x.dtype(),
            x.device()
        ),
    }
}

fn with_option<R>(x: Option<&Tensor>, f: impl FnOnce(Option<&[f32]>) -> Result<R>) -> Result<R> {
    match x {
        Some(x) => with_slice(x, |values| f(Some(values))),
        None => f(None),
    }
}
