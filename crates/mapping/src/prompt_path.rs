/// The way from prompt to prompt: each is reached exactly at its arrival, with velocity and acceleration zero.
#[derive(Clone, Debug)]
pub(super) struct PromptPath {
    /// When each prompt has arrived, in seconds, strictly increasing; at least one.
    arrivals: Vec<f64>,
    /// Share of the time between two arrivals in which the first prompt stays, 0..1.
    dwell: f64,
}

/// A place between two prompts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct PromptPoint {
    /// Index of the prompt that is being left.
    pub from: usize,
    /// Index of the prompt that is being approached; `from` where there is no other.
    pub to: usize,
    /// 0 = `from` alone, 1 = `to` alone.
    pub mix: f64,
    /// Prompts per second.
    pub velocity: f64,
}

impl PromptPath {
    pub fn new(arrivals: Vec<f64>, dwell: f64) -> Self {
        Self { arrivals, dwell }
    }

    /// Lets the first prompt arrive once more, under the index after the last, if there are others that it can come from.
    pub fn arrive_again(&mut self, secs: f64) {
        if self.arrivals.len() > 1 {
            self.arrivals.push(secs);
        }
    }

    /// Index of the last prompt that has arrived, with its arrival and the next one's, if there is one.
    ///
    /// Before the first arrival the first prompt counts as arrived.
    pub fn segment(&self, secs: f64) -> (usize, Option<(f64, f64)>) {
        let from = self
            .arrivals
            .partition_point(|a| *a <= secs)
            .saturating_sub(1);
        let start = self.arrivals.get(from).filter(|start| **start <= secs);
        let span = start.copied().zip(self.arrivals.get(from + 1).copied());
        (from, span)
    }

    /// When the prompts begin or cease to move, in seconds, in order: each arrival, and the end of each dwell.
    pub fn prompt_cues(&self) -> Vec<f64> {
        let mut times = Vec::new();
        for pair in self.arrivals.windows(2) {
            times.push(pair[0]);
            if self.dwell > 0.0 {
                times.push(pair[0] + self.dwell * (pair[1] - pair[0]));
            }
        }
        times.extend(self.arrivals.last());
        times
    }

    /// Where the prompts are at a time in seconds.
    pub fn at(&self, secs: f64) -> PromptPoint {
        let (from, span) = self.segment(secs);
        let Some((start, end)) = span else {
            return PromptPoint {
                from,
                to: from,
                mix: 0.0,
                velocity: 0.0,
            };
        };
        let moving_secs = (1.0 - self.dwell) * (end - start);
        let x = (1.0 - (end - secs) / moving_secs).clamp(0.0, 1.0);
        PromptPoint {
            from,
            to: from + 1,
            mix: ease(x),
            velocity: ease_slope(x) / moving_secs,
        }
    }
}

/// The polynomial of least degree from 0 to 1 whose first two derivatives vanish at both ends (Perlin 2002, "smootherstep").
fn ease(x: f64) -> f64 {
    x * x * x * (x * (6.0 * x - 15.0) + 10.0)
}

fn ease_slope(x: f64) -> f64 {
    30.0 * (x * (1.0 - x)).powi(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn position(path: &PromptPath, secs: f64) -> f64 {
        let point = path.at(secs);
        point.from as f64 + point.mix
    }

    proptest! {
        #[test]
        fn prompts_arrive_exactly_and_never_turn_back(
            gaps in prop::collection::vec(0.01f64..30.0, 0..12),
            first in 0.0f64..5.0,
            dwell in 0.0f64..0.95,
            mut times in prop::collection::vec(0.0f64..200.0, 2..40),
        ) {
            let mut arrivals = vec![first];
            arrivals.extend(gaps.iter().scan(first, |t, gap| { *t += gap; Some(*t) }));
            let path = PromptPath::new(arrivals.clone(), dwell);
            for (idx, arrival) in arrivals.iter().enumerate() {
                let point = path.at(*arrival);
                prop_assert_eq!((point.from, point.mix), (idx, 0.0));
                prop_assert!(point.velocity.abs() < 1e-12);
                let just_before = position(&path, arrival - 1e-9);
                prop_assert!((just_before - idx as f64).abs() < 1e-6);
            }
            times.sort_by(f64::total_cmp);
            for pair in times.windows(2) {
                prop_assert!(position(&path, pair[1]) >= position(&path, pair[0]));
            }
        }

        #[test]
        fn velocity_is_the_slope_and_has_no_corner(dwell in 0.0f64..0.9, secs in 0.01f64..29.9) {
            let path = PromptPath::new(vec![0.0, 10.0, 13.0, 30.0], dwell);
            let h = 1e-5;
            let slope = (position(&path, secs + h) - position(&path, secs - h)) / (2.0 * h);
            prop_assert!((slope - path.at(secs).velocity).abs() < 1e-6);
            let jump = path.at(secs + h).velocity - path.at(secs - h).velocity;
            // Acceleration is at most 10/sqrt(3) / T^2 on a segment of length T.
            let shortest = 3.0 * (1.0 - dwell);
            prop_assert!(jump.abs() <= 2.0 * h * 5.78 / (shortest * shortest) + 1e-9);
        }
    }

    #[test]
    fn a_prompt_dwells_before_it_leaves() {
        let path = PromptPath::new(vec![0.0, 10.0], 0.6);
        assert!(path.at(5.9).mix <= 0.0 && path.at(6.5).mix > 0.0);
        assert_eq!(path.at(42.0).from, 1);
        assert_eq!(PromptPath::new(vec![3.0], 0.0).at(1.0).to, 0);
    }
}
