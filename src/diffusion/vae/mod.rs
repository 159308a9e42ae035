//! The decoder: latents become a picture. `AutoencoderKL`, or the small and fast `AutoencoderTiny` (TAESD).

mod config;
mod kl;
mod tiled;
mod tiny;

use candle_core::{Result as TensorResult, Tensor};

pub use config::{AutoencoderKlConfig, AutoencoderTinyConfig};

use self::kl::{KlDecoder, KlEncoder};
use self::tiny::TinyNet;
use super::model::ConfigFile;
use super::weights::Weights;
use crate::{Error, Result};

/// Configuration of an autoencoder of either class.
#[derive(Clone, Debug)]
pub enum VaeConfig {
    /// `AutoencoderKL`.
    Kl(AutoencoderKlConfig),
    /// `AutoencoderTiny`.
    Tiny(AutoencoderTinyConfig),
}

impl VaeConfig {
    /// Reads `vae/config.json`.
    ///
    /// # Errors
    /// [`Error::Weights`] naming the class or key that isn't supported.
    pub fn read(file: &ConfigFile) -> Result<Self> {
        match file.class_name() {
            Some("AutoencoderKL") | None => AutoencoderKlConfig::read(file).map(Self::Kl),
            Some("AutoencoderTiny") => AutoencoderTinyConfig::read(file).map(Self::Tiny),
            Some(other) => Err(Error::weights(
                &file.path,
                format!("_class_name = {other} is not supported"),
            )
            .with_hint("AutoencoderKL and AutoencoderTiny can be used")),
        }
    }

    /// Pixels of a decoded picture along one side of a latent.
    pub fn scale(&self) -> usize {
        match self {
            Self::Kl(config) => {
                let n_upsamplers = (config.block_out_channels.len() - 1).min(16);
                config.pixel_shuffle.saturating_mul(1 << n_upsamplers)
            }
            Self::Tiny(config) => {
                let n_upsamplers = config.num_decoder_blocks.len() - 1;
                config
                    .upsampling_scaling_factor
                    .saturating_pow(n_upsamplers.min(16) as u32)
            }
        }
    }

    /// Channels of the latents.
    pub fn latent_channels(&self) -> usize {
        match self {
            Self::Kl(config) => config.latent_channels,
            Self::Tiny(config) => config.latent_channels,
        }
    }
}

/// Turns latents into pictures.
#[derive(Debug)]
pub struct Decoder {
    config: VaeConfig,
    net: DecoderNet,
}

#[derive(Debug)]
enum DecoderNet {
    Kl(Box<KlDecoder>),
    Tiny(TinyNet),
}

impl Decoder {
    /// Loads the decoder of an autoencoder's weights.
    ///
    /// # Errors
    /// [`Error::Weights`] if a tensor is missing or doesn't fit.
    pub fn load(w: &Weights, config: VaeConfig) -> Result<Self> {
        let net = match &config {
            VaeConfig::Kl(config) => DecoderNet::Kl(Box::new(KlDecoder::load(w, config)?)),
            VaeConfig::Tiny(config) => DecoderNet::Tiny(TinyNet::load_decoder(w, config)?),
        };
        Ok(Self { config, net })
    }

    /// Decodes scaled latents, `[b, c, h, w]`, to pictures of nominally -1..=1, `[b, 3, h * scale, w * scale]`; not
    /// clamped. Large pictures are decoded in overlapping tiles.
    ///
    /// # Errors
    /// When the device or the memory fails, or shapes don't fit.
    pub fn decode(&self, latents: &Tensor) -> Result<Tensor> {
        tiled::decode(latents, self.config.scale(), |tile| {
            self.decode_untiled(tile)
        })
        .map_err(Error::tensor("decoding the latents"))
    }

    /// [`Decoder::decode`] in one piece, whatever the size.
    fn decode_untiled(&self, latents: &Tensor) -> TensorResult<Tensor> {
        match (&self.net, &self.config) {
            (DecoderNet::Kl(net), VaeConfig::Kl(config)) => {
                let shift = config.shift_factor.unwrap_or(0.0);
                net.forward(&latents.affine(1.0 / config.scaling_factor, shift)?)
            }
            (DecoderNet::Tiny(net), VaeConfig::Tiny(config)) => {
                let latents = (latents / config.scaling_factor)?;
                let latents = ((latents / 3.0)?.tanh()? * 3.0)?;
                net.forward(&latents)?.affine(2.0, -1.0)
            }
            _ => Err(candle_core::Error::msg("decoder and configuration differ")),
        }
    }
}

/// Turns pictures into latents.
#[derive(Debug)]
pub struct Encoder {
    net: EncoderNet,
}

#[derive(Debug)]
enum EncoderNet {
    Kl(Box<KlEncoder>),
    Tiny(TinyNet),
}

/// What an encoder says about a picture, before the scaling factor.
#[derive(Clone, Debug)]
pub struct LatentMoments {
    /// Mean of the latents, `[b, c, h, w]`; `AutoencoderTiny`'s only output.
    pub mean: Tensor,
    /// Log variance, clamped to -30..=20.
    pub log_variance: Option<Tensor>,
}

impl Encoder {
    /// Loads the encoder of an autoencoder's weights.
    ///
    /// # Errors
    /// [`Error::Weights`] if a tensor is missing or doesn't fit.
    pub fn load(w: &Weights, config: &VaeConfig) -> Result<Self> {
        let net = match config {
            VaeConfig::Kl(config) => EncoderNet::Kl(Box::new(KlEncoder::load(w, config)?)),
            VaeConfig::Tiny(config) => EncoderNet::Tiny(TinyNet::load_encoder(w, config)?),
        };
        Ok(Self { net })
    }

    /// Encodes pictures in -1..=1, `[b, 3, h, w]`.
    ///
    /// # Errors
    /// When the device or the memory fails, or shapes don't fit.
    pub fn encode(&self, pictures: &Tensor) -> Result<LatentMoments> {
        let encode = || match &self.net {
            EncoderNet::Kl(net) => {
                net.forward(pictures)
                    .map(|(mean, log_variance)| LatentMoments {
                        mean,
                        log_variance: Some(log_variance),
                    })
            }
            EncoderNet::Tiny(net) => Ok(LatentMoments {
                mean: net.forward(&pictures.affine(0.5, 0.5)?)?,
                log_variance: None,
            }),
        };
        encode().map_err(Error::tensor("encoding pictures"))
    }
}
