use std::fs::{File, Metadata};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::hex::hex;
use common::partial_file::write_whole;
use common::{Error, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Shorter files are hashed each time: that is as fast as looking them up.
const MIN_LEN: u64 = 1 << 20;
/// A file younger than this may change again without a new modification time.
const MIN_AGE: Duration = Duration::from_secs(2);
/// Bytes read at once.
const BUFFER_LEN: usize = 1 << 18;

/// Remembers the SHA-256 of large files in the user's cache folder, so that gigabytes of weights are hashed once and not
/// for each plan and each render.
///
/// A hash counts as long as the file's path, length, modification time, change time and inode are those that it had. The
/// change time can't be set back, so a file that was rewritten and given its old modification time is seen as well.
#[derive(Clone, Debug, Default)]
pub struct DigestCache {
    folder: Option<PathBuf>,
}

/// What is remembered of a file.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    path: PathBuf,
    stamp: Stamp,
    sha256: String,
}

/// What changes with a file's contents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    len: u64,
    /// Nanoseconds since 1970.
    modified_ns: u128,
    /// Seconds and nanoseconds since 1970; 0 where the system has none.
    changed: (i64, i64),
    /// Device and inode; 0 where the system has none.
    inode: (u64, u64),
}

impl DigestCache {
    /// Remembers in `folder`, which is made when there is something to remember; without one, nothing is remembered.
    pub fn new(folder: Option<PathBuf>) -> Self {
        Self { folder }
    }

    /// SHA-256 of a file, remembered or computed.
    ///
    /// # Errors
    /// [`Error::Io`] if it can't be read. A cache that can't be read or written is no error.
    pub fn sha256(&self, path: &Path) -> Result<[u8; 32]> {
        let read = || Error::io("read", path);
        let mut file = File::open(path).map_err(read())?;
        let before = file.metadata().map_err(read())?;
        let place = self.place(path).filter(|_| before.len() >= MIN_LEN);
        if let Some((place, path)) = &place
            && let Some(known) = remembered(place, path, &Stamp::of(&before))
        {
            return Ok(known);
        }
        let mut hash = Sha256::new();
        hash_rest(&mut file, &mut hash).map_err(read())?;
        let digest: [u8; 32] = hash.finalize().into();
        let after = file.metadata().map_err(read())?;
        let stamp = Stamp::of(&after);
        if let Some((place, path)) = place
            && Stamp::of(&before) == stamp
            && is_settled(&after)
        {
            let sha256 = hex(&digest);
            let entry = Entry {
                path,
                stamp,
                sha256,
            };
            remember(&place, &entry);
        }
        Ok(digest)
    }

    /// Where a file's hash is remembered, and the file's full path.
    fn place(&self, path: &Path) -> Option<(PathBuf, PathBuf)> {
        let folder = self.folder.as_ref()?;
        let path = path.canonicalize().ok()?;
        let key = hex(&Sha256::digest(path.as_os_str().as_encoded_bytes()));
        Some((folder.join(key).with_extension("json"), path))
    }
}

impl Stamp {
    fn of(data: &Metadata) -> Self {
        let modified = data.modified().ok();
        let modified = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        Self {
            len: data.len(),
            modified_ns: modified.unwrap_or_default().as_nanos(),
            changed: changed(data),
            inode: inode(data),
        }
    }
}

#[cfg(unix)]
fn changed(data: &Metadata) -> (i64, i64) {
    use std::os::unix::fs::MetadataExt;
    (data.ctime(), data.ctime_nsec())
}

#[cfg(unix)]
fn inode(data: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (data.dev(), data.ino())
}

#[cfg(not(unix))]
fn changed(_data: &Metadata) -> (i64, i64) {
    (0, 0)
}

#[cfg(not(unix))]
fn inode(_data: &Metadata) -> (u64, u64) {
    (0, 0)
}

/// Whether a later change would show in the modification time, whose ticks can be long.
fn is_settled(data: &Metadata) -> bool {
    let age = data
        .modified()
        .ok()
        .and_then(|modified| SystemTime::now().duration_since(modified).ok());
    age.is_some_and(|age| age >= MIN_AGE)
}

