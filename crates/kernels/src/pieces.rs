//! Cutting an output into pieces that threads fill side by side.

/// Part of an output: the same stretch of several channels' planes.
pub(super) struct Piece<'a> {
    /// First of its images in the batch.
    pub image: usize,
    /// First of its channels.
    pub first_channel: usize,
    /// Number of its channels.
    pub n_channels: usize,
    /// First of its values in each plane.
    pub start: usize,
    /// The stretch in each of its channels, image by image.
    pub rows: Vec<&'a mut [f32]>,
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

/// Cuts `[batch][n_channels][plane]` into pieces of at most `size`, ordered by image, then stretch, then channels.
pub(super) fn cut(
    out: &mut [f32],
    (n_channels, plane): (usize, usize),
    size: Size,
) -> Vec<Piece<'_>> {
    let n_stretches = plane.div_ceil(size.values);
    let n_groups = n_channels.div_ceil(size.channels);
    let n_images = out.len() / (n_channels * plane);
    let mut pieces = Vec::new();
    for image in (0..n_images).step_by(size.images) {
        for stretch in 0..n_stretches {
            for group in 0..n_groups {
                pieces.push(Piece {
                    image,
                    first_channel: group * size.channels,
                    n_channels: size.channels.min(n_channels - group * size.channels),
                    start: stretch * size.values,
                    rows: Vec::with_capacity(size.images * size.channels.min(n_channels)),
                });
            }
        }
    }
    for (index, plane) in out.chunks_exact_mut(plane).enumerate() {
        let (image, channel) = (index / n_channels, index % n_channels);
        for (stretch, row) in plane.chunks_mut(size.values).enumerate() {
            let first = (image / size.images * n_stretches + stretch) * n_groups;
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
