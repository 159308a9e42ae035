//! ALAC packets, and the configuration that a decoder needs for them.
//!
//! After Apple's description of the format ("ALAC Magic Cookie Description") and its reference encoder: two channels are
//! mixed, the lowest bytes of wide samples are set apart, an adaptive predictor leaves small numbers, and those are written
//! in Golomb codes whose parameter follows their size. A packet that wouldn't get smaller holds its samples as they are.

use super::bits::BitWriter;

/// Samples of each channel in a packet, but for the last one.
pub(super) const PACKET_SAMPLES: usize = 4096;
/// Most channels that are encoded.
pub(super) const MAX_CHANNELS: usize = 2;
/// Bytes of the configuration.
pub(super) const CONFIG_BYTES: usize = 24;

/// Coefficients of the predictor, and the binary places of each.
const ORDER: usize = 8;
const COEFFICIENT_SHIFT: u32 = 9;
/// What the coefficients are at first, in sixteenths.
const FIRST_COEFFICIENTS: [i32; 3] = [38, -29, -2];
/// Binary places of the weight with which two channels are mixed; the weight is 0 to 4.
const MIX_SHIFT: u32 = 2;
const MAX_MIX: i32 = 4;

/// Encodes samples to packets one by one.
pub(super) struct Encoder {
    sample_rate_hz: u32,
    n_channels: usize,
    bits_per_sample: u32,
    coefficients: [[i16; ORDER]; MAX_CHANNELS],
    n_samples: u64,
    n_bytes: u64,
    max_packet_bytes: usize,
}

/// One channel of a packet, ready to be coded.
struct Coded {
    /// The predictor's coefficients where the packet begins.
    coefficients: [i16; ORDER],
    residuals: Vec<i32>,
}

impl Encoder {
    /// `bits_per_sample` is 16, 24 or 32; `n_channels` is 1 or 2.
    pub fn new(sample_rate_hz: u32, n_channels: usize, bits_per_sample: u32) -> Self {
        let mut first = [0; ORDER];
        for (coefficient, sixteenths) in first.iter_mut().zip(FIRST_COEFFICIENTS) {
            *coefficient = ((sixteenths << COEFFICIENT_SHIFT) >> 4) as i16;
        }
        Self {
            sample_rate_hz,
            n_channels,
            bits_per_sample,
            coefficients: [first; MAX_CHANNELS],
            n_samples: 0,
            n_bytes: 0,
            max_packet_bytes: 0,
        }
    }

    /// Encodes up to [`PACKET_SAMPLES`] interleaved samples as a packet. Only the last packet may be shorter.
    pub fn encode(&mut self, samples: &[i32]) -> Vec<u8> {
        let n_samples = samples.len() / self.n_channels;
        let compressed = self.compressed(samples, n_samples);
        let plain_bits = self.bits_per_sample as usize * samples.len();
        let bytes = if compressed.n_bits() < plain_bits {
            compressed.into_bytes()
        } else {
            self.plain(samples, n_samples).into_bytes()
        };
        self.n_samples += n_samples as u64;
        self.n_bytes += bytes.len() as u64;
        self.max_packet_bytes = self.max_packet_bytes.max(bytes.len());
        bytes
    }

    /// The configuration of the packets so far (`ALACSpecificConfig`).
    pub fn config(&self) -> [u8; CONFIG_BYTES] {
        let secs = self.n_samples as f64 / f64::from(self.sample_rate_hz);
        let bit_rate = (8.0 * self.n_bytes as f64 / secs.max(1e-9)) as u32;
        let mut config = [0; CONFIG_BYTES];
        let parts = [
            &(PACKET_SAMPLES as u32).to_be_bytes()[..],
            &[0, self.bits_per_sample as u8], // version 0
            &[golomb::PB as u8, golomb::MB as u8, golomb::KB as u8],
            &[self.n_channels as u8],
            &255u16.to_be_bytes(), // a field without use, always so
            &(self.max_packet_bytes as u32).to_be_bytes(),
            &bit_rate.to_be_bytes(),
            &self.sample_rate_hz.to_be_bytes(),
        ];
        for (to, from) in config.iter_mut().zip(parts.concat()) {
            *to = from;
        }
        config
    }

    /// What every packet begins with.
    fn head(&self, n_samples: usize, shifted_bytes: u32, is_plain: bool) -> BitWriter {
        let mut bits = BitWriter::default();
        let element = if self.n_channels == 1 { 0 } else { 1 };
        bits.write(element, 3);
        bits.write(0, 4 + 12); // number of the element; reserved
        let is_short = n_samples != PACKET_SAMPLES;
        bits.write(u32::from(is_short), 1);
        bits.write(shifted_bytes, 2);
        bits.write(u32::from(is_plain), 1);
        if is_short {
            bits.write(n_samples as u32, 32);
        }
        bits
    }

