//! How late hits are seen.
//!
//! The step from one frame to the next is seen when the later frame is shown. The visible peak of an onset is the largest
//! step within [`REACH_SECS`] of it, and no nearer to another of the onsets; its time is refined below a frame by the
//! parabola through it and its two neighbours. The window is more than three frames wide to either side at 24 frames a
//! second, so that a film without any relation to its sound has a median lag of about two frames.

/// How far from an onset its visible peak is looked for, in seconds.
pub const REACH_SECS: f64 = 0.15;

/// When an onset was heard and how much later it is seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lag {
    /// Time of the onset in seconds.
    pub onset_secs: f64,
    /// Time of the visible peak less that of the onset, in seconds; negative = seen before it is heard.
    pub lag_secs: f64,
}

/// The lag of each of `onsets` (in seconds, ascending) whose window lies within the film.
///
/// `times` and `steps` are those of the film: when each step is seen, ascending, and how large it is. `frame_secs` is the
/// length of a frame.
pub fn lags(times: &[f64], steps: &[f64], onsets: &[f64], frame_secs: f64) -> Vec<Lag> {
    let mut lags = Vec::with_capacity(onsets.len());
    for (idx, onset) in onsets.iter().enumerate() {
        let before = idx.checked_sub(1).and_then(|before| onsets.get(before));
        let half_gap = |other: Option<&f64>| {
            other
                .map_or(REACH_SECS, |other| 0.5 * (onset - other).abs())
                .min(REACH_SECS)
        };
        let (from, to) = (
            onset - half_gap(before),
            onset + half_gap(onsets.get(idx + 1)),
        );
        let is_within = times.first().is_some_and(|first| *first <= from)
            && times.last().is_some_and(|last| *last >= to);
        let first = times.partition_point(|time| *time < from);
        let end = times.partition_point(|time| *time <= to);
        let window = steps.get(first..end).unwrap_or_default();
        let largest = (first..).zip(window).max_by(|a, b| a.1.total_cmp(b.1));
        if let Some((peak, _)) = largest.filter(|_| is_within)
            && let Some(time) = times.get(peak)
        {
            let offset = refined(steps, peak) * frame_secs;
            lags.push(Lag {
                onset_secs: *onset,
                lag_secs: time + offset - onset,
            });
        }
    }
    lags
}

/// Where the parabola through a step and its neighbours peaks, in steps from it, within half a step.
fn refined(steps: &[f64], peak: usize) -> f64 {
    let at = |idx: Option<usize>| idx.and_then(|idx| steps.get(idx)).copied();
    let (Some(before), Some(here), Some(after)) =
        (at(peak.checked_sub(1)), at(Some(peak)), at(Some(peak + 1)))
    else {
        return 0.0;
    };
    let bend = before - 2.0 * here + after;
    if bend < 0.0 {
        (0.5 * (before - after) / bend).clamp(-0.5, 0.5)
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use common::statistics::median;
    use proptest::prelude::*;

    use super::*;

    const FRAME_SECS: f64 = 1.0 / 24.0;

    fn times() -> Vec<f64> {
        (1..480).map(|k| f64::from(k) * FRAME_SECS).collect()
    }

    /// Steps with a bump of some frames' width around each of `peaks`.
    fn bumps(peaks: &[f64]) -> Vec<f64> {
        let bump = |time: f64, peak: &f64| (-((time - peak) / 0.05).powi(2)).exp();
        times()
            .into_iter()
            .map(|time| 0.1 + peaks.iter().map(|peak| bump(time, peak)).sum::<f64>())
            .collect()
    }

    #[test]
    fn chance_has_a_large_lag() {
        // Steps that know nothing of the onsets: a fixed pseudo-random series.
        let mut state = 1u64;
        let steps: Vec<f64> = times()
            .iter()
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                (state >> 40) as f64
            })
            .collect();
        let onsets: Vec<f64> = (1..38).map(|i| 0.5 * f64::from(i) + 0.1).collect();
        let found = lags(&times(), &steps, &onsets, FRAME_SECS);
        let off: Vec<f64> = found.iter().map(|lag| lag.lag_secs.abs()).collect();
        assert!(median(&off).unwrap() > 1.3 * FRAME_SECS, "{off:?}");
    }

    #[test]
    fn onsets_at_the_edge_are_left_out() {
        let onsets = [0.01, 10.0, 19.99];
        assert_eq!(
            lags(&times(), &bumps(&onsets), &onsets, FRAME_SECS).len(),
            1
        );
        assert!(lags(&[], &[], &onsets, FRAME_SECS).is_empty());
    }

    proptest! {
        #[test]
        fn a_known_delay_is_found(
            gaps in prop::collection::vec(0.3f64..0.9, 1..20),
            delay in -0.08f64..0.08,
        ) {
            let onsets: Vec<f64> = gaps.iter().scan(0.5, |t, gap| { *t += gap; Some(*t) }).collect();
            let seen: Vec<f64> = onsets.iter().map(|onset| onset + delay).collect();
            let found = lags(&times(), &bumps(&seen), &onsets, FRAME_SECS);
            for lag in &found {
                prop_assert!((lag.lag_secs - delay).abs() < 0.12 * FRAME_SECS, "{:?}", lag);
            }
        }
    }
}
