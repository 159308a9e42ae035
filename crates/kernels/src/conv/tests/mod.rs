//! Every way to compute a convolution against the definition.

mod check;

pub(crate) use check::noise;

use self::check::{check, write};
use super::*;
use crate::norm::channel_sums;

const BORDERS: [Border; 2] = [Border::Zero, Border::Reflect];

fn shapes() -> Vec<(usize, usize, Shape)> {
    [
        (1, 1, [1, 1, 1, 1]),
        (3, 5, [2, 3, 7, 5]),
        (8, 3, [1, 8, 9, 33]),
        (9, 16, [3, 9, 16, 16]),
        (20, 17, [8, 20, 2, 3]),
        (33, 40, [1, 33, 31, 49]),
        (2, 12, [1, 2, 64, 130]),
        (70, 9, [5, 70, 8, 8]),
    ]
    .map(|(ci, co, [batch, channels, height, width])| {
        (
            ci,
            co,
            Shape {
                batch,
                channels,
                height,
                width,
            },
        )
    })
    .to_vec()
}

#[test]
fn direct_convolutions_equal_the_definition() {
    for (in_channels, out_channels, sizes) in shapes() {
        for (kernel, stride, upsample) in
            [(3, 1, false), (3, 2, false), (1, 1, false), (3, 1, true)]
        {
            let shape = ConvShape {
                in_channels,
                out_channels,
                kernel,
                stride,
                upsample,
                border: Border::Zero,
            };
            for border in BORDERS {
                let shape = ConvShape { border, ..shape };
                check(shape, sizes, (Method::Exact, write), 2e-6 * 4.0);
            }
        }
    }
}

#[test]
fn results_do_not_depend_on_threads() {
    let sizes = Shape {
        batch: 2,
        channels: 24,
        height: 40,
        width: 24,
    };
    let values = noise(1, sizes.len());
    for (kernel, stride, upsample) in [(3, 1, false), (3, 2, false), (1, 1, false), (3, 1, true)] {
        let shape = ConvShape {
            in_channels: 24,
            out_channels: 16,
            kernel,
            stride,
            upsample,
            border: Border::Reflect,
        };
        let each = Isa::available()
            .into_iter()
            .flat_map(|isa| [(isa, Method::Exact), (isa, Method::Fast)]);
        for (isa, method) in each {
            let weight = noise(2, 24 * 16 * kernel * kernel);
            let conv = Conv2d::on(isa, shape, method, &weight, &[]);
            let run = |n_threads| {
                let pool = rayon::ThreadPoolBuilder::new()
                    .num_threads(n_threads)
                    .build()
                    .unwrap();
                pool.install(|| {
                    let out = conv.forward(&Input::plain(&values, sizes), &Epilogue::default());
                    let plain = Input::plain(&out, shape.output(sizes));
                    let sums = channel_sums(isa, &plain);
                    (out, sums)
                })
            };
            assert!(run(1) == run(3), "{shape:?} {method:?} {}", isa.name());
        }
    }
}

#[test]
fn winograd_convolutions_equal_the_definition() {
    winograd_equals_the_definition(false, &BORDERS);
}

#[test]
fn winograd_convolutions_of_a_doubled_input_equal_the_definition() {
    winograd_equals_the_definition(true, &[Border::Zero]);
}

#[test]
fn winograd_convolutions_of_a_doubled_and_reflected_input_equal_the_definition() {
    winograd_equals_the_definition(true, &[Border::Reflect]);
}

/// In parts that several cores test: the definition is slow, and in an emulator slower still.
fn winograd_equals_the_definition(upsample: bool, borders: &[Border]) {
    let more = [
        (16, 24, [1, 16, 128, 65]),
        (64, 72, [7, 64, 12, 8]),
        (16, 136, [2, 16, 20, 18]),
        (8, 8, [9, 8, 8, 8]),
        (12, 5, [1, 12, 21, 300]),
    ]
    .map(|(ci, co, [batch, channels, height, width])| {
        (
            ci,
            co,
            Shape {
                batch,
                channels,
                height,
                width,
            },
        )
    });
    for (in_channels, out_channels, mut sizes) in shapes().into_iter().chain(more) {
        if upsample {
            // As many outputs as without doubling.
            sizes.height = sizes.height.div_ceil(2);
            sizes.width = sizes.width.div_ceil(2);
        }
        for &border in borders {
            let shape = ConvShape {
                in_channels,
                out_channels,
                kernel: 3,
                stride: 1,
                upsample,
                border,
            };
            check(shape, sizes, (Method::Fast, write), 5e-5);
        }
    }
}

#[test]
fn deep_winograd_convolutions_equal_the_definition() {
    // Channels are not whole chunks or groups; images are more than fit at once.
    for (in_channels, out_channels, batch, height, width, upsample) in [
        (130, 33, 1, 5, 8, false),
        (64, 40, 3, 16, 16, false),
        (3, 9, 2, 13, 3, false),
        (65, 8, 8, 24, 20, false),
        (1, 1, 1, 1, 1, false),
        (65, 100, 5, 8, 8, false),
        (20, 50, 1, 9, 12, false),
        (70, 12, 3, 4, 3, true),
        (16, 40, 2, 8, 10, true),
    ] {
        let shape = ConvShape {
            in_channels,
            out_channels,
            kernel: 3,
            stride: 1,
            upsample,
            border: Border::Zero,
        };
        let sizes = Shape {
            batch,
            channels: in_channels,
            height,
            width,
        };
        for border in BORDERS {
            let shape = ConvShape { border, ..shape };
            check(shape, sizes, (Method::Fast, winograd::deep::forward), 5e-5);
        }
    }
}

#[test]
fn many_weights_and_few_tiles_are_computed_deep() {
    let shape = ConvShape {
        in_channels: 1280,
        out_channels: 1280,
        kernel: 3,
        stride: 1,
        upsample: false,
        border: Border::Zero,
    };
    for (side, is_deep) in [(4, false), (8, true), (16, true), (32, true), (64, false)] {
        let sizes = Shape {
            batch: 1,
            channels: 1280,
            height: side,
            width: side,
        };
        assert_eq!(winograd::deep::is_faster(&shape, sizes), is_deep, "{side}");
        assert!(!(is_deep && winograd::is_faster(&shape, sizes)), "{side}");
    }
}

#[test]
fn a_convolution_of_a_doubled_input_serves_others_too() {
    let shape = ConvShape {
        in_channels: 9,
        out_channels: 12,
        kernel: 3,
        stride: 1,
        upsample: true,
        border: Border::Reflect,
    };
    let (weight, bias) = (noise(2, 9 * 12 * 9), noise(3, 12));
    let sizes = Shape {
        batch: 1,
        channels: 9,
        height: 7,
        width: 5,
    };
    let values = noise(1, sizes.len());
    for method in [Method::Exact, Method::Fast] {
        let run = |conv: Conv2d| conv.forward(&Input::plain(&values, sizes), &Epilogue::default());
        let doubling = Conv2d::new(shape, method, &weight, &bias);
        let plain = Conv2d::new(shape.undoubled(), method, &weight, &bias);
        assert_eq!(run(doubling.undoubled()), run(plain), "{method:?}");
    }
}
