//! A stream of samples as windows, one around each hop.

/// Distance between hops in samples at [`super::resample::ANALYSIS_RATE_HZ`]: 10 ms.
pub(super) const HOP_LENGTH: usize = 240;
/// Length of a hop in seconds.
pub(super) const HOP_SECS: f64 = 0.01;
/// Hops in a second.
pub(super) const HOPS_PER_SEC: usize = 100;

/// Cuts a stream at [`super::resample::ANALYSIS_RATE_HZ`] into windows; that of hop `i` is centred on sample
/// `i * HOP_LENGTH`, with silence before the stream and behind it.
pub(super) struct Hops {
    window_len: usize,
    /// Samples from the next hop's window on.
    buffer: Vec<f32>,
    n_samples: usize,
    n_hops: usize,
}

impl Hops {
    pub fn new(window_len: usize) -> Self {
        Self {
            window_len,
            buffer: vec![0.0; window_len / 2],
            n_samples: 0,
            n_hops: 0,
        }
    }

    /// Takes the next samples and calls `hop` with the number and the window of each hop that they complete.
    pub fn push(&mut self, samples: &[f32], mut hop: impl FnMut(usize, &[f32])) {
        self.n_samples += samples.len();
        self.buffer.extend_from_slice(samples);
        let mut start = 0;
        while self.buffer.len() - start >= self.window_len {
            hop(self.n_hops, &self.buffer[start..start + self.window_len]);
            self.n_hops += 1;
            start += HOP_LENGTH;
        }
        self.buffer.drain(..start);
    }

    /// Ends the stream, with the hops that reach to its last sample.
    pub fn finish(mut self, mut hop: impl FnMut(usize, &[f32])) {
        let n_missing = self.n_samples.div_ceil(HOP_LENGTH) - self.n_hops;
        self.buffer.resize(self.buffer.len() + self.window_len, 0.0);
        for i in 0..n_missing {
            let start = i * HOP_LENGTH;
            hop(
                self.n_hops + i,
                &self.buffer[start..start + self.window_len],
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_hop_has_its_window_however_the_samples_come() {
        let sample = |at: usize| at as f32 + 1.0;
        for (n_samples, n_block) in [
            (0, 1),
            (1, 1),
            (240, 7),
            (241, 241),
            (5000, 999),
            (5000, 5000),
        ] {
            let samples: Vec<f32> = (0..n_samples).map(sample).collect();
            let (mut hops, mut seen) = (Hops::new(1024), Vec::new());
            let check = |seen: &mut Vec<usize>, idx: usize, window: &[f32]| {
                seen.push(idx);
                for (i, value) in window.iter().enumerate() {
                    let at = (idx * HOP_LENGTH + i).checked_sub(512);
                    let expected = at.filter(|at| *at < n_samples).map_or(0.0, sample);
                    assert_eq!(*value, expected, "{n_samples}: hop {idx}, value {i}");
                }
            };
            for block in samples.chunks(n_block) {
                hops.push(block, |idx, window| check(&mut seen, idx, window));
            }
            hops.finish(|idx, window| check(&mut seen, idx, window));
            assert_eq!(
                seen,
                (0..n_samples.div_ceil(HOP_LENGTH)).collect::<Vec<_>>()
            );
        }
    }
}
