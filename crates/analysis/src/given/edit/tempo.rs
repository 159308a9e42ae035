//! Other tempos on the beats that are there.

use std::ops::Range;

use common::rounding::round_micro;

use super::super::TEMPO_RANGE_BPM;
use super::grid::{Grid, Slot};
use super::{Refusal, refuse};

impl Grid {
    pub fn double(&mut self) -> Result<(), Refusal> {
        self.check_tempo(2.0)?;
        let bar = self.typical_bar();
        let mut doubled: Vec<Slot> = Vec::with_capacity(2 * self.slots.len());
        for index in 0..self.slots.len() {
            doubled.push(self.slots[index]);
            let secs = self.half_behind(index);
            let is_free = |secs: f64| !self.locks.holds(secs);
            if is_free(self.slots[index].secs) && is_free(secs) && secs < self.duration_secs {
                doubled.push(Slot::new(secs, 1));
            }
        }
        let mut new = Self {
            slots: doubled,
            ..self.clone()
        };
        for run in new.runs() {
            let mut starts = Vec::new();
            let old = new.downbeats_of(self, run.clone());
            for (i, start) in old.iter().enumerate() {
                starts.push(*start);
                // Two bars in the place of one.
                if let Some(end) = old.get(i + 1) {
                    starts.push(start + (end - start) / 2);
                }
            }
            let bar = self.bar_between(&new, &run).unwrap_or(bar);
            new.count_bars(run, &starts, bar);
        }
        *self = new;
        Ok(())
    }

    /// The typical bar of a grid before it was doubled, in a range of the doubled one.
    fn bar_between(&self, doubled: &Self, run: &Range<usize>) -> Option<u32> {
        let start = doubled.slots[run.start].secs;
        let end = doubled.slots[run.end - 1].secs;
        let first = self.slots.partition_point(|slot| slot.secs < start);
        let last = self.slots.partition_point(|slot| slot.secs <= end);
        self.typical_bar_of(first..last)
    }

    /// The downbeats of another grid, by their times, in a range of this one.
    fn downbeats_of(&self, other: &Self, range: Range<usize>) -> Vec<usize> {
        let is_downbeat = |secs: f64| {
            let found = other
                .slots
                .binary_search_by(|slot| slot.secs.total_cmp(&secs));
            found.is_ok_and(|at| other.slots[at].position == 1)
        };
        range.filter(|i| is_downbeat(self.slots[*i].secs)).collect()
    }

    pub fn halve(&mut self) -> Result<(), Refusal> {
        self.check_tempo(0.5)?;
        let bar = self.typical_bar();
        let mut kept: Vec<Slot> = Vec::with_capacity(self.slots.len() / 2 + 1);
        let mut at = 0;
        for run in self.runs() {
            kept.extend_from_slice(&self.slots[at..run.start]);
            at = run.end;
            kept.extend(self.halved(run, bar));
        }
        kept.extend_from_slice(&self.slots[at..]);
        self.slots = kept;
        Ok(())
    }

    /// Every other beat of a run. Downbeats stay beats where bars are even. Two bars of a length become one.
    fn halved(&self, run: Range<usize>, bar: u32) -> Vec<Slot> {
        let downbeats = self.downbeats(run.clone());
        let bar = self.typical_bar_of(run.clone()).unwrap_or(bar);
        let parity = match downbeats.as_slice() {
            [first, _, ..] if bar.is_multiple_of(2) => (first - run.start) % 2,
            _ => 0,
        };
        let kept: Vec<usize> = run.clone().skip(parity).step_by(2).collect();
        let mut starts = Vec::new();
        let mut rest = downbeats.as_slice();
        while let [start, behind @ ..] = rest {
            starts.push(kept.partition_point(|i| i < start));
            rest = match behind {
                [next, end, ..] if end - next != next - start => behind,
                [_, more @ ..] => more,
                [] => behind,
            };
        }
        let mut halved = Self {
            slots: kept.iter().map(|i| self.slots[*i]).collect(),
            ..self.clone()
        };
        starts.retain(|start| *start < kept.len());
        halved.count_bars(0..kept.len(), &starts, bar);
        halved.slots
    }

    pub fn shift_half(&mut self) -> Result<(), Refusal> {
        let mut shifted = self.slots.clone();
        for (index, slot) in shifted.iter_mut().enumerate() {
            let secs = round_micro(self.half_behind(index));
            if !self.locks.holds(slot.secs) && !self.locks.holds(secs) {
                slot.secs = secs;
            }
        }
        // Half a beat before the first one begins a beat of its own, where the song has room for it.
        if let [first, second, ..] = self.slots[..] {
            let secs = first.secs - (second.secs - first.secs) / 2.0;
            let bar = self.typical_bar();
            let position = if first.position > 1 {
                first.position - 1
            } else {
                bar
            };
            if secs >= 0.0 && !self.locks.holds(secs) && !self.locks.holds(first.secs) {
                shifted.insert(0, Slot::new(secs, position));
            }
        }
        let duration_secs = self.duration_secs;
        shifted.retain(|slot| slot.secs < duration_secs);
        self.slots = shifted;
        Ok(())
    }

