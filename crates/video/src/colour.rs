//! RGB to Y'CbCr 4:2:0 and back: BT.709 matrix, limited range.
//!
//! Chroma is sited as H.264 assumes when a stream doesn't say (ITU-T H.264, Annex E, `chroma_sample_loc_type` 0):
//! in line with every second luma column, halfway between two luma rows.

use common::{Error, Result};
use image::RgbImage;
use openh264::formats::YUVSource;
use timeline::Size;
use yuv::{
    BufferStoreMut, YuvConversionMode, YuvPlanarImage, YuvPlanarImageMut, YuvRange,
    YuvStandardMatrix, rgb_to_yuv444, yuv420_to_rgb_bilinear,
};

const RANGE: YuvRange = YuvRange::Limited;
const MATRIX: YuvStandardMatrix = YuvStandardMatrix::Bt709;

/// A picture in Y'CbCr 4:2:0; rows are packed, without padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Yuv420 {
    size: Size,
    y: Vec<u8>,
    u: Vec<u8>,
    v: Vec<u8>,
}

impl Yuv420 {
    /// A black picture of even size.
    pub(super) fn new(size: Size) -> Self {
        let n_luma = size.width as usize * size.height as usize;
        Self {
            size,
            y: vec![16; n_luma],
            u: vec![128; n_luma / 4],
            v: vec![128; n_luma / 4],
        }
    }

    /// A copy of a decoder's picture, without the padding of its rows.
    pub(super) fn copy_of(source: &impl YUVSource, size: Size) -> Result<Self> {
        let (width, height) = (size.width as usize, size.height as usize);
        if source.dimensions() != (width, height) || width % 2 != 0 || height % 2 != 0 {
            let (width, height) = source.dimensions();
            return Err(Error::Video {
                reason: format!("a decoded frame has {width}x{height} pixels instead of {size}"),
            });
        }
        let (y_stride, u_stride, v_stride) = source.strides();
        let pack = |plane: &[u8], stride: usize, width: usize| -> Vec<u8> {
            let rows = plane.chunks(stride.max(1));
            rows.flat_map(|row| row.iter().take(width))
                .copied()
                .collect()
        };
        Ok(Self {
            size,
            y: pack(source.y(), y_stride, width),
            u: pack(source.u(), u_stride, width / 2),
            v: pack(source.v(), v_stride, width / 2),
        })
    }

    /// Size in luma pixels.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Luma, rows from the top, 16 = black to 235 = white.
    pub fn luma(&self) -> &[u8] {
        &self.y
    }

    /// The picture in RGB; chroma is scaled up bilinearly.
    ///
    /// # Errors
    /// When the planes don't fit the size, which is a bug.
    pub fn to_rgb(&self) -> Result<RgbImage> {
        let Size { width, height } = self.size;
        let mut rgb = RgbImage::new(width, height);
        let planes = YuvPlanarImage {
            y_plane: &self.y,
            y_stride: width,
            u_plane: &self.u,
            u_stride: width / 2,
            v_plane: &self.v,
            v_stride: width / 2,
            width,
            height,
        };
        yuv420_to_rgb_bilinear(&planes, &mut rgb, width * 3, RANGE, MATRIX).map_err(failed)?;
        Ok(rgb)
    }
}

impl YUVSource for Yuv420 {
    fn dimensions(&self) -> (usize, usize) {
        (self.size.width as usize, self.size.height as usize)
    }

    fn strides(&self) -> (usize, usize, usize) {
        let width = self.size.width as usize;
        (width, width / 2, width / 2)
    }

    fn y(&self) -> &[u8] {
        &self.y
    }

    fn u(&self) -> &[u8] {
        &self.u
    }

    fn v(&self) -> &[u8] {
        &self.v
    }
}

/// Turns RGB pictures of one size into [`Yuv420`], with buffers that are used again.
pub(super) struct Converter {
    picture: Yuv420,
    full_u: Vec<u8>,
    full_v: Vec<u8>,
    row_sums: Vec<u16>,
}

impl Converter {
    /// For pictures of this even size.
    pub(super) fn new(size: Size) -> Self {
        let n_luma = size.width as usize * size.height as usize;
        Self {
            picture: Yuv420::new(size),
            full_u: vec![0; n_luma],
            full_v: vec![0; n_luma],
            row_sums: vec![0; size.width as usize],
        }
    }

