//! Envelopes fine enough to tell the millisecond of an attack.

use super::super::resample::ANALYSIS_RATE_HZ;
use super::levels::{db, step_of};

/// Values of an envelope per second.
const RATE_HZ: usize = 1000;
const LENGTH: usize = ANALYSIS_RATE_HZ as usize / RATE_HZ;

/// Levels of each millisecond, see [`step_of`].
#[derive(Default)]
pub(in super::super) struct Envelopes {
    /// Below about 200 Hz.
    pub low: Vec<u8>,
    /// With the treble raised by 6 dB an octave.
    pub high: Vec<u8>,
}

impl Envelopes {
    pub(super) fn for_secs(duration_secs: f64) -> Self {
        let n = (duration_secs * RATE_HZ as f64) as usize + 2;
        Self {
            low: Vec::with_capacity(n),
            high: Vec::with_capacity(n),
        }
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
            envelopes.low.push(step_of(db(low)));
            envelopes.high.push(step_of(db(high)));
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
            envelopes
        };
        let Envelopes { low, high } = follow(1000);
        assert_eq!((low.len(), high.len()), (41, 41));
        for n in [1, 5, 23, 24, 25, 100] {
            let pieces = follow(n);
            assert_eq!((&pieces.low, &pieces.high), (&low, &high), "{n}");
        }
    }
}
