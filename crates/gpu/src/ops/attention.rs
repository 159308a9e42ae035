//! Attention of every head, in memory that doesn't grow with the number of pairs.

use super::{kernel, misfit, names, to_u32};
use crate::Result;
use crate::array::Array;
use crate::call::Call;

/// Queries that a workgroup works on.
const QUERIES: usize = 64;
/// Quads of a head's channels that a thread's registers hold sums of at most: 16 threads share a row.
const MAX_QUADS: usize = 64;

/// `softmax(scale q kᵀ) v` of every head: tokens `[batch][n][1][n_heads * width]`, as many as `q` has.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) if the inputs don't fit; when memory doesn't suffice or the GPU fails.
pub fn attention((q, k, v): (&Array, &Array, &Array), n_heads: usize, scale: f32) -> Result<Array> {
    let shape = q.shape();
    let is_like = |x: &Array| {
        x.shape().batch == shape.batch
            && x.shape().channels == shape.channels
            && x.element() == q.element()
            && x.gpu().is(q.gpu())
    };
    if !is_like(k) || !is_like(v) || k.shape().plane() != v.shape().plane() {
        return misfit("queries, keys and values that don't fit together");
    }
    if n_heads == 0 || !shape.channels.is_multiple_of(n_heads) || k.shape().plane() == 0 {
        return misfit(format!(
            "{n_heads} heads over {} channels and {} keys",
            shape.channels,
            k.shape().plane()
        ));
    }
    let width = shape.channels / n_heads;
    let in_quads = width.is_multiple_of(4);
    let n_quads = width.div_ceil(4);
    let n_slices = n_quads.div_ceil(MAX_QUADS);
    let row = match in_quads {
        true => shape.quads(),
        false => 4 * shape.quads(),
    };
    // Where heads aren't whole quads, what fills up a token's last quad isn't written.
    let y = match in_quads {
        true => Array::allocate(q.gpu(), q.element(), shape)?,
        false => Array::zeros(q.gpu(), q.element(), shape)?,
    };
    let (n_queries, n_keys) = (shape.plane(), k.shape().plane());
    q.gpu().run(&Call {
        template: kernel!("attention"),
        names: names(q.element())
            .choice("QUADS", in_quads)
            .number("WIDTH", to_u32(width)?)
            .number("QUADS_OF_HEAD", to_u32(n_quads)?)
            .number("SLICES", to_u32(n_slices)?)
            .number("J", to_u32(n_quads.min(MAX_QUADS).div_ceil(16))?),
        buffers: &[q.buffer(), k.buffer(), v.buffer(), y.buffer()],
        n_written: 1,
        sizes: &[
            0,
            to_u32(n_queries)?,
            to_u32(n_keys)?,
            to_u32(n_heads)?,
            to_u32(row)?,
            (scale * std::f32::consts::LOG2_E).to_bits(),
        ],
        groups: [
            to_u32(n_queries.div_ceil(QUERIES))?,
            to_u32(n_heads * n_slices)?,
            to_u32(shape.batch)?,
        ],
        n_products: ((1 + n_slices) * n_queries * n_keys * shape.channels) as f64,
    })?;
    Ok(y)
}
