//! What is done value by value, and what moves values.

use super::{ChannelAffine, groups, kernel, misfit, names, sizes, to_u32};
use crate::Result;
use crate::array::{Array, Shape};
use crate::call::Call;
use crate::template::Names;

/// Threads of a workgroup.
const THREADS: usize = 256;

/// Steps from `x` to `silu(scale affine(x) + shift) + residual`, each where it is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pointwise<'a> {
    /// Channels behind those of `x`.
    pub second: Option<&'a Array>,
    /// A map of each image's channels.
    pub affine: Option<&'a ChannelAffine>,
    /// A scale and a shift of all values.
    pub scale_shift: Option<(f32, f32)>,
    /// Whether SiLU is applied.
    pub silu: bool,
    /// Added at the end; as large as the output.
    pub residual: Option<&'a Array>,
}

impl Pointwise<'_> {
    /// The result, of the shape of `x` with the channels of both parts.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if inputs don't fit; when memory doesn't suffice or the GPU fails.
    pub fn forward(&self, x: &Array) -> Result<Array> {
        let first = x.shape();
        let n_second = self.second.map_or(0, |second| second.shape().channels);
        let shape = first.with_channels(first.channels + n_second);
        if let Some(second) = self.second {
            if second.shape().with_channels(0) != first.with_channels(0)
                || second.element() != x.element()
            {
                return misfit("two inputs of different sizes");
            }
            if !first.channels.is_multiple_of(4) {
                let joined = join(x, second)?;
                let rest = Self {
                    second: None,
                    ..*self
                };
                return rest.forward(&joined);
            }
        }
        if let Some(affine) = self.affine {
            affine.check(shape)?;
        }
        if self
            .residual
            .is_some_and(|r| r.shape() != shape || r.element() != x.element())
        {
            return misfit(format!("what is added doesn't have the shape {shape:?}"));
        }
        let y = Array::allocate(x.gpu(), x.element(), shape)?;
        let mut buffers = vec![x.buffer()];
        buffers.extend(self.second.map(Array::buffer));
        buffers.extend(self.affine.map(ChannelAffine::buffer));
        buffers.extend(self.residual.map(Array::buffer));
        buffers.push(y.buffer());
        let (scale, shift) = self.scale_shift.unwrap_or((1.0, 0.0));
        let second = self.second.map_or(0, |second| second.shape().quads());
        let n_quads = shape.plane() * shape.quads();
        let [groups_x, groups_y] = groups(n_quads, THREADS)?;
        x.gpu().run(&Call {
            template: kernel!("pointwise"),
            names: names(x.element())
                .choice("SECOND", self.second.is_some())
                .choice("AFFINE", self.affine.is_some())
                .choice("SCALED", self.scale_shift.is_some())
                .choice("SILU", self.silu)
                .choice("RESIDUAL", self.residual.is_some()),
            buffers: &buffers,
            n_written: 1,
            sizes: &[
                0,
                to_u32(shape.plane())?,
                to_u32(first.quads())?,
                to_u32(second)?,
                scale.to_bits(),
                shift.to_bits(),
            ],
            groups: [groups_x, groups_y, to_u32(shape.batch)?],
            n_products: (n_quads * 32) as f64,
        })?;
        Ok(y)
    }
}

/// The channels of both as those of one.
fn join(first: &Array, second: &Array) -> Result<Array> {
    let channels = (first.shape().channels, second.shape().channels);
    let shape = first.shape().with_channels(channels.0 + channels.1);
    let sizes = sizes([0, shape.plane(), channels.0, channels.1])?;
    let names = names(first.element());
    moved((kernel!("join"), names), &[first, second], shape, 4, &sizes)
}

/// Nearest-neighbour resize, source positions rounded down as PyTorch does.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) if a picture is empty; when memory doesn't suffice or the GPU fails.
pub fn resize(x: &Array, height: usize, width: usize) -> Result<Array> {
    let from = x.shape();
    if from.plane() == 0 || height * width == 0 {
        return misfit("a resize of nothing, or to nothing");
    }
    let shape = Shape {
        height,
        width,
        ..from
    };
    let sizes = sizes([0, height, width, from.height, from.width, from.quads()])?;
    let names = names(x.element());
    moved((kernel!("resize"), names), &[x], shape, 1, &sizes)
}

/// Channels laid out as squares of `side * side` pixels, plus `residual`, which is as large as the result.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) if channels don't fill squares, or `residual` doesn't fit; when memory doesn't suffice or the GPU fails.
pub fn pixel_shuffle(x: &Array, side: usize, residual: Option<&Array>) -> Result<Array> {
    let from = x.shape();
    if side == 0 || !from.channels.is_multiple_of(side * side) {
        return misfit(format!(
            "{} channels don't fill squares of {side} x {side} pixels",
            from.channels
        ));
    }
    let shape = Shape {
        height: from.height * side,
        width: from.width * side,
        channels: from.channels / (side * side),
        ..from
    };
    if residual.is_some_and(|r| r.shape() != shape || r.element() != x.element()) {
        return misfit(format!("what is added doesn't have the shape {shape:?}"));
    }
    let sizes = sizes([0, from.height, from.width, shape.channels, side])?;
    let mut inputs = vec![x];
    inputs.extend(residual);
    let names = names(x.element()).choice("RESIDUAL", residual.is_some());
    moved((kernel!("pixel_shuffle"), names), &inputs, shape, 4, &sizes)
}

/// The output of a kernel that moves values, with a thread for each quad, or for each of its `per_quad` numbers.
fn moved(
    (template, names): ((&'static str, &'static str), Names),
    inputs: &[&Array],
    shape: Shape,
    per_quad: usize,
    sizes: &[u32],
) -> Result<Array> {
    let Some(first) = inputs.first() else {
        return misfit("nothing to move");
    };
    let y = Array::allocate(first.gpu(), first.element(), shape)?;
    let n = shape.plane() * shape.quads() * per_quad;
    let [groups_x, groups_y] = groups(n, THREADS)?;
    let mut buffers: Vec<_> = inputs.iter().map(|x| x.buffer()).collect();
    buffers.push(y.buffer());
    first.gpu().run(&Call {
        template,
        names,
        buffers: &buffers,
        n_written: 1,
        sizes,
        groups: [groups_x, groups_y, to_u32(shape.batch)?],
        n_products: (n * 16) as f64,
    })?;
    Ok(y)
}
