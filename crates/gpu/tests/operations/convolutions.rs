//! Convolutions with all that is fused into them.

use gpu::{Array, Border, Element, Epilogue, Gemm, GemmShape, Gpu, GroupNorm, Input, Shape};
use kernels::{Conv2d, ConvShape, Method};

use super::{assert_near, assert_same_bits, elements, gpu, image, noise, picture, stored_noise};

/// A case: sizes, and which steps are fused.
#[derive(Clone, Copy, Debug)]
struct Case {
    batch: usize,
    /// Channels of both parts of the input; the second may have none.
    channels: (usize, usize),
    out_channels: usize,
    kernel: usize,
    stride: usize,
    upsample: bool,
    size: (usize, usize),
    reflect: bool,
    norm: bool,
    /// In place of `norm`.
    relu_before: bool,
    epilogue: bool,
}

const PLAIN: Case = Case {
    batch: 1,
    channels: (8, 0),
    out_channels: 8,
    kernel: 3,
    stride: 1,
    upsample: false,
    size: (5, 7),
    reflect: false,
    norm: false,
    relu_before: false,
    epilogue: false,
};

#[rustfmt::skip]
const CASES: [Case; 18] = [
    PLAIN,
    Case { kernel: 1, channels: (3, 0), out_channels: 5, size: (1, 1), ..PLAIN },
    Case { batch: 3, channels: (7, 0), out_channels: 13, epilogue: true, ..PLAIN },
    Case { stride: 2, size: (9, 6), channels: (12, 0), ..PLAIN },
    Case { stride: 2, size: (8, 7), batch: 2, norm: true, ..PLAIN },
    Case { upsample: true, size: (4, 5), out_channels: 4, epilogue: true, ..PLAIN },
    Case { channels: (8, 12), out_channels: 20, norm: true, epilogue: true, batch: 2, ..PLAIN },
    Case { channels: (6, 10), out_channels: 9, ..PLAIN },
    Case { channels: (16, 4), kernel: 1, norm: true, out_channels: 6, ..PLAIN },
    // Deep: the sums of f16 are long, and a tile isn't filled at any side.
    Case { channels: (132, 0), out_channels: 68, size: (3, 23), ..PLAIN },
    // A table's larger tiles, where a GPU has them.
    Case { channels: (20, 0), out_channels: 132, size: (12, 11), norm: true, epilogue: true, ..PLAIN },
    // Few output channels: the normalisation is fused into the product.
    Case { channels: (32, 0), out_channels: 3, size: (9, 8), norm: true, batch: 2, ..PLAIN },
    Case { kernel: 1, channels: (36, 0), out_channels: 16, size: (8, 9), epilogue: true, batch: 2, ..PLAIN },
    Case { reflect: true, batch: 2, channels: (9, 0), relu_before: true, ..PLAIN },
    Case { reflect: true, size: (1, 2), norm: true, epilogue: true, ..PLAIN },
    Case { reflect: true, stride: 2, size: (8, 7), ..PLAIN },
    Case { reflect: true, upsample: true, size: (1, 3), ..PLAIN },
    Case { channels: (8, 4), out_channels: 68, relu_before: true, epilogue: true, ..PLAIN },
];

impl Case {
    fn in_channels(&self) -> usize {
        self.channels.0 + self.channels.1
    }

    fn n_groups(&self) -> usize {
        match self.in_channels().is_multiple_of(4) {
            true => 4,
            false => 1,
        }
    }

    fn shape(&self) -> Shape {
        Shape {
            batch: self.batch,
            height: self.size.0,
            width: self.size.1,
            channels: self.in_channels(),
        }
    }
}

/// Everything that a case needs, and what the CPU makes of it.
struct Made {
    gemm: Gemm,
    first: Array,
    second: Option<Array>,
    norm: Option<GroupNorm>,
    channel_bias: Option<Array>,
    residual: Option<Array>,
    expected: Vec<f32>,
}

