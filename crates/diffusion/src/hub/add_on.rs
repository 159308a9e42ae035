//! Add-ons of a model in repositories of their own (an autoencoder, a LoRA, an embedding), and checkpoints in a single file.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use common::{Error, Result};

use super::address;
use super::choice::{Unusable, missing};
use super::{CachedRepository, Download, HubId, HubSettings, Watch, files_of};
use crate::layout::{PLAIN_FIRST, WeightFiles, in_part, weight_files};
use crate::part::Part;
use crate::weights::SafetensorsFile;

/// The name that diffusers saves a LoRA under.
const LORA_FILE: &str = "pytorch_lora_weights.safetensors";
/// The name that diffusers saves an embedding under.
const EMBEDDING_FILE: &str = "learned_embeds.safetensors";
/// Endings of files that are never read.
const PICKLED: [&str; 4] = ["ckpt", "pt", "pth", "bin"];
/// Most files that an error lists.
const MAX_NAMED_FILES: usize = 8;

/// What a repository is searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddOn {
    /// An autoencoder: the setting `vae`.
    Vae,
    /// A LoRA: the setting `lora`.
    Lora,
    /// Textual inversion: the setting `embedding`.
    Embedding,
    /// A single-file checkpoint: the setting `model`. The file is always named.
    Model,
}

/// A repository, or one file of it: `owner/name`, `owner/name/folder/file.safetensors`, each perhaps `@revision`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubFile {
    id: HubId,
    file: Option<String>,
}

impl HubFile {
    /// What was chosen, at a commit.
    fn at(&self, commit: &str, chosen: &Chosen) -> Self {
        let is_file = chosen.opened.ends_with(".safetensors");
        Self {
            id: self.id.at(commit),
            file: is_file.then(|| chosen.opened.clone()),
        }
    }
}

impl From<HubId> for HubFile {
    fn from(id: HubId) -> Self {
        Self { id, file: None }
    }
}

impl fmt::Display for HubFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id.repository())?;
        if let Some(file) = &self.file {
            write!(f, "/{file}")?;
        }
        match self.id.has_revision() {
            true => write!(f, "@{}", self.id.revision()),
            false => Ok(()),
        }
    }
}

impl FromStr for HubFile {
    type Err = Error;

    /// # Errors
    /// [`Error::Weights`] for text that names nothing on the hub and is no address of it, such as a path.
    fn from_str(text: &str) -> Result<Self> {
        let plain = address::plain(text);
        let text = plain.as_deref().unwrap_or(text);
        let (place, revision) = match text.split_once('@') {
            Some((place, revision)) => (place, format!("@{revision}")),
            None => (text, String::new()),
        };
        let mut parts = place.splitn(3, '/');
        let repository: Vec<&str> = parts.by_ref().take(2).collect();
        let file = parts.next().map(str::to_owned);
        let is_sound = |file: &String| {
            let is_component = |part: &str| !part.is_empty() && part != "." && part != "..";
            file.ends_with(".safetensors")
                && !file.contains('\\')
                && file.split('/').all(is_component)
        };
        let ending = file.as_deref().and_then(|file| file.rsplit_once('.'));
        if ending.is_some_and(|(_, end)| PICKLED.contains(&end)) {
            return Err(Error::weights(
                text,
                "is a pickled file, which can run code when it is opened",
            )
            .with_hint("look for a .safetensors file in the same repository"));
        }
        if !file.iter().all(is_sound) {
            return Err(Error::weights(text, "is no file of the hub")
                .with_hint("give owner/name or owner/name/FILE.safetensors"));
        }
        let id = format!("{}{revision}", repository.join("/")).parse()?;
        Ok(Self { id, file })
    }
}

