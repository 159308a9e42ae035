//! A finished frame seen closer, turned, or from a little aside, as its [`View`] says.

use std::f32::consts::PI;
use std::sync::LazyLock;

use image::RgbImage;
use rayon::prelude::*;
use timeline::{Size, View};

/// Pixels to either side that the filter reaches.
const RADIUS: usize = 3;
const N_TAPS: usize = 2 * RADIUS;
/// Places between two pixels at which the filter is tabulated.
const N_PHASES: usize = 512;

/// A picture as `view` shows it, of the same size; a still view shows it untouched.
///
/// The filter is Lanczos with radius 3 in both directions. A view never shrinks the picture, so there is nothing to alias:
/// the filter only has to rebuild what lies between pixels, and a long one keeps small details equally sharp wherever
/// they fall between them, where a shorter one lets them breathe as the picture glides. It works on the values as they
/// are stored, not on linear light: what overshoots at edges is then as weak for the eye on the dark side as on the
/// bright one. Where a view reaches beyond an edge, it sees the picture mirrored there.
pub fn look(picture: RgbImage, view: &View) -> RgbImage {
    let (width, height) = picture.dimensions();
    if view.is_still() || width == 0 || height == 0 {
        return picture;
    }
    let source = Padded::of(&picture);
    let size = Size { width, height };
    let middle = |side: u32| 0.5 * (f64::from(side) - 1.0);
    let (middle_x, middle_y) = (middle(width), middle(height));
    // A view maps lines to lines: the places of three pixels give all others.
    let (x0, y0) = view.source(size, (-middle_x, -middle_y));
    let (x1, y1) = view.source(size, (1.0 - middle_x, -middle_y));
    let (x2, y2) = view.source(size, (-middle_x, 1.0 - middle_y));
    let (right, down) = ((x1 - x0, y1 - y0), (x2 - x0, y2 - y0));
    let (x0, y0) = (x0 + middle_x, y0 + middle_y);
    let mut seen = picture; // all of its pixels are written over
    let rows = seen.par_chunks_exact_mut(3 * width as usize).enumerate();
    rows.for_each(|(y, row)| {
        let y = y as f64;
        let (start_x, start_y) = (x0 + y * down.0, y0 + y * down.1);
        for (x, pixel) in row.as_chunks_mut::<3>().0.iter_mut().enumerate() {
            let x = x as f64;
            *pixel = source.at(start_x + x * right.0, start_y + x * right.1);
        }
    });
    seen
}

/// A picture with mirrored margins as wide as the filter, four values a pixel so that one fits a vector register.
struct Padded {
    width: usize,
    height: usize,
    stride: usize,
    pixels: Vec<[f32; 4]>,
    weights: &'static [[f32; N_TAPS]],
}

impl Padded {
    fn of(picture: &RgbImage) -> Self {
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        let stride = width + N_TAPS;
        let columns: Vec<u32> = (0..stride).map(|x| inside(x, width)).collect();
        let mut pixels = Vec::with_capacity(stride * (height + N_TAPS));
        for y in 0..height + N_TAPS {
            let y = inside(y, height);
            pixels.extend(columns.iter().map(|x| {
                let [r, g, b] = picture.get_pixel(*x, y).0.map(f32::from);
                [r, g, b, 0.0]
            }));
        }
        Self {
            width,
            height,
            stride,
            pixels,
            weights: &WEIGHTS,
        }
    }

    /// The picture between pixels: pixel `(x, y)` has its middle at whole numbers.
    fn at(&self, x: f64, y: f64) -> [u8; 3] {
        let (column, horizontal) = self.taps(mirrored(x, self.width));
        let (row, vertical) = self.taps(mirrored(y, self.height));
        let mut sum = [0f32; 4];
        for (idx, weight) in vertical.iter().enumerate() {
            let start = (row + idx) * self.stride + column;
            let line = self.pixels.get(start..).and_then(|line| line.first_chunk());
            let line: &[[f32; 4]; N_TAPS] = line.unwrap_or(&[[0.0; 4]; N_TAPS]);
            let mut along = [0f32; 4];
            for (pixel, weight) in line.iter().zip(horizontal) {
                for (sum, value) in along.iter_mut().zip(pixel) {
                    *sum += weight * value;
                }
            }
            for (sum, value) in sum.iter_mut().zip(along) {
                *sum += weight * value;
            }
        }
        let [r, g, b, _] = sum.map(|value| (value + 0.5) as u8); // saturates
        [r, g, b]
    }

    /// Index in a padded side of the first of the pixels around a place of 0 or more, and their weights.
    fn taps(&self, place: f64) -> (usize, [f32; N_TAPS]) {
        let whole = place as usize;
        let phase = ((place - whole as f64) * N_PHASES as f64 + 0.5) as usize;
        let weights = self.weights.get(phase).copied().unwrap_or_default();
        // The pixel at `whole` is RADIUS further in the padded side, and the first tap RADIUS - 1 before it.
        (whole + 1, weights)
    }
}

