//! The program as a user runs it: films end to end, hostile input, interrupts. Real model, tiny frames.

#![expect(
    clippy::unwrap_used,
    reason = "a test may panic; helpers here are not inside #[test] functions"
)]

mod bad_audio;
mod bad_model;
mod bad_prompts;
mod bad_settings;
mod bench;
mod calibration;
mod corrections;
mod cues;
mod dialects;
mod farm;
mod farm_jobs;
mod film;
mod first_attempts;
mod frames;
#[cfg(feature = "gpu")]
mod gpu;
mod hap;
mod harness;
mod help;
mod models;
mod outputs;
mod pipes;
mod provenance;
mod resume;
mod set_farm;
mod set_songs;
mod sets;
mod terminal;
mod travel;
mod verify;
