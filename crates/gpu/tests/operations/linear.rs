//! Linear layers: normalised before, gated or added to after.

use gpu::{Element, Epilogue, Gemm, GemmShape, Gpu, Input, LayerNorm, Shape};
use kernels::{Isa, Linear};

use super::{assert_near, assert_same_bits, elements, gpu, image, noise, stored_noise, tokens};

fn case(
    gpu: &Gpu,
    element: Element,
    shape: Shape,
    width_out: usize,
    (norm, gated, added): (bool, bool, bool),
) {
    let width_in = shape.channels;
    let (x, values) = tokens(gpu, element, 1, shape);
    let n_out = width_out * (1 + usize::from(gated));
    let scale = 1.0 / (width_in as f32).sqrt();
    let weight = stored_noise(element, 2, n_out * width_in, scale);
    let bias = noise(3, n_out);
    let layer = kernels::LayerNorm {
        weight: noise(4, width_in),
        bias: noise(5, width_in),
        eps: 1e-5,
    };
    let out_shape = Shape {
        channels: width_out,
        ..shape
    };
    let residual = added.then(|| tokens(gpu, element, 6, out_shape));
    let linear = match gated {
        true => Linear::gated(Isa::without_bf16x3(), (width_in, width_out), &weight, &bias),
        false => Linear::new(Isa::without_bf16x3(), (width_in, width_out), &weight, &bias),
    };
    let expected = linear.forward(
        &values,
        norm.then_some(&layer),
        residual.as_ref().map(|(_, values)| values.as_slice()),
    );

    let gemm = GemmShape {
        gated,
        ..GemmShape::linear(width_in, width_out)
    };
    let gemm = Gemm::new(gpu, gemm, element, &weight, &bias).unwrap();
    let on_gpu = LayerNorm::new(gpu, 1e-5, (&layer.weight, &layer.bias)).unwrap();
    let run = |x: &gpu::Array, residual: Option<&gpu::Array>| {
        let input = Input {
            layer: norm.then_some(&on_gpu),
            ..Input::plain(x)
        };
        let epilogue = Epilogue {
            residual,
            ..Epilogue::default()
        };
        gemm.forward(&input, &epilogue)
            .unwrap()
            .to_pixels()
            .unwrap()
    };
    let got = run(&x, residual.as_ref().map(|(array, _)| array));
    let what = format!("{shape:?} to {width_out}, {norm}, {gated}, {added}");
    assert_near(element, &got, &expected, &what);
    for idx in 0..shape.batch {
        let one = Shape { batch: 1, ..shape };
        let alone = |values: &[f32], shape| {
            gpu::Array::from_pixels(gpu, element, shape, image(values, x.shape().batch, idx))
                .unwrap()
        };
        let residual = residual.as_ref().map(|(_, values)| {
            alone(
                values,
                Shape {
                    channels: width_out,
                    ..one
                },
            )
        });
        assert_same_bits(
            &run(&alone(&values, one), residual.as_ref()),
            image(&got, shape.batch, idx),
            &what,
        );
    }
}

#[test]
fn they_equal_the_cpus() {
    let Some(gpu) = gpu() else { return };
    for element in elements(gpu) {
        for (batch, n_tokens, width, width_out) in [
            (1, 1, 1, 1),
            (2, 7, 64, 20),
            (1, 77, 33, 50),
            (1, 130, 20, 97),
            (2, 5, 320, 6),
        ] {
            let shape = Shape::tokens(batch, n_tokens, width);
            for fused in [
                (false, false, false),
                (width > 1, false, true),
                (width > 1, true, false),
            ] {
                case(gpu, element, shape, width_out, fused);
            }
        }
    }
}