fn make(gpu: &Gpu, element: Element, case: Case) -> Made {
    let shape = case.shape();
    let part = |seed, channels| picture(gpu, element, seed, Shape { channels, ..shape });
    let (first, first_planes) = part(1, case.channels.0);
    let second = (case.channels.1 > 0).then(|| part(2, case.channels.1));
    let n_products = case.in_channels() * case.kernel * case.kernel;
    let scale = 1.0 / (n_products as f32).sqrt();
    let weight = stored_noise(element, 3, case.out_channels * n_products, scale);
    let bias = noise(4, case.out_channels);
    let conv = ConvShape {
        in_channels: case.in_channels(),
        out_channels: case.out_channels,
        kernel: case.kernel,
        stride: case.stride,
        upsample: case.upsample,
        border: match case.reflect {
            true => kernels::Border::Reflect,
            false => kernels::Border::Zero,
        },
    };
    let out = conv.output(kernels::Shape {
        batch: case.batch,
        channels: case.in_channels(),
        height: case.size.0,
        width: case.size.1,
    });
    let affine_weights = (noise(5, case.in_channels()), noise(6, case.in_channels()));
    let out_shape = Shape {
        batch: out.batch,
        height: out.height,
        width: out.width,
        channels: out.channels,
    };
    let row = Shape {
        height: 1,
        width: 1,
        ..out_shape
    };
    let channel_bias = case.epilogue.then(|| picture(gpu, element, 7, row));
    let residual = case.epilogue.then(|| picture(gpu, element, 8, out_shape));

    let input = kernels::Input {
        shape: kernels::Shape {
            batch: case.batch,
            channels: case.in_channels(),
            height: case.size.0,
            width: case.size.1,
        },
        first: &first_planes,
        second: second.as_ref().map_or(&[], |(_, planes)| planes),
        affine: None,
        activation: match (case.norm, case.relu_before) {
            (true, _) => kernels::Activation::Silu,
            (false, true) => kernels::Activation::Relu,
            (false, false) => kernels::Activation::None,
        },
    };
    let norm = kernels::GroupNorm {
        n_groups: case.n_groups(),
        eps: 1e-5,
        weight: affine_weights.0.clone(),
        bias: affine_weights.1.clone(),
    };
    let affine = case.norm.then(|| {
        let sums = kernels::channel_sums(kernels::Isa::best(), &input);
        norm.affine(&sums, shape.plane())
    });
    let input = kernels::Input {
        affine: affine.as_deref(),
        ..input
    };
    let epilogue = kernels::Epilogue {
        channel_bias: channel_bias.as_ref().map(|(_, values)| values.as_slice()),
        residual: residual.as_ref().map(|(_, values)| values.as_slice()),
        relu: case.epilogue,
    };
    let expected = Conv2d::new(conv, Method::Exact, &weight, &bias).forward(&input, &epilogue);
    let gemm = GemmShape {
        stride: case.stride,
        border: match case.reflect {
            true => Border::Reflect,
            false => Border::Zero,
        },
        ..GemmShape::conv(case.in_channels(), case.out_channels, case.kernel)
    };
    let weights = (affine_weights.0.as_slice(), affine_weights.1.as_slice());
    Made {
        gemm: Gemm::new(gpu, gemm, element, &weight, &bias).unwrap(),
        norm: case
            .norm
            .then(|| GroupNorm::new(gpu, case.n_groups(), 1e-5, weights).unwrap()),
        first,
        second: second.map(|(array, _)| array),
        channel_bias: channel_bias.map(|(array, _)| array),
        residual: residual.map(|(array, _)| array),
        expected,
    }
}

impl Made {
    fn run(&self, case: Case) -> Vec<f32> {
        let affine = self.norm.as_ref().map(|norm| {
            let sums = norm.sums(&self.first, self.second.as_ref()).unwrap();
            norm.affine(&sums).unwrap()
        });
        let input = Input {
            second: self.second.as_ref(),
            size: case.upsample.then_some((2 * case.size.0, 2 * case.size.1)),
            affine: affine.as_ref(),
            silu: case.norm,
            relu: case.relu_before,
            ..Input::plain(&self.first)
        };
        let epilogue = Epilogue {
            channel_bias: self.channel_bias.as_ref(),
            residual: self.residual.as_ref(),
            relu: case.epilogue,
        };
        self.gemm
            .forward(&input, &epilogue)
            .unwrap()
            .to_planes()
            .unwrap()
    }
}

#[test]
fn they_equal_the_cpus() {
    let Some(gpu) = gpu() else { return };
    for element in elements(gpu) {
        for case in CASES {
            let made = make(gpu, element, case);
            assert_near(
                element,
                &made.run(case),
                &made.expected,
                &format!("{case:?}"),
            );
        }
    }
}

#[test]
fn bits_repeat_alone_and_in_a_batch() {
    let Some(gpu) = gpu() else { return };
    for element in elements(gpu) {
        let case = Case {
            batch: 3,
            ..CASES[6]
        };
        let made = make(gpu, element, case);
        let all = made.run(case);
        for _ in 0..2 {
            assert_same_bits(&made.run(case), &all, "again");
        }
        let alone = |array: &Array, idx: usize| {
            let shape = array.shape();
            let values = array.to_planes().unwrap();
            let one = Shape { batch: 1, ..shape };
            Array::from_planes(gpu, element, one, image(&values, shape.batch, idx)).unwrap()
        };
        for idx in 0..case.batch {
            let one = Made {
                first: alone(&made.first, idx),
                second: made.second.as_ref().map(|x| alone(x, idx)),
                channel_bias: made.channel_bias.as_ref().map(|x| alone(x, idx)),
                residual: made.residual.as_ref().map(|x| alone(x, idx)),
                ..make(gpu, element, case)
            };
            assert_same_bits(&one.run(case), image(&all, case.batch, idx), "alone");
        }
    }
}

