use std::ffi::OsString;
use std::path::{Path, PathBuf};

use common::{Error, Result};
use timeline::{DiffusionConfig, EmbeddingConfig, LoraConfig, RenderConfig};

use super::bundled::BUNDLED_NAME;
use super::checkpoint::Checkpoint;
use super::digests::DigestCache;
use super::findings::GpuFindings;
use super::hub::{self, AddOn, HubFile, HubId, HubSettings};
use super::model::{ConfigFile, ModelFolder};
use super::schedulers::{Choice, SchedulerConfig};
use super::source::ModelSource;

/// Where models are on this machine, where others come from, and what is remembered from run to run.
#[derive(Clone, Debug)]
pub struct ModelStore {
    /// The hub and its cache.
    pub hub: HubSettings,
    /// Hashes of large files.
    pub digests: DigestCache,
    /// Which GPUs compute rightly, and how fast.
    pub gpus: GpuFindings,
}

impl ModelStore {
    /// The store of this process's environment: [`HubSettings::from_env`], and what is remembered in the user's cache folder.
    pub fn from_env() -> Self {
        let caches = user_caches(|name| std::env::var_os(name));
        let cache = |name| Some(caches.as_ref()?.join("visualize").join(name));
        Self {
            hub: HubSettings::from_env(),
            digests: DigestCache::new(cache("sha256")),
            gpus: GpuFindings::new(cache("gpu")),
        }
    }

    /// The model that the setting `model` names: everything that [`ModelSource::open`] knows, or a model of the hub, which is downloaded
    /// if the cache doesn't have it. What is on disk under the same name takes precedence over the hub.
    ///
    /// # Errors
    /// As [`ModelSource::open`] and [`hub::fetch`].
    pub fn open(&self, name: &str, watch: hub::Watch<'_>) -> Result<ModelSource> {
        self.open_to_run_by(None, name, watch)
    }

    /// The same for a model that `choice` runs, where that takes the place of its own scheduler.
    fn open_to_run_by(
        &self,
        choice: Option<Choice>,
        name: &str,
        watch: hub::Watch<'_>,
    ) -> Result<ModelSource> {
        let beside = |error| beside_disk(name, error);
        match hub_name(name)? {
            None => ModelSource::open(name),
            Some(HubName::Model(id)) => {
                let check = |file: &ConfigFile| SchedulerConfig::read(file, choice).map(|_| ());
                let snapshot = hub::fetch_checked(&self.hub, &id, &check, watch).map_err(beside)?;
                let folder = ModelFolder::Snapshot(snapshot.folder);
                Ok(ModelSource::new(folder).with_name(snapshot.id.to_string()))
            }
            Some(HubName::File(file)) => {
                let (at_commit, path) =
                    hub::fetch_add_on(&self.hub, &file, AddOn::Model, watch).map_err(beside)?;
                let model = ModelSource::of_checkpoint(Checkpoint::open(&path)?);
                Ok(model.with_name(at_commit.to_string()))
            }
        }
    }

    /// The model that the setting `model` names with everything that the settings put on top of it, and those settings with the
    /// commits of what came from the hub, so that they always mean the same.
    ///
    /// # Errors
    /// As [`ModelStore::open`] and [`ModelSource::with_settings`].
    pub fn open_with(
        &self,
        name: &str,
        settings: &DiffusionConfig,
        watch: hub::Watch<'_>,
    ) -> Result<(ModelSource, DiffusionConfig)> {
        // What can't be read is said before anything is downloaded.
        let choice = settings.scheduler.as_deref().map(str::parse).transpose()?;
        let model = self.open_to_run_by(choice, name, watch)?;
        let (mut named, mut local) = (settings.clone(), settings.clone());
        if let Some(vae) = &settings.vae {
            let (name, path) = self.add_on(vae, AddOn::Vae, watch)?;
            (named.vae, local.vae) = (Some(name), Some(path));
        }
        let loras = settings.loras.iter().map(|lora| {
            let (name, path) = self.add_on(&lora.path, AddOn::Lora, watch)?;
            let at = |path| LoraConfig {
                path,
                scale: lora.scale,
            };
            Ok((at(name), at(path)))
        });
        (named.loras, local.loras) = loras.collect::<Result<Vec<_>>>()?.into_iter().unzip();
        let embeddings = settings.embeddings.iter().map(|embedding| {
            let (name, path) = self.add_on(&embedding.path, AddOn::Embedding, watch)?;
            let at = |path| EmbeddingConfig {
                name: embedding.name.clone(),
                path,
            };
            Ok((at(name), at(path)))
        });
        (named.embeddings, local.embeddings) =
            embeddings.collect::<Result<Vec<_>>>()?.into_iter().unzip();
        Ok((model.with_settings(&local)?, named))
    }

