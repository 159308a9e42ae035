//! Our own beat tracker: the network hears beats, the bar-pointer model finds their most likely sequence.

use super::bar_pointer::{self, Wanted};
use super::features::HOP_SECS;
use super::tracker::{BeatTracker, Heard};
use crate::Result;

/// See [`bar_pointer`].
pub(super) struct PulseTracker;

impl BeatTracker for PulseTracker {
    fn push(&mut self, _: &[f32]) -> Result<()> {
        Ok(())
    }

    fn finish(self: Box<Self>, heard: &Heard<'_>) -> Result<Vec<f64>> {
        let wanted = Wanted {
            tempo_bpm: heard.config.tempo_bpm,
            meter: heard.config.meter,
            period: heard.period,
        };
        let beats = bar_pointer::track(heard.activations, heard.features.n_hops, wanted);
        Ok(beats.iter().map(|b| b.hop as f64 * HOP_SECS).collect())
    }
}
