//! What only a look at the whole file tells of where its sound lies.

use std::fs::File;
use std::path::Path;

use common::{Error, Result};
use serde::{Deserialize, Serialize};

use super::demux::Demuxer;
use super::stream::Container;
use super::{flac_end, joined_flac, ogg, tags};

/// Where the parts of a song lie, where its packets alone don't tell.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Layout {
    /// Where further FLAC streams begin in the file, in bytes, if several are joined in it.
    pub joined_at: Vec<u64>,
    /// Where the frames of FLAC end, in bytes, if something else stands behind them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flac_end: Option<u64>,
    /// Where sound is missing, if pages of Ogg are: the place on the decoded timeline without the gaps before it, and how much,
    /// in samples.
    pub gaps: Vec<(u64, u64)>,
}

impl Layout {
    /// Whether the packets alone tell.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// Looks at the file that `demuxer` has read to its end.
    ///
    /// # Errors
    /// [`Error::Io`] if the file can't be read.
    pub(super) fn find(path: &Path, demuxer: &Demuxer) -> Result<Self> {
        let mut layout = Self::default();
        let is_ogg = demuxer.stream().container == Container::Ogg;
        let has_gaps = is_ogg && demuxer.n_parts() == 1 && !demuxer.gaps().is_empty();
        if !demuxer.may_be_joined() && !has_gaps {
            return Ok(layout);
        }
        let failed = |error| Error::io("read", path)(error);
        let mut file = File::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        if !has_gaps {
            let body = tags::without_front(&mut file, length).map_err(failed)?;
            layout.joined_at = joined_flac::find(&mut file, &body).map_err(failed)?;
            if layout.joined_at.is_empty() {
                let end = flac_end::find(&mut file, &body).map_err(failed)?;
                layout.flac_end = end.filter(|end| *end < demuxer.body().end);
            }
            return Ok(layout);
        }
        // symphonia tells each place a page late, and how much is missing.
        let losses = ogg::losses(&mut file, length).map_err(failed)?;
        if losses.len() == demuxer.gaps().len() {
            let mut n_before = 0;
            for (ticks, &missing) in losses.into_iter().zip(demuxer.gaps()) {
                let at = demuxer.position_of(ticks).saturating_sub(n_before);
                layout.gaps.push((at, missing));
                n_before += missing;
            }
        }
        Ok(layout)
    }
}
