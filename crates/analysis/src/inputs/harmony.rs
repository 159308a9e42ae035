//! How harmony changes.

use common::Result;

use std::ops::Range;

use super::super::features::{Features, HOPS_PER_CHROMA};
use super::super::hops::HOPS_PER_SEC;
use super::super::series::{Series, SeriesReader, SeriesWriter};
use super::HOPS_PER_STEP;

/// Reaches of the change of harmony to each side, in chroma vectors: 0.4 s and 1 s.
const HARMONY_REACHES: [usize; 2] = [8, 20];
/// Values that describe the change of harmony at a step.
pub(in super::super) const N_HARMONY: usize = 2 * HARMONY_REACHES.len();

/// How harmony changes over a song.
pub(super) struct Harmony {
    /// At each chroma vector, 0..=1 each: of the chroma, then of the bass, with each reach.
    changes: Series<[f32; N_HARMONY]>,
}

impl Harmony {
    /// # Errors
    /// As [`Series::read`].
    pub fn of(features: &Features) -> Result<Self> {
        let parts = [&features.chroma, &features.bass_chroma];
        let mut sides = Vec::with_capacity(N_HARMONY);
        for chroma in parts {
            for reach in HARMONY_REACHES {
                sides.push(Sides::new(chroma, reach)?);
            }
        }
        let mut changes = SeriesWriter::new(HOPS_PER_SEC / HOPS_PER_CHROMA);
        for i in 0..features.chroma.len() {
            let mut change = [0.0; N_HARMONY];
            for (change, sides) in change.iter_mut().zip(&mut sides) {
                *change = sides.distance_at(i)?;
            }
            changes.push(change);
        }
        Ok(Self {
            changes: changes.finish(),
        })
    }

    /// The changes at some steps; between chroma vectors by proportion.
    ///
    /// # Errors
    /// As [`Series::read`].
    pub fn at(&self, steps: Range<usize>) -> Result<Vec<[f32; N_HARMONY]>> {
        let place = |step: usize| (step * HOPS_PER_STEP) as f32 / HOPS_PER_CHROMA as f32;
        let n = self.changes.len();
        let start = (place(steps.start) as usize).min(n.saturating_sub(1));
        let changes = self.changes.read(start..place(steps.end) as usize + 2)?;
        let at = |step: usize| {
            let (first, share) = (place(step) as usize, place(step).fract());
            let get = |i: usize| {
                let change = i.checked_sub(start).and_then(|i| changes.get(i));
                change.or(changes.last()).copied().unwrap_or_default()
            };
            let (a, b) = (get(first), get(first + 1));
            std::array::from_fn(|k| a[k] + share * (b[k] - a[k]))
        };
        Ok(steps.map(at).collect())
    }
}

/// Sums of what lies on both sides of a chroma vector, which moves from the first to the last.
struct Sides<'a> {
    chroma: SeriesReader<'a, [f32; 12]>,
    reach: usize,
    before: [f64; 12],
    after: [f64; 12],
}

impl<'a> Sides<'a> {
    fn new(chroma: &'a Series<[f32; 12]>, reach: usize) -> Result<Self> {
        let (mut chroma, mut after) = (chroma.reader(), [0.0; 12]);
        for ahead in chroma.read(0..reach)? {
            add(&mut after, *ahead, 1.0);
        }
        Ok(Self {
            chroma,
            reach,
            before: [0.0; 12],
            after,
        })
    }

    /// How far both sides of chroma vector `i` differ; `i` is one more than at the call before.
    fn distance_at(&mut self, i: usize) -> Result<f32> {
        let reach = self.reach;
        let first = i.saturating_sub(reach);
        let around = self.chroma.read(first..i + reach + 1)?;
        let at = |i: usize| around.get(i - first).copied().unwrap_or_default();
        // Chroma i is in neither side: it sees both.
        add(&mut self.after, at(i), -1.0);
        add(&mut self.after, at(i + reach), 1.0);
        let distance = distance(&self.before, &self.after);
        add(&mut self.before, at(i), 1.0);
        if let Some(last) = i.checked_sub(reach) {
            add(&mut self.before, at(last), -1.0);
        }
        Ok(distance)
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
