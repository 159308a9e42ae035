//! Where a model's files come from: a folder in diffusers layout, or one that is part of the binary.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::weights::{Bytes, SafetensorsFile, TensorMap};
use crate::{Error, Result};

/// Longest configuration or tokenizer file that is read, in bytes.
const MAX_TEXT_LEN: u64 = 64 << 20;

/// A folder in diffusers layout: `model_index.json`, and one folder for each part.
#[derive(Clone, Debug)]
pub enum ModelFolder {
    /// A folder on disk.
    Disk(PathBuf),
    /// Files compiled into the binary.
    Embedded(EmbeddedFolder),
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
            Self::Disk(folder) => folder.join(name),
            Self::Embedded(folder) => Path::new(folder.name).join(name),
        }
    }

    /// Whether the folder has this file.
    pub fn has(&self, name: &str) -> bool {
        match self {
            Self::Disk(folder) => folder.join(name).is_file(),
            Self::Embedded(folder) => folder.get(name).is_some(),
        }
    }

    /// A file's contents.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Weights`] if it isn't there or can't be read.
    pub fn bytes(&self, name: &str) -> Result<Bytes> {
        match self {
            Self::Disk(folder) => Bytes::map(&folder.join(name)),
            Self::Embedded(folder) => folder
                .get(name)
                .map(Bytes::Static)
                .ok_or_else(|| Error::weights(self.path_of(name), "is missing")),
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
        let value: Value = serde_json::from_str(&self.text(name)?)
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
        let in_part = |file: &str| {
            if part.is_empty() {
                file.to_owned()
            } else {
                format!("{part}/{file}")
            }
        };
        for variant in ["", ".fp16"] {
            let single = in_part(&format!("{stem}{variant}.safetensors"));
            if self.has(&single) {
                return TensorMap::from_files(&label, &[self.safetensors(&single)?]);
            }
            for index in [
                in_part(&format!("{stem}.safetensors.index{variant}.json")),
                in_part(&format!("{stem}{variant}.safetensors.index.json")),
            ] {
                if self.has(&index) {
                    let shards = self.shards(&index)?;
                    let files = shards
                        .iter()
                        .map(|shard| self.safetensors(&in_part(shard)))
                        .collect::<Result<Vec<_>>>()?;
                    return TensorMap::from_files(&label, &files);
                }
            }
        }
        let pickled = [
            format!("{stem}.bin"),
            format!("{stem}.fp16.bin"),
            "pytorch_model.bin".to_owned(),
        ];
        if pickled.iter().any(|name| self.has(&in_part(name))) {
            return Err(Error::weights(
                &label,
                "has only pickled weights, which can run code when they are opened",
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
        SafetensorsFile::parse(&self.path_of(name), self.bytes(name)?).map(Arc::new)
    }

    /// SHA-256 over the given files, with their names and lengths: what names a model in a cache.
    ///
    /// # Errors
    /// As [`ModelFolder::bytes`].
    pub fn add_to_hash(&self, names: &[String], hash: &mut Sha256) -> Result<()> {
        for name in names {
            let bytes = self.bytes(name)?;
            hash.update((name.len() as u64).to_le_bytes());
            hash.update(name.as_bytes());
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(&bytes[..]);
        }
        Ok(())
    }

    /// All files that decide on the pictures: JSON, vocabulary and safetensors files of the given parts, sorted by name.
    ///
    /// # Errors
    /// [`Error::Io`] if a folder can't be listed.
    pub fn files_of(&self, parts: &[&str]) -> Result<Vec<String>> {
        let is_used = |name: &str| {
            [".json", ".txt", ".safetensors"]
                .iter()
                .any(|ending| name.ends_with(ending))
        };
        let mut names = Vec::new();
        for part in parts {
            match self {
                Self::Embedded(folder) => names.extend(
                    folder
                        .files
                        .iter()
                        .map(|(name, _)| (*name).to_owned())
                        .filter(|name| {
                            name.split_once('/')
                                .is_some_and(|(first, _)| first == *part)
                        }),
                ),
                Self::Disk(folder) => {
                    let path = folder.join(part);
                    for entry in path.read_dir().map_err(Error::io("list", &path))? {
                        let entry = entry.map_err(Error::io("list", &path))?;
                        names.push(format!("{part}/{}", entry.file_name().to_string_lossy()));
                    }
                }
            }
        }
        names.retain(|name| is_used(name));
        names.sort();
        Ok(names)
    }
}

impl EmbeddedFolder {
    fn get(&self, name: &str) -> Option<&'static [u8]> {
        let file = self.files.iter().find(|(path, _)| *path == name);
        file.map(|(_, bytes)| *bytes)
    }
}

/// A JSON object and where it was read.
#[derive(Clone, Debug)]
pub struct ConfigFile {
    /// The file, for messages.
    pub path: PathBuf,
    /// Its keys.
    pub values: Map<String, Value>,
}

impl ConfigFile {
    /// A key's value, if the file has it.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(key)
    }

    /// The `_class_name` that diffusers writes.
    pub fn class_name(&self) -> Option<&str> {
        self.get("_class_name").and_then(Value::as_str)
    }

    /// The file as a typed configuration.
    ///
    /// # Errors
    /// [`Error::Weights`] if a key has a value of the wrong type.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T> {
        // One key at a time would name it; serde's message has the value and the expected type.
        serde_json::from_value(Value::Object(self.values.clone()))
            .map_err(|error| Error::weights(&self.path, format!("has a wrong value: {error}")))
    }
}
