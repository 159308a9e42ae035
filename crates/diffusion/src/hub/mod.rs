//! Models from the Hugging Face hub, in the cache that Python's `huggingface_hub` keeps on the same disk.
//!
//! What the cache has is used without asking the network. What is missing is downloaded: configurations, tokenizers and
//! one variant of the weights of each part that is used, in half precision where that exists; never pickled files. Size
//! and SHA-256 are checked before a file gets its name, and an interrupted download resumes where it stopped.
//!
//! | file | what |
//! |---|---|
//! | [`HubId`] | `owner/name@revision` |
//! | [`HubSettings`] | environment variables |
//! | [`CachedRepository`] | the cache's layout |
//! | [`fetch_add_on`] | autoencoders and LoRAs in repositories of their own |
//! | [`list`], [`remove`] | what the cache holds |
//! | `address`, `proxy` | web addresses that people paste; proxies of the environment |
//! | `choice` | which files of a repository are needed |
//! | `http`, `transfer` | the protocol; one file with resume and check |

mod add_on;
mod address;
mod cache;
mod choice;
mod http;
mod id;
mod inventory;
mod proxy;
mod settings;
mod transfer;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use add_on::{AddOn, HubFile, fetch_add_on, peek_file};
pub use address::{is_address, is_of_hub};
pub use cache::{CachedRepository, files_of};
pub use id::HubId;
pub use inventory::{Removed, list, remove};
pub use proxy::Proxies;
pub use settings::{HubSettings, Token};
pub use watch::{DownloadEvent, Watch};

use choice::{INDEX, Unusable, choose};
use common::partial_file::write_error;
use common::{Error, Result};
use http::{Client, Metadata};
use transfer::Transfer;
use ureq::Agent;
use ureq::config::Config;

use crate::family::Family;
use crate::model::{ConfigFile, HeadersOnly, ModelFolder};
use crate::weights::SafetensorsFile;

/// The file that says how a model is run.
const SCHEDULER: &str = "scheduler/scheduler_config.json";
/// Longest configuration file that is read without downloading the model, in bytes.
const MAX_CONFIG_LEN: u64 = 8 << 20;
/// Bytes of a weight file that are asked for to see its header.
const FIRST_HEADER_LEN: u64 = 1 << 18;

/// A model of the hub that is complete on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The model, at its commit.
    pub id: HubId,
    /// Its files in diffusers layout.
    pub folder: PathBuf,
}

/// The model in the cache, if it is complete there. The network isn't asked.
///
/// # Errors
/// [`Error::Weights`] for a model that can't be drawn with, such as one of another family, or where no cache is known.
pub fn cached(settings: &HubSettings, id: &HubId) -> Result<Option<Snapshot>> {
    let repository = CachedRepository::new(settings.cache()?, id);
    let Some(commit) = repository.commit(id.revision()) else {
        return Ok(None);
    };
    let folder = repository.snapshot(&commit);
    Ok(complete(&folder)?.then(|| Snapshot {
        id: id.at(&commit),
        folder,
    }))
}

/// Whether a snapshot has everything that its family needs.
fn complete(snapshot: &Path) -> Result<bool> {
    let files = files_of(snapshot);
    // Python's library downloads file by file: without its configuration a tokenizer would fill prompts up wrongly.
    if !files.contains(INDEX) || !files.contains("tokenizer/tokenizer_config.json") {
        return Ok(false);
    }
    Ok(choose(&files, family(snapshot)?).is_ok())
}

/// The model in the cache; what is missing there is downloaded from the hub.
///
/// # Errors
/// [`Error::Weights`] when the hub doesn't give it or it can't be drawn with, [`Error::Network`] when the transfer fails,
/// [`Error::Limit`] when the disk doesn't suffice; those of `watch`.
pub fn fetch(settings: &HubSettings, id: &HubId, watch: Watch<'_>) -> Result<Snapshot> {
    fetch_checked(settings, id, &|_| Ok(()), watch)
}

/// Judges a scheduler's configuration before anything large is downloaded.
pub type SchedulerCheck<'c> = &'c dyn Fn(&ConfigFile) -> Result<()>;

/// The same as [`fetch`]; a scheduler that `check` refuses ends it before anything large is downloaded.
///
/// # Errors
/// As [`fetch`], and those of `check`.
pub fn fetch_checked(
    settings: &HubSettings,
    id: &HubId,
    check: SchedulerCheck<'_>,
    watch: Watch<'_>,
) -> Result<Snapshot> {
    if let Some(snapshot) = cached(settings, id)? {
        return Ok(snapshot);
    }
    if settings.is_offline {
        let cache = settings.cache()?.display().to_string();
        return Err(Error::weights(
            id.to_string(),
            format!("is not complete in {cache}, and HF_HUB_OFFLINE forbids downloading it"),
        )
        .with_hint(format!(
            "where there is a network: visualize models pull {id}"
        )));
    }
    Download::new(settings, id)?.run(check, watch)
}

