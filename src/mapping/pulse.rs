//! Pulse: a hit pushes the picture away and lets it come back.
//!
//! Each onset adds a kernel that rises shortly before it, peaks at the onset's exact time and then decays. The sum
//! saturates, so that a drum roll shakes no harder than the limit. The pulse is sampled at frame times; events are never
//! moved to a frame.

use super::energy::SILENCE_DB;
use crate::Analysis;
use crate::analysis::{Band, Onset};

/// Angle in radians that the sum of all kernels approaches.
const MAX_ANGLE: f64 = 0.45;

/// Angle of the kernel of an onset of strength 1 in the low band.
const HIT_ANGLE: f64 = 0.26;

/// Exponent on the strength: above 1, weak onsets matter less.
const STRENGTH_POWER: f64 = 1.3;

/// Factor for an onset on a downbeat, where bars are sure.
const DOWNBEAT_ACCENT: f64 = 1.4;

/// How near an onset has to be to a downbeat to be on it, in seconds (the usual tolerance for beats).
const DOWNBEAT_WINDOW_SECS: f64 = 0.07;

/// Length of the rise in seconds: about a frame at 24 per second, too short to be seen as coming early.
const RISE_SECS: f64 = 0.04;

/// A kernel is left out where it has decayed to this share.
const CUTOFF: f64 = 1e-5;

/// Weight and decay time in seconds of onsets of each band: a kick moves the picture, a hat lets it glitter.
fn by_band(band: Band) -> (f64, f64) {
    match band {
        Band::Low => (1.0, 0.26),
        Band::Mid => (0.7, 0.18),
        Band::High => (0.4, 0.10),
    }
}

#[derive(Clone, Copy, Debug)]
struct Hit {
    time_secs: f64,
    angle: f64,
    decay_secs: f64,
}

impl Hit {
    /// The kernel at a time in seconds.
    fn at(&self, secs: f64) -> f64 {
        let since = secs - self.time_secs;
        if since >= 0.0 {
            self.angle * (-since / self.decay_secs).exp()
        } else if since > -RISE_SECS {
            // Steepest at the peak, so that the decay of earlier hits can't move it.
            self.angle * (1.0 + since / RISE_SECS).powi(2)
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
    /// Longest time after which a hit still counts.
    reach_secs: f64,
}

impl Pulse {
    /// From a song's onsets; `gain` is a factor on every hit.
    pub fn new(analysis: &Analysis, gain: f64) -> Self {
        let downbeats = analysis
            .beats
            .iter()
            .filter(|beat| beat.position_in_bar == 1);
        let downbeats: Vec<f64> = downbeats.map(|beat| beat.time_secs).collect();
        let accent = 1.0 + (DOWNBEAT_ACCENT - 1.0) * analysis.beat_confidence.clamp(0.0, 1.0);
        let is_on_downbeat = |secs: f64| {
            let idx = downbeats.partition_point(|d| *d < secs - DOWNBEAT_WINDOW_SECS);
            downbeats
                .get(idx)
                .is_some_and(|d| *d <= secs + DOWNBEAT_WINDOW_SECS)
        };
        let hit = |onset: &Onset| {
            let (weight, decay_secs) = by_band(onset.band);
            let accent = if is_on_downbeat(onset.time_secs) {
                accent
            } else {
                1.0
            };
            let strength = onset.strength.clamp(0.0, 1.0).powf(STRENGTH_POWER);
            Hit {
                time_secs: onset.time_secs,
                angle: gain * HIT_ANGLE * strength * weight * accent,
                decay_secs,
            }
        };
        let audible = analysis
            .onsets
            .iter()
            .filter(|onset| is_audible(analysis, onset.time_secs));
        let mut hits: Vec<Hit> = audible.map(hit).filter(|hit| hit.angle > 0.0).collect();
        hits.sort_by(|a, b| a.time_secs.total_cmp(&b.time_secs));
        Self {
            hits,
            reach_secs: by_band(Band::Low).1 * -CUTOFF.ln(),
        }
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

    /// The angle in radians at a time in seconds, 0..`MAX_ANGLE`.
    pub fn at(&self, secs: f64) -> f64 {
        let first = self
            .hits
            .partition_point(|hit| hit.time_secs < secs - self.reach_secs);
        let in_reach = self
            .hits
            .iter()
            .skip(first)
            .take_while(|hit| hit.time_secs < secs + RISE_SECS);
        let sum: f64 = in_reach.map(|hit| hit.at(secs)).sum();
        MAX_ANGLE * (sum / MAX_ANGLE).tanh()
    }
}

/// Whether there is sound within a tenth of a second after a time.
fn is_audible(analysis: &Analysis, secs: f64) -> bool {
    let hops = &analysis.hops;
    if !secs.is_finite() || hops.loudness_db.is_empty() || hops.hop_secs <= 0.0 {
        return secs.is_finite();
    }
    let first = (secs.max(0.0) / hops.hop_secs) as usize;
    let n = (0.1 / hops.hop_secs).ceil() as usize + 1;
    let around = hops.loudness_db.iter().skip(first).take(n);
    around.into_iter().any(|db| f64::from(*db) > SILENCE_DB)
}

#[cfg(test)]
mod tests {
    use super::super::test_songs::{Song, onset};
    use super::*;
    use proptest::prelude::*;

    fn pulse(onsets: Vec<Onset>) -> Pulse {
        let song = Song {
            onsets,
            ..Song::default()
        };
        Pulse::new(&song.analysis(), 1.0)
    }

    #[test]
    fn nothing_moves_before_a_hit_and_it_returns() {
        let pulse = pulse(vec![onset(2.0, 1.0, Band::Low)]);
        assert!(pulse.at(1.95) <= 0.0);
        assert!(pulse.at(2.0) > 0.25 && pulse.at(2.0) < MAX_ANGLE);
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
    fn silence_has_no_pulse() {
        let song = Song {
            onsets: vec![onset(2.0, 1.0, Band::Low)],
            loudness_db: |_| -120.0,
            ..Song::default()
        };
        assert!(Pulse::new(&song.analysis(), 1.0).at(2.0) <= 0.0);
    }

    proptest! {
        /// Onsets a tenth of a second apart or more; the pulse has a local maximum at the time of each.
        #[test]
        fn pulses_peak_at_the_event(
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
                let peak = pulse.at(onset.time_secs);
                for away in [1e-4, 0.002, 0.01] {
                    prop_assert!(pulse.at(onset.time_secs - away) <= peak, "before {}", onset.time_secs);
                    prop_assert!(pulse.at(onset.time_secs + away) <= peak, "after {}", onset.time_secs);
                }
                prop_assert!(peak <= MAX_ANGLE);
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
