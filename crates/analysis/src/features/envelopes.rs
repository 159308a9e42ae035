//! Envelopes fine enough to tell the millisecond of an attack.

use std::ops::Range;

use common::Result;

use super::super::resample::ANALYSIS_RATE_HZ;
use super::super::rows::{Reader, Rows};
use super::levels::{db, step_of};

/// Values of an envelope per second.
const RATE_HZ: usize = 1000;
const LENGTH: usize = ANALYSIS_RATE_HZ as usize / RATE_HZ;

/// Levels of each millisecond, see [`step_of`].
pub(in super::super) struct Envelopes {
    /// `[millisecond][low, high]`.
    rows: Rows,
}

impl Default for Envelopes {
    fn default() -> Self {
        Self {
            rows: Rows::new(2, RATE_HZ),
        }
    }
}

impl Envelopes {
    /// See [`Rows::file_now`].
    #[cfg(test)]
    pub fn file_now(&mut self) {
        self.rows.file_now();
    }

    /// Number of milliseconds.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Steps of some milliseconds, as far as there are any: below about 200 Hz, and with the treble raised by 6 dB an octave.
    ///
    /// # Errors
    /// As [`Rows::read`].
    pub fn read(&self, ms: Range<usize>) -> Result<Vec<[u8; 2]>> {
        let bytes = self.rows.read(ms)?;
        Ok(bytes.as_chunks::<2>().0.to_vec())
    }

    /// Reads milliseconds in about their order.
    pub fn reader(&self) -> Reader<'_> {
        self.rows.reader()
    }
}

/// Levels of each millisecond, from two simple filters.
#[derive(Default)]
pub(super) struct EnvelopeFollower {
    low_pass: [f32; 2],
    last: f32,
    /// Samples of a millisecond that isn't whole yet.
    rest: Vec<f32>,
}

impl EnvelopeFollower {
    pub fn push(&mut self, samples: &[f32], envelopes: &mut Envelopes) {
        let n_missing = (LENGTH - self.rest.len()).min(samples.len());
        let (first, samples) = samples.split_at(n_missing);
        self.rest.extend_from_slice(first);
        if self.rest.len() < LENGTH {
            return;
        }
        let rest = std::mem::take(&mut self.rest);
        let (whole, left) = samples.as_chunks::<LENGTH>();
        for samples in rest.as_chunks::<LENGTH>().0.iter().chain(whole) {
            let [low, high] = self.energies(samples);
            envelopes.rows.push(&[step_of(db(low)), step_of(db(high))]);
        }
        self.rest.extend_from_slice(left);
    }

    /// Mean power of a millisecond, low and high.
    fn energies(&mut self, samples: &[f32; LENGTH]) -> [f32; 2] {
        // One-pole low-pass, twice: -3 dB at about 200 Hz, delay below 1 ms.
        let keep = (-std::f32::consts::TAU * 310.0 / ANALYSIS_RATE_HZ as f32).exp();
        let [mut once, mut twice] = self.low_pass;
        let (mut low, mut high, mut last) = (0.0, 0.0, self.last);
        for sample in samples {
            // Written so that a step waits for one product and one sum of the step before.
            let new = (1.0 - keep) * sample;
            once = keep * once + new;
            twice = keep * twice + (1.0 - keep) * once;
            low += twice * twice;
            let slope = sample - last;
            high += slope * slope;
            last = *sample;
        }
        (self.low_pass, self.last) = ([once, twice], last);
        [low, high].map(|energy| energy / LENGTH as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Samples that come in pieces of any length.
    #[test]
    fn pieces_make_no_difference() {
        let noise = |i: usize| ((i * 7919) as f32 * 12.9898).sin() * 0.3;
        let samples: Vec<f32> = (0..1000).map(noise).collect();
        let follow = |n: usize| {
            let (mut follower, mut envelopes) = Default::default();
            let follow = |part: &[f32]| EnvelopeFollower::push(&mut follower, part, &mut envelopes);
            samples.chunks(n).for_each(follow);
            let envelopes: Envelopes = envelopes;
            envelopes.read(0..100).unwrap()
        };
        let whole = follow(1000);
        assert_eq!(whole.len(), 41);
        for n in [1, 5, 23, 24, 25, 100] {
            assert_eq!(follow(n), whole, "{n}");
        }
    }
}
