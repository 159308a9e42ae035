use std::fmt;
use std::str::FromStr;

use common::{Error, Result};
use serde::Serialize;

use super::address;

/// Longest owner, name or revision, in letters.
const MAX_LEN: usize = 96;

/// A model on the hub: `owner/name`, or `owner/name@revision`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(into = "String")]
pub struct HubId {
    owner: String,
    name: String,
    revision: Option<String>,
}

impl From<HubId> for String {
    fn from(id: HubId) -> Self {
        id.to_string()
    }
}

impl HubId {
    /// `owner/name`, as the hub writes it.
    pub fn repository(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    /// Branch, tag or commit; `main` unless the id says otherwise.
    pub fn revision(&self) -> &str {
        self.revision.as_deref().unwrap_or("main")
    }

    /// Whether the id names a revision.
    pub fn has_revision(&self) -> bool {
        self.revision.is_some()
    }

    /// The same model at exactly one commit.
    #[must_use]
    pub fn at(&self, commit: &str) -> Self {
        Self {
            revision: Some(commit.to_owned()),
            ..self.clone()
        }
    }

    /// The folder of the model in the cache.
    pub(super) fn folder(&self) -> String {
        format!("models--{}--{}", self.owner, self.name)
    }

    /// The id of a folder of the cache, if it is one.
    pub(super) fn of_folder(folder: &str) -> Option<Self> {
        let (owner, name) = folder.strip_prefix("models--")?.split_once("--")?;
        format!("{owner}/{name}").parse().ok()
    }
}

impl fmt::Display for HubId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)?;
        match &self.revision {
            Some(revision) => write!(f, "@{revision}"),
            None => Ok(()),
        }
    }
}

impl FromStr for HubId {
    type Err = Error;

    /// # Errors
    /// [`Error::Weights`] for text that isn't a hub id or the address of a model's page, such as a path.
    fn from_str(text: &str) -> Result<Self> {
        let plain = address::plain(text);
        let text = plain.as_deref().unwrap_or(text);
        let (repository, revision) = match text.split_once('@') {
            Some((repository, revision)) => (repository, Some(revision)),
            None => (text, None),
        };
        let parts = repository
            .split_once('/')
            .filter(|(owner, name)| is_component(owner) && is_component(name));
        match parts {
            Some((owner, name)) if revision.is_none_or(is_revision) => Ok(Self {
                owner: owner.to_owned(),
                name: name.to_owned(),
                revision: revision.map(str::to_owned),
            }),
            _ => Err(Error::weights(text, "is not a model of the hub")
                .with_hint("give owner/name or owner/name@revision, such as stabilityai/sd-turbo")),
        }
    }
}

/// Owners and names: letters, digits, `-`, `_` and `.`, beginning with a letter or digit; `--` separates them in the cache.
fn is_component(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    text.len() <= MAX_LEN
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(is_plain)
        && !text.contains("--")
        && !text.contains("..")
}

/// Branches and tags may have slashes: `refs/pr/3`.
fn is_revision(text: &str) -> bool {
    text.len() <= MAX_LEN && text.split('/').all(is_component)
}

/// Whether a revision is a whole commit hash, which never means anything else.
pub(super) fn is_commit(revision: &str) -> bool {
    revision.len() == 40 && revision.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_told_from_paths() {
        for text in [
            "stabilityai/sd-turbo",
            "IDKiro/sdxs-512-0.9",
            "a/b@main",
            "a/b@refs/pr/3",
        ] {
            let id: HubId = text.parse().unwrap();
            assert_eq!(id.to_string(), text);
        }
        let id: HubId = "https://huggingface.co/a/b/tree/v2".parse().unwrap();
        assert_eq!(id.to_string(), "a/b@v2");
        for text in [
            "",
            "bundled",
            "./model",
            "../model",
            "/model",
            "~/model",
            "a/b/c",
            "https://huggingface.co/a/b/blob/main/c.safetensors",
            "https://civitai.com/a",
            "no/such/model",
            "a/",
            "/b",
            "a/b@",
            "a/b@../../x",
            "a/b@/x",
            "a--b/c",
            "a/..",
            "a b/c",
            "a/b@x y",
            "C:\\models",
        ] {
            assert!(text.parse::<HubId>().is_err(), "{text}");
        }
    }

    #[test]
    fn folders_of_the_cache_name_their_model() {
        let id: HubId = "stabilityai/sd-turbo@main".parse().unwrap();
        assert_eq!(id.folder(), "models--stabilityai--sd-turbo");
        assert_eq!(
            HubId::of_folder(&id.folder()).unwrap().to_string(),
            "stabilityai/sd-turbo"
        );
        assert_eq!(HubId::of_folder("datasets--a--b"), None);
        assert_eq!(HubId::of_folder("models--gpt2"), None);
    }
}
