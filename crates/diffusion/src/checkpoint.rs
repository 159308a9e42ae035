//! Single-file checkpoints: all parts of a model in one safetensors file, in the names of the original code.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use common::{Error, Result};
use serde_json::{Map, Value};

use super::file_kind::FileKind;
use super::ldm::{NameTable, open_clip_to_transformers};
use super::part::Part;
use super::unet::UNetConfig;
use super::vae::VaeConfig;
use super::weights::{Layout, Located, SafetensorsFile, TensorMap};

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

/// A text model inside a checkpoint.
#[derive(Clone, Copy)]
struct TextModel {
    prefix: &'static str,
    is_open_clip: bool,
}

/// Where the original code keeps the UNet, and where the autoencoder.
const UNET_PREFIX: &str = "model.diffusion_model.";
const VAE_PREFIX: &str = "first_stage_model.";
/// Where Stable Diffusion 2 keeps its text model: in the first code's files, and in those of SDXL's code (SD-Turbo).
const OPEN_CLIP_PREFIXES: [&str; 2] = ["cond_stage_model.model.", "conditioner.embedders.0.model."];

/// Training step of `512-base-ema`, the Stable Diffusion 2 that predicts noise; diffusers knows it by that, too.
const STEP_OF_SD2_BASE: f32 = 875_000.0;

impl Checkpoint {
    /// Opens a file and finds out its family.
    ///
    /// # Errors
    /// [`Error::Weights`] if it isn't sound, or of a family that isn't supported.
    pub fn open(path: &Path) -> Result<Self> {
        Self::of_file(Arc::new(SafetensorsFile::open(path)?))
    }

    /// The same of a file that is open.
    ///
    /// # Errors
    /// As [`Checkpoint::open`].
    pub fn of_file(file: Arc<SafetensorsFile>) -> Result<Self> {
        let kind = kind_of(&file)?;
        Ok(Self { file, kind })
    }

    fn has(&self, prefix: &str) -> bool {
        has(&self.file, prefix)
    }

    /// Where the text model of a part lies.
    fn text_model(&self, part: Part) -> Option<TextModel> {
        let clip = |prefix| TextModel {
            prefix,
            is_open_clip: false,
        };
        let open_clip = |prefix| TextModel {
            prefix,
            is_open_clip: true,
        };
        match (self.kind, part) {
            (CheckpointKind::StableDiffusion1, Part::TextEncoder) => {
                Some(clip("cond_stage_model.transformer."))
            }
            (CheckpointKind::StableDiffusion2, Part::TextEncoder) => OPEN_CLIP_PREFIXES
                .into_iter()
                .find(|prefix| self.has(prefix))
                .map(open_clip),
            (CheckpointKind::StableDiffusionXl, Part::TextEncoder) => {
                Some(clip("conditioner.embedders.0.transformer."))
            }
            (CheckpointKind::StableDiffusionXl, Part::TextEncoder2) => {
                Some(open_clip("conditioner.embedders.1.model."))
            }
            _ => None,
        }
    }

    /// What the file says of its scheduler, as keys of `scheduler_config.json` that replace the family's.
    ///
    /// Files hold no configuration, so what the network predicts is told by, in this order: a tensor `v_pred` (and `ztsnr`
    /// for a schedule that ends in pure noise), which tools for SDXL set; `modelspec.prediction_type` in the header; of
    /// Stable Diffusion 2, the training step (875,000: noise) and the layout (that of SDXL's code: SD-Turbo, noise). Without
    /// any of these, Stable Diffusion 2 predicts velocity, as diffusers assumes, and the others noise.
    ///
    /// # Errors
    /// [`Error::Weights`] if the header names a prediction that isn't known.
    pub fn scheduler_keys(&self) -> Result<Map<String, Value>> {
        let mut keys = Map::new();
        let is_turbo =
            self.kind == CheckpointKind::StableDiffusion2 && self.has(OPEN_CLIP_PREFIXES[1]);
        if is_turbo {
            keys.insert("_class_name".into(), "EulerDiscreteScheduler".into());
            keys.insert("timestep_spacing".into(), "trailing".into());
        }
        if let Some(prediction) = self.prediction(is_turbo)? {
            keys.insert("prediction_type".into(), prediction.into());
        }
        if self.file.entries().contains_key("ztsnr") {
            keys.insert("rescale_betas_zero_snr".into(), true.into());
            keys.insert("timestep_spacing".into(), "trailing".into());
        }
        Ok(keys)
    }

