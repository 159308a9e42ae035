//! Loudness after ITU-R BS.1770-4 (the same algorithm as EBU R 128): K-weighted power in blocks of a tenth of a second, from
//! which the momentary (0.4 s), the short-term (3 s) and the gated integrated loudness follow.

use std::array;

use super::tenths::Tenths;

/// Loudness of what counts as nothing, in LUFS.
pub(super) const FLOOR_LUFS: f32 = -120.0;

/// BS.1770-4, section 4: offset that makes a full-scale 997 Hz sine in one channel -3.01 LUFS.
const OFFSET_LU: f64 = -0.691;
/// Blocks in a gating block of 0.4 s (three quarters overlap), which is also the momentary window (EBU Tech 3341).
const MOMENTARY_BLOCKS: usize = 4;
/// Blocks in the short-term window of 3 s (EBU Tech 3341).
const SHORT_TERM_BLOCKS: usize = 30;
/// BS.1770-4, annex 1: absolute threshold in LUFS, and the relative one below the loudness of what passes it, in LU.
const ABSOLUTE_GATE_LUFS: f64 = -70.0;
const RELATIVE_GATE_LU: f64 = -10.0;

/// Channels that are filtered together, as one vector of the machine.
const LANES: usize = 2;

/// Measures K-weighted power, block after block.
pub(super) struct LoudnessMeter {
    tenths: Tenths,
    /// Channels 0 and 1, then 2 and 3, and so on.
    pairs: Vec<Pair>,
    /// K-weighted power summed over channels, of each whole block so far.
    powers: Vec<f32>,
}

/// Two channels; the second weighs nothing where there is none.
struct Pair {
    first: usize,
    weights: [f64; LANES],
    shelf: Biquad,
    high_pass: Biquad,
    energy: [f64; LANES],
}

impl LoudnessMeter {
    pub fn new(sample_rate_hz: u32, n_channels: usize) -> Self {
        let rate_hz = f64::from(sample_rate_hz.max(1));
        let weight = |idx| match idx < n_channels {
            true => channel_weight(idx, n_channels),
            false => 0.0,
        };
        let pairs = (0..n_channels).step_by(LANES).map(|first| Pair {
            first,
            weights: array::from_fn(|lane| weight(first + lane)),
            shelf: Biquad::shelf(rate_hz),
            high_pass: Biquad::high_pass(rate_hz),
            energy: [0.0; LANES],
        });
        Self {
            tenths: Tenths::new(sample_rate_hz, n_channels),
            pairs: pairs.collect(),
            powers: Vec::new(),
        }
    }

    /// Takes interleaved samples.
    pub fn push(&mut self, mut samples: &[f32]) {
        while let Some((now, n_whole)) = self.tenths.next(&mut samples) {
            for pair in &mut self.pairs {
                pair.push(now.chunks_exact(self.tenths.n_channels));
            }
            if let Some(n) = n_whole {
                self.end_block(n);
            }
        }
    }

    /// Ends a block of `n` samples.
    fn end_block(&mut self, n: u64) {
        let mut sum = 0.0;
        for pair in &mut self.pairs {
            let energy = std::mem::take(&mut pair.energy);
            sum += pair
                .weights
                .iter()
                .zip(energy)
                .map(|(w, e)| w * e)
                .sum::<f64>();
        }
        self.powers.push((sum / n as f64) as f32);
    }

    /// Ends the stream; a last block that isn't whole counts for momentary and short-term loudness only.
    pub fn finish(mut self) -> Loudness {
        let integrated = integrated(&self.powers);
        if let Some(n) = self.tenths.rest() {
            self.end_block(n);
        }
        Loudness {
            integrated_lufs: integrated,
            momentary_lufs: windowed(&self.powers, MOMENTARY_BLOCKS),
            short_term_lufs: windowed(&self.powers, SHORT_TERM_BLOCKS),
        }
    }
}

/// What the meter found.
pub(super) struct Loudness {
    /// `None` where nothing passes the gates: silence, or less than 0.4 s.
    pub integrated_lufs: Option<f64>,
    /// Around each multiple of a tenth of a second; windows are cut off at the song's ends.
    pub momentary_lufs: Vec<f32>,
    /// Likewise.
    pub short_term_lufs: Vec<f32>,
}

impl Pair {
    fn push<'a>(&mut self, frames: impl Iterator<Item = &'a [f32]>) {
        let Self {
            first,
            shelf,
            high_pass,
            ..
        } = self;
        let mut energy = [0.0; LANES];
        for frame in frames {
            let sample = |lane| f64::from(*frame.get(*first + lane).unwrap_or(&0.0));
            let weighted = high_pass.next(shelf.next(array::from_fn(sample)));
            for (energy, weighted) in energy.iter_mut().zip(weighted) {
                *energy += weighted * weighted;
            }
        }
        for (sum, energy) in self.energy.iter_mut().zip(energy) {
            *sum += energy;
        }
        self.shelf.settle();
        self.high_pass.settle();
    }
}

