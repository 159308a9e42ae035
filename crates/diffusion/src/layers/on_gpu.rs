//! The bridge from layers to the operations of a GPU.

use candle_core::{DType, Error, Result, Tensor};
use gpu::{Array, Element, Epilogue, Gemm, GemmShape, Gpu, Input};
use kernels::Border;

use super::{Activation, Concat, Fusion, LayerNorm};

/// A GPU's fault as candle's, from which [`fault`] gets it back.
pub fn failed(error: gpu::Error) -> Error {
    Error::WrappedContext {
        wrapped: Box::new(error),
        context: "on the GPU".to_owned(),
    }
}

/// What went wrong on a GPU, if that is where a layer failed.
pub fn fault(error: &Error) -> Option<&gpu::Error> {
    match error {
        Error::WrappedContext { wrapped, .. } => wrapped.downcast_ref(),
        Error::Context { inner, .. } | Error::WithBacktrace { inner, .. } => fault(inner),
        _ => None,
    }
}

/// Brings the weights of a convolution or of a linear layer to the GPU.
pub(super) fn gemm(
    (gpu, element): (&Gpu, Element),
    shape: GemmShape,
    weight: &Tensor,
    bias: Option<&Tensor>,
) -> Result<Gemm> {
    let bias = bias.map(values).transpose()?.unwrap_or_default();
    Gemm::new(gpu, shape, element, &values(weight)?, &bias).map_err(failed)
}

pub(super) fn values(x: &Tensor) -> Result<Vec<f32>> {
    x.to_dtype(DType::F32)?.flatten_all()?.to_vec1()
}

pub(super) fn border(border: Border) -> gpu::Border {
    match border {
        Border::Zero => gpu::Border::Zero,
        Border::Reflect => gpu::Border::Reflect,
    }
}

/// A convolution of pictures, which are enlarged to `size` beforehand.
pub(super) fn run_conv(
    gemm: &Gemm,
    x: Concat<'_>,
    size: Option<(usize, usize)>,
    fusion: Fusion<'_>,
) -> Result<Activation> {
    let first = x.first.array()?;
    let second = x.second.map(Activation::array).transpose()?;
    let computed = match (fusion.affine, fusion.norm) {
        (None, Some(norm)) => Some(norm.affine_of(first, second)?),
        _ => None,
    };
    let known = fusion.affine.map(|affine| affine.on_gpu()).transpose()?;
    let affine = known.or(computed.as_ref());
    let input = Input {
        second,
        size,
        affine,
        silu: affine.is_some(),
        relu: fusion.relu_before,
        ..Input::plain(first)
    };
    let epilogue = Epilogue {
        channel_bias: fusion.channel_bias.map(Activation::array).transpose()?,
        residual: fusion.residual.map(Activation::array).transpose()?,
        relu: fusion.relu,
    };
    output(gemm.forward(&input, &epilogue))
}

/// A linear layer of tokens.
pub(super) fn run_linear(
    gemm: &Gemm,
    x: &Array,
    norm: Option<&LayerNorm>,
    residual: Option<&Activation>,
) -> Result<Activation> {
    let input = Input {
        layer: norm.map(LayerNorm::on_gpu).transpose()?,
        ..Input::plain(x)
    };
    let epilogue = Epilogue {
        residual: residual.map(Activation::array).transpose()?,
        ..Epilogue::default()
    };
    output(gemm.forward(&input, &epilogue))
}

pub(super) fn output(array: gpu::Result<Array>) -> Result<Activation> {
    array.map(Activation::Array).map_err(failed)
}
