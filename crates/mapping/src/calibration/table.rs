use super::MeasuredSegment;

/// The inverse of a segment's length over time: a monotone cubic through the probes, smooth to the first derivative
/// (Fritsch and Carlson 1980; slopes by Fritsch and Butland 1984).
#[derive(Clone, Debug)]
pub struct Table {
    lengths: Vec<f64>,
    secs: Vec<f64>,
    /// Seconds per visible length at each probe.
    slopes: Vec<f64>,
}

impl Table {
    /// From a measured segment; `None` where it doesn't increase, or its lists don't fit.
    pub fn new(segment: &MeasuredSegment) -> Option<Self> {
        let (lengths, secs) = (segment.lengths.clone(), segment.secs.clone());
        let is_increasing = |values: &[f64]| {
            values.iter().all(|v| v.is_finite()) && values.windows(2).all(|pair| pair[0] < pair[1])
        };
        let is_sound = lengths.len() == secs.len()
            && secs.len() >= 2
            && is_increasing(&lengths)
            && is_increasing(&secs);
        is_sound.then(|| Self {
            slopes: slopes(&lengths, &secs),
            lengths,
            secs,
        })
    }

    /// The time in seconds of the song at which the picture has moved by `length`; the segment's ends beyond it.
    pub fn secs(&self, length: f64) -> f64 {
        let idx = self.lengths.partition_point(|l| *l <= length);
        let idx = idx.clamp(1, self.lengths.len() - 1);
        let at = |list: &[f64], idx: usize| list.get(idx).copied().unwrap_or_default();
        let (l0, l1) = (at(&self.lengths, idx - 1), at(&self.lengths, idx));
        let (s0, s1) = (at(&self.secs, idx - 1), at(&self.secs, idx));
        let (m0, m1) = (at(&self.slopes, idx - 1), at(&self.slopes, idx));
        let width = l1 - l0;
        let x = ((length - l0) / width).clamp(0.0, 1.0);
        // The cubic Hermite polynomial, written as a line and what departs from it: no rounding at the ends.
        let (a, b) = (m0 * width - (s1 - s0), (s1 - s0) - m1 * width);
        let secs = s0 + x * (s1 - s0) + x * (1.0 - x) * (a * (1.0 - x) + b * x);
        secs.clamp(s0, s1)
    }
}

/// Slopes at the knots that keep the cubic monotone: the weighted harmonic mean of both neighbours' slopes.
fn slopes(x: &[f64], y: &[f64]) -> Vec<f64> {
    let pieces: Vec<(f64, f64)> = x
        .windows(2)
        .zip(y.windows(2))
        .map(|(x, y)| (x[1] - x[0], (y[1] - y[0]) / (x[1] - x[0])))
        .collect();
    let inner = pieces.windows(2).map(|pair| {
        let ((h0, d0), (h1, d1)) = (pair[0], pair[1]);
        let (w0, w1) = (2.0 * h1 + h0, h1 + 2.0 * h0);
        (w0 + w1) / (w0 / d0 + w1 / d1)
    });
    // At the ends the speed is that of the outermost piece.
    let first = pieces.first().map(|(_, d)| *d);
    let last = pieces.last().map(|(_, d)| *d);
    first.into_iter().chain(inner).chain(last).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Scale;
    use super::*;
    use proptest::prelude::*;

    fn segment(secs: &[f64], lengths: &[f64]) -> MeasuredSegment {
        MeasuredSegment {
            key: String::new(),
            scale: Scale::default(),
            secs: secs.to_vec(),
            lengths: lengths.to_vec(),
        }
    }

    fn table(steps: &[(f64, f64)]) -> Table {
        let (mut secs, mut lengths) = (vec![3.0], vec![0.0]);
        for (s, l) in steps {
            secs.push(secs.last().unwrap() + s);
            lengths.push(lengths.last().unwrap() + l);
        }
        Table::new(&segment(&secs, &lengths)).unwrap()
    }

    proptest! {
        #[test]
        fn time_never_turns_back_and_probes_are_met(
            steps in prop::collection::vec((0.001f64..2.0, 1e-7f64..0.3), 1..20),
            mut at in prop::collection::vec(0.0f64..1.0, 2..40),
        ) {
            let table = table(&steps);
            for (secs, length) in table.secs.iter().zip(&table.lengths) {
                prop_assert!((table.secs(*length) - secs).abs() < 1e-12);
            }
            at.sort_by(f64::total_cmp);
            let whole = table.lengths.last().unwrap();
            for pair in at.windows(2) {
                prop_assert!(table.secs(pair[0] * whole) <= table.secs(pair[1] * whole) + 1e-12);
            }
        }
    }

    #[test]
    fn an_even_course_stays_a_line() {
        let table = table(&[(1.0, 0.1), (1.0, 0.1), (2.0, 0.2)]);
        for length in [0.0, 0.03, 0.1, 0.25, 0.4] {
            assert!((table.secs(length) - 3.0 - 10.0 * length).abs() < 1e-9);
        }
    }

    #[test]
    fn broken_tables_are_refused() {
        for (secs, lengths) in [
            (&[0.0, 1.0][..], &[0.0][..]),
            (&[0.0], &[0.0]),
            (&[0.0, 1.0], &[0.0, 0.0]),
            (&[1.0, 0.0], &[0.0, 1.0]),
            (&[0.0, 1.0], &[0.0, f64::NAN]),
        ] {
            assert!(Table::new(&segment(secs, lengths)).is_none());
        }
    }
}
