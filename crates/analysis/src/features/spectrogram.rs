//! Logarithmic spectrograms: levels of bands, hop by hop.

use super::super::resample::ANALYSIS_RATE_HZ;
use super::levels::{db, from_step, step_of};
use super::sums::weighted_sum;
use common::statistics::percentile;

/// Levels of the bands of a filterbank, hop by hop.
#[derive(Default)]
pub(in super::super) struct LogSpectrogram {
    /// Centre frequency of each band.
    pub centers_hz: Vec<f32>,
    /// `[row][band]`, see [`step_of`].
    steps: Vec<u8>,
    /// Hops that share a row, less 1; see [`LogSpectrogram::thin_out`].
    n_shared: usize,
}

impl LogSpectrogram {
    pub(super) fn new(filterbank: &Filterbank, n_hops: usize) -> Self {
        let centers_hz: Vec<f32> = filterbank.filters.iter().map(|f| f.center_hz).collect();
        Self {
            steps: Vec::with_capacity(n_hops * centers_hz.len()),
            centers_hz,
            n_shared: 0,
        }
    }

    pub fn n_bands(&self) -> usize {
        self.centers_hz.len()
    }

    /// Adds a hop, of which `power` has the power of each bin.
    pub(super) fn push(&mut self, filterbank: &Filterbank, power: &[f32]) {
        for filter in &filterbank.filters {
            self.steps.push(step_of(db(filter.energy(power))));
        }
    }

    /// Keeps the first of each `n_hops` hops, which stands for all of them from now on; averages over bars need no more, and
    /// an hour of music gives its memory back before the beats are searched.
    pub fn thin_out(&mut self, n_hops: usize) {
        let n_bands = self.n_bands();
        let n_rows = self.steps.len() / n_bands.max(1);
        let mut n_kept = 0;
        for row_idx in (0..n_rows).step_by(n_hops.max(1)) {
            let row = row_idx * n_bands..(row_idx + 1) * n_bands;
            self.steps.copy_within(row, n_kept * n_bands);
            n_kept += 1;
        }
        self.steps.truncate(n_kept * n_bands);
        self.steps.shrink_to_fit();
        self.n_shared = n_hops.max(1) - 1;
    }

    /// Hops that share a row.
    pub fn hops_per_row(&self) -> usize {
        self.n_shared + 1
    }

    /// The level in dB that the loudest band stays below, in all rows but a twentieth.
    pub fn top_db(&self) -> f32 {
        let rows = self.steps.chunks_exact(self.n_bands().max(1));
        let loudest = rows.map(|row| row.iter().copied().fold(0, u8::max));
        percentile(&loudest.map(from_step).collect::<Vec<_>>(), 0.95)
    }

    /// Levels of hop `hop_idx` in dB relative to full scale, written to `levels_db`.
    pub fn read(&self, hop_idx: usize, levels_db: &mut [f32]) {
        let n_bands = self.n_bands();
        let row_idx = hop_idx / self.hops_per_row();
        let row = self.steps.get(row_idx * n_bands..(row_idx + 1) * n_bands);
        for (level, step) in levels_db.iter_mut().zip(row.unwrap_or_default()) {
            *level = from_step(*step);
        }
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
        let mut spectrogram = LogSpectrogram::new(&filterbank, 2);
        let mut levels = vec![0.0; n_bands];
        for (band, filter) in filterbank.filters.iter().enumerate() {
            let mut power = vec![0.0; 513];
            let center = (filter.center_hz * 1024.0 / ANALYSIS_RATE_HZ as f32).round() as usize;
            power[center] = 0.01;
            spectrogram.push(&filterbank, &power);
            spectrogram.read(band, &mut levels);
            for (other, level) in levels.iter().enumerate() {
                let expected = if other == band { -20.0 } else { -120.0 };
                assert!((level - expected).abs() < 0.3, "{band}, {other}: {level}");
            }
        }
        assert!((spectrogram.top_db() + 20.0).abs() < 0.3);
    }
}
