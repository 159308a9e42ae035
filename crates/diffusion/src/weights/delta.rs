//! Changes of a weight by add-ons: LoRA and its relatives, as sums that are formed when the weight is loaded.

use candle_core::{Result as TensorResult, Tensor};
use common::{Error, Result};

use super::Located;

/// A change of one tensor.
#[derive(Clone, Debug)]
pub struct Delta {
    /// How strongly the add-on acts: 1 = as trained.
    pub scale: f64,
    /// Factor of the product, which is alpha / rank.
    pub factor: f64,
    /// What is added to the tensor.
    pub product: Product,
    /// Lengths that the sum's rows or columns are brought to.
    pub magnitude: Option<Magnitude>,
}

/// How a change is stored.
#[derive(Clone, Debug)]
pub enum Product {
    /// LoRA (Hu et al. 2021, arXiv 2106.09685): `up @ down`.
    LowRank {
        /// `[rank, in]`, or `[rank, in, k, k]` for a convolution.
        down: Located,
        /// `[out, rank]`, or `[out, rank, 1, 1]`.
        up: Located,
        /// The convolution `[rank, rank, k, k]` between a `down` and an `up` of 1x1.
        mid: Option<Located>,
    },
    /// LoHa (Hyeon-Woo et al. 2021, arXiv 2108.06098): two products, multiplied element by element.
    Hadamard([Factor; 2]),
    /// LoKr (Yeh et al. 2023, arXiv 2309.14859): the Kronecker product of two matrices.
    Kronecker([Factor; 2]),
    /// The change itself.
    Full(Located),
}

/// A matrix, or a product that makes one.
#[derive(Clone, Debug)]
pub enum Factor {
    /// As it is.
    Whole(Located),
    /// `a @ b`: `[out, rank]` and `[rank, in]`.
    Product(Located, Located),
    /// `a[i, o] t[i, j, k, k] b[j, n]`, summed over i and j (Tucker decomposition).
    Tucker {
        /// `[rank, out]`.
        a: Located,
        /// `[rank, in]`.
        b: Located,
        /// `[rank, rank, k, k]`.
        t: Located,
    },
}

/// DoRA (Liu et al. 2024, arXiv 2402.09353): the direction of the changed weight, at lengths that were trained.
#[derive(Clone, Debug)]
pub struct Magnitude {
    /// The lengths.
    pub lengths: Located,
    /// Whether they belong to the inputs, and not to the outputs.
    pub is_of_inputs: bool,
}

impl Delta {
    /// What is added to `original`, the tensor called `name`.
    pub(super) fn change(&self, original: &Tensor, name: &str) -> Result<Tensor> {
        let stored = self.product.tensors();
        let read = self.product.read()?;
        let magnitude = self.magnitude.as_ref();
        let lengths = magnitude.map(|m| m.lengths.read()).transpose()?;
        let change = || -> TensorResult<Tensor> {
            let product = read.product()?;
            let Some(lengths) = lengths else {
                return (product * (self.scale * self.factor))?.reshape(original.shape());
            };
            let product = (product * self.factor)?.reshape(original.shape())?;
            let is_of_inputs = magnitude.is_some_and(|m| m.is_of_inputs);
            let whole = at_lengths(&(original + product)?, &lengths, is_of_inputs)?;
            (whole - original)? * self.scale
        };
        change().map_err(|error| {
            let stored = stored.iter();
            let shapes: Vec<String> = stored
                .map(|tensor| format!("`{}` of shape {:?}", tensor.name, tensor.shape()))
                .collect();
            let path = self.product.tensors().first().map(|t| t.file.path.clone());
            Error::weights(
                path.unwrap_or_default(),
                format!(
                    "{} don't fit `{name}` of shape {:?}: {error}",
                    shapes.join(" and "),
                    original.dims()
                ),
            )
        })
    }
}

/// `weight` with every row, or every input's column, at its length.
fn at_lengths(weight: &Tensor, lengths: &Tensor, is_of_inputs: bool) -> TensorResult<Tensor> {
    let (n_out, n_in) = (weight.dim(0)?, weight.dim(1)?);
    let flat = weight.reshape((n_out, n_in, ()))?;
    let squares = flat.sqr()?.sum_keepdim(2)?; // [out, in, 1]
    let (axis, shape) = match is_of_inputs {
        true => (0, (1, n_in, 1)),
        false => (1, (n_out, 1, 1)),
    };
    let norm = squares.sum_keepdim(axis)?.sqrt()?;
    let norm = norm.clamp(f64::from(f32::EPSILON), f64::MAX)?;
    let scale = (lengths.reshape(shape)? / norm)?;
    flat.broadcast_mul(&scale)?.reshape(weight.shape())
}