    pub fn set_tempo(&mut self, bpm: f64, from_secs: f64, anchor_secs: f64) -> Result<(), Refusal> {
        let (least, most) = TEMPO_RANGE_BPM;
        if !(least..=most).contains(&bpm) {
            return refuse(
                format!("{bpm} is not a tempo"),
                "give beats per minute from 20 to 400",
            );
        }
        if !(0.0..self.duration_secs).contains(&anchor_secs) || !from_secs.is_finite() {
            return refuse(
                "the beats need a time within the song to begin at",
                "tap while the song plays",
            );
        }
        let period = 60.0 / bpm;
        let bar = self.typical_bar();
        let anchor_position = self.nearest(anchor_secs).map_or(1, |slot| slot.position);
        let is_new = |secs: f64| secs >= from_secs && !self.locks.holds(secs);
        // What stays: locked beats and those before. New beats keep half a beat away from them.
        let stays = self.slots.iter().filter(|slot| !is_new(slot.secs));
        let stays: Vec<Slot> = stays.copied().collect();
        let is_far = |secs: f64| {
            let at = stays.partition_point(|slot| slot.secs < secs);
            let near = [at.checked_sub(1), Some(at)].into_iter().flatten();
            near.filter_map(|i| stays.get(i))
                .all(|slot| (slot.secs - secs).abs() >= 0.5 * period)
        };
        let n_before = (anchor_secs / period).floor() as i64;
        let n_behind = ((self.duration_secs - anchor_secs) / period).ceil() as i64;
        let mut new: Vec<Slot> = Vec::new();
        for step in -n_before..=n_behind {
            let secs = round_micro(anchor_secs + step as f64 * period);
            if (0.0..self.duration_secs).contains(&secs) && is_new(secs) && is_far(secs) {
                let position = (i64::from(anchor_position) - 1 + step).rem_euclid(i64::from(bar));
                new.push(Slot::new(secs, position as u32 + 1));
            }
        }
        self.keep_rows(&mut new, period, is_new);
        new.extend(stays);
        new.sort_by(|a, b| a.secs.total_cmp(&b.secs));
        self.slots = new;
        Ok(())
    }

    /// Gives new beats the rows of the old ones that they take the place of, so that comments stay beside them.
    fn keep_rows(&self, new: &mut [Slot], period: f64, is_new: impl Fn(f64) -> bool) {
        let mut old = self
            .slots
            .iter()
            .filter(|slot| is_new(slot.secs))
            .peekable();
        for slot in new {
            while old.next_if(|o| o.secs < slot.secs - 0.5 * period).is_some() {}
            if let Some(near) = old.next_if(|o| o.secs < slot.secs + 0.5 * period) {
                slot.row = near.row;
            }
        }
    }

    fn nearest(&self, secs: f64) -> Option<&Slot> {
        let distance = |slot: &&Slot| (slot.secs - secs).abs();
        self.slots
            .iter()
            .min_by(|a, b| distance(a).total_cmp(&distance(b)))
    }

    /// Half a beat behind a beat: midway to the next one, or as far behind the last as that lies behind the one before.
    fn half_behind(&self, index: usize) -> f64 {
        let secs = |i: usize| self.slots.get(i).map(|slot| slot.secs);
        let here = secs(index).unwrap_or_default();
        match (secs(index + 1), index.checked_sub(1).and_then(secs)) {
            (Some(next), _) => (here + next) / 2.0,
            (None, Some(before)) => here + (here - before) / 2.0,
            (None, None) => self.duration_secs,
        }
    }

    /// Refuses a tempo out of range, and one without beats.
    fn check_tempo(&self, factor: f64) -> Result<(), Refusal> {
        let mut intervals: Vec<f64> = self
            .slots
            .windows(2)
            .map(|w| w[1].secs - w[0].secs)
            .collect();
        intervals.sort_by(f64::total_cmp);
        let Some(typical) = intervals.get(intervals.len() / 2) else {
            return refuse(
                "there are no beats to count twice or half",
                "tap a tempo, or add beats",
            );
        };
        let bpm = factor * 60.0 / typical;
        let (least, most) = TEMPO_RANGE_BPM;
        if (least..=most).contains(&bpm) {
            return Ok(());
        }
        refuse(
            format!("this would be {bpm:.0} beats a minute"),
            "tempos lie between 20 and 400",
        )
    }
}
