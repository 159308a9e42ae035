//! The course of a calibrated film: where prompts and noise are at each time of the song, before their speed is set.
//!
//! It is made of [`Segment`]s, from one prompt cue of the prompts to the next. On each, the noise goes a whole number of seeds,
//! as many as it takes for the picture to move as far as the music asks for: where the prompts alone move it a lot, few;
//! where they move it little, or the music is loud, many. Seeds are named by their segment's start, and a segment knows its
//! neighbours by what the music says only: an edited prompt changes the segments that show it, and no other.

use std::ops::Range;

use crate::calibration::{MeasuredSegment, Scale};

/// How far the picture shall move, as a perceptual distance, for a noise velocity of 1 seed per second in one second. The
/// bundled model's pictures then move from prompt to prompt in about five seconds of loud music.
pub(super) const LENGTH_PER_SEED: f64 = 0.20;

/// Segments on which the picture shall move less than this (a second at a noise velocity of 1) go one seed, whatever its length is.
const SHORT_LENGTH: f64 = LENGTH_PER_SEED;

/// Fewest seeds of other segments. With these, no knot belongs to both ends.
const MIN_SEEDS: usize = 3;

/// Least visible length of a seed that is relied on: a bound on the number of seeds.
const LEAST_SEED_LENGTH: f64 = 0.02;

/// Distance in names between seeds of segments that begin a millisecond apart.
const SEEDS_PER_MS: u64 = 64;

/// A part of the course between two prompt_cues of the prompts.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// From where to where, in seconds of the song.
    pub span: Range<f64>,
    /// How far the picture shall move on it, as a sum of perceptual distances.
    pub target_length: f64,
    /// Noise positions at both ends by the music alone, in seeds; only their difference matters.
    pub(super) music: Range<f64>,
    /// Seeds of the knots at both ends.
    pub(super) ends: [u64; 2],
    /// Seeds of the knots before its first and behind its last.
    pub(super) beside: [u64; 2],
    is_short: bool,
}

impl Segment {
    /// Segments between `borders`, each `(time in seconds, noise position by the music, own seed)`.
    ///
    /// `stretch` is the velocity that the music asks for for each of the noise position's own. A closed course needs three
    /// seeds or more.
    pub(super) fn all(
        borders: &[(f64, f64, Option<u64>)],
        first_seed: u64,
        stretch: f64,
        is_loop: bool,
    ) -> Vec<Self> {
        let seed = |(secs, _, own): &(f64, f64, Option<u64>)| {
            let ms = (secs * 1000.0).round().max(0.0) as u64;
            own.unwrap_or(first_seed.wrapping_add(SEEDS_PER_MS * ms))
        };
        let n_segments = borders.len().saturating_sub(1);
        let mut segments: Vec<Self> = borders
            .windows(2)
            .map(|pair| {
                let target_length = LENGTH_PER_SEED * stretch * (pair[1].1 - pair[0].1);
                Self {
                    span: pair[0].0..pair[1].0,
                    target_length,
                    music: pair[0].1..pair[1].1,
                    ends: [seed(&pair[0]), seed(&pair[1])],
                    beside: [0, 0],
                    is_short: target_length < SHORT_LENGTH && !(is_loop && n_segments < MIN_SEEDS),
                }
            })
            .collect();
        if is_loop && let Some(first) = segments.first().map(|segment| segment.ends[0]) {
            segments
                .last_mut()
                .into_iter()
                .for_each(|segment| segment.ends[1] = first);
        }
        for idx in 0..n_segments {
            let [before, behind] = if is_loop {
                [
                    Some((idx + n_segments - 1) % n_segments),
                    Some((idx + 1) % n_segments),
                ]
            } else {
                [idx.checked_sub(1), Some(idx + 1)]
            }
            .map(|other| {
                other
                    .and_then(|other| segments.get(other))
                    .filter(|segment| segment.is_short)
            });
            let [start, end] = segments[idx].ends;
            segments[idx].beside = [
                before.map_or(start.wrapping_sub(1), |segment| segment.ends[0]),
                behind.map_or(end.wrapping_add(1), |segment| segment.ends[1]),
            ];
        }
        segments
    }

