//! The weights in a network's file: half precision, one after the other.

/// Reads parameters; zeros past their end, which a test rules out.
pub(super) struct WeightReader {
    bytes: std::slice::ChunksExact<'static, u8>,
    n_missing: usize,
}

impl WeightReader {
    pub fn of(file: &'static [u8]) -> Self {
        Self {
            bytes: file.chunks_exact(2),
            n_missing: 0,
        }
    }

    pub fn next(&mut self) -> f32 {
        match self.bytes.next() {
            Some(&[low, high]) => half::f16::from_le_bytes([low, high]).to_f32(),
            _ => {
                self.n_missing += 1;
                0.0
            }
        }
    }

    pub fn next_row(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.next()).collect()
    }

    /// How many weights were missing, or are left over.
    pub fn n_wrong(&self) -> usize {
        self.n_missing + self.bytes.len()
    }
}
