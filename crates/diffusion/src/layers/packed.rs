//! The bridge from candle's tensors to our kernels' slices.

use candle_core::{
    CpuStorage, D, DType, Device, Result as TensorResult, Storage, StorageRef, Tensor,
};
use kernels::{Isa, Method};

use super::{Activation, Concat, Fusion, LayerNorm};

/// A convolution on the kernels.
#[derive(Debug)]
pub(super) enum PackedConv {
    /// Packed once.
    Ready(kernels::Conv2d),
    /// Kept in half precision, and packed for every call: half the memory or less, for the time of packing.
    Half {
        shape: kernels::ConvShape,
        method: Method,
        weight: Tensor,
        bias: Option<Tensor>,
    },
}

impl PackedConv {
    /// `half` is the element type to keep the weights in, if it isn't f32.
    pub(super) fn new(
        (shape, method): (kernels::ConvShape, Method),
        weight: &Tensor,
        bias: Option<&Tensor>,
        half: Option<DType>,
    ) -> TensorResult<Self> {
        Ok(match half {
            None => Self::Ready(pack((shape, method), weight, bias)?),
            Some(half) => Self::Half {
                shape,
                method,
                weight: weight.to_dtype(half)?,
                bias: bias.cloned(),
            },
        })
    }
}

impl PackedConv {
    /// The same convolution of an input that isn't doubled.
    pub(super) fn undoubled(&self) -> Self {
        match self {
            Self::Ready(conv) => Self::Ready(conv.undoubled()),
            Self::Half {
                shape,
                method,
                weight,
                bias,
            } => Self::Half {
                shape: shape.undoubled(),
                method: *method,
                weight: weight.clone(),
                bias: bias.clone(),
            },
        }
    }
}

/// An affine map on the kernels, see [`PackedConv`].
#[derive(Debug)]
pub(super) enum PackedLinear {
    Ready(kernels::Linear),
    Half {
        isa: Isa,
        weight: Tensor,
        bias: Option<Tensor>,
        is_gated: bool,
    },
}

impl PackedLinear {
    pub(super) fn new(
        isa: Isa,
        weight: &Tensor,
        bias: Option<&Tensor>,
        is_gated: bool,
        half: Option<DType>,
    ) -> TensorResult<Self> {
        Ok(match half {
            None => Self::Ready(pack_linear(isa, weight, bias, is_gated)?),
            Some(half) => Self::Half {
                isa,
                weight: weight.to_dtype(half)?,
                bias: bias.cloned(),
                is_gated,
            },
        })
    }
}

fn pack(
    (shape, method): (kernels::ConvShape, Method),
    weight: &Tensor,
    bias: Option<&Tensor>,
) -> TensorResult<kernels::Conv2d> {
    let bias = bias
        .map(Tensor::to_vec1::<f32>)
        .transpose()?
        .unwrap_or_default();
    Ok(kernels::Conv2d::new(
        shape,
        method,
        &Values::of(weight)?,
        &bias,
    ))
}

fn pack_linear(
    isa: Isa,
    weight: &Tensor,
    bias: Option<&Tensor>,
    is_gated: bool,
) -> TensorResult<kernels::Linear> {
    let (width_out, width_in) = weight.dims2()?;
    let bias = bias
        .map(Tensor::to_vec1::<f32>)
        .transpose()?
        .unwrap_or_default();
    let values = Values::of(weight)?;
    Ok(match is_gated {
        true => kernels::Linear::gated(isa, (width_in, width_out / 2), &values, &bias),
        false => kernels::Linear::new(isa, (width_in, width_out), &values, &bias),
    })
}