/// An add-on in the cache, downloaded from the hub if it isn't there: its name at its commit, and the folder or file
/// to open. Of weights in two variants the plain one is taken: these files are small.
///
/// # Errors
/// As [`fetch`](super::fetch).
pub fn fetch_add_on(
    settings: &HubSettings,
    wanted: &HubFile,
    add_on: AddOn,
    watch: Watch<'_>,
) -> Result<(HubFile, PathBuf)> {
    let repository = CachedRepository::new(settings.cache()?, &wanted.id);
    if let Some(commit) = repository.commit(wanted.id.revision()) {
        let snapshot = repository.snapshot(&commit);
        let chosen = choose(&files_of(&snapshot), wanted, add_on).ok();
        // The only file in the cache need not be the only one on the hub.
        let is_sure = |chosen: &Chosen| !chosen.is_only_one || settings.is_offline;
        if let Some(chosen) = chosen.filter(is_sure) {
            return Ok((wanted.at(&commit, &chosen), snapshot.join(chosen.opened)));
        }
    }
    if settings.is_offline {
        let reason = "is not in the cache, and HF_HUB_OFFLINE forbids downloading it";
        return Err(Error::weights(wanted.to_string(), reason));
    }
    let download = Download::new(settings, &wanted.id)?;
    let chosen = choose(&download.files, wanted, add_on)
        .map_err(|unusable| unusable.into_error(&wanted.to_string()))?;
    download.download(&download.wanted(chosen.names.iter().cloned())?, watch)?;
    repository.set_commit(wanted.id.revision(), &download.commit)?;
    let snapshot = repository.snapshot(&download.commit);
    Ok((
        wanted.at(&download.commit, &chosen),
        snapshot.join(chosen.opened),
    ))
}

/// The file that `wanted` means, with its header alone where it isn't in the cache; its name at its commit, and where it is.
///
/// # Errors
/// As [`peek`](super::peek).
pub fn peek_file(
    settings: &HubSettings,
    wanted: &HubFile,
) -> Result<(HubFile, Option<PathBuf>, SafetensorsFile)> {
    let named = wanted.file.as_deref().unwrap_or_default();
    let repository = CachedRepository::new(settings.cache()?, &wanted.id);
    let chosen = Chosen::file(named);
    if let Some(commit) = repository.commit(wanted.id.revision()) {
        let path = repository.snapshot(&commit).join(named);
        if path.is_file() {
            let file = SafetensorsFile::open(&path)?;
            return Ok((wanted.at(&commit, &chosen), Some(path), file));
        }
    }
    if settings.is_offline {
        let reason = "is not in the cache, and HF_HUB_OFFLINE forbids asking the hub";
        return Err(Error::weights(wanted.to_string(), reason));
    }
    let download = Download::new(settings, &wanted.id)?;
    if !download.files.contains(named) {
        return Err(missing(named).into_error(&wanted.to_string()));
    }
    let url = download.client.url(&wanted.id, &download.commit, named);
    let metadata = download.client.metadata(&url, &wanted.id)?;
    let header = download.header(named, &metadata)?;
    Ok((wanted.at(&download.commit, &chosen), None, header))
}

/// What is needed of a repository.
#[derive(Debug, PartialEq, Eq)]
struct Chosen {
    /// The files.
    names: Vec<String>,
    /// The folder or file that is opened.
    opened: String,
    /// Whether it was chosen because the repository has no other.
    is_only_one: bool,
}

fn choose(files: &BTreeSet<String>, wanted: &HubFile, add_on: AddOn) -> Result<Chosen, Unusable> {
    if let Some(file) = &wanted.file {
        return match files.contains(file) {
            true => Ok(Chosen::file(file)),
            false => Err(missing(file)),
        };
    }
    match add_on {
        AddOn::Vae => choose_vae(files),
        AddOn::Lora => choose_file(files, LORA_FILE),
        AddOn::Embedding => choose_file(files, EMBEDDING_FILE),
        AddOn::Model => choose_file(files, ""),
    }
}

impl Chosen {
    fn file(name: &str) -> Self {
        Self {
            names: vec![name.to_owned()],
            opened: name.to_owned(),
            is_only_one: false,
        }
    }
}

