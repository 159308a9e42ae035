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
            for j in 0..side {
                let from = first + (y % side * side + j) * height * width + y / side * width;
                let from = &x[from..][..width];
                let to = row[j..].iter_mut().step_by(side);
                match residual {
                    None => to.zip(from).for_each(|(to, from)| {
                        to.write(*from);
                    }),
                    Some(residual) => {
                        let residual = residual[at * n_row..][..n_row][j..].iter().step_by(side);
                        for ((to, from), residual) in to.zip(from).zip(residual) {
                            to.write(from + residual);
                        }
                    }
                }
            }
        });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `out[c][y * side + i][x * side + j] = in[c * side² + i * side + j][y][x]`, as PyTorch defines it.
    #[test]
    fn it_is_the_definition() {
        for (batch, channels, side, height, width) in
            [(1, 3, 2, 4, 6), (2, 1, 3, 5, 1), (1, 2, 1, 3, 3)]
        {
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
