//! Which of a [`Series`]' values has a rank among them, with none of them held: 16 bits of them are looked at in each pass.

use common::Result;

use super::series::{Series, Value};

/// Bits that are looked at in one pass.
const N_BITS: usize = 16;

/// A number whose bits can be put in its order.
pub trait Number: Value + Default + Into<f64> {
    /// Its bits, in the order of `total_cmp`.
    #[doc(hidden)]
    fn ordered(self) -> u64;
    /// From these bits.
    #[doc(hidden)]
    fn from_ordered(bits: u64) -> Self;
}

impl Number for f32 {
    fn ordered(self) -> u64 {
        let bits = self.to_bits();
        u64::from(if bits >> 31 == 1 {
            !bits
        } else {
            bits | 1 << 31
        })
    }

    fn from_ordered(bits: u64) -> Self {
        let bits = bits as u32;
        Self::from_bits(if bits >> 31 == 1 {
            bits ^ 1 << 31
        } else {
            !bits
        })
    }
}

impl Number for f64 {
    fn ordered(self) -> u64 {
        let bits = self.to_bits();
        if bits >> 63 == 1 {
            !bits
        } else {
            bits | 1 << 63
        }
    }

    fn from_ordered(bits: u64) -> Self {
        Self::from_bits(if bits >> 63 == 1 {
            bits ^ 1 << 63
        } else {
            !bits
        })
    }
}

impl<T: Number> Series<T> {
    /// [`common::statistics::percentile`] of those values that count.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(super) fn percentile(&self, share: f64, counts: impl Fn(T) -> bool) -> Result<T> {
        let rank = self.last_rank(&counts)? as f64 * share.clamp(0.0, 1.0);
        Ok(self.ranked(rank as usize, &counts)?.unwrap_or_default())
    }

    /// [`common::statistics::quantile`] of those values that count; `None` if there are none.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn quantile(&self, share: f64, counts: impl Fn(T) -> bool) -> Result<Option<f64>> {
        let place = self.last_rank(&counts)? as f64 * share.clamp(0.0, 1.0);
        let low = self.ranked(place.floor() as usize, &counts)?;
        let high = match place.fract() > 0.0 {
            true => self.ranked(place.ceil() as usize, &counts)?,
            false => low,
        };
        let between = |(low, high): (T, T)| {
            let (low, high) = (low.into(), high.into());
            low + place.fract() * (high - low)
        };
        Ok(low.zip(high).map(between))
    }

    /// The rank of the greatest of the values that count, from 0.
    fn last_rank(&self, counts: &impl Fn(T) -> bool) -> Result<usize> {
        let count = |n: usize, value: Result<T>| Ok(n + usize::from(counts(value?)));
        let n = self.iter().try_fold(0, count)?;
        Ok(n.saturating_sub(1))
    }

    /// The value of a rank among those that count, from 0.
    fn ranked(&self, mut rank: usize, counts: &impl Fn(T) -> bool) -> Result<Option<T>> {
        let mut found = 0u64;
        for n_lower in (0..8 * T::N_BYTES).step_by(N_BITS).rev() {
            let mut places = vec![0usize; 1 << N_BITS];
            for value in self.iter() {
                let value = value?;
                let bits = value.ordered() >> n_lower;
                if bits >> N_BITS == found && counts(value) {
                    places[bits as usize % (1 << N_BITS)] += 1;
                }
            }
            let is_behind = |n: &&usize| {
                let is_behind = rank >= **n;
                rank -= if is_behind { **n } else { 0 };
                is_behind
            };
            let place = places.iter().take_while(is_behind).count();
            if place == places.len() {
                return Ok(None);
            }
            found = found << N_BITS | place as u64;
        }
        Ok(Some(T::from_ordered(found)))
    }
}

#[cfg(test)]
mod tests {
    use common::statistics::{percentile, quantile};

    use super::*;

    const SHARES: [f64; 6] = [0.0, 0.05, 0.5, 0.951, 0.99, 1.0];

    fn values() -> Vec<f32> {
        let value = |i: u32| (f64::from(i) * 0.7).sin() as f32 * 10f32.powi(i as i32 % 7 - 3);
        (0..2000).map(value).chain([0.0, -0.0, 1e30]).collect()
    }

    #[test]
    fn a_percentile_is_one_of_the_values_that_count() {
        let (values, series) = (values(), Series::from(values()));
        for share in SHARES {
            let found = series.percentile(share, |_| true).unwrap();
            assert_eq!(found.to_bits(), percentile(&values, share).to_bits());
            let some: Vec<f32> = values.iter().copied().filter(|v| *v < 0.3).collect();
            let found = series.percentile(share, |v| v < 0.3).unwrap();
            assert_eq!(found.to_bits(), percentile(&some, share).to_bits());
        }
        assert_eq!(series.percentile(0.5, |_| false).unwrap(), 0.0);
    }

    #[test]
    fn a_quantile_lies_between_values_that_count() {
        let (short, long): (Vec<f32>, Vec<f64>) = (
            values(),
            values().iter().map(|v| f64::from(*v) / 3.0).collect(),
        );
        for share in SHARES {
            let bits = |value: Option<f64>| value.map(f64::to_bits);
            let widened: Vec<f64> = short.iter().copied().map(f64::from).collect();
            let found = Series::from(short.clone()).quantile(share, |_| true);
            assert_eq!(bits(found.unwrap()), bits(quantile(&widened, share)));
            let some: Vec<f64> = long.iter().copied().filter(|v| *v > -0.1).collect();
            let found = Series::from(long.clone()).quantile(share, |v| v > -0.1);
            assert_eq!(bits(found.unwrap()), bits(quantile(&some, share)));
        }
        let none = Series::from(short).quantile(0.5, |_| false);
        assert_eq!(none.unwrap(), None);
    }
}
