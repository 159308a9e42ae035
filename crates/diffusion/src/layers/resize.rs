//! Pictures of another size: enlarged, and channels laid out as pixels.

use candle_core::{DType, Device, Result as TensorResult, Tensor};

use super::on_gpu::output;
use super::{Activation, Values};
use crate::ops;

/// Nearest-neighbour resize, see [`ops::upsample_nearest`].
pub fn upsample_nearest(x: &Activation, height: usize, width: usize) -> TensorResult<Activation> {
    match x {
        Activation::Tensor(x) => ops::upsample_nearest(x, height, width).map(Activation::Tensor),
        Activation::Array(x) => output(gpu::resize(x, height, width)),
    }
}

/// Channels laid out as squares of `side * side` pixels, plus `residual`, which is as large as the result.
pub fn pixel_shuffle(
    x: &Activation,
    side: usize,
    residual: Option<&Activation>,
) -> TensorResult<Activation> {
    match x {
        Activation::Tensor(x) => {
            let residual = residual.map(Activation::tensor).transpose()?;
            shuffle_tensor(x, side, residual).map(Activation::Tensor)
        }
        Activation::Array(x) => {
            let residual = residual.map(Activation::array).transpose()?;
            output(gpu::pixel_shuffle(x, side, residual))
        }
    }
}

fn shuffle_tensor(x: &Tensor, side: usize, residual: Option<&Tensor>) -> TensorResult<Tensor> {
    let (batch, channels, height, width) = x.dims4()?;
    if !(x.device().is_cpu() && x.dtype() == DType::F32) {
        let shuffled = candle_nn::ops::pixel_shuffle(x, side)?;
        return match residual {
            Some(residual) => shuffled + residual,
            None => Ok(shuffled),
        };
    }
    let x = x.contiguous()?;
    if side == 0 || !channels.is_multiple_of(side * side) {
        candle_core::bail!("{channels} channels don't fill squares of {side} x {side} pixels");
    }
    let shape = (batch, channels / (side * side), height * side, width * side);
    let residual = residual.map(Tensor::contiguous).transpose()?;
    if let Some(residual) = residual
        .as_ref()
        .filter(|x| x.dims() != <[usize; 4]>::from(shape))
    {
        candle_core::bail!("{:?} can't be added to {shape:?}", residual.dims());
    }
    let residual = Values::of_option(residual.as_ref())?;
    let out = kernels::pixel_shuffle(side, (height, width), &Values::of(&x)?, residual.as_deref());
    Tensor::from_vec(out, shape, &Device::Cpu)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_are_shuffled_as_candle_does() {
        for (side, shape) in [(2, (1, 12, 4, 6)), (3, (2, 9, 5, 1)), (1, (1, 2, 3, 3))] {
            let len = shape.0 * shape.1 * shape.2 * shape.3;
            let x: Vec<f32> = (0..len).map(|i| i as f32).collect();
            let x = Tensor::from_vec(x, shape, &Device::Cpu).unwrap();
            let values = |x: Tensor| x.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let expected = candle_nn::ops::pixel_shuffle(&x, side).unwrap();
            let plain = shuffle_tensor(&x, side, None).unwrap();
            assert_eq!(values(plain), values(expected.clone()));
            let doubled = shuffle_tensor(&x, side, Some(&expected)).unwrap();
            assert_eq!(values(doubled), values((&expected + &expected).unwrap()));
        }
    }
}
