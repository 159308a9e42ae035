//! What the targets share: a file in memory, and inputs of several parts.

mod checksums;

pub use checksums::with_checksums;

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// One file that is written anew for each input, for readers that take a path.
pub struct Scratch {
    path: PathBuf,
    file: File,
}

impl Scratch {
    /// A file of this process, with an ending; in memory where the system has a folder for that.
    ///
    /// # Panics
    /// Where it can't be made.
    pub fn new(ending: &str) -> Self {
        let memory = Path::new("/dev/shm");
        let folder = match memory.is_dir() {
            true => memory.to_owned(),
            false => std::env::temp_dir(),
        };
        let path = folder.join(format!("visualize-fuzz-{}{ending}", std::process::id()));
        let file = File::create(&path).expect("the scratch file can't be made");
        Self { path, file }
    }

    /// The file's path, now with these bytes.
    ///
    /// # Panics
    /// Where it can't be written.
    pub fn with(&mut self, bytes: &[u8]) -> &Path {
        // Cut behind the new bytes, so that the file keeps its memory.
        self.file.seek(SeekFrom::Start(0)).expect("no seek");
        self.file.write_all(bytes).expect("no write");
        self.file.set_len(bytes.len() as u64).expect("no cut");
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.path));
    }
}

/// The parts of an input, which a zero byte separates.
pub fn parts(input: &[u8]) -> impl Iterator<Item = &[u8]> {
    input.split(|byte| *byte == 0)
}
