//! Files that appear whole or not at all.

mod writers;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use tempfile::{NamedTempFile, PersistError};

use crate::{Error, Result};
use writers::{machine, prefix, remove_abandoned};

pub use writers::{PULSE, is_being_written};

const SUFFIX: &str = ".partial";

/// A file that appears under its name only when it is whole: it is written beside it as `.NAME.MACHINE.*.partial`, synced, and
/// then renamed. Dropped before [`PartialFile::commit`], it leaves nothing behind; what a killed process left is removed by the
/// next one of its machine that writes the same file, or by any a day later.
pub struct PartialFile {
    file: NamedTempFile,
    path: PathBuf,
    _listed: Listed,
}

/// The unfinished files of this process.
static UNFINISHED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Removes what this process has not finished writing. For a program that ends in the midst of its work, where nothing is
/// dropped: no file can be begun or finished any more.
pub fn remove_unfinished() {
    let unfinished = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
    for path in unfinished.iter() {
        let _ = std::fs::remove_file(path);
    }
    // The lock is never given back: a file that was just being begun waits for the end of the process.
    std::mem::forget(unfinished);
}

/// A place in [`UNFINISHED`].
struct Listed(PathBuf);

impl Listed {
    fn new(path: &Path) -> Self {
        let mut unfinished = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
        unfinished.insert(path.to_owned());
        Self(path.to_owned())
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        let mut unfinished = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
        unfinished.remove(&self.0);
    }
}

impl PartialFile {
    /// Begins the file `path` in its existing folder.
    ///
    /// # Errors
    /// [`Error::Io`] when the folder is missing or can't be written.
    pub fn create(path: &Path) -> Result<Self> {
        let folder = folder_of(path);
        let prefix = prefix(path);
        remove_abandoned(folder, &prefix);
        loop {
            let mut name = prefix.clone();
            name.push(format!("{}.", machine()));
            let file = temporary_in(folder, &name)?;
            // The lock tells this machine's other processes that the file is being written; it ends with the process.
            let _ = file.as_file().lock();
            // One that began the same file between these two steps took it for abandoned.
            if file.path().exists() {
                let listed = Listed::new(file.path());
                return Ok(Self {
                    file,
                    path: path.to_owned(),
                    _listed: listed,
                });
            }
        }
    }

    /// The file to write to.
    pub fn file(&self) -> &File {
        self.file.as_file()
    }

    /// Where the whole file will be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Shows machines that see no locks that the file is still being written. Whoever is long about it calls this now and then,
    /// several times in [`PULSE`].
    pub fn keep_alive(&self) {
        // Where it fails, the file may be taken for abandoned, and is written by another as well.
        let _ = self.file().set_modified(SystemTime::now());
    }

    /// Writes all bytes of the file and puts it under its name.
    ///
    /// # Errors
    /// As [`PartialFile::commit`].
    pub fn write_whole(self, bytes: &[u8]) -> Result<()> {
        self.file()
            .write_all(bytes)
            .map_err(write_error(&self.path, Some(bytes.len() as u64)))?;
        self.commit()
    }

    /// Puts the whole file under its name, in place of an older one.
    ///
    /// # Errors
    /// [`Error::Later`] when the disk is full, else [`Error::Io`].
    pub fn commit(self) -> Result<()> {
        self.commit_with(NamedTempFile::persist)
    }

    /// As [`PartialFile::commit`], but never in place of another file.
    ///
    /// # Errors
    /// [`Error::Input`] if there is a file of this name by now.
    pub fn commit_new(self) -> Result<()> {
        self.commit_with(persist_new)
    }

    fn commit_with(
        self,
        persist: impl FnOnce(NamedTempFile, PathBuf) -> Result<File, PersistError>,
    ) -> Result<()> {
        let Self {
            file,
            path,
            _listed,
        } = self;
        file.as_file()
            .sync_all()
            .map_err(write_error(&path, None))?;
        persist(file, path.clone()).map_err(|failed| match failed.error.kind() {
            ErrorKind::AlreadyExists => {
                let reason = "has appeared in the meantime; another run may have made it";
                Error::input(&path, reason)
                    .with_hint("give `force` to replace it, or another name with -o")
            }
            ErrorKind::NotFound => Error::Later {
                reason: format!(
                    "can't write {}: its folder or the unfinished file was removed in the meantime",
                    path.display()
                ),
                hint: Some("run the same command again".to_owned()),
            },
            _ => Error::io("write", &path)(failed.error),
        })?;
        // The new name must be on disk, too; where folders can't be synced, the system does it in time.
        if let Ok(folder) = File::open(folder_of(&path)) {
            let _ = folder.sync_all();
        }
        Ok(())
    }
}

