//! The decoder: latents become a picture. `AutoencoderKL`, the small and fast `AutoencoderTiny` (TAESD), or our own
//! `PatchAutoencoder`.

mod bands;
mod config;
mod kl;
mod patch;
pub mod taesd;
mod tiny;

use candle_core::{Result as TensorResult, Tensor};

pub use config::{AutoencoderKlConfig, AutoencoderTinyConfig};
pub use patch::PatchAutoencoderConfig;

use common::{Error, Result};

use self::kl::{KlDecoder, KlEncoder};
use self::patch::{PatchDecoder, PatchEncoder};
use self::tiny::TinyNet;
use super::layers::{Activation, Place};
use super::model::ConfigFile;
use super::weights::Weights;

/// Pictures, or batches of them, of at most this many pixels are decoded in one piece: 1024x1024.
const MAX_PIXELS: usize = 1024 * 1024;
/// Pixels of a band of a larger picture.
const BAND_PIXELS: usize = 256 * 1024;

/// Configuration of an autoencoder of any class.
#[derive(Clone, Debug)]
pub enum VaeConfig {
    /// `AutoencoderKL`.
    Kl(AutoencoderKlConfig),
    /// `AutoencoderTiny`.
    Tiny(AutoencoderTinyConfig),
    /// `PatchAutoencoder`, see `model/training/f16c16`.
    Patch(PatchAutoencoderConfig),
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
            Some("PatchAutoencoder") => PatchAutoencoderConfig::read(file).map(Self::Patch),
            Some(other) => Err(Error::weights(
                &file.path,
                format!("_class_name = {other} is not supported"),
            )
            .with_hint("AutoencoderKL, AutoencoderTiny and PatchAutoencoder can be used")),
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
            Self::Patch(config) => config.scale(),
        }
    }

    /// Channels of the latents.
    pub fn latent_channels(&self) -> usize {
        match self {
            Self::Kl(config) => config.latent_channels,
            Self::Tiny(config) => config.latent_channels,
            Self::Patch(config) => config.latent_channels,
        }
    }

    /// Whether the configuration says that half precision overflows; it is [`AutoencoderKlConfig`]'s default.
    pub fn force_upcast(&self) -> bool {
        match self {
            Self::Kl(config) => config.force_upcast,
            Self::Tiny(config) => config.force_upcast,
            Self::Patch(_) => false,
        }
    }
}

/// Turns latents into pictures.
#[derive(Debug)]
pub struct Decoder {
    config: VaeConfig,
    place: Place,
    net: DecoderNet,
}

