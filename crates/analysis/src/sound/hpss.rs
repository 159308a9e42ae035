//! Harmonic and percussive parts by median filtering (Fitzgerald, "Harmonic/percussive separation using median filtering",
//! DAFx 2010): what lasts is a ridge along time, what strikes is a ridge along frequency. Each bin is shared out by soft
//! masks after the medians along both (his equations 9 and 10 with p = 2, librosa's `hpss` with a margin of 1).

use std::array;

/// Values in a median.
const N: usize = 9;
/// Hops between the values of the median along time: it spans a third of a second.
const STRIDE_HOPS: usize = 4;
/// Reach of the median along time to each side, in hops.
pub(super) const REACH_HOPS: usize = N / 2 * STRIDE_HOPS;
/// Hops that are kept.
const N_ROWS: usize = 2 * REACH_HOPS + 1;
/// Bins that are worked on at once, as one vector: all values of a median then fit the registers of most machines.
const LANES: usize = 8;

/// Separates a stream of power spectra; results come [`REACH_HOPS`] hops late.
pub(super) struct Separator {
    n_bins: usize,
    /// The last [`N_ROWS`] power spectra in a ring, each with room for the median along frequency on both sides.
    rows: Vec<Vec<f32>>,
    n_pushed: usize,
    n_done: usize,
    lasting: Vec<f32>,
    striking: Vec<f32>,
    /// The machine's vectors.
    arch: pulp::Arch,
}

/// Power of a hop's parts; they add up to the power of the hop.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Parts {
    pub harmonic: f32,
    pub percussive: f32,
}

impl Separator {
    pub fn new(n_bins: usize) -> Self {
        let n_padded = n_bins.div_ceil(LANES) * LANES;
        Self {
            n_bins,
            rows: vec![vec![0.0; n_padded + N - 1]; N_ROWS],
            n_pushed: 0,
            n_done: 0,
            lasting: vec![0.0; n_padded],
            striking: vec![0.0; n_padded],
            arch: pulp::Arch::new(),
        }
    }

    /// Takes a hop's power spectrum and returns the parts of the hop that is complete now, if any is.
    pub fn push(&mut self, power: &[f32]) -> Option<Parts> {
        let row = &mut self.rows[self.n_pushed % N_ROWS];
        let inner = &mut row[N / 2..N / 2 + self.n_bins];
        inner
            .iter_mut()
            .zip(power)
            .for_each(|(to, from)| *to = *from);
        // Beyond its ends the spectrum goes on as it ends, so that the borders aren't taken for edges.
        let (first, last) = (row[N / 2], row[N / 2 + self.n_bins - 1]);
        row[..N / 2].fill(first);
        row[N / 2 + self.n_bins..].fill(last);
        self.n_pushed += 1;
        (self.n_pushed > REACH_HOPS).then(|| self.next())
    }

    /// The hops that still wait for their future; at the end there is none.
    pub fn finish(mut self) -> Vec<Parts> {
        (self.n_done..self.n_pushed).map(|_| self.next()).collect()
    }

    fn next(&mut self) -> Parts {
        let hop = self.n_done;
        self.n_done += 1;
        let oldest = self.n_pushed.saturating_sub(N_ROWS);
        // Before the first and after the last hop, those hops go on.
        let in_time: [&[f32]; N] = array::from_fn(|i| {
            let wanted = (hop + i * STRIDE_HOPS).saturating_sub(REACH_HOPS);
            let row = wanted.clamp(oldest, self.n_pushed - 1) % N_ROWS;
            &self.rows[row][N / 2..]
        });
        let row = &self.rows[hop % N_ROWS];
        let in_frequency: [&[f32]; N] = array::from_fn(|i| &row[i..]);
        for (rows, medians) in [
            (in_time, &mut self.lasting),
            (in_frequency, &mut self.striking),
        ] {
            self.arch.dispatch(Medians { rows, medians });
        }
        let mut parts = Parts::default();
        let bins = row[N / 2..].iter().zip(&self.lasting).zip(&self.striking);
        for ((power, lasting), striking) in bins.take(self.n_bins) {
            // Nothing lasts and nothing strikes: half each.
            let share = (lasting + 1e-20) / (lasting + striking + 2e-20);
            parts.harmonic += power * share;
            parts.percussive += power * (1.0 - share);
        }
        parts
    }
}

