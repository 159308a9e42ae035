//! What the networks in [`super::network`] see: logarithmic spectrograms relative to what is loud around, how each of their
//! bands rises, attacks, and how harmony changes.

mod attacks;
mod compression;
mod harmony;
mod reference;

pub(super) use attacks::N_ATTACKS;
pub(super) use harmony::N_HARMONY;

use std::ops::Range;

use common::Result;

use super::features::{Features, Levels, LogSpectrogram};
use super::series::Series;
use compression::Compression;
use harmony::Harmony;

/// Hops over which bands rise.
pub(super) const LAG_HOPS: usize = 2;
/// Hops to a frame of harmony, and of beats: 20 ms.
pub(super) const HOPS_PER_STEP: usize = 2;

/// A song as the networks see it.
pub(super) struct Inputs<'a> {
    features: &'a Features,
    /// Level of what counts as loud around each hop, in dB relative to full scale.
    reference_db: Series<f32>,
    harmony: Harmony,
    compression: Compression,
}

impl<'a> Inputs<'a> {
    /// # Errors
    /// As [`Harmony::of`].
    pub fn of(features: &'a Features) -> Result<Self> {
        Ok(Self {
            features,
            reference_db: reference::levels(features)?,
            harmony: Harmony::of(features)?,
            compression: Compression::new(),
        })
    }

    pub fn n_hops(&self) -> usize {
        self.features.n_hops
    }

    /// What counts as loud around each of some hops, and around the last of the song behind it.
    fn reference_db(&self, hops: Range<usize>) -> Result<Reference> {
        let first_hop = hops.start.min(self.n_hops().saturating_sub(1));
        Ok(Reference {
            first_hop,
            levels_db: self.reference_db.read(first_hop..hops.end)?,
        })
    }

    /// The bands of the spectrogram and how they rise, in some hops.
    ///
    /// # Errors
    /// As [`LogSpectrogram::levels`].
    pub fn bands(&self, hops: Range<usize>) -> Result<Rising<'_>> {
        Rising::new(self, &self.features.spectrogram, hops)
    }

    /// What the network of beats sees: `[hop][level of each band, then rise of each]`.
    ///
    /// # Errors
    /// As [`LogSpectrogram::levels`].
    pub fn for_beats(&self, hops: Range<usize>) -> Result<Vec<f32>> {
        let mut rising = self.bands(hops.clone())?;
        let mut rows = Vec::with_capacity(hops.len() * 2 * rising.n_bands());
        for _ in hops {
            rising.next_into(&mut rows);
        }
        Ok(rows)
    }

    /// What the network of onsets sees: `[hop][levels of bands, their rises, levels of semitones, their rises, attacks]`.
    ///
    /// # Errors
    /// As [`LogSpectrogram::levels`].
    pub fn for_onsets(&self, hops: Range<usize>) -> Result<Vec<f32>> {
        let mut bands = self.bands(hops.clone())?;
        let mut semitones = Rising::new(self, &self.features.semitones, hops.clone())?;
        let width = 2 * (bands.n_bands() + semitones.n_bands()) + N_ATTACKS;
        let mut rows = Vec::with_capacity(hops.len() * width);
        for attacks in attacks::around(self, hops)? {
            bands.next_into(&mut rows);
            semitones.next_into(&mut rows);
            rows.extend(attacks);
        }
        Ok(rows)
    }

    /// How harmony changes at some frames.
    ///
    /// # Errors
    /// As [`Series::read`].
    pub fn harmony(&self, frames: Range<usize>) -> Result<Vec<[f32; N_HARMONY]>> {
        self.harmony.at(frames)
    }
}

/// What counts as loud around consecutive hops, in dB relative to full scale.
struct Reference {
    first_hop: usize,
    levels_db: Vec<f32>,
}

impl Reference {
    fn at(&self, hop_idx: usize) -> f32 {
        let place = hop_idx.checked_sub(self.first_hop);
        let level_db = place.and_then(|place| self.levels_db.get(place));
        let level_db = level_db.or(self.levels_db.last());
        level_db.copied().unwrap_or_default()
    }
}

/// Levels of consecutive hops as `ln(1 + amplitude)`, and how far each rises over the loudest of its neighbours [`LAG_HOPS`]
/// earlier (SuperFlux, Böck and Widmer, DAFx 2013), which a vibrato doesn't raise.
pub(super) struct Rising<'a> {
    inputs: &'a Inputs<'a>,
    levels: Levels,
    reference: Reference,
    next_hop: usize,
    /// Levels of the next hop and of those before it, newest first.
    history: [Vec<f32>; LAG_HOPS + 1],
    rises: Vec<f32>,
}

