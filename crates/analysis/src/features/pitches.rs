//! Pitch classes of the peaks of a long spectrum.

use super::super::resample::ANALYSIS_RATE_HZ;
use super::N_FFT_HARMONY;

/// Where pitches are looked for.
const RANGE_HZ: std::ops::RangeInclusive<f32> = 38.0..=2100.0;
/// Where the bass ends.
const BASS_HZ: f32 = 230.0;

/// The pitch classes of bins.
pub(super) struct Pitches {
    first_bin: usize,
    /// Pitch class (C = 0) of each bin in [`RANGE_HZ`], and whether it belongs to the bass.
    bins: Vec<(usize, bool)>,
}

impl Pitches {
    pub fn new() -> Self {
        let hz_per_bin = ANALYSIS_RATE_HZ as f32 / N_FFT_HARMONY as f32;
        let first_bin = (RANGE_HZ.start() / hz_per_bin).ceil() as usize;
        let bins = (first_bin..)
            .map(|bin| bin as f32 * hz_per_bin)
            .take_while(|hz| hz <= RANGE_HZ.end())
            .map(|hz| (pitch_class(hz), hz < BASS_HZ));
        Self {
            first_bin,
            bins: bins.collect(),
        }
    }

    /// Chroma and bass chroma of the spectrum's peaks, as amplitudes; noise and drums have few peaks that stand out.
    pub fn chroma_of(&self, power: &[f32]) -> ([f32; 12], [f32; 12]) {
        let (mut chroma, mut bass) = ([0.0; 12], [0.0; 12]);
        let around = power[self.first_bin - 1..].windows(3);
        for ((pitch_class, is_bass), around) in self.bins.iter().zip(around) {
            if around[1] > around[0] && around[1] >= around[2] {
                let target = if *is_bass { &mut bass } else { &mut chroma };
                target[*pitch_class] += around[1].sqrt();
            }
        }
        (chroma, bass)
    }
}

fn pitch_class(hz: f32) -> usize {
    let semitones_above_a4 = (hz / 440.0).log2() * 12.0;
    (semitones_above_a4.round() as i32 + 9).rem_euclid(12) as usize
}
