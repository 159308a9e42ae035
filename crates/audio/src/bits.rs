//! Bits, written highest first.

/// Bits one after another.
#[derive(Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    /// Bits that are no whole byte yet, the lowest `n_pending` ones.
    pending: u64,
    n_pending: u32,
}

impl BitWriter {
    /// Appends the lowest `n_bits` of `value`, up to 32.
    pub fn write(&mut self, value: u32, n_bits: u32) {
        let kept = u64::from(value) & ((1 << n_bits) - 1);
        self.pending = self.pending << n_bits | kept;
        self.n_pending += n_bits;
        while self.n_pending >= 8 {
            self.n_pending -= 8;
            self.bytes.push((self.pending >> self.n_pending) as u8);
        }
    }

    /// Bits that were written.
    pub fn n_bits(&self) -> usize {
        8 * self.bytes.len() + self.n_pending as usize
    }

    /// All of them, with zeros behind to a whole byte.
    pub fn into_bytes(mut self) -> Vec<u8> {
        let n_missing = self.n_pending.wrapping_neg() % 8;
        self.write(0, n_missing);
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_packed_highest_first() {
        let mut bits = BitWriter::default();
        bits.write(0b101, 3);
        bits.write(0xffff_ffff, 32);
        bits.write(0, 0);
        bits.write(0xf0, 4); // the bits above the lowest four don't count
        assert_eq!(bits.n_bits(), 39);
        assert_eq!(bits.into_bytes(), [0xbf, 0xff, 0xff, 0xff, 0xe0]);
        assert!(BitWriter::default().into_bytes().is_empty());
    }
}