    /// Whether the noise goes the same number of seeds whatever its scale is.
    pub fn has_fixed_seeds(&self) -> bool {
        self.is_short
    }

    /// How far the picture moves on it over how far it shall.
    pub(super) fn ratio(&self, measured: &MeasuredSegment) -> f64 {
        measured.length() / self.target_length.max(1e-9)
    }

    /// How many seeds the noise goes on this segment. Prompts and noise move the picture as at a right angle to each other.
    pub fn n_seeds(&self, scale: Scale) -> usize {
        if self.is_short {
            return 1;
        }
        let squares = self.target_length.powi(2) - scale.prompt_length.powi(2);
        let n_seeds = squares.max(0.0).sqrt() / scale.seed_length.max(LEAST_SEED_LENGTH);
        (n_seeds.round() as usize).max(MIN_SEEDS)
    }

    /// Seeds of the knots from its start up to, but not at, its end.
    pub(super) fn knots(&self, n_seeds: usize) -> Vec<u64> {
        let [start, end] = self.ends;
        let mut knots: Vec<u64> = (0..n_seeds as u64).map(|j| start.wrapping_add(j)).collect();
        if n_seeds >= MIN_SEEDS
            && let Some(last) = knots.last_mut()
        {
            *last = end.wrapping_sub(1);
        }
        knots
    }

    /// Share of the segment's way by the music that is done at a noise position by the music, 0..=1.
    pub(super) fn share(&self, position: f64) -> f64 {
        let length = self.music.end - self.music.start;
        if length > 1e-12 {
            ((position - self.music.start) / length).clamp(0.0, 1.0)
        } else {
            0.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BORDERS: [(f64, f64, Option<u64>); 5] = [
        (0.0, 0.0, None),
        (4.0, 0.8, Some(42)),
        (9.0, 5.8, None),
        (15.0, 15.8, None),
        (20.0, 25.8, None),
    ];

    fn scale(prompt_length: f64) -> Scale {
        Scale {
            prompt_length,
            seed_length: 0.08,
            hit_lengths: [0.06; 2],
        }
    }

    #[test]
    fn the_noise_goes_as_far_as_the_prompts_leave_to_it() {
        let segments = Segment::all(&BORDERS, 0, 1.0, false);
        assert_eq!(segments[0].n_seeds(scale(0.4)), 1);
        assert_eq!(segments[1].n_seeds(scale(0.5)), 11); // sqrt(1.0² - 0.5²) / 0.08
        assert_eq!(segments[1].n_seeds(scale(0.1)), 12);
        assert_eq!(segments[1].n_seeds(scale(9.0)), MIN_SEEDS);
    }

    #[test]
    fn neighbours_agree_on_the_knots_around_their_border() {
        let segments = Segment::all(&BORDERS, 0, 1.0, false);
        for n_seeds in [[1, 3, 9, 4], [1, 12, 3, 7]] {
            let knots: Vec<u64> = segments
                .iter()
                .zip(n_seeds)
                .flat_map(|(segment, n)| segment.knots(n))
                .collect();
            let mut at = 0;
            for (idx, n) in n_seeds.iter().enumerate().take(3) {
                at += n;
                let (left, right) = (&segments[idx], &segments[idx + 1]);
                assert_eq!(knots[at], left.ends[1]);
                assert_eq!(knots[at - 1], right.beside[0], "{idx}");
                assert_eq!(knots[at + 1], left.beside[1], "{idx}");
            }
            assert_eq!(knots[1], 42);
        }
    }

    #[test]
    fn a_ring_closes() {
        let segments = Segment::all(&BORDERS[..2], 7, 1.0, true);
        assert_eq!(segments[0].ends, [7, 7]);
        assert_eq!(segments[0].n_seeds(scale(0.0)), MIN_SEEDS);
        assert_eq!(segments[0].knots(3), [7, 8, 6]);
        assert_eq!(segments[0].beside, [6, 8]);
    }
}
