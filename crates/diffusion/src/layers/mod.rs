//! Layers with weights, loaded by name and shape.
//!
//! On the CPU they run on our [kernels], with weights packed once and the steps next to a layer (normalisation and
//! activation before it, a sum after it) fused into it. They compute in f32; weights may be kept in half precision, and are
//! then widened and packed for each call. On a GPU of [`gpu`] they run on its operations, with the same steps fused. Where candle
//! computes, the same steps are candle's, one by one.

mod activation;
mod conv;
mod linear;
mod norm;
mod on_gpu;
mod packed;
mod resize;
mod tokens;

pub use self::activation::{Activation, Place};
pub use self::conv::{Concat, Conv2d, ConvSizes, Fusion, UpsampleConv};
pub use self::linear::Linear;
pub use self::norm::{ChannelAffine, GroupNorm, LayerNorm};
pub use self::on_gpu::{failed, fault};
pub use self::packed::Values;
pub use self::resize::{pixel_shuffle, upsample_nearest};
pub use self::tokens::{Heads, attention, attention_of_tensors, to_picture, to_tokens};

fn packing() -> impl FnOnce(candle_core::Error) -> common::Error {
    common::Error::tensor("packing weights")
}
