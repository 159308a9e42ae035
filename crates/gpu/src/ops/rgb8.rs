//! Pictures to bytes.

use super::{groups, kernel, misfit, names, sizes, to_u32};
use crate::Result;
use crate::array::Array;
use crate::call::Call;

/// Pictures of nominally -1..=1 with three channels as bytes, `[height][width][3]` each; `None` for a picture with a value
/// that is infinite or no number.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) if there aren't three channels; when memory doesn't suffice or the GPU fails.
pub fn to_rgb8(x: &Array) -> Result<Vec<Option<Vec<u8>>>> {
    let shape = x.shape();
    if shape.channels != 3 {
        return misfit(format!(
            "{} channels for red, green and blue",
            shape.channels
        ));
    }
    let gpu = x.gpu();
    let n_bytes = 3 * shape.plane();
    let n_words = n_bytes.div_ceil(4);
    let [groups_x, groups_y] = groups(n_words, 256)?;
    let n_groups = n_words.div_ceil(256);
    let words = gpu.allocate((4 * shape.batch * n_words) as u64)?;
    let faults = gpu.allocate((4 * shape.batch * n_groups) as u64)?;
    gpu.run(&Call {
        template: kernel!("rgb8"),
        names: names(x.element()),
        buffers: &[x.buffer(), &words, &faults],
        n_written: 2,
        sizes: &sizes([0, shape.plane(), n_words, n_groups])?,
        groups: [groups_x, groups_y, to_u32(shape.batch)?],
        n_products: (64 * n_words) as f64,
    })?;
    let pictures = gpu.download(&words, (4 * shape.batch * n_words) as u64)?;
    let faults = gpu.download(&faults, (4 * shape.batch * n_groups) as u64)?;
    let pictures = pictures.chunks_exact((4 * n_words).max(1));
    let faults = faults.chunks_exact((4 * n_groups).max(1));
    Ok(pictures
        .zip(faults)
        .map(|(picture, faults)| {
            let is_fine = faults.iter().all(|fault| *fault == 0);
            is_fine.then(|| picture.iter().take(n_bytes).copied().collect())
        })
        .collect())
}
