//! A latent diffusion model as a [`Renderer`]: prompts and noise in, frames out.

mod conditioning;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use candle_core::{DType, Tensor};
use common::{Error, Result};
use image::RgbImage;
use kernels::Method;
use rayon::prelude::*;
use serde_json::Value;
use timeline::{FrameInputs, Kernels, NoiseMix, PromptText, RenderConfig, Size};

use self::conditioning::{MAX_CACHED_PROMPTS, Pass};
use super::defaults::ModelDefaults;
use super::device::{Device, compute_dtype, explained};
use super::family::Family;
use super::not_finite::NotFinite;
use super::part::Part;
use super::sampler::{self, Guidance};
use super::schedulers::SchedulerConfig;
use super::sizes::ModelSizes;
use super::source::ModelSource;
use super::text::{HiddenState, PromptReader, TextEmbedding, TextEncoders};
use super::unet::{UNet, UNetConfig};
use super::vae::{Decoder, VaeConfig};
use super::weights::Weights;
use super::{Renderer, noise, postprocess};

/// Text encoders with more parameters than this are unloaded whenever they aren't needed.
const MAX_RESIDENT_TEXT_PARAMETERS: u64 = 50_000_000;

/// A latent diffusion model that draws frames: text encoders, denoiser and decoder of one folder.
pub struct StableDiffusion {
    model: ModelSource,
    prompts: PromptReader,
    text: Option<TextEncoders>,
    networks: Option<Networks>,
    /// Whether the text encoders stay in memory together with the denoiser.
    keep_text_encoders: bool,
    unet_config: UNetConfig,
    vae_config: VaeConfig,
    scheduler: SchedulerConfig,
    family: Family,
    zero_empty_negative: bool,
    clip_skip: usize,
    kernels: Method,
    n_steps: usize,
    draw_size: Size,
    film_size: Size,
    device: Device,
    dtype: DType,
    /// Embeddings by text and number of chunks, oldest first.
    cache: Vec<((String, usize), TextEmbedding)>,
}

/// What runs for every frame.
struct Networks {
    unet: UNet,
    decoder: Decoder,
}

impl StableDiffusion {
    /// Loads a model, to be run on `device` with weights in `dtype`, see [`compute_dtype`].
    ///
    /// Small models are read at once. Of large ones only the files' headers are checked here; the text encoders are
    /// loaded for the first prompts, and unloaded before the denoiser is loaded. With [`StableDiffusion::prepare`] that happens
    /// only once.
    ///
    /// # Errors
    /// [`Error::Weights`] if a file is missing, unsound or of a kind that isn't supported, [`Error::Config`] for settings
    /// that the model can't do.
    pub fn load(
        model: &ModelSource,
        config: &RenderConfig,
        device: impl Into<Device>,
        dtype: DType,
    ) -> Result<Self> {
        let index = model.index()?;
        let family = Family::of(&index)?;
        ModelDefaults::of(model)?.check_size("draw_size", config.draw_size)?;
        let choice = config
            .diffusion
            .scheduler
            .as_deref()
            .map(str::parse)
            .transpose()?;
        let scheduler = SchedulerConfig::read(&model.scheduler()?, choice)?;
        let n_steps = config.n_steps as usize;
        scheduler.start(n_steps)?;

        let vae_config = VaeConfig::read(&model.config(Part::Vae)?)?;
        let unet_config = UNetConfig::read(&model.config(Part::UNet)?)?;
        let sizes = ModelSizes::check(model)?;
        let mut loaded = Self {
            model: model.clone(),
            prompts: PromptReader::load(model)?,
            text: None,
            networks: None,
            keep_text_encoders: sizes.n_text_parameters <= MAX_RESIDENT_TEXT_PARAMETERS,
            unet_config,
            vae_config,
            scheduler,
            family,
            zero_empty_negative: family == Family::StableDiffusionXl
                && index
                    .get("force_zeros_for_empty_prompt")
                    .and_then(Value::as_bool)
                    != Some(false),
            clip_skip: config.diffusion.clip_skip as usize,
            kernels: method(config.diffusion.kernels),
            n_steps,
            draw_size: config.draw_size,
            film_size: config.size,
            device: device.into(),
            dtype,
            cache: Vec::new(),
        };
        if loaded.keep_text_encoders {
            loaded.text()?;
            loaded.load_networks()?;
        }
        Ok(loaded)
    }