pub(super) fn run_conv(
    conv: &PackedConv,
    x: Concat<'_>,
    fusion: Fusion<'_>,
) -> TensorResult<Activation> {
    let made;
    let conv = match conv {
        PackedConv::Ready(conv) => conv,
        PackedConv::Half {
            shape,
            method,
            weight,
            bias,
        } => {
            made = pack(
                (*shape, *method),
                &weight.to_dtype(DType::F32)?,
                bias.as_ref(),
            )?;
            &made
        }
    };
    let contiguous = |x: &Activation| x.tensor()?.contiguous();
    let first = contiguous(x.first)?;
    let second = x.second.map(contiguous).transpose()?;
    let channel_bias = fusion.channel_bias.map(contiguous).transpose()?;
    let residual = fusion.residual.map(contiguous).transpose()?;

    let mut shape = shape_of(&first)?;
    if let Some(second) = &second {
        shape.channels += second.dim(1)?;
    }
    let (first, second) = (Values::of(&first)?, Values::of_option(second.as_ref())?);
    let input = kernels::Input {
        second: second.as_deref().unwrap_or_default(),
        ..kernels::Input::plain(&first, shape)
    };
    let norm = fusion.norm.and_then(|norm| norm.kernel.as_ref());
    let computed = match fusion.affine {
        Some(_) => None,
        None => {
            norm.map(|norm| norm.affine(&kernels::channel_sums(Isa::best(), &input), shape.plane()))
        }
    };
    let known = fusion.affine.map(|affine| affine.on_cpu()).transpose()?;
    let input = kernels::Input {
        affine: known.or(computed.as_deref()),
        activation: match (
            fusion.affine.is_some() || fusion.norm.is_some(),
            fusion.relu_before,
        ) {
            (true, _) => kernels::Activation::Silu,
            (false, true) => kernels::Activation::Relu,
            (false, false) => kernels::Activation::None,
        },
        ..input
    };
    let (channel_bias, residual) = (
        Values::of_option(channel_bias.as_ref())?,
        Values::of_option(residual.as_ref())?,
    );
    let epilogue = kernels::Epilogue {
        channel_bias: channel_bias.as_deref(),
        residual: residual.as_deref(),
        relu: fusion.relu,
    };
    let shape = conv.shape().output(shape);
    let out = conv.forward(&input, &epilogue);
    Tensor::from_vec(
        out,
        (shape.batch, shape.channels, shape.height, shape.width),
        &Device::Cpu,
    )
    .map(Activation::Tensor)
}

pub(super) fn run_linear(
    linear: &PackedLinear,
    x: &Tensor,
    norm: Option<&LayerNorm>,
    residual: Option<&Tensor>,
) -> TensorResult<Tensor> {
    let made;
    let linear = match linear {
        PackedLinear::Ready(linear) => linear,
        PackedLinear::Half {
            isa,
            weight,
            bias,
            is_gated,
        } => {
            made = pack_linear(
                *isa,
                &weight.to_dtype(DType::F32)?,
                bias.as_ref(),
                *is_gated,
            )?;
            &made
        }
    };
    let x = x.contiguous()?;
    let residual = residual.map(Tensor::contiguous).transpose()?;
    let mut shape = x.dims().to_vec();
    if x.dim(D::Minus1)? != linear.width_in() {
        candle_core::bail!(
            "{shape:?} can't go into a layer of width {}",
            linear.width_in()
        );
    }
    if let Some(last) = shape.last_mut() {
        *last = linear.width_out();
    }
    let residual = Values::of_option(residual.as_ref())?;
    let norm = norm.and_then(|norm| norm.kernel.as_ref());
    let out = linear.forward(&Values::of(&x)?, norm, residual.as_deref());
    Tensor::from_vec(out, shape, &Device::Cpu)
}

/// Sizes of pictures `[b, c, h, w]` for the kernels; `[b, c, n]` counts as one row.
pub(super) fn shape_of(x: &Tensor) -> TensorResult<kernels::Shape> {
    let (batch, channels) = (x.dim(0)?, x.dim(1)?);
    let (height, width) = match x.rank() {
        4 => (x.dim(2)?, x.dim(3)?),
        _ => (1, x.elem_count() / (batch * channels).max(1)),
    };
    Ok(kernels::Shape {
        batch,
        channels,
        height,
        width,
    })
}

/// The elements of a contiguous f32 tensor on the CPU.
pub struct Values<'a> {
    storage: StorageRef<'a>,
    begin: usize,
    len: usize,
}

impl<'a> Values<'a> {
    pub fn of(tensor: &'a Tensor) -> TensorResult<Self> {
        let (storage, layout) = tensor.storage_and_layout();
        if !matches!(&*storage, Storage::Cpu(CpuStorage::F32(_))) || !layout.is_contiguous() {
            candle_core::bail!("a kernel needs contiguous f32 values on the CPU");
        }
        Ok(Self {
            begin: layout.start_offset(),
            len: tensor.elem_count(),
            storage,
        })
    }

    pub(super) fn of_option(tensor: Option<&'a Tensor>) -> TensorResult<Option<Self>> {
        tensor.map(Self::of).transpose()
    }
}

impl std::ops::Deref for Values<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match &*self.storage {
            Storage::Cpu(CpuStorage::F32(values)) => values
                .get(self.begin..self.begin + self.len)
                .unwrap_or_default(),
            _ => &[],
        }
    }
}
