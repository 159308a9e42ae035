//! Beats that keep their place: they follow the tempo of a path of beats as it is usual around, drift a little, and never slip.
//!
//! A path of most likely beats may change over to the off-beats for a while, or lose half a beat in a break. Its tempo is right all the
//! same. Laid over the whole song, that tempo leaves one phase to find, by the Viterbi algorithm over small shifts from beat to beat.

use common::Result;

use super::super::hops::HOPS_PER_SEC;
use super::super::series::{Series, SeriesReader, SeriesWriter};
use super::beats::Beats;
use super::period::median_period;

/// Beats on each side of one whose periods tell the tempo.
const AROUND: usize = 48;
/// Beats over which a period is measured, as single ones are whole hops.
const SPAN: usize = 16;
/// Cost of a shift against the tempo by half a beat, hop by hop.
const SLIP_COST: f32 = 80.0;
/// Farthest that beats drift from where the tempo alone would have them, in hops to each side; and for each beat of the song, since
/// small errors of the tempo add up.
const REACH: (usize, f64) = (60, 0.01);
/// How far a period may lie from the median, as a logarithm, to count as the same tempo.
const STEADY_RANGE: f64 = 0.05;
/// Share of a song's beats from which on one tempo is that of the song.
const STEADY_SHARE: f64 = 0.6;

/// The beats at the tempo of `beats` that are worth most, where `worth` is what a beat is worth at each hop. None if there are too few.
///
/// # Errors
/// As [`Series::read`].
pub(super) fn placed(worth: &Series<f32>, beats: &Beats) -> Result<Option<Beats>> {
    let n_hops = worth.len();
    let nominal = nominal(n_hops, beats);
    let longest = beats.pairs().map(|(hop, next)| next - hop).max();
    let (Some(nominal), Some(longest)) = (nominal, longest) else {
        return Ok(None);
    };
    // Every phase, and what it may drift to.
    let reach = REACH.0 + (REACH.1 * beats.len() as f64) as usize;
    let n_shifts = longest + 2 * reach;
    let mut shifts = Shifts {
        worth: worth.reader(),
        reach,
        cost: SLIP_COST / (0.5 * median_period(beats.iter())).max(1.0),
    };
    // Where each shift comes from is kept for one part of the song at a time, and found again, from its end to its start: hours have
    // many beats, and each may drift far.
    let n_part = (nominal.len() as f64).sqrt().ceil() as usize;
    let mut gains = SeriesWriter::new(HOPS_PER_SEC);
    let mut gain = vec![0.0f32; n_shifts];
    for part in nominal.chunks(n_part.max(1)) {
        gain.iter().for_each(|gain| gains.push(*gain));
        for beat in part {
            gain = shifts.step(*beat, &gain)?.0;
        }
    }
    let gains = gains.finish();
    let mut shift = (0..n_shifts).fold(0, |b, s| if gain[s] > gain[b] { s } else { b });
    let mut placed = Vec::with_capacity(nominal.len());
    for (idx, part) in nominal.chunks(n_part.max(1)).enumerate().rev() {
        let mut gain = gains.read(idx * n_shifts..(idx + 1) * n_shifts)?;
        let mut origins = Vec::with_capacity(part.len());
        for beat in part {
            let (gains, from) = shifts.step(*beat, &gain)?;
            gain = gains;
            origins.push(from);
        }
        for (beat, origin) in part.iter().zip(&origins).rev() {
            let hop = beat.round() as i64 + shift as i64 - reach as i64;
            placed.extend(usize::try_from(hop).ok().filter(|hop| *hop < n_hops));
            shift = shift.saturating_add_signed(isize::from(origin[shift]));
        }
    }
    placed.reverse();
    placed.dedup();
    Ok(Some(placed.into_iter().collect()))
}

/// What beats may be shifted by against their tempo: by `-reach` hops and more.
struct Shifts<'a> {
    worth: SeriesReader<'a, f32>,
    reach: usize,
    /// Of a shift by a hop more or less than the beat before.
    cost: f32,
}

