//! The song's key: the major or minor scale whose profile fits its mean chroma best.
//!
//! Krumhansl's key-finding algorithm (*Cognitive Foundations of Musical Pitch*, 1990, chapter 4) with profiles counted in a
//! corpus (Albrecht and Shanahan, "The use of large corpora to train a new type of key-finding algorithm", *Music
//! Perception* 31, 2013), which keep relative and neighbouring keys apart better than those of listening experiments.

use common::rounding::rounded;
use serde::{Deserialize, Serialize};

/// Share of each degree above the tonic in music in major and in minor.
const PROFILES: [[f64; 12]; 2] = [
    [
        0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081,
    ],
    [
        0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052,
    ],
];
/// How fast a key's share falls with its correlation: a lead of 0.1 is four times as likely as none.
const SHARPNESS: f64 = 14.0;
/// A key's lead over its relative is taken for this at most: they share their notes, and which one is home is told by order and
/// stress, which a mean doesn't have.
const MAX_RELATIVE_LEAD: f64 = 0.05;
/// Least spread of the mean chroma, relative to its mean, that has a key at all: noise has less.
const MIN_SPREAD: f64 = 0.12;
const NAMES: [&str; 12] = [
    "C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B",
];

/// A key.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Key {
    /// Pitch class of the tonic, 0..=11 from C.
    pub tonic: u8,
    /// Major or minor.
    pub mode: Mode,
    /// How sure the key is, 0..=1: its share among all keys that fit. Rarely above 2/3, since relative keys (C major and A minor)
    /// are easily taken for each other.
    pub confidence: f64,
}

/// The kind of scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// With a major third.
    Major,
    /// With a minor third.
    Minor,
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mode = match self.mode {
            Mode::Major => "major",
            Mode::Minor => "minor",
        };
        write!(f, "{} {mode}", pitch_name(self.tonic))
    }
}

/// Name of a pitch class, from C: `C`, `C#`, `D`, `Eb` …
pub fn pitch_name(pitch_class: u8) -> &'static str {
    NAMES[usize::from(pitch_class) % 12]
}

/// Finds the key of a song from its chroma.
#[derive(Default)]
pub(super) struct KeyFinder {
    /// Sum of all rows, each evened out.
    sum: [f64; 12],
}

impl KeyFinder {
    /// Takes the amplitude of each pitch class at the next moment.
    pub fn push(&mut self, row: &[f32; 12]) {
        // Quiet chords tell as much as loud ones, as long as they sound: the square root evens them out.
        let total: f32 = row.iter().sum();
        let scale = if total > 0.0 {
            f64::from(total).sqrt() / f64::from(total)
        } else {
            0.0
        };
        let sums = self.sum.iter_mut().zip(row);
        sums.for_each(|(sum, c)| *sum += f64::from(*c) * scale);
    }

    /// The key; `None` where there are no pitches, or all alike.
    pub fn finish(self) -> Option<Key> {
        of_mean(&self.sum)
    }
}

/// The key of a song with this mean chroma, by any factor.
fn of_mean(mean: &[f64; 12]) -> Option<Key> {
    let level = mean.iter().sum::<f64>() / 12.0;
    let spread = (mean.iter().map(|m| (m - level).powi(2)).sum::<f64>() / 12.0).sqrt();
    if level <= 0.0 || spread < MIN_SPREAD * level {
        return None;
    }
    let keys = (0..24u8).map(|i| {
        let profile: [f64; 12] = std::array::from_fn(|pitch_class| {
            PROFILES[usize::from(i / 12)][(pitch_class + 12 - usize::from(i % 12)) % 12]
        });
        (i, correlation(mean, &profile))
    });
    let keys: Vec<(u8, f64)> = keys.collect();
    let (best, top) = keys.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let relative = if best < 12 {
        12 + (best + 9) % 12
    } else {
        (best + 3) % 12
    };
    let lead = |(key, r): &(u8, f64)| {
        let lead = top - r;
        if *key == relative {
            lead.min(MAX_RELATIVE_LEAD)
        } else {
            lead
        }
    };
    let all: f64 = keys.iter().map(|key| (-SHARPNESS * lead(key)).exp()).sum();
    Some(Key {
        tonic: best % 12,
        mode: if best < 12 { Mode::Major } else { Mode::Minor },
        confidence: rounded(top.max(0.0) / all, 1e3),
    })
}

/// Pearson's, over the twelve pitch classes.
fn correlation(a: &[f64; 12], b: &[f64; 12]) -> f64 {
    let mean = |v: &[f64; 12]| v.iter().sum::<f64>() / 12.0;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut product, mut square_a, mut square_b) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        product += (a - mean_a) * (b - mean_b);
        square_a += (a - mean_a).powi(2);
        square_b += (b - mean_b).powi(2);
    }
    product / (square_a * square_b).sqrt().max(1e-12)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A song of triads: `(root, third in semitones)`.
    fn song(chords: &[(usize, usize)]) -> Vec<[f32; 12]> {
        let chord = |(root, third): &(usize, usize)| {
            let mut row = [0.01f32; 12];
            for interval in [0, *third, 7] {
                row[(root + interval) % 12] = 1.0;
            }
            row
        };
        chords.iter().map(chord).collect()
    }

    fn find(rows: &[[f32; 12]]) -> Option<Key> {
        let mut finder = KeyFinder::default();
        rows.iter().for_each(|row| finder.push(row));
        finder.finish()
    }

    #[test]
    fn cadences_have_their_key() {
        for tonic in 0..12usize {
            let major = [(0, 4), (5, 4), (7, 4), (0, 4)].map(|(root, third)| (root + tonic, third));
            let key = find(&song(&major)).unwrap();
            assert_eq!(
                (usize::from(key.tonic), key.mode),
                (tonic, Mode::Major),
                "{key}"
            );
            let minor = [(0, 3), (5, 3), (7, 4), (0, 3)].map(|(root, third)| (root + tonic, third));
            let key = find(&song(&minor)).unwrap();
            assert_eq!(
                (usize::from(key.tonic), key.mode),
                (tonic, Mode::Minor),
                "{key}"
            );
            assert!(key.confidence > 0.4, "{key}: {}", key.confidence);
        }
    }

    #[test]
    fn without_pitches_there_is_no_key() {
        assert_eq!(find(&[]), None);
        assert_eq!(find(&[[0.0; 12]; 100]), None);
        assert_eq!(find(&[[1.0; 12]; 100]), None);
        let chromatic: Vec<_> = (0..12).flat_map(|root| song(&[(root, 4)])).collect();
        assert_eq!(find(&chromatic), None);
    }

    #[test]
    fn one_note_is_no_sure_key() {
        let mut row = [0.0f32; 12];
        row[9] = 1.0;
        let key = find(&[row; 100]).unwrap();
        assert!(key.confidence < 0.4, "{key}: {}", key.confidence);
    }

    #[test]
    fn keys_have_names() {
        let key = Key {
            tonic: 3,
            mode: Mode::Minor,
            confidence: 1.0,
        };
        assert_eq!(key.to_string(), "Eb minor");
    }
}
