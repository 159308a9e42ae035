//! How large a model's parts are, and whether they fit together.

use common::{Error, Result};

use super::model::ConfigFile;
use super::part::Part;
use super::source::ModelSource;
use super::text::{ClipConfig, ClipTextModel};
use super::unet::{UNet, UNetConfig};
use super::vae::{Decoder, VaeConfig};
use super::weights::Weights;

/// Number of parameters of a model's parts, as its networks need them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ModelSizes {
    /// Of the text models.
    pub n_text_parameters: u64,
    /// Of the denoiser.
    pub n_unet_parameters: u64,
    /// Of the decoder.
    pub n_decoder_parameters: u64,
    /// Of convolutions of the denoiser and the decoder that are kept transformed, too: see [`Method::Fast`](kernels::Method::Fast).
    pub n_winograd_parameters: u64,
}

impl ModelSizes {
    /// Checks that a model has every tensor that its configuration asks for, and counts them. Only headers are read.
    ///
    /// # Errors
    /// [`Error::Weights`] naming the tensor or key that is wrong.
    pub fn check(model: &ModelSource) -> Result<Self> {
        let weights = |part| Ok(Weights::check_only(model.tensors(part)?));
        let mut n_text_parameters = 0;
        let mut context_width = 0;
        for part in [Part::TextEncoder, Part::TextEncoder2] {
            if model.has(part) {
                let weights = weights(part)?;
                let config = ClipConfig::read(&model.config(part)?)?;
                context_width += config.hidden_size;
                ClipTextModel::load(&weights, config)?;
                n_text_parameters += weights.n_checked();
            }
        }
        let unet = weights(Part::UNet)?;
        let unet_file = model.config(Part::UNet)?;
        let unet_config = UNetConfig::read(&unet_file)?;
        let vae = weights(Part::Vae)?;
        let vae_config = VaeConfig::read(&model.config(Part::Vae)?)?;
        check_compatible(&unet_file, &unet_config, &vae_config, context_width)?;
        UNet::load(&unet, unet_config)?;
        Decoder::load(&vae, vae_config)?;
        Ok(Self {
            n_text_parameters,
            n_unet_parameters: unet.n_checked(),
            n_decoder_parameters: vae.n_checked(),
            n_winograd_parameters: unet.n_winograd() + vae.n_winograd(),
        })
    }
}

/// What one part gives, the next must take.
fn check_compatible(
    file: &ConfigFile,
    unet: &UNetConfig,
    vae: &VaeConfig,
    context_width: usize,
) -> Result<()> {
    let wrong = |reason: String| Err(Error::weights(&file.path, reason));
    let n_channels = vae.latent_channels();
    for (key, channels) in [
        ("in_channels", unet.in_channels),
        ("out_channels", unet.out_channels),
    ] {
        if channels != n_channels {
            return wrong(format!(
                "{key} = {channels} is not supported: the autoencoder has {n_channels} (inpainting and editing models have more)"
            ));
        }
    }
    let levels = (0..unet.n_levels()).filter_map(|idx| unet.cross_attention_dim.level(idx));
    match levels.into_iter().find(|width| *width != context_width) {
        Some(width) => wrong(format!(
            "cross_attention_dim = {width} doesn't fit the text models, whose width is {context_width}"
        )),
        None => Ok(()),
    }
}
