//! How a calibrated film walks its course: at each time, as far along it as the music asks for by then.

use super::course::{LENGTH_PER_SEED, Segment};
use crate::calibration::{Calibration, Table};

/// Share of a segment in which its pace departs from 1, at each end that another segment joins.
const RAMP: f64 = 0.2;

/// The segments that a film shows, with what was measured on them.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    paths: Vec<Path>,
}

/// A segment and how it is walked.
#[derive(Clone, Debug)]
struct Path {
    segment: Segment,
    first_knot: f64,
    n_seeds: f64,
    hit_lengths: [f64; 2],
    table: Option<Table>,
    pace: Pace,
}

/// A place on the course.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Step {
    /// Index of the segment.
    pub segment: usize,
    /// When the uncalibrated course is there, in seconds of the song.
    pub course_secs: f64,
    /// How fast the picture shall move for each seed per second that the music asks for.
    pub pace: f64,
}

impl Walk {
    /// From the film's segments and the segments measured on them, in the same order. `first_knot` is the noise position at
    /// the first segment's start.
    pub fn new(
        segments: &[Segment],
        calibration: &Calibration,
        first_knot: usize,
        is_joined: [bool; 2],
    ) -> Self {
        let mut knot = first_knot;
        let mut paths = Vec::with_capacity(segments.len());
        for (idx, (segment, measured)) in segments.iter().zip(&calibration.segments).enumerate() {
            let n_seeds = segment.n_seeds(measured.scale);
            let joined = [
                idx > 0 || is_joined[0],
                idx + 1 < segments.len() || is_joined[1],
            ];
            paths.push(Path {
                first_knot: knot as f64,
                n_seeds: n_seeds as f64,
                hit_lengths: measured.scale.hit_lengths,
                table: Table::new(measured),
                pace: Pace::new(measured.length() / segment.target_length.max(1e-9), joined),
                segment: segment.clone(),
            });
            knot += n_seeds;
        }
        Self { paths }
    }

    /// Where the film is at a time in seconds of the song; `position` is where the noise would be by the music alone.
    pub fn at(&self, secs: f64, position: f64) -> Option<Step> {
        let idx = self
            .paths
            .partition_point(|path| path.segment.span.start <= secs);
        let segment = idx.saturating_sub(1);
        let path = self.paths.get(segment)?;
        let share = path.segment.share(position);
        let length = path.segment.target_length * path.pace.done(share);
        let course_secs = path.table.as_ref().map_or(secs, |table| table.secs(length));
        Some(Step {
            segment,
            course_secs: course_secs.clamp(path.segment.span.start, path.segment.span.end),
            pace: LENGTH_PER_SEED * path.pace.rate(share),
        })
    }

    /// The noise position at a place on a segment's course, of which the music alone makes `position`.
    pub fn noise_position(&self, segment: usize, position: f64) -> Option<f64> {
        let path = self.paths.get(segment)?;
        Some(path.first_knot + path.n_seeds * path.segment.share(position))
    }

    /// How far a pulse of a radian moves the picture at a mix of a segment's prompts.
    pub fn hit_length(&self, segment: usize, prompt_mix: f64) -> Option<f64> {
        let [from, to] = self.paths.get(segment)?.hit_lengths;
        Some(from + prompt_mix * (to - from))
    }
}

/// How a segment's length differs from its target, spread over it: none at ends where other segments go on, so that the
/// speed has no step there.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// Length over target length, minus 1.
    excess: f64,
    ramp: f64,
    is_joined: [bool; 2],
}

impl Pace {
    fn new(ratio: f64, is_joined: [bool; 2]) -> Self {
        let n_ramps = is_joined.iter().filter(|joined| **joined).count() as f64;
        // On a segment that is too short by far, narrow ramps keep the pace above half the ratio everywhere.
        let widest = if n_ramps > 0.0 {
            2.0 / n_ramps * (0.5 * ratio) / (1.0 - 0.5 * ratio).max(0.5)
        } else {
            RAMP
        };
        Self {
            excess: ratio - 1.0,
            ramp: if ratio < 1.0 { RAMP.min(widest) } else { RAMP },
            is_joined,
        }
    }

    /// Height of the window between its ramps, so that its mean is 1.
    fn height(&self) -> f64 {
        let n_ramps = self.is_joined.iter().filter(|joined| **joined).count() as f64;
        1.0 / (1.0 - 0.5 * self.ramp * n_ramps)
    }

    /// Speed over target speed at a share of the segment, 0..=1.
    fn rate(&self, share: f64) -> f64 {
        let [start, end] = [share, 1.0 - share].map(|x| (x / self.ramp.max(1e-9)).clamp(0.0, 1.0));
        let ramps = [start, end].map(|x| x * x * (3.0 - 2.0 * x));
        let window = (0..2)
            .filter(|i| self.is_joined[*i])
            .map(|i| ramps[i])
            .product::<f64>();
        1.0 + self.excess * self.height() * window
    }

    /// Length walked over target length at a share of the segment; 0 at its start, the ratio at its end.
    fn done(&self, share: f64) -> f64 {
        // What ramps take away up to here; the integral of smoothstep is x³ - x⁴/2.
        let lost = |x: f64| {
            let x = (x / self.ramp.max(1e-9)).clamp(0.0, 1.0);
            self.ramp * (x - x * x * x + 0.5 * x * x * x * x)
        };
        let mut window = share;
        if self.is_joined[0] {
            window -= lost(share);
        }
        if self.is_joined[1] {
            window -= lost(1.0) - lost(1.0 - share);
        }
        share + self.excess * self.height() * window
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pace_sums_up_to_the_ratio(ratio in 0.01f64..5.0, joined: [bool; 2], share in 0.01f64..0.99) {
            let pace = Pace::new(ratio, joined);
            prop_assert!(pace.done(0.0).abs() < 1e-12);
            prop_assert!((pace.done(1.0) - ratio).abs() < 1e-9);
            prop_assert!(pace.rate(share) > 0.0);
            let h = 1e-6;
            let slope = (pace.done(share + h) - pace.done(share - h)) / (2.0 * h);
            prop_assert!((slope - pace.rate(share)).abs() < 1e-4 * (1.0 + ratio), "{} {}", slope, pace.rate(share));
            for (end, joined) in [0.0, 1.0].into_iter().zip(joined) {
                prop_assert!(!joined || (pace.rate(end) - 1.0).abs() < 1e-9);
            }
        }
    }
}
