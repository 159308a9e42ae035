//! How a series of values, one for each beat, alternates from beat to beat.

/// Beats over which a pattern keeps its place: one beat too many or too few shifts what comes after it.
const CHUNK: usize = 32;
/// Most places of a pattern.
const MOST_PLACES: usize = 4;

/// Values of consecutive beats, added up by their places in a pattern of `n` beats.
#[derive(Clone, Copy, Debug)]
struct Chunk {
    n: usize,
    sums: [f32; MOST_PLACES],
    n_values: usize,
}

impl Chunk {
    fn new(n: usize) -> Self {
        Self {
            n,
            sums: [0.0; MOST_PLACES],
            n_values: 0,
        }
    }

    fn push(&mut self, value: f32) {
        self.sums[self.n_values % self.n] += value;
        self.n_values += 1;
    }

    /// Means of the places, once there are as many values as tell something and `is_end`, or as many as belong together.
    fn means(&self, is_end: bool) -> Option<[f32; MOST_PLACES]> {
        let is_whole = self.n_values == CHUNK || is_end && self.n_values >= 2 * self.n;
        let n_at = |place: usize| (self.n_values - place).div_ceil(self.n) as f32;
        is_whole.then(|| {
            let mut means = self.sums;
            for (place, mean) in means.iter_mut().enumerate().take(self.n) {
                *mean /= n_at(place);
            }
            means
        })
    }
}

/// A mean over chunks, each of which counts for as many beats as it has.
#[derive(Clone, Copy, Debug)]
struct Mean {
    sum: f32,
    count: f32,
}

impl Mean {
    const NONE: Self = Self {
        sum: 0.0,
        count: 1e-6,
    };

    /// With another chunk's value, times its number of beats.
    fn with(self, weighted: f32, n_beats: f32) -> Self {
        Self {
            sum: self.sum + weighted,
            count: self.count + n_beats,
        }
    }

    fn value(self) -> f32 {
        self.sum / self.count
    }
}

/// How far the strongest of some places stands out from the others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Contrast {
    chunk: Chunk,
    mean: Mean,
}

impl Contrast {
    /// In a pattern of `n` beats, 2 to 4.
    pub fn new(n: usize) -> Self {
        Self {
            chunk: Chunk::new(n.clamp(2, MOST_PLACES)),
            mean: Mean::NONE,
        }
    }

    /// Takes the next beat's value.
    pub fn push(&mut self, value: f32) {
        self.chunk.push(value);
        if let Some(mean) = self.with_chunk(false) {
            *self = Self {
                mean,
                ..Self::new(self.chunk.n)
            };
        }
    }

    fn with_chunk(&self, is_end: bool) -> Option<Mean> {
        let n = self.chunk.n;
        let means = self.chunk.means(is_end)?;
        let most = means[..n].iter().copied().fold(0.0, f32::max);
        let others = (means[..n].iter().sum::<f32>() - most) / (n as f32 - 1.0);
        let n_beats = self.chunk.n_values as f32;
        let weighted = n_beats * (most - others) / (most + others).max(1e-6);
        Some(self.mean.with(weighted, n_beats))
    }

    /// 0..=1: 0 where all beats are alike.
    pub fn value(&self) -> f32 {
        self.with_chunk(true).unwrap_or(self.mean).value()
    }
}

/// Whether two series alternate from beat to beat against each other: the low band and the mid band where kick and snare take turns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Alternation {
    chunks: [Chunk; 2],
    mean: Mean,
}

impl Default for Alternation {
    fn default() -> Self {
        Self {
            chunks: [Chunk::new(2); 2],
            mean: Mean::NONE,
        }
    }
}

impl Alternation {
    /// Takes the next beat's values.
    pub fn push(&mut self, values: [f32; 2]) {
        let chunks = self.chunks.iter_mut().zip(values);
        chunks.for_each(|(chunk, value)| chunk.push(value));
        if let Some(mean) = self.with_chunk(false) {
            *self = Self {
                mean,
                ..Self::default()
            };
        }
    }

    fn with_chunk(&self, is_end: bool) -> Option<Mean> {
        let [a, b] = self.chunks.map(|chunk| chunk.means(is_end));
        let difference = |m: [f32; MOST_PLACES]| (m[0] - m[1]) / (m[0] + m[1]).max(1e-6);
        let product = difference(a?) * difference(b?);
        let n_beats = self.chunks[0].n_values as f32;
        let weighted = n_beats * product.signum() * product.abs().sqrt();
        Some(self.mean.with(weighted, n_beats))
    }

    /// -1..=1; above 0 where they are loud together.
    pub fn value(&self) -> f32 {
        self.with_chunk(true).unwrap_or(self.mean).value()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contrast(values: &[f32], n: usize) -> f32 {
        let mut contrast = Contrast::new(n);
        values.iter().for_each(|value| contrast.push(*value));
        contrast.value()
    }

    fn alternation(a: &[f32], b: &[f32]) -> f32 {
        let mut alternation = Alternation::default();
        let pairs = a.iter().zip(b);
        pairs.for_each(|(a, b)| alternation.push([*a, *b]));
        alternation.value()
    }

    #[test]
    fn a_pattern_stands_out_at_its_length_even_if_it_is_shifted_once() {
        let of = |i: usize| if i.is_multiple_of(3) { 0.9 } else { 0.3 };
        let values: Vec<f32> = (0..64).map(of).chain((65..128).map(of)).collect();
        assert!(contrast(&values, 3) > 0.35);
        assert!(contrast(&values, 2) < 0.1);
        assert_eq!(contrast(&[0.5; 64], 4), 0.0);
    }

    #[test]
    fn kick_and_snare_take_turns() {
        let kick: Vec<f32> = (0..40).map(|i| [1.0, 0.1][i % 2]).collect();
        let snare: Vec<f32> = (0..40).map(|i| [0.1, 1.0][i % 2]).collect();
        assert!(alternation(&kick, &snare) < -0.7);
        assert!(alternation(&kick, &kick) > 0.7);
        assert_eq!(alternation(&[], &[]), 0.0);
    }
}
