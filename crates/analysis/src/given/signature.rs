use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::super::tempo::METERS;

/// A time signature, as it stands at the head of a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeSignature {
    /// Notes in a bar.
    pub numerator: u32,
    /// Their length: 4 for quarters, 8 for eighths.
    pub denominator: u32,
}

impl TimeSignature {
    /// Whether beats are dotted notes: 6/8, 9/8, 12/8.
    fn is_compound(self) -> bool {
        self.denominator >= 8 && self.numerator > 3 && self.numerator.is_multiple_of(3)
    }

    /// Beats in a bar, as people tap them: two dotted quarters in 6/8, but seven eighths in 7/8.
    pub fn beats_per_bar(self) -> u32 {
        if self.is_compound() {
            self.numerator / 3
        } else {
            self.numerator
        }
    }

    /// Length of a beat in quarter notes.
    pub(super) fn beat_quarters(self) -> f64 {
        let notes = if self.is_compound() { 3.0 } else { 1.0 };
        notes * 4.0 / f64::from(self.denominator.max(1))
    }
}

impl FromStr for TimeSignature {
    type Err = String;

    /// `3/4`, `6/8`, `7/8`; a number alone counts quarters. The bar has to have as many beats as trackers know.
    fn from_str(text: &str) -> Result<Self, String> {
        let (least, most) = (METERS[0], METERS[METERS.len() - 1]);
        let form = format!(
            "give a time signature such as 3/4, 6/8 or 7/8, with {least} to {most} beats in a bar"
        );
        let (numerator, denominator) = text.split_once('/').unwrap_or((text, "4"));
        let number = |part: &str| part.trim().parse::<u32>().map_err(|_| form.clone());
        let signature = Self {
            numerator: number(numerator)?,
            denominator: number(denominator)?,
        };
        let is_note = [1, 2, 4, 8, 16].contains(&signature.denominator);
        let n_beats = signature.beats_per_bar() as usize;
        if is_note && (least..=most).contains(&n_beats) {
            Ok(signature)
        } else {
            Err(form)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_have_the_beats_that_people_tap() {
        for (text, n_beats, quarters) in [
            ("3/4", 3, 1.0),
            ("4", 4, 1.0),
            ("2/2", 2, 2.0),
            ("6/8", 2, 1.5),
            ("12/8", 4, 1.5),
            ("7/8", 7, 0.5),
            (" 5 / 4 ", 5, 1.0),
            ("3/8", 3, 0.5),
        ] {
            let signature: TimeSignature = text.parse().unwrap();
            assert_eq!(signature.beats_per_bar(), n_beats, "{text}");
            assert!(
                (signature.beat_quarters() - quarters).abs() < 1e-9,
                "{text}"
            );
        }
        for text in [
            "",
            "1/4",
            "4/3",
            "8/4",
            "13/8",
            "x",
            "4/",
            "/4",
            "4/0",
            "-3/4",
            "99999999999/4",
        ] {
            assert!(text.parse::<TimeSignature>().is_err(), "{text}");
        }
    }
}
