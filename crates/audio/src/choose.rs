//! Which soundtrack a song gets.

use std::ops::Range;
use std::path::Path;

use common::Result;

use super::copied::CopiedPackets;
use super::encoded::EncodedFlac;
use super::soundtrack::Soundtrack;
use super::track::Track;

impl Track {
    /// The soundtrack of `range`, half-open, in samples, clamped to the track. `folder` takes a temporary file, without a
    /// name, while a song is encoded to FLAC; the file is gone with the soundtrack.
    ///
    /// # Errors
    /// [`Error::Input`](common::Error::Input) if the song is damaged, with the time, or can't be put in a film;
    /// [`Error::Io`](common::Error::Io) if it can't be read or the folder can't be written to.
    pub fn soundtrack(&self, range: Range<u64>, folder: &Path) -> Result<Box<dyn Soundtrack>> {
        let end = range.end.min(self.n_samples);
        let range = range.start.min(end)..end;
        if let Some(copied) = CopiedPackets::open(self, range.clone())? {
            return Ok(Box::new(copied));
        }
        Ok(Box::new(EncodedFlac::encode(self, range, folder)?))
    }
}