impl Shifts<'_> {
    /// The gain of the best path to each shift of a beat, and the step to the shift that it comes from, where the beat before has these
    /// gains.
    fn step(&mut self, beat: f64, gain: &[f32]) -> Result<(Vec<f32>, Vec<i8>)> {
        let first = beat.round() as i64 - self.reach as i64;
        let start = usize::try_from(first).unwrap_or(0);
        let end = usize::try_from(first + gain.len() as i64).unwrap_or(0);
        let worth = self.worth.read(start..end)?;
        let at = |shift: usize| -> f32 {
            let place = usize::try_from(first + shift as i64 - start as i64).ok();
            let worth = place.and_then(|place| worth.get(place));
            worth.copied().unwrap_or(0.0)
        };
        let before = |shift: Option<usize>| {
            let gain = shift.and_then(|shift| gain.get(shift));
            gain.map_or(f32::MIN, |gain| gain - self.cost)
        };
        let step = |shift: usize| {
            let options = [
                (gain[shift], 0),
                (before(shift.checked_sub(1)), -1),
                (before(Some(shift + 1)), 1),
            ];
            let best = options.into_iter().fold((f32::MIN, 0), |best, option| {
                if option.0 > best.0 { option } else { best }
            });
            (best.0 + at(shift), best.1)
        };
        Ok((0..gain.len()).map(step).unzip())
    }
}

/// Where beats would be at the tempo of `beats`, from before the start to after the end.
fn nominal(n_hops: usize, beats: &Beats) -> Option<Vec<f64>> {
    let spans = spans(beats);
    let last_period = beats.len().checked_sub(2)?;
    let usual = |i: usize| {
        let first = i.saturating_sub(AROUND).min(spans.len() - 1);
        let mut around = spans[first..(i + AROUND + 1).min(spans.len())].to_vec();
        around.sort_by(f64::total_cmp);
        let middle = &around[around.len() / 4..around.len() - around.len() / 4];
        middle.iter().sum::<f64>() / middle.len() as f64
    };
    let mut nominal = Vec::new();
    let (mut beat, mut i) = (-usual(0), 0);
    let mut next_hops = beats.iter().skip(1).peekable();
    while beat < (n_hops + REACH.0) as f64 {
        nominal.push(beat);
        while i < last_period && next_hops.next_if(|hop| (*hop as f64) < beat).is_some() {
            i += 1;
        }
        beat += usual(i).max(1.0);
    }
    Some(nominal)
}

/// Mean periods over [`SPAN`] beats, or over all where there are fewer.
fn spans(beats: &Beats) -> Vec<f64> {
    let periods = steadied(beats);
    let n_beats = SPAN.min(periods.len()).max(1);
    periods
        .windows(n_beats)
        .map(|w| w.iter().sum::<f64>() / n_beats as f64)
        .collect()
}

/// The periods of `beats`; where most of the song holds one tempo, what leaves it for a while is taken for a mistake.
fn steadied(beats: &Beats) -> Vec<f64> {
    let mut periods: Vec<f64> = beats
        .pairs()
        .map(|(hop, next)| (next - hop) as f64)
        .collect();
    let median = f64::from(median_period(beats.iter()));
    let is_usual = |period: &f64| (period / median).ln().abs() < STEADY_RANGE;
    let usual = || periods.iter().copied().filter(is_usual);
    let n_usual = usual().count();
    if (n_usual as f64) < STEADY_SHARE * periods.len() as f64 {
        return periods;
    }
    let mean = usual().sum::<f64>() / n_usual.max(1) as f64;
    for period in &mut periods {
        if !is_usual(period) {
            *period = mean;
        }
    }
    periods
}

#[cfg(test)]
mod tests {

