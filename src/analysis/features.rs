//! One pass over the samples: everything that later steps need, at a few kilobytes for each second of sound.

use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

use super::resample::ANALYSIS_RATE_HZ;

/// Distance between hops in samples at [`ANALYSIS_RATE_HZ`]: 10 ms.
pub const HOP_LENGTH: usize = 240;
/// Length of a hop in seconds.
pub const HOP_SECS: f64 = 0.01;
/// STFT length in samples at [`ANALYSIS_RATE_HZ`]: 42.7 ms.
pub const N_FFT: usize = 1024;
/// STFT length for harmony: 171 ms, which tells semitones apart from 100 Hz up.
const N_FFT_HARMONY: usize = 4096;
/// Hops between two chroma vectors: 50 ms.
pub const HOPS_PER_CHROMA: usize = 5;
/// Hops of the fine envelopes per second.
pub const FINE_RATE_HZ: usize = 1000;
const FINE_LENGTH: usize = ANALYSIS_RATE_HZ as usize / FINE_RATE_HZ;
/// Steps of a decibel in [`LogSpectrogram`].
const STEPS_PER_DB: f32 = 64.0;
/// Longest song for which room is taken beforehand; longer ones make it as they go.
const MAX_RESERVED_SECS: f64 = 24.0 * 3600.0;
/// What counts as nothing, in dB relative to full scale.
pub const FLOOR_DB: f32 = -120.0;

/// Logarithmic spectrogram with bands of a fifth to a sixth of an octave; dB relative to full scale.
#[derive(Default)]
pub(super) struct LogSpectrogram {
    /// Centre frequency of each band.
    pub centers_hz: Vec<f32>,
    /// `[row][band]` in steps of 1/64 dB: half the memory of f32 at a precision far below any noise.
    steps: Vec<i16>,
    /// Hops that share a row, less 1; see [`LogSpectrogram::thin_out`].
    n_shared: usize,
}

impl LogSpectrogram {
    pub fn n_bands(&self) -> usize {
        self.centers_hz.len()
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

    /// Levels of hop `hop_idx` in dB, written to `levels_db`.
    pub fn read(&self, hop_idx: usize, levels_db: &mut [f32]) {
        let n_bands = self.n_bands();
        let row_idx = hop_idx / self.hops_per_row();
        let row = self.steps.get(row_idx * n_bands..(row_idx + 1) * n_bands);
        for (level, step) in levels_db.iter_mut().zip(row.unwrap_or_default()) {
            *level = f32::from(*step) / STEPS_PER_DB;
        }
    }
}

/// What was heard, before any decision.
#[derive(Default)]
pub(super) struct Features {
    pub n_hops: usize,
    pub spectrogram: LogSpectrogram,
    /// RMS of the low, mid and high band around each hop, relative to full scale.
    pub bands: Vec<[f32; 3]>,
    /// RMS around each hop in dB relative to full scale.
    pub loudness_db: Vec<f32>,
    /// Energy of each pitch class (C = 0) from 200 Hz to 2.1 kHz, each [`HOPS_PER_CHROMA`] hops.
    pub chroma: Vec<[f32; 12]>,
    /// Energy of each pitch class below 260 Hz, likewise.
    pub bass_chroma: Vec<[f32; 12]>,
    /// Level of each millisecond below about 200 Hz, in half decibels above -120 dB.
    pub fine_low: Vec<u8>,
    /// Level of each millisecond with the treble raised by 6 dB an octave, in half decibels above -120 dB.
    pub fine_high: Vec<u8>,
}

/// Builds [`Features`] from a stream of mono samples at [`ANALYSIS_RATE_HZ`].
pub(super) struct FeatureExtractor {
    columns: Columns,
}

impl FeatureExtractor {
    /// For about `duration_secs` of sound. Room for it is taken at once: vectors that grow by doubling would need half as
    /// much memory again.
    pub fn new(duration_secs: f64) -> Self {
        let mut columns = Columns::new();
        columns.reserve(duration_secs.min(MAX_RESERVED_SECS));
        Self { columns }
    }

