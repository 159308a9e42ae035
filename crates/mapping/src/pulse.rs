//! Pulse: a hit pushes the picture away and lets it come back.
//!
//! Each onset adds a kernel that rises shortly before it, peaks at the onset's exact time and then decays. Hits swing: each
//! pushes to the side where the picture isn't, so that it goes the same way as the return of the hit before. However dense
//! the hits are, none hides another. The sum saturates, so that a drum roll shakes no harder than the limit. The pulse is
//! sampled at frame times; events are never moved to a frame.

use analysis::Analysis;
use common::Result;

use super::events::events;
use crate::prompts::Route;

/// Angle in radians that the sum of all kernels approaches.
const MAX_ANGLE: f64 = 0.42;

/// Angle in radians of the kernel of an event of strength 1, where nothing was measured.
pub(super) const HIT_ANGLE: f64 = 0.2;

/// Length of the rise in seconds: about a frame at 24 per second, too short to be seen as coming early.
const RISE_SECS: f64 = 0.04;

/// A kernel is left out where it has decayed to this share.
const CUTOFF: f64 = 1e-5;

#[derive(Clone, Copy, Debug)]
struct Hit {
    time_secs: f64,
    angle: f64,
    rise_secs: f64,
    decay_secs: f64,
}

impl Hit {
    /// The kernel at a time in seconds.
    fn at(&self, secs: f64) -> f64 {
        let since = secs - self.time_secs;
        if since >= 0.0 {
            self.angle * (-since / self.decay_secs).exp()
        } else if since > -self.rise_secs {
            // Steepest at the peak, so that the decay of earlier hits can't move it.
            self.angle * (1.0 + since / self.rise_secs).powi(2)
        } else {
            0.0
        }
    }
}

/// All hits of a song.
#[derive(Clone, Debug)]
pub(super) struct Pulse {
    /// In order of time.
    hits: Vec<Hit>,
    /// How long before and after its time a hit may count.
    max_rise_secs: f64,
    max_decay_secs: f64,
}

impl Pulse {
    /// From what `routes` say; `gain` is a factor on every hit. Hits swing.
    ///
    /// # Errors
    /// As [`events`].
    pub fn new(analysis: &Analysis, routes: &[Route], gain: f64) -> Result<Self> {
        let mut pulse = Self::of(analysis, routes, gain)?;
        pulse.swing();
        Ok(pulse)
    }

    /// Turns each hit to the side where those before it have not left the pulse.
    fn swing(&mut self) {
        for idx in 0..self.hits.len() {
            let Some((hit, before)) = self.hits.get(..=idx).and_then(<[Hit]>::split_last) else {
                continue;
            };
            let secs = hit.time_secs;
            let recent = before.iter().rev();
            let recent = recent.take_while(|other| other.time_secs > secs - self.max_decay_secs);
            let left: f64 = recent.map(|other| other.at(secs)).sum();
            if left * hit.angle > 0.0
                && let Some(hit) = self.hits.get_mut(idx)
            {
                hit.angle = -hit.angle;
            }
        }
    }

    /// From what `routes` say, all to their own side.
    ///
    /// # Errors
    /// As [`events`].
    pub fn of(analysis: &Analysis, routes: &[Route], gain: f64) -> Result<Self> {
        let mut hits = Vec::new();
        for route in routes {
            let angle = gain * route.gain * HIT_ANGLE;
            hits.extend(
                events(analysis, &route.feature)?
                    .into_iter()
                    .map(|event| Hit {
                        time_secs: event.time_secs,
                        angle: angle * event.strength,
                        rise_secs: route.attack_secs.unwrap_or(RISE_SECS).max(1e-3),
                        decay_secs: route.release_secs.unwrap_or(event.decay_secs).max(1e-3),
                    }),
            );
        }
        hits.retain(|hit| hit.angle.abs() > 1e-6);
        let in_order = |a: &Hit, b: &Hit| a.time_secs.total_cmp(&b.time_secs);
        // Sorting takes as much memory again.
        if !hits.is_sorted_by(|a, b| in_order(a, b).is_le()) {
            hits.sort_by(in_order);
        }
        let longest = |time: fn(&Hit) -> f64| hits.iter().map(time).fold(0.0, f64::max);
        Ok(Self {
            max_rise_secs: longest(|hit| hit.rise_secs),
            max_decay_secs: longest(|hit| hit.decay_secs) * -CUTOFF.ln(),
            hits,
        })
    }

    /// The same pulse without the hits that are at most `reach_secs` away from one of `times`.
    pub fn without_hits_near(&self, times: &[f64], reach_secs: f64) -> Self {
        let is_near = |hit: &Hit| {
            times
                .iter()
                .any(|t| (t - hit.time_secs).abs() <= reach_secs)
        };
        let hits = self
            .hits
            .iter()
            .filter(|hit| !is_near(hit))
            .copied()
            .collect();
        Self { hits, ..*self }
    }

    /// The farthest that the pulse goes to either side, in radians.
    pub fn peak(&self) -> f64 {
        let peaks = self.hits.iter().map(|hit| self.at(hit.time_secs).abs());
        peaks.fold(0.0, f64::max)
    }

