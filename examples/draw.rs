//! Draws one frame: `cargo run --release --example draw -- MODEL_FOLDER "a prompt" out.png`.

use candle_core::{DType, Device};
use visualize::diffusion::{
    DigestCache, ModelDefaults, ModelFolder, ModelSource, Renderer, StableDiffusion,
};
use visualize::timeline::{FrameInputs, NoiseMix, PromptText, RenderConfig, Size};

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let usage = || {
        anyhow::anyhow!("usage: draw MODEL_FOLDER PROMPT OUT.png [STEPS [WIDTHxHEIGHT [GUIDANCE]]]")
    };
    let folder = args.next().ok_or_else(usage)?;
    let prompt = PromptText {
        text: args.next().ok_or_else(usage)?,
        negative: String::new(),
    };
    let out = args.next().ok_or_else(usage)?;

    let model = ModelSource::new(ModelFolder::Disk(folder.clone().into()));
    let defaults = ModelDefaults::of(&model)?;
    let n_steps = args.next();
    let default_size = Size {
        width: 512,
        height: 512,
    };
    // A given size is drawn as it is, another at the size that suits the model.
    let (size, draw_size) = match args.next() {
        Some(size) => (size.parse()?, size.parse()?),
        None => (default_size, defaults.draw_size(default_size)),
    };
    let config = RenderConfig {
        model: folder,
        weights_sha256: model.sha256(&DigestCache::default())?,
        size,
        draw_size,
        n_steps: n_steps.map_or(Ok(defaults.n_steps), |n| n.parse())?,
        diffusion: Default::default(),
    };
    let frame = FrameInputs {
        prompt_from: prompt.clone(),
        prompt_to: prompt,
        prompt_mix: 0.0,
        noise: NoiseMix {
            terms: vec![(1, 1.0)],
        },
        guidance_scale: args
            .next()
            .map_or(Ok(defaults.guidance_scale), |scale| scale.parse())?,
        camera: Default::default(),
    };
    let mut renderer = StableDiffusion::load(&model, &config, &Device::Cpu, DType::F32)?;
    for frame in renderer.render(&[frame])? {
        frame.save(&out)?;
    }
    Ok(())
}