    /// Converts one picture.
    pub(super) fn convert(&mut self, rgb: &RgbImage) -> Result<&Yuv420> {
        let Size { width, height } = self.picture.size;
        if rgb.dimensions() != (width, height) {
            return Err(Error::Video {
                reason: format!(
                    "a frame has {}x{} pixels instead of {width}x{height}",
                    rgb.width(),
                    rgb.height()
                ),
            });
        }
        let mut planes = YuvPlanarImageMut {
            y_plane: BufferStoreMut::Borrowed(&mut self.picture.y),
            y_stride: width,
            u_plane: BufferStoreMut::Borrowed(&mut self.full_u),
            u_stride: width,
            v_plane: BufferStoreMut::Borrowed(&mut self.full_v),
            v_stride: width,
            width,
            height,
        };
        let mode = YuvConversionMode::Balanced;
        rgb_to_yuv444(&mut planes, rgb, width * 3, RANGE, MATRIX, mode).map_err(failed)?;
        halve(&self.full_u, &mut self.picture.u, &mut self.row_sums);
        halve(&self.full_v, &mut self.picture.v, &mut self.row_sums);
        Ok(&self.picture)
    }
}

/// Halves both sides of a plane: columns by the filter (1 2 1)/4 centred on even columns, rows by their mean.
///
/// The yuv crate's own 4:2:0 takes the mean of 2x2 pixels, which puts chroma a quarter of its pixel too far right.
fn halve(full: &[u8], half: &mut [u8], row_sums: &mut [u16]) {
    let width = row_sums.len();
    for (rows, out) in full
        .chunks_exact(2 * width)
        .zip(half.chunks_exact_mut(width / 2))
    {
        let (upper, lower) = rows.split_at(width);
        for ((sum, a), b) in row_sums.iter_mut().zip(upper).zip(lower) {
            *sum = u16::from(*a) + u16::from(*b);
        }
        let mut left = row_sums.first().copied().unwrap_or_default();
        for (pixel, pair) in out.iter_mut().zip(row_sums.chunks_exact(2)) {
            if let [centre, right] = *pair {
                *pixel = ((left + 2 * centre + right + 4) / 8) as u8;
                left = right;
            }
        }
    }
}

fn failed(error: yuv::YuvError) -> Error {
    Error::Video {
        reason: format!("colour conversion failed: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    /// ITU-R BT.709-6, items 3.2 to 3.4, in floating point.
    fn reference([r, g, b]: [u8; 3]) -> [f64; 3] {
        let [r, g, b] = [r, g, b].map(|c| f64::from(c) / 255.0);
        let luma = 0.2126 * r + 0.7152 * g + 0.0722 * b;
        [
            219.0 * luma + 16.0,
            224.0 * (b - luma) / 1.8556 + 128.0,
            224.0 * (r - luma) / 1.5748 + 128.0,
        ]
    }

    #[test]
    fn colours_follow_bt709_limited_range() {
        let size = Size {
            width: 34,
            height: 4,
        };
        let mut converter = Converter::new(size);
        for colour in [
            [0, 0, 0],
            [255, 255, 255],
            [255, 0, 0],
            [0, 255, 0],
            [0, 0, 255],
            [17, 130, 201],
            [128, 128, 128],
        ] {
            let rgb = RgbImage::from_pixel(size.width, size.height, Rgb(colour));
            let picture = converter.convert(&rgb).unwrap();
            let wanted = reference(colour);
            for (plane, wanted) in [&picture.y, &picture.u, &picture.v].iter().zip(wanted) {
                for value in plane.iter() {
                    let off = (f64::from(*value) - wanted).abs();
                    assert!(off <= 1.0, "{colour:?}: {value} for {wanted}");
                }
            }
            let back = picture.to_rgb().unwrap();
            for (a, b) in back.get_pixel(9, 2).0.iter().zip(colour) {
                assert!(a.abs_diff(b) <= 4, "{colour:?} came back as {a} for {b}");
            }
        }
    }

    #[test]
    fn chroma_is_sited_on_even_columns() {
        // A ramp along x stays the same ramp at columns 0, 2, 4, ...
        let width = 16;
        let full: Vec<u8> = (0..2 * width).map(|i| 10 * (i % width) as u8).collect();
        let mut half = vec![0; width / 2];
        halve(&full, &mut half, &mut vec![0; width]);
        let inner: Vec<u8> = (1..width / 2).map(|x| 20 * x as u8).collect();
        assert_eq!(half[1..], inner);
    }

    #[test]
    fn a_picture_of_another_size_is_refused() {
        let mut converter = Converter::new(Size {
            width: 32,
            height: 32,
        });
        let error = converter.convert(&RgbImage::new(32, 30)).unwrap_err();
        assert!(error.to_string().contains("32x30"), "{error}");
    }
}