    /// Takes the next samples.
    pub fn push(&mut self, samples: &[f32]) {
        self.columns.push(samples);
    }

    /// Ends the stream.
    pub fn finish(self) -> Features {
        self.columns.finish()
    }
}

/// The STFTs and envelopes over samples at [`ANALYSIS_RATE_HZ`].
struct Columns {
    /// Samples from `start` on, with half a window of silence in front of the first.
    buffer: Vec<f32>,
    n_samples: usize,
    fine: FineEnvelope,
    spectrum: Spectrum,
    harmony: Spectrum,
    filters: Vec<Filter>,
    pitches: Vec<Option<(usize, bool)>>,
    band_of_bin: Vec<usize>,
    features: Features,
}

impl Columns {
    fn new() -> Self {
        let filters = filterbank();
        let mut features = Features::default();
        features.spectrogram.centers_hz = filters.iter().map(|f| f.center_hz).collect();
        Self {
            buffer: vec![0.0; N_FFT_HARMONY / 2],
            n_samples: 0,
            fine: FineEnvelope::default(),
            spectrum: Spectrum::new(N_FFT),
            harmony: Spectrum::new(N_FFT_HARMONY),
            pitches: (0..=N_FFT_HARMONY / 2).map(pitch_of_bin).collect(),
            band_of_bin: (0..=N_FFT / 2).map(band_of_bin).collect(),
            filters,
            features,
        }
    }

    fn reserve(&mut self, duration_secs: f64) {
        let n_hops = (duration_secs / HOP_SECS) as usize + 2;
        let n_fine = (duration_secs * FINE_RATE_HZ as f64) as usize + 2;
        let features = &mut self.features;
        features.bands.reserve_exact(n_hops);
        features.loudness_db.reserve_exact(n_hops);
        let n_steps = n_hops * features.spectrogram.n_bands();
        features.spectrogram.steps.reserve_exact(n_steps);
        features.chroma.reserve_exact(n_hops / HOPS_PER_CHROMA + 2);
        features
            .bass_chroma
            .reserve_exact(n_hops / HOPS_PER_CHROMA + 2);
        features.fine_low.reserve_exact(n_fine);
        features.fine_high.reserve_exact(n_fine);
    }

    fn push(&mut self, samples: &[f32]) {
        self.n_samples += samples.len();
        self.fine.push(samples, &mut self.features);
        self.buffer.extend_from_slice(samples);
        let mut start = 0;
        while self.buffer.len() - start >= N_FFT_HARMONY {
            self.column(start);
            start += HOP_LENGTH;
        }
        self.buffer.drain(..start);
    }

    /// Hops reach to the last sample: hop `i` is centred on sample `i * HOP_LENGTH`.
    fn finish(mut self) -> Features {
        let n_hops = self.n_samples.div_ceil(HOP_LENGTH);
        self.buffer.resize(self.buffer.len() + N_FFT_HARMONY, 0.0);
        let mut start = 0;
        while self.features.n_hops < n_hops {
            self.column(start);
            start += HOP_LENGTH;
        }
        self.features
    }

