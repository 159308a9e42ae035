//! Conversions between samples, seconds, frames and ticks. They live here and nowhere else.
//!
//! A rate is a rational number, never a floating-point one: frame `i` of a film at 30000/1001 frames a second begins at
//! exactly `i * 1001 / 30000` seconds, however long the film is.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Frames per second as a reduced fraction, both parts above zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "RawFrameRate")]
pub struct FrameRate {
    num: u32,
    den: u32,
}

/// Highest accepted frame rate, in frames per second.
pub const MAX_FRAMES_PER_SECOND: u32 = 240;

#[derive(Deserialize)]
struct RawFrameRate {
    num: u32,
    den: u32,
}

impl TryFrom<RawFrameRate> for FrameRate {
    type Error = Error;
    fn try_from(raw: RawFrameRate) -> Result<Self> {
        Self::new(raw.num, raw.den)
    }
}

impl FrameRate {
    /// `num / den` frames per second.
    ///
    /// # Errors
    /// [`Error::Config`] unless the rate is above 0 and at most [`MAX_FRAMES_PER_SECOND`].
    pub fn new(num: u32, den: u32) -> Result<Self> {
        let in_range = num > 0
            && den > 0
            && u64::from(num) <= u64::from(MAX_FRAMES_PER_SECOND) * u64::from(den);
        if !in_range {
            return Err(rate_error(&format!("{num}/{den}")));
        }
        let divisor = gcd(num, den);
        Ok(Self {
            num: num / divisor,
            den: den / divisor,
        })
    }

    /// Numerator of the reduced fraction.
    pub fn num(self) -> u32 {
        self.num
    }

    /// Denominator of the reduced fraction.
    pub fn den(self) -> u32 {
        self.den
    }

    /// Time at which frame `frame_idx` is shown, in seconds from the film's start.
    pub fn frame_time_secs(self, frame_idx: u64) -> f64 {
        (frame_idx as f64 * f64::from(self.den)) / f64::from(self.num)
    }

    /// Length of one frame in seconds.
    pub fn frame_secs(self) -> f64 {
        f64::from(self.den) / f64::from(self.num)
    }

    /// Number of frames that cover `n_samples` of sound at `sample_rate_hz`: the ceiling of duration times rate, computed
    /// in whole numbers.
    pub fn n_frames(self, n_samples: u64, sample_rate_hz: u32) -> u64 {
        let ticks = u128::from(n_samples) * u128::from(self.num);
        let ticks_per_frame = u128::from(sample_rate_hz.max(1)) * u128::from(self.den);
        u64::try_from(ticks.div_ceil(ticks_per_frame)).unwrap_or(u64::MAX)
    }

    /// The most samples at `sample_rate_hz` that `n_frames` cover: [`n_frames`](Self::n_frames) of them is `n_frames`.
    pub fn n_samples(self, n_frames: u64, sample_rate_hz: u32) -> u64 {
        let ticks = u128::from(n_frames) * u128::from(self.den) * u128::from(sample_rate_hz);
        u64::try_from(ticks / u128::from(self.num)).unwrap_or(u64::MAX)
    }
}

impl Default for FrameRate {
    /// 24 frames per second, the rate of cinema films.
    fn default() -> Self {
        Self { num: 24, den: 1 }
    }
}

impl std::fmt::Display for FrameRate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.den == 1 {
            write!(f, "{}", self.num)
        } else {
            write!(f, "{}/{}", self.num, self.den)
        }
    }
}

impl std::str::FromStr for FrameRate {
    type Err = Error;

    /// Reads `24`, `30000/1001` or a decimal such as `29.97`; the decimals that stand for NTSC rates (23.976, 29.97,
    /// 59.94, 119.88) become their exact fractions.
    fn from_str(text: &str) -> Result<Self> {
        let whole = |part: &str| part.trim().parse::<u32>().map_err(|_| rate_error(text));
        if let Some((num, den)) = text.split_once('/') {
            return Self::new(whole(num)?, whole(den)?);
        }
        let Some((whole_part, fraction)) = text.trim().split_once('.') else {
            return Self::new(whole(text)?, 1);
        };
        let ntsc = match (whole_part, fraction.trim_end_matches('0')) {
            ("23", "976" | "98") => Some(24000),
            ("29", "97") => Some(30000),
            ("59", "94") => Some(60000),
            ("119", "88") => Some(120_000),
            _ => None,
        };
        if let Some(num) = ntsc {
            return Self::new(num, 1001);
        }
        let is_decimal = !fraction.is_empty()
            && fraction.len() <= 4
            && fraction.bytes().all(|b| b.is_ascii_digit());
        if !is_decimal {
            return Err(rate_error(text));
        }
        let den = 10u32.pow(fraction.len() as u32);
        let num = whole(whole_part)?
            .checked_mul(den)
            .and_then(|n| n.checked_add(fraction.parse().ok()?));
        Self::new(num.ok_or_else(|| rate_error(text))?, den)
    }
}

