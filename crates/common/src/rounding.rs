//! Numbers with few decimals: short in JSON, and read back from it exactly.

/// `value` to the nearest of `steps` parts of 1.
pub fn rounded(value: f64, steps: f64) -> f64 {
    (value * steps).round() / steps
}

/// [`rounded`] in single precision.
pub fn rounded_f32(value: f32, steps: f32) -> f32 {
    (value * steps).round() / steps
}

/// A time in whole microseconds, as files of beats and corrections have them.
pub fn round_micro(value: f64) -> f64 {
    rounded(value, 1e6)
}

/// A value to nine decimals, 0 without a sign. A film rendered from a saved timeline is then the same to the byte, and differences of
/// the last bit between machines don't show.
pub fn round_nano(value: f64) -> f64 {
    rounded(value, 1e9) + 0.0
}
