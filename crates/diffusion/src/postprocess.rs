//! A decoded picture becomes a frame of the film: range, size, 8 bits.

use candle_core::{DType, Device, Tensor};
use common::{Error, Result};
use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::F32x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;
use timeline::Size;

use crate::layers::{self, Activation, Values};
use crate::not_finite::{self, NotFinite};

/// Pictures of nominally -1..=1, `[b, 3, h, w]`, to frames of `size`. `first` is the number of the first one in its batch.
///
/// A picture of another shape is scaled to cover the frame and cropped around its centre, so nothing is distorted. The
/// filter (Lanczos, radius 3) works on floating-point values; only its result is rounded to 8 bits. Pictures on a GPU that have the
/// frames' size are rounded there, so that a quarter of the bytes or fewer have to come back.
///
/// # Errors
/// When the device or the memory fails; [`NotFinite`] for a picture whose values aren't finite numbers.
pub fn frames(pictures: &Activation, size: Size, first: usize) -> Result<Vec<RgbImage>> {
    let failed = || Error::tensor("bringing the pictures to the film's size");
    let (height, width) = pictures.size().map_err(failed())?;
    let drawn = Size {
        width: width as u32,
        height: height as u32,
    };
    if let Activation::Array(pictures) = pictures
        && drawn == size
    {
        let bytes = gpu::to_rgb8(pictures).map_err(layers::failed);
        let bytes = bytes.map_err(failed())?.into_iter().zip(first..);
        return bytes
            .map(|(bytes, idx)| frame_of_bytes(bytes, size, idx))
            .collect();
    }
    let pictures = on_cpu(&pictures.to_tensor().map_err(failed())?).map_err(failed())?;
    let values = Values::of(&pictures).map_err(failed())?;
    let mut resizer = Resizer::new();
    values
        .chunks_exact(3 * height * width)
        .zip(first..)
        .map(|(picture, idx)| {
            not_finite::check(picture, idx)?;
            frame(picture, drawn, size, &mut resizer)
        })
        .collect()
}

/// A frame of a GPU's bytes, which are missing where values weren't finite.
fn frame_of_bytes(bytes: Option<Vec<u8>>, size: Size, idx: usize) -> Result<RgbImage> {
    let bytes = bytes.ok_or_else(|| NotFinite::at(idx))?;
    RgbImage::from_raw(size.width, size.height, bytes)
        .ok_or_else(|| Error::internal(format!("a picture of {size} has too few bytes")))
}

/// The same as f32 in the computer's memory, without a copy where they are that.
fn on_cpu(pictures: &Tensor) -> candle_core::Result<Tensor> {
    let pictures = pictures.to_dtype(DType::F32)?.to_device(&Device::Cpu)?;
    pictures.contiguous()
}

/// A frame from a picture `[3, h, w]`.
fn frame(picture: &[f32], drawn: Size, size: Size, resizer: &mut Resizer) -> Result<RgbImage> {
    if size.width == 0 || size.height == 0 {
        return Err(Error::Config {
            name: "size",
            value: size.to_string(),
            allowed: "width and height must be above 0".to_owned(),
        });
    }
    let failed = || {
        Error::internal(format!(
            "a picture of {drawn} can't become a frame of {size}"
        ))
    };
    if drawn == size {
        let mut bytes = vec![0; picture.len()];
        pulp::Arch::new().dispatch(ToBytes {
            planes: planes(picture),
            bytes: &mut bytes,
        });
        return RgbImage::from_raw(size.width, size.height, bytes).ok_or_else(failed);
    }
    let values: Vec<F32x3> = pixels(picture).map(F32x3::new).collect();
    let source = TypedImageRef::new(drawn.width, drawn.height, &values).map_err(|_| failed())?;
    let mut target = TypedImage::<F32x3>::new(size.width, size.height);
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3))
        .fit_into_destination(None); // centred
    resizer
        .resize_typed(&source, &mut target, &options)
        .map_err(|_| failed())?;
    let values = target.pixels().iter().flat_map(|pixel| pixel.0);
    let bytes = values.map(to_byte);
    RgbImage::from_raw(size.width, size.height, bytes.collect()).ok_or_else(failed)
}

/// Red, green and blue of `[3, h, w]`.
fn planes(picture: &[f32]) -> [&[f32]; 3] {
    let (red, rest) = picture.split_at(picture.len() / 3);
    let (green, blue) = rest.split_at(rest.len() / 2);
    [red, green, blue]
}

