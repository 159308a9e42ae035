//! The error of parts that don't fit each other.

use common::Error;

/// Parts that don't make a film together.
pub(super) fn mismatch(reason: &str) -> Error {
    Error::Video {
        reason: format!("can't make a film: {reason}"),
    }
}
