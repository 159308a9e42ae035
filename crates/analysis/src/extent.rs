//! Where the music is: without the silence around it, and what rings after it.

use std::ops::Range;

use super::Onset;
use super::features::Features;
use super::hops::HOP_SECS;
use super::onset::OnsetStrength;
use super::tempo::median_period;
use common::Result;

/// How far below the loudest twentieth of the song a sound still counts, in dB.
const SOUND_DB: f32 = 35.0;
/// Onset strength that shows that the music goes on, where pads swell and no onset is sure.
const STRENGTH: f32 = 0.35;
/// Hops at the end of a song that see it cut off, which looks like a rise in all bands.
const CUT_HOPS: usize = 10;

/// The music, in seconds.
pub(super) struct Extent(Range<f64>);

impl Extent {
    /// From the first sound to the last onset or strong rise: what swells at the start has the beat in it already; what rings at
    /// the end has outlived it. Empty without onsets.
    ///
    /// # Errors
    /// As [`Series::read`](super::series::Series::read).
    pub fn of(onsets: &[Onset], features: &Features, strength: &OnsetStrength) -> Result<Self> {
        let (Some(first), Some(last)) = (onsets.first(), onsets.last()) else {
            return Ok(Self(f64::INFINITY..f64::NEG_INFINITY));
        };
        let secs = |hop: usize| hop as f64 * HOP_SECS;
        let floor_db = features.song_db()? - SOUND_DB;
        let mut sound = None;
        for (hop, db) in features.loudness_db.iter().enumerate() {
            if db? > floor_db {
                sound = Some(hop);
                break;
            }
        }
        let uncut = strength.full.len().saturating_sub(CUT_HOPS);
        let mut rise = None;
        for (hop, strength) in strength.full.iter().enumerate().take(uncut) {
            if strength? > STRENGTH {
                rise = Some(hop);
            }
        }
        let first = sound.map_or(first.time_secs, |hop| first.time_secs.min(secs(hop)));
        let last = rise.map_or(last.time_secs, |hop| last.time_secs.max(secs(hop)));
        Ok(Self(first..last))
    }

    /// Those beats that don't lie farther outside than half a period.
    pub fn trimmed<B: FromIterator<usize>>(&self, hops: impl Iterator<Item = usize> + Clone) -> B {
        let margin = 0.55 * f64::from(median_period(hops.clone())) * HOP_SECS;
        let music = self.0.start - margin..self.0.end + margin;
        hops.filter(|hop| music.contains(&(*hop as f64 * HOP_SECS)))
            .collect()
    }
}
