use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use common::partial_file::write_whole;
use common::{Error, Result};

use super::id::{HubId, is_commit};

/// A model's folder in the hub's cache, laid out as Python's `huggingface_hub` does:
///
/// ```text
/// models--owner--name/refs/main              the commit that a branch stood at
/// models--owner--name/blobs/ETAG             contents, named by their hash
/// models--owner--name/snapshots/COMMIT/...   links to contents, by the repository's names
/// .locks/models--owner--name/ETAG.lock       held by whoever writes blobs/ETAG
/// ```
#[derive(Clone, Debug)]
pub struct CachedRepository {
    folder: PathBuf,
    locks: PathBuf,
}

impl CachedRepository {
    /// The folder of a model in the cache, which may not exist yet.
    pub fn new(cache: &Path, id: &HubId) -> Self {
        Self {
            folder: cache.join(id.folder()),
            locks: cache.join(".locks").join(id.folder()),
        }
    }

    /// The folder itself.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder of its locks.
    pub(super) fn locks(&self) -> &Path {
        &self.locks
    }

    /// The commit of a revision, as far as the cache knows.
    pub fn commit(&self, revision: &str) -> Option<String> {
        if is_commit(revision) {
            return Some(revision.to_owned());
        }
        let text = std::fs::read_to_string(self.folder.join("refs").join(revision)).ok()?;
        let commit = text.trim();
        is_safe_name(commit).then(|| commit.to_owned())
    }

    /// The folder of a commit's files.
    pub fn snapshot(&self, commit: &str) -> PathBuf {
        self.folder.join("snapshots").join(commit)
    }

    pub(super) fn blob(&self, etag: &str) -> PathBuf {
        self.folder.join("blobs").join(etag)
    }

    /// Where contents are collected until they are whole and checked.
    pub(super) fn incomplete(&self, etag: &str) -> PathBuf {
        self.folder.join("blobs").join(format!("{etag}.incomplete"))
    }

    /// Waits until no other process writes these contents. The lock ends with the file; Python's library takes the same.
    pub(super) fn lock(&self, etag: &str, on_wait: impl FnOnce() -> Result<()>) -> Result<File> {
        create_folder(&self.locks)?;
        let path = self.locks.join(format!("{etag}.lock"));
        let file = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(Error::io("create", &path))?;
        if file.try_lock().is_err() {
            on_wait()?;
            file.lock().map_err(Error::io("lock", &path))?;
        }
        Ok(file)
    }

    /// Puts contents under a name of a commit: a link where the system has them, else the only copy.
    pub(super) fn link(&self, etag: &str, commit: &str, name: &str) -> Result<()> {
        let path = self.snapshot(commit).join(name);
        create_folder(path.parent().unwrap_or(&self.folder))?;
        // What is under the name can only be a link to contents that are gone.
        if path.symlink_metadata().is_ok() && !path.exists() {
            std::fs::remove_file(&path).map_err(Error::io("remove", &path))?;
        }
        let made = link(&self.blob(etag), &up_to_blobs(name, etag), &path);
        match made {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                Err(Error::io("create", &path)(error))
            }
            _ => Ok(()),
        }
    }

    /// Remembers at which commit a branch or tag stood.
    pub(super) fn set_commit(&self, revision: &str, commit: &str) -> Result<()> {
        if is_commit(revision) {
            return Ok(());
        }
        let path = self.folder.join("refs").join(revision);
        create_folder(path.parent().unwrap_or(&self.folder))?;
        write_whole(&path, commit.as_bytes())
    }
}

/// Names of the files of a snapshot, with `/` between folders; links whose contents are gone don't count.
pub fn files_of(snapshot: &Path) -> BTreeSet<String> {
    /// Folders in folders that are looked at: a commit, a part, and one to spare.
    const MAX_DEPTH: usize = 3;
    fn add(folder: &Path, prefix: &str, depth: usize, names: &mut BTreeSet<String>) {
        for entry in folder.read_dir().into_iter().flatten().flatten() {
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            match entry.path().metadata() {
                Ok(data) if data.is_file() => {
                    names.insert(name);
                }
                Ok(data) if data.is_dir() && depth < MAX_DEPTH => {
                    add(&entry.path(), &format!("{name}/"), depth + 1, names);
                }
                _ => {}
            }
        }
    }
    let mut names = BTreeSet::new();
    add(snapshot, "", 0, &mut names);
    names
}

/// Whether a hash or an ETag that came from outside can be a file's name.
pub(super) fn is_safe_name(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (1..=128).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(is_plain)
}

pub(super) fn create_folder(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).map_err(Error::io("create", path))
}

/// From a file of a snapshot to its contents.
fn up_to_blobs(name: &str, etag: &str) -> PathBuf {
    let mut path = PathBuf::from("../..");
    path.extend(name.split('/').skip(1).map(|_| ".."));
    path.join("blobs").join(etag)
}

#[cfg(unix)]
fn link(_blob: &Path, relative: &Path, path: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(relative, path)
}

#[cfg(not(unix))]
fn link(blob: &Path, _relative: &Path, path: &Path) -> std::io::Result<()> {
    std::fs::hard_link(blob, path).or_else(|_| std::fs::copy(blob, path).map(|_| ()))
}
