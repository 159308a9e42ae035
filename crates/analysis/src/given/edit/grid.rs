//! The beats of a song while they are edited.

use std::ops::Range;

use common::rounding::round_micro;
use common::units::format_secs;

use super::super::super::Beat;
use super::super::beats_file::MAX_POSITION;
use super::super::{GivenBeat, rhythm};
use super::locks::Locks;
use super::{Refusal, refuse};

/// Least distance to its neighbours of a beat that an edit puts somewhere, in seconds.
const MIN_GAP_SECS: f64 = 0.02;

/// A beat.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Slot {
    pub secs: f64,
    /// Position in the bar, from 1.
    pub position: u32,
    /// Its row in the file, counted from 0; those of a grid ascend.
    pub row: Option<usize>,
}

impl Slot {
    pub fn new(secs: f64, position: u32) -> Self {
        let row = None;
        Self {
            secs: round_micro(secs),
            position,
            row,
        }
    }
}

/// Beats in order, and where they are locked.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    pub slots: Vec<Slot>,
    pub locks: Locks,
    pub duration_secs: f64,
}

/// The beats of a file. Positions that it leaves open are those that are heard, if `heard` goes by this file.
pub(super) fn of_list(beats: &[GivenBeat], heard: &[Beat]) -> Vec<Slot> {
    let known: Vec<Option<u32>> = beats.iter().map(|beat| beat.position_in_bar).collect();
    let filled = match heard.len() == beats.len() {
        true => heard.iter().map(|beat| beat.position_in_bar).collect(),
        false => rhythm::filled(&known),
    };
    let slots = beats.iter().zip(filled).enumerate();
    slots
        .map(|(row, (beat, filled))| Slot {
            secs: beat.time_secs,
            position: beat.position_in_bar.unwrap_or(filled),
            row: Some(row),
        })
        .collect()
}

impl Grid {
    pub fn positions(&self) -> impl Iterator<Item = u32> {
        self.slots.iter().map(|slot| slot.position)
    }

    pub fn move_beat(&mut self, index: usize, secs: f64) -> Result<(), Refusal> {
        self.check_index(index)?;
        self.locks.check(self.slots[index].secs)?;
        self.locks.check(secs)?;
        self.slots[index].secs = round_micro(secs);
        Ok(())
    }

    pub fn move_from(&mut self, index: usize, by_secs: f64) -> Result<(), Refusal> {
        self.check_index(index)?;
        self.locks.check(self.slots[index].secs)?;
        let end = self.end_of_run(index);
        for slot in &mut self.slots[index..end] {
            slot.secs = round_micro(slot.secs + by_secs);
        }
        let duration_secs = self.duration_secs;
        self.slots.retain(|slot| slot.secs < duration_secs);
        Ok(())
    }

    /// The beats behind stay where they are in their bars, but for those of the same bar, which are counted on.
    pub fn delete(&mut self, index: usize) -> Result<(), Refusal> {
        self.check_index(index)?;
        self.locks.check(self.slots[index].secs)?;
        let gone = self.slots.remove(index);
        if self.is_in_bar(index) || gone.position == 1 {
            self.count_bar(index, gone.position);
        }
        Ok(())
    }

    pub fn add(&mut self, secs: f64) -> Result<(), Refusal> {
        self.locks.check(secs)?;
        let index = self.slots.partition_point(|slot| slot.secs < secs);
        let bar = self.typical_bar();
        let before = index.checked_sub(1).and_then(|i| self.slots.get(i));
        let position = match (before, self.slots.get(index)) {
            // A bar ends where the next one begins; only the last one has no end.
            (Some(before), None) if before.position >= bar => 1,
            (Some(before), _) => before.position + 1,
            (None, Some(next)) if next.position > 1 => next.position - 1,
            (None, Some(_)) => bar,
            (None, None) => 1,
        };
        if position > MAX_POSITION {
            return refuse(
                format!("a bar has at most {MAX_POSITION} beats"),
                "set a downbeat first",
            );
        }
        self.slots.insert(index, Slot::new(secs, position));
        if self.is_in_bar(index) {
            self.count_bar(index + 1, position + 1);
        }
        Ok(())
    }

    /// Whether a downbeat lies before a beat, so that its bar has a beginning.
    fn is_in_bar(&self, index: usize) -> bool {
        self.slots[..index.min(self.slots.len())]
            .iter()
            .any(|slot| slot.position == 1)
    }

    /// Counts from a beat to the end of its bar.
    fn count_bar(&mut self, index: usize, first: u32) {
        let rest = self.slots.get_mut(index..).unwrap_or_default();
        let bar = rest.iter_mut().take_while(|slot| slot.position != 1);
        for (slot, position) in bar.zip(first..=MAX_POSITION) {
            slot.position = position;
        }
    }

    /// The first beat behind the free one at `index` that is locked or behind a locked part, or the number of beats.
    pub fn end_of_run(&self, index: usize) -> usize {
        let pairs = self.slots.get(index..).unwrap_or_default().windows(2);
        let is_joined = |pair: &&[Slot]| !self.locks.touches(pair[0].secs, pair[1].secs);
        (index + 1 + pairs.take_while(is_joined).count()).min(self.slots.len())
    }

    /// Ranges of free beats between locked parts.
    pub fn runs(&self) -> Vec<Range<usize>> {
        let mut runs = Vec::new();
        let mut start = 0;
        while start < self.slots.len() {
            let is_free = !self.locks.holds(self.slots[start].secs);
            let end = if is_free {
                self.end_of_run(start)
            } else {
                start + 1
            };
            if is_free {
                runs.push(start..end);
            }
            start = end;
        }
        runs
    }

    pub fn check_index(&self, index: usize) -> Result<(), Refusal> {
        if index < self.slots.len() {
            return Ok(());
        }
        let n = self.slots.len();
        refuse(
            format!("there is no beat {}: the song has {n}", index + 1),
            "beats are counted in their order",
        )
    }

    /// Refuses a grid in which a beat that wasn't in `before` lies outside of the song, or too near to another.
    pub fn check(&self, before: &Self) -> Result<(), Refusal> {
        let outside = |slot: &&Slot| !(0.0..self.duration_secs).contains(&slot.secs);
        if let Some(slot) = self.slots.iter().find(outside) {
            return refuse(
                format!(
                    "a beat at {:.3} seconds lies outside of the song",
                    slot.secs
                ),
                "beats lie between the song's start and its end",
            );
        }
        let known: Vec<f64> = before.slots.iter().map(|slot| slot.secs).collect();
        let is_known = |slot: &Slot| known.binary_search_by(|k| k.total_cmp(&slot.secs)).is_ok();
        for pair in self.slots.windows(2) {
            let gap = pair[1].secs - pair[0].secs;
            if gap <= 0.0 || (gap < MIN_GAP_SECS && !(is_known(&pair[0]) && is_known(&pair[1]))) {
                return refuse(
                    format!(
                        "two beats would meet at {}, or pass each other",
                        format_secs(pair[0].secs, 2)
                    ),
                    "a beat stays between its neighbours, 20 ms apart; delete one of them to go further",
                );
            }
        }
        Ok(())
    }
}
