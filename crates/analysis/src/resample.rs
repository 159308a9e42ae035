//! Songs of every sample rate are brought to one rate, so that all of the analysis gets the same thing.

use common::{Error, Result};
use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Indexing, Resampler as _};

/// Sample rate of the analysis. It keeps what is below 11 kHz, where all instruments have their attacks, and divides into
/// hops of exactly 10 ms.
pub const ANALYSIS_RATE_HZ: u32 = 24_000;

/// Samples handed to the resampler at once, about.
const CHUNK_SAMPLES: usize = 4096;

/// A stream of mono samples at any rate in, the same sound at [`ANALYSIS_RATE_HZ`] out, without delay.
pub(super) struct Resampler {
    /// Absent where the rate is right already.
    fft: Option<Fft<f32>>,
    pending: Vec<f32>,
    output: Vec<f32>,
    /// Output samples still to be dropped: the filter's delay.
    n_delay: usize,
    n_in: u64,
    n_out: u64,
    rate_hz: u32,
}

impl Resampler {
    pub fn new(sample_rate_hz: u32) -> Result<Self> {
        let mut fft = None;
        if sample_rate_hz != ANALYSIS_RATE_HZ {
            let made = Fft::new(
                sample_rate_hz as usize,
                ANALYSIS_RATE_HZ as usize,
                CHUNK_SAMPLES,
                1,
                FixedSync::Both,
            );
            fft = Some(made.map_err(|_| unusable(sample_rate_hz))?);
        }
        Ok(Self {
            n_delay: fft.as_ref().map_or(0, |fft| fft.output_delay()),
            output: vec![0.0; fft.as_ref().map_or(0, |fft| fft.output_frames_max())],
            pending: Vec::new(),
            fft,
            n_in: 0,
            n_out: 0,
            rate_hz: sample_rate_hz,
        })
    }

    /// Takes `samples` and hands on what is ready.
    pub fn push(&mut self, samples: &[f32], mut hand_on: impl FnMut(&[f32])) -> Result<()> {
        self.n_in += samples.len() as u64;
        let Some(fft) = &self.fft else {
            hand_on(samples);
            return Ok(());
        };
        let n_chunk = fft.input_frames_next();
        self.pending.extend_from_slice(samples);
        let n_whole = self.pending.len() / n_chunk * n_chunk;
        let pending = std::mem::take(&mut self.pending);
        for chunk in pending[..n_whole].chunks_exact(n_chunk) {
            self.convert(chunk, None, &mut hand_on)?;
        }
        self.pending = pending;
        self.pending.drain(..n_whole);
        Ok(())
    }

    /// Hands on the rest: all in all, as many samples as cover the same time as the input.
    pub fn finish(mut self, mut hand_on: impl FnMut(&[f32])) -> Result<()> {
        let n_wanted = (u128::from(self.n_in) * u128::from(ANALYSIS_RATE_HZ))
            .div_ceil(u128::from(self.rate_hz.max(1))) as u64;
        let mut pending = std::mem::take(&mut self.pending);
        while self.fft.is_some() && self.n_out < n_wanted {
            let n_partial = pending.len();
            pending.resize(
                self.fft.as_ref().map_or(0, |fft| fft.input_frames_next()),
                0.0,
            );
            let n_left = (n_wanted - self.n_out) as usize;
            self.convert(&pending, Some(n_partial), &mut |samples| {
                hand_on(&samples[..samples.len().min(n_left)])
            })?;
            pending.clear();
        }
        Ok(())
    }

    fn convert(
        &mut self,
        chunk: &[f32],
        n_partial: Option<usize>,
        hand_on: &mut impl FnMut(&[f32]),
    ) -> Result<()> {
        let Some(fft) = &mut self.fft else {
            return Ok(());
        };
        let rate_hz = self.rate_hz;
        let n_output = self.output.len();
        let input = InterleavedSlice::new(chunk, 1, chunk.len()).map_err(|_| unusable(rate_hz))?;
        let mut output = InterleavedSlice::new_mut(&mut self.output, 1, n_output)
            .map_err(|_| unusable(rate_hz))?;
        let indexing = n_partial.map(|n| Indexing::new().partial_len(n));
        let (_, n_made) = fft
            .process_into_buffer(&input, &mut output, indexing.as_ref())
            .map_err(|_| unusable(rate_hz))?;
        let n_dropped = self.n_delay.min(n_made);
        self.n_delay -= n_dropped;
        self.n_out += (n_made - n_dropped) as u64;
        hand_on(&self.output[n_dropped..n_made]);
        Ok(())
    }
}

fn unusable(sample_rate_hz: u32) -> Error {
    Error::Config {
        name: "sample rate",
        value: format!("{sample_rate_hz} Hz"),
        allowed: "it can't be converted for analysis".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resampled(rate_hz: u32, secs: f64, block: usize) -> Vec<f32> {
        let n = (secs * f64::from(rate_hz)) as usize;
        let tone: Vec<f32> = (0..n)
            .map(|i| {
                (i as f32 / rate_hz as f32 * 440.0 * std::f32::consts::TAU).sin()
                    * (i > n / 2) as u8 as f32
            })
            .collect();
        let mut resampler = Resampler::new(rate_hz).unwrap();
        let mut out = Vec::new();
        for part in tone.chunks(block) {
            resampler
                .push(part, |samples| out.extend_from_slice(samples))
                .unwrap();
        }
        resampler
            .finish(|samples| out.extend_from_slice(samples))
            .unwrap();
        out
    }

    #[test]
    fn length_and_time_are_kept_at_every_rate() {
        for rate_hz in [
            8000, 11_025, 22_050, 24_000, 44_100, 44_099, 48_000, 96_000, 192_000,
        ] {
            let out = resampled(rate_hz, 1.0, 1000);
            assert_eq!(out.len(), 24_000, "{rate_hz}");
            let n_start = out.iter().position(|s| s.abs() > 0.25).unwrap();
            assert!(n_start.abs_diff(12_000) < 40, "{rate_hz}: {n_start}");
            let rms = (out[16_000..20_000].iter().map(|s| s * s).sum::<f32>() / 4000.0).sqrt();
            assert!(
                (rms - std::f32::consts::FRAC_1_SQRT_2).abs() < 0.01,
                "{rate_hz}: {rms}"
            );
        }
    }

    #[test]
    fn blocks_of_any_size_give_the_same_sound() {
        assert_eq!(resampled(44_100, 0.5, 1), resampled(44_100, 0.5, 1_000_000));
    }

    #[test]
    fn very_short_sounds_survive() {
        assert_eq!(resampled(192_000, 0.00001, 1).len(), 1);
        assert_eq!(resampled(44_100, 0.0, 1).len(), 0);
    }
}
