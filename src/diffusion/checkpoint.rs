//! Single-file checkpoints: all parts of a model in one safetensors file, in the names of the original code.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::ldm::{NameTable, open_clip_to_transformers};
use super::source::Part;
use super::unet::UNetConfig;
use super::vae::VaeConfig;
use super::weights::{Layout, Located, SafetensorsFile, TensorMap};
use crate::{Error, Result};

/// A checkpoint file.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    file: Arc<SafetensorsFile>,
    /// What the file holds.
    pub kind: CheckpointKind,
}

/// The families that come as single files, known by their tensors' names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckpointKind {
    /// Stable Diffusion 1: CLIP.
    StableDiffusion1,
    /// Stable Diffusion 2: OpenCLIP.
    StableDiffusion2,
    /// SDXL: both.
    StableDiffusionXl,
}

impl CheckpointKind {
    /// Where the text model of a part lies, and whether it is OpenCLIP's.
    fn text_prefix(self, part: Part) -> Option<(&'static str, bool)> {
        match (self, part) {
            (Self::StableDiffusion1, Part::TextEncoder) => {
                Some(("cond_stage_model.transformer.", false))
            }
            (Self::StableDiffusion2, Part::TextEncoder) => Some(("cond_stage_model.model.", true)),
            (Self::StableDiffusionXl, Part::TextEncoder) => {
                Some(("conditioner.embedders.0.transformer.", false))
            }
            (Self::StableDiffusionXl, Part::TextEncoder2) => {
                Some(("conditioner.embedders.1.model.", true))
            }
            _ => None,
        }
    }
}

impl Checkpoint {
    /// Opens a file and finds out its family.
    ///
    /// # Errors
    /// [`Error::Weights`] if it isn't sound, or of a family that isn't supported.
    pub fn open(path: &Path) -> Result<Self> {
        let file = Arc::new(SafetensorsFile::open(path)?);
        let has = |prefix: &str| file.entries().keys().any(|name| name.starts_with(prefix));
        let kinds = [
            (
                "conditioner.embedders.1.model.",
                CheckpointKind::StableDiffusionXl,
            ),
            ("cond_stage_model.model.", CheckpointKind::StableDiffusion2),
            (
                "cond_stage_model.transformer.",
                CheckpointKind::StableDiffusion1,
            ),
        ];
        match kinds.iter().find(|(prefix, _)| has(prefix)) {
            Some((_, kind)) => Ok(Self { kind: *kind, file }),
            None => Err(Error::weights(path, "is not a Stable Diffusion 1, 2 or XL checkpoint (no tensor of their text encoders)")
                .with_hint("a LoRA is given with --lora, an autoencoder with --vae")),
        }
    }

    /// The file.
    pub fn file(&self) -> &SafetensorsFile {
        &self.file
    }

    /// The UNet's tensors by diffusers' names.
    pub fn unet(&self, config: &UNetConfig) -> TensorMap {
        let table = NameTable::unet(config);
        self.renamed("model.diffusion_model.", |name| {
            table
                .to_diffusers(name)
                .map(|name| (name, Layout::AsStored))
                .into_iter()
                .collect()
        })
    }

    /// The autoencoder's tensors by diffusers' names.
    ///
    /// # Errors
    /// [`Error::Weights`] if the configuration isn't an `AutoencoderKL`'s.
    pub fn vae(&self, config: &VaeConfig) -> Result<TensorMap> {
        vae_tensors(&self.file, "first_stage_model.", config)
    }

    /// A text model's tensors by transformers' names.
    ///
    /// # Errors
    /// [`Error::Weights`] if files of this family don't have the part.
    pub fn text(&self, part: Part) -> Result<TensorMap> {
        let (prefix, is_open_clip) = self
            .kind
            .text_prefix(part)
            .ok_or_else(|| Error::weights(&self.file.path, format!("has no {}", part.folder())))?;
        Ok(self.renamed(prefix, |name| match is_open_clip {
            true => open_clip_to_transformers(name),
            false => vec![(name.to_owned(), Layout::AsStored)],
        }))
    }

    fn renamed(&self, prefix: &str, names: impl Fn(&str) -> Vec<(String, Layout)>) -> TensorMap {
        renamed(&self.file, prefix, names)
    }
}

/// The tensors of an autoencoder in the original names, which begin with `prefix`.
///
/// # Errors
/// [`Error::Weights`] if the configuration isn't an `AutoencoderKL`'s.
pub fn vae_tensors(
    file: &Arc<SafetensorsFile>,
    prefix: &str,
    config: &VaeConfig,
) -> Result<TensorMap> {
    let VaeConfig::Kl(config) = config else {
        return Err(Error::weights(
            &file.path,
            "a single file can hold an AutoencoderKL only",
        ));
    };
    let table = NameTable::vae(config.block_out_channels.len(), config.layers_per_block);
    Ok(renamed(file, prefix, |name| {
        table
            .to_diffusers(name)
            .map(|name| (name, Layout::AsStored))
            .into_iter()
            .collect()
    }))
}

/// Tensors below `prefix` by other names; those without one are unused.
fn renamed(
    file: &Arc<SafetensorsFile>,
    prefix: &str,
    names: impl Fn(&str) -> Vec<(String, Layout)>,
) -> TensorMap {
    let mut tensors = BTreeMap::new();
    for stored in file.entries().keys() {
        let Some(name) = stored.strip_prefix(prefix) else {
            continue;
        };
        for (name, layout) in names(name) {
            tensors.insert(
                name,
                Located {
                    layout,
                    ..Located::as_stored(file, stored)
                },
            );
        }
    }
    TensorMap {
        label: file.path.clone(),
        tensors,
        deltas: BTreeMap::new(),
    }
}
