//! The operations, each with its kernel beside it.
//!
//! | file | what |
//! |---|---|
//! | `gemm`, `gemm_shape` | convolutions and linear layers |
//! | `attention` | attention in bounded memory |
//! | `group_norm` (`group_sums`, `group_affine`), `layer_norm` (`layer_moments`) | statistics of normalisations |
//! | `pointwise`, `join`, `resize`, `pixel_shuffle` | value by value; channels of two inputs; sizes |
//! | `rgb8` | pictures to bytes |

mod attention;
mod gemm;
mod gemm_shape;
mod group_norm;
mod layer_norm;
mod pointwise;
mod rgb8;
mod tiles;

pub use attention::attention;
pub use gemm::{Epilogue, Gemm, Input};
pub use gemm_shape::{Border, GemmShape};
pub use group_norm::{ChannelAffine, GroupNorm, GroupSums};
pub use layer_norm::LayerNorm;
pub use pointwise::{Pointwise, pixel_shuffle, resize};
pub use rgb8::to_rgb8;

use crate::call::MAX_GROUPS;
use crate::template::Names;
use crate::{Element, Error, Result};

/// A kernel's file, behind the one that names element types.
macro_rules! kernel {
    ($name:literal) => {
        (
            $name,
            concat!(
                include_str!("element.wgsl"),
                include_str!(concat!($name, ".wgsl"))
            ),
        )
    };
}
pub(crate) use kernel;

/// The names that every kernel knows.
pub(crate) fn names(element: Element) -> Names {
    Names::new()
        .choice("F16", element == Element::F16)
        .number("MAX_GROUPS", MAX_GROUPS)
}

/// Workgroups of `size` threads for `n` of them, along two sides.
pub(crate) fn groups(n: usize, size: usize) -> Result<[u32; 2]> {
    let n_groups = to_u32(n.div_ceil(size))?;
    Ok([
        n_groups.clamp(1, MAX_GROUPS),
        n_groups.div_ceil(MAX_GROUPS).max(1),
    ])
}

/// A size as the kernels take it.
pub(crate) fn to_u32(n: usize) -> Result<u32> {
    u32::try_from(n).map_err(|_| Error::Shape(format!("{n} is more than the kernels can count")))
}

/// Sizes as the kernels take them.
pub(crate) fn sizes<const N: usize>(sizes: [usize; N]) -> Result<Vec<u32>> {
    sizes.into_iter().map(to_u32).collect()
}

/// An error about sizes that don't fit.
pub(crate) fn misfit<T>(reason: impl Into<String>) -> Result<T> {
    Err(Error::Shape(reason.into()))
}
