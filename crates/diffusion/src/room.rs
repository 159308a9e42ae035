//! Whether a model fits onto a GPU, told before it is tried.

use candle_core::DType;
use common::{Error, Result};
use gpu::{Bytes, Gpu};
use timeline::{RenderConfig, Size};

use crate::family::Family;
use crate::memory::{MAX_DECODED, N_DECODED, decoded_layer, denoised};
use crate::part::Part;
use crate::sizes::ModelSizes;
use crate::source::ModelSource;
use crate::unet::UNetConfig;
use crate::vae::VaeConfig;

/// How much wider the widest layer inside of a transformer is than its tokens.
const FEED_FORWARD: u64 = 4;
/// Share of a GPU's memory that is ours to take: screens and drivers have the rest.
const SHARE: f64 = 0.9;

/// What a GPU has room for.
#[derive(Clone, Copy, Debug)]
pub struct GpuRoom {
    /// Bytes of its memory, where its driver says so.
    pub memory_bytes: Option<u64>,
    /// Bytes that a layer may take.
    pub max_layer_bytes: u64,
    /// Whether it computes in half precision.
    pub has_f16: bool,
}

impl GpuRoom {
    /// That of a GPU.
    pub fn of(gpu: &Gpu) -> Self {
        Self {
            memory_bytes: gpu.memory_bytes(),
            max_layer_bytes: gpu.max_buffer_bytes(),
            has_f16: gpu.has_f16(),
        }
    }

    /// Refuses a model that doesn't fit, drawn as `config` says with weights in `dtype` and `n_batch` pictures at once.
    ///
    /// # Errors
    /// [`Error::Limit`] with what would fit; [`Error::Weights`] if a configuration is missing or malformed.
    pub fn check(
        &self,
        model: &ModelSource,
        config: &RenderConfig,
        dtype: DType,
        n_batch: usize,
    ) -> Result<()> {
        let drawing = Drawing {
            unet: UNetConfig::read(&model.config(Part::UNet)?)?,
            vae: VaeConfig::read(&model.config(Part::Vae)?)?,
            family: Family::of(&model.index()?)?,
            sizes: ModelSizes::check(model)?,
            size: config.draw_size,
            dtype,
            n_batch: n_batch.max(1) as u64,
        };
        let Some(fault) = self.fault(&drawing) else {
            return Ok(());
        };
        let fitting: Vec<String> = drawing
            .alternatives(self.has_f16)
            .into_iter()
            .filter(|(_, other)| self.fault(other).is_none())
            .map(|(name, _)| name)
            .collect();
        Err(Error::Limit {
            reason: fault,
            hint: Some(match fitting.is_empty() {
                true => "`device cpu` draws it in the computer's memory".to_owned(),
                false => format!("these would fit: {}", fitting.join("; ")),
            }),
        })
    }

    /// What is too large about a drawing, if anything is.
    fn fault(&self, drawing: &Drawing) -> Option<String> {
        let (all, layer) = (drawing.bytes(), drawing.layer_bytes());
        let what = match drawing.n_batch {
            1 => format!("a picture of {}", drawing.size),
            n => format!("{n} pictures of {} at once", drawing.size),
        };
        if layer > self.max_layer_bytes {
            let limit = Bytes(self.max_layer_bytes);
            return Some(format!(
                "{what} have a layer of {}, and the GPU's driver allows {limit}",
                Bytes(layer)
            ));
        }
        let memory = self.memory_bytes?;
        (all as f64 > SHARE * memory as f64).then(|| {
            format!(
                "{what} take about {} on the GPU, which has {}",
                Bytes(all),
                Bytes(memory)
            )
        })
    }
}

/// What is drawn at once, and how.
#[derive(Clone)]
struct Drawing {
    unet: UNetConfig,
    vae: VaeConfig,
    family: Family,
    sizes: ModelSizes,
    size: Size,
    dtype: DType,
    n_batch: u64,
}

impl Drawing {
    fn n_pixels(&self) -> u64 {
        u64::from(self.size.width) * u64::from(self.size.height)
    }

