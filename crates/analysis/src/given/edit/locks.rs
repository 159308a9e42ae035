//! Locked parts.

use std::ops::Range;

use common::rounding::round_micro;
use common::units::format_secs;

use super::{Refusal, refuse};

/// Parts of the song in seconds, half-open and in order, which edits of many beats leave as they are.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Locks(pub Vec<Range<f64>>);

impl Locks {
    pub fn holds(&self, secs: f64) -> bool {
        self.0.iter().any(|span| span.contains(&secs))
    }

    /// Whether a part of the song from one time to a later one, both included, holds something locked.
    pub fn touches(&self, from: f64, to: f64) -> bool {
        self.0
            .iter()
            .any(|span| span.start <= to && span.end > from)
    }

    /// Refuses a change of a single beat in a locked part.
    pub fn check(&self, secs: f64) -> Result<(), Refusal> {
        match self.0.iter().find(|span| span.contains(&secs)) {
            None => Ok(()),
            Some(span) => refuse(
                format!(
                    "the beats from {} to {} are locked",
                    format_secs(span.start, 2),
                    format_secs(span.end, 2)
                ),
                "unlock this part first",
            ),
        }
    }

    /// The same with a part locked or freed.
    pub fn changed(
        &self,
        start: f64,
        end: f64,
        is_locked: bool,
        duration_secs: f64,
    ) -> Result<Self, Refusal> {
        let (start, end) = (
            round_micro(start.max(0.0)),
            round_micro(end.min(duration_secs)),
        );
        // The end may be rounded up, as it isn't included.
        if !(start.is_finite() && start < end && start < duration_secs) {
            return refuse(
                "this part has no length within the song",
                "a part has its end after its start",
            );
        }
        let mut spans: Vec<Range<f64>> = Vec::with_capacity(self.0.len() + 1);
        for span in &self.0 {
            for rest in [
                span.start..span.end.min(start),
                span.start.max(end)..span.end,
            ] {
                if rest.start < rest.end {
                    spans.push(rest);
                }
            }
        }
        if is_locked {
            spans.push(start..end);
        }
        spans.sort_by(|a, b| a.start.total_cmp(&b.start));
        let mut joined: Vec<Range<f64>> = Vec::with_capacity(spans.len());
        for span in spans {
            match joined.last_mut() {
                // Of an unlocked part, both sides stay.
                Some(last) if last.end >= span.start => last.end = last.end.max(span.end),
                _ => joined.push(span),
            }
        }
        Ok(Self(joined))
    }
}
