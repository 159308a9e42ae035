//! Downbeats and meters.

use std::ops::Range;

use super::super::beats_file::MAX_POSITION;
use super::grid::{Grid, Slot};
use super::{Refusal, refuse};

impl Grid {
    /// The most frequent number of beats from one downbeat to the next; 4 without bars.
    pub fn typical_bar(&self) -> u32 {
        self.typical_bar_of(0..self.slots.len()).unwrap_or(4)
    }

    /// The same in a part of the song; none without a whole bar there.
    pub fn typical_bar_of(&self, range: Range<usize>) -> Option<u32> {
        let mut counts = [0usize; MAX_POSITION as usize + 1];
        for pair in self.downbeats(range).windows(2) {
            counts[(pair[1] - pair[0]).min(MAX_POSITION as usize)] += 1;
        }
        let most = (1..counts.len()).rev().max_by_key(|n| counts[*n]);
        most.filter(|n| counts[*n] > 0).map(|n| n as u32)
    }

    /// The downbeats of a range of beats.
    pub fn downbeats(&self, range: Range<usize>) -> Vec<usize> {
        range.filter(|i| self.slots[*i].position == 1).collect()
    }

    pub fn set_downbeat(&mut self, index: usize) -> Result<(), Refusal> {
        self.check_index(index)?;
        self.locks.check(self.slots[index].secs)?;
        let bar = self.typical_bar();
        let run_end = self.end_of_run(index);
        let end = self.next_break(index, run_end, bar);
        self.count(index..end, index, bar);
        // Before the song's first bar, beats lead up to it.
        if !self.slots[..index].iter().any(|slot| slot.position == 1) {
            let start = self.run_start(index);
            self.count(start..index, index, bar);
        }
        Ok(())
    }

    pub fn set_meter(&mut self, bar: u32, from_index: Option<usize>) -> Result<(), Refusal> {
        if !(1..=MAX_POSITION).contains(&bar) {
            return refuse(
                format!("a bar can't have {bar} beats"),
                "give a number from 1 to 32",
            );
        }
        let Some(from) = from_index else {
            for run in self.runs() {
                let first = self.downbeats(run.clone()).first().copied();
                self.count(run.clone(), first.unwrap_or(run.start), bar);
            }
            return Ok(());
        };
        self.check_index(from)?;
        self.locks.check(self.slots[from].secs)?;
        let start = self.run_start(from);
        let downbeat = self.downbeats(start..from + 1).last().copied();
        let downbeat = downbeat.unwrap_or(from);
        self.count(downbeat..self.end_of_run(from), downbeat, bar);
        Ok(())
    }

    /// Numbers the beats of a range in bars of one length, of which one begins at `downbeat`.
    fn count(&mut self, range: Range<usize>, downbeat: usize, bar: u32) {
        let length = bar.max(1) as usize;
        let phase = downbeat % length;
        for index in range {
            let behind = (index % length + length - phase) % length;
            self.slots[index].position = behind as u32 + 1;
        }
    }

    /// Numbers the beats of a range whose bars begin at `starts`; the last one has `bar` beats, and so have those that lead up to the
    /// first.
    pub fn count_bars(&mut self, range: Range<usize>, starts: &[usize], bar: u32) {
        let first = starts.first().copied().unwrap_or(range.start);
        self.count(range.start..first, first, bar);
        if starts.is_empty() {
            self.count(range.clone(), first, bar);
        }
        for (i, start) in starts.iter().enumerate() {
            let next = starts.get(i + 1).copied();
            let length = next.map_or(bar, |next| (next - start) as u32);
            let length = if length > MAX_POSITION { bar } else { length };
            self.count(*start..next.unwrap_or(range.end), *start, length);
        }
    }

    /// Where the beats between two locked parts begin that hold a beat.
    fn run_start(&self, index: usize) -> usize {
        let pairs = self.slots[..=index].windows(2).rev();
        let is_joined = |pair: &&[Slot]| !self.locks.touches(pair[0].secs, pair[1].secs);
        index - pairs.take_while(is_joined).count()
    }

    /// The first downbeat behind a bar from `index` that comes earlier or later than the count of bars has it: someone put it there.
    fn next_break(&self, index: usize, end: usize, bar: u32) -> usize {
        let downbeats = self.downbeats(0..end);
        let breaks = downbeats.windows(2).find(|pair| {
            let is_behind = pair[1] >= index + bar as usize;
            is_behind && pair[1] - pair[0] != bar as usize
        });
        breaks.map_or(end, |pair| pair[1])
    }
}
