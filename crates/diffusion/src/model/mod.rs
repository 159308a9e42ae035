//! Where a model's files come from: a folder in diffusers layout, or one that is part of the binary.

mod config_file;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{Error, Result};
use serde_json::Value;
use sha2::{Digest, Sha256};

pub use config_file::{ConfigFile, parse_json};

use super::digests::DigestCache;
use super::layout::{FP16_FIRST, PLAIN_FIRST, WeightFiles, in_part, pickled_weights, weight_files};
use super::weights::{Bytes, SafetensorsFile, TensorMap};

/// Longest configuration or tokenizer file that is read, in bytes.
const MAX_TEXT_LEN: u64 = 64 << 20;

/// A folder in diffusers layout: `model_index.json`, and one folder for each part.
#[derive(Clone, Debug)]
pub enum ModelFolder {
    /// A folder on disk. Of weights in two variants the plain one is used, as diffusers does.
    Disk(PathBuf),
    /// A model of the hub, complete in its cache. Of two variants `fp16` is used, whatever else the cache holds, so that
    /// every machine draws with the same weights.
    Snapshot(PathBuf),
    /// Files compiled into the binary.
    Embedded(EmbeddedFolder),
    /// Configurations and the headers of weights of a model that isn't on this machine.
    HeadersOnly(Arc<HeadersOnly>),
}

/// What can be known of a model without its weights.
#[derive(Clone, Debug)]
pub struct HeadersOnly {
    /// What the model is called in messages.
    pub name: String,
    /// Configuration files by name.
    pub texts: BTreeMap<String, Vec<u8>>,
    /// Weight files by name, of which only headers are at hand.
    pub weights: BTreeMap<String, Arc<SafetensorsFile>>,
}

/// A model folder inside the binary.
#[derive(Clone, Copy, Debug)]
pub struct EmbeddedFolder {
    /// What the model is called in messages, such as `bundled`.
    pub name: &'static str,
    /// Relative path (`unet/config.json`) and contents of each file.
    pub files: &'static [(&'static str, &'static [u8])],
}

impl ModelFolder {
    /// The path that messages show for a file of the folder.
    pub fn path_of(&self, name: &str) -> PathBuf {
        match self {
            Self::Disk(folder) | Self::Snapshot(folder) => folder.join(name),
            Self::Embedded(folder) => Path::new(folder.name).join(name),
            Self::HeadersOnly(headers) => Path::new(&headers.name).join(name),
        }
    }

    /// Whether the folder has this file.
    pub fn has(&self, name: &str) -> bool {
        match self {
            Self::Disk(folder) | Self::Snapshot(folder) => folder.join(name).is_file(),
            Self::Embedded(folder) => folder.get(name).is_some(),
            Self::HeadersOnly(headers) => {
                headers.texts.contains_key(name) || headers.weights.contains_key(name)
            }
        }
    }

    /// A file's contents.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Weights`] if it isn't there or can't be read.
    pub fn bytes(&self, name: &str) -> Result<Bytes> {
        match self {
            Self::Disk(folder) | Self::Snapshot(folder) => Bytes::map(&folder.join(name)),
            Self::Embedded(folder) => folder
                .get(name)
                .map(Bytes::Static)
                .ok_or_else(|| Error::weights(self.path_of(name), "is missing")),
            Self::HeadersOnly(headers) => match headers.texts.get(name) {
                Some(text) => Ok(Bytes::Owned(text.as_slice().into())),
                None => Err(Error::weights(self.path_of(name), "is not on this machine")),
            },
        }
    }

    /// A file of text, such as a tokenizer's.
    ///
    /// # Errors
    /// As [`ModelFolder::bytes`], and for a file that is far too long or not UTF-8.
    pub fn text(&self, name: &str) -> Result<String> {
        let path = self.path_of(name);
        let bytes = self.bytes(name)?;
        if bytes.len() as u64 > MAX_TEXT_LEN {
            return Err(Error::weights(
                &path,
                "is too long for a configuration file",
            ));
        }
        String::from_utf8(bytes.to_vec()).map_err(|error| {
            let position = error.utf8_error().valid_up_to();
            Error::weights(&path, format!("is not UTF-8 (byte {position})"))
        })
    }

    /// A JSON configuration file.
    ///
    /// # Errors
    /// As [`ModelFolder::text`], and for anything but a JSON object.
    pub fn config(&self, name: &str) -> Result<ConfigFile> {
        let path = self.path_of(name);
        if !self.has(name) {
            return Err(Error::weights(&path, "is missing").with_hint(
                "a model folder has the diffusers layout: model_index.json, unet/config.json, ...",
            ));
        }
        let value = parse_json(&self.text(name)?)
            .map_err(|error| Error::weights(&path, format!("is not valid JSON: {error}")))?;
        match value {
            Value::Object(values) => Ok(ConfigFile { path, values }),
            _ => Err(Error::weights(&path, "must hold a JSON object")),
        }
    }

    /// The tensors of a part such as `unet`, whose weight files begin with `stem` (`diffusion_pytorch_model` for diffusers'
    /// classes, `model` for transformers').
    ///
    /// One file or shards with an index; the `fp16` variant where there is no plain one.
    ///
    /// # Errors
    /// [`Error::Weights`] if there is no safetensors file, or it isn't sound.
    pub fn tensors(&self, part: &str, stem: &str) -> Result<TensorMap> {
        let label = self.path_of(part);
        let files = self
            .weight_files(part, stem)?
            .iter()
            .map(|name| self.safetensors(name))
            .collect::<Result<Vec<_>>>()?;
        TensorMap::from_files(&label, &files)
    }

