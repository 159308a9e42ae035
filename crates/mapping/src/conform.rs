//! Clips at a tempo that fits the grid of frames.
//!
//! Programs for live visuals take a clip's tempo from its length, so a loop of beats must last a whole number of frames. The
//! frames of a conformed clip are spread evenly over the song's beats, and played at another rate: motion and hits stay on the
//! song's own beats, and the clip has exactly the tempo that was asked for.

use std::str::FromStr;

use analysis::Analysis;
use common::units::FrameRate;
use common::{Error, Result};
use serde::{Deserialize, Serialize};

use super::excerpt::beats;
use super::fps::steady_period;
use super::{Fps, Looping, MappingConfig, beat_lock, samples_of};

/// Slowest and fastest tempo of clips, in thousandths of a beat a minute.
const RANGE: std::ops::RangeInclusive<u32> = 20_000..=400_000;

/// The tempo at which a loop of beats is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Conform {
    /// Thousandths of a beat a minute: 120 000 is 120 BPM.
    Tempo(u32),
    /// The song's own, at the frame rate that is nearest to the one asked for and has whole frames on each beat.
    Native,
}

/// How a loop of beats becomes frames.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conformed {
    /// Frames per second of the song: the beats' length divided by the number of frames.
    pub song_rate: FrameRate,
    /// Frames per second of the clip.
    pub play_rate: FrameRate,
    /// Number of frames.
    pub n_frames: u64,
    /// The clip's tempo in beats per minute.
    pub bpm: f64,
    /// The song's tempo over the same beats, in beats per minute.
    pub song_bpm: f64,
}

impl Conform {
    /// How the loop of beats that `config` asks for becomes frames, at `fps` or the nearest rate.
    ///
    /// # Errors
    /// [`Error::Config`] where the film is no loop of beats, the song hasn't as many, or the beats take no whole number of
    /// frames.
    pub fn resolve(
        self,
        analysis: &Analysis,
        fps: Fps,
        config: &MappingConfig,
    ) -> Result<Conformed> {
        let Looping::Beats(n_beats) = config.looping else {
            return Err(
                self.refused("clips of one tempo are loops of beats; give `loop_beats` N, too")
            );
        };
        let (start_secs, duration_secs) = beats(analysis, config.start_secs, n_beats)?;
        let (frames_per_beat, play_rate) = match self {
            Self::Tempo(milli_bpm) => at_tempo(milli_bpm, fps)?,
            Self::Native => native(analysis, fps)?,
        };
        let (num, den) = frames_per_beat;
        let n_frames = u64::from(n_beats) * num;
        if n_frames % den != 0 {
            return Err(self.refused(&format!(
                "{n_beats} beats are {:.2} frames at {fps} a second; give a multiple of {den} beats, or another `fps`",
                n_frames as f64 / den as f64
            )));
        }
        let n_frames = n_frames / den;
        let track = &analysis.track;
        let rate_hz = track.sample_rate_hz;
        let part = samples_of(start_secs, Some(duration_secs), track.n_samples, rate_hz);
        let song_rate = fraction(
            u128::from(n_frames) * u128::from(rate_hz),
            u128::from(part.end - part.start),
        )
        .ok_or_else(|| {
            self.refused("the loop is too long, or has too many frames for its length")
        })?;
        let per_sec = |rate: FrameRate| 1.0 / rate.frame_secs();
        let bpm = 60.0 * per_sec(play_rate) * f64::from(n_beats) / n_frames as f64;
        Ok(Conformed {
            song_rate,
            play_rate,
            n_frames,
            bpm,
            song_bpm: 60.0 * f64::from(n_beats) / duration_secs,
        })
    }

    fn refused(self, allowed: &str) -> Error {
        Error::Config {
            name: "conform",
            value: self.to_string(),
            allowed: allowed.to_owned(),
        }
    }
}

impl std::fmt::Display for Conformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} frames at {} a second: {:.2} beats a minute, of {:.2} in the song, and no sound",
            self.n_frames, self.play_rate, self.bpm, self.song_bpm
        )
    }
}

/// Frames of a beat, as a reduced fraction, and the rate at which they play.
fn at_tempo(milli_bpm: u32, fps: Fps) -> Result<((u64, u64), FrameRate)> {
    match fps {
        Fps::Rate(rate) => {
            let (num, den) = reduced(
                60_000 * u128::from(rate.num()),
                u128::from(milli_bpm) * u128::from(rate.den()),
            );
            let whole = |n: u128| u64::try_from(n).unwrap_or(u64::MAX);
            Ok(((whole(num), whole(den)), rate))
        }
        Fps::PerBeat(n) => {
            let rate = fraction(u128::from(n) * u128::from(milli_bpm), 60_000);
            let rate = rate.ok_or_else(|| too_fast(fps))?;
            Ok(((u64::from(n), 1), rate))
        }
    }
}

/// Whole frames of a beat, at the song's steady tempo.
fn native(analysis: &Analysis, fps: Fps) -> Result<((u64, u64), FrameRate)> {
    let times: Vec<f64> = analysis.beats.iter().map(|beat| beat.time_secs).collect();
    let n = match fps {
        Fps::PerBeat(n) => n,
        Fps::Rate(rate) => {
            let period_secs = steady_period(&times).unwrap_or_default();
            ((period_secs / rate.frame_secs()).round() as u32).max(1)
        }
    };
    Ok(((u64::from(n), 1), beat_lock(&times, n)?.frame_rate))
}

fn too_fast(fps: Fps) -> Error {
    Error::Config {
        name: "fps",
        value: fps.to_string(),
        allowed: "that is more than 240 frames a second at this tempo; give fewer".to_owned(),
    }
}

