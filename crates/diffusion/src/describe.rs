//! What a model, a LoRA or an autoencoder is, from JSON files and headers alone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::Result;
use serde::Serialize;
use timeline::Size;

use super::checkpoint::Checkpoint;
use super::defaults::ModelDefaults;
use super::embedding::Embedding;
use super::family::Family;
use super::file_kind::FileKind;
use super::lora::Lora;
use super::memory::MemoryNeed;
use super::model::ModelFolder;
use super::part::Part;
use super::schedulers::SchedulerConfig;
use super::sizes::ModelSizes;
use super::source::{ModelSource, is_safetensors_name, is_tiny};
use super::unet::UNetConfig;
use super::vae::{Decoder, VaeConfig};
use super::vocabulary::Vocabulary;
use super::weights::{Located, SafetensorsFile, Weights};

/// What a name means.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Description {
    /// Something to draw with.
    Model(Box<ModelDescription>),
    /// A change of a model: the setting `lora`.
    Lora(LoraDescription),
    /// An autoencoder alone: the setting `vae`.
    Vae(VaeDescription),
    /// Textual inversion: the setting `embedding`.
    Embedding(EmbeddingDescription),
}

impl Description {
    /// Of something to draw with.
    pub fn model(model: ModelDescription) -> Self {
        Self::Model(Box::new(model))
    }
}

/// A model.
#[derive(Clone, Debug, Serialize)]
pub struct ModelDescription {
    /// The pipeline's class in diffusers.
    pub class: &'static str,
    /// What people call it.
    pub family: &'static str,
    /// What it is made of, in the order of use.
    pub parts: Vec<PartDescription>,
    /// Side of the square pictures that it was trained on, in pixels.
    pub native_side: u32,
    /// Width and height of a drawing are multiples of this, in pixels.
    pub size_multiple: u32,
    /// Class of the scheduler that it comes with.
    pub scheduler: String,
    /// Why that scheduler can't be run, if it can't: films need the setting `scheduler` then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduler_fault: Option<String>,
    /// What the network predicts: `epsilon`, `v_prediction` or `sample`.
    pub prediction_type: String,
    /// Denoising steps unless the setting `steps` says otherwise.
    pub n_steps: u32,
    /// Guidance scale unless the setting `guidance` says otherwise; 1 = none.
    pub guidance_scale: f64,
    /// Bytes of its weights in the files.
    pub n_bytes: u64,
    /// Memory that drawing needs.
    pub memory: MemoryNeed,
    /// The words that it was trained on, where its folder lists them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vocabulary: Option<Vocabulary>,
}

/// A part of a model.
#[derive(Clone, Debug, Serialize)]
pub struct PartDescription {
    /// Its folder's name.
    pub part: &'static str,
    /// Its class in diffusers or transformers, where the configuration tells.
    pub class: Option<String>,
    /// Parameters in the files; a decoder uses only some of an autoencoder's.
    pub n_parameters: u64,
    /// Parameters by element type, as the files store them.
    pub dtypes: BTreeMap<String, u64>,
    /// Bytes in the files.
    pub n_bytes: u64,
}

/// An embedding's file.
#[derive(Clone, Debug, Serialize)]
pub struct EmbeddingDescription {
    /// Vectors for each text model.
    pub n_vectors: BTreeMap<&'static str, usize>,
    /// Parameters by element type.
    pub dtypes: BTreeMap<String, u64>,
    /// Bytes of its tensors.
    pub n_bytes: u64,
}

/// A LoRA file.
#[derive(Clone, Debug, Serialize)]
pub struct LoraDescription {
    /// Its algorithms, such as `LoRA` or `LoHa`.
    pub algorithms: Vec<&'static str>,
    /// Words that it gives to the prompts.
    pub words: Vec<String>,
    /// Modules that it changes, by part.
    pub n_modules: BTreeMap<&'static str, usize>,
    /// Ranks of the changes.
    pub ranks: Vec<usize>,
    /// Parameters by element type.
    pub dtypes: BTreeMap<String, u64>,
    /// Bytes of its tensors.
    pub n_bytes: u64,
}