    /// Places that the denoiser sees at once: negative prompts, too.
    fn n_latents(&self) -> u64 {
        let scale = self.vae.scale() as u64;
        2 * self.n_batch * self.n_pixels() / (scale * scale).max(1)
    }

    /// Pixels that are decoded at once.
    fn n_decoded(&self) -> u64 {
        let all = self.n_batch.saturating_mul(self.n_pixels());
        all.min(MAX_DECODED).max(self.n_pixels())
    }

    /// Bytes of a number of the denoiser and of the decoder.
    fn number_bytes(&self) -> (u64, u64) {
        let is_f16 = self.dtype == DType::F16;
        let decoder = self.family.decoder_dtype(&self.vae, is_f16, self.dtype);
        let bytes = |dtype: DType| dtype.size_in_bytes() as u64;
        (bytes(self.dtype), bytes(decoder))
    }

    /// Weights, and what exists beside them at the highest moment.
    fn bytes(&self) -> u64 {
        let (unet, decoder) = self.number_bytes();
        let weights =
            unet * self.sizes.n_unet_parameters + decoder * self.sizes.n_decoder_parameters;
        let denoised = denoised(&self.unet, self.n_latents()).saturating_mul(unet);
        let decoded =
            decoded_layer(&self.vae, self.n_decoded()).saturating_mul(N_DECODED * decoder);
        weights.saturating_add(denoised.max(decoded))
    }

    /// The largest layer.
    fn layer_bytes(&self) -> u64 {
        let (unet, decoder) = self.number_bytes();
        let channels = self.unet.block_out_channels.first().copied();
        let tokens = (channels.unwrap_or_default() as u64).saturating_mul(self.n_latents());
        let decoded = decoded_layer(&self.vae, self.n_decoded()).saturating_mul(decoder);
        decoded.max(tokens.saturating_mul(FEED_FORWARD * unet))
    }

    /// The same drawn with less memory, by what people would set.
    fn alternatives(&self, has_f16: bool) -> Vec<(String, Self)> {
        let mut others = Vec::new();
        if self.n_batch > 1 {
            let n_batch = 1;
            others.push((
                "`batch` 1".to_owned(),
                Self {
                    n_batch,
                    ..self.clone()
                },
            ));
        }
        if has_f16 && self.dtype == DType::F32 {
            let dtype = DType::F16;
            others.push((
                "`dtype` f16".to_owned(),
                Self {
                    dtype,
                    ..self.clone()
                },
            ));
        }
        let multiple = self.vae.scale() as u32 * 8;
        for eighths in [6, 4, 2] {
            let shorter = |side: u32| (side * eighths / 8 / multiple).max(1) * multiple;
            let size = Size {
                width: shorter(self.size.width),
                height: shorter(self.size.height),
            };
            let other = Self {
                size,
                n_batch: 1,
                ..self.clone()
            };
            others.push((format!("`draw_size` {size} with `batch` 1"), other));
        }
        others
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(side: u32) -> RenderConfig {
        RenderConfig::bundled(Size::square(side))
    }

    #[test]
    fn what_does_not_fit_is_refused_with_what_would() {
        let model = ModelSource::open("bundled").unwrap();
        let check = |memory_bytes: u64, max_layer_bytes: u64, side, dtype| {
            let room = GpuRoom {
                memory_bytes: Some(memory_bytes),
                max_layer_bytes,
                has_f16: true,
            };
            room.check(&model, &config(side), dtype, 4)
        };
        let (card, none) = (16 << 30, 1 << 20);
        assert!(check(card, card, 512, DType::F32).is_ok());
        let error = check(card, 64 << 20, 2048, DType::F32).unwrap_err();
        assert!(matches!(error, Error::Limit { .. }), "{error}");
        assert!(error.to_string().contains("64 MiB"), "{error}");
        let hint = error.hint().unwrap();
        assert!(
            hint.contains("would fit") && hint.contains("draw_size"),
            "{hint}"
        );
        let error = check(none, card, 512, DType::F32).unwrap_err();
        assert!(error.to_string().contains("1 MiB"), "{error}");
        assert!(error.hint().unwrap().contains("device cpu"), "{error}");
    }
}