    fn plain(&self, samples: &[i32], n_samples: usize) -> BitWriter {
        // Decoders pass the number of bytes over here, but some refuse two channels of 32 bits where none are set apart.
        let shifted_bytes = if self.bits_per_sample == 32 { 2 } else { 0 };
        let mut bits = self.head(n_samples, shifted_bytes, true);
        for &sample in samples {
            bits.write(sample as u32, self.bits_per_sample);
        }
        end(bits)
    }

    fn compressed(&mut self, samples: &[i32], n_samples: usize) -> BitWriter {
        let shifted_bytes = match self.bits_per_sample {
            32 => 2,
            24 => 1,
            _ => 0,
        };
        let shift = 8 * shifted_bytes;
        let kept = |sample: &i32| sample >> shift;
        let (mix, channels): (i32, Vec<Vec<i32>>) = if self.n_channels == 1 {
            (0, vec![samples.iter().map(kept).collect()])
        } else {
            let (pairs, _) = samples.as_chunks::<2>();
            let pairs: Vec<_> = pairs.iter().map(|[l, r]| (kept(l), kept(r))).collect();
            let mix = best_mix(&pairs);
            let (first, second) = pairs.iter().map(|&pair| mixed(pair, mix)).unzip();
            (mix, vec![first, second])
        };
        // The difference of two channels takes a bit more.
        let value_bits = self.bits_per_sample - shift + self.n_channels as u32 - 1;
        let coded: Vec<Coded> = channels
            .iter()
            .zip(&mut self.coefficients)
            .map(|(values, coefficients)| Coded {
                coefficients: *coefficients,
                residuals: residuals(values, coefficients, value_bits),
            })
            .collect();
        let mut bits = self.head(n_samples, shifted_bytes, false);
        bits.write(if self.n_channels == 1 { 0 } else { MIX_SHIFT }, 8);
        bits.write(mix as u32, 8);
        for channel in &coded {
            bits.write(COEFFICIENT_SHIFT, 8); // the predictor's mode of 0, and its shift
            bits.write(golomb::PB_FACTOR << 5 | ORDER as u32, 8);
            for &coefficient in &channel.coefficients {
                bits.write(coefficient as u16 as u32, 16);
            }
        }
        if shift > 0 {
            for &sample in samples {
                bits.write(sample as u32, shift);
            }
        }
        for channel in &coded {
            golomb::write(&mut bits, &channel.residuals, value_bits);
        }
        end(bits)
    }
}

/// The mark of a packet's end.
fn end(mut bits: BitWriter) -> BitWriter {
    bits.write(7, 3);
    bits
}

/// Two channels as their weighted mean and their difference; a weight of 0 leaves them as they are.
fn mixed((left, right): (i32, i32), mix: i32) -> (i32, i32) {
    if mix == 0 {
        return (left, right);
    }
    let mean = (mix * left + ((1 << MIX_SHIFT) - mix) * right) >> MIX_SHIFT;
    (mean, left - right)
}

/// The weight that leaves the least for a simple predictor to do.
fn best_mix(pairs: &[(i32, i32)]) -> i32 {
    let cost = |mix: &i32| -> u64 {
        let mut cost = 0;
        let mut before = [(0, 0); 2];
        for &pair in pairs {
            let now = mixed(pair, *mix);
            let second = |now: i32, last: i32, first: i32| {
                u64::from((now - 2 * last + first).unsigned_abs())
            };
            cost += second(now.0, before[0].0, before[1].0);
            cost += second(now.1, before[0].1, before[1].1);
            before = [now, before[0]];
        }
        cost
    };
    (0..=MAX_MIX).min_by_key(cost).unwrap_or(0)
}

/// What the predictor doesn't foresee of values of so many bits. Its coefficients follow the sign of each miss.
fn residuals(values: &[i32], coefficients: &mut [i16; ORDER], value_bits: u32) -> Vec<i32> {
    let unused = 32 - value_bits;
    let wrapped = |value: i32| value << unused >> unused;
    let mut residuals = Vec::with_capacity(values.len());
    residuals.extend(values.first());
    for pair in values.windows(2).take(ORDER) {
        if let [before, now] = pair {
            residuals.push(wrapped(now.wrapping_sub(*before)));
        }
    }
    for window in values.windows(ORDER + 2) {
        let [base, past @ .., now] = window else {
            continue;
        };
        let mut sum = 1i32 << (COEFFICIENT_SHIFT - 1);
        // The nearest value first.
        for (&coefficient, value) in coefficients.iter().zip(past.iter().rev()) {
            let step = i32::from(coefficient).wrapping_mul(value.wrapping_sub(*base));
            sum = sum.wrapping_add(step);
        }
        let foreseen = base.wrapping_add(sum >> COEFFICIENT_SHIFT);
        let missed = wrapped(now.wrapping_sub(foreseen));
        residuals.push(missed);
        adapt(coefficients, *base, past, missed);
    }
    residuals
}