fn remembered(place: &Path, path: &Path, stamp: &Stamp) -> Option<[u8; 32]> {
    let entry: Entry = serde_json::from_slice(&std::fs::read(place).ok()?).ok()?;
    if entry.path != path || entry.stamp != *stamp || entry.sha256.len() != 64 {
        return None;
    }
    let mut digest = [0; 32];
    for (idx, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(entry.sha256.get(2 * idx..2 * idx + 2)?, 16).ok()?;
    }
    Some(digest)
}

/// A hash that can't be remembered is computed again.
fn remember(place: &Path, entry: &Entry) {
    let folder = place.parent().unwrap_or(place);
    if std::fs::create_dir_all(folder).is_ok()
        && let Ok(text) = serde_json::to_vec(entry)
    {
        let _ = write_whole(place, &text);
    }
}

/// Adds what is left of a file to a hash, and counts its bytes.
pub(super) fn hash_rest(file: &mut File, hash: &mut Sha256) -> std::io::Result<u64> {
    let mut buffer = vec![0; BUFFER_LEN];
    let mut n_bytes = 0;
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(n_bytes),
            n_read => {
                hash.update(buffer.get(..n_read).unwrap_or_default());
                n_bytes += n_read as u64;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A large file that was written long ago.
    fn write_old(path: &Path, byte: u8, age_secs: u64) {
        std::fs::write(path, vec![byte; MIN_LEN as usize]).unwrap();
        let file = File::options().append(true).open(path).unwrap();
        let time = SystemTime::now() - Duration::from_secs(age_secs);
        file.set_modified(time).unwrap();
    }

    fn sha256_of(byte: u8) -> [u8; 32] {
        Sha256::digest(vec![byte; MIN_LEN as usize]).into()
    }

    #[test]
    fn a_hash_is_remembered_until_the_file_changes() {
        let folder = tempfile::tempdir().unwrap();
        let cache = DigestCache::new(Some(folder.path().join("cache/sha256")));
        let path = folder.path().join("weights");
        write_old(&path, 1, 100);
        assert_eq!(cache.sha256(&path).unwrap(), sha256_of(1));

        // A false entry shows that the second answer comes from the cache.
        let (place, _) = cache.place(&path).unwrap();
        let mut entry: Entry = serde_json::from_slice(&std::fs::read(&place).unwrap()).unwrap();
        entry.sha256 = "00".repeat(32);
        remember(&place, &entry);
        assert_eq!(cache.sha256(&path).unwrap(), [0; 32]);

        write_old(&path, 2, 50);
        assert_eq!(cache.sha256(&path).unwrap(), sha256_of(2));
        std::fs::write(&place, "not json").unwrap();
        assert_eq!(cache.sha256(&path).unwrap(), sha256_of(2));
    }

    #[test]
    #[cfg(unix)]
    fn a_rewritten_file_with_its_old_time_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let cache = DigestCache::new(Some(folder.path().join("cache")));
        let path = folder.path().join("weights");
        write_old(&path, 1, 100);
        let modified = path.metadata().unwrap().modified().unwrap();
        assert_eq!(cache.sha256(&path).unwrap(), sha256_of(1));
        std::thread::sleep(Duration::from_millis(20));
        write_old(&path, 2, 0);
        let file = File::options().append(true).open(&path).unwrap();
        file.set_modified(modified).unwrap();
        assert_eq!(cache.sha256(&path).unwrap(), sha256_of(2));
    }

    #[test]
    fn young_and_small_files_are_not_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let cache = DigestCache::new(Some(folder.path().join("cache")));
        let path = folder.path().join("weights");
        write_old(&path, 1, 0);
        cache.sha256(&path).unwrap();
        std::fs::write(&path, b"small").unwrap();
        cache.sha256(&path).unwrap();
        assert!(!folder.path().join("cache").exists());
    }

    #[test]
    fn a_cache_that_cannot_be_written_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights");
        write_old(&path, 1, 100);
        let blocked = DigestCache::new(Some(path.join("below a file")));
        assert_eq!(blocked.sha256(&path).unwrap(), sha256_of(1));
        assert!(DigestCache::default().sha256(&path.join("x")).is_err());
    }
}
