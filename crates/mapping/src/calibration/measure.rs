use std::ops::Range;

use common::Result;
use common::rounding::round_nano;
use picture::perception::Percept;

use super::{MeasuredSegment, Scale};

/// Draws pictures of the course at times in seconds of the song, in the same order.
pub type Draw<'a> = dyn FnMut(&[f64]) -> Result<Vec<Percept>> + 'a;

/// Probes for a second of a segment: a tenth of the frames at 24 a second.
const PROBES_PER_SEC: f64 = 2.4;

/// Probes that a short segment takes all the same: each has a way from prompt to prompt, on which the picture may jump.
const LEAST_PROBES: f64 = 14.0;

/// Most probes for a second of a short segment: one for each frame at 24 a second.
const MOST_PER_SEC: f64 = 24.0;

/// Most of the probes that lie evenly, as a share; the rest go where gaps are largest.
const MAX_EVEN_SHARE: f64 = 0.6;

/// Least share of a walk's length that is the noise's, however far its prompts lie apart.
const LEAST_NOISE_SHARE: f64 = 0.5;

/// A scale is corrected by this factor at most.
const MOST_CORRECTED: f64 = 2.0;

/// Even probes are drawn as many at once, to hold few pictures.
const N_AT_ONCE: usize = 8;

/// Refinement ends when no gap is larger than this, times the median gap, nor than [`FINE`].
const EVEN_ENOUGH: f64 = 1.5;

/// A gap larger than this is worth a probe however even the gaps are: far from each other, pictures of one motif lie about
/// as far apart however long the way between them is.
const FINE: f64 = 0.025;

/// Longest part of a segment whose pictures are held in memory at once, in probes.
const MAX_HELD: usize = 96;

/// Shortest distance between two probes in seconds: a fraction of a frame at any usual rate.
const LEAST_SECS: f64 = 1e-3;

/// Visible length of a second in which nothing moves: a table has to increase.
const LEAST_SPEED: f64 = 1e-5;

/// How many probes the segments of a film take.
///
/// A segment takes as many in every film that shows it, whatever the others are: so a prompt that is added measures no other segment
/// anew, and a film of a part of a song is a window of the whole one. Only films with fewer frames than probes (a few seconds
/// of long segments, or a few frames a second) halve the number until they have not.
///
/// A probe takes a frame's time: at 24 a second, probes add a tenth to a film's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// What films with few frames take of the full number: 1, 1/2, 1/4 and so on.
    share: f64,
}

impl Budget {
    /// For a film of so many frames that shows segments with these spans in seconds.
    pub fn new<'a>(spans: impl Iterator<Item = &'a Range<f64>>, n_frames: u64) -> Self {
        let all: f64 = spans.map(full_budget).sum();
        let n_halvings = (all / n_frames.max(1) as f64).log2().ceil().max(0.0);
        Self {
            share: 0.5f64.powf(n_halvings),
        }
    }

    /// Most probes for a segment with a span in seconds; at least 3.
    pub fn of(&self, span: &Range<f64>) -> usize {
        ((self.share * full_budget(span)) as usize).max(3)
    }
}

/// Probes for a segment where a film can afford them.
fn full_budget(span: &Range<f64>) -> f64 {
    let secs = span.end - span.start;
    let wanted = (PROBES_PER_SEC * secs).max(LEAST_PROBES);
    wanted.min(MOST_PER_SEC * secs)
}

/// Number of pictures that tell a scale.
pub const SCALE_PICTURES: usize = 6;

/// How far the noise is turned to measure a scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScaleTurn {
    /// Angle in radians between a picture's noise and that of the same turned.
    pub angle: f64,
    /// Angle in radians from one seed to the next.
    pub seed_angle: f64,
}

/// The scale of a segment from pictures of its first and last prompt: the first on a noise, on the same turned by
/// `turn`, the last on that noise, the first on another noise, the last on that, and on the same turned.
pub fn measure_scale(pictures: &[Percept; SCALE_PICTURES], turn: ScaleTurn) -> Scale {
    let [from, from_turned, to_there, from_there, to, to_turned] = pictures;
    let hits = [from.distance(from_turned), to.distance(to_turned)].map(|d| d / turn.angle);
    Scale {
        prompt_length: round_nano(0.5 * (from.distance(to_there) + from_there.distance(to))),
        seed_length: round_nano(0.5 * turn.seed_angle * (hits[0] + hits[1])),
        hit_lengths: hits.map(round_nano),
    }
}

/// Parts of a segment that [`walked`] looks at, and steps in each.
const N_PARTS: usize = 2;
const PART_STEPS: usize = 4;

/// Number of pictures that [`walked`] takes.
pub const WALKED_PICTURES: usize = N_PARTS * (PART_STEPS + 1);

/// About how far the picture moves over a span, from two short parts of it with probes as close as `n_even` of them would lie over all
/// of it.
///
/// # Errors
/// Those of `draw`.
pub fn walked(span: &Range<f64>, n_even: usize, draw: &mut Draw<'_>) -> Result<f64> {
    let length = span.end - span.start;
    let part = length / N_PARTS as f64;
    let step = (length / n_even.max(1) as f64).min(part / PART_STEPS as f64);
    let mut seen = 0.0;
    for idx in 0..N_PARTS {
        let middle = span.start + (idx as f64 + 0.5) * part;
        let start = middle - 0.5 * step * PART_STEPS as f64;
        let times = (0..=PART_STEPS).map(|i| start + i as f64 * step);
        let pictures = draw(&times.collect::<Vec<_>>())?;
        seen += pictures
            .windows(2)
            .map(|p| p[0].distance(&p[1]))
            .sum::<f64>();
    }
    Ok(seen * part / (step * PART_STEPS as f64))
}