#[derive(Debug)]
enum DecoderNet {
    Kl(Box<KlDecoder>),
    Tiny(TinyNet),
    Patch(Box<PatchDecoder>),
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
            VaeConfig::Patch(config) => DecoderNet::Patch(Box::new(PatchDecoder::load(w, config)?)),
        };
        Ok(Self {
            config,
            place: w.place().clone(),
            net,
        })
    }

    /// Decodes scaled latents, `[b, c, h, w]`, to pictures of nominally -1..=1, `[b, 3, h * scale, w * scale]`; not
    /// clamped. Large batches are decoded one by one and large pictures in bands, with the same result.
    ///
    /// # Errors
    /// When the device or the memory fails, or shapes don't fit.
    pub fn decode(&self, latents: &Tensor) -> Result<Tensor> {
        let failed = || Error::tensor("decoding the latents");
        let parts = self.decode_to(latents, |_, part| part.to_tensor().map_err(failed()))?;
        Tensor::cat(&parts, 0).map_err(failed())
    }

    /// As [`Decoder::decode`], but pictures are handed to `take` where they were computed: all of the batch at once, or one after
    /// another, with the number in the batch of the first of them.
    ///
    /// # Errors
    /// As [`Decoder::decode`], and those of `take`.
    pub fn decode_to<T>(
        &self,
        latents: &Tensor,
        mut take: impl FnMut(usize, Activation) -> Result<T>,
    ) -> Result<Vec<T>> {
        let failed = || Error::tensor("decoding the latents");
        let (batch, _, height, width) = latents.dims4().map_err(failed())?;
        let n_pixels = height * width * self.config.scale().pow(2);
        let at_once = match batch * n_pixels <= MAX_PIXELS {
            true => batch.max(1),
            false => 1,
        };
        let mut decode = |first: usize| {
            let latents = latents.narrow(0, first, at_once).map_err(failed())?;
            let pictures = match n_pixels <= MAX_PIXELS {
                true => self.decode_whole(&latents),
                false => self.decode_in_bands(&latents, BAND_PIXELS),
            };
            take(first, pictures.map_err(failed())?)
        };
        (0..batch).step_by(at_once).map(&mut decode).collect()
    }

    /// [`Decoder::decode`] in one piece, whatever the size.
    fn decode_whole(&self, latents: &Tensor) -> TensorResult<Activation> {
        let latents = self.place.bring(&self.unscaled(latents)?)?;
        self.pictures(match &self.net {
            DecoderNet::Kl(net) => net.forward(&latents)?,
            DecoderNet::Tiny(net) => net.forward(&latents)?,
            DecoderNet::Patch(net) => net.forward(&latents)?,
        })
    }

    /// [`Decoder::decode`] in bands of about this many pixels, whatever the size.
    fn decode_in_bands(&self, latents: &Tensor, band_pixels: usize) -> TensorResult<Activation> {
        let latents = self.place.bring(&self.unscaled(latents)?)?;
        self.pictures(match &self.net {
            DecoderNet::Kl(net) => net.forward_in_bands(&latents, band_pixels)?,
            DecoderNet::Tiny(net) => net.forward_in_bands(&latents, band_pixels)?,
            DecoderNet::Patch(net) => net.forward_in_bands(&latents, band_pixels)?,
        })
    }

    /// What the network made, nominally in -1..=1.
    fn pictures(&self, made: Activation) -> TensorResult<Activation> {
        match &self.net {
            DecoderNet::Tiny(_) => made.scaled(2.0, -1.0),
            DecoderNet::Kl(_) | DecoderNet::Patch(_) => Ok(made),
        }
    }

    /// The latents as the network takes them.
    fn unscaled(&self, latents: &Tensor) -> TensorResult<Tensor> {
        match &self.config {
            VaeConfig::Kl(config) => {
                let shift = config.shift_factor.unwrap_or(0.0);
                let (Some(mean), Some(std)) = (&config.latents_mean, &config.latents_std) else {
                    return latents.affine(1.0 / config.scaling_factor, shift);
                };
                let per_channel = |values: &[f64]| {
                    Tensor::new(values, latents.device())?
                        .to_dtype(latents.dtype())?
                        .reshape((1, (), 1, 1))
                };
                (latents / config.scaling_factor)?
                    .broadcast_mul(&per_channel(std)?)?
                    .broadcast_add(&per_channel(mean)?)?
                    + shift
            }
            VaeConfig::Tiny(config) => {
                let latents = (latents / config.scaling_factor)?;
                (latents / 3.0)?.tanh()? * 3.0
            }
            VaeConfig::Patch(_) => Ok(latents.clone()),
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
    Patch(Box<PatchEncoder>),
}

/// What an encoder says about a picture, before the scaling factor.
#[derive(Clone, Debug)]
pub struct LatentMoments {
    /// Mean of the latents, `[b, c, h, w]`; the only output but of `AutoencoderKL`.
    pub mean: Tensor,
    /// Log variance, clamped to -30..=20.
    pub log_variance: Option<Tensor>,
}

impl Encoder {
    /// Loads the encoder of an autoencoder's weights. It stays on the CPU: films need none.
    ///
    /// # Errors
    /// [`Error::Weights`] if a tensor is missing or doesn't fit.
    pub fn load(w: &Weights, config: &VaeConfig) -> Result<Self> {
        let w = &w.clone().without_gpu();
        let net = match config {
            VaeConfig::Kl(config) => EncoderNet::Kl(Box::new(KlEncoder::load(w, config)?)),
            VaeConfig::Tiny(config) => EncoderNet::Tiny(TinyNet::load_encoder(w, config)?),
            VaeConfig::Patch(config) => EncoderNet::Patch(Box::new(PatchEncoder::load(w, config)?)),
        };
        Ok(Self { net })
    }

    /// Encodes pictures in -1..=1, `[b, 3, h, w]`.
    ///
    /// # Errors
    /// When the device or the memory fails, or shapes don't fit.
    pub fn encode(&self, pictures: &Tensor) -> Result<LatentMoments> {
        let encode = || -> TensorResult<LatentMoments> {
            let (mean, log_variance) = match &self.net {
                EncoderNet::Kl(net) => {
                    let (mean, log_variance) = net.forward(&pictures.clone().into())?;
                    (mean, Some(log_variance))
                }
                EncoderNet::Tiny(net) => {
                    let pictures = pictures.affine(0.5, 0.5)?.into();
                    (net.forward(&pictures)?.to_tensor()?, None)
                }
                EncoderNet::Patch(net) => {
                    let latents = net.forward(&pictures.clone().into())?;
                    (latents.to_tensor()?, None)
                }
            };
            Ok(LatentMoments { mean, log_variance })
        };
        encode().map_err(Error::tensor("encoding pictures"))
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use candle_core::{DType, Device};
    use proptest::prelude::*;

    use super::*;
    use crate::model::ModelFolder;
    use crate::weights::PADDING_MODES;

    /// Decoder of a model of the small parity kit; those of `AutoencoderKL` with a border.
    fn decoder(folder: &str, padding_mode: &str) -> Decoder {
        let models = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/parity/kit/models");
        let folder = ModelFolder::Disk(models.join(folder));
        let mut config = VaeConfig::read(&folder.config("config.json").unwrap()).unwrap();
        if let VaeConfig::Kl(config) = &mut config {
            config.padding_mode = padding_mode.to_owned();
        }
        let tensors = folder.tensors("", "diffusion_pytorch_model").unwrap();
        Decoder::load(&Weights::new(tensors, &Device::Cpu, DType::F32), config).unwrap()
    }

    /// Largest and smallest value of each channel of what is drawn of latents that are the same everywhere, apart.
    fn unevenness(padding_mode: &str) -> f32 {
        let latents = Tensor::new(&[0.5f32, -1.0, 0.3, 0.8], &Device::Cpu).unwrap();
        let latents = latents.reshape((1, 4, 1, 1)).unwrap();
        let latents = latents.broadcast_as((1, 4, 7, 9)).unwrap().contiguous();
        let decoder = decoder("plain/vae", padding_mode);
        let picture = decoder.decode_whole(&latents.unwrap()).unwrap();
        let picture = picture.to_tensor().unwrap().flatten_from(2).unwrap();
        let (high, low) = (picture.max(2).unwrap(), picture.min(2).unwrap());
        let range = (high - low).unwrap().max_all().unwrap();
        range.to_scalar().unwrap()
    }

    /// Zeros around a picture show as a line along its edges, its own reflection doesn't.
    #[test]
    fn what_is_reflected_has_no_edges() {
        assert!(unevenness("reflect") < 1e-4);
        assert!(unevenness("zeros") > 1e-2);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// Far below 1/255: what remains is rounding.
        #[test]
        fn bands_make_the_same_picture(
            folder in proptest::sample::select(vec!["plain/vae", "xl/vae", "taesd"]),
            padding_mode in proptest::sample::select(PADDING_MODES.to_vec()),
            height in 1usize..60,
            width in 1usize..12,
            band_pixels in 1usize..1500,
            seed: u64,
        ) {
            let decoder = decoder(folder, padding_mode);
            let noise = crate::noise::gaussian(seed, 0, 4 * height * width);
            let noise: Vec<f32> = noise.into_iter().map(|x| x as f32).collect();
            let latents = Tensor::from_vec(noise, (1, 4, height, width), &Device::Cpu).unwrap();
            let whole = decoder.decode_whole(&latents).unwrap().to_tensor().unwrap();
            let banded = decoder.decode_in_bands(&latents, band_pixels).unwrap();
            let banded = banded.to_tensor().unwrap();
            prop_assert_eq!(whole.dims(), banded.dims());
            let range = whole.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
            let difference = (whole - banded).unwrap().abs().unwrap().max_all().unwrap();
            let difference = difference.to_scalar::<f32>().unwrap();
            prop_assert!(difference < 1e-4 * range.max(1.0), "{difference}");
        }
    }
}
