//! A model with everything that the user put on top of it: the place where names become tensors.

use sha2::{Digest, Sha256};

use super::model::{ConfigFile, ModelFolder};
use super::weights::TensorMap;
use crate::{Error, Result};

/// Where the parts of a model come from.
#[derive(Clone, Debug)]
pub struct ModelSource {
    /// Configuration and tokenizers, and the weights too unless they are replaced.
    pub folder: ModelFolder,
}

/// A part of a pipeline, by its folder's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// `text_encoder`.
    TextEncoder,
    /// `text_encoder_2`, SDXL only.
    TextEncoder2,
    /// `unet`.
    UNet,
    /// `vae`.
    Vae,
}

impl Part {
    /// The folder's name.
    pub fn folder(self) -> &'static str {
        match self {
            Self::TextEncoder => "text_encoder",
            Self::TextEncoder2 => "text_encoder_2",
            Self::UNet => "unet",
            Self::Vae => "vae",
        }
    }

    /// How the names of its weight files begin.
    fn stem(self) -> &'static str {
        match self {
            Self::TextEncoder | Self::TextEncoder2 => "model",
            Self::UNet | Self::Vae => "diffusion_pytorch_model",
        }
    }
}

impl ModelSource {
    /// A model folder as it is.
    pub fn new(folder: ModelFolder) -> Self {
        Self { folder }
    }

    /// `model_index.json`.
    ///
    /// # Errors
    /// [`Error::Weights`] if the folder has none.
    pub fn index(&self) -> Result<ConfigFile> {
        self.folder.config("model_index.json")
    }

    /// A part's `config.json`.
    ///
    /// # Errors
    /// [`Error::Weights`] if it is missing or malformed.
    pub fn config(&self, part: Part) -> Result<ConfigFile> {
        self.folder
            .config(&format!("{}/config.json", part.folder()))
    }

    /// Whether the model has this part.
    pub fn has(&self, part: Part) -> bool {
        self.folder.has(&format!("{}/config.json", part.folder()))
    }

    /// A part's tensors.
    ///
    /// # Errors
    /// [`Error::Weights`] if the files are missing or unsound.
    pub fn tensors(&self, part: Part) -> Result<TensorMap> {
        self.folder.tensors(part.folder(), part.stem())
    }

    /// SHA-256, in lowercase hex, over every file that decides on the pictures.
    ///
    /// # Errors
    /// [`Error::Io`] if a file can't be read.
    pub fn sha256(&self) -> Result<String> {
        let mut parts = vec!["scheduler", "tokenizer", "text_encoder", "unet", "vae"];
        if self.has(Part::TextEncoder2) {
            parts.extend(["tokenizer_2", "text_encoder_2"]);
        }
        let mut hash = Sha256::new();
        let mut names = self.folder.files_of(&parts)?;
        names.insert(0, "model_index.json".to_owned());
        self.folder.add_to_hash(&names, &mut hash)?;
        Ok(hash
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect())
    }
}

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
}
