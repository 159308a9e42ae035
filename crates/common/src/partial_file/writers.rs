//! Who writes a partial file: processes of this machine by a lock, others by when they last wrote.

use std::ffi::OsString;
use std::fs::{DirEntry, File, TryLockError};
use std::path::Path;
use std::time::Duration;

use super::{SUFFIX, folder_of};
use crate::host::host_name;

/// What no process has written to for so long is abandoned.
const DAY: Duration = Duration::from_secs(24 * 3600);
/// A file that is being written shows it at least so often.
pub const PULSE: Duration = Duration::from_secs(600);

/// Whether another process is writing the file `path`: it has begun it, and isn't known to have died. What another machine began
/// counts for as long as [`PULSE`] after its last sign of life.
pub fn is_being_written(path: &Path) -> bool {
    let mut partials = partials(folder_of(path), &prefix(path)).into_iter();
    partials.any(|partial| match writer_of(&partial) {
        Writer::Lives => true,
        Writer::Died(_) => false,
        Writer::Unknown => age(&partial.entry).is_some_and(|age| age < PULSE),
    })
}

/// What the names of a file's partial files begin with.
pub(super) fn prefix(path: &Path) -> OsString {
    let mut prefix = OsString::from(".");
    prefix.push(path.file_name().unwrap_or_default());
    prefix.push(".");
    prefix
}

/// A partial file that some process began.
struct Partial {
    entry: DirEntry,
    /// Whether another machine's process began it.
    is_foreign: bool,
}

/// The partial files of one file, by what their names begin with.
fn partials(folder: &Path, prefix: &OsString) -> Vec<Partial> {
    let Ok(entries) = folder.read_dir() else {
        return Vec::new();
    };
    let own = machine();
    let partial = |entry: DirEntry| {
        let name = entry.file_name();
        let inner = name
            .as_encoded_bytes()
            .strip_prefix(prefix.as_encoded_bytes())?
            .strip_suffix(SUFFIX.as_bytes())?;
        let mut parts = inner.split(|b| *b == b'.');
        let is_other = parts.next().is_some_and(|name| name != own.as_bytes());
        let is_foreign = is_other && parts.next().is_some();
        Some(Partial { entry, is_foreign })
    };
    entries.flatten().filter_map(partial).collect()
}

/// What is known of the process that began a partial file.
enum Writer {
    Lives,
    /// The file, locked.
    Died(File),
    /// Only the file's age tells: network file systems may keep no locks, or none that other machines see.
    Unknown,
}

fn writer_of(partial: &Partial) -> Writer {
    if partial.is_foreign {
        return Writer::Unknown;
    }
    let Ok(file) = File::open(partial.entry.path()) else {
        return Writer::Unknown;
    };
    match file.try_lock() {
        Ok(()) => Writer::Died(file),
        Err(TryLockError::WouldBlock) => Writer::Lives,
        Err(TryLockError::Error(_)) => Writer::Unknown,
    }
}

/// Removes partial files of the dead. Each is locked until it is gone, so that one who begins to write it just now sees that it went.
pub(super) fn remove_abandoned(folder: &Path, prefix: &OsString) {
    for partial in partials(folder, prefix) {
        let _lock = match writer_of(&partial) {
            Writer::Lives => continue,
            Writer::Died(file) => Some(file),
            Writer::Unknown if age(&partial.entry).is_some_and(|age| age > DAY) => None,
            Writer::Unknown => continue,
        };
        let _ = std::fs::remove_file(partial.entry.path());
    }
}

/// How long ago something was last written to a file. Clocks of machines differ: a time that lies ahead is as far away.
fn age(entry: &DirEntry) -> Option<Duration> {
    let written = entry.metadata().and_then(|metadata| metadata.modified());
    let age = written.ok()?.elapsed();
    Some(age.unwrap_or_else(|ahead| ahead.duration()))
}

/// A word for this machine in names: eight hexadecimal digits of its name's hash (FNV-1a, 32 bits).
pub(super) fn machine() -> String {
    let hash = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    let hash = host_name().bytes().fold(0x811c_9dc5, hash);
    format!("{hash:08x}")
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::time::SystemTime;

    use super::super::{PartialFile, write_whole};
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = folder.read_dir().unwrap();
        let mut names: Vec<_> = entries
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn leftovers_of_the_dead_go_and_files_of_the_living_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bin");
        std::fs::write(folder.path().join(".a.bin.dead.partial"), b"x").unwrap();
        std::fs::write(folder.path().join(".b.bin.other.partial"), b"x").unwrap();
        let first = PartialFile::create(&path).unwrap();
        first.file().write_all(b"first").unwrap();
        write_whole(&path, b"second").unwrap();
        first.commit().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"first");
        assert_eq!(names(folder.path()), [".b.bin.other.partial", "a.bin"]);
    }

    /// No lock of another machine may be seen here: only the age tells.
    #[test]
    fn files_of_other_machines_go_after_a_day() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bin");
        let partial = |name: &str| folder.path().join(format!(".a.bin.{name}.partial"));
        let own = machine();
        for name in ["00000000.new", "00000001.old", &format!("{own}.new")] {
            std::fs::write(partial(name), b"x").unwrap();
        }
        let old = File::options().write(true).open(partial("00000001.old"));
        let yesterday = SystemTime::now() - Duration::from_secs(25 * 3600);
        old.unwrap().set_modified(yesterday).unwrap();
        write_whole(&path, b"whole").unwrap();
        assert_eq!(
            names(folder.path()),
            [".a.bin.00000000.new.partial", "a.bin"]
        );
    }

    #[test]
    fn what_another_process_writes_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bin");
        assert!(!is_being_written(&path));
        let partial = PartialFile::create(&path).unwrap();
        assert!(is_being_written(&path));
        assert!(!is_being_written(&folder.path().join("a.bi")));
        partial.write_whole(b"whole").unwrap();
        assert!(!is_being_written(&path), "it is finished");

        let own = machine();
        std::fs::write(folder.path().join(format!(".a.bin.{own}.x.partial")), b"").unwrap();
        assert!(!is_being_written(&path), "its process has died");
        let foreign = folder.path().join(".a.bin.00000000.x.partial");
        std::fs::write(&foreign, b"").unwrap();
        assert!(is_being_written(&path), "of another machine, and new");
        let file = File::options().write(true).open(&foreign).unwrap();
        file.set_modified(SystemTime::now() - PULSE - Duration::from_secs(1))
            .unwrap();
        assert!(!is_being_written(&path), "of another machine, and silent");
        file.set_modified(SystemTime::now() + Duration::from_secs(90))
            .unwrap();
        assert!(is_being_written(&path), "by a clock that is ahead");
    }
}