    fn placed(worth: &[f32], hops: &[usize]) -> Option<Vec<usize>> {
        let beats = hops.iter().copied().collect();
        let placed = super::placed(&worth.to_vec().into(), &beats).unwrap();
        placed.map(|beats| beats.iter().collect())
    }

    /// Worth of beats at some hops, nearly as much a hop to either side, as what the network hears has it.
    fn worth(n_hops: usize, beats: &[usize]) -> Vec<f32> {
        let mut worth = vec![-3.0f32; n_hops];
        for hop in beats {
            let near = (hop - 1..=hop + 1).zip([2.5f32, 3.0, 2.5]);
            near.for_each(|(hop, p)| worth[hop] = p.max(worth[hop]));
        }
        worth
    }

    #[test]
    fn a_path_that_slips_to_the_off_beats_is_put_right() {
        let right: Vec<usize> = (0..100).map(|i| 10 + i * 50).collect();
        let slipped = |i: &usize| if (30..60).contains(i) { 25 } else { 0 };
        let path: Vec<usize> = (0..100).map(|i| right[i] + slipped(&i)).collect();
        let found = placed(&worth(5000, &right), &path).unwrap();
        assert_eq!(found, right);
    }

    #[test]
    fn another_tempo_for_a_stretch_of_a_steady_song_is_a_mistake() {
        let right: Vec<usize> = (0..240).map(|i| 50 + i * 50).collect();
        let against = (1..9).map(|i| right[40] + i * 67);
        let path: Vec<usize> = right[..41].iter().copied().chain(against).collect();
        let path = [&path, &right[52..]].concat();
        let mut heard = worth(12_100, &right);
        (right[40] + 2..right[52] - 1).for_each(|hop| heard[hop] = -3.0);
        path.iter().for_each(|hop| heard[*hop] = 3.0);
        let found = placed(&heard, &path).unwrap();
        let is_near = |(found, right): (&usize, &usize)| found.abs_diff(*right) <= 2;
        assert!(found.iter().zip(&right).all(is_near), "{found:?}");
    }

    #[test]
    fn a_tempo_that_drifts_is_followed() {
        let right: Vec<usize> = (0..100)
            .map(|i| 10.0 + 45.0 * f64::from(i) + 0.008 * f64::from(i).powi(2))
            .map(|hop| hop as usize)
            .collect();
        let found = placed(&worth(4700, &right), &right).unwrap();
        let is_found = |hop: &&usize| found.iter().any(|other| other.abs_diff(**hop) <= 1);
        assert_eq!(right.iter().filter(is_found).count(), right.len());
    }

    #[test]
    fn an_hour_keeps_its_place_at_any_tempo() {
        for period in [33.333, 40.37, 50.5, 71.43] {
            let right = (0..).map(|i| (20.0 + f64::from(i) * period).round() as usize);
            let right: Vec<usize> = right.take_while(|hop| *hop < 359_900).collect();
            let half = (period / 2.0) as usize;
            let is_late = |i: usize| (1000..1200).contains(&i) || (3000..3050).contains(&i);
            let late = |(i, hop): (usize, &usize)| hop + if is_late(i) { half } else { 0 };
            let path: Vec<usize> = right.iter().enumerate().map(late).collect();
            let found = placed(&worth(360_000, &right), &path).unwrap();
            let is_found = |hop: &&usize| {
                let next = found.partition_point(|other| other + 1 < **hop);
                found.get(next).is_some_and(|other| *other <= **hop + 1)
            };
            let n_found = right.iter().filter(is_found).count();
            assert!(
                n_found == right.len(),
                "{period}: {n_found} of {}",
                right.len()
            );
            assert!(
                found.len().abs_diff(right.len()) <= 4,
                "{period}: {}",
                found.len()
            );
        }
    }

    #[test]
    fn nothing_has_no_tempo() {
        assert!(placed(&[0.0; 500], &[]).is_none());
        assert!(placed(&[0.0; 500], &[3]).is_none());
    }
}
