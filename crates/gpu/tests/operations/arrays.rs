//! Values on their way to the GPU and back, and parts of them.

use gpu::{Array, Element, Error, Pointwise, Shape};

use super::{elements, gpu, picture};

const SHAPE: Shape = Shape {
    batch: 2,
    height: 5,
    width: 3,
    channels: 7,
};

#[test]
fn what_goes_up_comes_down() {
    let Some(gpu) = gpu() else { return };
    for element in elements(gpu) {
        for channels in [1, 4, 7] {
            let shape = Shape { channels, ..SHAPE };
            let (array, planes) = picture(gpu, element, 1, shape);
            assert_eq!(array.to_planes().unwrap(), planes);
            let pixels = array.to_pixels().unwrap();
            let again = Array::from_pixels(gpu, element, shape, &pixels).unwrap();
            assert_eq!(again.to_planes().unwrap(), planes);
        }
        assert!(Array::from_planes(gpu, element, SHAPE, &[0.0; 5]).is_err());
    }
}

#[test]
fn rows_are_taken_and_put_together() {
    let Some(gpu) = gpu() else { return };
    let (array, planes) = picture(gpu, Element::F32, 1, SHAPE);
    let parts = [(0, 2), (2, 2), (2, 5)].map(|(begin, end)| array.rows(begin, end).unwrap());
    let middle = parts[2].to_planes().unwrap();
    assert_eq!(middle[..9], planes[6..15], "rows 2 to 5 of the first plane");
    let whole = Array::below_each_other(&parts).unwrap();
    assert_eq!(whole.to_planes().unwrap(), planes);
    assert!(array.rows(3, 6).is_err());
    assert!(Array::below_each_other(&[]).is_err());
    let other = picture(gpu, Element::F32, 1, Shape { width: 4, ..SHAPE }).0;
    assert!(Array::below_each_other(&[array, other]).is_err());
}

#[test]
fn channels_are_joined() {
    let Some(gpu) = gpu() else { return };
    for element in elements(gpu) {
        for (a, b) in [(4, 3), (5, 6), (8, 4)] {
            let part = |seed, channels| picture(gpu, element, seed, Shape { channels, ..SHAPE });
            let (first, second) = (part(1, a), part(2, b));
            let join = Pointwise {
                second: Some(&second.0),
                ..Pointwise::default()
            };
            let got = join.forward(&first.0).unwrap();
            assert_eq!(got.shape().channels, a + b);
            let images = first.1.chunks(a * 15).zip(second.1.chunks(b * 15));
            let expected: Vec<f32> = images.flat_map(|(a, b)| [a, b].concat()).collect();
            assert_eq!(got.to_planes().unwrap(), expected);
        }
    }
}

#[test]
fn a_buffer_beyond_the_limit_is_refused() {
    let Some(gpu) = gpu() else { return };
    let (one, _) = picture(
        gpu,
        Element::F32,
        1,
        Shape {
            batch: 1,
            height: 1,
            width: 1,
            channels: 4,
        },
    );
    let side = (gpu.max_buffer_bytes() as f64 / 16.0).sqrt() as usize + 1;
    let error = gpu::resize(&one, side, side).unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
    assert!(error.to_string().contains("MiB"), "{error}");
}
