//! The waveform at every zoom: the lowest and highest sample of each bin, in levels each four times as coarse.

/// Samples in a bin of the finest level.
const SAMPLES_PER_BIN: usize = 256;
/// Bins of a level that make one of the next.
const BINS_PER_BIN: usize = 4;
/// The coarsest level has at most so many bins.
const MAX_COARSE_BINS: usize = 1024;

/// Lowest and highest value of a bin, -127..=127.
type Bin = [i8; 2];

/// The levels, finest first.
#[derive(Default)]
pub struct Peaks {
    levels: Vec<Vec<Bin>>,
    current: Option<[f32; 2]>,
    n_in_bin: usize,
}

impl Peaks {
    /// Takes interleaved samples; all channels count.
    pub fn push(&mut self, samples: &[f32], n_channels: usize) {
        if self.levels.is_empty() {
            self.levels.push(Vec::new());
        }
        for sample in samples.chunks_exact(n_channels.max(1)) {
            let [mut low, mut high] = self.current.unwrap_or([f32::MAX, f32::MIN]);
            for value in sample {
                (low, high) = (low.min(*value), high.max(*value));
            }
            self.current = Some([low, high]);
            self.n_in_bin += 1;
            if self.n_in_bin == SAMPLES_PER_BIN {
                self.end_bin();
            }
        }
    }

    /// Ends the last bin and makes the coarser levels.
    #[must_use]
    pub fn finish(mut self) -> Self {
        self.end_bin();
        while let Some(last) = self
            .levels
            .last()
            .filter(|bins| bins.len() > MAX_COARSE_BINS)
        {
            let coarser = last.chunks(BINS_PER_BIN).map(joined).collect();
            self.levels.push(coarser);
        }
        self
    }

    fn end_bin(&mut self) {
        self.n_in_bin = 0;
        if let (Some(bin), Some(finest)) = (self.current.take(), self.levels.first_mut()) {
            finest.push(bin.map(|value| (value.clamp(-1.0, 1.0) * 127.0).round() as i8));
        }
    }

    /// Little-endian: `u32` samples a second, `u32` samples in a bin of the first level, `u32` number of levels, `u32` number of bins
    /// of each level; then of each level the bins, two `i8` each.
    pub fn to_bytes(&self, sample_rate_hz: u32) -> Vec<u8> {
        let numbers = [SAMPLES_PER_BIN, self.levels.len()].into_iter();
        let numbers = numbers.chain(self.levels.iter().map(Vec::len));
        let numbers = std::iter::once(sample_rate_hz).chain(numbers.map(|n| n as u32));
        let mut bytes: Vec<u8> = numbers.flat_map(u32::to_le_bytes).collect();
        for level in &self.levels {
            bytes.extend(level.iter().flatten().map(|value| value.cast_unsigned()));
        }
        bytes
    }
}

fn joined(bins: &[Bin]) -> Bin {
    let low = bins.iter().map(|bin| bin[0]).min().unwrap_or_default();
    let high = bins.iter().map(|bin| bin[1]).max().unwrap_or_default();
    [low, high]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_holds_the_extremes_of_the_finer_one() {
        let n_samples = 256 * 5000 + 10;
        let samples: Vec<f32> = (0..n_samples)
            .map(|i| ((i as u64 * 7919) % 1000) as f32 / 500.0 - 1.0)
            .collect();
        let mut peaks = Peaks::default();
        for block in samples.chunks(8191) {
            peaks.push(block, 1);
        }
        let peaks = peaks.finish();
        let lengths: Vec<usize> = peaks.levels.iter().map(Vec::len).collect();
        assert_eq!(lengths, [5001, 1251, 313]);
        let slow = |range: std::ops::Range<usize>| {
            let part = &samples[range.start..range.end.min(samples.len())];
            let low = part.iter().copied().fold(f32::MAX, f32::min);
            let high = part.iter().copied().fold(f32::MIN, f32::max);
            [low, high].map(|value| (value * 127.0).round() as i8)
        };
        for (level, width) in [(0, 256), (1, 1024), (2, 4096)] {
            for (idx, bin) in peaks.levels[level].iter().enumerate() {
                assert_eq!(
                    *bin,
                    slow(idx * width..(idx + 1) * width),
                    "level {level}, bin {idx}"
                );
            }
        }
        let bytes = peaks.to_bytes(0xAC44);
        assert_eq!(bytes.len(), 4 * 6 + 2 * (5001 + 1251 + 313));
        assert_eq!(bytes[..12], [0x44, 0xAC, 0, 0, 0, 1, 0, 0, 3, 0, 0, 0]);
    }

    #[test]
    fn all_channels_count() {
        let mut peaks = Peaks::default();
        peaks.push(&[0.5, -1.0, 0.25, 2.0], 2);
        assert_eq!(peaks.finish().levels, [vec![[-127, 127]]]);
    }
}
