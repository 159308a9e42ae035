//! Levels in a byte: half decibels above -120 dB, far finer than anything that is decided by them, and small for an hour.

/// What counts as nothing, in dB relative to full scale.
pub(in super::super) const FLOOR_DB: f32 = -120.0;
const STEPS_PER_DB: f32 = 2.0;

/// Power in dB, at least [`FLOOR_DB`].
pub(super) fn db(power: f32) -> f32 {
    (10.0 * power.max(1e-12).log10()).max(FLOOR_DB)
}

/// The step nearest to a level, which is at most 7.5 dB.
pub(super) fn step_of(level_db: f32) -> u8 {
    ((level_db - FLOOR_DB) * STEPS_PER_DB + 0.5) as u8
}

/// The level of a step in dB.
pub(in super::super) fn from_step(step: u8) -> f32 {
    f32::from(step) / STEPS_PER_DB + FLOOR_DB
}
