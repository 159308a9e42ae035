//! Which soundtrack a song gets.

use std::ops::Range;
use std::path::Path;

use common::Result;

use super::aac;
use super::copied::{CopiedPackets, codec_of};
use super::encoded::{Encoded, check};
use super::soundtrack::{Soundtrack, SoundtrackCodec, SoundtrackFormat};
use super::track::Track;

impl Track {
    /// The soundtrack of `range`, half-open, in samples, clamped to the track; `None` where none is wanted. `folder` takes a temporary file while a song is
    /// encoded; the file is gone with the soundtrack.
    ///
    /// # Errors
    /// [`Error::Input`](common::Error::Input) if the song is damaged, with the time, or can't be put in a film;
    /// [`Error::Config`](common::Error::Config) if the format can't hold it; [`Error::Io`](common::Error::Io) if it can't be
    /// read or the folder can't be written to.
    pub fn soundtrack(
        &self,
        range: Range<u64>,
        format: SoundtrackFormat,
        folder: &Path,
    ) -> Result<Option<Box<dyn Soundtrack>>> {
        if format == SoundtrackFormat::None {
            return Ok(None);
        }
        let end = range.end.min(self.n_samples);
        let range = range.start.min(end)..end;
        if let Some(copied) = CopiedPackets::open(self, range.clone(), format)? {
            return Ok(Some(Box::new(copied)));
        }
        Ok(Some(match format {
            SoundtrackFormat::Aac => aac::encode(self, range, folder)?,
            _ => Box::new(Encoded::encode(self, range, format, folder)?),
        }))
    }

    /// Whether the song can have a soundtrack of this format, as far as it is known before the song is decoded.
    ///
    /// # Errors
    /// As for [`Track::soundtrack`].
    pub fn check_soundtrack(&self, format: SoundtrackFormat) -> Result<()> {
        if format == SoundtrackFormat::None {
            return Ok(());
        }
        let demuxer = self.demuxer()?;
        if codec_of(demuxer.stream()).is_some_and(|codec| is_of(&codec, format)) {
            return Ok(());
        }
        match format {
            SoundtrackFormat::Aac => aac::check(self.n_channels),
            _ => check(self, demuxer.stream(), format),
        }
    }
}

/// Whether packets of a codec are what was asked for.
pub(super) fn is_of(codec: &SoundtrackCodec, format: SoundtrackFormat) -> bool {
    match codec {
        SoundtrackCodec::Flac { .. } => {
            matches!(format, SoundtrackFormat::Copy | SoundtrackFormat::Flac)
        }
        SoundtrackCodec::Alac { .. } => format == SoundtrackFormat::Alac,
        SoundtrackCodec::Aac { .. } => {
            matches!(format, SoundtrackFormat::Copy | SoundtrackFormat::Aac)
        }
        SoundtrackCodec::Mp3 | SoundtrackCodec::Opus { .. } => format == SoundtrackFormat::Copy,
    }
}
