//! Pictures to tokens and back.

use rayon::prelude::*;

/// Rows and columns of a block: what is read and written of it stays in the first-level cache.
const BLOCK: usize = 16;
/// Columns of the input that a thread takes at least.
const MIN_COLUMNS: usize = 2 * BLOCK;

/// Writes every `[rows][columns]` of `x` as `[columns][rows]` to `out`, plus `residual`, which is as large.
pub fn transpose(
    (rows, columns): (usize, usize),
    x: &[f32],
    residual: Option<&[f32]>,
    out: &mut [f32],
) {
    assert_eq!(x.len(), out.len(), "output of a transposition");
    if out.is_empty() {
        return;
    }
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
                        let from = x[begin * columns + first + column..].iter();
                        for (to, from) in to.iter_mut().zip(from.step_by(columns)) {
                            *to = *from;
                        }
                        if let Some(residual) = residual {
                            let residual = &residual[(first + column) * rows + begin..];
                            for (to, more) in to.iter_mut().zip(residual) {
                                *to += more;
                            }
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
            let (mut plain, mut added) = (vec![f32::NAN; len], vec![f32::NAN; len]);
            transpose((rows, columns), &x, None, &mut plain);
            transpose((rows, columns), &x, Some(&residual), &mut added);
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
