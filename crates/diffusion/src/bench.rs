//! How long operations and networks take on a device.

use std::time::{Duration, Instant};

use candle_core::{DType, Result as TensorResult, Tensor};
use common::{Error, Result};
use kernels::Method;
use serde::Serialize;
use timeline::Size;

use super::device::{Device, compute_dtype, explained};
use super::family::Family;
use super::layers::{
    Activation, Conv2d, Fusion, GroupNorm, Heads, Linear, UpsampleConv, attention, to_tokens,
};
use super::noise::gaussian;
use super::part::Part;
use super::source::ModelSource;
use super::unet::{Conditioning, UNet, UNetConfig};
use super::vae::{Decoder, VaeConfig};
use super::weights::Weights;

/// Each thing is run again for this long, or this often, after a run that doesn't count.
const LONG_ENOUGH: (Duration, usize) = (Duration::from_millis(500), 20);
/// Tokens of a prompt.
const PROMPT_TOKENS: usize = 77;

/// How long something took at best.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Timing {
    /// What was run.
    pub name: String,
    /// Milliseconds.
    pub ms: f64,
}

/// Times the operations that most of a large network's time goes into, with sizes as Stable Diffusion has them for a drawing of
/// `side` pixels squared, and weights in `dtype`.
///
/// # Errors
/// When the device or the memory fails.
pub fn time_operations(device: &Device, dtype: DType, side: usize) -> Result<Vec<Timing>> {
    let run = || operations(device, dtype, (side / 8).max(8));
    run().map_err(explained)
}

fn operations(device: &Device, dtype: DType, side: usize) -> Result<Vec<Timing>> {
    let failed = || Error::tensor("timing operations");
    let w = placed(Weights::of_noise(device.tensors(), dtype), device);
    let bring = |channels: usize, side: usize| {
        let x = noise(&[1, channels, side, side], device, dtype)?;
        w.place().bring(&x)
    };
    let mut timings = Vec::new();
    let mut time = |name: String, run: &dyn Fn() -> TensorResult<Activation>| {
        let ms = milliseconds(device, &|| run().map(drop)).map_err(failed())?;
        timings.push(Timing { name, ms });
        Ok::<(), Error>(())
    };

    let quarter = (side / 4).max(1);
    for (channels, side) in [(320, side), (1280, quarter)] {
        let x = bring(channels, side).map_err(failed())?;
        let norm = GroupNorm::load(w.at("norm"), channels, 32, 1e-5)?;
        let conv = Conv2d::load(w.at("conv"), channels, channels, 3)?;
        let fusion = Fusion {
            norm: Some(&norm),
            residual: Some(&x),
            ..Fusion::default()
        };
        time(
            format!("normalisation, 3x3 convolution and sum, {channels} channels, {side}x{side}"),
            &|| conv.forward_fused((&x).into(), fusion),
        )?;
    }
    let x = bring(320, side).map_err(failed())?;
    let conv = Conv2d::load(w.at("conv"), 320, 320, 1)?;
    time(
        format!("1x1 convolution, 320 channels, {side}x{side}"),
        &|| conv.forward(&x),
    )?;
    let norm = GroupNorm::load(w.at("norm"), 320, 32, 1e-5)?;
    time(
        format!("group normalisation, 320 channels, {side}x{side}"),
        &|| norm.forward_silu(&x),
    )?;
    let tokens = to_tokens(&x).map_err(failed())?;
    let n_tokens = side * side;
    let linear = Linear::load_gated(w.at("linear"), 320, 1280)?;
    time(
        format!("gated linear layer, 320 to 1280, {n_tokens} tokens"),
        &|| linear.forward(&tokens),
    )?;
    let heads = Heads {
        count: 5,
        causal: false,
        method: w.method(),
    };
    time(
        format!("attention, 5 heads of 64, {n_tokens} tokens"),
        &|| attention(&tokens, &tokens, &tokens, heads),
    )?;
    let x = bring(128, 4 * side).map_err(failed())?;
    let conv = UpsampleConv::load(w.at("conv"), 128)?;
    let doubled = 8 * side;
    time(
        format!("3x3 convolution of a doubled picture, 128 channels, {doubled}x{doubled}"),
        &|| conv.forward(&x, doubled, doubled),
    )?;
    Ok(timings)
}

