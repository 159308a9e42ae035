use std::ffi::OsString;
use std::path::{Path, PathBuf};

use common::{Error, Result};
use timeline::{DiffusionConfig, LoraConfig, RenderConfig};

use super::digests::DigestCache;
use super::hub::{self, AddOn, HubFile, HubId, HubSettings};
use super::model::ModelFolder;
use super::source::ModelSource;

/// Where models are on this machine, and where others come from.
#[derive(Clone, Debug)]
pub struct ModelStore {
    /// The hub and its cache.
    pub hub: HubSettings,
    /// Hashes of large files.
    pub digests: DigestCache,
}

impl ModelStore {
    /// The store of this process's environment: [`HubSettings::from_env`], and hashes in the user's cache folder.
    pub fn from_env() -> Self {
        let caches = user_caches(|name| std::env::var_os(name));
        let digests = caches.map(|caches| caches.join("visualize").join("sha256"));
        Self {
            hub: HubSettings::from_env(),
            digests: DigestCache::new(digests),
        }
    }

    /// The model that the setting `model` names: everything that [`ModelSource::open`] knows, or a model of the hub, which is downloaded
    /// if the cache doesn't have it. What is on disk under the same name takes precedence over the hub.
    ///
    /// # Errors
    /// As [`ModelSource::open`] and [`hub::fetch`].
    pub fn open(&self, name: &str, watch: hub::Watch<'_>) -> Result<ModelSource> {
        let Some(id) = hub_id(name) else {
            return ModelSource::open(name);
        };
        let snapshot =
            hub::fetch(&self.hub, &id, watch).map_err(|error| beside_disk(name, error))?;
        let folder = ModelFolder::Snapshot(snapshot.folder);
        Ok(ModelSource::new(folder).with_name(snapshot.id.to_string()))
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
        let model = self.open(name, watch)?;
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
        // A single folder and a file is how people write paths.
        let is_path = text.ends_with(".safetensors") && text.matches('/').count() < 2;
        let wanted = match text.parse::<HubFile>() {
            Ok(wanted) if !is_path => wanted,
            _ => return Ok(here()),
        };
        let (at_commit, path) = hub::fetch_add_on(&self.hub, &wanted, add_on, watch)
            .map_err(|error| beside_disk(text, error))?;
        Ok((PathBuf::from(at_commit.to_string()), path))
    }
}

/// The id, if `name` means a model of the hub and nothing on disk.
pub fn hub_id(name: &str) -> Option<HubId> {
    let path = Path::new(name);
    let is_file = path.exists() || path.extension().is_some_and(|end| end == "safetensors");
    name.parse().ok().filter(|_| !is_file)
}

/// A name that could have been a path: the error says that there is none either.
fn beside_disk(name: &str, error: Error) -> Error {
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