    /// Draws at the sizes and with the steps of another configuration from now on. The weights stay: the rest of the
    /// configuration must be the one that was loaded.
    ///
    /// # Errors
    /// [`Error::Config`] for a size or a number of steps that the model can't do; the old ones stay then.
    pub fn set_sizes(&mut self, config: &RenderConfig) -> Result<()> {
        ModelDefaults::of(&self.model)?.check_size("draw_size", config.draw_size)?;
        let n_steps = config.n_steps as usize;
        self.scheduler.start(n_steps)?;
        self.n_steps = n_steps;
        self.draw_size = config.draw_size;
        self.film_size = config.size;
        Ok(())
    }

    /// Encodes prompts ahead of time, as many as are kept.
    ///
    /// # Errors
    /// When a prompt can't be encoded, or the device or the memory fails.
    pub fn prepare(&mut self, prompts: &[PromptText]) -> Result<()> {
        for prompt in prompts.iter().take(MAX_CACHED_PROMPTS / 2) {
            for text in [&prompt.text, &prompt.negative] {
                let n_chunks = self.prompts.n_chunks(text)?;
                self.embedding(text, n_chunks, false)?;
            }
        }
        self.unload_text_encoders();
        Ok(())
    }

    /// The text encoders, loaded if they aren't yet.
    fn text(&mut self) -> Result<&TextEncoders> {
        if self.text.is_none() {
            let hidden_state = match self.family {
                Family::StableDiffusionXl => HiddenState::Penultimate {
                    clip_skip: self.clip_skip,
                },
                _ => HiddenState::Last {
                    clip_skip: self.clip_skip,
                },
            };
            self.text = Some(TextEncoders::load(
                &self.model,
                hidden_state,
                self.device.tensors(),
                self.dtype,
            )?);
        }
        self.text.as_ref().ok_or_else(unloaded)
    }

    fn unload_text_encoders(&mut self) {
        if !self.keep_text_encoders {
            self.text = None;
        }
    }

    /// Loads the denoiser and the decoder if they aren't loaded yet.
    fn load_networks(&mut self) -> Result<()> {
        if self.networks.is_none() {
            let weights = |part, dtype| -> Result<Weights> {
                let tensors = self.model.tensors(part)?;
                let weights = Weights::new(tensors, self.device.tensors(), dtype);
                let weights = weights.with_method(self.kernels);
                Ok(match self.device.gpu() {
                    Some(gpu) => weights.with_gpu(gpu),
                    None => weights,
                })
            };
            let unet = weights(Part::UNet, self.dtype)?;
            let vae = weights(Part::Vae, self.decoder_dtype())?;
            self.networks = Some(Networks {
                unet: UNet::load(&unet, self.unet_config.clone()).map_err(explained)?,
                decoder: Decoder::load(&vae, self.vae_config.clone()).map_err(explained)?,
            });
        }
        Ok(())
    }

    fn decoder_dtype(&self) -> DType {
        let computes_in_f16 = self.device.computes_in_f16(self.dtype);
        self.family
            .decoder_dtype(&self.vae_config, computes_in_f16, self.dtype)
    }

    /// Frames that are drawn together, of `n_frames` that could be.
    ///
    /// On the CPU each thread takes its share: a small network's layers are too short to be divided without loss. A GPU
    /// wants them all at once.
    fn frames_of_a_job(&self, n_frames: usize) -> usize {
        match self.device.is_cpu() {
            true => n_frames.div_ceil(rayon::current_num_threads()).max(1),
            false => n_frames.max(1),
        }
    }

    fn networks(&self) -> Result<&Networks> {
        self.networks.as_ref().ok_or_else(unloaded)
    }

