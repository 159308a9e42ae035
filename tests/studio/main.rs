//! The studio's server as a page uses it, and as others would like to. Real model, tiny frames.

#![expect(
    clippy::unwrap_used,
    reason = "a test may panic; helpers here are not inside #[test] functions"
)]

mod documents;
mod harness;
mod jobs;
mod mistakes;
mod pictures;
mod security;
mod songs;
