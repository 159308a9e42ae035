//! Rounding of decoded samples to the whole numbers that FLAC and ALAC hold.

use std::ops::Range;

use common::Result;

use super::blocks::Decoding;

/// What kind of samples a codec decodes to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Source {
    /// Whole numbers of so many bits, 1 to 32.
    Integer { bits: u32 },
    /// Floating-point numbers that may need all of their 24-bit mantissa.
    Float,
    /// The approximation of a lossy codec, whose own noise lies far above the last of 16 bits.
    Lossy,
}

impl Source {
    /// Bits of a FLAC sample: those that frame headers can state (RFC 9639, section 9.1.4), up to 24, where players end.
    pub fn flac_bits(self) -> u32 {
        match self {
            Self::Integer { bits } => bits.next_multiple_of(4).clamp(8, 24),
            Self::Float => 24,
            Self::Lossy => 16,
        }
    }

    /// Bits of an ALAC sample: of those that the format knows, 20 save too little to be worth it.
    pub fn alac_bits(self) -> u32 {
        match self {
            Self::Integer { bits: 25.. } => 32,
            Self::Integer { bits: 17.. } | Self::Float => 24,
            Self::Integer { .. } | Self::Lossy => 16,
        }
    }
}

/// Rounds samples and keeps count of what couldn't be held.
pub(super) struct Quantiser {
    source: Source,
    /// Bits of what comes out.
    bits: u32,
    n_clipped: u64,
    floats: Vec<f32>,
    integers: Vec<i32>,
}

impl Quantiser {
    pub fn new(source: Source, bits: u32) -> Self {
        Self {
            source,
            bits,
            n_clipped: 0,
            floats: Vec::new(),
            integers: Vec::new(),
        }
    }

    /// Appends samples of the packet that was decoded last, interleaved.
    ///
    /// # Errors
    /// [`Error::Input`](common::Error::Input) for a sample that is NaN or infinite.
    pub fn append(
        &mut self,
        decoding: &Decoding,
        fresh: Range<usize>,
        samples: &mut Vec<i32>,
    ) -> Result<()> {
        let values = fresh.start * decoding.n_channels..fresh.end * decoding.n_channels;
        let bits = self.bits;
        if let Source::Integer { .. } = self.source {
            decoding.decoder.copy_i32(&mut self.integers);
            let fresh = self.integers.get(values).unwrap_or_default();
            samples.extend(fresh.iter().map(|&sample| round_to_bits(sample, bits)));
            return Ok(());
        }
        decoding.decoder.copy_f32(&mut self.floats);
        let fresh = self.floats.get(values).unwrap_or_default();
        decoding.check_finite(decoding.last_start(), fresh)?;
        for &sample in fresh {
            let (rounded, is_clipped) = quantise(sample, bits);
            samples.push(rounded);
            self.n_clipped += u64::from(is_clipped);
        }
        Ok(())
    }

    /// What was done, for the user: `codec` was decoded to `format`, since MP4 can't hold it or since that was asked for.
    pub fn note(&self, codec: &str, format: &str, is_asked: bool) -> String {
        let bits = self.bits;
        let what = match self.source {
            Source::Integer { bits: source } if source > bits => {
                format!(
                    "{codec} is rounded to {bits}-bit {format}; `audio alac` keeps all of its bits"
                )
            }
            Source::Integer { .. } => format!("{codec} becomes {format}, without loss"),
            Source::Float => format!("{codec} is rounded to {bits}-bit {format}"),
            Source::Lossy if is_asked => format!("{codec} is decoded to {bits}-bit {format}"),
            Source::Lossy => {
                format!("{codec} has no place in MP4 and is decoded to {bits}-bit {format}")
            }
        };
        match self.n_clipped {
            0 => what,
            n => format!("{what}; {n} samples beyond full scale are clipped"),
        }
    }
}

/// A sample at the scale of i32, rounded to its upper `bits`, 8 to 32; halves go up.
fn round_to_bits(sample: i32, bits: u32) -> i32 {
    let shift = 32 - bits;
    let half = 1i64 << shift >> 1;
    let rounded = (i64::from(sample) + half) >> shift;
    rounded.min((1 << (bits - 1)) - 1) as i32
}

/// A sample at the scale of -1..=1, rounded to `bits`, and whether it lay beyond full scale.
fn quantise(sample: f32, bits: u32) -> (i32, bool) {
    let scale = f64::from(1u32 << (bits - 1));
    let rounded = (f64::from(sample) * scale).round_ties_even();
    let held = rounded.clamp(-scale, scale - 1.0);
    // Full scale itself misses the highest number by one step; that is no clipping to speak of.
    (held as i32, (rounded - held).abs() > 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_keep_their_bits() {
        for bits in [8, 12, 16, 20, 24] {
            for value in [0, 1, -1, (1 << (bits - 1)) - 1, -(1 << (bits - 1))] {
                assert_eq!(round_to_bits(value << (32 - bits), bits), value, "{bits}");
            }
        }
        assert_eq!(round_to_bits(i32::MAX, 24), (1 << 23) - 1);
        assert_eq!(round_to_bits(i32::MIN, 24), -(1 << 23));
        assert_eq!(round_to_bits(0x180, 24), 2);
        for whole in [i32::MAX, i32::MIN, 1, -1] {
            assert_eq!(round_to_bits(whole, 32), whole);
        }
    }

    #[test]
    fn every_number_of_bits_has_room() {
        for bits in 1..=32 {
            let source = Source::Integer { bits };
            assert!(source.alac_bits() >= bits, "{bits}");
            assert!(source.flac_bits() >= bits.min(24), "{bits}");
        }
    }

    #[test]
    fn floats_are_rounded_and_clipped() {
        assert_eq!(quantise(0.5, 24), (1 << 22, false));
        assert_eq!(quantise(-1.0, 16), (-32768, false));
        assert_eq!(quantise(1.0, 16), (32767, false));
        assert_eq!(quantise(1.5, 16), (32767, true));
        assert_eq!(quantise(-2.0, 16), (-32768, true));
    }
}
