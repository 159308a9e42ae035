//! How wide a stereo song sounds: the share of its energy that lies in the side signal, and how alike left and right are.

use super::tenths::Tenths;

/// Power below which a tenth of a second counts as silence: -90 dB relative to full scale.
const SILENCE: f64 = 1e-9;

/// Compares the first two channels in blocks of a tenth of a second.
pub(super) struct StereoMeter {
    tenths: Tenths,
    sums: Sums,
    width: Vec<f32>,
    correlation: Vec<f32>,
}

#[derive(Clone, Copy, Default)]
struct Sums {
    left: f64,
    right: f64,
    product: f64,
}

impl StereoMeter {
    pub fn new(sample_rate_hz: u32, n_channels: usize) -> Self {
        Self {
            tenths: Tenths::new(sample_rate_hz, n_channels),
            sums: Sums::default(),
            width: Vec::new(),
            correlation: Vec::new(),
        }
    }

    /// Takes interleaved samples.
    pub fn push(&mut self, mut samples: &[f32]) {
        let n_channels = self.tenths.n_channels;
        if n_channels < 2 {
            return;
        }
        while let Some((now, n_whole)) = self.tenths.next(&mut samples) {
            for channels in now.chunks_exact(n_channels) {
                let (left, right) = (f64::from(channels[0]), f64::from(channels[1]));
                self.sums.left += left * left;
                self.sums.right += right * right;
                self.sums.product += left * right;
            }
            if let Some(n) = n_whole {
                self.end_block(n);
            }
        }
    }

    /// Ends a block of `n` samples.
    fn end_block(&mut self, n: u64) {
        let Sums {
            left,
            right,
            product,
        } = std::mem::take(&mut self.sums);
        let total = left + right;
        let is_silent = total < SILENCE * n as f64;
        // With mid = (l + r) / 2 and side = (l - r) / 2, the side's share of both energies.
        let width = if is_silent {
            0.0
        } else {
            0.5 - product / total
        };
        let norm = (left * right).sqrt();
        let correlation = if is_silent {
            1.0
        } else if norm < 1e-3 * total {
            0.0
        } else {
            product / norm
        };
        self.width.push(width.clamp(0.0, 1.0) as f32);
        self.correlation.push(correlation.clamp(-1.0, 1.0) as f32);
    }

    /// Width and correlation of each block; empty for one channel.
    pub fn finish(mut self) -> (Vec<f32>, Vec<f32>) {
        if let Some(n) = self.tenths.rest() {
            self.end_block(n);
        }
        (self.width, self.correlation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(sound: impl Fn(usize) -> [f32; 2]) -> (f32, f32) {
        let mut meter = StereoMeter::new(8000, 2);
        let samples: Vec<f32> = (0..4000).flat_map(sound).collect();
        meter.push(&samples);
        let (width, correlation) = meter.finish();
        assert_eq!((width.len(), correlation.len()), (5, 5));
        (width[2], correlation[2])
    }

    #[test]
    fn mono_is_narrow_and_opposites_are_wide() {
        let noise = |i: usize, seed: usize| ((i * 7919 + seed * 104_729) as f32 * 12.9898).sin();
        let close =
            |(a, b): (f32, f32), (c, d): (f32, f32)| (a - c).abs() < 0.05 && (b - d).abs() < 0.1;
        assert!(close(measured(|i| [noise(i, 1); 2]), (0.0, 1.0)));
        assert!(close(
            measured(|i| [noise(i, 1), -noise(i, 1)]),
            (1.0, -1.0)
        ));
        assert!(close(
            measured(|i| [noise(i, 1), noise(3 * i + 5, 2)]),
            (0.5, 0.0)
        ));
        assert!(close(measured(|i| [noise(i, 1), 0.0]), (0.5, 0.0)));
        assert!(close(measured(|_| [0.0; 2]), (0.0, 1.0)));
    }

    #[test]
    fn one_channel_has_no_width() {
        let mut meter = StereoMeter::new(8000, 1);
        meter.push(&[0.5; 4000]);
        assert_eq!(meter.finish(), (Vec::new(), Vec::new()));
    }
}