/// The median over `rows` in each column, with the columns in vectors; `medians.len()` is a multiple of [`LANES`].
struct Medians<'a> {
    rows: [&'a [f32]; N],
    medians: &'a mut [f32],
}

impl pulp::WithSimd for Medians<'_> {
    type Output = ();

    /// All that it calls is inlined, and so compiled for the vectors of `S`.
    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        let chunks = self.medians.as_chunks_mut::<LANES>().0;
        for (chunk, medians) in chunks.iter_mut().enumerate() {
            let at = chunk * LANES;
            let mut values = [[0.0; LANES]; N];
            for (value, row) in values.iter_mut().zip(&self.rows) {
                if let Some(part) = row.get(at..).and_then(|row| row.first_chunk()) {
                    *value = *part;
                }
            }
            *medians = *median(&mut values);
        }
    }
}

/// The median of each lane, by the shortest network of comparisons (Devillard, "Fast median search", 1998, after Paeth).
#[inline(always)]
fn median(v: &mut [[f32; LANES]; N]) -> &[f32; LANES] {
    for triple in [0, 3, 6] {
        order(v, triple + 1, triple + 2);
        order(v, triple, triple + 1);
        order(v, triple + 1, triple + 2);
    }
    // The largest of the least, the middle of the middle, the least of the largest.
    order(v, 0, 3);
    order(v, 3, 6);
    order(v, 5, 8);
    order(v, 2, 5);
    order(v, 4, 7);
    order(v, 1, 4);
    order(v, 4, 7);
    // The median of these three.
    order(v, 4, 2);
    order(v, 6, 4);
    order(v, 4, 2);
    &v[4]
}

/// Puts the lesser of each lane at `a` and the greater at `b`.
#[inline(always)]
fn order(values: &mut [[f32; LANES]; N], a: usize, b: usize) {
    let (mut less, mut more) = (values[a], values[b]);
    for (x, y) in less.iter_mut().zip(&mut more) {
        let is_ordered = *x < *y;
        (*x, *y) = if is_ordered { (*x, *y) } else { (*y, *x) };
    }
    (values[a], values[b]) = (less, more);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn separated(n_hops: usize, power: impl Fn(usize, usize) -> f32) -> Vec<Parts> {
        let mut separator = Separator::new(100);
        let mut parts = Vec::new();
        for hop in 0..n_hops {
            let row: Vec<f32> = (0..100).map(|bin| power(hop, bin)).collect();
            parts.extend(separator.push(&row));
        }
        parts.extend(separator.finish());
        assert_eq!(parts.len(), n_hops);
        parts
    }

    #[test]
    fn tones_last_and_clicks_strike() {
        let parts = separated(200, |hop, bin| {
            let tone = if bin == 40 || bin == 80 { 1.0 } else { 1e-6 };
            let click = if (100..103).contains(&hop) { 0.1 } else { 0.0 };
            tone + click
        });
        assert!(
            parts[50].harmonic > 1.9 && parts[50].percussive < 0.01,
            "{:?}",
            parts[50]
        );
        assert!(parts[101].percussive > 9.0, "{:?}", parts[101]);
        assert!(
            parts[0].harmonic > 1.9,
            "the first hop's past is like itself: {:?}",
            parts[0]
        );
    }

    #[test]
    fn silence_has_no_parts() {
        assert!(
            separated(50, |_, _| 0.0)
                .iter()
                .all(|p| *p == Parts::default())
        );
        assert!(separated(0, |_, _| 1.0).is_empty());
    }

    proptest! {
        #[test]
        fn the_median_is_the_middle_one(values in prop::collection::vec(-1e3f32..1e3, N)) {
            let mut lanes = array::from_fn(|i| [values[i]; LANES]);
            let mut sorted = values.clone();
            sorted.sort_by(f32::total_cmp);
            prop_assert_eq!(median(&mut lanes), &[sorted[N / 2]; LANES]);
        }

        #[test]
        fn parts_add_up(seed in 0u32..1000) {
            let value = |hop: usize, bin: usize| ((hop * 31 + bin * 17) as f32 * 0.37 + seed as f32).sin().abs();
            for (hop, parts) in separated(60, value).into_iter().enumerate() {
                let total: f32 = (0..100).map(|bin| value(hop, bin)).sum();
                prop_assert!((parts.harmonic + parts.percussive - total).abs() < 1e-3 * total);
            }
        }
    }
}
