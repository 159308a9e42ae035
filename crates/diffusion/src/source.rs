//! A model with everything that the user put on top of it: the place where names become tensors.

mod digest;

use std::path::Path;
use std::sync::Arc;

use common::{Error, Result};
use timeline::DiffusionConfig;

use super::bundled::{BUNDLED, BUNDLED_NAME};
use super::checkpoint::{Checkpoint, vae_tensors};
use super::embedding::Embedding;
use super::families;
use super::file_kind::FileKind;
use super::ldm::NameTable;
use super::lora::Lora;
use super::model::{ConfigFile, ModelFolder};
use super::part::Part;
use super::schedulers::{Choice, SchedulerConfig};
use super::text::ClipConfig;
use super::unet::UNetConfig;
use super::vae::{VaeConfig, taesd};
use super::vocabulary::Vocabulary;
use super::weights::{SafetensorsFile, TensorMap};

/// Where the parts of a model come from.
#[derive(Clone, Debug)]
pub struct ModelSource {
    /// Configuration and tokenizers, and the weights too unless they are replaced.
    pub folder: ModelFolder,
    name: Option<String>,
    checkpoint: Option<Checkpoint>,
    vae: Option<VaeSource>,
    loras: Vec<Lora>,
    embeddings: Vec<Embedding>,
    /// The algorithm that takes the place of the model's own.
    choice: Option<Choice>,
}

/// An autoencoder that replaces the model's own.
#[derive(Clone, Debug)]
enum VaeSource {
    /// A folder with `config.json` and weights.
    Folder(ModelFolder),
    /// A file, whose configuration is the model's own or, for TAESD, the usual one.
    File(Arc<SafetensorsFile>),
}

impl ModelSource {
    /// A model folder as it is.
    pub fn new(folder: ModelFolder) -> Self {
        Self {
            folder,
            name: None,
            checkpoint: None,
            vae: None,
            loras: Vec::new(),
            embeddings: Vec::new(),
            choice: None,
        }
    }

    /// The same model under the name by which it can be opened again.
    #[must_use]
    pub fn with_name(self, name: String) -> Self {
        Self {
            name: Some(name),
            ..self
        }
    }

    /// The name by which the model can be opened again, where one was given: of a model of the hub, that of its commit.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// A single-file checkpoint. Such a file holds neither configuration nor tokenizer: they come from `folder`, whose
    /// weights aren't used.
    ///
    /// # Errors
    /// [`Error::Weights`] if the file isn't sound or of a family that isn't supported.
    pub fn checkpoint(path: &Path, folder: ModelFolder) -> Result<Self> {
        Ok(Self {
            checkpoint: Some(Checkpoint::open(path)?),
            ..Self::new(folder)
        })
    }

    /// The same model with a LoRA on top of it.
    ///
    /// # Errors
    /// [`Error::Weights`] if the file isn't a sound LoRA or changes a part that the model doesn't have.
    pub fn with_lora(mut self, path: &Path, scale: f64) -> Result<Self> {
        let lora = Lora::open(path, scale)?;
        for part in lora.parts() {
            if !self.has(part) {
                let reason = format!("changes {}, which the model doesn't have", part.folder());
                return Err(Error::weights(path, reason));
            }
        }
        for embedding in lora.embeddings() {
            self.add_embedding(embedding.clone())?;
        }
        self.loras.push(lora);
        Ok(self)
    }

    /// The same model with a word of its own: textual inversion.
    ///
    /// # Errors
    /// [`Error::Weights`] if the file isn't a sound embedding for all text models of the model, or another has the same word.
    pub fn with_embedding(mut self, name: &str, path: &Path) -> Result<Self> {
        self.add_embedding(Embedding::open(name, path)?)?;
        Ok(self)
    }

    fn add_embedding(&mut self, embedding: Embedding) -> Result<()> {
        for part in [Part::TextEncoder, Part::TextEncoder2] {
            if self.has(part) {
                let config = ClipConfig::read(&self.config(part)?)?;
                embedding.vectors(part, config.hidden_size)?;
            }
        }
        let is_same = |other: &Embedding| other.name.eq_ignore_ascii_case(&embedding.name);
        if let Some(other) = self.embeddings.iter().find(|other| is_same(other)) {
            let other = other.file.path.display();
            return Err(Error::weights(
                &embedding.file.path,
                format!("gives the word {}, as {other} does", embedding.name),
            )
            .with_hint("give one of them another name with `embedding NAME=FILE`"));
        }
        self.embeddings.push(embedding);
        Ok(())
    }

