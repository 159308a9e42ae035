//! Channels to squares of pixels.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::output::write_all;

/// Least values that a thread lays out at a time.
const SPAN: usize = 1 << 14;

/// Lays every `side * side` planes of `x`, `[.., side * side, height, width]`, out as one plane `[.., height * side, width * side]`:
/// plane `side * i + j` has row `i`, column `j` of each square (Shi et al. 2016, "Real-Time Single Image and Video
/// Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural Network"; the order of `torch.nn.PixelShuffle`). `residual`,
/// as large as the result, is added.
pub fn pixel_shuffle(
    side: usize,
    (height, width): (usize, usize),
    x: &[f32],
    residual: Option<&[f32]>,
) -> Vec<f32> {
    if x.is_empty() {
        return Vec::new();
    }
    assert!(
        x.len().is_multiple_of(side * side * height * width),
        "input of a pixel shuffle"
    );
    assert!(
        residual.is_none_or(|residual| residual.len() == x.len()),
        "residual of a pixel shuffle"
    );
    #[expect(unsafe_code, reason = "the output isn't cleared before")]
    // SAFETY: the squares' planes are whole, as checked above, and so are the rows of the output; column by column of the
    // squares, all values of a row are stored.
    unsafe {
        write_all(x.len(), |out| {
            write(side, (height, width), x, residual, out)
        })
    }
}

fn write(
    side: usize,
    (height, width): (usize, usize),
    x: &[f32],
    residual: Option<&[f32]>,
    out: &mut [MaybeUninit<f32>],
) {
    let n_row = side * width;
    let rows = out.par_chunks_exact_mut(n_row).enumerate();
    rows.with_min_len(SPAN.div_ceil(n_row))
        .for_each(|(at, row)| {
            let (plane, y) = (at / (side * height), at % (side * height));
            let first = plane * side * side * height * width;
            let from = &x[first + y % side * side * height * width + y / side * width..];
            let residual = residual.map(|residual| &residual[at * n_row..][..n_row]);
            match side {
                2 => write_row::<2>(from, (height * width, width), residual, row),
                4 => write_row::<4>(from, (height * width, width), residual, row),
                _ => {
                    for j in 0..side {
                        let from = &from[j * height * width..][..width];
                        for (i, (to, from)) in
                            row[j..].iter_mut().step_by(side).zip(from).enumerate()
                        {
                            let at = i * side + j;
                            to.write(residual.map_or(*from, |residual| from + residual[at]));
                        }
                    }
                }
            }
        });
}

/// Stores a row of squares that are `SIDE` wide, from planes that are `plane` apart: written so that compilers make shuffles of
/// whole vectors of it.
fn write_row<const SIDE: usize>(
    from: &[f32],
    (plane, width): (usize, usize),
    residual: Option<&[f32]>,
    row: &mut [MaybeUninit<f32>],
) {
    let planes: [&[f32]; SIDE] = std::array::from_fn(|j| &from[j * plane..][..width]);
    let squares = &mut row.as_chunks_mut::<SIDE>().0[..width];
    match residual {
        None => {
            for (x, square) in squares.iter_mut().enumerate() {
                for (to, plane) in square.iter_mut().zip(&planes) {
                    to.write(plane[x]);
                }
            }
        }
        Some(residual) => {
            let residual = residual.as_chunks::<SIDE>().0;
            for (x, (square, residual)) in squares.iter_mut().zip(residual).enumerate() {
                for ((to, plane), residual) in square.iter_mut().zip(&planes).zip(residual) {
                    to.write(plane[x] + residual);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `out[c][y * side + i][x * side + j] = in[c * side² + i * side + j][y][x]`, as PyTorch defines it.
    #[test]
    fn it_is_the_definition() {
        for (batch, channels, side, height, width) in [
            (1, 3, 2, 4, 6),
            (2, 1, 3, 5, 1),
            (1, 2, 1, 3, 3),
            (1, 2, 4, 3, 21),
        ] {
            let len = batch * channels * side * side * height * width;
            let x: Vec<f32> = (0..len).map(|i| i as f32).collect();
            let out = pixel_shuffle(side, (height, width), &x, None);
            let mut expected = Vec::with_capacity(len);
            for image in 0..batch * channels {
                for y in 0..height * side {
                    for x in 0..width * side {
                        let channel = image * side * side + (y % side) * side + x % side;
                        let place = (channel * height + y / side) * width + x / side;
                        expected.push(place as f32);
                    }
                }
            }
            assert_eq!(out, expected);
            let added = pixel_shuffle(side, (height, width), &x, Some(&x));
            let sums = expected.iter().zip(&x).map(|(a, b)| a + b);
            assert_eq!(added, sums.collect::<Vec<f32>>());
        }
    }
}
