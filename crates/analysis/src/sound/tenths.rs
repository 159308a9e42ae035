//! Tenths of a second, the blocks in which loudness and width are measured.

use super::SLOW_HOPS_PER_SEC;

/// Cuts a stream of interleaved samples at each tenth of a second, at any sample rate.
pub(super) struct Tenths {
    sample_rate_hz: u64,
    pub n_channels: usize,
    n_samples: u64,
    n_ended: u64,
}

impl Tenths {
    pub fn new(sample_rate_hz: u32, n_channels: usize) -> Self {
        Self {
            sample_rate_hz: u64::from(sample_rate_hz.max(1)),
            n_channels,
            n_samples: 0,
            n_ended: 0,
        }
    }

    /// Takes from `samples` what belongs to the current tenth, and says how many samples it has if it ends there.
    pub fn next<'a>(&mut self, samples: &mut &'a [f32]) -> Option<(&'a [f32], Option<u64>)> {
        let n_missing = (self.end() - self.n_samples) as usize;
        let n = (samples.len() / self.n_channels.max(1)).min(n_missing);
        if n == 0 {
            return None;
        }
        let (now, later) = samples.split_at(n * self.n_channels);
        *samples = later;
        self.n_samples += n as u64;
        let n_whole = (n == n_missing).then(|| {
            let n_whole = self.n_samples - self.start();
            self.n_ended += 1;
            n_whole
        });
        Some((now, n_whole))
    }

    /// Samples of a last tenth that isn't whole, if there are any.
    pub fn rest(&self) -> Option<u64> {
        Some(self.n_samples - self.start()).filter(|n| *n > 0)
    }

    fn start(&self) -> u64 {
        self.n_ended * self.sample_rate_hz / SLOW_HOPS_PER_SEC
    }

    fn end(&self) -> u64 {
        (self.n_ended + 1) * self.sample_rate_hz / SLOW_HOPS_PER_SEC
    }
}
