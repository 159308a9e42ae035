//! How harmony changes.

use common::Result;

use super::super::features::{Features, HOPS_PER_CHROMA};
use super::HOPS_PER_STEP;

/// Reaches of the change of harmony to each side, in chroma vectors: 0.4 s and 1 s.
const HARMONY_REACHES: [usize; 2] = [8, 20];
/// Values that describe the change of harmony at a step.
pub(in super::super) const N_HARMONY: usize = 2 * HARMONY_REACHES.len();

/// How harmony changes over a song.
pub(super) struct Harmony {
    /// At each chroma vector, 0..=1 each: of the chroma, then of the bass, with each reach.
    changes: Vec<[f32; N_HARMONY]>,
}

impl Harmony {
    /// # Errors
    /// As [`Series::read`](super::super::series::Series::read).
    pub fn of(features: &Features) -> Result<Self> {
        let n_reaches = HARMONY_REACHES.len();
        let mut changes = vec![[0.0f32; N_HARMONY]; features.chroma.len()];
        for (part, chroma) in [&features.chroma, &features.bass_chroma]
            .into_iter()
            .enumerate()
        {
            for (k, reach) in HARMONY_REACHES.into_iter().enumerate() {
                let (mut before, mut after) = ([0.0f64; 12], [0.0f64; 12]);
                let mut chroma = chroma.reader();
                for ahead in chroma.read(0..reach)? {
                    add(&mut after, *ahead, 1.0);
                }
                for (i, change) in changes.iter_mut().enumerate() {
                    let first = i.saturating_sub(reach);
                    let around = chroma.read(first..i + reach + 1)?;
                    let at = |i: usize| around.get(i - first).copied().unwrap_or_default();
                    // Chroma i is in neither side: it sees both.
                    add(&mut after, at(i), -1.0);
                    add(&mut after, at(i + reach), 1.0);
                    change[part * n_reaches + k] = distance(&before, &after);
                    add(&mut before, at(i), 1.0);
                    if let Some(last) = i.checked_sub(reach) {
                        add(&mut before, at(last), -1.0);
                    }
                }
            }
        }
        Ok(Self { changes })
    }

    /// The change at a step; between chroma vectors by proportion.
    pub fn at(&self, step: usize) -> [f32; N_HARMONY] {
        let at = (step * HOPS_PER_STEP) as f32 / HOPS_PER_CHROMA as f32;
        let (first, share) = (at as usize, at.fract());
        let get = |i: usize| {
            let change = self.changes.get(i).or(self.changes.last());
            change.copied().unwrap_or_default()
        };
        let (a, b) = (get(first), get(first + 1));
        std::array::from_fn(|k| a[k] + share * (b[k] - a[k]))
    }
}

fn add(sum: &mut [f64; 12], chroma: [f32; 12], sign: f64) {
    for (sum, value) in sum.iter_mut().zip(chroma) {
        *sum += sign * f64::from(value);
    }
}

/// 1 minus the cosine similarity; 0 where one side is silent.
fn distance(a: &[f64; 12], b: &[f64; 12]) -> f32 {
    let dot: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
    let norm = |v: &[f64; 12]| v.iter().map(|v| v * v).sum::<f64>().sqrt();
    let norms = norm(a) * norm(b);
    if norms > 1e-9 {
        (1.0 - dot / norms).clamp(0.0, 1.0) as f32
    } else {
        0.0
    }
}
