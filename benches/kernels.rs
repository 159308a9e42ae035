//! Speed of the kernels on the shapes of the bundled model and of Stable Diffusion: `cargo bench --bench kernels`.
//!
//! Times are medians; GFLOP/s count the operations of the direct convolution, so that Winograd's may exceed the
//! processor's peak. `--isa NAME` takes another instruction set than the fastest; `RAYON_NUM_THREADS` sets the threads.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::time::{Duration, Instant};

use candle_core::{Device, Tensor};
use visualize::diffusion::kernels::ops::{self, After, Before, Convolution, Picture};
use visualize::diffusion::kernels::{
    AttentionShape, Conv2d, ConvShape, Extras, GroupNorm, Input, Isa, Linear, Method, Shape,
    attention, channel_sums, normalize,
};

/// Median of at least 5 runs, in seconds.
fn time(mut f: impl FnMut()) -> f64 {
    f();
    let begin = Instant::now();
    let mut all = Vec::new();
    while all.len() < 5 || (begin.elapsed() < Duration::from_millis(500) && all.len() < 500) {
        let start = Instant::now();
        f();
        all.push(start.elapsed().as_secs_f64());
    }
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

fn noise(len: usize) -> Vec<f32> {
    (0..len)
        .map(|i| ((i * 7919) % 2003) as f32 / 1001.5 - 1.0)
        .collect()
}

fn convolutions(isa: Isa) {
    println!("\nconvolution, GFLOP/s            exact   fast   fast with normalisation and SiLU");
    for (in_channels, out_channels, size, batch, kernel, upsample) in [
        (8, 8, 256, 1, 3, false),
        (16, 8, 256, 1, 3, false),
        (16, 16, 128, 1, 3, false),
        (32, 32, 64, 1, 3, false),
        (16, 16, 128, 1, 3, true),
        (64, 64, 32, 1, 3, false),
        (64, 64, 32, 4, 3, false),
        (64, 64, 16, 4, 3, false),
        (64, 64, 64, 1, 3, false),
        (64, 64, 256, 1, 3, false),
        (128, 128, 256, 1, 3, false),
        (320, 320, 64, 1, 3, false),
        (640, 640, 32, 1, 3, false),
        (512, 512, 64, 1, 3, false),
        (1280, 1280, 8, 1, 3, false),
        (320, 320, 64, 1, 1, false),
    ] {
        let shape = ConvShape {
            in_channels,
            out_channels,
            kernel,
            stride: 1,
            upsample,
        };
        let conv = Conv2d::new(
            shape,
            &noise(in_channels * out_channels * kernel * kernel),
            &[],
        );
        let sizes = Shape {
            batch,
            channels: in_channels,
            height: size,
            width: size,
        };
        let values = noise(sizes.len());
        let affine = vec![[1.1, 0.1]; batch * in_channels];
        let plain = Input::plain(&values, sizes);
        let normed = Input {
            affine: Some(&affine),
            silu: true,
            ..plain
        };
        let out_shape = shape.output(sizes);
        let mut out = vec![0.0; out_shape.len()];
        let n_flops = 2 * in_channels * kernel * kernel * out_shape.len();
        let mut rate = |method, input: &Input| {
            let secs = time(|| {
                conv.forward(isa, method, input, &Extras::default(), &mut out);
            });
            n_flops as f64 / secs / 1e9
        };
        println!(
            "{kernel}x{kernel} {in_channels:4} > {out_channels:4} {size:3} px x {batch} {} {:8.0} {:6.0} {:6.0}",
            if upsample { "doubled" } else { "       " },
            rate(Method::Exact, &plain),
            rate(Method::Fast, &plain),
            rate(Method::Fast, &normed)
        );
    }
}

fn tokens(isa: Isa) {
    println!("\nlinear, GFLOP/s");
    for (n_tokens, width_in, width_out, gated) in [
        (77, 768, 768, false),
        (1024, 320, 1280, false),
        (4096, 320, 320, false),
        (1024, 64, 64, false),
        (4096, 320, 1280, true),
    ] {
        let n_halves = if gated { 2 } else { 1 };
        let weight = noise(n_halves * width_in * width_out);
        let linear = if gated {
            Linear::gated(width_in, width_out, &weight, &noise(2 * width_out))
        } else {
            Linear::new(width_in, width_out, &weight, &noise(width_out))
        };
        let x = noise(n_tokens * width_in);
        let mut out = vec![0.0; n_tokens * width_out];
        let secs = time(|| linear.forward(isa, &x, None, None, &mut out));
        let rate = (2 * n_halves * n_tokens * width_in * width_out) as f64 / secs / 1e9;
        println!(
            "{n_tokens:4} x {width_in:4} > {width_out:4}{} {rate:6.0}",
            if gated { " GEGLU" } else { "      " }
        );
    }
    println!("\nattention, ms and GFLOP/s");
    for (batch, n_queries, n_keys, n_heads, head_width) in [
        (1, 4096, 4096, 8, 40),
        (1, 4096, 77, 8, 40),
        (4, 256, 256, 4, 16),
        (1, 1024, 1024, 1, 64),
    ] {
        let shape = AttentionShape {
            batch,
            n_queries,
            n_keys,
            n_heads,
            head_width,
        };
        let width = n_heads * head_width;
        let (q, k) = (
            noise(batch * n_queries * width),
            noise(batch * n_keys * width),
        );
        let mut out = vec![0.0; q.len()];
        let secs = time(|| attention(isa, shape, (&q, &k, &k), 0.2, false, &mut out));
        let rate = (4 * batch * n_queries * n_keys * width) as f64 / secs / 1e9;
        println!(
            "{batch} x {n_queries:4} x {n_keys:4}, {n_heads} x {head_width:2} {:8.2} {rate:6.0}",
            secs * 1e3
        );
    }
    println!("\nGroupNorm and SiLU, ms");
    for (channels, size, n_groups) in [(320, 64, 32), (128, 256, 32), (8, 256, 1)] {
        let sizes = Shape {
            batch: 1,
            channels,
            height: size,
            width: size,
        };
        let norm = GroupNorm {
            n_groups,
            eps: 1e-5,
            weight: noise(channels),
            bias: noise(channels),
        };
        let values = noise(sizes.len());
        let mut out = vec![0.0; sizes.len()];
        let secs = time(|| {
            let input = Input::plain(&values, sizes);
            let affine = norm.affine(&channel_sums(isa, &input), sizes.plane());
            normalize(
                isa,
                &Input {
                    affine: Some(&affine),
                    silu: true,
                    ..input
                },
                &mut out,
            );
        });
        println!("{channels:3} x {size:3} px {:8.2}", secs * 1e3);
    }
}

/// The bundled model's decoder with made-up weights, to know what its layers cost in a row.
struct Decoder {
    conv_in: Convolution,
    /// Two residual blocks a level, and the doubling convolution behind them.
    levels: Vec<(Vec<Block>, Option<Convolution>)>,
    norm_out: GroupNorm,
    conv_out: Convolution,
}

struct Block {
    norms: [GroupNorm; 2],
    convs: [Convolution; 2],
    shortcut: Option<Convolution>,
}

fn convolution(
    c_in: usize,
    c_out: usize,
    kernel: usize,
    upsample: bool,
    method: Method,
) -> Convolution {
    let weight = noise(c_in * c_out * kernel * kernel);
    let weight = Tensor::from_vec(weight, (c_out, c_in, kernel, kernel), &Device::Cpu).unwrap();
    let weight = (weight / (c_in as f64 * 9.0).sqrt()).unwrap();
    Convolution::pack(&weight, None, (1, kernel / 2), upsample, method)
        .unwrap()
        .unwrap()
}

fn norm(channels: usize) -> GroupNorm {
    GroupNorm {
        n_groups: 1,
        eps: 1e-6,
        weight: vec![1.0; channels],
        bias: vec![0.0; channels],
    }
}

impl Decoder {
    fn new(method: Method) -> Self {
        let mut c_in = 64;
        let mut levels = Vec::new();
        // The first entry stands for the block in the middle.
        for (channels, upsamples) in [(64, false), (64, true), (32, true), (16, true), (8, false)] {
            let blocks = (0..2)
                .map(|_| {
                    let block = Block {
                        norms: [norm(c_in), norm(channels)],
                        convs: [
                            convolution(c_in, channels, 3, false, method),
                            convolution(channels, channels, 3, false, method),
                        ],
                        shortcut: (c_in != channels)
                            .then(|| convolution(c_in, channels, 1, false, method)),
                    };
                    c_in = channels;
                    block
                })
                .collect();
            levels.push((
                blocks,
                upsamples.then(|| convolution(channels, channels, 3, true, method)),
            ));
        }
        Self {
            conv_in: convolution(4, 64, 3, false, method),
            levels,
            norm_out: norm(8),
            conv_out: convolution(8, 3, 3, false, method),
        }
    }

    fn forward(&self, latents: &Tensor) -> Tensor {
        let plain = (Before::default(), After::default());
        let mut x = self
            .conv_in
            .forward(&Picture::from(latents.clone()), None, plain.0, plain.1)
            .unwrap();
        for (level, (blocks, upsample)) in self.levels.iter().enumerate() {
            for (idx, block) in blocks.iter().enumerate() {
                let before = |i: usize| Before {
                    norm: Some(&block.norms[i]),
                    silu: true,
                };
                let h = block.convs[0]
                    .forward(&x, None, before(0), plain.1)
                    .unwrap();
                let side = match &block.shortcut {
                    Some(conv) => conv.forward(&x, None, plain.0, plain.1).unwrap(),
                    None => x.clone(),
                };
                let after = After {
                    residual: Some(side.tensor()),
                    ..plain.1
                };
                x = block.convs[1].forward(&h, None, before(1), after).unwrap();
                if (level, idx) == (0, 0) {
                    let (b, c, h, w) = x.tensor().dims4().unwrap();
                    let tokens = x
                        .tensor()
                        .flatten_from(2)
                        .unwrap()
                        .transpose(1, 2)
                        .unwrap()
                        .contiguous()
                        .unwrap();
                    let seen = ops::attention(&tokens, &tokens, &tokens, 1, false)
                        .unwrap()
                        .unwrap();
                    let seen = seen
                        .transpose(1, 2)
                        .unwrap()
                        .contiguous()
                        .unwrap()
                        .reshape((b, c, h, w))
                        .unwrap();
                    x = (seen + x.tensor()).unwrap().into();
                }
            }
            if let Some(conv) = upsample {
                x = conv.forward(&x, None, plain.0, plain.1).unwrap();
            }
        }
        let before = Before {
            norm: Some(&self.norm_out),
            silu: true,
        };
        self.conv_out
            .forward(&x, None, before, plain.1)
            .unwrap()
            .into()
    }
}

fn decoder() {
    println!("\nthe bundled model's decoder, ms a picture");
    for (method, name) in [(Method::Exact, "exact"), (Method::Fast, "fast")] {
        let decoder = Decoder::new(method);
        for (size, batch) in [(32, 1), (32, 4), (64, 1)] {
            let latents = Tensor::from_vec(
                noise(batch * 4 * size * size),
                (batch, 4, size, size),
                &Device::Cpu,
            )
            .unwrap();
            let secs = time(|| {
                decoder.forward(&latents);
            });
            println!(
                "{name:5} {} px, {batch} at a time {:8.2}",
                8 * size,
                secs * 1e3 / batch as f64
            );
        }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let wanted = arguments
        .iter()
        .position(|a| a == "--isa")
        .and_then(|i| arguments.get(i + 1));
    let isa = match wanted {
        None => Isa::best(),
        Some(name) => {
            let found = Isa::available()
                .into_iter()
                .find(|isa| isa.name().eq_ignore_ascii_case(name));
            found.expect("an instruction set of this processor")
        }
    };
    println!("{}, {} threads", isa.name(), rayon::current_num_threads());
    decoder();
    convolutions(isa);
    tokens(isa);
}