/// Red, green and blue of each pixel of `[3, h, w]`, brought to 0..=1.
fn pixels(picture: &[f32]) -> impl Iterator<Item = [f32; 3]> {
    let [red, green, blue] = planes(picture);
    let pixels = red.iter().zip(green).zip(blue);
    pixels.map(move |((red, green), blue)| [*red, *green, *blue].map(unit))
}

/// Planes of nominally -1..=1 to the bytes of pixels.
struct ToBytes<'a> {
    planes: [&'a [f32]; 3],
    bytes: &'a mut [u8],
}

/// Pixels that [`ToBytes`] brings to bytes plane by plane, where vectors can be used, before it mixes the planes.
const RUN: usize = 64;

impl pulp::WithSimd for ToBytes<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        for (index, pixels) in self.bytes.chunks_mut(3 * RUN).enumerate() {
            let mut runs = [[0; RUN]; 3];
            for (run, plane) in runs.iter_mut().zip(self.planes) {
                for (byte, value) in run.iter_mut().zip(&plane[index * RUN..]) {
                    *byte = to_byte(unit(*value));
                }
            }
            for (at, pixel) in pixels.as_chunks_mut().0.iter_mut().enumerate() {
                *pixel = [runs[0][at], runs[1][at], runs[2][at]];
            }
        }
    }
}

/// From -1..=1 to 0..=1.
fn unit(value: f32) -> f32 {
    (0.5 * value + 0.5).clamp(0.0, 1.0)
}

/// The nearest byte. `round` would be a call for each value where vectors are the oldest ones.
fn to_byte(value: f32) -> u8 {
    (value.clamp(0.0, 1.0) * 255.0 + 0.5) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checker(height: usize, width: usize) -> Tensor {
        let value = |y: usize, x: usize| {
            if (y / 8 + x / 8).is_multiple_of(2) {
                0.5f32
            } else {
                -0.5
            }
        };
        let plane = (0..height).flat_map(|y| (0..width).map(move |x| value(y, x)));
        let values: Vec<f32> = plane.clone().chain(plane.clone()).chain(plane).collect();
        Tensor::from_vec(values, (1, 3, height, width), &Device::Cpu).unwrap()
    }

    #[test]
    fn range_is_mapped_to_bytes() {
        let values = Tensor::new(&[-2f32, -1.0, 0.0, 1.0, 2.0, 0.5], &Device::Cpu).unwrap();
        let picture = values.reshape((1, 3, 1, 2)).unwrap();
        let size = Size {
            width: 2,
            height: 1,
        };
        let frame = frames(&picture.into(), size, 0).unwrap().remove(0);
        assert_eq!(frame.get_pixel(0, 0).0, [0, 128, 255]);
        assert_eq!(frame.get_pixel(1, 0).0, [0, 255, 191]);
    }

    #[test]
    fn every_pixel_has_its_own_colour() {
        let (height, width) = (5, 2 * RUN - 3);
        let n = height * width;
        let values: Vec<f32> = (0..3 * n).map(|i| (i % 251) as f32 / 125.0 - 1.0).collect();
        let picture = Tensor::from_slice(&values, (1, 3, height, width), &Device::Cpu).unwrap();
        let size = Size {
            width: width as u32,
            height: height as u32,
        };
        let frame = frames(&picture.into(), size, 0).unwrap().remove(0);
        for (at, pixel) in frame.pixels().enumerate() {
            let channel = |c: usize| to_byte(unit(values[c * n + at]));
            assert_eq!(pixel.0, [channel(0), channel(1), channel(2)], "pixel {at}");
        }
    }

    #[test]
    fn nothing_is_distorted() {
        // A square drawing in a wide frame: twice the width, a quarter cut off above and below.
        let size = Size {
            width: 128,
            height: 64,
        };
        let frame = frames(&checker(64, 64).into(), size, 0).unwrap().remove(0);
        for (x, y) in [(8, 8), (24, 8), (8, 24), (120, 56)] {
            let (drawn_x, drawn_y) = (x / 2, y / 2 + 16);
            let bright = (drawn_x / 8 + drawn_y / 8) % 2 == 0;
            assert_eq!(frame.get_pixel(x, y).0[0] > 127, bright, "{x},{y}");
        }
    }

    #[test]
    fn a_flat_picture_stays_flat() {
        let flat = Tensor::full(0.25f32, (1, 3, 48, 32), &Device::Cpu).unwrap();
        let size = Size {
            width: 100,
            height: 77,
        };
        let frame = frames(&flat.into(), size, 0).unwrap().remove(0);
        assert!(frame.pixels().all(|pixel| pixel.0 == [159; 3]));
    }
}
