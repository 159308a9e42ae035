//! Files that appear under their name only when they are whole.

use std::path::Path;

use tempfile::NamedTempFile;

use crate::{Error, Result};

/// A temporary file in the folder of `path`, to be persisted there; it is as readable as any new file is.
///
/// # Errors
/// [`Error::Io`] if the folder can't be written to.
pub(crate) fn file_beside(path: &Path) -> Result<NamedTempFile> {
    let folder = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder
        .tempfile_in(folder)
        .map_err(Error::io("write", path))
}
