use super::*;

/// The same numbers every time, in -1..1.
pub(crate) fn noise(seed: u64, len: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    std::iter::repeat_with(next).take(len).collect()
}

/// The definition, in f64, on an input that is already activated and doubled.
fn reference(
    shape: &ConvShape,
    input: &[f32],
    sizes: Shape,
    weight: &[f32],
    bias: &[f32],
) -> Vec<f64> {
    let pad = shape.kernel / 2;
    let out = ConvShape {
        upsample: false,
        ..*shape
    }
    .output(sizes);
    let mut result = Vec::with_capacity(out.len());
    for n in 0..out.batch {
        for (co, bias) in bias[..out.channels].iter().enumerate() {
            for (y, x) in (0..out.height).flat_map(|y| (0..out.width).map(move |x| (y, x))) {
                let mut sum = f64::from(*bias);
                for ci in 0..sizes.channels {
                    for (ky, kx) in
                        (0..shape.kernel).flat_map(|y| (0..shape.kernel).map(move |x| (y, x)))
                    {
                        let (iy, ix) = (y * shape.stride + ky, x * shape.stride + kx);
                        if (pad..sizes.height + pad).contains(&iy)
                            && (pad..sizes.width + pad).contains(&ix)
                        {
                            let at = ((n * sizes.channels + ci) * sizes.height + iy - pad)
                                * sizes.width
                                + ix
                                - pad;
                            let w = ((co * sizes.channels + ci) * shape.kernel + ky) * shape.kernel
                                + kx;
                            sum += f64::from(input[at]) * f64::from(weight[w]);
                        }
                    }
                }
                result.push(sum);
            }
        }
    }
    result
}

fn double(values: &[f32], sizes: Shape) -> (Vec<f32>, Shape) {
    let doubled = Shape {
        height: 2 * sizes.height,
        width: 2 * sizes.width,
        ..sizes
    };
    let values = (0..doubled.len()).map(|i| {
        let (row, x) = (i / doubled.width, i % doubled.width);
        let (plane, y) = (row / doubled.height, row % doubled.height);
        values[(plane * sizes.height + y / 2) * sizes.width + x / 2]
    });
    (values.collect(), doubled)
}

/// A way to compute a convolution.
type Forward = fn(&Conv2d, Isa, &Input, &Extras, &mut [f32]) -> ChannelSums;

fn forward(conv: &Conv2d, _: Isa, input: &Input, extras: &Extras, out: &mut [f32]) -> ChannelSums {
    conv.forward(input, extras, out)
}

