//! How each bar of a song sounds, in some sixty numbers. Those of a long song lie in a temporary file, as hours have many bars.

use std::ops::Range;

use common::Result;

use super::super::rows::Rows;

/// Bars that are read at once.
const N_AHEAD: usize = 200;

/// A row of numbers for each bar.
pub(super) struct BarSounds {
    rows: Rows,
    n_dims: usize,
}

impl BarSounds {
    /// Without bars, for `n_dims` numbers each.
    pub fn new(n_dims: usize) -> Self {
        // About one bar a second.
        Self {
            rows: Rows::new(n_dims * size_of::<f32>(), 1),
            n_dims,
        }
    }

    /// Adds a bar.
    pub fn push(&mut self, bar: &[f32]) {
        let bytes: Vec<u8> = bar.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.rows.push(&bytes);
    }

    /// Number of bars.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Numbers that each has.
    pub fn n_dims(&self) -> usize {
        self.n_dims
    }

    /// Some bars in their order.
    ///
    /// # Errors
    /// Each as [`Rows::read`].
    pub fn over(&self, range: Range<usize>) -> impl Iterator<Item = Result<Vec<f32>>> {
        let end = range.end.min(self.len());
        let n_bytes = self.n_dims * size_of::<f32>();
        let values = |bytes: &[u8]| {
            let numbers = bytes.as_chunks().0.iter();
            numbers.map(|number| f32::from_le_bytes(*number)).collect()
        };
        (range.start..end).step_by(N_AHEAD).flat_map(move |start| {
            match self.rows.read(start..end.min(start + N_AHEAD)) {
                Ok(bytes) => bytes
                    .chunks_exact(n_bytes.max(1))
                    .map(|row| Ok(values(row)))
                    .collect(),
                Err(error) => vec![Err(error)],
            }
        })
    }

    /// All bars in their order.
    ///
    /// # Errors
    /// As [`over`](Self::over).
    pub fn iter(&self) -> impl Iterator<Item = Result<Vec<f32>>> {
        self.over(0..self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_of_hours_come_back() {
        let bar = |i: usize| vec![i as f32, 0.5 - i as f32, 1.0 / (1.0 + i as f32)];
        let mut bars = BarSounds::new(3);
        (0..20_000).for_each(|i| bars.push(&bar(i)));
        assert_eq!(bars.len(), 20_000);
        let all = bars.iter().map(Result::unwrap);
        assert!(all.eq((0..20_000).map(bar)));
        let some: Vec<_> = bars.over(19_998..20_005).map(Result::unwrap).collect();
        assert_eq!(some, [bar(19_998), bar(19_999)]);
    }
}
