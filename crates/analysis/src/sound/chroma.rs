//! Chroma: how strong each pitch class is, from the peaks of long spectra, with the song's own tuning found and corrected.

use common::Result;

use super::super::resample::ANALYSIS_RATE_HZ;
use super::super::series::SeriesWriter;
use super::SLOW_HOPS_PER_SEC;

/// STFT length in samples at the analysis rate: 171 ms, bins of 5.9 Hz.
pub(super) const N_FFT_CHROMA: usize = 4096;
/// Pitches that count: below, bins are wider than semitones; above, partials hardly tell pitch classes apart.
const RANGE_HZ: (f32, f32) = (55.0, 2_100.0);
/// Peaks further below the strongest of their spectrum than this are noise, as a share of its power: 50 dB.
const LEAST_SHARE: f32 = 1e-5;
/// Power below which a spectrum is silent: -90 dB relative to full scale.
const SILENCE: f32 = 1e-9;
/// Parts of a semitone that are kept apart until the tuning is known.
const PARTS: usize = 3;
const N_PARTS: usize = 12 * PARTS;
/// Cells of the histogram of deviations from the tempered scale, over one semitone.
const N_CELLS: usize = 50;

/// Collects pitches from power spectra of [`N_FFT_CHROMA`] samples.
pub(super) struct ChromaMeter {
    /// Amplitude in each third of a semitone, from C, of each spectrum.
    fine: SeriesWriter<[f32; N_PARTS]>,
    /// Amplitude at each deviation from the tempered scale at 440 Hz, as a fraction of a semitone.
    deviations: [f64; N_CELLS],
}

impl ChromaMeter {
    pub fn new() -> Self {
        Self {
            fine: SeriesWriter::new(SLOW_HOPS_PER_SEC as usize),
            deviations: [0.0; N_CELLS],
        }
    }

    /// Takes a power spectrum.
    pub fn push(&mut self, power: &[f32]) {
        let mut fine = [0.0f32; N_PARTS];
        let hz_per_bin = ANALYSIS_RATE_HZ as f32 / N_FFT_CHROMA as f32;
        let first = (RANGE_HZ.0 / hz_per_bin) as usize;
        let last = ((RANGE_HZ.1 / hz_per_bin) as usize + 2).min(power.len());
        let range = power.get(first..last).unwrap_or_default();
        let strongest = range.iter().copied().fold(0.0, f32::max);
        let least = (strongest * LEAST_SHARE).max(SILENCE);
        for (i, around) in range.windows(3).enumerate() {
            let (before, peak, after) = (around[0], around[1], around[2]);
            if peak <= before || peak < after || peak < least {
                continue;
            }
            let bin = (first + i + 1) as f32 + vertex(before, peak, after);
            let semitones = 12.0 * (bin * hz_per_bin / 440.0).log2() + 9.0;
            let amplitude = peak.sqrt();
            let cell = (semitones - semitones.round() + 0.5) * N_CELLS as f32;
            if let Some(cell) = self.deviations.get_mut(cell as usize) {
                *cell += f64::from(amplitude);
            }
            // Shared out between the two nearest thirds.
            let place = (semitones * PARTS as f32).rem_euclid(N_PARTS as f32);
            let (low, share) = (place.floor(), place.fract());
            fine[low as usize % N_PARTS] += amplitude * (1.0 - share);
            fine[(low as usize + 1) % N_PARTS] += amplitude * share;
        }
        self.fine.push(fine);
    }

    /// Hands the chroma of each spectrum to `take`: the amplitude of each pitch class, from C. Returns the tuning: how far the
    /// song's A4 lies above 440 Hz in cents, -50..50.
    ///
    /// # Errors
    /// As [`Series::read`](super::super::series::Series::read).
    pub fn finish(self, mut take: impl FnMut([f32; 12])) -> Result<f64> {
        let tuning = tuning(&self.deviations);
        for fine in self.fine.finish().iter() {
            take(folded(&fine?, tuning));
        }
        Ok(f64::from(tuning) * 100.0)
    }
}

