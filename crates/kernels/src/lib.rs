//! Kernels for the CPU: f32, channels before pixels (NCHW), on plain slices.
//!
//! | kernel | what |
//! |---|---|
//! | [`Conv2d`] | 3×3 and 1×1 convolution: input normalised, activated, upsampled while it is packed; bias and residual added while it is stored |
//! | [`Linear`] | affine map of tokens: normalised while they are packed; gated (GEGLU) or added to a residual while stored |
//! | [`attention`] | attention of every head in memory that doesn't grow with the number of pairs |
//! | [`transpose()`] | pictures to tokens and back, with a residual |
//! | [`pixel_shuffle`] | channels to squares of pixels |
//! | [`GroupNorm`] | statistics, and the affine map per channel that a convolution applies while packing |
//!
//! Work is cut into pieces by shape alone and every value is summed in a fixed order: results don't depend on the number
//! of threads. Shapes are checked by the callers; a kernel panics on slices of a wrong length.

#[cfg_attr(
    not(target_arch = "x86_64"),
    allow(dead_code, reason = "no other processor has them")
)]
mod amx;
mod arena;
mod attention;
mod conv;
mod input;
mod linear;
mod math;
mod microkernel;
mod norm;
mod output;
mod pieces;
mod shuffle;
mod simd;
mod transpose;

pub use attention::{AttentionShape, attention};
pub use conv::{Border, Conv2d, ConvShape, Epilogue, Method, is_always_winograd};
pub use input::{Activation, Input, Shape};
pub use linear::{LayerNorm, Linear};
pub use norm::{ChannelSums, GroupNorm, channel_sums, normalize};
pub use shuffle::pixel_shuffle;
pub use simd::{Isa, LIMIT};
pub use transpose::transpose;