/// BS.1770-4, table 3, for the usual channel orders (quad; L R C LFE Ls Rs and longer): surround channels count 1.41, the
/// LFE not at all.
fn channel_weight(idx: usize, n_channels: usize) -> f64 {
    let has_center = n_channels >= 5;
    let has_lfe = n_channels >= 6;
    match idx {
        0 | 1 => 1.0,
        2 if has_center || n_channels == 3 => 1.0,
        3 if has_lfe => 0.0,
        _ => 1.41,
    }
}

/// A second-order section in transposed direct form II, for a pair of channels.
#[derive(Clone, Copy, Debug, Default)]
struct Biquad {
    b: [f64; 3],
    a: [f64; 2],
    state: [[f64; LANES]; 2],
}

impl Biquad {
    /// The spherical-head shelf of BS.1770-4, table 1. The recommendation gives coefficients at 48 kHz; these are the analogue
    /// prototype's parameters behind them (as in libebur128), transformed for any rate.
    fn shelf(rate_hz: f64) -> Self {
        let (center_hz, gain_db, q) = (
            1_681.974_450_955_533,
            3.999_843_853_973_347,
            0.707_175_236_955_419_6,
        );
        if center_hz > 0.49 * rate_hz {
            // The shelf begins above everything that this rate can hold.
            return Self {
                b: [1.0, 0.0, 0.0],
                ..Self::default()
            };
        }
        let k = (std::f64::consts::PI * center_hz / rate_hz).tan();
        let high = 10f64.powf(gain_db / 20.0);
        let band = high.powf(0.499_666_774_154_541_6);
        let a0 = 1.0 + k / q + k * k;
        Self {
            b: [
                (high + band * k / q + k * k) / a0,
                2.0 * (k * k - high) / a0,
                (high - band * k / q + k * k) / a0,
            ],
            a: [2.0 * (k * k - 1.0) / a0, (1.0 - k / q + k * k) / a0],
            state: Default::default(),
        }
    }

    /// The RLB high-pass of BS.1770-4, table 2, likewise.
    fn high_pass(rate_hz: f64) -> Self {
        let (center_hz, q) = (38.135_470_876_024_44, 0.500_327_037_323_877_3);
        let k = (std::f64::consts::PI * center_hz / rate_hz).tan();
        let a0 = 1.0 + k / q + k * k;
        Self {
            b: [1.0, -2.0, 1.0],
            a: [2.0 * (k * k - 1.0) / a0, (1.0 - k / q + k * k) / a0],
            state: Default::default(),
        }
    }

    fn next(&mut self, x: [f64; LANES]) -> [f64; LANES] {
        let [near, far] = self.state;
        let y = array::from_fn(|i| self.b[0] * x[i] + near[i]);
        self.state = [
            array::from_fn(|i| self.b[1] * x[i] - self.a[0] * y[i] + far[i]),
            array::from_fn(|i| self.b[2] * x[i] - self.a[1] * y[i]),
        ];
        y
    }

    /// Lets a tail end before it reaches denormal numbers, which are slow.
    fn settle(&mut self) {
        for state in self.state.as_flattened_mut() {
            if state.abs() < 1e-30 {
                *state = 0.0;
            }
        }
    }
}

fn lufs(power: f64) -> f64 {
    OFFSET_LU + 10.0 * power.log10()
}

/// BS.1770-4, annex 1, equations 4 to 7.
fn integrated(powers: &[f32]) -> Option<f64> {
    let gating =
        |window: &[f32]| window.iter().map(|p| f64::from(*p)).sum::<f64>() / window.len() as f64;
    let mean_above = |gate_lufs: f64| {
        let loud = powers.windows(MOMENTARY_BLOCKS).map(gating);
        let loud = loud.filter(|power| lufs(*power) > gate_lufs);
        let (sum, n) = loud.fold((0.0, 0u32), |(sum, n), power| (sum + power, n + 1));
        (n > 0).then(|| sum / f64::from(n))
    };
    let gate_lufs = lufs(mean_above(ABSOLUTE_GATE_LUFS)?) + RELATIVE_GATE_LU;
    mean_above(gate_lufs.max(ABSOLUTE_GATE_LUFS)).map(lufs)
}