/// Moves the coefficients, the farthest one first, until they would have made up for the miss.
fn adapt(coefficients: &mut [i16; ORDER], base: i32, past: &[i32], missed: i32) {
    let sign = missed.signum();
    let mut left = missed;
    // `past` begins with the farthest value.
    for ((nearness, value), coefficient) in (1..).zip(past).zip(coefficients.iter_mut().rev()) {
        if left.signum() != sign || sign == 0 {
            break;
        }
        let distance = base.wrapping_sub(*value);
        let direction = sign * distance.signum();
        *coefficient = coefficient.wrapping_sub(direction as i16);
        let step = direction.wrapping_mul(distance) >> COEFFICIENT_SHIFT;
        left = left.wrapping_sub(step.wrapping_mul(nearness));
    }
}

/// Golomb codes whose parameter follows the mean of what was written.
mod golomb {
    use super::BitWriter;

    /// First mean, speed with which it follows, and highest parameter: those of the reference encoder.
    pub const MB: u32 = 10;
    pub const PB: u32 = 40;
    pub const KB: u32 = 14;
    /// Quarters of the speed.
    pub const PB_FACTOR: u32 = 4;

    /// Binary places of the mean.
    const MEAN_SHIFT: u32 = 9;
    /// Highest value by which the mean moves.
    const MAX_MEAN: u32 = 0xffff;
    /// Ones in front of a number that is written as it is.
    const MAX_PREFIX: u32 = 9;
    /// Longest run of zeros.
    const MAX_RUN: u32 = 65_535;
    /// Longest code, which a decoder reads at once.
    const MAX_CODE_BITS: u32 = 25;

    /// Writes numbers of `value_bits`.
    pub fn write(bits: &mut BitWriter, residuals: &[i32], value_bits: u32) {
        let mut mean = MB;
        // A run of zeros ends before a number that is none, so that this one can be written as one less.
        let mut follows_run = 0;
        let mut rest = residuals.iter();
        while let Some(&residual) = rest.next() {
            let folded = residual.unsigned_abs() * 2 - u32::from(residual < 0) - follows_run;
            let parameter = (31 - ((mean >> MEAN_SHIFT) + 3).leading_zeros()).min(KB);
            write_code(bits, (1 << parameter) - 1, parameter, folded, value_bits);
            mean = PB * (folded + follows_run) + mean - ((PB * mean) >> MEAN_SHIFT);
            if folded > MAX_MEAN {
                mean = MAX_MEAN;
            }
            follows_run = 0;
            if mean << 2 >= 1 << MEAN_SHIFT || rest.as_slice().is_empty() {
                continue;
            }
            let n_zeros = rest
                .as_slice()
                .iter()
                .take_while(|&&residual| residual == 0);
            let n_zeros = (n_zeros.count() as u32).min(MAX_RUN);
            for _ in 0..n_zeros {
                rest.next();
            }
            follows_run = u32::from(n_zeros < MAX_RUN);
            let parameter = mean.leading_zeros() - 24 + ((mean + 16) >> 6);
            let divisor = ((1 << parameter) - 1) & ((1 << KB) - 1);
            write_code(bits, divisor, parameter, n_zeros, 16);
            mean = 0;
        }
    }

    /// A quotient in ones and a zero, then a remainder whose lowest number takes a bit less; large numbers as they are.
    fn write_code(
        bits: &mut BitWriter,
        divisor: u32,
        parameter: u32,
        number: u32,
        value_bits: u32,
    ) {
        let (quotient, remainder) = (number / divisor, number % divisor);
        let saved = u32::from(remainder == 0);
        let n_bits = quotient + parameter + 1 - saved;
        if quotient < MAX_PREFIX && n_bits <= MAX_CODE_BITS {
            let ones = (1 << quotient) - 1;
            let code = (ones << (n_bits - quotient)) + remainder + 1 - saved;
            bits.write(code, n_bits);
        } else {
            bits.write((1 << MAX_PREFIX) - 1, MAX_PREFIX);
            bits.write(number, value_bits);
        }
    }
}