    /// Latents of frames that share a pass, `[b, c, h / scale, w / scale]`. Networks must be loaded.
    fn latents(&self, frames: &[&FrameInputs], guidance: &Guidance) -> Result<Tensor> {
        let scale = self.vae_config.scale();
        let shape = (
            self.vae_config.latent_channels(),
            self.draw_size.height as usize / scale,
            self.draw_size.width as usize / scale,
        );
        let mixes: Vec<&NoiseMix> = frames.iter().map(|frame| &frame.noise).collect();
        let noise = |stream| noise::batch(&mixes, stream, shape, self.device.tensors(), DType::F32);
        let mut scheduler = self.scheduler.start(self.n_steps)?;
        sampler::sample(
            &self.networks()?.unet,
            scheduler.as_mut(),
            &noise(0)?,
            guidance,
            &mut |call_idx| noise(call_idx as u64 + 1),
            &mut |_| {},
        )
    }

    /// Frames of the decoded latents: of `size`, or as large as they are drawn.
    fn decoded(&self, latents: &Tensor, size: Option<Size>) -> Result<Vec<RgbImage>> {
        let failed = || Error::tensor("decoding the latents");
        let latents = latents
            .to_dtype(compute_dtype(self.device.tensors(), self.decoder_dtype()))
            .map_err(failed())?;
        let parts = self
            .networks()?
            .decoder
            .decode_to(&latents, |first, pictures| {
                let (height, width) = pictures.size().map_err(failed())?;
                let drawn = Size {
                    width: width as u32,
                    height: height as u32,
                };
                postprocess::frames(&pictures, size.unwrap_or(drawn), first)
            })?;
        Ok(parts.into_iter().flatten().collect())
    }

    /// Draws frames pass by pass and job by job, and puts the pictures back in order.
    fn draw(
        &mut self,
        frames: &[FrameInputs],
        pictures: impl Fn(&Self, &[&FrameInputs], &Guidance) -> Result<Vec<RgbImage>> + Sync,
    ) -> Result<Vec<RgbImage>> {
        let mut passes: BTreeMap<Pass, Vec<usize>> = BTreeMap::new();
        for (idx, frame) in frames.iter().enumerate() {
            passes.entry(self.pass(frame)?).or_default().push(idx);
        }
        let mut jobs = Vec::new();
        for (pass, indices) in passes {
            for indices in indices.chunks(self.frames_of_a_job(indices.len())) {
                let frames: Vec<&FrameInputs> =
                    indices.iter().filter_map(|idx| frames.get(*idx)).collect();
                let guidance = self.guidance(&frames, pass)?;
                jobs.push((indices.to_vec(), frames, guidance));
            }
        }
        self.unload_text_encoders();
        self.load_networks()?;
        let renderer = &*self;
        let drawn: Vec<Vec<(usize, RgbImage)>> = jobs
            .into_par_iter()
            .map(|(indices, frames, guidance)| {
                let pictures = pictures(renderer, &frames, &guidance)
                    .map_err(|error| NotFinite::named(explained(error), &indices, &frames))?;
                Ok(indices.into_iter().zip(pictures).collect())
            })
            .collect::<Result<_>>()?;
        let mut drawn: Vec<(usize, RgbImage)> = drawn.into_iter().flatten().collect();
        drawn.sort_by_key(|(idx, _)| *idx);
        Ok(drawn.into_iter().map(|(_, frame)| frame).collect())
    }

    /// The family that the model belongs to.
    pub fn family(&self) -> Family {
        self.family
    }
}

impl Renderer for StableDiffusion {
    fn render(&mut self, frames: &[FrameInputs]) -> Result<Vec<RgbImage>> {
        self.draw(frames, |renderer, batch, guidance| {
            let latents = renderer.latents(batch, guidance)?;
            renderer.decoded(&latents, Some(renderer.film_size))
        })
    }

    fn probe(&mut self, frames: &[FrameInputs]) -> Result<Vec<RgbImage>> {
        self.draw(frames, |renderer, batch, guidance| {
            let latents = renderer.latents(batch, guidance)?;
            renderer.decoded(&latents, None)
        })
    }
}

/// The kernels' name for a setting.
fn method(kernels: Kernels) -> Method {
    match kernels {
        Kernels::Exact => Method::Exact,
        Kernels::Fast => Method::Fast,
    }
}

fn unloaded() -> Error {
    Error::internal("a network was used before it was loaded")
}
