/// A rate that is linear between hops, and its exact integral since time zero.
///
/// The integral at some of the hops is a table, from which it is added up to the others; between two hops it is a parabola.
/// Its value depends on the time alone, so films of any frame rate agree at common times.
#[derive(Clone, Debug)]
pub(super) struct Integral {
    hop_secs: f64,
    /// Rate at each hop, per second; at least one.
    rates: Vec<f64>,
    /// Integral up to each [`HOPS_PER_SUM`]th hop.
    sums: Vec<f64>,
}

/// Hops from one entry of the table to the next: an hour's table stays small.
const HOPS_PER_SUM: usize = 16;

impl Integral {
    /// From the rate at each hop. Before the first hop and after the last, the rate stays as it is there; without hops
    /// it is `idle` everywhere.
    pub fn new(mut rates: Vec<f64>, hop_secs: f64, idle: f64) -> Self {
        let has_grid = hop_secs.is_finite() && hop_secs > 0.0;
        if rates.is_empty() || !has_grid {
            rates = vec![idle];
        }
        let hop_secs = if has_grid { hop_secs } else { 1.0 };
        let mut integral = Self {
            hop_secs,
            sums: Vec::with_capacity(rates.len().div_ceil(HOPS_PER_SUM)),
            rates,
        };
        let mut sum = 0.0;
        for hop_idx in 0..integral.rates.len() {
            if hop_idx > 0 {
                sum += integral.area_before(hop_idx);
            }
            if hop_idx.is_multiple_of(HOPS_PER_SUM) {
                integral.sums.push(sum);
            }
        }
        integral
    }

    /// Distance between hops in seconds.
    pub fn hop_secs(&self) -> f64 {
        self.hop_secs
    }

    /// The rate at a time in seconds.
    pub fn rate(&self, secs: f64) -> f64 {
        let (hop_idx, fraction) = self.locate(secs);
        let (before, after) = self.rates_around(hop_idx);
        before + fraction.clamp(0.0, 1.0) * (after - before)
    }

    /// The integral from 0 to a time in seconds.
    pub fn position(&self, secs: f64) -> f64 {
        let (hop_idx, fraction) = self.locate(secs);
        let (before, after) = self.rates_around(hop_idx);
        let sum = self.up_to(hop_idx);
        sum + self.hop_secs * fraction * (before + 0.5 * fraction * (after - before))
    }

    /// The hop at or before a time, and how far the time is behind it, in hops. The fraction leaves 0..1 outside the
    /// grid, where the rate is constant.
    fn locate(&self, secs: f64) -> (usize, f64) {
        let hops = secs / self.hop_secs;
        let hop_idx = (hops.max(0.0) as usize).min(self.rates.len() - 1);
        (hop_idx, hops - hop_idx as f64)
    }

    /// The integral from 0 to a hop.
    fn up_to(&self, hop_idx: usize) -> f64 {
        let entry = hop_idx / HOPS_PER_SUM;
        let known = self.sums.get(entry).copied().unwrap_or_default();
        let rest = entry * HOPS_PER_SUM + 1..=hop_idx;
        rest.fold(known, |sum, hop_idx| sum + self.area_before(hop_idx))
    }

    /// The integral from the hop before to a hop.
    fn area_before(&self, hop_idx: usize) -> f64 {
        let (last, rate) = self.rates_around(hop_idx - 1);
        0.5 * (last + rate) * self.hop_secs
    }

    fn rates_around(&self, hop_idx: usize) -> (f64, f64) {
        let before = self.rates.get(hop_idx).copied().unwrap_or_default();
        (
            before,
            self.rates.get(hop_idx + 1).copied().unwrap_or(before),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_constant_rate_gives_a_straight_line() {
        for integral in [
            Integral::new(vec![2.0; 5], 0.1, 0.0),
            Integral::new(Vec::new(), 0.0, 2.0),
        ] {
            for secs in [0.0, 0.05, 0.3999, 0.4, 7.0] {
                assert!((integral.position(secs) - 2.0 * secs).abs() < 1e-12);
                assert!((integral.rate(secs) - 2.0).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn a_ramp_gives_a_parabola() {
        let integral = Integral::new((0..101).map(|i| f64::from(i) * 0.01).collect(), 0.01, 0.0);
        for secs in [0.0, 0.003, 0.5, 0.777, 1.0] {
            assert!(
                (integral.position(secs) - 0.5 * secs * secs).abs() < 1e-12,
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
            let integral = Integral::new(rates, 0.1, 0.0);
            let n = 20_000;
            let step = end / f64::from(n);
            let sum: f64 = (0..n).map(|i| integral.rate((f64::from(i) + 0.5) * step) * step).sum();
            prop_assert!((integral.position(end) - sum).abs() < 1e-6);
        }

        #[test]
        fn a_position_never_goes_back(
            rates in prop::collection::vec(0.0f64..3.0, 0..20),
            mut times in prop::collection::vec(0.0f64..5.0, 2..20),
        ) {
            let integral = Integral::new(rates, 0.1, 0.5);
            times.sort_by(f64::total_cmp);
            for pair in times.windows(2) {
                prop_assert!(integral.position(pair[1]) >= integral.position(pair[0]) - 1e-12);
            }
        }
    }
}