/// Loudness of the `n_blocks` blocks around the start of each block.
fn windowed(powers: &[f32], n_blocks: usize) -> Vec<f32> {
    let half = n_blocks / 2;
    let around = |i: usize| &powers[i.saturating_sub(half)..(i + half).min(powers.len())];
    let mean = |window: &[f32]| {
        window.iter().map(|p| f64::from(*p)).sum::<f64>() / window.len().max(1) as f64
    };
    (0..powers.len())
        .map(|i| (lufs(mean(around(i))) as f32).max(FLOOR_LUFS))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parts of a 1 kHz stereo tone: `(seconds, dB of its peak relative to full scale)`.
    fn tone(rate_hz: u32, parts: &[(f64, f64)]) -> Loudness {
        let mut meter = LoudnessMeter::new(rate_hz, 2);
        let mut t = 0u32;
        for (secs, db) in parts {
            let peak = 10f64.powf(db / 20.0);
            let n = (secs * f64::from(rate_hz)) as u32;
            let samples = (t..t + n).flat_map(|i| {
                let phase = f64::from(i) * 1000.0 / f64::from(rate_hz) * std::f64::consts::TAU;
                [(phase.sin() * peak) as f32; 2]
            });
            meter.push(&samples.collect::<Vec<f32>>());
            t += n;
        }
        meter.finish()
    }

    fn assert_near(value: f64, expected: f64) {
        assert!(
            (value - expected).abs() <= 0.1,
            "{value} LUFS, not {expected}"
        );
    }

    /// EBU Tech 3341, table 1, cases 1 to 5: within 0.1 LU at every sample rate.
    #[test]
    fn the_reference_tones_of_ebu_tech_3341() {
        for rate_hz in [8000, 22_050, 44_100, 48_000, 96_000, 192_000] {
            let steady = tone(rate_hz, &[(6.0, -23.0)]);
            assert_near(steady.integrated_lufs.unwrap(), -23.0);
            assert_near(f64::from(steady.momentary_lufs[30]), -23.0);
            assert_near(f64::from(steady.short_term_lufs[30]), -23.0);
        }
        let integrated = |parts: &[(f64, f64)]| tone(48_000, parts).integrated_lufs.unwrap();
        assert_near(integrated(&[(20.0, -33.0)]), -33.0);
        assert_near(
            integrated(&[(10.0, -36.0), (60.0, -23.0), (10.0, -36.0)]),
            -23.0,
        );
        let with_silence = [
            (10.0, -72.0),
            (10.0, -36.0),
            (60.0, -23.0),
            (10.0, -36.0),
            (10.0, -72.0),
        ];
        assert_near(integrated(&with_silence), -23.0);
        assert_near(
            integrated(&[(20.0, -26.0), (20.1, -20.0), (20.0, -26.0)]),
            -23.0,
        );
    }

    /// BS.1770-4, section 4: 997 Hz at full scale in one channel is -3.01 LUFS; surround channels count 1.5 dB more.
    #[test]
    fn one_channel_and_surround() {
        let full_scale = |n_channels: usize, loud: &[usize]| {
            let mut meter = LoudnessMeter::new(48_000, n_channels);
            let samples = (0..96_000).flat_map(|i| {
                let value = (f64::from(i) * 997.0 / 48_000.0 * std::f64::consts::TAU).sin() as f32;
                (0..n_channels).map(move |c| if loud.contains(&c) { value } else { 0.0 })
            });
            meter.push(&samples.collect::<Vec<f32>>());
            meter.finish().integrated_lufs
        };
        for n_channels in [1, 2, 6] {
            assert!(
                (full_scale(n_channels, &[0]).unwrap() + 3.01).abs() < 0.02,
                "{n_channels}"
            );
        }
        assert_eq!(full_scale(6, &[3]), None);
        assert!((full_scale(6, &[4]).unwrap() + 3.01 - 1.49).abs() < 0.02);
    }

    #[test]
    fn silence_and_moments_have_no_integrated_loudness() {
        let silent = tone(44_100, &[(1.0, -200.0)]);
        assert_eq!(silent.integrated_lufs, None);
        assert!(
            silent
                .momentary_lufs
                .iter()
                .all(|l| (*l - FLOOR_LUFS).abs() < 1e-3)
        );
        let short = tone(44_100, &[(0.25, -20.0)]);
        assert_eq!(
            (short.integrated_lufs, short.momentary_lufs.len()),
            (None, 3)
        );
    }

    #[test]
    fn blocks_of_any_size_measure_the_same() {
        let sound: Vec<f32> = (0..40_000)
            .map(|i| ((i * i) as f32 * 0.001).sin() * 0.3)
            .collect();
        let measured = |size: usize| {
            let mut meter = LoudnessMeter::new(11_025, 2);
            sound.chunks(size).for_each(|part| meter.push(part));
            meter.finish()
        };
        let (whole, parts) = (measured(40_000), measured(2 * 13));
        assert!((whole.integrated_lufs.unwrap() - parts.integrated_lufs.unwrap()).abs() < 1e-6);
        assert_eq!(whole.momentary_lufs.len(), parts.momentary_lufs.len());
    }
}