    /// Adds the hop whose harmony window starts at `start` in the buffer.
    fn column(&mut self, start: usize) {
        let features = &mut self.features;
        let window = &self.buffer[start..start + N_FFT_HARMONY];
        let offset = (N_FFT_HARMONY - N_FFT) / 2;
        let power = self.spectrum.power(&window[offset..offset + N_FFT]);
        let mut bands = [0.0f32; 3];
        for (bin, band) in self.band_of_bin.iter().enumerate() {
            bands[*band] += power[bin];
        }
        let total: f32 = bands.iter().sum();
        features.bands.push(bands.map(f32::sqrt));
        features.loudness_db.push(db(total));
        for filter in &self.filters {
            let energy: f32 = filter
                .weights
                .iter()
                .zip(&power[filter.first_bin..])
                .map(|(w, p)| w * p)
                .sum();
            let steps = db(energy) * STEPS_PER_DB;
            features.spectrogram.steps.push(steps as i16);
        }
        if features.n_hops.is_multiple_of(HOPS_PER_CHROMA) {
            let power = self.harmony.power(window);
            let (chroma, bass) = chroma_of(power, &self.pitches);
            features.chroma.push(chroma);
            features.bass_chroma.push(bass);
        }
        features.n_hops += 1;
    }
}

/// One windowed FFT, as power: the bins of a spectrum add up to the mean square of the sound.
pub(super) struct Spectrum {
    fft: Arc<dyn RealToComplex<f32>>,
    window: Vec<f32>,
    input: Vec<f32>,
    output: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
    power: Vec<f32>,
}

impl Spectrum {
    /// For windows of `n_fft` samples.
    pub fn new(n_fft: usize) -> Self {
        let fft = RealFftPlanner::new().plan_fft_forward(n_fft);
        let hann = |i: usize| 0.5 - 0.5 * (std::f32::consts::TAU * i as f32 / n_fft as f32).cos();
        let window: Vec<f32> = (0..n_fft).map(hann).collect();
        // Scaled so that `power` needs no factor: 2 / (n_fft * sum of window²), for one side of the spectrum.
        let scale = (2.0 / (n_fft as f32 * window.iter().map(|w| w * w).sum::<f32>())).sqrt();
        Self {
            window: window.iter().map(|w| w * scale).collect(),
            input: fft.make_input_vec(),
            output: fft.make_output_vec(),
            scratch: fft.make_scratch_vec(),
            power: vec![0.0; n_fft / 2 + 1],
            fft,
        }
    }