impl<'a> Rising<'a> {
    fn new(
        inputs: &'a Inputs<'a>,
        spectrogram: &LogSpectrogram,
        hops: Range<usize>,
    ) -> Result<Self> {
        let row = vec![0.0; spectrogram.n_bands()];
        let next_hop = hops.start.saturating_sub(LAG_HOPS);
        let mut rising = Self {
            inputs,
            levels: spectrogram.levels(next_hop..hops.end)?,
            reference: inputs.reference_db(next_hop..hops.end)?,
            next_hop,
            history: std::array::from_fn(|_| row.clone()),
            rises: row,
        };
        while rising.next_hop < hops.start {
            rising.step();
        }
        Ok(rising)
    }

    pub fn n_bands(&self) -> usize {
        self.levels.n_bands()
    }

    /// The rises of the next hop; the first hops of a song have none.
    pub fn next_rises(&mut self) -> &[f32] {
        self.step();
        &self.rises
    }

    /// Appends the levels of the next hop, then its rises.
    fn next_into(&mut self, rows: &mut Vec<f32>) {
        self.step();
        rows.extend_from_slice(&self.history[0]);
        rows.extend_from_slice(&self.rises);
    }

    fn step(&mut self) {
        self.history.rotate_right(1);
        let [now, .., before] = &mut self.history;
        self.levels.read(self.next_hop, now);
        let reference_db = self.reference.at(self.next_hop);
        for level in &mut *now {
            *level = self.inputs.compression.apply(*level - reference_db);
        }
        if self.next_hop >= LAG_HOPS {
            rises(now, before, &mut self.rises);
        }
        self.next_hop += 1;
    }
}

fn rises(now: &[f32], before: &[f32], rises: &mut [f32]) {
    for (band, rise) in rises.iter_mut().enumerate() {
        let around = &before[band.saturating_sub(1)..(band + 2).min(before.len())];
        let loudest = around.iter().copied().fold(0.0, f32::max);
        *rise = (now[band] - loudest).max(0.0);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use audio::Track;

    use super::*;

    /// For each WAV file a `.input` file: the numbers of hops, of bands and of semitones as u32; then `[hop][band]` and
    /// `[hop][semitone]` in 1/64 dB relative to the reference as i16; then `[hop][attack]` and `[frame][harmony]` as f32; all
    /// little-endian.
    #[test]
    #[ignore = "writes inputs for training the network; see training/README.md"]
    fn training_inputs() {
        let folder = std::env::var("TRAINING_MUSIC").unwrap();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let output = path.with_extension("input");
            if path.extension().is_none_or(|e| e != "wav") || output.exists() {
                continue;
            }
            let features = Features::of(&Track::open(&path).unwrap()).unwrap();
            let inputs = Inputs::of(&features).unwrap();
            let mut file = std::io::BufWriter::new(std::fs::File::create(output).unwrap());
            let mut write = |bytes: &[u8]| file.write_all(bytes).unwrap();
            let spectrograms = [&features.spectrogram, &features.semitones];
            write(&(features.n_hops as u32).to_le_bytes());
            for spectrogram in spectrograms {
                write(&(spectrogram.n_bands() as u32).to_le_bytes());
            }
            for spectrogram in spectrograms {
                let mut row = vec![0.0; spectrogram.n_bands()];
                let levels = spectrogram.levels(0..features.n_hops).unwrap();
                let reference = inputs.reference_db(0..features.n_hops).unwrap();
                for hop_idx in 0..features.n_hops {
                    levels.read(hop_idx, &mut row);
                    let relative = row.iter().map(|level| level - reference.at(hop_idx));
                    relative.for_each(|l| write(&((l * 64.0) as i16).to_le_bytes()));
                }
            }
            let attacks = attacks::around(&inputs, 0..features.n_hops).unwrap();
            let steps = 0..features.n_hops.div_ceil(HOPS_PER_STEP);
            let harmony = inputs.harmony(steps).unwrap();
            let numbers = attacks.as_flattened().iter().chain(harmony.as_flattened());
            numbers.for_each(|number| write(&number.to_le_bytes()));
        }
    }
}
