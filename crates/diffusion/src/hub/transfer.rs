use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use common::hex::hex;
use common::partial_file::write_error;
use common::{Error, Result};
use sha2::{Digest, Sha256};
use ureq::http::HeaderMap;

use super::http::{Client, Metadata};
use super::id::HubId;
use crate::digests::hash_rest;

/// How often a transfer goes on without having got further.
const N_IDLE_TRIES: u32 = 3;
/// Bytes read at once.
const BUFFER_LEN: usize = 1 << 18;

/// A file on its way.
pub(super) struct Transfer<'a> {
    pub client: &'a Client<'a>,
    pub id: &'a HubId,
    pub url: &'a str,
    pub metadata: &'a Metadata,
    /// Where the bytes are collected; what an earlier run left there is continued.
    pub incomplete: &'a Path,
}

/// Bytes that lie in the file already, with the hash of them.
struct Collected {
    file: File,
    hash: Sha256,
    n_bytes: u64,
}

impl Transfer<'_> {
    /// Collects the whole file, tells `progress` how many bytes are there, and checks size and hash.
    ///
    /// # Errors
    /// [`Error::Network`] when the connection fails for good (what came is kept), or the contents are not those that the
    /// hub announced (they are removed); [`Error::Io`] and [`Error::Limit`] when they can't be written; those of `progress`.
    pub fn run(&self, progress: &mut dyn FnMut(u64) -> Result<()>) -> Result<()> {
        let mut collected = Collected::open(self.incomplete, self.metadata.n_bytes)?;
        let mut is_continued = collected.n_bytes > 0;
        let mut n_idle = 0;
        loop {
            progress(collected.n_bytes)?;
            let before = collected.n_bytes;
            let broke_off = self.read_on(&mut collected, progress)?;
            if collected.n_bytes < self.metadata.n_bytes {
                n_idle = if collected.n_bytes > before {
                    0
                } else {
                    n_idle + 1
                };
                if n_idle >= N_IDLE_TRIES {
                    return Err(self.cut(collected.n_bytes, &broke_off.unwrap_or_default()));
                }
                continue;
            }
            match self.check(&collected) {
                Ok(()) => {
                    return collected
                        .file
                        .sync_all()
                        .map_err(write_error(self.incomplete, Some(self.metadata.n_bytes)));
                }
                // What an earlier run left may be of something else: once more from the start.
                Err(_) if is_continued => {
                    is_continued = false;
                    collected.restart(self.incomplete)?;
                }
                Err(error) => {
                    let _ = std::fs::remove_file(self.incomplete);
                    return Err(error);
                }
            }
        }
    }

    /// One request: as many bytes as the connection gives. Says why it ended early, if it did.
    fn read_on(
        &self,
        collected: &mut Collected,
        progress: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<Option<String>> {
        if collected.n_bytes == self.metadata.n_bytes {
            return Ok(None);
        }
        let response = self.client.get(self.url, collected.n_bytes, self.id)?;
        let continues = response.status().as_u16() == 206
            && begin_of(response.headers()) == Some(collected.n_bytes);
        if collected.n_bytes > 0 && !continues {
            collected.restart(self.incomplete)?;
            if response.status().as_u16() != 200 {
                return Ok(Some("the server can't continue".to_owned()));
            }
        }
        let mut body = response.into_body().into_reader();
        let mut buffer = vec![0; BUFFER_LEN];
        loop {
            let n_read = match body.read(&mut buffer) {
                Ok(0) => return Ok(Some("the connection was closed".to_owned())),
                Ok(n_read) => n_read,
                Err(error) => return Ok(Some(error.to_string())),
            };
            if collected.n_bytes + n_read as u64 > self.metadata.n_bytes {
                let _ = std::fs::remove_file(self.incomplete);
                return Err(self.wrong(format!(
                    "sends more than the {} bytes that the hub announced",
                    self.metadata.n_bytes
                )));
            }
            collected
                .push(buffer.get(..n_read).unwrap_or_default())
                .map_err(write_error(self.incomplete, Some(self.metadata.n_bytes)))?;
            progress(collected.n_bytes)?;
            if collected.n_bytes == self.metadata.n_bytes {
                return Ok(None);
            }
        }
    }

    fn check(&self, collected: &Collected) -> Result<()> {
        let Some(expected) = self.metadata.sha256() else {
            return Ok(());
        };
        let found = hex(&collected.hash.clone().finalize());
        if found.eq_ignore_ascii_case(expected) {
            return Ok(());
        }
        Err(self.wrong(format!(
            "the checksum is wrong: SHA-256 {found}, announced was {expected}"
        )))
    }

    fn wrong(&self, reason: String) -> Error {
        Error::network(self.url, reason)
            .with_hint("nothing of it was kept; run the same command again")
    }

    fn cut(&self, n_bytes: u64, why: &str) -> Error {
        let reason = format!(
            "broke off after {n_bytes} of {} bytes: {why}",
            self.metadata.n_bytes
        );
        Error::network(self.url, reason)
            .with_hint("what was downloaded is kept; the same command resumes there")
    }
}

impl Collected {
    /// Opens the file and hashes what lies in it; more than `n_expected` bytes can't be of these contents.
    fn open(path: &Path, n_expected: u64) -> Result<Self> {
        let mut file = File::options()
            .create(true)
            .read(true)
            .append(true)
            .open(path)
            .map_err(Error::io("create", path))?;
        let len = file.metadata().map_err(Error::io("read", path))?.len();
        let mut hash = Sha256::new();
        let mut n_bytes = 0;
        if len > n_expected {
            file.set_len(0).map_err(Error::io("write", path))?;
        } else {
            n_bytes = hash_rest(&mut file, &mut hash).map_err(Error::io("read", path))?;
        }
        Ok(Self {
            file,
            hash,
            n_bytes,
        })
    }

    fn restart(&mut self, path: &Path) -> Result<()> {
        self.file.set_len(0).map_err(Error::io("write", path))?;
        self.hash = Sha256::new();
        self.n_bytes = 0;
        Ok(())
    }

    fn push(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.file.write_all(bytes)?;
        self.hash.update(bytes);
        self.n_bytes += bytes.len() as u64;
        Ok(())
    }
}

/// First byte of a partial answer: `Content-Range: bytes 5-9/10`.
fn begin_of(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get("content-range")?.to_str().ok()?;
    range
        .strip_prefix("bytes ")?
        .split_once('-')?
        .0
        .trim()
        .parse()
        .ok()
}
