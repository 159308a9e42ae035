//! What is measured, by names that the comparison with other programs uses too.
//!
//! | name | one run |
//! |---|---|
//! | `conv:IN:OUT:KERNEL:SIDE` | a convolution of one image of `SIDE` x `SIDE` pixels |
//! | `upconv:CHANNELS:SIDE` | nearest upsampling of `SIDE` x `SIDE` pixels to twice the side, then a 3x3 convolution |
//! | `linear:TOKENS:IN:OUT` | a linear layer with bias |
//! | `geglu:TOKENS:IN:OUT` | a linear layer to `2 OUT` values, the first half times GELU of the second |
//! | `attention:TOKENS:HEADS:WIDTH` | self-attention with `WIDTH` values a head |
//! | `norm:CHANNELS:SIDE` | group normalisation in 32 groups, then SiLU |
//! | `unet:FOLDER:SIDE:BATCH` | one call of the denoiser in `FOLDER`, latents of `SIDE` x `SIDE` |
//! | `decode:FOLDER:SIDE:BATCH` | one call of the decoder in `FOLDER`, the same |
//! | `draw:SIDE:BATCH` | a batch of finished frames of the bundled model |
//!
//! Kernels with `exact:` in front compute every product of f32.

use std::hint::black_box;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use candle_core::{DType, Device, Tensor};
use visualize::diffusion::model::ModelFolder;
use visualize::diffusion::unet::{Conditioning, UNet, UNetConfig};
use visualize::diffusion::vae::{Decoder, VaeConfig};
use visualize::diffusion::weights::Weights;
use visualize::diffusion::{ModelDefaults, ModelSource, Renderer, StableDiffusion};
use visualize::kernels::{
    Activation, AttentionShape, Border, Conv2d, ConvShape, Epilogue, GroupNorm, Input, Isa, Linear,
    Method, Shape, attention, channel_sums, normalize,
};
use visualize::timeline::{FrameInputs, NoiseMix, PromptText, RenderConfig, Size};

/// A case that is ready to run, again and again.
pub type Run = Box<dyn FnMut() -> Result<()> + Send>;

/// Prepares a case.
///
/// # Errors
/// When the name is none of the table's, or a model can't be loaded.
pub fn prepare(name: &str) -> Result<Run> {
    let (method, name) = match name.strip_prefix("exact:") {
        Some(rest) => (Method::Exact, rest),
        None => (Method::Fast, name),
    };
    let (kind, rest) = name.split_once(':').context("a case has a colon")?;
    if let "unet" | "decode" = kind {
        let mut parts = rest.rsplitn(3, ':');
        let mut number = || -> Result<usize> { Ok(parts.next().context("too short")?.parse()?) };
        let (batch, side) = (number()?, number()?);
        let folder = ModelFolder::Disk(PathBuf::from(parts.next().context("a folder")?));
        return match kind {
            "unet" => unet(&folder, method, side, batch),
            _ => decode(&folder, method, side, batch),
        };
    }
    let numbers: Vec<usize> = rest.split(':').map(str::parse).collect::<Result<_, _>>()?;
    Ok(match (kind, numbers.as_slice()) {
        ("conv", &[c_in, c_out, kernel, side]) => conv((c_in, c_out, kernel), side, false, method),
        ("upconv", &[channels, side]) => conv((channels, channels, 3), side, true, method),
        ("linear", &[tokens, width_in, width_out]) => {
            linear((tokens, width_in, width_out), false, method)
        }
        ("geglu", &[tokens, width_in, width_out]) => {
            linear((tokens, width_in, width_out), true, method)
        }
        ("attention", &[tokens, heads, width]) => self_attention((tokens, heads, width), method),
        ("norm", &[channels, side]) => norm(channels, side),
        ("draw", &[side, batch]) => draw(side, batch)?,
        _ => bail!("there is no case {name}"),
    })
}

/// The same numbers every time, in about -1..1.
fn values(n: usize) -> Vec<f32> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    std::iter::repeat_with(next).take(n).collect()
}

fn image(channels: usize, side: usize) -> (Shape, Vec<f32>) {
    let shape = Shape {
        batch: 1,
        channels,
        height: side,
        width: side,
    };
    (shape, values(shape.len()))
}

fn conv(
    (in_channels, out_channels, kernel): (usize, usize, usize),
    side: usize,
    upsample: bool,
    method: Method,
) -> Run {
    let shape = ConvShape {
        in_channels,
        out_channels,
        kernel,
        stride: 1,
        upsample,
        border: Border::Zero,
    };
    let n_weights = in_channels * out_channels * kernel * kernel;
    let conv = Conv2d::new(shape, method, &values(n_weights), &values(out_channels));
    let (sizes, x) = image(in_channels, side);
    Box::new(move || {
        let input = Input::plain(&x, sizes);
        black_box(conv.forward(&input, &Epilogue::default()));
        Ok(())
    })
}