#[test]
fn pictures_are_padded_at_their_end_only() {
    // As diffusers' `Downsample2D` with padding 0: a row below and a column on the right.
    let Some(gpu) = gpu() else { return };
    let element = Element::F32;
    let shape = Shape {
        batch: 1,
        height: 6,
        width: 5,
        channels: 4,
    };
    let (x, planes) = picture(gpu, element, 1, shape);
    let weight = noise(2, 4 * 4 * 9);
    let gemm = GemmShape {
        stride: 2,
        padding: 0,
        end_padding: 1,
        ..GemmShape::conv(4, 4, 3)
    };
    let gemm = Gemm::new(gpu, gemm, element, &weight, &[]).unwrap();
    let y = gemm
        .forward(&Input::plain(&x), &Epilogue::default())
        .unwrap();
    assert_eq!((y.shape().height, y.shape().width), (3, 2));
    let mut expected = Vec::new();
    for out in 0..4 {
        for (row, column) in (0..3).flat_map(|row| (0..2).map(move |column| (row, column))) {
            let mut sum = 0.0f64;
            for (channel, tap) in (0..4).flat_map(|c| (0..9).map(move |tap| (c, tap))) {
                let (y, x) = (2 * row + tap / 3, 2 * column + tap % 3);
                if y < 6 && x < 5 {
                    let value = planes[(channel * 6 + y) * 5 + x];
                    sum += f64::from(value) * f64::from(weight[(out * 4 + channel) * 9 + tap]);
                }
            }
            expected.push(sum as f32);
        }
    }
    assert_near(element, &y.to_planes().unwrap(), &expected, "end padding");
}

#[test]
fn an_input_is_enlarged_to_odd_sizes() {
    let Some(gpu) = gpu() else { return };
    let element = Element::F32;
    let shape = Shape {
        batch: 2,
        height: 3,
        width: 4,
        channels: 8,
    };
    let (x, _) = picture(gpu, element, 1, shape);
    let gemm = GemmShape::conv(8, 8, 3);
    let gemm = Gemm::new(gpu, gemm, element, &noise(2, 8 * 8 * 9), &[]).unwrap();
    let input = Input {
        size: Some((5, 7)),
        ..Input::plain(&x)
    };
    let fused = gemm.forward(&input, &Epilogue::default()).unwrap();
    let resized = gpu::resize(&x, 5, 7).unwrap();
    let apart = gemm
        .forward(&Input::plain(&resized), &Epilogue::default())
        .unwrap();
    assert_same_bits(
        &fused.to_planes().unwrap(),
        &apart.to_planes().unwrap(),
        "enlarged",
    );
}

#[test]
fn what_does_not_fit_is_refused() {
    let Some(gpu) = gpu() else { return };
    let element = Element::F32;
    assert!(Gemm::new(gpu, GemmShape::linear(4, 4), element, &[0.0; 15], &[]).is_err());
    let wide = GemmShape {
        border: Border::Reflect,
        ..GemmShape::conv(1, 1, 5)
    };
    assert!(Gemm::new(gpu, wide, element, &[0.0; 25], &[]).is_err());
    let gemm = Gemm::new(gpu, GemmShape::conv(4, 4, 3), element, &[0.0; 144], &[]).unwrap();
    let shape = Shape {
        batch: 1,
        height: 2,
        width: 2,
        channels: 5,
    };
    let (wrong, _) = picture(gpu, element, 1, shape);
    let forward = |x: &Array, epilogue| gemm.forward(&Input::plain(x), &epilogue);
    assert!(forward(&wrong, Epilogue::default()).is_err());
    let (right, _) = picture(gpu, element, 1, shape.with(4));
    assert!(forward(&right, Epilogue::default()).is_ok());
    let epilogue = Epilogue {
        residual: Some(&wrong),
        ..Epilogue::default()
    };
    assert!(forward(&right, epilogue).is_err());
}

/// The same with other channels.
trait With {
    fn with(self, channels: usize) -> Self;
}

impl With for Shape {
    fn with(self, channels: usize) -> Self {
        Self { channels, ..self }
    }
}
