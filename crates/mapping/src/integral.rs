use analysis::Series;
use common::Result;

/// A rate that is linear between hops, and its exact integral since time zero.
///
/// The integral at some of the hops is a table, from which it is added up to the others; between two hops it is a parabola.
/// Its value depends on the time alone, so films of any frame rate agree at common times. The rates of a long song lie in a file.
#[derive(Clone, Debug)]
pub(super) struct Integral {
    hop_secs: f64,
    /// Rate at each hop, per second; at least one.
    rates: Series<f64>,
    /// Integral up to each [`HOPS_PER_SUM`]th hop.
    sums: Vec<f64>,
}

/// Hops from one entry of the table to the next: that of ten hours stays small.
const HOPS_PER_SUM: usize = 64;

impl Integral {
    /// From the rate at each hop. Before the first hop and after the last, the rate stays as it is there; without hops
    /// it is `idle` everywhere.
    ///
    /// # Errors
    /// As [`Series::read`].
    pub fn new(rates: Series<f64>, hop_secs: f64, idle: f64) -> Result<Self> {
        let has_grid = hop_secs.is_finite() && hop_secs > 0.0;
        let rates = match rates.is_empty() || !has_grid {
            true => Series::from_iter([idle]),
            false => rates,
        };
        let hop_secs = if has_grid { hop_secs } else { 1.0 };
        let mut sums = Vec::with_capacity(rates.len().div_ceil(HOPS_PER_SUM));
        let (mut sum, mut last) = (0.0, None);
        for (hop_idx, rate) in rates.iter().enumerate() {
            let rate = rate?;
            sum += last.map_or(0.0, |last| area(last, rate, hop_secs));
            last = Some(rate);
            if hop_idx.is_multiple_of(HOPS_PER_SUM) {
                sums.push(sum);
            }
        }
        Ok(Self {
            hop_secs,
            rates,
            sums,
        })
    }

    /// Distance between hops in seconds.
    pub fn hop_secs(&self) -> f64 {
        self.hop_secs
    }

    /// The rate at a time in seconds.
    ///
    /// # Errors
    /// As [`Series::read`].
    pub fn rate(&self, secs: f64) -> Result<f64> {
        let (hop_idx, fraction) = self.locate(secs);
        let around = self.rates.read(hop_idx..hop_idx + 2)?;
        let (before, after) = ends(&around);
        Ok(before + fraction.clamp(0.0, 1.0) * (after - before))
    }

    /// The integral from 0 to a time in seconds.
    ///
    /// # Errors
    /// As [`Series::read`].
    pub fn position(&self, secs: f64) -> Result<f64> {
        let (hop_idx, fraction) = self.locate(secs);
        let entry = hop_idx / HOPS_PER_SUM;
        let n_before = hop_idx % HOPS_PER_SUM;
        let rates = self.rates.read(entry * HOPS_PER_SUM..hop_idx + 2)?;
        let known = self.sums.get(entry).copied().unwrap_or_default();
        let areas = rates.windows(2).take(n_before);
        let sum = areas.fold(known, |sum, pair| {
            sum + area(pair[0], pair[1], self.hop_secs)
        });
        let (before, after) = ends(rates.get(n_before..).unwrap_or_default());
        Ok(sum + self.hop_secs * fraction * (before + 0.5 * fraction * (after - before)))
    }

    /// The hop at or before a time, and how far the time is behind it, in hops. The fraction leaves 0..1 outside the
    /// grid, where the rate is constant.
    fn locate(&self, secs: f64) -> (usize, f64) {
        let hops = secs / self.hop_secs;
        let hop_idx = (hops.max(0.0) as usize).min(self.rates.len() - 1);
        (hop_idx, hops - hop_idx as f64)
    }
}

/// The integral from a hop to the next.
fn area(rate: f64, next: f64, hop_secs: f64) -> f64 {
    0.5 * (rate + next) * hop_secs
}

/// The rates at a hop and at the next one, where there is one.
fn ends(rates: &[f64]) -> (f64, f64) {
    let before = rates.first().copied().unwrap_or_default();
    (before, rates.get(1).copied().unwrap_or(before))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn integral(rates: Vec<f64>, hop_secs: f64, idle: f64) -> Integral {
        Integral::new(rates.into(), hop_secs, idle).unwrap()
    }

    #[test]
    fn a_constant_rate_gives_a_straight_line() {
        for course in [
            integral(vec![2.0; 5], 0.1, 0.0),
            integral(Vec::new(), 0.0, 2.0),
        ] {
            for secs in [0.0, 0.05, 0.3999, 0.4, 7.0] {
                assert!((course.position(secs).unwrap() - 2.0 * secs).abs() < 1e-12);
                assert!((course.rate(secs).unwrap() - 2.0).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn a_ramp_gives_a_parabola() {
        let course = integral((0..101).map(|i| f64::from(i) * 0.01).collect(), 0.01, 0.0);
        for secs in [0.0, 0.003, 0.5, 0.777, 1.0] {
            assert!(
                (course.position(secs).unwrap() - 0.5 * secs * secs).abs() < 1e-12,
                "{secs}"
            );
        }
    }

    proptest! {
        /// The slow and obvious way: a sum of very many small steps.
        #[test]
        fn the_table_agrees_with_a_riemann_sum(
            rates in prop::collection::vec(0.0f64..3.0, 1..20),
            end in 0.0f64..2.5,
        ) {
            let course = integral(rates, 0.1, 0.0);
            let n = 20_000;
            let step = end / f64::from(n);
            let sum: f64 = (0..n).map(|i| course.rate((f64::from(i) + 0.5) * step).unwrap() * step).sum();
            prop_assert!((course.position(end).unwrap() - sum).abs() < 1e-6);
        }

        #[test]
        fn a_position_never_goes_back(
            rates in prop::collection::vec(0.0f64..3.0, 0..20),
            mut times in prop::collection::vec(0.0f64..5.0, 2..20),
        ) {
            let course = integral(rates, 0.1, 0.5);
            times.sort_by(f64::total_cmp);
            for pair in times.windows(2) {
                prop_assert!(course.position(pair[1]).unwrap() >= course.position(pair[0]).unwrap() - 1e-12);
            }
        }
    }
}