    /// The angle in radians at a time in seconds, within `MAX_ANGLE` to either side.
    pub fn at(&self, secs: f64) -> f64 {
        let first = self
            .hits
            .partition_point(|hit| hit.time_secs < secs - self.max_decay_secs);
        let rest = self.hits.iter().skip(first);
        let in_reach = rest.take_while(|hit| hit.time_secs < secs + self.max_rise_secs);
        let sum: f64 = in_reach.map(|hit| hit.at(secs)).sum();
        MAX_ANGLE * (sum / MAX_ANGLE).tanh()
    }
}

#[cfg(test)]
mod tests {
    use analysis::{Band, Onset};
    use proptest::prelude::*;

    use super::super::test_songs::{Song, onset};
    use super::*;
    use crate::prompts::{Channel, Feature};

    /// What drives the pulse where no line says so.
    fn onsets_as_hits() -> Vec<Route> {
        Channel::Pulse.routes_or_default(&[])
    }

    fn pulse(onsets: Vec<Onset>) -> Pulse {
        let song = Song {
            onsets,
            ..Song::default()
        };
        Pulse::new(&song.analysis(), &onsets_as_hits(), 1.0).unwrap()
    }

    #[test]
    fn nothing_moves_before_a_hit_and_it_returns() {
        let pulse = pulse(vec![onset(2.0, 1.0, Band::Low)]);
        assert!(pulse.at(1.95) <= 0.0);
        assert!(pulse.at(2.0) > 0.8 * HIT_ANGLE && pulse.at(2.0) < MAX_ANGLE);
        assert!(pulse.at(4.0) < 1e-3);
    }

    #[test]
    fn low_hits_and_downbeats_count_more() {
        let at_peak = |secs, band| pulse(vec![onset(secs, 0.8, band)]).at(secs);
        assert!(at_peak(2.25, Band::Low) > at_peak(2.25, Band::Mid));
        assert!(at_peak(2.25, Band::Mid) > at_peak(2.25, Band::High));
        assert!(
            at_peak(2.0, Band::Low) > 1.1 * at_peak(2.25, Band::Low),
            "bars begin every 2 s"
        );
    }

    #[test]
    fn routes_replace_the_onsets() {
        let song = Song {
            onsets: vec![onset(35.2, 1.0, Band::Low), onset(36.7, 1.0, Band::High)],
            ..Song::default()
        };
        let pulse = |feature, gain| {
            let route = Route {
                channel: Channel::Pulse,
                feature,
                gain,
                attack_secs: None,
                release_secs: Some(0.1),
            };
            Pulse::new(&song.analysis(), &[route], 1.0).unwrap()
        };
        let high = pulse(Feature::High, 1.0);
        assert!(high.at(35.2).abs() < 1e-6 && high.at(36.7) > 0.8 * HIT_ANGLE);
        let downbeats = pulse(Feature::Downbeats, -1.0);
        assert!(downbeats.at(36.0).abs() > 0.8 * HIT_ANGLE && downbeats.at(37.0).abs() < 1e-3);
        assert!(pulse(Feature::Beats, 1.0).at(36.5).abs() > 0.8 * HIT_ANGLE);
    }

    #[test]
    fn silence_has_no_pulse() {
        let song = Song {
            onsets: vec![onset(2.0, 1.0, Band::Low)],
            loudness_db: |_| -120.0,
            ..Song::default()
        };
        assert!(
            Pulse::new(&song.analysis(), &onsets_as_hits(), 1.0)
                .unwrap()
                .at(2.0)
                <= 0.0
        );
    }

    proptest! {
        /// Onsets a tenth of a second apart or more: at the time of each, the pulse has gone as far as its strength says, away
        /// from where the others have left it.
        #[test]
        fn no_hit_hides_another(
            gaps in prop::collection::vec(0.1f64..0.6, 1..30),
            strengths in prop::collection::vec(0.3f64..1.0, 30),
        ) {
            let mut time = 0.5;
            let mut onsets = Vec::new();
            for (gap, strength) in gaps.iter().zip(&strengths) {
                time += gap;
                onsets.push(onset(time, *strength, Band::Low));
            }
            let pulse = pulse(onsets.clone());
            for onset in &onsets {
                let secs = onset.time_secs;
                let [before, peak, after] = [secs - RISE_SECS, secs, secs + 1e-3].map(|secs| pulse.at(secs));
                let own = onset.strength.powf(1.5) * 0.5 * HIT_ANGLE;
                prop_assert!((peak - before).abs() > own, "{secs}: {before} {peak}");
                prop_assert!(before.abs() < 1e-9 || before * (peak - before) < 0.0, "{secs}: {before} {peak}");
                // The rise ends at the event, and what follows is slow.
                let rate = |a: f64, b: f64, secs: f64| ((b - a) / secs).abs();
                prop_assert!(rate(peak, after, 1e-3) < 0.5 * rate(before, peak, RISE_SECS), "{secs}");
                prop_assert!(peak.abs() <= MAX_ANGLE);
            }
        }

        #[test]
        fn leaving_out_decayed_hits_is_not_seen(secs in 0.0f64..60.0) {
            let onsets: Vec<Onset> = (0..200).map(|i| onset(f64::from(i) * 0.3, 0.9, Band::Low)).collect();
            let pulse = pulse(onsets);
            let all: f64 = pulse.hits.iter().map(|hit| hit.at(secs)).sum();
            prop_assert!((pulse.at(secs) - MAX_ANGLE * (all / MAX_ANGLE).tanh()).abs() < 1e-4);
        }
    }
}