/// Times a model's networks for `n_batch` drawings of `size` at once: milliseconds a picture.
///
/// # Errors
/// [`Error::Weights`] for an unsound model; when the device or the memory fails.
pub fn time_networks(
    model: &ModelSource,
    device: &Device,
    dtype: DType,
    size: Size,
    n_batch: usize,
) -> Result<Vec<Timing>> {
    let run = || networks(model, device, dtype, size, n_batch.max(1));
    run().map_err(explained)
}

fn networks(
    model: &ModelSource,
    device: &Device,
    dtype: DType,
    size: Size,
    n_batch: usize,
) -> Result<Vec<Timing>> {
    let failed = || Error::tensor("timing networks");
    let weights = |part, dtype| -> Result<Weights> {
        let weights = Weights::new(model.tensors(part)?, device.tensors(), dtype);
        Ok(placed(weights, device))
    };
    let config = UNetConfig::read(&model.config(Part::UNet)?)?;
    let vae = VaeConfig::read(&model.config(Part::Vae)?)?;
    let scale = vae.scale().max(1);
    let (height, width) = (size.height as usize / scale, size.width as usize / scale);
    let shape = [n_batch, vae.latent_channels(), height, width];
    let latents = noise(&shape, device, dtype).map_err(failed())?;
    let context_width = config.cross_attention_dim.level(0).unwrap_or_default();
    let rows = |width: usize| noise(&[n_batch, width], device, dtype).map_err(failed());
    let size_widths = config.addition_time_embed_dim.unwrap_or_default() * 6;
    let pooled_width = config.projection_class_embeddings_input_dim;
    let conditioning = Conditioning {
        context: noise(&[n_batch, PROMPT_TOKENS, context_width], device, dtype).map_err(failed())?,
        pooled: match (&config.addition_embed_type, pooled_width) {
            (Some(_), Some(width)) => Some(rows(width.saturating_sub(size_widths))?),
            _ => None,
        },
        time_ids: [512.0, 512.0, 0.0, 0.0, 512.0, 512.0].repeat(n_batch),
        guidance: config.time_cond_proj_dim.map(rows).transpose()?,
    };
    let unet = UNet::load(&weights(Part::UNet, dtype)?, config)?;
    let family = Family::of(&model.index()?)?;
    let dtype_of_decoder = family.decoder_dtype(&vae, device.computes_in_f16(dtype), dtype);
    let decoder = Decoder::load(&weights(Part::Vae, dtype_of_decoder)?, vae)?;
    let times = vec![999.0; n_batch];
    let timed = |name: &str, run: &dyn Fn() -> Result<Tensor>| {
        run()?; // what fails says why
        let ms = milliseconds(device, &|| {
            run().map(drop).map_err(candle_core::Error::wrap)
        });
        Ok(Timing {
            name: format!("{name}, {size}, {n_batch} at once, a picture"),
            ms: ms.map_err(failed())? / n_batch as f64,
        })
    };
    Ok(vec![
        timed("denoiser", &|| {
            unet.forward(&latents, &times, &conditioning)
        })?,
        timed("decoder", &|| decoder.decode(&latents))?,
    ])
}

fn placed(weights: Weights, device: &Device) -> Weights {
    let weights = weights.with_method(Method::Fast);
    match device.gpu() {
        Some(gpu) => weights.with_gpu(gpu),
        None => weights,
    }
}

fn noise(shape: &[usize], device: &Device, dtype: DType) -> TensorResult<Tensor> {
    let values = gaussian(1, 0, shape.iter().product());
    let values: Vec<f32> = values.into_iter().map(|x| x as f32).collect();
    Tensor::from_vec(values, shape, device.tensors())?
        .to_dtype(compute_dtype(device.tensors(), dtype))
}

/// The shortest of several runs.
fn milliseconds(device: &Device, run: &dyn Fn() -> TensorResult<()>) -> TensorResult<f64> {
    let finished = || {
        run()?;
        match device {
            Device::Gpu(gpu) => gpu.finish().map_err(super::layers::failed),
            Device::Tensors(device) => device.synchronize(),
        }
    };
    finished()?;
    let begun = Instant::now();
    let mut best = f64::INFINITY;
    for _ in 0..LONG_ENOUGH.1 {
        let started = Instant::now();
        finished()?;
        best = best.min(started.elapsed().as_secs_f64() * 1e3);
        if begun.elapsed() > LONG_ENOUGH.0 {
            break;
        }
    }
    Ok(best)
}
