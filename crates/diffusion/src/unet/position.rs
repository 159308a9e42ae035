//! Where each place of a picture lies, as a network that sees no border has to be told.

use candle_core::{DType, Device, Result as TensorResult, Tensor};
use common::Result;

use crate::layers::{Activation, Conv2d, ConvSizes, Place};
use crate::weights::Weights;

/// Planes of [`planes`].
pub const N_PLANES: usize = 4;

/// A 1x1 convolution of [`planes`].
#[derive(Debug)]
pub struct Position {
    conv: Conv2d,
    place: Place,
    device: Device,
    dtype: DType,
}

impl Position {
    /// Loads the convolution to `channels`.
    pub fn load(w: Weights, channels: usize) -> Result<Self> {
        let (place, device, dtype) = (w.place().clone(), w.device().clone(), w.dtype());
        let sizes = ConvSizes::same(N_PLANES, channels, 1);
        Ok(Self {
            conv: Conv2d::load_without_bias(w, sizes)?,
            place,
            device,
            dtype,
        })
    }

    /// What is added to each of `batch` pictures: `[batch, channels, height, width]`.
    pub fn forward(
        &self,
        batch: usize,
        (height, width): (usize, usize),
    ) -> TensorResult<Activation> {
        let planes = planes(height, width).repeat(batch);
        let planes = Tensor::from_vec(planes, (batch, N_PLANES, height, width), &self.device)?;
        self.conv
            .forward(&self.place.bring(&planes.to_dtype(self.dtype)?)?)
    }
}

/// `[4, height, width]`: across from -1 to 1, upward from -1 to 1, and the same in halves of the shorter side.
pub fn planes(height: usize, width: usize) -> Vec<f32> {
    let part = |at: usize, n: usize| (at as f32 + 0.5) * 2.0 / n as f32 - 1.0;
    let short = height.min(width).max(1) as f32;
    let mut planes = Vec::with_capacity(N_PLANES * height * width);
    for (across, upward) in [(1.0, 1.0), (width as f32 / short, height as f32 / short)] {
        let places = (0..height * width).map(|at| (at / width, at % width));
        planes.extend(places.clone().map(|(_, x)| across * part(x, width)));
        planes.extend(places.map(|(y, _)| -upward * part(y, height)));
    }
    planes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_run_across_and_upward() {
        let planes = planes(2, 4);
        let (whole, halves) = planes.split_at(2 * 2 * 4);
        assert_eq!(whole[..4], [-0.75, -0.25, 0.25, 0.75]);
        assert_eq!(whole[8..], [0.5, 0.5, 0.5, 0.5, -0.5, -0.5, -0.5, -0.5]);
        assert_eq!(halves[..4], [-1.5, -0.5, 0.5, 1.5]); // twice as wide as high
        assert_eq!(halves[8..], whole[8..]);
    }
}
