//! Draws one frame: `cargo run --release --example draw -- MODEL_FOLDER "a prompt" out.png`.

use candle_core::{DType, Device};
use visualize::config::{RenderConfig, Size};
use visualize::diffusion::{ModelDefaults, ModelFolder, ModelSource, Renderer, StableDiffusion};
use visualize::mapping::{FrameInputs, NoiseMix, PromptText};

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let usage = || anyhow::anyhow!("usage: draw MODEL_FOLDER PROMPT OUT.png [STEPS]");
    let folder = args.next().ok_or_else(usage)?;
    let prompt = PromptText {
        text: args.next().ok_or_else(usage)?,
        negative: String::new(),
    };
    let out = args.next().ok_or_else(usage)?;

    let model = ModelSource::new(ModelFolder::Disk(folder.clone().into()));
    let defaults = ModelDefaults::of(&model)?;
    let size = Size {
        width: 512,
        height: 512,
    };
    let config = RenderConfig {
        model: folder,
        weights_sha256: model.sha256()?,
        size,
        draw_size: defaults.draw_size(size),
        n_steps: args.next().map_or(Ok(defaults.n_steps), |n| n.parse())?,
        diffusion: Default::default(),
    };
    let frame = FrameInputs {
        prompt_from: prompt.clone(),
        prompt_to: prompt,
        prompt_mix: 0.0,
        noise: NoiseMix {
            terms: vec![(1, 1.0)],
        },
        guidance_scale: defaults.guidance_scale,
        camera: Default::default(),
    };
    let mut renderer = StableDiffusion::load(&model, &config, &Device::Cpu, DType::F32)?;
    for frame in renderer.render(&[frame])? {
        frame.save(&out)?;
    }
    Ok(())
}