fn linear(
    (tokens, width_in, width_out): (usize, usize, usize),
    gated: bool,
    method: Method,
) -> Run {
    let width = if gated { 2 * width_out } else { width_out };
    let (weight, bias) = (values(width * width_in), values(width));
    let linear = match gated {
        true => Linear::gated(method.isa(), (width_in, width_out), &weight, &bias),
        false => Linear::new(method.isa(), (width_in, width_out), &weight, &bias),
    };
    let x = values(tokens * width_in);
    Box::new(move || {
        black_box(linear.forward(&x, None, None));
        Ok(())
    })
}

fn self_attention((n_tokens, n_heads, head_width): (usize, usize, usize), method: Method) -> Run {
    let shape = AttentionShape {
        batch: 1,
        n_queries: n_tokens,
        n_keys: n_tokens,
        n_heads,
        head_width,
    };
    let x = values(n_tokens * n_heads * head_width);
    let scale = (head_width as f32).sqrt().recip();
    Box::new(move || {
        black_box(attention(method.isa(), shape, (&x, &x, &x), scale, false));
        Ok(())
    })
}

fn norm(channels: usize, side: usize) -> Run {
    let norm = GroupNorm {
        n_groups: 32,
        eps: 1e-5,
        weight: values(channels),
        bias: values(channels),
    };
    let (shape, x) = image(channels, side);
    Box::new(move || {
        let plain = Input::plain(&x, shape);
        let affine = norm.affine(&channel_sums(Isa::best(), &plain), shape.plane());
        let input = Input {
            affine: Some(&affine),
            activation: Activation::Silu,
            ..plain
        };
        black_box(normalize(Isa::best(), &input));
        Ok(())
    })
}

fn weights(folder: &ModelFolder, method: Method) -> Result<Weights> {
    let tensors = folder.tensors("", "diffusion_pytorch_model")?;
    Ok(Weights::new(tensors, &Device::Cpu, DType::F32).with_method(method))
}

fn latents(batch: usize, channels: usize, side: usize) -> Result<Tensor> {
    let shape = (batch, channels, side, side);
    Ok(Tensor::from_vec(
        values(batch * channels * side * side),
        shape,
        &Device::Cpu,
    )?)
}

fn unet(folder: &ModelFolder, method: Method, side: usize, batch: usize) -> Result<Run> {
    let config = UNetConfig::read(&folder.config("config.json")?)?;
    let x = latents(batch, config.in_channels, side)?;
    let width = config
        .cross_attention_dim
        .level(0)
        .context("a context width")?;
    let context = Tensor::from_vec(values(batch * 77 * width), (batch, 77, width), &Device::Cpu)?;
    let pooled = config
        .projection_class_embeddings_input_dim
        .zip(config.addition_time_embed_dim)
        .map(|(all, one)| {
            let width = all - 6 * one;
            Tensor::from_vec(values(batch * width), (batch, width), &Device::Cpu)
        });
    let conditioning = Conditioning {
        context,
        pooled: pooled.transpose()?,
        time_ids: [512.0, 512.0, 0.0, 0.0, 512.0, 512.0].repeat(batch),
        guidance: None,
    };
    let unet = UNet::load(&weights(folder, method)?, config)?;
    Ok(Box::new(move || {
        unet.forward(&x, &vec![999.0; batch], &conditioning)?;
        Ok(())
    }))
}

fn decode(folder: &ModelFolder, method: Method, side: usize, batch: usize) -> Result<Run> {
    let config = VaeConfig::read(&folder.config("config.json")?)?;
    let x = latents(batch, config.latent_channels(), side)?;
    let decoder = Decoder::load(&weights(folder, method)?, config)?;
    Ok(Box::new(move || {
        decoder.decode(&x)?;
        Ok(())
    }))
}

fn draw(side: usize, batch: usize) -> Result<Run> {
    let model = ModelSource::open("bundled")?;
    let defaults = ModelDefaults::of(&model)?;
    let size = Size::square(side as u32);
    let config = RenderConfig {
        draw_size: defaults.draw_size(size),
        n_steps: defaults.n_steps,
        ..RenderConfig::bundled(size)
    };
    let mut renderer = StableDiffusion::load(&model, &config, &Device::Cpu, DType::F32)?;
    let words = |text: &str| PromptText {
        text: text.to_owned(),
        negative: String::new(),
    };
    // Noise of its own for every frame of every run, as in a film.
    let mut n_drawn = 0;
    Ok(Box::new(move || {
        let frames: Vec<FrameInputs> = (0..batch)
            .map(|_| FrameInputs {
                prompt_from: words("a starry night sky"),
                prompt_to: words("ocean waves"),
                prompt_mix: 0.25,
                noise: NoiseMix {
                    terms: vec![(n_drawn / 24 + 1, 0.6), (n_drawn / 24 + 2, 0.8)],
                },
                guidance_scale: 1.0,
                camera: Default::default(),
            })
            .collect();
        n_drawn += batch as u64;
        renderer.render(&frames)?;
        Ok(())
    }))
}
