//! What mapping may follow besides rhythm: loudness, harmonic and percussive energy, brightness, chroma and key, stereo width.
//!
//! One pass over the samples, a few numbers for each hop of 10 ms and each slow hop of 100 ms; all of it runs beside the
//! features of the trackers, on another core.
//!
//! | file | feature | source |
//! |---|---|---|
//! | `loudness.rs` | momentary, short-term, integrated | ITU-R BS.1770-4, EBU Tech 3341 |
//! | `hpss.rs` | harmonic and percussive energy | Fitzgerald, DAFx 2010 |
//! | `chroma.rs`, `key.rs` | chroma, tuning, key | Krumhansl 1990, Albrecht and Shanahan 2013 |
//! | `stereo.rs` | width, correlation | |

mod chroma;
mod hpss;
mod key;
mod loudness;
mod stereo;
mod tenths;

pub use key::{Key, Mode, pitch_name};

use chroma::{ChromaMeter, N_FFT_CHROMA};
use common::Result;
use common::rounding::{rounded, rounded_f32};
use hpss::{Parts, Separator};
use key::KeyFinder;
use loudness::LoudnessMeter;
use stereo::StereoMeter;

use super::SlowHops;
use super::features::{N_FFT, Spectrum};
use super::hops::{HOPS_PER_SEC, Hops};
use super::resample::ANALYSIS_RATE_HZ;
use super::series::{Series, SeriesWriter};

/// Slow hops in a second.
const SLOW_HOPS_PER_SEC: u64 = 10;
/// Hops from one slow hop to the next.
const HOPS_PER_SLOW: usize = 10;

/// What the sound is like over time.
#[derive(Clone)]
pub(super) struct Sound {
    pub slow_hops: SlowHops,
    pub loudness_lufs: Option<f64>,
    pub key: Option<Key>,
    pub tuning_cents: f64,
}

/// What the sound is like in each hop.
pub(super) struct SoundHops {
    /// Amplitude (RMS) of the harmonic part.
    harmonic: Series<f32>,
    /// Amplitude (RMS) of the percussive part.
    percussive: Series<f32>,
    /// Spectral centroid in Hz; 0 in silence.
    brightness_hz: Series<f32>,
}

impl SoundHops {
    /// Adds what the sound is like to a song's hops.
    pub fn fill(&self, hops: &mut super::Hops) {
        hops.harmonic = self.harmonic.clone();
        hops.percussive = self.percussive.clone();
        hops.brightness_hz = self.brightness_hz.clone();
    }
}

/// Analyzes a stream of samples.
pub(super) struct SoundMeter {
    loudness: LoudnessMeter,
    stereo: StereoMeter,
    hops: Hops,
    spectra: Spectra,
}

impl SoundMeter {
    pub fn new(sample_rate_hz: u32, n_channels: usize) -> Self {
        Self {
            loudness: LoudnessMeter::new(sample_rate_hz, n_channels),
            stereo: StereoMeter::new(sample_rate_hz, n_channels),
            hops: Hops::new(N_FFT_CHROMA),
            spectra: Spectra::new(),
        }
    }

    /// Takes the next samples, interleaved at the song's rate, and what the resampler has ready of their mean over channels.
    pub fn push(&mut self, interleaved: &[f32], resampled: &[f32]) {
        self.loudness.push(interleaved);
        self.stereo.push(interleaved);
        self.hops
            .push(resampled, |idx, window| self.spectra.add(idx, window));
    }