/// Where the parabola through three levels in dB has its vertex, in bins from the middle one.
fn vertex(before: f32, peak: f32, after: f32) -> f32 {
    let [a, b, c] = [before, peak, after].map(|power| power.max(1e-20).ln());
    let curvature = a - 2.0 * b + c;
    if curvature < -1e-6 {
        (0.5 * (a - c) / curvature).clamp(-0.5, 0.5)
    } else {
        0.0
    }
}

/// The deviation about which the histogram is centred, in semitones: the angle of its circular mean.
fn tuning(deviations: &[f64; N_CELLS]) -> f32 {
    let (mut cos, mut sin) = (0.0, 0.0);
    for (i, amplitude) in deviations.iter().enumerate() {
        let angle = ((i as f64 + 0.5) / N_CELLS as f64 - 0.5) * std::f64::consts::TAU;
        cos += amplitude * angle.cos();
        sin += amplitude * angle.sin();
    }
    if cos.hypot(sin) < 1e-12 {
        return 0.0;
    }
    (sin.atan2(cos) / std::f64::consts::TAU) as f32
}

/// Thirds of semitones to semitones, each centred on its pitch in the song's tuning.
fn folded(fine: &[f32; N_PARTS], tuning: f32) -> [f32; 12] {
    std::array::from_fn(|pitch_class| {
        let center = (pitch_class as f32 + tuning) * PARTS as f32;
        let offsets = -2i32..=2;
        let shares = offsets.map(|offset| {
            let place = center.round() as i32 + offset;
            // A semitone reaches half-way to its neighbours: one and a half thirds.
            let share = (2.0 - (place as f32 - center).abs()).clamp(0.0, 1.0);
            share * fine[place.rem_euclid(N_PARTS as i32) as usize]
        });
        shares.sum()
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::features::Spectrum;
    use super::*;

    /// Chroma of tones with some partials and of silence, and the tuning in cents.
    fn chroma(hz: &[f32]) -> (Vec<[f32; 12]>, f64) {
        let mut spectrum = Spectrum::new(N_FFT_CHROMA);
        let samples: Vec<f32> = (0..N_FFT_CHROMA)
            .map(|i| {
                let t = i as f32 / ANALYSIS_RATE_HZ as f32 * std::f32::consts::TAU;
                hz.iter()
                    .map(|hz| 0.2 * (t * hz).sin() + 0.05 * (t * hz * 2.0).sin())
                    .sum()
            })
            .collect();
        let mut meter = ChromaMeter::new();
        meter.push(spectrum.power(&samples));
        meter.push(&[0.0; N_FFT_CHROMA / 2 + 1]);
        let mut rows = Vec::new();
        let tuning_cents = meter.finish(|row| rows.push(row)).unwrap();
        (rows, tuning_cents)
    }

    #[test]
    fn pitches_are_named_in_every_tuning() {
        for cents in [-40.0f32, -15.0, 0.0, 25.0, 45.0] {
            let tuned = |semitones: f32| 440.0 * ((semitones + cents / 100.0) / 12.0).exp2();
            // C, E and G below A4.
            let (rows, tuning_cents) = chroma(&[tuned(-9.0), tuned(-5.0), tuned(-2.0)]);
            assert!(
                (tuning_cents - f64::from(cents)).abs() < 5.0,
                "{cents}: {tuning_cents}"
            );
            let chord = rows[0];
            let least = chord[0].min(chord[4]).min(chord[7]);
            for (pitch_class, amplitude) in chord.into_iter().enumerate() {
                assert!(
                    [0, 4, 7].contains(&pitch_class) || amplitude < 0.2 * least,
                    "{cents}: {chord:?}"
                );
            }
            assert_eq!(rows[1], [0.0; 12]);
        }
    }

    #[test]
    fn silence_is_in_tune() {
        let tuning_cents = ChromaMeter::new().finish(|_| panic!("no spectrum"));
        assert!(tuning_cents.unwrap().abs() < 1e-9);
    }
}
