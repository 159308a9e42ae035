//! Layers with weights, loaded by name and shape.
//!
//! On the CPU they run on our [kernels], with weights packed once and the steps next to a layer (normalisation and
//! activation before it, a sum after it) fused into it. They compute in f32; weights may be kept in half precision, and are
//! then widened and packed for each call. Elsewhere the same steps are candle's, one by one.

mod conv;
mod linear;
mod norm;
mod packed;
mod shuffle;

pub use self::conv::{Concat, Conv2d, ConvSizes, Fusion, UpsampleConv};
pub use self::linear::Linear;
pub use self::norm::{ChannelAffine, GroupNorm, LayerNorm};
pub use self::packed::{Heads, Values, attention, to_picture, to_tokens};
pub use self::shuffle::pixel_shuffle;

fn packing() -> impl FnOnce(candle_core::Error) -> common::Error {
    common::Error::tensor("packing weights")
}