/// One convolution with everything on, on every instruction set, against the definition.
fn check(shape: ConvShape, sizes: Shape, (method, forward): (Method, Forward), tolerance: f64) {
    let label = format!("{shape:?} {sizes:?}");
    let values = noise(1, sizes.len());
    let k = shape.in_channels * shape.kernel * shape.kernel;
    let weight: Vec<f32> = noise(2, shape.out_channels * k)
        .iter()
        .map(|w| w / (k as f32).sqrt())
        .collect();
    let bias = noise(3, shape.out_channels);
    let affine: Vec<[f32; 2]> = noise(4, 2 * sizes.batch * sizes.channels)
        .chunks(2)
        .map(|a| [a[0] + 1.5, a[1]])
        .collect();
    let activated: Vec<f32> = values
        .iter()
        .enumerate()
        .map(|(i, x)| {
            let [scale, shift] = affine[i / sizes.plane()];
            let x = f64::from(scale * x + shift);
            (x / (1.0 + (-x).exp())) as f32
        })
        .collect();
    let (activated, grown) = if shape.upsample {
        double(&activated, sizes)
    } else {
        (activated, sizes)
    };
    let expected = reference(&shape, &activated, grown, &weight, &bias);
    let out_shape = shape.output(sizes);
    assert_eq!(expected.len(), out_shape.len(), "{label}");
    let channel_bias = noise(5, out_shape.batch * out_shape.channels);
    let residual = noise(6, out_shape.len());
    // The second half of the channels as a part of its own.
    let n_first = sizes.channels.div_ceil(2);
    let part = |from: usize, to: usize| -> Vec<f32> {
        values
            .chunks(sizes.channels * sizes.plane())
            .flat_map(|image| image[from * sizes.plane()..to * sizes.plane()].to_vec())
            .collect()
    };
    let (first, second) = (part(0, n_first), part(n_first, sizes.channels));
    for isa in Isa::available() {
        let conv = Conv2d::on(isa, shape, method, &weight, &bias);
        // Of split values 16 bits are kept.
        let is_split = isa.splits() && split::pays(&shape);
        let tolerance = if is_split { 2e-4 } else { tolerance };
        let input = Input {
            shape: sizes,
            first: &first,
            second: &second,
            affine: Some(&affine),
            silu: true,
        };
        let extras = Extras {
            channel_bias: Some(&channel_bias),
            residual: Some(&residual),
            relu: false,
            sums: true,
        };
        let mut out = vec![f32::NAN; out_shape.len()];
        let sums = forward(&conv, isa, &input, &extras, &mut out);
        for (i, &got) in out.iter().enumerate() {
            let expected = expected[i]
                + f64::from(residual[i])
                + f64::from(channel_bias[i / out_shape.plane()]);
            let error = (f64::from(got) - expected).abs();
            assert!(
                error < tolerance,
                "{label} {} at {i}: {got} for {expected}",
                isa.name()
            );
        }
        for (plane, sums) in out.chunks(out_shape.plane()).zip(sums) {
            let sum: f64 = plane.iter().map(|&x| f64::from(x)).sum();
            let squares: f64 = plane.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
            assert!(
                (sums[0] - sum).abs() < 1e-5 * (1.0 + squares),
                "{label} sum {} for {sum}",
                sums[0]
            );
            assert!(
                (sums[1] - squares).abs() < 1e-5 * (1.0 + squares),
                "{label}"
            );
        }
        let relu = Extras {
            relu: true,
            sums: false,
            ..extras
        };
        let mut rectified = vec![f32::NAN; out_shape.len()];
        let sums = forward(&conv, isa, &input, &relu, &mut rectified);
        assert!(sums.is_empty());
        for (got, before) in rectified.iter().zip(&out) {
            assert_eq!(*got, before.max(0.0), "{label} {}", isa.name());
        }
        let mut plain = vec![f32::NAN; out_shape.len()];
        forward(
            &conv,
            isa,
            &Input {
                affine: None,
                silu: false,
                ..input
            },
            &Extras::default(),
            &mut plain,
        );
        let (values, grown) = if shape.upsample {
            double(&values, sizes)
        } else {
            (values.clone(), sizes)
        };
        let expected = reference(&shape, &values, grown, &weight, &bias);
        for (got, expected) in plain.iter().zip(expected) {
            assert!(
                (f64::from(*got) - expected).abs() < tolerance,
                "{label} plain {}",
                isa.name()
            );
        }
    }
}

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
            };
            check(shape, sizes, (Method::Exact, forward), 2e-6 * 4.0);
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
        };
        for method in [Method::Exact, Method::Fast] {
            let conv = Conv2d::new(shape, method, &noise(2, 24 * 16 * kernel * kernel), &[]);
            let run = |n_threads| {
                let pool = rayon::ThreadPoolBuilder::new()
                    .num_threads(n_threads)
                    .build()
                    .unwrap();
                let mut out = vec![0.0; shape.output(sizes).len()];
                let input = Input::plain(&values, sizes);
                let extras = Extras {
                    sums: true,
                    ..Extras::default()
                };
                let sums = pool.install(|| conv.forward(&input, &extras, &mut out));
                (out, sums)
            };
            assert!(run(1) == run(3), "{shape:?} {method:?}");
        }
    }
}

#[test]
fn winograd_convolutions_equal_the_definition() {
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
    for (in_channels, out_channels, sizes) in shapes().into_iter().chain(more) {
        for upsample in [false, true] {
            let shape = ConvShape {
                in_channels,
                out_channels,
                kernel: 3,
                stride: 1,
                upsample,
            };
            check(shape, sizes, (Method::Fast, forward), 5e-5);
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
        };
        let sizes = Shape {
            batch,
            channels: in_channels,
            height,
            width,
        };
        check(shape, sizes, (Method::Fast, winograd::deep::forward), 5e-5);
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
    };
    for (side, is_deep) in [(4, false), (8, true), (16, true), (32, true), (64, false)] {
        let sizes = Shape {
            batch: 1,
            channels: 1280,
            height: side,
            width: side,
        };
        assert_eq!(winograd::deep::pays(&shape, sizes), is_deep, "{side}");
        assert!(!(is_deep && winograd::pays(&shape, sizes)), "{side}");
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
        let run = |conv: Conv2d| {
            let mut out = vec![f32::NAN; conv.shape().output(sizes).len()];
            conv.forward(&Input::plain(&values, sizes), &Extras::default(), &mut out);
            out
        };
        let doubling = Conv2d::new(shape, method, &weight, &bias);
        let plain = Conv2d::new(shape.undoubled(), method, &weight, &bias);
        assert_eq!(run(doubling.undoubled()), run(plain), "{method:?}");
    }
}
