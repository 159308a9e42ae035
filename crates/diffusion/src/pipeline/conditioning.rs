//! Prompts of frames become what the denoiser is conditioned on.

use candle_core::Tensor;
use common::{Error, Result};
use timeline::{FrameInputs, PromptText};

use super::StableDiffusion;
use crate::device::compute_dtype;
use crate::interpolate::lerp;
use crate::sampler::Guidance;
use crate::text::TextEmbedding;
use crate::unet::{Conditioning, guidance_embedding};

/// Prompts whose embeddings are kept; SDXL's take 0.6 MB each.
pub(super) const MAX_CACHED_PROMPTS: usize = 256;

/// What frames of one pass have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pass {
    /// Chunks of the longest prompt.
    n_chunks: usize,
    /// Whether the network runs on the negative prompts, too.
    guided: bool,
}

/// Which text of a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Positive,
    Negative,
}

impl Side {
    fn of(self, prompt: &PromptText) -> &str {
        match self {
            Self::Positive => &prompt.text,
            Self::Negative => &prompt.negative,
        }
    }
}

impl StableDiffusion {
    /// The embeddings and guidance scales of frames that share a pass.
    pub(super) fn guidance(&mut self, frames: &[&FrameInputs], pass: Pass) -> Result<Guidance> {
        let mut cond = self.conditioning(frames, pass.n_chunks, Side::Positive)?;
        if let Some(width) = self.unet_config.time_cond_proj_dim {
            let scales: Vec<f64> = frames.iter().map(|frame| frame.guidance_scale).collect();
            let embedding = guidance_embedding(&scales, width, self.device.tensors())
                .and_then(|embedding| {
                    embedding.to_dtype(compute_dtype(self.device.tensors(), self.dtype))
                })
                .map_err(Error::tensor("embedding the guidance scale"))?;
            cond.guidance = Some(embedding);
        }
        let uncond = match pass.guided {
            true => {
                let uncond = self.conditioning(frames, pass.n_chunks, Side::Negative)?;
                Some((
                    uncond,
                    frames.iter().map(|frame| frame.guidance_scale).collect(),
                ))
            }
            false => None,
        };
        Ok(Guidance { cond, uncond })
    }

    /// Each frame's embedding, interpolated between its two prompts.
    fn conditioning(
        &mut self,
        frames: &[&FrameInputs],
        n_chunks: usize,
        side: Side,
    ) -> Result<Conditioning> {
        let failed = || Error::tensor("mixing the prompts");
        let is_negative = side == Side::Negative;
        let mut contexts = Vec::with_capacity(frames.len());
        let mut pooled = Vec::new();
        for frame in frames {
            let from = self.embedding(side.of(&frame.prompt_from), n_chunks, is_negative)?;
            let to = self.embedding(side.of(&frame.prompt_to), n_chunks, is_negative)?;
            let t = frame.prompt_mix;
            contexts.push(lerp(&from.context, &to.context, t).map_err(failed())?);
            if let (Some(from), Some(to)) = (&from.pooled, &to.pooled) {
                pooled.push(lerp(from, to, t).map_err(failed())?);
            }
        }
        let has_pooled = self.unet_config.addition_embed_type.is_some();
        Ok(Conditioning {
            context: Tensor::cat(&contexts, 0).map_err(failed())?,
            pooled: has_pooled
                .then(|| Tensor::cat(&pooled, 0))
                .transpose()
                .map_err(failed())?,
            time_ids: self.time_ids().repeat(frames.len()),
            guidance: None,
        })
    }

    /// SDXL's size conditioning: an uncropped original of the size that is drawn.
    fn time_ids(&self) -> [f64; 6] {
        let (height, width) = (
            f64::from(self.draw_size.height),
            f64::from(self.draw_size.width),
        );
        [height, width, 0.0, 0.0, height, width]
    }

    /// The embedding of a text, from the cache if it is there.
    pub(super) fn embedding(
        &mut self,
        text: &str,
        n_chunks: usize,
        is_negative: bool,
    ) -> Result<TextEmbedding> {
        let zeroed = is_negative && text.is_empty() && self.zero_empty_negative;
        let key = (text.to_owned(), n_chunks);
        let cached = self.cache.iter().find(|(known, _)| *known == key);
        let embedding = match cached {
            Some((_, embedding)) => embedding.clone(),
            None => {
                let embedding = self.text()?.embed(text, n_chunks)?;
                if self.cache.len() >= MAX_CACHED_PROMPTS {
                    self.cache.remove(0);
                }
                self.cache.push((key, embedding.clone()));
                embedding
            }
        };
        if !zeroed {
            return Ok(embedding);
        }
        let zeros = |x: &Tensor| {
            x.zeros_like()
                .map_err(Error::tensor("encoding the prompts"))
        };
        Ok(TextEmbedding {
            context: zeros(&embedding.context)?,
            pooled: embedding.pooled.as_ref().map(zeros).transpose()?,
        })
    }

    /// How a frame has to be run. Only frames of the same kind share a pass, so that a frame's neighbours in the batch
    /// don't change its pixels.
    pub(super) fn pass(&self, frame: &FrameInputs) -> Result<Pass> {
        let guided = frame.guidance_scale > 1.0 && self.unet_config.time_cond_proj_dim.is_none();
        let prompts = [&frame.prompt_from, &frame.prompt_to];
        let mut n_chunks = 1;
        for prompt in prompts {
            n_chunks = n_chunks.max(self.prompts.n_chunks(&prompt.text)?);
            if guided {
                n_chunks = n_chunks.max(self.prompts.n_chunks(&prompt.negative)?);
            }
        }
        Ok(Pass { n_chunks, guided })
    }
}
