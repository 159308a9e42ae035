//! MS-SSIM (Wang, Simoncelli, Bovik 2003) of two pictures' luma, to compare our distance with.

use image::RgbImage;

/// Weights of the five scales, from the paper's section 3.2.
const WEIGHTS: [f64; 5] = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333];

/// Stabilising constants (0.01 L)² and (0.03 L)² for values of 0..=1.
const C1: f64 = 0.0001;
const C2: f64 = 0.0009;

/// Half of the window of 11 pixels, and its standard deviation.
const RADIUS: usize = 5;
const SIGMA: f64 = 1.5;

struct Plane {
    width: usize,
    height: usize,
    values: Vec<f64>,
}

/// 1 for equal pictures; at least 176 pixels on each side.
pub(super) fn ms_ssim(a: &RgbImage, b: &RgbImage) -> f64 {
    let (mut a, mut b) = (luma(a), luma(b));
    let mut product = 1.0;
    for (scale, weight) in WEIGHTS.iter().enumerate() {
        if scale > 0 {
            (a, b) = (halved(&a), halved(&b));
        }
        let (mean_a, mean_b) = (blurred(&a), blurred(&b));
        let (aa, bb, ab) = (product_of(&a, &a), product_of(&b, &b), product_of(&a, &b));
        let (aa, bb, ab) = (blurred(&aa), blurred(&bb), blurred(&ab));
        let (mut structure, mut luminance) = (0.0, 0.0);
        for i in 0..mean_a.values.len() {
            let (p, q) = (mean_a.values[i], mean_b.values[i]);
            let cs = (2.0 * (ab.values[i] - p * q) + C2)
                / (aa.values[i] - p * p + bb.values[i] - q * q + C2);
            structure += cs;
            luminance += cs * (2.0 * p * q + C1) / (p * p + q * q + C1);
        }
        let sum = if scale + 1 == WEIGHTS.len() {
            luminance
        } else {
            structure
        };
        product *= (sum / mean_a.values.len() as f64).max(0.0).powf(*weight);
    }
    product
}

fn luma(picture: &RgbImage) -> Plane {
    let values = picture.pixels().map(|p| {
        (0.299 * f64::from(p[0]) + 0.587 * f64::from(p[1]) + 0.114 * f64::from(p[2])) / 255.0
    });
    Plane {
        width: picture.width() as usize,
        height: picture.height() as usize,
        values: values.collect(),
    }
}

fn product_of(a: &Plane, b: &Plane) -> Plane {
    Plane {
        values: a.values.iter().zip(&b.values).map(|(a, b)| a * b).collect(),
        ..*a
    }
}

fn halved(plane: &Plane) -> Plane {
    let (width, height) = (plane.width / 2, plane.height / 2);
    let at = |x: usize, y: usize| plane.values[y * plane.width + x];
    let mean =
        |x: usize, y: usize| 0.25 * (at(x, y) + at(x + 1, y) + at(x, y + 1) + at(x + 1, y + 1));
    let values = (0..width * height).map(|i| mean(i % width * 2, i / width * 2));
    Plane {
        width,
        height,
        values: values.collect(),
    }
}

/// The weighted means of all windows that lie inside.
fn blurred(plane: &Plane) -> Plane {
    let mut window: Vec<f64> = (0..=2 * RADIUS)
        .map(|i| (-(i as f64 - RADIUS as f64).powi(2) / (2.0 * SIGMA * SIGMA)).exp())
        .collect();
    let sum: f64 = window.iter().sum();
    window.iter_mut().for_each(|w| *w /= sum);
    let (width, height) = (plane.width - 2 * RADIUS, plane.height - 2 * RADIUS);
    let rows: Vec<f64> = plane
        .values
        .chunks(plane.width)
        .flat_map(|row| {
            row.windows(2 * RADIUS + 1)
                .map(|near| dot(near.iter(), &window))
        })
        .collect();
    let column = |i: usize| dot(rows[i..].iter().step_by(width), &window);
    Plane {
        width,
        height,
        values: (0..width * height).map(column).collect(),
    }
}

fn dot<'a>(values: impl Iterator<Item = &'a f64>, window: &[f64]) -> f64 {
    values
        .zip(window)
        .map(|(value, weight)| value * weight)
        .sum()
}
