//! What flows between layers, and where it lies.

use candle_core::{Device, Error, Result, Tensor};
use gpu::{Array, Element, Gpu, Pointwise, Shape};

use super::on_gpu::{failed, values};

/// Pictures or tokens between two layers, where these compute.
///
/// Pictures are `[b, c, h, w]`, tokens `[b, n, width]`; a row for each of a batch, `[b, width]`, is a token each.
#[derive(Clone, Debug)]
pub enum Activation {
    /// On the CPU, or where else candle computes.
    Tensor(Tensor),
    /// On a GPU of [`gpu`], which keeps a pixel's channels together.
    Array(Array),
}

/// Where a network's layers compute.
#[derive(Clone, Debug)]
pub enum Place {
    /// Where its tensors are.
    Tensors,
    /// On a GPU, with values of this type.
    Gpu(Gpu, Element),
}

impl Place {
    /// Brings pictures, tokens or rows there.
    ///
    /// # Errors
    /// When the memory doesn't suffice or the GPU fails.
    pub fn bring(&self, x: &Tensor) -> Result<Activation> {
        let Self::Gpu(gpu, element) = self else {
            return Ok(Activation::Tensor(x.clone()));
        };
        let values = values(x)?;
        let array = match *x.dims() {
            [batch, channels, height, width] => {
                let shape = Shape {
                    batch,
                    height,
                    width,
                    channels,
                };
                Array::from_planes(gpu, *element, shape, &values)
            }
            [batch, n_tokens, width] => {
                let shape = Shape::tokens(batch, n_tokens, width);
                Array::from_pixels(gpu, *element, shape, &values)
            }
            [batch, width] => {
                let shape = Shape::tokens(batch, 1, width);
                Array::from_pixels(gpu, *element, shape, &values)
            }
            _ => candle_core::bail!("{:?} are no pictures and no tokens", x.dims()),
        };
        array.map(Activation::Array).map_err(failed)
    }
}

impl Activation {
    /// Pictures as a tensor `[b, c, h, w]`, which is on the CPU and in f32 if they come from a GPU of [`gpu`].
    ///
    /// # Errors
    /// When the memory doesn't suffice or the GPU fails.
    pub fn to_tensor(&self) -> Result<Tensor> {
        match self {
            Self::Tensor(x) => Ok(x.clone()),
            Self::Array(x) => {
                let shape = x.shape();
                let dims = (shape.batch, shape.channels, shape.height, shape.width);
                Tensor::from_vec(x.to_planes().map_err(failed)?, dims, &Device::Cpu)
            }
        }
    }

    /// Height and width of pictures.
    pub fn size(&self) -> Result<(usize, usize)> {
        match self {
            Self::Tensor(x) => x.dims4().map(|(_, _, height, width)| (height, width)),
            Self::Array(x) => Ok((x.shape().height, x.shape().width)),
        }
    }

    /// Rows `begin..end` of pictures.
    pub fn rows(&self, begin: usize, end: usize) -> Result<Self> {
        match self {
            Self::Tensor(x) => {
                let rows = x.narrow(2, begin, end.saturating_sub(begin))?;
                rows.contiguous().map(Self::Tensor)
            }
            Self::Array(x) => x.rows(begin, end).map(Self::Array).map_err(failed),
        }
    }

    /// Bands of rows below each other as pictures of `height` rows.
    ///
    /// A tensor is filled as bands come, so that there is only one copy of the whole.
    pub fn below_each_other(
        height: usize,
        bands: impl Iterator<Item = Result<Self>>,
    ) -> Result<Self> {
        let mut whole: Option<Tensor> = None;
        let mut arrays = Vec::new();
        let mut row = 0;
        for band in bands {
            let band = match band? {
                Self::Tensor(band) => band,
                Self::Array(band) => {
                    arrays.push(band);
                    continue;
                }
            };
            let (batch, channels, n_rows, width) = band.dims4()?;
            let target = match whole.take() {
                Some(target) => target,
                None => {
                    let dims = (batch, channels, height, width);
                    Tensor::zeros(dims, band.dtype(), band.device())?
                }
            };
            target.slice_set(&band, 2, row)?;
            row += n_rows;
            whole = Some(target);
        }
        match (whole, arrays.as_slice()) {
            (Some(whole), []) => Ok(Self::Tensor(whole)),
            (None, []) => Err(Error::msg("the picture has no rows")),
            (None, arrays) => Array::below_each_other(arrays)
                .map(Self::Array)
                .map_err(failed),
            (Some(_), _) => Err(misplaced()),
        }
    }

    /// The sum of both.
    pub fn plus(&self, other: &Self) -> Result<Self> {
        match (self, other) {
            (Self::Tensor(x), Self::Tensor(other)) => (x + other).map(Self::Tensor),
            (Self::Array(x), other) => {
                let sum = Pointwise {
                    residual: Some(other.array()?),
                    ..Pointwise::default()
                };
                sum.forward(x).map(Self::Array).map_err(failed)
            }
            _ => Err(misplaced()),
        }
    }

    /// `scale` times the values, plus `shift`.
    pub fn scaled(&self, scale: f32, shift: f32) -> Result<Self> {
        match self {
            Self::Tensor(x) => x
                .affine(f64::from(scale), f64::from(shift))
                .map(Self::Tensor),
            Self::Array(x) => {
                let scaled = Pointwise {
                    scale_shift: Some((scale, shift)),
                    ..Pointwise::default()
                };
                scaled.forward(x).map(Self::Array).map_err(failed)
            }
        }
    }

    pub(super) fn tensor(&self) -> Result<&Tensor> {
        match self {
            Self::Tensor(x) => Ok(x),
            Self::Array(_) => Err(misplaced()),
        }
    }

    pub(super) fn array(&self) -> Result<&Array> {
        match self {
            Self::Array(x) => Ok(x),
            Self::Tensor(_) => Err(misplaced()),
        }
    }
}

impl From<Tensor> for Activation {
    fn from(x: Tensor) -> Self {
        Self::Tensor(x)
    }
}

impl From<Array> for Activation {
    fn from(x: Array) -> Self {
        Self::Array(x)
    }
}

/// The error for a layer and its input in different places.
pub(super) fn misplaced() -> Error {
    Error::msg("a layer and what goes into it lie in different places")
}
