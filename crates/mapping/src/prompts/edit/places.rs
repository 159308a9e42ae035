//! Marks, and where in the file a prompt belongs.

use common::units::{format_secs, parse_secs};

use super::super::{Arrival, MarkKind, Script};
use super::{Placing, Refusal};

/// A mark as it is written, and when it lets a prompt arrive.
pub(super) struct Mark {
    pub written: String,
    pub secs: f64,
}

impl Placing<'_> {
    /// The mark of a kind that is nearest to a time.
    pub(super) fn mark(&self, kind: MarkKind, secs: f64) -> Result<Mark, Refusal> {
        if !self.span.contains(&secs) {
            return Err(Refusal::new(
                format!(
                    "a prompt can't arrive at {secs:.3} seconds: the film's part of the song goes from {} to {}",
                    format_secs(self.span.start, 2),
                    format_secs(self.span.end, 2)
                ),
                "place it within that part",
            ));
        }
        let mark = match kind {
            MarkKind::None => {
                let written = String::new();
                Mark { written, secs }
            }
            MarkKind::Time => time_mark(secs),
            MarkKind::Bar => self.bar_mark(secs)?,
            MarkKind::Section => self.section_mark(secs)?,
        };
        if self.span.contains(&mark.secs) {
            return Ok(mark);
        }
        Err(Refusal::new(
            format!(
                "{} lies outside of the film's part of the song",
                mark.written
            ),
            "place the prompt at a time instead",
        ))
    }

    fn bar_mark(&self, secs: f64) -> Result<Mark, Refusal> {
        let downbeats = self.analysis.beats.iter();
        let downbeats = downbeats.filter(|beat| beat.position_in_bar == 1);
        let times = downbeats.map(|beat| beat.time_secs);
        let (idx, secs) = nearest(times, secs).ok_or_else(|| {
            Refusal::new(
                "no bars were found in this song",
                "place the prompt at a time instead",
            )
        })?;
        let written = format!("@bar {}", idx + 1);
        Ok(Mark { written, secs })
    }

    fn section_mark(&self, secs: f64) -> Result<Mark, Refusal> {
        let sections = &self.analysis.sections;
        let times = sections.iter().map(|section| section.start_secs);
        let (idx, secs) = nearest(times, secs).ok_or_else(|| {
            Refusal::new(
                "no sections were found in this song",
                "place the prompt at a time instead",
            )
        })?;
        let label = sections[idx].label.to_lowercase();
        let same = sections[..=idx].iter();
        let number = same.filter(|s| s.label.to_lowercase() == label).count();
        let written = section_mark(&sections[idx].label, number as u32).ok_or_else(|| {
            Refusal::new(
                format!(
                    "the section's name \"{}\" can't stand in a mark",
                    sections[idx].label
                ),
                "give the section a name without quotes, or place the prompt at a time",
            )
        })?;
        Ok(Mark { written, secs })
    }

    /// When each prompt arrives; where that can't be told because of a fault, the times of single marks.
    pub(super) fn times(&self, script: &Script) -> Vec<Option<f64>> {
        if let Ok(arrivals) = self.arrivals(script) {
            return arrivals.into_iter().map(Some).collect();
        }
        let prompts = script.prompts.iter();
        let mut times: Vec<Option<f64>> = prompts
            .map(|prompt| script.mark_secs(prompt, self.analysis))
            .collect();
        if let (Some(first @ None), Some(prompt)) = (times.first_mut(), script.prompts.first())
            && prompt.arrival == Arrival::Auto
        {
            *first = Some(self.span.start);
        }
        times
    }

    pub(super) fn arrivals(&self, script: &Script) -> common::Result<Vec<f64>> {
        script.arrivals(self.analysis, self.arrive, self.span.clone())
    }
}

/// `[1:23.500]`, and the time that this is.
fn time_mark(secs: f64) -> Mark {
    let shown = format_secs(secs, 3);
    let secs = parse_secs(&shown).unwrap_or(secs);
    let written = format!("[{shown}]");
    Mark { written, secs }
}

/// `@section chorus:2`; none for a name that can't be written.
pub(super) fn section_mark(label: &str, number: u32) -> Option<String> {
    let is_word = |label: &str| {
        let is_plain = |c: char| !c.is_whitespace() && c != ':';
        !label.is_empty() && !label.starts_with('"') && label.chars().all(is_plain)
    };
    if is_word(label) {
        return Some(format!("@section {label}:{number}"));
    }
    let is_quotable = !label.contains('"') && !label.trim().is_empty() && label.trim() == label;
    is_quotable.then(|| format!("@section \"{label}\":{number}"))
}

/// An arrival as a mark; none for a name that can't be written.
pub(super) fn written(arrival: &Arrival) -> Option<String> {
    match arrival {
        Arrival::Auto => Some(String::new()),
        Arrival::Time(secs) => {
            let mark = time_mark(*secs);
            // What isn't whole milliseconds keeps all of its digits.
            let is_exact = mark.secs.total_cmp(secs).is_eq();
            Some(if is_exact {
                mark.written
            } else {
                format!("[{secs}]")
            })
        }
        Arrival::Bar(bar) => Some(format!("@bar {bar}")),
        Arrival::Section { label, nth } => match nth {
            Some(nth) => section_mark(label, *nth),
            None => section_mark(label, 1)?
                .strip_suffix(":1")
                .map(str::to_owned),
        },
    }
}

/// Index and value of the time that is nearest to another.
fn nearest(times: impl Iterator<Item = f64>, secs: f64) -> Option<(usize, f64)> {
    let distance = |time: f64| (time - secs).abs();
    times
        .enumerate()
        .min_by(|(_, a), (_, b)| distance(*a).total_cmp(&distance(*b)))
}

/// How many of the other prompts stand before one that arrives at `secs`.
pub(super) fn n_before(times: &[Option<f64>], secs: f64) -> usize {
    let is_before = |time: &Option<f64>| time.is_some_and(|time| time < secs);
    times.iter().rposition(is_before).map_or(0, |idx| idx + 1)
}