    /// Names of the weight files of a part.
    fn weight_files(&self, part: &str, stem: &str) -> Result<Vec<String>> {
        let has = |name: &str| self.has(name);
        let variants = match self {
            Self::Snapshot(_) | Self::HeadersOnly(_) => FP16_FIRST,
            _ => PLAIN_FIRST,
        };
        match weight_files(has, part, stem, variants) {
            Some(WeightFiles::Single(name)) => return Ok(vec![name]),
            Some(WeightFiles::Sharded { index, .. }) => {
                let shards = self.shards(&index)?;
                return Ok(shards.iter().map(|shard| in_part(part, shard)).collect());
            }
            None => {}
        }
        let label = self.path_of(part);
        if let Some(pickled) = pickled_weights(has, part, stem) {
            return Err(Error::weights(
                &label,
                format!(
                    "has only pickled weights ({pickled}), which can run code when they are opened"
                ),
            )
            .with_hint("save the model with safe_serialization=True"));
        }
        Err(Error::weights(&label, format!("has no {stem}.safetensors"))
            .with_hint("a model folder has the diffusers layout, with safetensors files"))
    }

    /// Names of the files that an index lists, sorted.
    fn shards(&self, index: &str) -> Result<Vec<String>> {
        let file = self.config(index)?;
        let wrong = || Error::weights(&file.path, "has no weight_map from tensor names to files");
        let map = file
            .get("weight_map")
            .and_then(Value::as_object)
            .ok_or_else(wrong)?;
        let mut names = map
            .values()
            .map(|name| name.as_str().map(str::to_owned).ok_or_else(wrong))
            .collect::<Result<Vec<_>>>()?;
        names.sort();
        names.dedup();
        let outside = names
            .iter()
            .find(|name| name.contains(['/', '\\']) || name.starts_with('.'));
        match outside {
            None => Ok(names),
            Some(name) => Err(Error::weights(
                &file.path,
                format!("points outside of its folder: {name}"),
            )),
        }
    }

    fn safetensors(&self, name: &str) -> Result<Arc<SafetensorsFile>> {
        if !self.has(name) {
            return Err(Error::weights(self.path_of(name), "is missing"));
        }
        if let Self::HeadersOnly(headers) = self
            && let Some(file) = headers.weights.get(name)
        {
            return Ok(Arc::clone(file));
        }
        SafetensorsFile::parse(&self.path_of(name), self.bytes(name)?).map(Arc::new)
    }

    /// SHA-256 of a file.
    ///
    /// # Errors
    /// As [`ModelFolder::bytes`].
    pub fn sha256(&self, name: &str, digests: &DigestCache) -> Result<[u8; 32]> {
        match self {
            Self::Embedded(_) | Self::HeadersOnly(_) => {
                Ok(Sha256::digest(&self.bytes(name)?[..]).into())
            }
            Self::Disk(folder) | Self::Snapshot(folder) => digests.sha256(&folder.join(name)),
        }
    }

    /// Whether the folder has a part of this name.
    pub fn has_part(&self, part: &str) -> bool {
        match self {
            Self::Embedded(folder) => folder.files.iter().any(|(name, _)| is_of(name, part)),
            Self::HeadersOnly(headers) => headers.texts.keys().any(|name| is_of(name, part)),
            Self::Disk(folder) | Self::Snapshot(folder) => folder.join(part).is_dir(),
        }
    }

    /// Names of the configuration and vocabulary files of a part, sorted.
    ///
    /// # Errors
    /// [`Error::Io`] if a folder can't be listed.
    pub fn texts_of(&self, part: &str) -> Result<Vec<String>> {
        let mut names = match self {
            Self::Embedded(folder) => {
                let names = folder.files.iter().map(|(name, _)| *name);
                let of_part = names.filter(|name| is_of(name, part));
                of_part.map(str::to_owned).collect()
            }
            Self::HeadersOnly(headers) => {
                let names = headers.texts.keys().filter(|name| is_of(name, part));
                names.cloned().collect()
            }
            Self::Disk(folder) | Self::Snapshot(folder) => {
                let path = folder.join(part);
                let mut names = Vec::new();
                for entry in path.read_dir().map_err(Error::io("list", &path))? {
                    let entry = entry.map_err(Error::io("list", &path))?;
                    names.push(in_part(part, &entry.file_name().to_string_lossy()));
                }
                names
            }
        };
        names.retain(|name: &String| {
            let is_text = name.ends_with(".json") || name.ends_with(".txt");
            is_text && !name.ends_with(".index.json") && !name.ends_with(".index.fp16.json")
        });
        names.sort();
        Ok(names)
    }

    /// Names of everything of a part that decides on the pictures, sorted; of the weights, those files that
    /// [`ModelFolder::tensors`] reads.
    ///
    /// # Errors
    /// As [`ModelFolder::texts_of`] and [`ModelFolder::tensors`].
    pub fn files_of(&self, part: &str, stem: &str) -> Result<Vec<String>> {
        let mut names = self.texts_of(part)?;
        names.extend(self.weight_files(part, stem)?);
        names.sort();
        Ok(names)
    }
}

fn is_of(name: &str, part: &str) -> bool {
    name.split_once('/').is_some_and(|(first, _)| first == part)
}

impl EmbeddedFolder {
    fn get(&self, name: &str) -> Option<&'static [u8]> {
        let file = self.files.iter().find(|(path, _)| *path == name);
        file.map(|(_, bytes)| *bytes)
    }
}