/// An autoencoder alone.
#[derive(Clone, Debug, Serialize)]
pub struct VaeDescription {
    /// `AutoencoderKL` or `AutoencoderTiny`.
    pub class: String,
    /// Pixels along one side of a latent, where the configuration tells.
    pub scale: Option<usize>,
    /// Parameters by element type.
    pub dtypes: BTreeMap<String, u64>,
    /// Bytes of its tensors.
    pub n_bytes: u64,
}

/// Describes a model that is to draw at `size`, else at its native one.
///
/// # Errors
/// [`Error::Weights`](common::Error::Weights) naming the file and the tensor or key that is missing, wrong or not supported.
pub fn describe_model(model: &ModelSource, size: Option<Size>) -> Result<ModelDescription> {
    let index = model.index()?;
    let family = Family::of(&index)?;
    let fault = SchedulerConfig::read(&model.scheduler()?, None).err();
    let model = &match fault {
        // Another one is run in its place.
        Some(_) => model.clone().with_scheduler("ddim".parse()?),
        None => model.clone(),
    };
    let defaults = ModelDefaults::of(model)?;
    let unet = UNetConfig::read(&model.config(Part::UNet)?)?;
    let sizes = ModelSizes::check(model)?;
    let size = size.unwrap_or(Size {
        width: defaults.native_side,
        height: defaults.native_side,
    });
    defaults.check_size("size", size)?;
    let parts = Part::ALL
        .into_iter()
        .filter(|part| model.has(*part))
        .map(|part| describe_part(model, part))
        .collect::<Result<Vec<_>>>()?;
    let scheduler = model.scheduler()?;
    let text =
        |value: Option<&serde_json::Value>| value.and_then(|v| v.as_str()).map(str::to_owned);
    Ok(ModelDescription {
        class: family.class_name(),
        family: family_name(family, &unet),
        native_side: defaults.native_side,
        size_multiple: defaults.size_multiple,
        scheduler: scheduler.class_name().unwrap_or_default().to_owned(),
        scheduler_fault: fault.map(|error| error.to_string()),
        prediction_type: text(scheduler.get("prediction_type"))
            .unwrap_or_else(|| "epsilon".to_owned()),
        n_steps: defaults.n_steps,
        guidance_scale: defaults.guidance_scale,
        n_bytes: parts.iter().map(|part| part.n_bytes).sum(),
        memory: MemoryNeed::of(model, &sizes, size)?,
        vocabulary: model.vocabulary()?,
        parts,
    })
}

/// Describes what is on disk at `path`: a folder with a model or an autoencoder, or a file with a checkpoint, an
/// autoencoder, a LoRA or an embedding.
///
/// # Errors
/// As [`describe_model`], and for anything else.
pub fn describe_path(path: &Path, size: Option<Size>) -> Result<Description> {
    if path.is_dir() {
        return match path.join("model_index.json").is_file() {
            true => {
                let model = ModelSource::new(ModelFolder::Disk(path.to_owned()));
                describe_model(&model, size).map(Description::model)
            }
            false => describe_vae_folder(path).map(Description::Vae),
        };
    }
    if !path.exists() && !is_safetensors_name(path) {
        ModelSource::open(&path.to_string_lossy())?; // says what names there are
    }
    describe_file(Arc::new(SafetensorsFile::open(path)?), size)
}

/// Describes a file that is open, perhaps by its header alone.
///
/// # Errors
/// As [`describe_path`].
pub fn describe_file(file: Arc<SafetensorsFile>, size: Option<Size>) -> Result<Description> {
    match FileKind::of(&file) {
        FileKind::Lora => {
            let lora = Lora::of_file(file, 1.0)?;
            describe_lora(&lora).map(Description::Lora)
        }
        FileKind::Vae => Ok(Description::Vae(describe_vae_file(&file))),
        FileKind::Embedding => {
            let embedding = Embedding::of_file("", Arc::clone(&file))?;
            let (dtypes, n_bytes) = count_file(&file);
            Ok(Description::Embedding(EmbeddingDescription {
                n_vectors: embedding
                    .parts()
                    .map(|part| (part.folder(), embedding.n_vectors(part)))
                    .collect(),
                dtypes,
                n_bytes,
            }))
        }
        // Whatever it is, the checkpoint's own words say what was expected.
        FileKind::Model | FileKind::Foreign(_) | FileKind::Unknown => {
            let model = ModelSource::of_checkpoint(Checkpoint::of_file(file)?);
            describe_model(&model, size).map(Description::model)
        }
    }
}

