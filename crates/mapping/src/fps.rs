use std::str::FromStr;

use analysis::{Analysis, Beat};
use common::units::FrameRate;
use common::{Error, Result, statistics};

use serde::{Deserialize, Serialize};

use super::{Looping, MappingConfig};

/// Frames per second, given as a number or by the song's tempo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Fps {
    /// A rate, such as `24` or `30000/1001`.
    Rate(FrameRate),
    /// As many frames a beat, such as `beat:16`.
    PerBeat(u32),
}

/// A frame rate that follows from a song's tempo.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BeatLock {
    /// The rate.
    pub frame_rate: FrameRate,
    /// Share of the beats whose nearest frame is on the rate's grid, 0..=1. Well below 1, the tempo changes; hits still
    /// show at their exact time, since the plan doesn't rely on the grid.
    pub locked_share: f64,
}

/// Intervals that differ from the median by at most this share belong to the same tempo.
const STEADY: f64 = 0.06;

/// Share of the beats on the grid from which on the tempo counts as one.
const MANY: f64 = 0.9;

/// How far the last beat may be off the grid because the rate is a fraction of small numbers, in frames.
const MAX_DRIFT_FRAMES: f64 = 0.05;

impl std::fmt::Display for Fps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rate(rate) => rate.fmt(f),
            Self::PerBeat(n) => write!(f, "beat:{n}"),
        }
    }
}

impl From<Fps> for String {
    fn from(fps: Fps) -> Self {
        fps.to_string()
    }
}

impl TryFrom<String> for Fps {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl FromStr for Fps {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let Some(n) = text.trim().strip_prefix("beat:") else {
            return Ok(Self::Rate(text.parse()?));
        };
        let n = n.parse().ok().filter(|n| (1..=1000).contains(n));
        n.map(Self::PerBeat).ok_or_else(|| Error::Config {
            name: "fps",
            value: text.to_owned(),
            allowed: "give whole frames per beat from 1 to 1000, such as beat:16".to_owned(),
        })
    }
}

impl Fps {
    /// The frame rate for the part of a song that `config` shows, with what to know about it where it follows the beat.
    ///
    /// # Errors
    /// As [`beat_lock`].
    pub fn resolve(
        self,
        analysis: &Analysis,
        config: &MappingConfig,
    ) -> Result<(FrameRate, Option<String>)> {
        let n = match self {
            Self::Rate(rate) => return Ok((rate, None)),
            Self::PerBeat(n) => n,
        };
        let shown = shown_beats(analysis, config);
        let lock = beat_lock(&shown, n)?;
        let percent = 100.0 * lock.locked_share;
        let note = if lock.locked_share < MANY {
            format!(
                "{n} frames a beat at the steadiest tempo, {} frames a second: {percent:.0} % of the beats keep to that grid, \
                 since the tempo changes; hits show at their own time everywhere",
                lock.frame_rate
            )
        } else {
            format!("{n} frames a beat: {} frames a second", lock.frame_rate)
        };
        Ok((lock.frame_rate, Some(note)))
    }
}

/// Times of the beats that the film shows; all of the song's where it shows fewer than two.
fn shown_beats(analysis: &Analysis, config: &MappingConfig) -> Vec<f64> {
    let start_secs = config.start_secs;
    let end_secs = config
        .duration_secs
        .map_or(f64::INFINITY, |secs| start_secs + secs);
    let times = |beats: &[Beat]| beats.iter().map(|beat| beat.time_secs).collect::<Vec<_>>();
    let from = |beat: &Beat| beat.time_secs >= start_secs - 1e-3;
    let shown = match config.looping {
        Looping::Beats(n) => {
            let is_first = |beat: &Beat| from(beat) && beat.position_in_bar == 1;
            let first = analysis.beats.iter().position(is_first).unwrap_or_default();
            let loop_beats = analysis.beats.get(first..).unwrap_or_default();
            let end = loop_beats.len().min((n as usize).saturating_add(1));
            loop_beats.get(..end).map(times).unwrap_or_default()
        }
        Looping::Off | Looping::Whole => {
            let shown = analysis
                .beats
                .iter()
                .filter(|beat| from(beat) && beat.time_secs < end_secs);
            shown.map(|beat| beat.time_secs).collect()
        }
    };
    if shown.len() < 2 {
        times(&analysis.beats)
    } else {
        shown
    }
}