/// As [`NamedTempFile::persist_noclobber`], also on file systems that know neither its renaming nor hard links (some network
/// and FUSE mounts). There, a file that appears between the look and the renaming is replaced.
fn persist_new(file: NamedTempFile, path: PathBuf) -> Result<File, PersistError> {
    file.persist_noclobber(&path).or_else(|failed| {
        let is_unknown = matches!(
            failed.error.kind(),
            ErrorKind::PermissionDenied | ErrorKind::Unsupported | ErrorKind::InvalidInput
        );
        if is_unknown && !path.exists() {
            return failed.file.persist(&path);
        }
        Err(failed)
    })
}

/// Writes a small file whole.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    PartialFile::create(path)?.write_whole(bytes)
}

/// The error for a failed write of a file that needs `n_bytes`; a full disk is told apart. For use in `map_err`.
pub fn write_error(path: &Path, n_bytes: Option<u64>) -> impl FnOnce(std::io::Error) -> Error {
    move |source| {
        let is_full = matches!(
            source.kind(),
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge
        );
        if !is_full {
            return Error::io("write", path)(source);
        }
        let needed = n_bytes.map_or_else(String::new, |n| {
            format!(", which needs {:.1} MB", n as f64 / 1e6)
        });
        Error::Later {
            reason: format!("the disk is full: can't write {}{needed}", path.display()),
            hint: Some(
                "free some space and run the same command again; finished chunks are kept"
                    .to_owned(),
            ),
        }
    }
}

/// The folder of a file; `.` for a bare name.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// A new partial file, readable for everyone whom the umask lets read it: temporary files are private by default.
fn temporary_in(folder: &Path, prefix: &OsString) -> Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder
        .prefix(prefix)
        .suffix(SUFFIX)
        .tempfile_in(folder)
        .map_err(Error::io("create a file in", folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = folder.read_dir().unwrap();
        entries
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn only_whole_files_appear() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bin");
        let partial = PartialFile::create(&path).unwrap();
        partial.file().write_all(b"half").unwrap();
        assert!(!path.exists());
        drop(partial);
        assert!(names(folder.path()).is_empty());

        write_whole(&path, b"whole").unwrap();
        write_whole(&path, b"newer").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"newer");
        assert_eq!(names(folder.path()), ["a.bin"]);
    }

    /// What a program removes that is ended from outside of its work.
    #[test]
    fn files_are_listed_until_they_are_whole_or_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bin");
        let begin = || {
            let partial = PartialFile::create(&path).unwrap();
            let unfinished = partial.file.path().to_owned();
            (partial, unfinished)
        };
        let is_listed = |path: &Path| UNFINISHED.lock().unwrap().contains(path);
        let (partial, unfinished) = begin();
        assert!(unfinished.exists() && is_listed(&unfinished));
        partial.commit().unwrap();
        assert!(!is_listed(&unfinished));
        let (partial, unfinished) = begin();
        drop(partial);
        assert!(!unfinished.exists() && !is_listed(&unfinished));
    }

    #[test]
    fn writers_of_one_file_at_once_all_succeed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bin");
        std::thread::scope(|scope| {
            for writer in 0..4u8 {
                let path = &path;
                scope.spawn(move || {
                    for _ in 0..100 {
                        write_whole(path, &[writer; 64]).unwrap();
                    }
                });
            }
        });
        let bytes = std::fs::read(&path).unwrap();
        assert!(bytes.len() == 64 && bytes.iter().all(|b| *b == bytes[0]));
        assert_eq!(names(folder.path()), ["a.bin"]);
    }

    #[test]
    fn a_new_file_replaces_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bin");
        let partial = PartialFile::create(&path).unwrap();
        partial.file().write_all(b"late").unwrap();
        std::fs::write(&path, b"first").unwrap();
        let error = partial.commit_new().unwrap_err();
        assert!(matches!(error, Error::Input { .. }), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), b"first");
        assert_eq!(names(folder.path()), ["a.bin"]);
        std::fs::remove_file(&path).unwrap();
        let partial = PartialFile::create(&path).unwrap();
        partial.file().write_all(b"new").unwrap();
        partial.commit_new().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn a_missing_folder_is_named() {
        let error = write_whole(Path::new("/nonexistent-folder/a.bin"), b"x").unwrap_err();
        assert!(error.to_string().contains("/nonexistent-folder"), "{error}");
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn a_full_disk_tells_the_amount() {
        let full = std::io::Error::from(ErrorKind::StorageFull);
        let error = write_error(Path::new("a.mp4"), Some(12_345_678))(full);
        assert!(error.to_string().contains("12.3 MB"), "{error}");
        assert!(error.hint().is_some());
        assert_eq!(error.exit_code(), 75);
    }
}
