use common::Result;
use serde::Serialize;

use super::id::HubId;

/// What happens while a model is downloaded, for whoever shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum DownloadEvent<'a> {
    /// What is going to be downloaded; comes before the first large file.
    Begin {
        /// The model, at the commit that is downloaded.
        id: &'a HubId,
        /// Files that are missing.
        n_files: usize,
        /// Their bytes.
        n_bytes: u64,
    },
    /// Progress over all missing files together.
    Bytes {
        /// The file that is being downloaded.
        name: &'a str,
        /// Bytes downloaded.
        n_done: u64,
        /// Bytes altogether.
        n_bytes: u64,
    },
    /// Another process is downloading this file; this one waits for it.
    Waiting {
        /// The file.
        name: &'a str,
    },
    /// Everything is there.
    Done,
}

/// Called with what happens; an error from it ends the download, and what was downloaded is kept.
pub type Watch<'w> = &'w mut dyn FnMut(DownloadEvent<'_>) -> Result<()>;
