//! Cutting an output into pieces that threads compute side by side.

use std::mem::MaybeUninit;

/// Part of an output: a span of consecutive values in each of several channels' planes.
pub(super) struct Piece<'a, T = MaybeUninit<f32>> {
    /// First of its images in the batch.
    pub image: usize,
    /// First of its channels.
    pub first_channel: usize,
    /// Number of its channels.
    pub n_channels: usize,
    /// First of its values in each plane.
    pub start: usize,
    /// The span in each of its channels, image by image.
    pub rows: Vec<&'a mut [T]>,
}

/// Sizes of the pieces.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    /// Images; more than 1 only together with whole planes.
    pub images: usize,
    /// Channels.
    pub channels: usize,
    /// Values of each plane.
    pub values: usize,
}

/// Cuts `[batch][n_channels][plane]` into pieces of at most `size`, ordered by image, then span, then channels. Every value
/// is in exactly one of them.
pub(super) fn cut<T>(
    out: &mut [T],
    (n_channels, plane): (usize, usize),
    size: Size,
) -> Vec<Piece<'_, T>> {
    let n_spans = plane.div_ceil(size.values);
    let n_groups = n_channels.div_ceil(size.channels);
    let n_images = out.len() / (n_channels * plane);
    let mut pieces = Vec::new();
    for image in (0..n_images).step_by(size.images) {
        for span in 0..n_spans {
            for group in 0..n_groups {
                pieces.push(Piece {
                    image,
                    first_channel: group * size.channels,
                    n_channels: size.channels.min(n_channels - group * size.channels),
                    start: span * size.values,
                    rows: Vec::with_capacity(size.images * size.channels.min(n_channels)),
                });
            }
        }
    }
    for (index, plane) in out.chunks_exact_mut(plane).enumerate() {
        let (image, channel) = (index / n_channels, index % n_channels);
        for (span, row) in plane.chunks_mut(size.values).enumerate() {
            let first = (image / size.images * n_spans + span) * n_groups;
            pieces[first + channel / size.channels].rows.push(row);
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_the_output() {
        let mut out: Vec<f32> = (0..2 * 3 * 10).map(|i| i as f32).collect();
        let pieces = cut(
            &mut out,
            (3, 10),
            Size {
                images: 1,
                channels: 2,
                values: 4,
            },
        );
        assert_eq!(pieces.len(), 2 * 3 * 2);
        let mut n_values = 0;
        for piece in &pieces {
            for (i, row) in piece.rows.iter().enumerate() {
                let plane = piece.image * 3 + piece.first_channel + i;
                for (j, &value) in row.iter().enumerate() {
                    assert_eq!(value, (plane * 10 + piece.start + j) as f32);
                    n_values += 1;
                }
            }
        }
        assert_eq!(n_values, 60);
    }
}
