//! Levels as ears take them: loud ones close together, quiet ones as nothing.

use std::sync::LazyLock;

/// How far below the reference level a sound fades into nothing, in dB.
const RANGE_DB: f32 = 45.0;
/// Levels in the table, in dB relative to the reference; what lies beyond is as its ends.
const TABLE_DB: std::ops::Range<f32> = -130.0..90.0;
const STEPS_PER_DB: f32 = 32.0;

static TABLE: LazyLock<Vec<f32>> = LazyLock::new(|| {
    let n = ((TABLE_DB.end - TABLE_DB.start) * STEPS_PER_DB) as usize;
    let level_db = |i: usize| TABLE_DB.start + i as f32 / STEPS_PER_DB;
    (0..n).map(|i| exact(level_db(i))).collect()
});

/// `ln(1 + amplitude)`, where 1 is [`RANGE_DB`] below the reference.
fn exact(relative_db: f32) -> f32 {
    // 10^(x / 20), then the natural logarithm.
    let amplitude = ((relative_db + RANGE_DB) * (std::f32::consts::LN_10 / 20.0)).exp();
    amplitude.ln_1p()
}

/// Compresses levels from a table, which is many times faster and off by less than 0.002.
pub(super) struct Compression {
    table: &'static [f32],
}

impl Compression {
    pub fn new() -> Self {
        Self { table: &TABLE }
    }

    /// `ln(1 + amplitude)` of a level in dB relative to the reference.
    pub fn apply(&self, relative_db: f32) -> f32 {
        let step = ((relative_db - TABLE_DB.start) * STEPS_PER_DB + 0.5) as usize;
        self.table[step.min(self.table.len() - 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_near_the_formula() {
        let compression = Compression::new();
        for i in 0..2000 {
            let level_db = -129.0 + i as f32 * 0.109;
            assert!((compression.apply(level_db) - exact(level_db)).abs() < 0.002);
        }
        assert!(compression.apply(-1e9) < 1e-4 && compression.apply(f32::NAN) < 1e-4);
        assert!(compression.apply(1e9) > 15.0);
    }
}