fn describe_part(model: &ModelSource, part: Part) -> Result<PartDescription> {
    let config = model.config(part)?;
    let architecture = || {
        let names = config.get("architectures")?.as_array()?;
        names.first()?.as_str()
    };
    let tensors = model.tensors(part)?;
    let (dtypes, n_bytes) = count(tensors.tensors.values());
    Ok(PartDescription {
        part: part.folder(),
        class: config.class_name().or_else(architecture).map(str::to_owned),
        n_parameters: dtypes.values().sum(),
        dtypes,
        n_bytes,
    })
}

fn describe_lora(lora: &Lora) -> Result<LoraDescription> {
    let (dtypes, n_bytes) = count_file(lora.file());
    let parts = lora.parts();
    Ok(LoraDescription {
        algorithms: lora.kinds().into_iter().collect(),
        words: lora
            .embeddings()
            .iter()
            .map(|word| word.name.clone())
            .collect(),
        n_modules: parts
            .into_iter()
            .map(|part| (part.folder(), lora.n_modules(part)))
            .collect(),
        ranks: lora.ranks().into_iter().collect(),
        dtypes,
        n_bytes,
    })
}

fn describe_vae_folder(path: &Path) -> Result<VaeDescription> {
    let inner: PathBuf = path.join("vae");
    let folder = ModelFolder::Disk(match inner.join("config.json").is_file() {
        true => inner,
        false => path.to_owned(),
    });
    let file = folder.config("config.json")?;
    let config = VaeConfig::read(&file)?;
    let tensors = folder.tensors("", Part::Vae.stem())?;
    let (dtypes, n_bytes) = count(tensors.tensors.values());
    Decoder::load(&Weights::check_only(tensors), config.clone())?;
    Ok(VaeDescription {
        class: file.class_name().unwrap_or("AutoencoderKL").to_owned(),
        scale: Some(config.scale()),
        dtypes,
        n_bytes,
    })
}

fn describe_vae_file(file: &SafetensorsFile) -> VaeDescription {
    let is_tiny = is_tiny(file);
    let (dtypes, n_bytes) = count_file(file);
    VaeDescription {
        class: match is_tiny {
            true => "AutoencoderTiny",
            false => "AutoencoderKL",
        }
        .to_owned(),
        scale: None,
        dtypes,
        n_bytes,
    }
}

/// Parameters by element type, and bytes in the files. A tensor that serves in several places counts once for each.
fn count<'t>(tensors: impl Iterator<Item = &'t Located>) -> (BTreeMap<String, u64>, u64) {
    let mut dtypes = BTreeMap::new();
    let mut n_bytes = 0;
    for tensor in tensors {
        let Some(entry) = tensor.entry().filter(|entry| entry.float_dtype().is_some()) else {
            continue;
        };
        let n_elements: usize = tensor.shape().iter().product();
        let share = n_elements as u64 * entry.n_bytes() / (entry.n_elements() as u64).max(1);
        *dtypes.entry(entry.dtype.clone()).or_default() += n_elements as u64;
        n_bytes += share;
    }
    (dtypes, n_bytes)
}

fn count_file(file: &SafetensorsFile) -> (BTreeMap<String, u64>, u64) {
    let mut dtypes = BTreeMap::new();
    let mut n_bytes = 0;
    for entry in file.entries().values() {
        *dtypes.entry(entry.dtype.clone()).or_default() += entry.n_elements() as u64;
        n_bytes += entry.n_bytes();
    }
    (dtypes, n_bytes)
}

/// Stable Diffusion 1 and 2 are one pipeline class; the width of their text embeddings tells them apart.
fn family_name(family: Family, unet: &UNetConfig) -> &'static str {
    match (family, unet.cross_attention_dim.level(0)) {
        (Family::StableDiffusionXl, _) => "Stable Diffusion XL",
        (Family::LatentConsistency, _) => "latent consistency model",
        (Family::StableDiffusion, Some(768)) => "Stable Diffusion 1",
        (Family::StableDiffusion, Some(1024)) => "Stable Diffusion 2",
        (Family::StableDiffusion, _) => "Stable Diffusion",
    }
}
