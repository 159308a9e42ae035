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
    /// the first segment's start; `paces` are those of [`paces`] at the segments' borders.
    pub fn new(
        segments: &[Segment],
        calibration: &Calibration,
        first_knot: usize,
        paces: &[Option<f64>],
    ) -> Self {
        let mut knot = first_knot;
        let mut paths = Vec::with_capacity(segments.len());
        for (idx, (segment, measured)) in segments.iter().zip(&calibration.segments).enumerate() {
            let n_seeds = segment.n_seeds(measured.scale);
            let joined = [idx, idx + 1].map(|border| paces.get(border).copied().flatten());
            paths.push(Path {
                first_knot: knot as f64,
                n_seeds: n_seeds as f64,
                hit_lengths: measured.scale.hit_lengths,
                table: Table::new(measured),
                pace: Pace::new(segment.ratio(measured), joined),
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

/// Paces at the borders of segments, one more than there are: where segments meet, and at those ends where others go on, which is
/// the pace that the music asks for.
pub(super) fn paces(n_segments: usize, goes_on: [bool; 2]) -> Vec<Option<f64>> {
    let is_joined = |border: usize| match border {
        0 => goes_on[0],
        border => border < n_segments || goes_on[1],
    };
    let borders = 0..=n_segments;
    borders
        .map(|border| is_joined(border).then_some(1.0))
        .collect()
}

/// The same in a loop, from the lengths of its segments over their targets. A short one has to hurry around its ring, and does so where
/// segments meet, too: as fast as the slower of both, and over the seam as the slowest of all, so that the step there is no larger
/// than others.
pub(super) fn loop_paces(ratios: &[f64]) -> Vec<Option<f64>> {
    let seam = ratios.iter().copied().reduce(f64::min);
    let inner = ratios.windows(2).map(|pair| Some(pair[0].min(pair[1])));
    std::iter::once(seam).chain(inner).chain([seam]).collect()
}

/// How a segment's length differs from its target, spread over it: at ends where others go on, its pace is theirs, so that the speed
/// has no step there.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// Mean pace, less what the ends make of 1.
    excess: f64,
    ramp: f64,
    /// Pace at each end, where something goes on.
    joined: [Option<f64>; 2],
}

impl Pace {
    /// `ratio` is the segment's length over its target; paces of ends are at most that, or 1.
    fn new(ratio: f64, joined: [Option<f64>; 2]) -> Self {
        let n_ramps = joined.iter().flatten().count() as f64;
        // On a segment that is too short by far, narrow ramps keep the pace above half the ratio everywhere.
        let widest = if n_ramps > 0.0 {
            2.0 / n_ramps * (0.5 * ratio) / (1.0 - 0.5 * ratio).max(0.5)
        } else {
            RAMP
        };
        let ramp = if ratio < 1.0 { RAMP.min(widest) } else { RAMP };
        let slowed: f64 = joined.iter().flatten().map(|pace| pace - 1.0).sum();
        Self {
            excess: ratio - 1.0 - 0.5 * ramp * slowed,
            ramp,
            joined,
        }
    }

    /// Height of the window between its ramps, so that its mean is 1.
    fn height(&self) -> f64 {
        let n_ramps = self.joined.iter().flatten().count() as f64;
        1.0 / (1.0 - 0.5 * self.ramp * n_ramps)
    }

    /// Speed over target speed at a share of the segment, 0..=1.
    fn rate(&self, share: f64) -> f64 {
        let (mut rate, mut window) = (1.0, 1.0);
        for (pace, share) in self.joined.iter().zip([share, 1.0 - share]) {
            let x = (share / self.ramp.max(1e-9)).clamp(0.0, 1.0);
            let risen = x * x * (3.0 - 2.0 * x);
            if let Some(pace) = pace {
                rate += (pace - 1.0) * (1.0 - risen);
                window *= risen;
            }
        }
        rate + self.excess * self.height() * window
    }

    /// Length walked over target length at a share of the segment; 0 at its start, the ratio at its end.
    fn done(&self, share: f64) -> f64 {
        // What a ramp takes away up to here; the integral of smoothstep is x³ - x⁴/2.
        let lost = |x: f64| {
            let x = (x / self.ramp.max(1e-9)).clamp(0.0, 1.0);
            self.ramp * (x - x * x * x + 0.5 * x * x * x * x)
        };
        let (mut done, mut window) = (share, share);
        for (pace, lost) in self
            .joined
            .iter()
            .zip([lost(share), lost(1.0) - lost(1.0 - share)])
        {
            if let Some(pace) = pace {
                done += (pace - 1.0) * lost;
                window -= lost;
            }
        }
        done + self.excess * self.height() * window
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pace_sums_up_to_the_ratio(
            ratio in 0.01f64..5.0,
            joined: [bool; 2],
            slowed in [0.05f64..1.0, 0.05f64..1.0],
            share in 0.01f64..0.99,
        ) {
            let joined = [0, 1].map(|end| joined[end].then_some(slowed[end] * ratio.max(1.0)));
            let pace = Pace::new(ratio, joined);
            prop_assert!(pace.done(0.0).abs() < 1e-12);
            prop_assert!((pace.done(1.0) - ratio).abs() < 1e-9);
            prop_assert!(pace.rate(share) > 0.0);
            let h = 1e-6;
            let slope = (pace.done(share + h) - pace.done(share - h)) / (2.0 * h);
            prop_assert!((slope - pace.rate(share)).abs() < 1e-4 * (1.0 + ratio), "{} {}", slope, pace.rate(share));
            for (end, joined) in [0.0, 1.0].into_iter().zip(joined) {
                prop_assert!(joined.is_none_or(|joined| (pace.rate(end) - joined).abs() < 1e-9));
            }
        }
    }
}
