//! Operations of the networks on any GPU, through Vulkan, Metal or Direct3D 12. No model and no tensor library is known here.
//!
//! | file | what |
//! |---|---|
//! | `drivers` | [`Adapter`]: the GPUs of this machine; [`Gpu`]: one of them in use, with its memory, kernels, and what waits to be run |
//! | `no_drivers` | the same without the feature `wgpu`: no GPU is ever found |
//! | `array` | [`Array`]: values on it, pixels before channels (NHWC) |
//! | `ops` | the operations, and their kernels in WGSL |
//! | `template` | a kernel for every element type, tile and set of fused steps, from one file |
//!
//! Tiles follow from the kind of GPU and from shapes, images of a batch never meet in a sum, and there are no atomics: the
//! same GPU with the same driver gives the same bits again, for an image alone as in a batch.

/// Whether this program was built with what finds GPUs: the feature `wgpu`.
pub const HAS_DRIVERS: bool = cfg!(feature = "wgpu");

mod array;
#[cfg(feature = "wgpu")]
#[path = "drivers/mod.rs"]
mod backend;
#[cfg(not(feature = "wgpu"))]
#[path = "no_drivers.rs"]
mod backend;
#[cfg_attr(
    not(feature = "wgpu"),
    allow(dead_code, reason = "nothing is ever called")
)]
mod call;
mod class;
mod error;
mod ops;
#[cfg_attr(
    not(feature = "wgpu"),
    allow(dead_code, reason = "there is nothing to compile for")
)]
mod template;

pub use array::{Array, Element, Shape};
pub use backend::{Adapter, Gpu};
pub use call::{KERNELS_VERSION, KernelSource};
pub use class::Class;
pub use error::{Bytes, Error, Result};
pub use ops::{
    Border, ChannelAffine, Epilogue, Gemm, GemmShape, GroupNorm, GroupSums, Input, LayerNorm,
    Pointwise, attention, pixel_shuffle, resize, to_rgb8,
};