/// Index of the pixel that stands at `idx` of a padded side.
fn inside(idx: usize, side: usize) -> u32 {
    let from_edge = idx as f64 - RADIUS as f64;
    mirrored(from_edge, side).round() as u32
}

/// A place on a side of `n` pixels, reflected at the outer edges of its first and last pixel.
fn mirrored(place: f64, n: usize) -> f64 {
    let n = n as f64;
    if (0.0..=n - 1.0).contains(&place) {
        return place; // nearly always; the rest is slow
    }
    let turn = (place + 0.5).rem_euclid(2.0 * n);
    let folded = if turn < n { turn } else { 2.0 * n - turn };
    (folded - 0.5).clamp(0.0, n - 1.0)
}

static WEIGHTS: LazyLock<Vec<[f32; N_TAPS]>> = LazyLock::new(|| {
    let weights = |phase: usize| {
        let fraction = phase as f32 / N_PHASES as f32;
        let weights: [f32; N_TAPS] =
            std::array::from_fn(|tap| lanczos(tap as f32 - (RADIUS as f32 - 1.0) - fraction));
        let sum: f32 = weights.iter().sum();
        weights.map(|weight| weight / sum)
    };
    (0..=N_PHASES).map(weights).collect()
});

/// The Lanczos window of radius [`RADIUS`] on the sinc function (Duchon 1979).
fn lanczos(x: f32) -> f32 {
    let radius = RADIUS as f32;
    if x.abs() < 1e-6 {
        1.0
    } else if x.abs() < radius {
        let x = PI * x;
        radius * x.sin() * (x / radius).sin() / (x * x)
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;
    use proptest::prelude::*;

    /// Soft waves of some pixels' length.
    fn waves(width: u32, height: u32) -> RgbImage {
        let wave =
            |x: f64, y: f64| 128.0 + 50.0 * (0.35 * x).sin() + 50.0 * (0.28 * y + 0.1 * x).cos();
        RgbImage::from_fn(width, height, |x, y| {
            let value = wave(f64::from(x), f64::from(y)) as u8;
            Rgb([value, 255 - value, value / 2])
        })
    }

    fn psnr(a: &RgbImage, b: &RgbImage) -> f64 {
        // The middle, which both hold whole.
        let (width, height) = a.dimensions();
        let mut squares = 0.0;
        let mut n = 0.0;
        for y in height / 4..3 * height / 4 {
            for x in width / 4..3 * width / 4 {
                for (a, b) in a.get_pixel(x, y).0.iter().zip(b.get_pixel(x, y).0) {
                    squares += f64::from(a.abs_diff(b)).powi(2);
                    n += 1.0;
                }
            }
        }
        10.0 * (255.0f64.powi(2) * n / f64::max(squares, 1e-9)).log10()
    }

    #[test]
    fn a_still_view_is_the_picture_itself() {
        let picture = waves(50, 40);
        assert_eq!(look(picture.clone(), &View::default()), picture);
        assert_eq!(
            look(
                RgbImage::new(0, 0),
                &View {
                    zoom: 2.0,
                    ..View::default()
                }
            )
            .width(),
            0
        );
    }

    #[test]
    fn whole_pixels_are_copied() {
        let picture = waves(64, 48);
        let view = View {
            pan_x: 5.0 / 64.0,
            pan_y: -3.0 / 48.0,
            ..View::default()
        };
        let seen = look(picture.clone(), &view);
        assert_eq!(seen.get_pixel(20, 20), picture.get_pixel(25, 17));
        // Beyond the right edge: mirrored.
        assert_eq!(seen.get_pixel(63, 20), picture.get_pixel(59, 17));
    }

    #[test]
    fn a_quarter_turn_is_exact() {
        let picture = waves(40, 40);
        let view = View {
            rotation: std::f64::consts::FRAC_PI_2,
            ..View::default()
        };
        let seen = look(picture.clone(), &view);
        // Clockwise: what was at the top is at the right.
        for (x, y) in [(0, 0), (7, 31), (39, 12)] {
            assert_eq!(seen.get_pixel(39 - y, x), picture.get_pixel(x, y));
        }
    }

    #[test]
    fn twelve_turns_leave_a_sharp_picture() {
        let picture = waves(96, 96);
        let view = View {
            rotation: std::f64::consts::TAU / 12.0,
            ..View::default()
        };
        let turned = (0..12).fold(picture.clone(), |seen, _| look(seen, &view));
        let psnr = psnr(&picture, &turned);
        assert!(psnr > 45.0, "{psnr:.1} dB");
    }

    proptest! {
        #[test]
        fn a_flat_picture_stays_flat(
            zoom in 1.0f64..16.0,
            rotation in -7.0f64..7.0,
            pan in (-0.5f64..0.5, -0.5f64..0.5),
            (width, height) in (1u32..40, 1u32..40),
        ) {
            let flat = RgbImage::from_pixel(width, height, Rgb([7, 200, 255]));
            let view = View { zoom, rotation, pan_x: pan.0, pan_y: pan.1 };
            prop_assert_eq!(look(flat.clone(), &view), flat);
        }
    }
}
