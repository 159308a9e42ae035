use std::path::{Path, PathBuf};

use common::{Error, Result};

/// The folder of a film's finished chunks. They stay there until they are muxed, so that a killed run continues where it
/// stopped.
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// The run folder of a film or a timeline: beside it, with the extension `visualize`.
    pub fn beside(file: &Path) -> Self {
        Self {
            path: file.with_extension("visualize"),
        }
    }

    /// A folder that was named.
    pub fn at(folder: &Path) -> Self {
        Self {
            path: folder.to_owned(),
        }
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Creates the folder where it is missing; the folder above it must exist.
    ///
    /// # Errors
    /// [`Error::Io`] when the folder above is missing or can't be written.
    pub fn create(&self) -> Result<()> {
        match std::fs::create_dir(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                Err(Error::io("create", &self.path)(error))
            }
            _ => Ok(()),
        }
    }
}