/// An autoencoder with its configuration, at the top or in the folder of a whole model.
fn choose_vae(files: &BTreeSet<String>) -> Result<Chosen, Unusable> {
    let has = |name: &str| files.contains(name);
    for folder in ["", Part::Vae.folder()] {
        let config = in_part(folder, "config.json");
        let weights = weight_files(has, folder, Part::Vae.stem(), PLAIN_FIRST);
        if let (true, Some(WeightFiles::Single(weights))) = (has(&config), weights) {
            return Ok(Chosen {
                names: vec![config, weights],
                opened: folder.to_owned(),
                is_only_one: false,
            });
        }
    }
    Err(Unusable {
        reason: "holds no autoencoder in diffusers layout (config.json and safetensors weights)"
            .to_owned(),
        hint: None,
    })
}

/// The file that diffusers would load, or the only one there is.
fn choose_file(files: &BTreeSet<String>, usual: &str) -> Result<Chosen, Unusable> {
    if files.contains(usual) {
        return Ok(Chosen::file(usual));
    }
    let names = files.iter().map(String::as_str);
    let tensors: Vec<&str> = names
        .filter(|name| name.ends_with(".safetensors"))
        .collect();
    match tensors.as_slice() {
        [] => Err(Unusable {
            reason: "holds no safetensors file".to_owned(),
            hint: None,
        }),
        [only] => Ok(Chosen {
            is_only_one: true,
            ..Chosen::file(only)
        }),
        several => {
            let named = several[..several.len().min(MAX_NAMED_FILES)].join(", ");
            Err(Unusable {
                reason: format!("holds several files: {named} ..."),
                hint: Some("name one of them: owner/name/FILE.safetensors"),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn opened(text: &str, files: &[&str], add_on: AddOn) -> Option<String> {
        let chosen = choose(&set(files), &text.parse().unwrap(), add_on);
        chosen.ok().map(|chosen| chosen.opened)
    }

    #[test]
    fn files_of_the_hub_are_told_from_paths() {
        for text in [
            "madebyollin/taesd",
            "a/b@refs/pr/3",
            "a/b/c.safetensors",
            "a/b/folder/c.safetensors@main",
        ] {
            assert_eq!(text.parse::<HubFile>().unwrap().to_string(), text);
        }
        let address = "https://huggingface.co/a/b/resolve/v1/c.safetensors?download=true";
        let file: HubFile = address.parse().unwrap();
        assert_eq!(file.to_string(), "a/b/c.safetensors@v1");
        let error = "https://huggingface.co/a/b/blob/main/c.ckpt"
            .parse::<HubFile>()
            .unwrap_err();
        assert!(error.to_string().contains("pickled"), "{error}");
        for text in [
            "",
            "lora.safetensors",
            "./a/b.safetensors",
            "/a/b/c.safetensors",
            "a/b/../c.safetensors",
            "a/b/c.ckpt",
            "a/b/",
            "a//c.safetensors",
        ] {
            assert!(text.parse::<HubFile>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_autoencoder_lies_at_the_top_or_in_its_folder() {
        let stem = "diffusion_pytorch_model";
        let top = ["config.json", &format!("{stem}.safetensors")];
        assert_eq!(opened("a/b", &top, AddOn::Vae), Some(String::new()));
        let inner = [
            "vae/config.json",
            &format!("vae/{stem}.fp16.safetensors"),
            "unet/config.json",
        ];
        assert_eq!(opened("a/b", &inner, AddOn::Vae), Some("vae".to_owned()));
        let pickled = ["config.json", &format!("{stem}.bin")];
        assert_eq!(opened("a/b", &pickled, AddOn::Vae), None);
    }

    #[test]
    fn a_lora_is_the_usual_file_or_the_only_one_or_the_named_one() {
        let one = ["README.md", "style.safetensors"];
        let file = |name: &str| Some(name.to_owned());
        assert_eq!(opened("a/b", &one, AddOn::Lora), file(one[1]));
        let several = ["x.safetensors", "y.safetensors"];
        assert_eq!(opened("a/b", &several, AddOn::Lora), None);
        assert_eq!(
            opened("a/b/y.safetensors", &several, AddOn::Lora),
            file("y.safetensors")
        );
        assert_eq!(opened("a/b/z.safetensors", &several, AddOn::Lora), None);
        let usual = [several[0], several[1], LORA_FILE];
        assert_eq!(opened("a/b", &usual, AddOn::Lora), file(LORA_FILE));
    }
}