/// A rate, if it is one that can be.
fn fraction(num: u128, den: u128) -> Option<FrameRate> {
    let (num, den) = reduced(num, den);
    FrameRate::new(num.try_into().ok()?, den.try_into().ok()?).ok()
}

fn reduced(num: u128, den: u128) -> (u128, u128) {
    let (mut a, mut b) = (num, den);
    while b > 0 {
        (a, b) = (b, a % b);
    }
    let divisor = a.max(1);
    (num / divisor, den / divisor)
}

impl std::fmt::Display for Conform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Native => f.write_str("native"),
            Self::Tempo(milli_bpm) => write!(f, "{}", f64::from(*milli_bpm) / 1000.0),
        }
    }
}

impl From<Conform> for String {
    fn from(conform: Conform) -> Self {
        conform.to_string()
    }
}

impl TryFrom<String> for Conform {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl FromStr for Conform {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("native") {
            return Ok(Self::Native);
        }
        let milli_bpm = text.parse::<f64>().ok().map(|bpm| (1000.0 * bpm).round());
        let milli_bpm = milli_bpm.filter(|milli| RANGE.contains(&(*milli as u32)));
        milli_bpm
            .map(|milli| Self::Tempo(milli as u32))
            .ok_or_else(|| Error::Config {
                name: "conform",
                value: text.to_owned(),
                allowed: "give beats a minute from 20 to 400, such as 120, or native".to_owned(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_songs::{self, Song};
    use super::*;

    fn song(bpm: f64) -> Analysis {
        let mut analysis = Song::default().analysis();
        let beat = analysis.beats[0];
        analysis.beats = (0..40)
            .map(|idx| analysis::Beat {
                time_secs: 0.31 + f64::from(idx) * 60.0 / bpm,
                position_in_bar: idx % 4 + 1,
                ..beat
            })
            .take_while(|beat| beat.time_secs < analysis.track.duration_secs)
            .collect();
        analysis
    }

    fn config(n_beats: u32) -> MappingConfig {
        MappingConfig {
            looping: Looping::Beats(n_beats),
            ..test_songs::config(24)
        }
    }

    #[test]
    fn frames_are_beats_times_half_the_rate_at_120() {
        for bpm in [87.3, 116.1, 174.0] {
            for fps in [24, 25, 30, 50, 60] {
                for n_beats in [2, 4, 8, 16] {
                    let rate = FrameRate::new(fps, 1).unwrap();
                    let config = config(n_beats);
                    let song = song(bpm);
                    let found = Conform::Tempo(120_000)
                        .resolve(&song, Fps::Rate(rate), &config)
                        .unwrap();
                    assert_eq!(found.n_frames, u64::from(n_beats * fps / 2));
                    assert_eq!(found.play_rate, rate);
                    assert!((found.bpm - 120.0).abs() < 1e-9);
                    assert!((found.song_bpm - bpm).abs() < 1e-6);
                    // The loop is the song's beats to the sample, and has these frames.
                    let config = MappingConfig {
                        frame_rate: found.song_rate,
                        ..config
                    };
                    let part = super::super::excerpt::excerpt(&song, &config).unwrap();
                    let n = config
                        .frame_rate
                        .n_frames(part.n_samples, part.sample_rate_hz);
                    assert_eq!(n, found.n_frames);
                    let secs = part.n_samples as f64 / f64::from(part.sample_rate_hz);
                    assert!((secs - f64::from(n_beats) * 60.0 / bpm).abs() < 1e-4);
                }
            }
        }
    }

    #[test]
    fn the_songs_own_tempo_keeps_whole_frames_on_each_beat() {
        for (bpm, fps, per_beat) in [(116.36, 60, 31), (87.0, 24, 17), (174.0, 25, 9)] {
            let fps = Fps::Rate(FrameRate::new(fps, 1).unwrap());
            let clips: Vec<Conformed> = [4, 8, 16]
                .map(|n| {
                    Conform::Native
                        .resolve(&song(bpm), fps, &config(n))
                        .unwrap()
                })
                .to_vec();
            for (clip, n_beats) in clips.iter().zip([4, 8, 16]) {
                assert_eq!(clip.n_frames, n_beats * per_beat, "{bpm}");
                assert_eq!(clip.play_rate, clips[0].play_rate);
                assert!((clip.bpm - bpm).abs() < 0.05, "{}", clip.bpm);
            }
        }
    }

    #[test]
    fn what_has_no_whole_frames_is_refused() {
        let rate = |fps| Fps::Rate(FrameRate::new(fps, 1).unwrap());
        let song = song(100.0);
        let refused = |conform: Conform, fps, config: &MappingConfig| {
            conform.resolve(&song, fps, config).unwrap_err().to_string()
        };
        let text = refused(Conform::Tempo(120_000), rate(25), &config(3));
        assert!(
            text.contains("37.50 frames") && text.contains("multiple of 2"),
            "{text}"
        );
        let text = refused(Conform::Native, rate(25), &test_songs::config(24));
        assert!(text.contains("loop_beats"), "{text}");
        assert!(refused(Conform::Tempo(120_000), rate(25), &config(1000)).contains("beats"));
    }

    #[test]
    fn a_tempo_is_read_as_it_is_written() {
        for text in ["120", "native", "128.5", "20", "400"] {
            assert_eq!(text.parse::<Conform>().unwrap().to_string(), text);
        }
        for text in ["", "0", "19", "401", "-120", "nan", "inf", "fast"] {
            assert!(text.parse::<Conform>().is_err(), "{text}");
        }
    }
}