    /// Words that embeddings give to the prompts.
    pub fn embeddings(&self) -> &[Embedding] {
        &self.embeddings
    }

    /// The same model with another autoencoder: a folder in diffusers layout, or a safetensors file.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Weights`] if it isn't there or not sound.
    pub fn with_vae(mut self, path: &Path) -> Result<Self> {
        self.vae = Some(match path.is_dir() {
            true => {
                let inner = path.join("vae");
                let is_inner = inner.join("config.json").is_file();
                VaeSource::Folder(ModelFolder::Disk(if is_inner {
                    inner
                } else {
                    path.to_owned()
                }))
            }
            false => {
                let file = SafetensorsFile::open(path)?;
                let kind = FileKind::of(&file);
                // A whole checkpoint has an autoencoder as well.
                let has_one = file
                    .entries()
                    .keys()
                    .any(|name| name.starts_with("first_stage_model."));
                if !(kind == FileKind::Model && has_one) {
                    kind.expect(FileKind::Vae, path)?;
                }
                VaeSource::File(Arc::new(file))
            }
        });
        Ok(self)
    }

    /// The same model with another scheduler.
    #[must_use]
    pub fn with_scheduler(self, choice: Choice) -> Self {
        Self {
            choice: Some(choice),
            ..self
        }
    }

    /// The same model with everything that the settings put on top of it.
    ///
    /// # Errors
    /// As [`ModelSource::with_vae`] and [`ModelSource::with_lora`]; [`Error::Config`] for a scheduler that isn't known.
    pub fn with_settings(self, settings: &DiffusionConfig) -> Result<Self> {
        let mut source = self;
        if let Some(name) = &settings.scheduler {
            source = source.with_scheduler(name.parse()?);
        }
        if let Some(path) = &settings.vae {
            source = source.with_vae(path)?;
        }
        for embedding in &settings.embeddings {
            source = source.with_embedding(&embedding.name, &embedding.path)?;
        }
        for lora in &settings.loras {
            source = source.with_lora(&lora.path, lora.scale)?;
        }
        Ok(source)
    }

    /// The model that the setting `model` names: `bundled`, a folder in diffusers layout, or a single-file checkpoint.
    ///
    /// # Errors
    /// [`Error::Weights`] for anything else.
    pub fn open(name: &str) -> Result<Self> {
        if name == BUNDLED_NAME {
            return Ok(Self::new(ModelFolder::Embedded(BUNDLED)));
        }
        let path = Path::new(name);
        if path.is_dir() {
            return Ok(Self::new(ModelFolder::Disk(path.to_owned())));
        }
        if path.exists() || is_safetensors_name(path) {
            return Ok(Self::of_checkpoint(Checkpoint::open(path)?));
        }
        Err(Error::weights(path, "there is no such model").with_hint(
            "give `bundled`, a folder in diffusers layout (model_index.json, unet/, vae/, ...), a .safetensors checkpoint, \
             or a model of the hub such as stabilityai/sd-turbo",
        ))
    }

    /// A single-file checkpoint with its family's configuration.
    pub fn of_checkpoint(checkpoint: Checkpoint) -> Self {
        let folder = ModelFolder::Embedded(families::folder(checkpoint.kind));
        Self {
            checkpoint: Some(checkpoint),
            ..Self::new(folder)
        }
    }

    /// The words that the model was trained on, where its folder lists them.
    ///
    /// # Errors
    /// As [`Vocabulary::read`].
    pub fn vocabulary(&self) -> Result<Option<Vocabulary>> {
        Vocabulary::read(&self.folder)
    }

    /// `model_index.json`.
    ///
    /// # Errors
    /// [`Error::Weights`] if the folder has none.
    pub fn index(&self) -> Result<ConfigFile> {
        self.folder.config("model_index.json")
    }

    /// `scheduler/scheduler_config.json`.
    ///
    /// # Errors
    /// [`Error::Weights`] if it is missing or malformed.
    pub fn scheduler(&self) -> Result<ConfigFile> {
        let mut config = self.folder.config("scheduler/scheduler_config.json")?;
        if let Some(checkpoint) = &self.checkpoint {
            config.values.extend(checkpoint.scheduler_keys()?);
        }
        Ok(config)
    }

    /// The model's own scheduler; where it can't be run, the one that was asked for in its place.
    ///
    /// # Errors
    /// As [`ModelSource::scheduler`] and [`SchedulerConfig::read`].
    pub fn own_scheduler(&self) -> Result<SchedulerConfig> {
        let file = self.scheduler()?;
        match (SchedulerConfig::read(&file, None), self.choice) {
            (Err(_), Some(choice)) => SchedulerConfig::read(&file, Some(choice)),
            (own, _) => own,
        }
    }

