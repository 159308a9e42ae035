//! A picture in Oklab (Ottosson 2020): a small pyramid of it, from the whole down to a few pixels.

use std::sync::LazyLock;

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::F32x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;

/// Longest side of the pyramid's base in pixels. Larger pictures are shrunk to it, smaller ones stay as they are: a film
/// and a smaller drawing of it are looked at in the same way.
const BASE_SIDE: u32 = 128;

/// Shorter sides are not halved below this.
const LEAST_SIDE: usize = 4;

/// Most levels.
const MAX_LEVELS: usize = 5;

/// One level: rows from the top, lightness 0..=1, the two chroma axes about -0.4..=0.4.
#[derive(Clone, Debug)]
pub(super) struct Level {
    pub width: usize,
    pub height: usize,
    pub pixels: Vec<[f32; 3]>,
}

/// The levels of a picture, each half as wide and high as the one before. Light is averaged as light, before the
/// eye's response to it is applied.
pub(super) fn pyramid(picture: &RgbImage) -> Vec<Level> {
    let mut level = shrunk(linear(picture));
    let mut levels = Vec::with_capacity(MAX_LEVELS);
    loop {
        let half = (levels.len() + 1 < MAX_LEVELS
            && level.width.min(level.height) >= 2 * LEAST_SIDE)
            .then(|| halved(&level));
        for pixel in &mut level.pixels {
            *pixel = oklab(*pixel);
        }
        levels.push(level);
        match half {
            Some(half) => level = half,
            None => return levels,
        }
    }
}

/// sRGB bytes to linear light, 0..=1 (IEC 61966-2-1).
static LINEAR: LazyLock<[f32; 256]> = LazyLock::new(|| {
    std::array::from_fn(|byte| {
        let value = byte as f32 / 255.0;
        if value <= 0.040_45 {
            value / 12.92
        } else {
            ((value + 0.055) / 1.055).powf(2.4)
        }
    })
});

fn linear(picture: &RgbImage) -> Level {
    let light = |byte: u8| LINEAR[usize::from(byte)];
    Level {
        width: picture.width() as usize,
        height: picture.height() as usize,
        pixels: picture.pixels().map(|p| p.0.map(light)).collect(),
    }
}

/// The picture with its longest side brought down to [`BASE_SIDE`], each pixel the mean of the area that it covers.
fn shrunk(level: Level) -> Level {
    let longest = level.width.max(level.height);
    if longest <= BASE_SIDE as usize {
        return level;
    }
    let fit = |side: usize| {
        let scaled = (side * BASE_SIDE as usize + longest / 2) / longest;
        scaled.max(1) as u32
    };
    let (width, height) = (fit(level.width), fit(level.height));
    let pixels: Vec<F32x3> = level
        .pixels
        .iter()
        .map(|pixel| F32x3::new(*pixel))
        .collect();
    let mut target = TypedImage::<F32x3>::new(width, height);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Box));
    // Sides are above 0 and there is a pixel for each place, so neither call can fail.
    let source = TypedImageRef::new(level.width as u32, level.height as u32, &pixels);
    let resized = source.map(|source| Resizer::new().resize_typed(&source, &mut target, &options));
    if !matches!(resized, Ok(Ok(()))) {
        return level;
    }
    let pixels = target.pixels().iter().map(|pixel| pixel.0);
    Level {
        width: width as usize,
        height: height as usize,
        pixels: pixels.collect(),
    }
}

/// Each pixel is the mean of two by two; an odd last row or column is left out.
fn halved(level: &Level) -> Level {
    let (width, height) = (level.width / 2, level.height / 2);
    let mut pixels = Vec::with_capacity(width * height);
    let rows: Vec<_> = level.pixels.chunks_exact(level.width.max(1)).collect();
    for pair in rows.chunks_exact(2) {
        for (above, below) in pair[0].chunks_exact(2).zip(pair[1].chunks_exact(2)) {
            pixels.push(std::array::from_fn(|c| {
                0.25 * (above[0][c] + above[1][c] + below[0][c] + below[1][c])
            }));
        }
    }
    Level {
        width,
        height,
        pixels,
    }
}

/// Linear light to Oklab, with the matrices of Ottosson's note of 2021-01-25.
fn oklab([r, g, b]: [f32; 3]) -> [f32; 3] {
    let l = (0.412_221_46 * r + 0.536_332_55 * g + 0.051_445_995 * b).cbrt();
    let m = (0.211_903_5 * r + 0.680_699_5 * g + 0.107_396_96 * b).cbrt();
    let s = (0.088_302_46 * r + 0.281_718_85 * g + 0.629_978_7 * b).cbrt();
    [
        0.210_454_26 * l + 0.793_617_8 * m - 0.004_072_047 * s,
        1.977_998_5 * l - 2.428_592_2 * m + 0.450_593_7 * s,
        0.025_904_037 * l + 0.782_771_77 * m - 0.808_675_77 * s,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_where_ottosson_has_them() {
        // From the note's table of CIE XYZ and from its reference code for pure red.
        for (rgb, lab) in [
            ([255, 255, 255], [1.0, 0.0, 0.0]),
            ([0, 0, 0], [0.0, 0.0, 0.0]),
            ([255, 0, 0], [0.627_955, 0.224_863, 0.125_846]),
            ([0, 0, 255], [0.452_014, -0.032_457, -0.311_528]),
        ] {
            let found = pyramid(&RgbImage::from_pixel(8, 8, image::Rgb(rgb)));
            for (found, expected) in found[0].pixels[0].iter().zip(lab) {
                assert!(
                    (found - expected).abs() < 1e-4,
                    "{rgb:?}: {found} {expected}"
                );
            }
        }
    }

    #[test]
    fn levels_halve_and_keep_the_light() {
        let picture = RgbImage::from_fn(300, 200, |x, y| {
            image::Rgb(if (x / 40 + y / 40) % 2 == 0 {
                [255; 3]
            } else {
                [0; 3]
            })
        });
        let levels = pyramid(&picture);
        let sides: Vec<_> = levels.iter().map(|l| (l.width, l.height)).collect();
        assert_eq!(sides, [(128, 85), (64, 42), (32, 21), (16, 10), (8, 5)]);
        let fine = RgbImage::from_fn(512, 512, |x, y| {
            image::Rgb(if (x + y) % 2 == 0 { [255; 3] } else { [0; 3] })
        });
        for level in pyramid(&fine) {
            let half_the_light = 0.5f32.cbrt();
            assert!(
                level
                    .pixels
                    .iter()
                    .all(|p| (p[0] - half_the_light).abs() < 1e-3)
            );
        }
    }

    #[test]
    fn tiny_pictures_have_a_level() {
        assert_eq!(pyramid(&RgbImage::new(1, 1)).len(), 1);
        assert_eq!(pyramid(&RgbImage::new(1000, 1)).len(), 1);
    }
}
