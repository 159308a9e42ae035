//! Pictures to tokens and back.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::output::write_all;

/// Rows and columns of a block: what is read and written of it stays in the first-level cache.
const BLOCK: usize = 16;
/// Columns of the input that a thread takes at least.
const MIN_COLUMNS: usize = 2 * BLOCK;

/// Every `[rows][columns]` of `x` as `[columns][rows]`, plus `residual`, which is as large.
pub fn transpose((rows, columns): (usize, usize), x: &[f32], residual: Option<&[f32]>) -> Vec<f32> {
    if x.is_empty() {
        return Vec::new();
    }
    assert!(
        x.len().is_multiple_of(rows * columns),
        "input of a transposition"
    );
    if let Some(residual) = residual {
        assert_eq!(residual.len(), x.len(), "residual of a transposition");
    }
    #[expect(unsafe_code, reason = "the output isn't cleared before")]
    // SAFETY: the images are whole, as checked above; blocks cover each one's rows, and their parts each row. Where a value
    // to be stored isn't there, indexing panics.
    unsafe {
        write_all(x.len(), |out| write((rows, columns), x, residual, out))
    }
}

fn write(
    (rows, columns): (usize, usize),
    x: &[f32],
    residual: Option<&[f32]>,
    out: &mut [MaybeUninit<f32>],
) {
    for (image, (x, out)) in x
        .chunks_exact(rows * columns)
        .zip(out.chunks_exact_mut(rows * columns))
        .enumerate()
    {
        let residual = residual.map(|all| &all[image * rows * columns..]);
        out.par_chunks_mut(BLOCK * rows)
            .with_min_len(MIN_COLUMNS / BLOCK)
            .enumerate()
            .for_each(|(block, out)| {
                let first = block * BLOCK;
                for begin in (0..rows).step_by(BLOCK) {
                    let end = rows.min(begin + BLOCK);
                    for (column, to) in out.chunks_exact_mut(rows).enumerate() {
                        let to = &mut to[begin..end];
                        let from = &x[begin * columns + first + column..];
                        let Some(residual) = residual else {
                            for (row, to) in to.iter_mut().enumerate() {
                                to.write(from[row * columns]);
                            }
                            continue;
                        };
                        let residual = &residual[(first + column) * rows..][begin..end];
                        for (row, (to, more)) in to.iter_mut().zip(residual).enumerate() {
                            to.write(from[row * columns] + more);
                        }
                    }
                }
            });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_columns() {
        for (batch, rows, columns) in [(1, 1, 1), (2, 3, 50), (3, 33, 17), (1, 64, 256)] {
            let len = batch * rows * columns;
            let x: Vec<f32> = (0..len).map(|i| i as f32).collect();
            let residual: Vec<f32> = (0..len).map(|i| (i % 7) as f32).collect();
            let plain = transpose((rows, columns), &x, None);
            let added = transpose((rows, columns), &x, Some(&residual));
            assert_eq!((plain.len(), added.len()), (len, len));
            for i in 0..len {
                let (image, at) = (i / (rows * columns), i % (rows * columns));
                let (row, column) = (at % rows, at / rows);
                let from = image * rows * columns + row * columns + column;
                assert_eq!(plain[i], x[from]);
                assert_eq!(added[i], x[from] + residual[i]);
            }
        }
    }
}