/// What can be known of a model without downloading it: configurations and headers, a few megabytes; and the bytes that
/// [`fetch`] would download. Nothing is written.
///
/// # Errors
/// As [`fetch`].
pub fn peek(settings: &HubSettings, id: &HubId) -> Result<(HeadersOnly, u64)> {
    peek_by(settings, id, Agent::new_with_config)
}

/// As [`peek`], by the connections of an agent of one's own: for programs that stand in for the hub.
///
/// # Errors
/// As [`peek`].
#[doc(hidden)]
pub fn peek_by(
    settings: &HubSettings,
    id: &HubId,
    agent: impl FnOnce(Config) -> Agent,
) -> Result<(HeadersOnly, u64)> {
    if settings.is_offline {
        let reason = "is not in the cache, and HF_HUB_OFFLINE forbids asking the hub";
        return Err(Error::weights(id.to_string(), reason));
    }
    Download::by(Client::by(settings, agent), settings, id)?.headers_only()
}

fn family(snapshot: &Path) -> Result<Family> {
    Family::of(&ModelFolder::Snapshot(snapshot.to_owned()).config(INDEX)?)
}

/// A model that is being downloaded.
struct Download<'a> {
    client: Client<'a>,
    id: &'a HubId,
    commit: String,
    files: BTreeSet<String>,
    repository: CachedRepository,
}

/// A file that is to be downloaded.
struct Wanted {
    name: String,
    url: String,
    metadata: Metadata,
}

impl<'a> Download<'a> {
    fn new(settings: &'a HubSettings, id: &'a HubId) -> Result<Self> {
        Self::by(Client::new(settings), settings, id)
    }

    fn by(client: Client<'a>, settings: &'a HubSettings, id: &'a HubId) -> Result<Self> {
        let listing = client.listing(id)?;
        Ok(Self {
            client,
            id,
            commit: listing.commit,
            files: listing.files.into_iter().collect(),
            repository: CachedRepository::new(settings.cache()?, id),
        })
    }

    fn run(&self, check: SchedulerCheck<'_>, watch: Watch<'_>) -> Result<Snapshot> {
        // The index says which family this is, and with that which files are needed: it comes alone.
        if !self.files.contains(INDEX) {
            return Err(self.no_pipeline());
        }
        let index = self.wanted([INDEX.to_owned()])?;
        self.download(&index, &mut |_| Ok(()))?;
        let snapshot = self.repository.snapshot(&self.commit);
        let needed =
            choose(&self.files, family(&snapshot)?).map_err(|unusable| self.unusable(unusable))?;
        check(&self.scheduler()?)?;
        let wanted = self.wanted(needed)?;
        self.download(&wanted, watch)?;
        // Only now: a revision that is known has all of its files.
        self.repository
            .set_commit(self.id.revision(), &self.commit)?;
        Ok(Snapshot {
            id: self.id.at(&self.commit),
            folder: snapshot,
        })
    }

    /// The scheduler's configuration, from the cache where it is there.
    fn scheduler(&self) -> Result<ConfigFile> {
        let snapshot = self.repository.snapshot(&self.commit);
        if snapshot.join(SCHEDULER).is_file() {
            return ModelFolder::Snapshot(snapshot).config(SCHEDULER);
        }
        let url = self.client.url(self.id, &self.commit, SCHEDULER);
        let text = self.client.start_of(&url, MAX_CONFIG_LEN, self.id)?;
        let headers = HeadersOnly {
            name: self.id.to_string(),
            texts: [(SCHEDULER.to_owned(), text)].into(),
            weights: BTreeMap::new(),
        };
        ModelFolder::HeadersOnly(Arc::new(headers)).config(SCHEDULER)
    }

    fn headers_only(&self) -> Result<(HeadersOnly, u64)> {
        if !self.files.contains(INDEX) {
            return Err(self.no_pipeline());
        }
        let url = |name: &str| self.client.url(self.id, &self.commit, name);
        let text = |name: &str| self.client.start_of(&url(name), MAX_CONFIG_LEN, self.id);
        let mut found = HeadersOnly {
            name: self.id.at(&self.commit).to_string(),
            texts: [(INDEX.to_owned(), text(INDEX)?)].into(),
            weights: BTreeMap::new(),
        };
        let index = ModelFolder::HeadersOnly(Arc::new(found.clone())).config(INDEX)?;
        let needed =
            choose(&self.files, Family::of(&index)?).map_err(|unusable| self.unusable(unusable))?;
        let mut n_bytes = 0u64;
        for name in &needed {
            let metadata = self.client.metadata(&url(name), self.id)?;
            n_bytes = n_bytes.saturating_add(metadata.n_bytes);
            if name.ends_with(".safetensors") {
                let file = self.header(name, &metadata)?;
                found.weights.insert(name.clone(), Arc::new(file));
            } else if !name.starts_with("tokenizer") {
                found.texts.insert(name.clone(), text(name)?);
            }
        }
        Ok((found, n_bytes))
    }

