//! Sizes and bytes of pictures.

use gpu::{Array, Element, Shape};

use super::{assert_near, elements, gpu, picture};

#[test]
fn pixels_are_shuffled_as_on_the_cpu() {
    let Some(gpu) = gpu() else { return };
    for element in elements(gpu) {
        for (side, channels) in [(2, 12), (3, 9), (1, 5), (2, 32)] {
            let shape = Shape {
                batch: 2,
                height: 3,
                width: 5,
                channels,
            };
            let (x, planes) = picture(gpu, element, 1, shape);
            let got = gpu::pixel_shuffle(&x, side, None).unwrap();
            assert_eq!(got.shape().channels, channels / (side * side));
            let expected = kernels::pixel_shuffle(side, (3, 5), &planes, None);
            assert_eq!(got.to_planes().unwrap(), expected);
            let (residual, added) = picture(gpu, element, 2, got.shape());
            let sum = gpu::pixel_shuffle(&x, side, Some(&residual)).unwrap();
            let expected = kernels::pixel_shuffle(side, (3, 5), &planes, Some(&added));
            assert_near(element, &sum.to_planes().unwrap(), &expected, "with a sum");
            assert!(gpu::pixel_shuffle(&x, side, Some(&x)).is_err() || side == 1);
            assert!(gpu::pixel_shuffle(&x, 7, None).is_err());
        }
    }
}

#[test]
fn the_nearest_pixel_is_taken() {
    let Some(gpu) = gpu() else { return };
    let shape = Shape {
        batch: 2,
        height: 3,
        width: 2,
        channels: 5,
    };
    let (x, planes) = picture(gpu, Element::F32, 1, shape);
    for (height, width) in [(6, 4), (5, 3), (9, 2), (2, 1)] {
        let got = gpu::resize(&x, height, width).unwrap().to_planes().unwrap();
        let expected: Vec<f32> = planes
            .chunks(6)
            .flat_map(|plane| {
                let places = (0..height).flat_map(|y| (0..width).map(move |x| (y, x)));
                places.map(|(y, x)| plane[y * 3 / height * 2 + x * 2 / width])
            })
            .collect();
        assert_eq!(got, expected, "{height} x {width}");
    }
    assert!(gpu::resize(&x, 0, 4).is_err());
}

#[test]
fn values_become_bytes() {
    let Some(gpu) = gpu() else { return };
    for element in elements(gpu) {
        let shape = Shape {
            batch: 2,
            height: 23,
            width: 31,
            channels: 3,
        };
        let len = 23 * 31 * 3;
        let values: Vec<f32> = (0..2 * len)
            .map(|i| (i % 321) as f32 / 128.0 - 1.25)
            .collect();
        let run = |values: &[f32]| {
            let array = Array::from_pixels(gpu, element, shape, values).unwrap();
            gpu::to_rgb8(&array).unwrap()
        };
        let got = run(&values);
        for (got, values) in got.iter().zip(values.chunks(len)) {
            let got = got.as_ref().unwrap();
            assert_eq!(got.len(), len);
            for (got, value) in got.iter().zip(values) {
                let exact = (0.5 * value + 0.5).clamp(0.0, 1.0) * 255.0;
                assert!((f32::from(*got) - exact).abs() < 0.502, "{value}: {got}");
            }
        }
        for fault in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut broken = values.clone();
            broken[len + 5] = fault;
            let got = run(&broken);
            assert!(got[0].is_some() && got[1].is_none(), "{fault}");
        }
    }
}
