//! How much the sound changes at a beat: what sounds for some beats before it against what follows.

use super::features::{CoarseReader, Features};
use super::tempo::{Beats, median_period};
use common::Result;

/// Levels further below the song's loudest than this are silence, in dB.
const RANGE_DB: f32 = 55.0;
/// Decibels that count as one unit of novelty in a band.
const UNIT_DB: f32 = 6.0;

/// How far the mean spectrum over `n_beats` before differs from that over as many from each of the beats at `hops`.
///
/// # Errors
/// Each item as [`CoarseReader::read`].
pub(super) fn changes(
    features: &Features,
    hops: impl Iterator<Item = usize> + Clone,
    n_beats: usize,
) -> impl Iterator<Item = Result<f32>> {
    let reach = n_beats * median_period(hops.clone()).max(1.0) as usize;
    let mut levels = Levels::of(features);
    hops.map(move |hop| {
        let before = levels.mean(hop.saturating_sub(reach), hop)?;
        let after = levels.mean(hop, hop + reach)?;
        let squares = before.iter().zip(&after).map(|(a, b)| (a - b).powi(2));
        Ok(squares.sum::<f32>().sqrt())
    })
}

/// The mean over beats with music to both sides: where it starts and where it ends, all is new.
///
/// # Errors
/// As [`changes`].
pub(super) fn mean_change(features: &Features, beats: &Beats, n_beats: usize) -> Result<f32> {
    let n_inner = beats.len().saturating_sub(2 * n_beats);
    let inner = changes(features, beats.iter(), n_beats).skip(n_beats);
    let sum = inner.take(n_inner).sum::<Result<f32>>()?;
    Ok(sum / n_inner.max(1) as f32)
}

/// The spectrogram above silence, in units of novelty.
struct Levels<'a> {
    rows: CoarseReader<'a>,
    hops_per_row: usize,
    n_bands: usize,
    n_hops: usize,
    floor_db: f32,
    scale: f32,
}

impl<'a> Levels<'a> {
    fn of(features: &'a Features) -> Self {
        let coarse = &features.coarse;
        Self {
            rows: coarse.reader(),
            hops_per_row: coarse.hops_per_row(),
            n_bands: coarse.n_bands(),
            n_hops: features.n_hops,
            floor_db: coarse.top_db() - RANGE_DB,
            scale: 1.0 / (UNIT_DB * (coarse.n_bands().max(1) as f32).sqrt()),
        }
    }

    /// Mean of the rows of `start..end` in hops, of one at least.
    fn mean(&mut self, start: usize, end: usize) -> Result<Vec<f32>> {
        let mut row = vec![0.0f32; self.n_bands];
        let mut mean = vec![0.0f32; row.len()];
        let last = self.n_hops.saturating_sub(1);
        let first = start.min(last);
        let hops = (first..end.clamp(first + 1, last + 1)).step_by(self.hops_per_row);
        let scale = self.scale / hops.len() as f32;
        for hop in hops {
            self.rows.read(hop, &mut row)?;
            for (mean, level) in mean.iter_mut().zip(&row) {
                *mean += (level - self.floor_db).max(0.0) * scale;
            }
        }
        Ok(mean)
    }
}
