//! Group normalisation, on its own and from parts of a picture.

use gpu::{Array, Element, GroupNorm, GroupSums, Pointwise, Shape};
use kernels::Isa;

use super::{assert_near, assert_same_bits, elements, gpu, image, noise, picture};

/// The CPU's, with SiLU.
fn expected(norm: &kernels::GroupNorm, shape: Shape, planes: &[f32]) -> Vec<f32> {
    let shape = kernels::Shape {
        batch: shape.batch,
        channels: shape.channels,
        height: shape.height,
        width: shape.width,
    };
    let input = kernels::Input::plain(planes, shape);
    let sums = kernels::channel_sums(Isa::best(), &input);
    let affine = norm.affine(&sums, shape.plane());
    let input = kernels::Input {
        affine: Some(&affine),
        activation: kernels::Activation::Silu,
        ..input
    };
    kernels::normalize(Isa::best(), &input)
}

#[test]
fn groups_are_normalised_as_on_the_cpu() {
    let Some(gpu) = gpu() else { return };
    for element in elements(gpu) {
        for (batch, channels, n_groups, height, width) in [
            (1, 4, 1, 1, 1),
            (2, 9, 3, 5, 7),
            (1, 30, 10, 8, 9),
            (3, 320, 32, 3, 11),
            (1, 8, 8, 40, 30),
        ] {
            let shape = Shape {
                batch,
                height,
                width,
                channels,
            };
            let norm = kernels::GroupNorm {
                n_groups,
                eps: 1e-5,
                weight: noise(2, channels),
                bias: noise(3, channels),
            };
            // Far from zero: sums of squares about zero would lose the variance.
            let planes: Vec<f32> = noise(1, batch * channels * height * width)
                .iter()
                .map(|x| half::f16::from_f32(x * 0.5 + 3.0).to_f32())
                .collect();
            let x = Array::from_planes(gpu, element, shape, &planes).unwrap();
            let on_gpu = GroupNorm::new(gpu, n_groups, 1e-5, (&norm.weight, &norm.bias)).unwrap();
            let run = |x: &Array| {
                let affine = on_gpu.affine(&on_gpu.sums(x, None).unwrap()).unwrap();
                let steps = Pointwise {
                    affine: Some(&affine),
                    silu: true,
                    ..Pointwise::default()
                };
                steps.forward(x).unwrap().to_planes().unwrap()
            };
            let got = run(&x);
            assert_near(
                element,
                &got,
                &expected(&norm, shape, &planes),
                &format!("{shape:?}"),
            );
            for idx in 0..batch {
                let one = Shape { batch: 1, ..shape };
                let values = image(&planes, batch, idx);
                let alone = Array::from_planes(gpu, element, one, values).unwrap();
                assert_same_bits(&run(&alone), image(&got, batch, idx), "alone");
            }
        }
    }
}

#[test]
fn parts_of_a_picture_have_its_statistics() {
    let Some(gpu) = gpu() else { return };
    let element = Element::F32;
    let shape = Shape {
        batch: 2,
        height: 21,
        width: 5,
        channels: 12,
    };
    let (x, planes) = picture(gpu, element, 1, shape);
    let norm = kernels::GroupNorm {
        n_groups: 3,
        eps: 1e-6,
        weight: noise(2, 12),
        bias: noise(3, 12),
    };
    let on_gpu = GroupNorm::new(gpu, 3, 1e-6, (&norm.weight, &norm.bias)).unwrap();
    let parts: Vec<GroupSums> = [(0, 8), (8, 9), (9, 21)]
        .iter()
        .map(|(begin, end)| on_gpu.sums(&x.rows(*begin, *end).unwrap(), None).unwrap())
        .collect();
    let sums = GroupSums::together(gpu, &parts).unwrap();
    let affine = on_gpu.affine(&sums).unwrap();
    let steps = Pointwise {
        affine: Some(&affine),
        silu: true,
        ..Pointwise::default()
    };
    let got = steps.forward(&x).unwrap().to_planes().unwrap();
    assert_near(element, &got, &expected(&norm, shape, &planes), "parts");
    assert!(GroupSums::together(gpu, &[]).is_err());
}

#[test]
fn steps_follow_one_another() {
    let Some(gpu) = gpu() else { return };
    for element in elements(gpu) {
        let shape = Shape {
            batch: 2,
            height: 3,
            width: 5,
            channels: 6,
        };
        let (x, planes) = picture(gpu, element, 1, shape);
        let (residual, added) = picture(gpu, element, 2, shape);
        let steps = Pointwise {
            scale_shift: Some((2.0, -1.0)),
            silu: true,
            residual: Some(&residual),
            ..Pointwise::default()
        };
        let got = steps.forward(&x).unwrap().to_planes().unwrap();
        let silu = |x: f32| x / (1.0 + (-x).exp());
        let pairs = planes.iter().zip(&added);
        let expected: Vec<f32> = pairs.map(|(x, more)| silu(2.0 * x - 1.0) + more).collect();
        assert_near(element, &got, &expected, "steps");
    }
}