fn rate_error(value: &str) -> Error {
    Error::Config {
        name: "fps",
        value: value.to_owned(),
        allowed: format!(
            "give frames per second above 0 and at most {MAX_FRAMES_PER_SECOND}, whole (24) or a fraction (30000/1001)"
        ),
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// `n_samples` at `sample_rate_hz` in seconds.
pub fn samples_to_secs(n_samples: u64, sample_rate_hz: u32) -> f64 {
    n_samples as f64 / f64::from(sample_rate_hz.max(1))
}

/// The sample nearest to `secs` at `sample_rate_hz`; 0 for negative times and for NaN.
pub fn secs_to_samples(secs: f64, sample_rate_hz: u32) -> u64 {
    (secs * f64::from(sample_rate_hz)).round() as u64
}

/// Seconds as people write them: `83.5`, `1:23.5` or `1:01:23.5`.
///
/// # Errors
/// What is wrong, in words, for text of another form, negative or infinite times.
pub fn parse_secs(text: &str) -> Result<f64, String> {
    let form = "give seconds (83.5) or minutes and seconds (1:23.5)";
    let parts: Vec<&str> = text.trim().split(':').collect();
    if parts.len() > 3 {
        return Err(format!("\"{text}\" is not a time; {form}"));
    }
    let mut secs = 0.0;
    for (position, part) in parts.iter().enumerate() {
        let is_last = position + 1 == parts.len();
        let is_plain = !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_digit() || (is_last && b == b'.'));
        let value = part
            .parse::<f64>()
            .ok()
            .filter(|v| is_plain && v.is_finite());
        let value = value.ok_or_else(|| format!("\"{text}\" is not a time; {form}"))?;
        if position > 0 && value >= 60.0 {
            return Err(format!(
                "\"{text}\" has {value} where at most 59 can stand; {form}"
            ));
        }
        secs = secs * 60.0 + value;
    }
    Ok(secs)
}

/// Seconds as people read them: `1:23.5`, with `decimals` digits after the point.
pub fn format_secs(secs: f64, decimals: usize) -> String {
    let scale = 10f64.powi(decimals as i32);
    let ticks = (secs.max(0.0) * scale).round();
    let minutes = (ticks / (60.0 * scale)).floor();
    let rest = (ticks - minutes * 60.0 * scale) / scale;
    let width = if decimals == 0 { 2 } else { decimals + 3 };
    format!("{minutes:.0}:{rest:0width$.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rates_are_read_exactly() {
        for (text, num, den) in [
            ("24", 24, 1),
            ("30000/1001", 30000, 1001),
            ("29.97", 30000, 1001),
            ("12.5", 25, 2),
            ("50/2", 25, 1),
        ] {
            let rate: FrameRate = text.parse().unwrap();
            assert_eq!((rate.num(), rate.den()), (num, den), "{text}");
        }
    }

    #[test]
    fn impossible_rates_are_refused() {
        for text in [
            "0",
            "-24",
            "1e9",
            "241",
            "24/0",
            "",
            "abc",
            "NaN",
            "1/0",
            "99999999999",
            ".5.",
            "1.00001",
        ] {
            assert!(text.parse::<FrameRate>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_hour_has_no_drift() {
        let rate = FrameRate::new(30000, 1001).unwrap();
        assert_eq!(rate.n_frames(3600 * 44100, 44100), 107_893); // 107892.1 frames
        assert_eq!(FrameRate::new(24, 1).unwrap().n_frames(1, 44100), 1);
        assert_eq!(FrameRate::new(24, 1).unwrap().n_frames(44100, 44100), 24);
        assert_eq!(FrameRate::new(24, 1).unwrap().n_frames(44101, 44100), 25);
    }

    #[test]
    fn times_are_read_and_written() {
        for (text, secs) in [
            ("83.5", 83.5),
            ("1:23.5", 83.5),
            ("1:01:01", 3661.0),
            ("0", 0.0),
            ("90", 90.0),
        ] {
            assert!((parse_secs(text).unwrap() - secs).abs() < 1e-12, "{text}");
        }
        for text in ["", ":", "1:", "1:60", "-3", "1e3", "inf", "1:2:3:4", "a"] {
            assert!(parse_secs(text).is_err(), "{text}");
        }
        assert_eq!(format_secs(83.46, 1), "1:23.5");
        assert_eq!(format_secs(59.97, 1), "1:00.0");
        assert_eq!(format_secs(5.0, 0), "0:05");
    }

    proptest! {
        #[test]
        fn frames_cover_the_sound(n_samples in 1u64..1_000_000_000, rate_hz in 8000u32..192_000, num in 1u32..200) {
            let rate = FrameRate::new(num, 1).unwrap();
            let n_frames = rate.n_frames(n_samples, rate_hz);
            let duration = samples_to_secs(n_samples, rate_hz);
            prop_assert!(rate.frame_time_secs(n_frames) >= duration - 1e-9);
            prop_assert!(rate.frame_time_secs(n_frames - 1) < duration);
        }

        #[test]
        fn frames_cover_the_most_samples(n_frames in 1u64..1_000_000, rate_hz in 8000u32..192_000, num in 1u32..200, den in 1u32..1002) {
            let Ok(rate) = FrameRate::new(num, den) else { return Ok(()) };
            let n_samples = rate.n_samples(n_frames, rate_hz);
            prop_assert_eq!(rate.n_frames(n_samples, rate_hz), n_frames);
            prop_assert!(rate.n_frames(n_samples + 1, rate_hz) > n_frames);
        }

        #[test]
        fn samples_survive_a_round_trip(n_samples in 0u64..(1 << 40), rate_hz in 8000u32..192_000) {
            prop_assert_eq!(secs_to_samples(samples_to_secs(n_samples, rate_hz), rate_hz), n_samples);
        }
    }
}
