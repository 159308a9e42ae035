//! What the cache holds, and how it is emptied.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use common::{Error, Result};

use super::cache::{CachedRepository, files_of};
use super::id::HubId;
use super::settings::HubSettings;
use super::{Snapshot, complete};

/// What removing a model did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removed {
    /// Files that are gone.
    pub n_files: usize,
    /// Bytes that they took on disk.
    pub n_bytes: u64,
}

/// All complete models in the cache that this program can draw with, sorted by id. Others, such as language models and
/// partly downloaded ones, are passed over. A model appears once for each commit.
///
/// # Errors
/// [`Error::Weights`] where no cache is known.
pub fn list(settings: &HubSettings) -> Result<Vec<Snapshot>> {
    let cache = settings.cache()?;
    let mut found = Vec::new();
    for entry in cache.read_dir().into_iter().flatten().flatten() {
        let Some(id) = HubId::of_folder(&entry.file_name().to_string_lossy()) else {
            continue;
        };
        let snapshots = CachedRepository::new(cache, &id).folder().join("snapshots");
        for entry in snapshots.read_dir().into_iter().flatten().flatten() {
            let commit = entry.file_name().to_string_lossy().into_owned();
            if complete(&entry.path()).unwrap_or(false) {
                found.push(Snapshot {
                    id: id.at(&commit),
                    folder: entry.path(),
                });
            }
        }
    }
    found.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(found)
}

/// Removes a model from the cache: all of it, partly downloaded files too, or one commit where the id names a revision. Contents
/// that another commit uses stay.
///
/// # Errors
/// [`Error::Weights`] if the cache doesn't have it, [`Error::Limit`] while another process downloads it, [`Error::Io`] if it
/// can't be removed.
pub fn remove(settings: &HubSettings, id: &HubId) -> Result<Removed> {
    let cache = settings.cache()?;
    let repository = CachedRepository::new(cache, id);
    let absent = || {
        Error::weights(
            id.to_string(),
            format!("is not in the cache {}", cache.display()),
        )
        .with_hint("visualize models list shows what is there")
    };
    if !repository.folder().is_dir() {
        return Err(absent());
    }
    let _locks = lock_all(&repository, id)?;
    if !id.has_revision() {
        return remove_folders(&[repository.folder(), repository.locks()]);
    }
    let commit = repository.commit(id.revision()).ok_or_else(absent)?;
    let snapshot = repository.snapshot(&commit);
    if !snapshot.is_dir() {
        return Err(absent());
    }
    remove_commit(&repository, &snapshot, &commit)
}

/// Nobody may be writing to what is removed.
fn lock_all(repository: &CachedRepository, id: &HubId) -> Result<Vec<File>> {
    let mut locks = Vec::new();
    for entry in repository
        .locks()
        .read_dir()
        .into_iter()
        .flatten()
        .flatten()
    {
        let Ok(file) = File::options().append(true).open(entry.path()) else {
            continue;
        };
        if file.try_lock().is_err() {
            return Err(Error::Limit {
                reason: format!("{id} is being downloaded by another process"),
                hint: Some("wait for it to end".to_owned()),
            });
        }
        locks.push(file);
    }
    Ok(locks)
}

/// One commit, the branches that stand at it, and contents that no other commit uses.
fn remove_commit(repository: &CachedRepository, snapshot: &Path, commit: &str) -> Result<Removed> {
    let mut removed = remove_folders(&[snapshot])?;
    let refs = repository.folder().join("refs");
    for name in files_of(&refs) {
        if repository.commit(&name).as_deref() == Some(commit) {
            let path = refs.join(&name);
            std::fs::remove_file(&path).map_err(Error::io("remove", &path))?;
        }
    }
    let snapshots = repository.folder().join("snapshots");
    let used: BTreeSet<PathBuf> = files_of(&snapshots)
        .iter()
        .filter_map(|name| snapshots.join(name).canonicalize().ok())
        .collect();
    let blobs = repository.folder().join("blobs");
    for name in files_of(&blobs) {
        let path = blobs.join(name);
        let is_used = path.canonicalize().is_ok_and(|path| used.contains(&path));
        if !is_used {
            removed.n_bytes += len_of(&path);
            removed.n_files += 1;
            std::fs::remove_file(&path).map_err(Error::io("remove", &path))?;
        }
    }
    Ok(removed)
}

/// Removes folders with all that is in them; links are removed, what they lead to isn't.
fn remove_folders(folders: &[&Path]) -> Result<Removed> {
    let mut removed = Removed {
        n_files: 0,
        n_bytes: 0,
    };
    for folder in folders {
        if folder.symlink_metadata().is_err() {
            continue;
        }
        count(folder, &mut removed);
        std::fs::remove_dir_all(folder).map_err(Error::io("remove", folder))?;
    }
    Ok(removed)
}

/// Counts files that lie in a folder themselves; links take no space.
fn count(folder: &Path, removed: &mut Removed) {
    for entry in folder.read_dir().into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => count(&entry.path(), removed),
            Ok(kind) if kind.is_file() => {
                removed.n_files += 1;
                removed.n_bytes += len_of(&entry.path());
            }
            _ => {}
        }
    }
}

fn len_of(path: &Path) -> u64 {
    path.symlink_metadata()
        .map_or(0, |data| if data.is_file() { data.len() } else { 0 })
}
