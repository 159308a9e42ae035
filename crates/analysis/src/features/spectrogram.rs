//! Logarithmic spectrograms: levels of bands, hop by hop.

use std::ops::Range;

use common::Result;

use super::super::hops::HOPS_PER_SEC;
use super::super::resample::ANALYSIS_RATE_HZ;
use super::super::rows::{Reader, Rows};
use super::levels::{db, from_step, step_of};
use super::sums::weighted_sum;

/// Hops to a row of a [`CoarseSpectrogram`]: 40 ms.
const HOPS_PER_ROW: usize = 4;

/// Levels of the bands of a filterbank, hop by hop.
#[derive(Default)]
pub(in super::super) struct LogSpectrogram {
    /// Centre frequency of each band.
    pub centers_hz: Vec<f32>,
    /// `[hop][band]`, see [`step_of`].
    rows: Rows,
    newest: Vec<u8>,
}

impl LogSpectrogram {
    pub(super) fn new(filterbank: &Filterbank) -> Self {
        let centers_hz: Vec<f32> = filterbank.filters.iter().map(|f| f.center_hz).collect();
        Self {
            rows: Rows::new(centers_hz.len(), HOPS_PER_SEC),
            newest: Vec::with_capacity(centers_hz.len()),
            centers_hz,
        }
    }

    pub fn n_bands(&self) -> usize {
        self.centers_hz.len()
    }

    /// Adds a hop, of which `power` has the power of each bin. Returns the hop's steps.
    pub(super) fn push(&mut self, filterbank: &Filterbank, power: &[f32]) -> &[u8] {
        self.newest.clear();
        let levels = filterbank.filters.iter().map(|f| db(f.energy(power)));
        self.newest.extend(levels.map(step_of));
        self.rows.push(&self.newest);
        &self.newest
    }

    /// See [`Rows::file_now`].
    #[cfg(test)]
    pub fn file_now(&mut self) {
        self.rows.file_now();
    }

    /// Levels of some hops.
    ///
    /// # Errors
    /// As [`Rows::read`].
    pub fn levels(&self, hops: Range<usize>) -> Result<Levels> {
        Ok(Levels {
            n_bands: self.n_bands(),
            first_hop: hops.start,
            steps: self.rows.read(hops)?,
        })
    }
}

/// Levels of consecutive hops.
pub(in super::super) struct Levels {
    n_bands: usize,
    first_hop: usize,
    steps: Vec<u8>,
}

impl Levels {
    pub fn n_bands(&self) -> usize {
        self.n_bands
    }

    /// Levels of hop `hop_idx`, one of these, in dB relative to full scale, written to `levels_db`.
    pub fn read(&self, hop_idx: usize, levels_db: &mut [f32]) {
        let place = (hop_idx - self.first_hop) * self.n_bands;
        let row = self.steps.get(place..place + self.n_bands);
        for (level, step) in levels_db.iter_mut().zip(row.unwrap_or_default()) {
            *level = from_step(*step);
        }
    }
}

/// The first of each [`HOPS_PER_ROW`] hops of a spectrogram, which stands for all of them: averages over bars need no more.
pub(in super::super) struct CoarseSpectrogram {
    n_bands: usize,
    rows: Rows,
    /// How many rows have each step as that of their loudest band.
    loudest: [usize; 256],
}

impl Default for CoarseSpectrogram {
    fn default() -> Self {
        Self::new(0)
    }
}

impl CoarseSpectrogram {
    pub(super) fn new(n_bands: usize) -> Self {
        Self {
            n_bands,
            rows: Rows::new(n_bands, HOPS_PER_SEC / HOPS_PER_ROW),
            loudest: [0; 256],
        }
    }

    pub fn n_bands(&self) -> usize {
        self.n_bands
    }

    /// Takes the next hop.
    pub(super) fn push(&mut self, hop_idx: usize, steps: &[u8]) {
        if hop_idx.is_multiple_of(HOPS_PER_ROW) {
            self.rows.push(steps);
            let loudest = steps.iter().copied().fold(0, u8::max);
            self.loudest[usize::from(loudest)] += 1;
        }
    }

    /// Hops that share a row.
    pub fn hops_per_row(&self) -> usize {
        HOPS_PER_ROW
    }

    /// The level in dB that the loudest band stays below, in all rows but a twentieth; see
    /// [`percentile`](common::statistics::percentile).
    pub fn top_db(&self) -> f32 {
        let n_rows: usize = self.loudest.iter().sum();
        let rank = (n_rows.saturating_sub(1) as f64 * 0.95) as usize;
        let mut n_below = 0;
        for (step, n) in (0u8..=u8::MAX).zip(self.loudest) {
            n_below += n;
            if n_below > rank {
                return from_step(step);
            }
        }
        0.0
    }