    /// Power of each bin, `n_fft / 2 + 1` of them.
    pub fn power(&mut self, samples: &[f32]) -> &[f32] {
        for ((input, sample), weight) in self.input.iter_mut().zip(samples).zip(&self.window) {
            *input = sample * weight;
        }
        // It fails only for wrong lengths, which are fixed here.
        let done =
            self.fft
                .process_with_scratch(&mut self.input, &mut self.output, &mut self.scratch);
        debug_assert!(done.is_ok());
        for (power, bin) in self.power.iter_mut().zip(&self.output) {
            *power = bin.norm_sqr();
        }
        &self.power
    }
}

/// A triangle over FFT bins.
struct Filter {
    center_hz: f32,
    first_bin: usize,
    weights: Vec<f32>,
}

/// Triangles that reach from their lower to their upper neighbour's centre; centres lie six to an octave from 30 Hz to
/// 10.5 kHz, where bins allow it.
fn filterbank() -> Vec<Filter> {
    let hz_per_bin = ANALYSIS_RATE_HZ as f32 / N_FFT as f32;
    let mut centers: Vec<usize> = (0..)
        .map(|i| 30.0 * (i as f32 / 6.0).exp2())
        .take_while(|hz| *hz < 10_500.0)
        .map(|hz| (hz / hz_per_bin).round() as usize)
        .collect();
    centers.dedup();
    centers
        .windows(3)
        .map(|bins| {
            let (low, center, high) = (bins[0], bins[1], bins[2]);
            let rising = (low + 1..=center).map(|b| (b - low) as f32 / (center - low) as f32);
            let falling = (center + 1..high).map(|b| (high - b) as f32 / (high - center) as f32);
            Filter {
                center_hz: center as f32 * hz_per_bin,
                first_bin: low + 1,
                weights: rising.chain(falling).collect(),
            }
        })
        .collect()
}

/// 0, 1, 2: below 200 Hz, below 2.5 kHz, above.
fn band_of_bin(bin: usize) -> usize {
    let hz = bin as f32 * ANALYSIS_RATE_HZ as f32 / N_FFT as f32;
    usize::from(hz >= 200.0) + usize::from(hz >= 2500.0)
}

/// Pitch class of a bin of the harmony spectrum, and whether it belongs to the bass.
fn pitch_of_bin(bin: usize) -> Option<(usize, bool)> {
    let hz = bin as f32 * ANALYSIS_RATE_HZ as f32 / N_FFT_HARMONY as f32;
    let semitones_above_a4 = (hz / 440.0).log2() * 12.0;
    let pitch_class = (semitones_above_a4.round() as i32 + 9).rem_euclid(12) as usize;
    (38.0..=2100.0)
        .contains(&hz)
        .then_some((pitch_class, hz < 230.0))
}

/// Chroma and bass chroma of the spectrum's peaks, as amplitudes; noise and drums have few peaks that stand out.
fn chroma_of(power: &[f32], pitches: &[Option<(usize, bool)>]) -> ([f32; 12], [f32; 12]) {
    let (mut chroma, mut bass) = ([0.0; 12], [0.0; 12]);
    for (bin, around) in power.windows(3).enumerate() {
        let is_peak = around[1] > around[0] && around[1] >= around[2];
        if let (true, Some(Some((pitch_class, is_bass)))) = (is_peak, pitches.get(bin + 1)) {
            let target = if *is_bass { &mut bass } else { &mut chroma };
            target[*pitch_class] += around[1].sqrt();
        }
    }
    (chroma, bass)
}

/// Levels of each millisecond, from two simple filters.
#[derive(Default)]
struct FineEnvelope {
    low_pass: [f32; 2],
    last: f32,
    low_energy: f32,
    high_energy: f32,
    n_samples: usize,
}

impl FineEnvelope {
    fn push(&mut self, samples: &[f32], features: &mut Features) {
        // One-pole low-pass, twice: -3 dB at about 200 Hz, delay below 1 ms.
        let pole = 1.0 - (-std::f32::consts::TAU * 310.0 / ANALYSIS_RATE_HZ as f32).exp();
        for sample in samples {
            self.low_pass[0] += pole * (sample - self.low_pass[0]);
            self.low_pass[1] += pole * (self.low_pass[0] - self.low_pass[1]);
            self.low_energy += self.low_pass[1] * self.low_pass[1];
            let slope = sample - self.last;
            self.high_energy += slope * slope;
            self.last = *sample;
            self.n_samples += 1;
            if self.n_samples == FINE_LENGTH {
                let level =
                    |energy: f32| ((db(energy / FINE_LENGTH as f32) - FLOOR_DB) * 2.0) as u8;
                features.fine_low.push(level(self.low_energy));
                features.fine_high.push(level(self.high_energy));
                (self.low_energy, self.high_energy, self.n_samples) = (0.0, 0.0, 0);
            }
        }
    }
}

/// Power in dB, at least [`FLOOR_DB`].
fn db(power: f32) -> f32 {
    (10.0 * power.max(1e-12).log10()).max(FLOOR_DB)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(samples: &[f32]) -> Features {
        let mut extractor = FeatureExtractor::new(1.0);
        extractor.push(samples);
        extractor.finish()
    }

    fn sine(hz: f32, secs: f32) -> Vec<f32> {
        let n = (secs * 24_000.0) as usize;
        (0..n)
            .map(|i| (i as f32 / 24_000.0 * hz * std::f32::consts::TAU).sin())
            .collect()
    }

    #[test]
    fn a_full_scale_sine_is_3_db_below_full_scale() {
        let features = features(&sine(1000.0, 1.0));
        assert_eq!(features.n_hops, 100);
        assert!((features.loudness_db[50] + 3.01).abs() < 0.05);
        let [low, mid, high] = features.bands[50];
        assert!(mid > 0.7 && low < 0.01 && high < 0.01);
    }

    #[test]
    fn chroma_names_the_pitch() {
        let of_a = features(&sine(440.0, 1.0));
        let chroma = of_a.chroma[10];
        assert!(
            chroma
                .iter()
                .enumerate()
                .all(|(i, c)| i == 9 || *c < 0.01 * chroma[9])
        );
        let of_bass_e = features(&sine(82.4, 1.0));
        let bass = of_bass_e.bass_chroma[10];
        assert!(
            bass.iter()
                .enumerate()
                .all(|(i, c)| i == 4 || *c < 0.05 * bass[4])
        );
    }

    #[test]
    fn silence_is_at_the_floor() {
        let features = features(&[0.0; 24_000]);
        assert!(
            features
                .loudness_db
                .iter()
                .all(|l| (*l - FLOOR_DB).abs() < 1e-3)
        );
        assert_eq!(features.fine_low.len(), 1000);
    }
}