    /// Ends the stream.
    ///
    /// # Errors
    /// As [`ChromaMeter::finish`].
    pub fn finish(mut self) -> Result<(Sound, SoundHops)> {
        self.hops
            .finish(|idx, window| self.spectra.add(idx, window));
        let loudness = self.loudness.finish();
        let (width, correlation) = self.stereo.finish();
        let (hops, chroma) = self.spectra.finish();
        let mut key = KeyFinder::default();
        let n_slow = loudness.momentary_lufs.len();
        let mut rows = SeriesWriter::new(SLOW_HOPS_PER_SEC as usize);
        let tuning_cents = chroma.finish(|row| {
            key.push(&row);
            if rows.len() < n_slow {
                rows.push(normalised(row));
            }
        })?;
        (rows.len()..n_slow).for_each(|_| rows.push([0.0; 12]));
        let short = |values: Vec<f32>, steps: f32| {
            values.into_iter().map(|v| rounded_f32(v, steps)).collect()
        };
        let sound = Sound {
            slow_hops: SlowHops {
                hop_secs: 1.0 / SLOW_HOPS_PER_SEC as f64,
                momentary_lufs: short(loudness.momentary_lufs, 100.0),
                short_term_lufs: short(loudness.short_term_lufs, 100.0),
                chroma: rows.finish(),
                width: short(width, 1e3),
                correlation: short(correlation, 1e3),
            },
            loudness_lufs: loudness.integrated_lufs.map(|lufs| rounded(lufs, 100.0)),
            key: key.finish(),
            tuning_cents: rounded(tuning_cents, 10.0),
        };
        Ok((sound, hops))
    }
}

/// The strongest pitch class of a row becomes 1.
fn normalised(row: [f32; 12]) -> [f32; 12] {
    let top = row.iter().copied().fold(0.0, f32::max);
    let scale = if top > 0.0 { 1.0 / top } else { 0.0 };
    row.map(|c| rounded_f32(c * scale, 1e3))
}

/// The spectra of the hops, and what is read from them.
struct Spectra {
    short: Spectrum,
    long: Spectrum,
    separator: Separator,
    written: Written,
    chroma: ChromaMeter,
}

/// [`SoundHops`] that are being written.
struct Written {
    harmonic: SeriesWriter<f32>,
    percussive: SeriesWriter<f32>,
    brightness_hz: SeriesWriter<f32>,
}

impl Written {
    fn add_parts(&mut self, parts: Parts) {
        let amplitude = |power: f32| rounded_f32(power.sqrt(), 1e6);
        self.harmonic.push(amplitude(parts.harmonic));
        self.percussive.push(amplitude(parts.percussive));
    }

    fn finish(self) -> SoundHops {
        SoundHops {
            harmonic: self.harmonic.finish(),
            percussive: self.percussive.finish(),
            brightness_hz: self.brightness_hz.finish(),
        }
    }
}

impl Spectra {
    fn new() -> Self {
        Self {
            short: Spectrum::new(N_FFT),
            long: Spectrum::new(N_FFT_CHROMA),
            separator: Separator::new(N_FFT / 2 + 1),
            written: Written {
                harmonic: SeriesWriter::new(HOPS_PER_SEC),
                percussive: SeriesWriter::new(HOPS_PER_SEC),
                brightness_hz: SeriesWriter::new(HOPS_PER_SEC),
            },
            chroma: ChromaMeter::new(),
        }
    }

    /// Adds hop `hop_idx`, of which `window` is the long window.
    fn add(&mut self, hop_idx: usize, window: &[f32]) {
        let offset = (N_FFT_CHROMA - N_FFT) / 2;
        let power = self.short.power(&window[offset..offset + N_FFT]);
        let brightness_hz = rounded_f32(centroid_hz(power), 1.0);
        self.written.brightness_hz.push(brightness_hz);
        if let Some(parts) = self.separator.push(power) {
            self.written.add_parts(parts);
        }
        if hop_idx.is_multiple_of(HOPS_PER_SLOW) {
            self.chroma.push(self.long.power(window));
        }
    }

    fn finish(mut self) -> (SoundHops, ChromaMeter) {
        for parts in self.separator.finish() {
            self.written.add_parts(parts);
        }
        (self.written.finish(), self.chroma)
    }
}