impl Product {
    /// All tensors that it is made of.
    fn tensors(&self) -> Vec<&Located> {
        match self {
            Self::LowRank { down, up, mid } => [down, up].into_iter().chain(mid).collect(),
            Self::Hadamard(factors) | Self::Kronecker(factors) => {
                factors.iter().flat_map(Factor::tensors).collect()
            }
            Self::Full(diff) => vec![diff],
        }
    }

    fn read(&self) -> Result<Read> {
        Ok(match self {
            Self::LowRank { down, up, mid } => Read::LowRank {
                down: down.read()?,
                up: up.read()?,
                mid: mid.as_ref().map(Located::read).transpose()?,
            },
            Self::Hadamard([first, second]) => Read::Hadamard([first.read()?, second.read()?]),
            Self::Kronecker([first, second]) => Read::Kronecker([first.read()?, second.read()?]),
            Self::Full(diff) => Read::Full(diff.read()?),
        })
    }
}

impl Factor {
    fn tensors(&self) -> Vec<&Located> {
        match self {
            Self::Whole(whole) => vec![whole],
            Self::Product(a, b) => vec![a, b],
            Self::Tucker { a, b, t } => vec![a, t, b],
        }
    }

    fn read(&self) -> Result<ReadFactor> {
        Ok(match self {
            Self::Whole(whole) => ReadFactor::Whole(whole.read()?),
            Self::Product(a, b) => ReadFactor::Product(a.read()?, b.read()?),
            Self::Tucker { a, b, t } => ReadFactor::Tucker(a.read()?, t.read()?, b.read()?),
        })
    }
}

/// The elements of a [`Product`].
enum Read {
    LowRank {
        down: Tensor,
        up: Tensor,
        mid: Option<Tensor>,
    },
    Hadamard([ReadFactor; 2]),
    Kronecker([ReadFactor; 2]),
    Full(Tensor),
}

/// The elements of a [`Factor`].
enum ReadFactor {
    Whole(Tensor),
    Product(Tensor, Tensor),
    Tucker(Tensor, Tensor, Tensor),
}

impl Read {
    fn product(&self) -> TensorResult<Tensor> {
        match self {
            Self::LowRank {
                down,
                up,
                mid: None,
            } => up.flatten_from(1)?.matmul(&down.flatten_from(1)?),
            Self::LowRank {
                down,
                up,
                mid: Some(mid),
            } => tucker(&up.flatten_from(1)?, mid, &down.flatten_from(1)?),
            Self::Hadamard([first, second]) => first.matrix()? * second.matrix()?,
            Self::Kronecker([first, second]) => kronecker(&first.matrix()?, &second.matrix()?),
            Self::Full(diff) => Ok(diff.clone()),
        }
    }
}

impl ReadFactor {
    fn matrix(&self) -> TensorResult<Tensor> {
        match self {
            Self::Whole(whole) => Ok(whole.clone()),
            Self::Product(a, b) => a.flatten_from(1)?.matmul(&b.flatten_from(1)?),
            Self::Tucker(a, t, b) => tucker(&a.t()?.contiguous()?, t, b),
        }
    }
}

/// `left[o, i] core[i, j, ...] right[j, n]`, summed over i and j: `[o, n, ...]`.
fn tucker(left: &Tensor, core: &Tensor, right: &Tensor) -> TensorResult<Tensor> {
    let (n_left, n_right) = (core.dim(0)?, core.dim(1)?);
    let window = core.dims().get(2..).unwrap_or_default().to_vec();
    let n_window: usize = window.iter().product();
    let half = left.matmul(&core.reshape((n_left, n_right * n_window))?)?; // [o, j * k * k]
    let half = half
        .reshape((left.dim(0)?, n_right, n_window))?
        .transpose(1, 2)?;
    let half = half.contiguous()?.reshape(((), n_right))?; // [o * k * k, j]
    let whole = half
        .matmul(right)?
        .reshape((left.dim(0)?, n_window, right.dim(1)?))?;
    let shape = [vec![left.dim(0)?, right.dim(1)?], window].concat();
    whole.transpose(1, 2)?.contiguous()?.reshape(shape)
}

/// The Kronecker product of `[a, b]` and `[c, d, ...]`: `[a * c, b * d, ...]`.
fn kronecker(first: &Tensor, second: &Tensor) -> TensorResult<Tensor> {
    let (a, b) = (first.dim(0)?, first.dim(1)?);
    let (c, d) = (second.dim(0)?, second.dim(1)?);
    let window = second.dims().get(2..).unwrap_or_default().to_vec();
    let n_window: usize = window.iter().product();
    let first = first.reshape((a, 1, b, 1, 1))?;
    let second = second.reshape((1, c, 1, d, n_window))?;
    let shape = [vec![a * c, b * d], window].concat();
    first.broadcast_mul(&second)?.reshape(shape)
}