/// The frame rate with `frames_per_beat` frames on each beat of the longest passage of one tempo: a fraction of numbers as
/// small as keep the grid on the beats to its end. `times` are the beats, in seconds, ascending.
///
/// # Errors
/// [`Error::Config`] if there are no beats, or if the rate would be out of range.
pub fn beat_lock(times: &[f64], frames_per_beat: u32) -> Result<BeatLock> {
    let refused = |allowed: String| Error::Config {
        name: "fps",
        value: format!("beat:{frames_per_beat}"),
        allowed,
    };
    let steady = steady_passage(times);
    let (first_secs, period_secs) = regression(steady).ok_or_else(|| {
        refused(
            "no steady beat was found in the song; give frames per second, such as 24".to_owned(),
        )
    })?;
    let rate = f64::from(frames_per_beat) / period_secs;
    let length_secs = steady.last().copied().unwrap_or_default() - first_secs;
    let (num, den) = fraction(rate, MAX_DRIFT_FRAMES / length_secs.max(1.0));
    let frame_rate = FrameRate::new(num, den).map_err(|_| {
        refused(format!(
            "that is {rate:.1} frames per second at this tempo, and 240 is the most"
        ))
    })?;
    let is_locked = |secs: &&f64| {
        let beats = (**secs - first_secs) / frame_rate.frame_secs() / f64::from(frames_per_beat);
        (beats - beats.round()).abs() * f64::from(frames_per_beat) <= 0.5
    };
    let n_locked = times.iter().filter(is_locked).count();
    Ok(BeatLock {
        frame_rate,
        locked_share: n_locked as f64 / times.len().max(1) as f64,
    })
}

/// Seconds from beat to beat in the longest passage of one tempo; `None` without a beat.
pub(super) fn steady_period(times: &[f64]) -> Option<f64> {
    regression(steady_passage(times)).map(|(_, period_secs)| period_secs)
}

/// The longest run of beats with the song's usual interval.
fn steady_passage(times: &[f64]) -> &[f64] {
    let intervals: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let median = statistics::median(&intervals).unwrap_or_default();
    let (mut start, mut best) = (0, 0..0);
    for (idx, interval) in intervals.iter().enumerate() {
        if (interval - median).abs() > STEADY * median {
            start = idx + 1;
        } else if idx + 1 - start > best.len() {
            best = start..idx + 1;
        }
    }
    // Intervals start..end lie between the beats start..=end.
    times.get(best.start..best.end + 1).unwrap_or_default()
}

/// Time of the first beat and distance between beats by linear regression; `None` for fewer than two.
fn regression(times: &[f64]) -> Option<(f64, f64)> {
    let n = times.len() as f64;
    let mean_idx = (n - 1.0) / 2.0;
    let mean_secs = times.iter().sum::<f64>() / n;
    let (mut covariance, mut variance) = (0.0, 0.0);
    for (idx, secs) in times.iter().enumerate() {
        let offset = idx as f64 - mean_idx;
        covariance += offset * (secs - mean_secs);
        variance += offset * offset;
    }
    let period_secs = covariance / variance;
    let is_beat = period_secs.is_finite() && period_secs > 0.01;
    is_beat.then_some((mean_secs - mean_idx * period_secs, period_secs))
}

/// The first convergent of the continued fraction of `value` that is off by at most `tolerance`.
fn fraction(value: f64, tolerance: f64) -> (u32, u32) {
    const MAX_DEN: f64 = 100_000.0;
    let (mut num, mut den) = (value.floor(), 1.0);
    let (mut last_num, mut last_den) = (1.0, 0.0);
    let mut rest = value - value.floor();
    while (num / den - value).abs() > tolerance && rest > 1e-9 {
        let inverse = 1.0 / rest;
        let digit = inverse.floor();
        let next = (digit * num + last_num, digit * den + last_den);
        if next.1 > MAX_DEN {
            break;
        }
        (last_num, last_den) = (num, den);
        (num, den) = next;
        rest = inverse - digit;
    }
    (num as u32, den as u32)
}

#[cfg(test)]
mod tests {
    use super::super::test_songs::{self, Song};
    use super::*;
    use proptest::prelude::*;

    /// A song with beats at the given times, a bar line at every fourth.
    fn song(times: impl Iterator<Item = f64>) -> Analysis {
        let mut analysis = Song::default().analysis();
        let beat = analysis.beats[0];
        analysis.beats = (0..)
            .zip(times)
            .map(|(idx, time_secs)| Beat {
                time_secs,
                position_in_bar: idx % 4 + 1,
                ..beat
            })
            .collect();
        analysis
    }

