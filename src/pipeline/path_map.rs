//! Where the paths of a timeline lie on another machine: the rules of a render farm, in the form `pathmapping-1.0` of Open Job
//! Description.

use std::path::{Path, PathBuf};

use common::{Error, Result};
use serde::Deserialize;
use timeline::RenderConfig;

/// Rules that replace the beginnings of paths. The longest that fits counts, and a path that none fits stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathMap {
    /// Longest source first.
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Rule {
    source_path_format: Format,
    source_path: String,
    destination_path: PathBuf,
}

/// How the machine that wrote the timeline writes paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum Format {
    #[serde(rename = "POSIX")]
    Posix,
    #[serde(rename = "WINDOWS")]
    Windows,
    #[serde(rename = "URI")]
    Uri,
}

/// The file. A farm without rules may write an empty object.
#[derive(Deserialize)]
struct File {
    version: Option<String>,
    #[serde(default)]
    path_mapping_rules: Vec<Rule>,
}

impl PathMap {
    /// Reads a farm's rules.
    ///
    /// # Errors
    /// [`Error::Io`] if the file can't be read, [`Error::Input`] if it is no such file.
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
        let wrong = |reason: String| {
            Error::input(path, reason).with_hint(
                "give the file of rules of Open Job Description, version pathmapping-1.0",
            )
        };
        let file: File = serde_json::from_str(&text)
            .map_err(|error| wrong(format!("not a path map: {error}")))?;
        match file.version.as_deref() {
            Some("pathmapping-1.0") => {}
            None if file.path_mapping_rules.is_empty() => {}
            other => {
                let version = other.unwrap_or("none");
                return Err(wrong(format!(
                    "a path map of an unknown version: {version}"
                )));
            }
        }
        let mut rules = file.path_mapping_rules;
        rules.sort_by_key(|rule| std::cmp::Reverse(rule.source_path.len()));
        Ok(Self { rules })
    }

    /// Where a path of the timeline lies here.
    pub fn of(&self, path: &Path) -> PathBuf {
        let Some(text) = path.to_str() else {
            return path.to_owned();
        };
        let found = self.rules.iter().find_map(|rule| rule.apply(text));
        found.unwrap_or_else(|| path.to_owned())
    }

    /// Settings with the paths of model, LoRA, embeddings and autoencoder as they are here. Names of the hub stay.
    pub fn of_render(&self, config: &RenderConfig) -> RenderConfig {
        let mut config = config.clone();
        if self.rules.is_empty() {
            return config;
        }
        let model = self.of(Path::new(&config.model));
        config.model = model.to_string_lossy().into_owned();
        let diffusion = &mut config.diffusion;
        for lora in &mut diffusion.loras {
            lora.path = self.of(&lora.path);
        }
        for embedding in &mut diffusion.embeddings {
            embedding.path = self.of(&embedding.path);
        }
        diffusion.vae = diffusion.vae.as_ref().map(|vae| self.of(vae));
        config
    }
}

impl Rule {
    /// The path with its beginning replaced, if the rule's source is the path or a folder above it.
    fn apply(&self, path: &str) -> Option<PathBuf> {
        let is_separator =
            |c: char| c == '/' || (c == '\\' && self.source_path_format == Format::Windows);
        let parts = |text: &str| -> Vec<String> {
            let mut parts: Vec<String> = text.split(is_separator).map(str::to_owned).collect();
            while parts.len() > 1 && parts.last().is_some_and(String::is_empty) {
                parts.pop(); // a slash at the end
            }
            parts
        };
        let (source, path) = (parts(&self.source_path), parts(path));
        let is_same = |(a, b): (&String, &String)| match self.source_path_format {
            Format::Windows => a.to_lowercase() == b.to_lowercase(),
            Format::Posix | Format::Uri => a == b,
        };
        let fits = source.len() <= path.len() && source.iter().zip(&path).all(is_same);
        let rest = path.get(source.len()..).filter(|_| fits)?;
        let mut mapped = self.destination_path.clone();
        mapped.extend(rest);
        Some(mapped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(text: &str) -> Result<PathMap> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("map.json");
        std::fs::write(&path, text).unwrap();
        PathMap::load(&path)
    }

    fn rules(rules: &[(&str, &str, &str)]) -> PathMap {
        let rules: Vec<_> = rules
            .iter()
            .map(|(format, from, to)| {
                serde_json::json!({"source_path_format": format, "source_path": from, "destination_path": to})
            })
            .collect();
        let file = serde_json::json!({"version": "pathmapping-1.0", "path_mapping_rules": rules});
        map(&file.to_string()).unwrap()
    }

    #[test]
    fn the_longest_rule_that_fits_counts() {
        let map = rules(&[
            ("POSIX", "/home/ann", "/mnt/ann"),
            ("POSIX", "/home/ann/models/", "/models"),
            ("WINDOWS", "Z:\\Music", "/mnt/music"),
        ]);
        for (from, to) in [
            ("/home/ann/song.flac", "/mnt/ann/song.flac"),
            (
                "/home/ann/models/a/b.safetensors",
                "/models/a/b.safetensors",
            ),
            ("/home/ann", "/mnt/ann"),
            ("/home/annabel/song.flac", "/home/annabel/song.flac"),
            ("z:\\music\\Set 1\\a.wav", "/mnt/music/Set 1/a.wav"),
            ("stabilityai/sd-turbo", "stabilityai/sd-turbo"),
            ("bundled", "bundled"),
        ] {
            assert_eq!(map.of(Path::new(from)), Path::new(to), "{from}");
        }
    }

    #[test]
    fn a_farm_without_rules_maps_nothing() {
        for text in [
            "{}",
            r#"{"version": "pathmapping-1.0", "path_mapping_rules": []}"#,
        ] {
            let map = map(text).unwrap();
            assert_eq!(map.of(Path::new("/a/b")), Path::new("/a/b"));
        }
    }

    #[test]
    fn other_files_are_refused() {
        for text in [
            "[]",
            "x",
            r#"{"version": "pathmapping-2.0", "path_mapping_rules": []}"#,
            r#"{"version": "pathmapping-1.0", "path_mapping_rules": [{"source_path": "/a"}]}"#,
        ] {
            assert_eq!(map(text).unwrap_err().exit_code(), 2, "{text}");
        }
    }
}