impl Scale {
    /// The same, where a walk over `n_seeds` seeds was found to be about `walked` long. A small turn of the noise tells how the
    /// picture begins to change, which may be twice or half of what it does over whole seeds and with whole hits.
    pub fn corrected(self, walked: f64, n_seeds: usize) -> Self {
        let by_noise = walked.powi(2) - self.prompt_length.powi(2);
        let least = LEAST_NOISE_SHARE * walked;
        let seen = by_noise.max(least * least).sqrt() / n_seeds.max(1) as f64;
        let factor = seen / self.seed_length.max(1e-9);
        let factor = factor.clamp(1.0 / MOST_CORRECTED, MOST_CORRECTED);
        Self {
            seed_length: round_nano(factor * self.seed_length),
            hit_lengths: self.hit_lengths.map(|length| round_nano(factor * length)),
            ..self
        }
    }
}

/// Measures the length of the course over a span in seconds with at most `n_probes` pictures.
///
/// `n_even` of them are wished to lie evenly: more than two for each turn of the course, since the straight way between two
/// probes would cut the turn short.
///
/// # Errors
/// Those of `draw`.
pub fn measure(
    key: String,
    scale: Scale,
    span: Range<f64>,
    n_probes: usize,
    n_even: usize,
    draw: &mut Draw<'_>,
) -> Result<MeasuredSegment> {
    let n_parts = n_probes.div_ceil(MAX_HELD).max(1);
    let part_secs = (span.end - span.start) / n_parts as f64;
    let border = |part: usize| {
        if part == n_parts {
            span.end
        } else {
            span.start + part as f64 * part_secs
        }
    };
    let mut segment = MeasuredSegment {
        key,
        scale,
        secs: vec![round_nano(span.start)],
        lengths: vec![0.0],
    };
    for part in 0..n_parts {
        let [n_probes, n_even] = [n_probes, n_even].map(|n| n / n_parts);
        let probes = probe(border(part)..border(part + 1), n_probes, n_even, draw)?;
        for pair in probes.windows(2) {
            let [a, b] = pair else { continue };
            let gap = a.gap.max(LEAST_SPEED * (b.secs - a.secs));
            segment.lengths.push(round_nano(segment.length() + gap));
            segment.secs.push(round_nano(b.secs));
        }
    }
    Ok(segment)
}

struct Probe {
    secs: f64,
    seen: Percept,
    /// Distance to the next probe; 0 for the last.
    gap: f64,
}

/// Probes of a part of the course, in order of time; at least its ends.
fn probe(
    span: Range<f64>,
    n_probes: usize,
    n_even: usize,
    draw: &mut Draw<'_>,
) -> Result<Vec<Probe>> {
    let most = (MAX_EVEN_SHARE * n_probes as f64) as usize;
    let n_gaps = n_even.min(most).max(2).min(n_probes.max(2) - 1);
    let step = (span.end - span.start) / n_gaps as f64;
    let mut secs: Vec<f64> = (0..n_gaps).map(|i| span.start + i as f64 * step).collect();
    secs.push(span.end);
    let mut probes = Vec::with_capacity(n_probes);
    for some in secs.chunks(N_AT_ONCE) {
        let seen = draw(some)?;
        probes.extend(some.iter().zip(seen).map(|(secs, seen)| Probe {
            secs: *secs,
            seen,
            gap: 0.0,
        }));
    }
    measure_gaps(&mut probes, 0..n_gaps);
    while probes.len() < n_probes {
        let Some(idx) = largest_gap(&probes) else {
            break;
        };
        let secs = 0.5 * (probes[idx].secs + probes[idx + 1].secs);
        let Some(seen) = draw(&[secs])?.pop() else {
            break;
        };
        let gap = 0.0;
        probes.insert(idx + 1, Probe { secs, seen, gap });
        measure_gaps(&mut probes, idx..idx + 2);
    }
    Ok(probes)
}

fn measure_gaps(probes: &mut [Probe], idxs: Range<usize>) {
    for idx in idxs {
        if let Some([a, b]) = probes.get_mut(idx..idx + 2) {
            a.gap = a.seen.distance(&b.seen);
        }
    }
}

/// The largest gap, if it is worth a probe.
fn largest_gap(probes: &[Probe]) -> Option<usize> {
    let gaps = &probes[..probes.len().saturating_sub(1)];
    let mut sizes: Vec<f64> = gaps.iter().map(|probe| probe.gap).collect();
    sizes.sort_by(f64::total_cmp);
    let median = sizes.get(sizes.len() / 2)?;
    let is_worth = |idx: &usize| {
        let width = probes[*idx + 1].secs - probes[*idx].secs;
        probes[*idx].gap > (EVEN_ENOUGH * median).min(FINE) && width >= 2.0 * LEAST_SECS
    };
    let size = |idx: &usize| probes[*idx].gap;
    (0..gaps.len())
        .filter(is_worth)
        .max_by(|a, b| size(a).total_cmp(&size(b)).then(b.cmp(a)))
}
