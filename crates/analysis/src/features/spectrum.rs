//! Windowed FFTs.

use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

/// One windowed FFT, as power: the bins of a spectrum add up to the mean square of the sound.
pub(in super::super) struct Spectrum {
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