    /// Reads hops in about their order.
    pub fn reader(&self) -> CoarseReader<'_> {
        CoarseReader {
            rows: self.rows.reader(),
        }
    }
}

/// Reads a [`CoarseSpectrogram`].
pub(in super::super) struct CoarseReader<'a> {
    rows: Reader<'a>,
}

impl CoarseReader<'_> {
    /// Levels of hop `hop_idx` in dB relative to full scale, written to `levels_db`.
    ///
    /// # Errors
    /// As [`Rows::read`].
    pub fn read(&mut self, hop_idx: usize, levels_db: &mut [f32]) -> Result<()> {
        let row_idx = hop_idx / HOPS_PER_ROW;
        let row = self.rows.read(row_idx..row_idx + 1)?;
        for (level, step) in levels_db.iter_mut().zip(row) {
            *level = from_step(*step);
        }
        Ok(())
    }
}

/// Triangles over the bins of an FFT.
pub(super) struct Filterbank {
    filters: Vec<Filter>,
}

struct Filter {
    center_hz: f32,
    first_bin: usize,
    weights: Vec<f32>,
}

impl Filterbank {
    /// Triangles that reach from their lower to their upper neighbour's centre; centres lie `n_per_octave` to an octave in
    /// `range_hz`, where bins allow it.
    pub fn new(n_fft: usize, n_per_octave: usize, range_hz: std::ops::Range<f32>) -> Self {
        let hz_per_bin = ANALYSIS_RATE_HZ as f32 / n_fft as f32;
        let mut centers: Vec<usize> = (0..)
            .map(|i| range_hz.start * (i as f32 / n_per_octave as f32).exp2())
            .take_while(|hz| *hz < range_hz.end)
            .map(|hz| (hz / hz_per_bin).round() as usize)
            .collect();
        centers.dedup();
        let filters = centers.windows(3).map(|bins| {
            let (low, center, high) = (bins[0], bins[1], bins[2]);
            let rising = (low + 1..=center).map(|b| (b - low) as f32 / (center - low) as f32);
            let falling = (center + 1..high).map(|b| (high - b) as f32 / (high - center) as f32);
            Filter {
                center_hz: center as f32 * hz_per_bin,
                first_bin: low + 1,
                weights: rising.chain(falling).collect(),
            }
        });
        Self {
            filters: filters.collect(),
        }
    }
}

impl Filter {
    fn energy(&self, power: &[f32]) -> f32 {
        weighted_sum(&self.weights, &power[self.first_bin..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_add_up_what_their_triangles_cover() {
        let filterbank = Filterbank::new(1024, 6, 30.0..10_500.0);
        let n_bands = filterbank.filters.len();
        let mut spectrogram = LogSpectrogram::new(&filterbank);
        let mut coarse = CoarseSpectrogram::new(n_bands);
        let mut levels = vec![0.0; n_bands];
        for (band, filter) in filterbank.filters.iter().enumerate() {
            let mut power = vec![0.0; 513];
            let center = (filter.center_hz * 1024.0 / ANALYSIS_RATE_HZ as f32).round() as usize;
            power[center] = 0.01;
            coarse.push(band, spectrogram.push(&filterbank, &power));
            let of_hop = spectrogram.levels(band..band + 1).unwrap();
            of_hop.read(band, &mut levels);
            for (other, level) in levels.iter().enumerate() {
                let expected = if other == band { -20.0 } else { -120.0 };
                assert!((level - expected).abs() < 0.3, "{band}, {other}: {level}");
            }
        }
        assert!((coarse.top_db() + 20.0).abs() < 0.3);
        let mut reader = coarse.reader();
        for band in 0..n_bands {
            reader.read(band, &mut levels).unwrap();
            let first = band - band % HOPS_PER_ROW;
            assert!((levels[first] + 20.0).abs() < 0.3, "{band}: {levels:?}");
        }
    }

    #[test]
    fn the_top_is_the_percentile_of_the_loudest() {
        for n_rows in [0, 1, 2, 19, 20, 21, 500] {
            let mut coarse = CoarseSpectrogram::new(2);
            let step = |row: usize| (row * 37 % 200) as u8;
            let loudest = |row| from_step(step(row));
            (0..n_rows).for_each(|row| coarse.push(row * HOPS_PER_ROW, &[step(row), 0]));
            let all: Vec<f32> = (0..n_rows).map(loudest).collect();
            let expected = common::statistics::percentile(&all, 0.95);
            assert!((coarse.top_db() - expected).abs() < 1e-6, "{n_rows}");
        }
    }
}
