//! Where the time of a frame goes: `cargo run --release --example frame_times -- [MODEL] [WIDTHxHEIGHT] [BATCH]`.

use std::time::Instant;

use candle_core::{DType, Device};
use visualize::diffusion::sampler::{Guidance, sample};
use visualize::diffusion::schedulers::SchedulerConfig;
use visualize::diffusion::text::{HiddenState, TextEncoders};
use visualize::diffusion::unet::{Conditioning, UNet, UNetConfig};
use visualize::diffusion::vae::{Decoder, VaeConfig};
use visualize::diffusion::weights::Weights;
use visualize::diffusion::{ModelDefaults, ModelSource, Part, Renderer, StableDiffusion, noise};
use visualize::timeline::{FrameInputs, NoiseMix, PromptText, RenderConfig, Size};

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let name = args.first().map_or("bundled", String::as_str);
    let model = ModelSource::open(name)?;
    let defaults = ModelDefaults::of(&model)?;
    let side = defaults.native_side;
    let native = Size {
        width: side,
        height: side,
    };
    let draw_size = args.get(1).map_or(Ok(native), |size| size.parse())?;
    let batch: usize = args.get(2).map_or(Ok(1), |n| n.parse())?;
    let (cpu, f32) = (Device::Cpu, DType::F32);
    let weights = |part| anyhow::Ok(Weights::new(model.tensors(part)?, &cpu, f32));

    let text = TextEncoders::load(&model, HiddenState::Last { clip_skip: 0 }, &cpu, f32)?;
    let unet = UNet::load(
        &weights(Part::UNet)?,
        UNetConfig::read(&model.config(Part::UNet)?)?,
    )?;
    let vae = VaeConfig::read(&model.config(Part::Vae)?)?;
    let (channels, scale) = (vae.latent_channels(), vae.scale());
    let decoder = Decoder::load(&weights(Part::Vae)?, vae)?;
    let prompt = PromptText {
        text: "a sunset over the sea".to_owned(),
        negative: String::new(),
    };
    let mix = NoiseMix {
        terms: (1..5).map(|seed| (seed, 0.5)).collect(),
    };
    let shape = (
        channels,
        draw_size.height as usize / scale,
        draw_size.width as usize / scale,
    );

    println!("{name}, {draw_size}, batch {batch}; milliseconds a frame, best of 5");
    for n_steps in [1, 4] {
        let scheduler = SchedulerConfig::read(&model.scheduler()?, None)?;
        let mut best = [f64::INFINITY; 5];
        let mut note = |slot: usize, begin: Instant, per: usize| {
            best[slot] = best[slot].min(begin.elapsed().as_secs_f64() * 1e3 / per as f64);
        };
        let config = RenderConfig {
            model: name.to_owned(),
            weights_sha256: String::new(),
            size: Size {
                width: 512,
                height: 512,
            },
            draw_size,
            n_steps: n_steps as u32,
            diffusion: Default::default(),
        };
        let frame = FrameInputs {
            prompt_from: prompt.clone(),
            prompt_to: prompt.clone(),
            prompt_mix: 0.5,
            noise: mix.clone(),
            guidance_scale: 1.0,
            camera: Default::default(),
        };
        let mut renderer = StableDiffusion::load(&model, &config, &cpu, f32)?;
        for _ in 0..5 {
            let begin = Instant::now();
            let embedding = text.embed(&prompt.text, 1)?;
            note(0, begin, 1);
            let begin = Instant::now();
            let noise = noise::batch(&vec![&mix; batch], 0, shape, &cpu, f32)?;
            note(1, begin, batch);
            let context = embedding.context.repeat((batch, 1, 1))?;
            let cond = Conditioning {
                context,
                pooled: None,
                time_ids: Vec::new(),
                guidance: None,
            };
            let guidance = Guidance { cond, uncond: None };
            let mut run = scheduler.start(n_steps)?;
            let begin = Instant::now();
            let fresh = &mut |_| Ok(noise.clone());
            let latents = sample(&unet, run.as_mut(), &noise, &guidance, fresh, &mut |_| {})?;
            note(2, begin, batch);
            let begin = Instant::now();
            decoder.decode(&latents)?;
            note(3, begin, batch);
            let begin = Instant::now();
            renderer.render(&vec![frame.clone(); batch])?;
            note(4, begin, batch);
        }
        let [text, noise, denoise, decode, whole] = best;
        let rest = whole - noise - denoise - decode;
        println!(
            "{n_steps} steps: text {text:.1} (once a prompt), noise {noise:.2}, denoise {denoise:.1}, decode {decode:.1}, \
             resample to 512x512 and rest {rest:.1}; whole {whole:.1}"
        );
    }
    Ok(())
}