    /// 20 beats of 100 BPM, then 60 of 140 BPM.
    fn jump() -> Vec<f64> {
        let slow = (0..20).map(|i| f64::from(i) * 0.6);
        let fast = (0..60).map(|i| 12.0 + f64::from(i) * 60.0 / 140.0);
        slow.chain(fast).collect()
    }

    fn per_second(rate: FrameRate) -> f64 {
        f64::from(rate.num()) / f64::from(rate.den())
    }

    #[test]
    fn rates_are_read() {
        assert_eq!("beat:16".parse::<Fps>().unwrap(), Fps::PerBeat(16));
        assert_eq!(
            "24".parse::<Fps>().unwrap(),
            Fps::Rate(FrameRate::new(24, 1).unwrap())
        );
        for wrong in [
            "beat:",
            "beat:0",
            "beat:x",
            "beat:-3",
            "beat:1001",
            "beats:4",
            "0",
        ] {
            assert!(wrong.parse::<Fps>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_plain_tempo_gives_a_plain_rate() {
        let (rate, note) = Fps::PerBeat(12)
            .resolve(&Song::default().analysis(), &test_songs::config(24))
            .unwrap();
        assert_eq!((rate.num(), rate.den()), (24, 1));
        assert!(note.unwrap().contains("12 frames a beat"));
    }

    #[test]
    fn a_changing_tempo_locks_the_longest_passage() {
        let lock = beat_lock(&jump(), 10).unwrap();
        let rate = per_second(lock.frame_rate);
        assert!((rate - 10.0 * 140.0 / 60.0).abs() < 1e-3, "{rate}");
        let share = lock.locked_share;
        assert!((0.7..0.95).contains(&share), "{share}");
        let resolved = Fps::PerBeat(10).resolve(&song(jump().into_iter()), &test_songs::config(24));
        let (_, note) = resolved.unwrap();
        assert!(note.unwrap().contains("the tempo changes"));
    }

    #[test]
    fn the_part_that_is_shown_decides() {
        let jump = song(jump().into_iter());
        let rate = |start_secs, duration_secs, looping| {
            let config = MappingConfig {
                start_secs,
                duration_secs,
                looping,
                ..test_songs::config(24)
            };
            let (rate, note) = Fps::PerBeat(10).resolve(&jump, &config).unwrap();
            assert!(!note.unwrap().contains("the tempo changes"));
            per_second(rate)
        };
        let (slow, fast) = (10.0 * 100.0 / 60.0, 10.0 * 140.0 / 60.0);
        assert!((rate(0.0, Some(11.0), Looping::Off) - slow).abs() < 1e-3);
        assert!((rate(12.0, None, Looping::Whole) - fast).abs() < 1e-3);
        assert!((rate(2.0, None, Looping::Beats(8)) - slow).abs() < 1e-3);
        assert!((rate(13.0, None, Looping::Beats(8)) - fast).abs() < 1e-3);
    }

    #[test]
    fn songs_without_a_beat_and_impossible_rates_are_refused() {
        for times in [vec![], vec![1.0], vec![1.0, 1.0, 1.0]] {
            assert!(beat_lock(&times, 16).is_err());
        }
        let plain: Vec<f64> = (0..100).map(|i| 0.5 * f64::from(i)).collect();
        let error = beat_lock(&plain, 1000).unwrap_err();
        assert!(error.to_string().contains("2000.0"), "{error}");
    }

    proptest! {
        #[test]
        fn every_beat_is_on_a_frame(bpm in 50.0f64..200.0, first in 0.0f64..2.0, n in 4u32..20, jitter in 0.0f64..0.004) {
            let period = 60.0 / bpm;
            let times = (0..300).map(|i| {
                let sway = if i % 2 == 0 { jitter } else { -jitter };
                first + period * f64::from(i) + sway
            });
            let lock = beat_lock(&times.collect::<Vec<_>>(), n).unwrap();
            prop_assert!(lock.frame_rate.den() <= 20_000);
            let frames = 299.0 * period / lock.frame_rate.frame_secs();
            let drift = (frames - 299.0 * f64::from(n)).abs();
            prop_assert!(drift < 0.1, "{} frames off after 300 beats", drift);
        }
    }
}