    /// A weight file's header. Most are shorter than what is asked for first.
    fn header(&self, name: &str, metadata: &Metadata) -> Result<SafetensorsFile> {
        let url = self.client.url(self.id, &self.commit, name);
        let path = Path::new(&self.id.to_string()).join(name);
        let mut start = self.client.start_of(&url, FIRST_HEADER_LEN, self.id)?;
        let end = SafetensorsFile::header_end(&path, &start, metadata.n_bytes)?;
        if end > start.len() as u64 {
            start = self.client.start_of(&url, end, self.id)?;
        }
        SafetensorsFile::headers_only(&path, &start, metadata.n_bytes)
    }

    /// Those of `names` that the snapshot lacks.
    fn wanted(&self, names: impl IntoIterator<Item = String>) -> Result<Vec<Wanted>> {
        let snapshot = self.repository.snapshot(&self.commit);
        let missing = names
            .into_iter()
            .filter(|name| !snapshot.join(name).is_file());
        missing
            .map(|name| {
                let url = self.client.url(self.id, &self.commit, &name);
                let metadata = self.client.metadata(&url, self.id)?;
                Ok(Wanted {
                    name,
                    url,
                    metadata,
                })
            })
            .collect()
    }

    fn download(&self, wanted: &[Wanted], watch: Watch<'_>) -> Result<()> {
        let n_bytes = wanted
            .iter()
            .try_fold(0u64, |sum, file| sum.checked_add(file.metadata.n_bytes))
            .unwrap_or(u64::MAX);
        let id = &self.id.at(&self.commit);
        watch(DownloadEvent::Begin {
            id,
            n_files: wanted.len(),
            n_bytes,
        })?;
        let blobs = self.repository.folder().join("blobs");
        cache::create_folder(&blobs)?;
        check_space(&blobs, n_bytes)?;
        let mut n_before = 0;
        for file in wanted {
            let name = &file.name;
            let mut tell = |is_waiting, n_done| {
                watch(match is_waiting {
                    true => DownloadEvent::Waiting { name },
                    false => DownloadEvent::Bytes {
                        name,
                        n_done: n_before + n_done,
                        n_bytes,
                    },
                })
            };
            self.download_file(file, &mut tell)?;
            n_before += file.metadata.n_bytes;
        }
        watch(DownloadEvent::Done)
    }

    /// `tell` is called with whether another process is waited for, and with the bytes that are there.
    fn download_file(
        &self,
        file: &Wanted,
        tell: &mut dyn FnMut(bool, u64) -> Result<()>,
    ) -> Result<()> {
        let etag = &file.metadata.etag;
        let blob = self.repository.blob(etag);
        let _lock = self.repository.lock(etag, || tell(true, 0))?;
        if !blob.is_file() {
            let incomplete = self.repository.incomplete(etag);
            let transfer = Transfer {
                client: &self.client,
                id: self.id,
                url: &file.url,
                metadata: &file.metadata,
                incomplete: &incomplete,
            };
            transfer.run(&mut |n_done| tell(false, n_done))?;
            std::fs::rename(&incomplete, &blob).map_err(write_error(&blob, None))?;
        }
        tell(false, file.metadata.n_bytes)?;
        self.repository.link(etag, &self.commit, &file.name)
    }

    /// Other repositories hold single files, LoRAs, or models of other kinds.
    fn no_pipeline(&self) -> Error {
        let single = self
            .files
            .iter()
            .find(|name| name.ends_with(".safetensors") && !name.contains('/'));
        let error = Error::weights(
            self.id.to_string(),
            "holds no model in diffusers layout (no model_index.json)",
        );
        match single {
            Some(name) => error.with_hint(format!(
                "it has {name}: give {}/{name} to `model` if that is a checkpoint, to `lora` or `vae` if it is one of these",
                self.id.repository()
            )),
            None => error.with_hint("give a Stable Diffusion model, such as stabilityai/sd-turbo"),
        }
    }

    fn unusable(&self, unusable: Unusable) -> Error {
        unusable.into_error(&self.id.to_string())
    }
}

/// Refuses to begin what the disk can't hold.
fn check_space(folder: &Path, n_bytes: u64) -> Result<()> {
    match fs4::available_space(folder) {
        Ok(free) if free < n_bytes => Err(Error::Limit {
            reason: format!(
                "the disk of {} has {:.0} MB left, and the model needs {:.0} MB",
                folder.display(),
                free as f64 / 1e6,
                n_bytes as f64 / 1e6
            ),
            hint: Some("free some space, or set HF_HOME to a folder on another disk".to_owned()),
        }),
        _ => Ok(()), // a file system that doesn't tell may still have room
    }
}
