//! placeholder
use super::super::input::{Input, Shape};
use super::super::norm::ChannelSums;
use super::super::simd::Isa;
use super::{Conv2d, ConvShape, Extras};
pub(super) fn pays(_: &ConvShape, _: Shape) -> bool {
    false
}
pub(super) fn forward(
    conv: &Conv2d,
    isa: Isa,
    input: &Input,
    extras: &Extras,
    out: &mut [f32],
) -> ChannelSums {
    let _ = &conv.winograd;
    let _ = conv.weight(0, 0, 0);
    super::direct::forward(conv, isa, input, extras, out)
}