/// Spectral centroid: the mean frequency, weighted by amplitude, as librosa's; 0 below -90 dB.
fn centroid_hz(power: &[f32]) -> f32 {
    if power.iter().sum::<f32>() < 1e-9 {
        return 0.0;
    }
    let (mut sum, mut moment) = (0.0f32, 0.0f32);
    for (bin, power) in power.iter().enumerate() {
        let amplitude = power.sqrt();
        sum += amplitude;
        moment += amplitude * bin as f32;
    }
    moment / sum * ANALYSIS_RATE_HZ as f32 / N_FFT as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mono sound at the analysis rate.
    fn analyzed(secs: f32, sound: impl Fn(f32) -> f32) -> (Sound, super::super::Hops) {
        let samples: Vec<f32> = (0..(secs * 24_000.0) as usize)
            .map(|i| sound(i as f32 / 24_000.0))
            .collect();
        let mut meter = SoundMeter::new(24_000, 1);
        samples.chunks(1000).for_each(|part| meter.push(part, part));
        let (sound, sound_hops) = meter.finish().unwrap();
        let mut hops = super::super::Hops::default();
        sound_hops.fill(&mut hops);
        (sound, hops)
    }

    fn sine(t: f32, hz: f32) -> f32 {
        (t * hz * std::f32::consts::TAU).sin()
    }

    #[test]
    fn hops_cover_the_sound() {
        for secs in [0.0f32, 0.004, 0.31, 2.0] {
            let (sound, hops) = analyzed(secs, |t| sine(t, 500.0) * 0.2);
            let n_hops = (secs * 100.0).ceil() as usize;
            assert_eq!(
                (hops.harmonic.len(), hops.brightness_hz.len()),
                (n_hops, n_hops)
            );
            let n_slow = (secs * 10.0).ceil() as usize;
            assert_eq!(sound.slow_hops.chroma.len(), n_slow);
            assert_eq!(sound.slow_hops.short_term_lufs.len(), n_slow);
            assert!(sound.slow_hops.width.is_empty());
        }
    }

    #[test]
    fn a_tone_is_harmonic_and_clicks_are_percussive() {
        let (_, sound) = analyzed(3.0, |t| {
            let since = (t - 1.0).rem_euclid(0.5);
            let click = if t > 1.0 && since < 0.004 {
                0.8 * sine(since, 3000.0)
            } else {
                0.0
            };
            0.2 * sine(t, 440.0) + click
        });
        let (harmonic, percussive) = (sound.harmonic.to_vec(), sound.percussive.to_vec());
        let (harmonic, percussive) = (harmonic.unwrap(), percussive.unwrap());
        let rms = 0.2 / 2f32.sqrt();
        assert!((harmonic[50] - rms).abs() < 0.01, "{}", harmonic[50]);
        assert!(percussive[50] < 0.02, "{}", percussive[50]);
        assert!(
            percussive[150] > 3.0 * percussive[130],
            "{}",
            percussive[150]
        );
        assert!((harmonic[150] - rms).abs() < 0.03, "{}", harmonic[150]);
    }

    #[test]
    fn brightness_is_the_tones_frequency() {
        let (_, sound) = analyzed(2.0, |t| {
            if t < 1.0 {
                sine(t, 1000.0)
            } else {
                sine(t, 6000.0)
            }
        });
        let brightness_hz = sound.brightness_hz.to_vec().unwrap();
        assert!(
            (brightness_hz[50] - 1000.0).abs() < 120.0,
            "{}",
            brightness_hz[50]
        );
        assert!(
            (brightness_hz[150] - 6000.0).abs() < 120.0,
            "{}",
            brightness_hz[150]
        );
        assert!(
            analyzed(1.0, |_| 0.0)
                .1
                .brightness_hz
                .iter()
                .all(|hz| hz.unwrap() < 1.0)
        );
    }

    #[test]
    fn a_progression_has_a_key() {
        // C, F, G, C in equal temperament at 446 Hz.
        let chords = [
            [-9.0, -5.0, -2.0],
            [-4.0, 0.0, 3.0],
            [-2.0, 2.0, 5.0],
            [-9.0, -5.0, -2.0f32],
        ];
        let (sound, _) = analyzed(8.0, |t| {
            let chord = chords[(t / 2.0) as usize % 4];
            chord
                .iter()
                .map(|semitones| 0.2 * sine(t, 446.0 * (semitones / 12.0).exp2()))
                .sum()
        });
        let key = sound.key.unwrap();
        assert_eq!(key.to_string(), "C major");
        assert!(
            (sound.tuning_cents - 23.4).abs() < 6.0,
            "{}",
            sound.tuning_cents
        );
        let chroma = sound.slow_hops.chroma.to_vec().unwrap()[5];
        assert!(chroma[4] > 0.6 && chroma[6] < 0.2, "C, E and G: {chroma:?}");
    }
}
