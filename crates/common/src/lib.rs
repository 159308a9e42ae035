//! What every stage shares: one error type, units, statistics, and files that are written whole.
//!
//! | module | what |
//! |---|---|
//! | [`error`] | [`Error`]: the one error type of all crates, grouped by who can put it right |
//! | [`percent`] | paths in URLs |
//! | [`units`] | samples, seconds, frames, ticks; [`units::FrameRate`] |
//! | [`rounding`] | numbers with few decimals |
//! | [`statistics`] | mean, median, quantiles, correlations |
//! | [`partial_file`] | files that appear under their name only when they are whole |
//! | [`text_file`] | text files that people write, with errors that show the place |
//! | [`hex`] | bytes as lowercase hex |
//! | [`host`] | the machine's name |

pub mod error;
pub mod hex;
pub mod host;
pub mod partial_file;
pub mod percent;
pub mod rounding;
pub mod statistics;
pub mod text_file;
pub mod units;

pub use error::{Error, Result};