    /// A part's `config.json`.
    ///
    /// # Errors
    /// [`Error::Weights`] if it is missing or malformed.
    pub fn config(&self, part: Part) -> Result<ConfigFile> {
        match (part, &self.vae) {
            (Part::Vae, Some(VaeSource::Folder(folder))) => folder.config("config.json"),
            (Part::Vae, Some(VaeSource::File(file))) if is_tiny(file) => {
                let class = ("_class_name".to_owned(), "AutoencoderTiny".into());
                Ok(ConfigFile {
                    path: file.path.clone(),
                    values: [class].into_iter().collect(),
                })
            }
            _ => {
                let name = format!("{}/config.json", part.folder());
                let mut config = self.folder.config(&name)?;
                if let (Part::UNet, Some(checkpoint)) = (part, &self.checkpoint) {
                    config.values.extend(checkpoint.unet_keys()?);
                }
                Ok(config)
            }
        }
    }

    /// Whether the model has this part.
    pub fn has(&self, part: Part) -> bool {
        self.folder.has(&format!("{}/config.json", part.folder()))
    }

    /// A part's tensors by diffusers' names, with the LoRAs' changes.
    ///
    /// # Errors
    /// [`Error::Weights`] if the files are missing or unsound, or a LoRA doesn't fit.
    pub fn tensors(&self, part: Part) -> Result<TensorMap> {
        let mut map = match (part, &self.vae, &self.checkpoint) {
            (Part::Vae, Some(vae), _) => return self.vae_tensors(vae),
            (Part::TextEncoder | Part::TextEncoder2, _, None) => {
                with_text_model_prefix(self.folder.tensors(part.folder(), part.stem())?)
            }
            (_, _, None) => self.folder.tensors(part.folder(), part.stem())?,
            (Part::UNet, _, Some(checkpoint)) => {
                checkpoint.unet(&UNetConfig::read(&self.config(part)?)?)
            }
            (Part::Vae, _, Some(checkpoint)) => {
                checkpoint.vae(&VaeConfig::read(&self.config(part)?)?)?
            }
            (_, _, Some(checkpoint)) => checkpoint.text(part)?,
        };
        if !self.loras.is_empty() {
            let original_names = match part {
                Part::UNet => NameTable::unet(&UNetConfig::read(&self.config(part)?)?),
                _ => NameTable::default(),
            };
            for lora in &self.loras {
                lora.apply(part, &mut map, &original_names)?;
            }
        }
        Ok(map)
    }

    fn vae_tensors(&self, vae: &VaeSource) -> Result<TensorMap> {
        match vae {
            VaeSource::Folder(folder) => folder.tensors("", Part::Vae.stem()),
            VaeSource::File(file) => {
                let has = |prefix: &str| file.entries().keys().any(|name| name.starts_with(prefix));
                let config = || VaeConfig::read(&self.config(Part::Vae)?);
                if let Some(prefix) = taesd::prefix(file) {
                    Ok(taesd::tensors(file, prefix))
                } else if has("first_stage_model.") {
                    vae_tensors(file, "first_stage_model.", &config()?)
                } else if has("decoder.up.") {
                    vae_tensors(file, "", &config()?)
                } else {
                    TensorMap::from_files(&file.path, std::slice::from_ref(file))
                }
            }
        }
    }
}

/// Whether a file is called as safetensors files are.
pub fn is_safetensors_name(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| ending.eq_ignore_ascii_case("safetensors"))
}

/// The text model's names before version 5 of transformers, which began to leave `text_model.` out.
fn with_text_model_prefix(map: TensorMap) -> TensorMap {
    if !map
        .tensors
        .contains_key("embeddings.token_embedding.weight")
    {
        return map;
    }
    let renamed = map.tensors.into_iter().map(|(name, tensor)| {
        let is_outside = name.starts_with("text_projection.");
        (
            if is_outside {
                name
            } else {
                format!("text_model.{name}")
            },
            tensor,
        )
    });
    TensorMap {
        tensors: renamed.collect(),
        label: map.label,
        deltas: map.deltas,
    }
}

/// TAESD in diffusers' names or its author's.
pub fn is_tiny(file: &SafetensorsFile) -> bool {
    file.entries().contains_key("decoder.layers.0.weight") || taesd::prefix(file).is_some()
}