    /// The model of a render, with everything that its settings put on top of it.
    ///
    /// # Errors
    /// As [`ModelStore::open_with`].
    pub fn open_for(&self, config: &RenderConfig, watch: hub::Watch<'_>) -> Result<ModelSource> {
        let (model, _) = self.open_with(&config.model, &config.diffusion, watch)?;
        Ok(model)
    }

    /// What the settings `vae` and `lora` name: how to name it from now on, and where it is. What is on disk takes precedence over the hub.
    fn add_on(
        &self,
        name: &Path,
        add_on: AddOn,
        watch: hub::Watch<'_>,
    ) -> Result<(PathBuf, PathBuf)> {
        let here = || (name.to_owned(), name.to_owned());
        let Some(text) = name.to_str().filter(|_| !name.exists()) else {
            return Ok(here());
        };
        let wanted = match hub_name(text)? {
            Some(HubName::File(file)) => file,
            Some(HubName::Model(id)) => HubFile::from(id),
            None => return Ok(here()),
        };
        let (at_commit, path) = hub::fetch_add_on(&self.hub, &wanted, add_on, watch)
            .map_err(|error| beside_disk(text, error))?;
        Ok((PathBuf::from(at_commit.to_string()), path))
    }
}

/// What a name means on the hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HubName {
    /// A model in diffusers layout.
    Model(HubId),
    /// A file.
    File(HubFile),
}

/// Endings by which names are taken for files.
const FILE_ENDINGS: [&str; 7] = ["safetensors", "ckpt", "pt", "pth", "bin", "gguf", "onnx"];

/// What `name` means on the hub; none if it names something on disk, or can't be on the hub.
///
/// # Errors
/// [`Error::Weights`] for a web address that isn't of the hub, or names a file that is never read.
pub fn hub_name(name: &str) -> Result<Option<HubName>> {
    let path = Path::new(name);
    if name == BUNDLED_NAME || path.exists() {
        return Ok(None);
    }
    if hub::is_address(name) {
        if let Ok(id) = name.parse() {
            return Ok(Some(HubName::Model(id)));
        }
        return match name.parse() {
            Ok(file) => Ok(Some(HubName::File(file))),
            Err(error) if hub::is_of_hub(name) => Err(error),
            Err(_) => Err(Error::weights(
                name,
                "is a web address, but none of the Hugging Face hub",
            )
            .with_hint("download the file and give its path")),
        };
    }
    let ending = path.extension().and_then(|ending| ending.to_str());
    let is_file = ending.is_some_and(|ending| {
        FILE_ENDINGS
            .iter()
            .any(|known| ending.eq_ignore_ascii_case(known))
    });
    // A single folder and a file is how people write paths.
    Ok(match (is_file, name.matches('/').count() < 2) {
        (true, true) => None,
        (true, false) => name.parse().ok().map(HubName::File),
        (false, _) => name.parse().ok().map(HubName::Model),
    })
}

/// A name that could have been a path: the error says that there is none either.
fn beside_disk(name: &str, error: Error) -> Error {
    if hub::is_address(name) {
        return error;
    }
    let no_folder = format!("there is no {name} here");
    let hint = match error.hint() {
        Some(hint) => format!("{no_folder}; {hint}"),
        None => no_folder,
    };
    error.with_hint(hint)
}

/// Where programs keep what can be computed again.
fn user_caches(var: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let folder = |name: &str| {
        var(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    folder("XDG_CACHE_HOME")
        .or_else(|| folder("LOCALAPPDATA"))
        .or_else(|| Some(folder("HOME")?.join(".cache")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_hub_are_told_from_files() {
        let name = |text: &str| match hub_name(text).unwrap() {
            None => String::new(),
            Some(HubName::Model(id)) => format!("model {id}"),
            Some(HubName::File(file)) => format!("file {file}"),
        };
        for (text, wanted) in [
            ("bundled", ""),
            ("a/b", "model a/b"),
            ("a/b@v1", "model a/b@v1"),
            ("https://huggingface.co/a/b", "model a/b"),
            ("a/b/c.safetensors", "file a/b/c.safetensors"),
            (
                "https://huggingface.co/a/b/blob/main/c.safetensors",
                "file a/b/c.safetensors",
            ),
            ("a/b.safetensors", ""),
            ("a/b.ckpt", ""),
            ("./a/b.safetensors", ""),
            ("no/such/model", ""),
        ] {
            assert_eq!(name(text), wanted, "{text}");
        }
        let error = hub_name("https://civitai.com/api/download/models/1").unwrap_err();
        assert!(
            error.to_string().contains("none of the Hugging Face hub"),
            "{error}"
        );
        let error = hub_name("https://huggingface.co/a/b/blob/main/c.ckpt").unwrap_err();
        assert!(error.to_string().contains("pickled"), "{error}");
    }
}
