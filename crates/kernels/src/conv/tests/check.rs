//! The definition of a convolution, and the comparison with it.

use crate::conv::*;
use crate::input::Activation;
use crate::norm::channel_sums;

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

/// The value at `at` of `n` with one more on each side; `None` for zero.
fn padded(border: Border, at: usize, n: usize) -> Option<usize> {
    match (at, border) {
        (at, _) if at > 0 && at <= n => Some(at - 1),
        (_, Border::Zero) => None,
        (_, Border::Reflect) if n == 1 => Some(0),
        (0, Border::Reflect) => Some(1),
        (_, Border::Reflect) => Some(n - 2),
    }
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
                        let place = |at: usize, n: usize| match pad {
                            0 => Some(at),
                            _ => padded(shape.border, at, n),
                        };
                        if let Some((iy, ix)) = place(iy, sizes.height).zip(place(ix, sizes.width))
                        {
                            let at =
                                ((n * sizes.channels + ci) * sizes.height + iy) * sizes.width + ix;
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
pub(super) type Write = fn(&Conv2d, Isa, &Input, &Epilogue, &mut [MaybeUninit<f32>]);

pub(super) fn write(
    conv: &Conv2d,
    _: Isa,
    input: &Input,
    epilogue: &Epilogue,
    out: &mut [MaybeUninit<f32>],
) {
    conv.write(input, epilogue, out);
}

/// One convolution with everything on, on every instruction set, against the definition.
pub(super) fn check(
    shape: ConvShape,
    sizes: Shape,
    (method, write): (Method, Write),
    tolerance: f64,
) {
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
    let of_input = |input: Vec<f32>| {
        let (input, grown) = match shape.upsample {
            true => double(&input, sizes),
            false => (input, sizes),
        };
        reference(&shape, &input, grown, &weight, &bias)
    };
    let expected_plain = of_input(values.clone());
    let expected_positive = of_input(values.iter().map(|x| x.max(0.0)).collect());
    for isa in Isa::available() {
        let conv = Conv2d::on(isa, shape, method, &weight, &bias);
        // Of split values 16 bits are kept.
        let is_split = isa.uses_bf16x3() && bf16x3::is_faster(&shape);
        let tolerance = if is_split { 2e-4 } else { tolerance };
        let input = Input {
            shape: sizes,
            first: &first,
            second: &second,
            affine: Some(&affine),
            activation: Activation::Silu,
        };
        let epilogue = Epilogue {
            channel_bias: Some(&channel_bias),
            residual: Some(&residual),
            relu: false,
        };
        #[expect(unsafe_code, reason = "as Conv2d::forward, by the way that is tested")]
        let run = |input: &Input, epilogue: &Epilogue| unsafe {
            // SAFETY: as there; what is forgotten would be NaN here.
            write_all(out_shape.len(), |out| {
                write(&conv, isa, input, epilogue, out);
            })
        };
        let out = run(&input, &epilogue);
        let sums = channel_sums(isa, &Input::plain(&out, out_shape));
        assert_eq!(sums.len(), out_shape.batch * out_shape.channels, "{label}");
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
        let relu = Epilogue {
            relu: true,
            ..epilogue
        };
        let rectified = run(&input, &relu);
        for (got, before) in rectified.iter().zip(&out) {
            assert_eq!(*got, before.max(0.0), "{label} {}", isa.name());
        }
        let plain = run(
            &Input {
                affine: None,
                activation: Activation::None,
                ..input
            },
            &Epilogue::default(),
        );
        for (got, expected) in plain.iter().zip(&expected_plain) {
            assert!(
                (f64::from(*got) - expected).abs() < tolerance,
                "{label} plain {}",
                isa.name()
            );
        }
        let positive = run(
            &Input {
                affine: None,
                activation: Activation::Relu,
                ..input
            },
            &Epilogue::default(),
        );
        for (got, expected) in positive.iter().zip(&expected_positive) {
            let error = (f64::from(*got) - expected).abs();
            assert!(error < tolerance, "{label} rectified {}", isa.name());
        }
    }
}