    fn prediction(&self, is_turbo: bool) -> Result<Option<&'static str>> {
        if self.file.entries().contains_key("v_pred") {
            return Ok(Some("v_prediction"));
        }
        match self
            .file
            .metadata()
            .get("modelspec.prediction_type")
            .map(String::as_str)
        {
            Some("epsilon") => return Ok(Some("epsilon")),
            Some("v" | "v_prediction") => return Ok(Some("v_prediction")),
            Some(other) => {
                let reason = format!("modelspec.prediction_type = {other} is not supported");
                return Err(Error::weights(&self.file.path, reason));
            }
            None => {}
        }
        let is_base = self.global_step()? == Some(STEP_OF_SD2_BASE);
        let is_sd2 = self.kind == CheckpointKind::StableDiffusion2;
        Ok((is_sd2 && (is_turbo || is_base)).then_some("epsilon"))
    }

    /// Number of training steps, where the file has it.
    fn global_step(&self) -> Result<Option<f32>> {
        let Some(entry) = self.file.entries().get("global_step") else {
            return Ok(None);
        };
        match entry.dtype.as_str() {
            "I64" | "I32" => Ok(self
                .file
                .read_integer("global_step")
                .map(|step| step as f32)),
            _ => Ok(self.file.read_f32("global_step")?.first().copied()),
        }
    }

    /// What the file says of its UNet, as keys of `unet/config.json` that replace the family's: the Stable Diffusion 2
    /// that predicts noise was trained on 512 pixels.
    ///
    /// # Errors
    /// As [`Checkpoint::scheduler_keys`].
    pub fn unet_keys(&self) -> Result<Map<String, Value>> {
        let is_sd2 = self.kind == CheckpointKind::StableDiffusion2;
        let scheduler = self.scheduler_keys()?;
        let is_small = is_sd2 && scheduler.get("prediction_type") == Some(&"epsilon".into());
        let keys = is_small.then(|| ("sample_size".to_owned(), 64.into()));
        Ok(keys.into_iter().collect())
    }

    /// The file.
    pub fn file(&self) -> &SafetensorsFile {
        &self.file
    }

    /// The UNet's tensors by diffusers' names.
    pub fn unet(&self, config: &UNetConfig) -> TensorMap {
        let table = NameTable::unet(config);
        self.renamed(UNET_PREFIX, |name| {
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
    /// [`Error::Weights`] if the file has none, or the configuration isn't an `AutoencoderKL`'s.
    pub fn vae(&self, config: &VaeConfig) -> Result<TensorMap> {
        if !self.has(VAE_PREFIX) {
            return Err(Error::weights(&self.file.path, "holds no autoencoder")
                .with_hint("give one with `vae`, such as a .safetensors file of the family's own or TAESD's"));
        }
        vae_tensors(&self.file, VAE_PREFIX, config)
    }

    /// A text model's tensors by transformers' names.
    ///
    /// # Errors
    /// [`Error::Weights`] if files of this family don't have the part.
    pub fn text(&self, part: Part) -> Result<TensorMap> {
        let model = self
            .text_model(part)
            .filter(|model| self.has(model.prefix))
            .ok_or_else(|| Error::weights(&self.file.path, format!("has no {}", part.folder())))?;
        Ok(self.renamed(model.prefix, |name| match model.is_open_clip {
            true => open_clip_to_transformers(name),
            false => vec![(clip_to_transformers(name), Layout::AsStored)],
        }))
    }

    fn renamed(&self, prefix: &str, names: impl Fn(&str) -> Vec<(String, Layout)>) -> TensorMap {
        renamed(&self.file, prefix, names)
    }
}

fn has(file: &SafetensorsFile, prefix: &str) -> bool {
    let mut from = file.entries().range(prefix.to_owned()..);
    from.next()
        .is_some_and(|(name, _)| name.starts_with(prefix))
}

/// The family of a file, by its tensors.
fn kind_of(file: &SafetensorsFile) -> Result<CheckpointKind> {
    let has = |prefix: &str| has(file, prefix);
    let refuse = |reason: &str| Err(Error::weights(&file.path, reason));
    FileKind::of(file).expect(FileKind::Model, &file.path)?;
    let pixels = file
        .entries()
        .get("model.diffusion_model.input_blocks.0.0.weight");
    match pixels.and_then(|entry| entry.shape.get(1)) {
        Some(9) => {
            return refuse(
                "is an inpainting checkpoint, which changes a given picture (its UNet takes 9 channels)",
            );
        }
        Some(8) => {
            return refuse(
                "is an editing checkpoint, which changes a given picture (its UNet takes 8 channels)",
            );
        }
        _ => {}
    }
    if has("edm_mean") {
        return refuse("is a checkpoint of Playground 2.5, whose EDM schedule is not supported");
    }
    if has("conditioner.embedders.1.model.") {
        return Ok(CheckpointKind::StableDiffusionXl);
    }
    if has("conditioner.embedders.0.model.") && has("model.diffusion_model.label_emb.") {
        return Err(Error::weights(
            &file.path,
            "is SDXL's refiner, which only finishes another model's pictures",
        )
        .with_hint("give the base model"));
    }
    if OPEN_CLIP_PREFIXES.into_iter().any(has) {
        return Ok(CheckpointKind::StableDiffusion2);
    }
    if has("cond_stage_model.transformer.") {
        return Ok(CheckpointKind::StableDiffusion1);
    }
    if has(UNET_PREFIX) {
        return Err(
            Error::weights(&file.path, "holds a UNet, but no text encoder")
                .with_hint("give the complete checkpoint, or the model's folder"),
        );
    }
    if has("down_blocks.") {
        return Err(Error::weights(&file.path, "is one part of a model folder")
            .with_hint("give the folder that model_index.json is in"));
    }
    Err(Error::weights(
        &file.path,
        "is not a Stable Diffusion 1, 2 or XL checkpoint (no tensor of their text encoders)",
    )
    .with_hint("a LoRA is given with `lora`, an autoencoder with `vae`"))
}

/// The name in transformers of a tensor of CLIP, whose first level old files leave out.
fn clip_to_transformers(name: &str) -> String {
    match name.starts_with("text_model.") || name.starts_with("text_projection.") {
        true => name.to_owned(),
        false => format!("text_model.{name}"),
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

#[cfg(test)]
mod tests;
