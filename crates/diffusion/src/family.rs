//! The families of models, as `model_index.json` names them.

use candle_core::DType;
use common::{Error, Result};

use super::model::ConfigFile;
use super::vae::VaeConfig;

/// The families, by the pipeline class that `model_index.json` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// `StableDiffusionPipeline`: 1.x, 2.x, Turbo, and the bundled model.
    StableDiffusion,
    /// `StableDiffusionXLPipeline`.
    StableDiffusionXl,
    /// `LatentConsistencyModelPipeline`.
    LatentConsistency,
}

impl Family {
    /// The pipeline class that diffusers names it by.
    pub fn class_name(self) -> &'static str {
        match self {
            Self::StableDiffusion => "StableDiffusionPipeline",
            Self::StableDiffusionXl => "StableDiffusionXLPipeline",
            Self::LatentConsistency => "LatentConsistencyModelPipeline",
        }
    }

    /// The family of a model.
    ///
    /// # Errors
    /// [`Error::Weights`] naming a class that isn't supported.
    pub fn of(index: &ConfigFile) -> Result<Self> {
        match index.class_name() {
            Some("StableDiffusionPipeline") => Ok(Self::StableDiffusion),
            Some("StableDiffusionXLPipeline") => Ok(Self::StableDiffusionXl),
            Some("LatentConsistencyModelPipeline") => Ok(Self::LatentConsistency),
            Some(other) => Err(Error::weights(
                &index.path,
                format!("_class_name = {other} is not supported"),
            )
            .with_hint("use a Stable Diffusion 1, 2, XL, Turbo or latent consistency model")),
            None => Err(Error::weights(&index.path, "has no _class_name")),
        }
    }

    /// The element type of a decoder's weights where the denoiser's are in `dtype`: SDXL's autoencoder overflows where it is computed
    /// in f16, and diffusers' pipeline, too, widens it unless its configuration knows better.
    pub(crate) fn decoder_dtype(
        self,
        vae: &VaeConfig,
        computes_in_f16: bool,
        dtype: DType,
    ) -> DType {
        match self == Self::StableDiffusionXl && computes_in_f16 && vae.force_upcast() {
            true => DType::F32,
            false => dtype,
        }
    }
}
