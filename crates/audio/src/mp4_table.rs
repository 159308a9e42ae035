//! Where the samples of an MP4 track lie: the tables of `stbl` (ISO 14496-12, section 8.6 and 8.7).

use super::aiff::{u32_at, u64_at};
use super::mp4::child;

/// A run of bytes that is read as one packet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Run {
    /// Place in the file.
    pub offset: u64,
    pub n_bytes: u64,
    /// Ticks of the media; for plain samples, their number.
    pub duration: u64,
    /// When it begins, in ticks of the media, where that is stated.
    pub start: Option<u64>,
}

/// Goes through a track's tables one sample after another.
#[derive(Default)]
pub(super) struct Table {
    durations: Vec<u8>,
    chunks: Vec<u8>,
    sizes: Vec<u8>,
    offsets: Vec<u8>,
    has_long_offsets: bool,
    /// Bytes of every sample, or 0 where the table lists them.
    constant_bytes: u32,
    n_samples: u32,
    /// Bytes of a sample of all channels, where the track holds plain samples.
    frame_bytes: Option<u64>,
    next_sample: u32,
    chunk_idx: u32,
    chunk_entry: usize,
    left_in_chunk: u32,
    position: u64,
    duration_entry: usize,
    left_in_duration: u32,
    duration: u32,
}

/// Most plain samples in a run.
const PCM_RUN: u32 = 4096;

impl Table {
    /// The tables of an `stbl` box; `frame_bytes` for plain samples.
    pub fn new(stbl: &[u8], frame_bytes: Option<u64>) -> Self {
        let entries = |kind: &[u8; 4], from: usize| {
            let body = child(stbl, kind).unwrap_or_default();
            body.get(from..).unwrap_or_default().to_vec()
        };
        let stsz = child(stbl, b"stsz").unwrap_or_default();
        let long = entries(b"co64", 8);
        Self {
            durations: entries(b"stts", 8),
            chunks: entries(b"stsc", 8),
            sizes: stsz.get(12..).unwrap_or_default().to_vec(),
            has_long_offsets: !long.is_empty(),
            offsets: if long.is_empty() {
                entries(b"stco", 8)
            } else {
                long
            },
            constant_bytes: u32_at(stsz, 4).unwrap_or(0),
            n_samples: u32_at(stsz, 8).unwrap_or(0),
            frame_bytes,
            ..Self::default()
        }
    }

    /// Ticks of all samples, from the table of durations.
    pub fn total_duration(&self) -> u64 {
        self.durations
            .chunks_exact(8)
            .filter_map(|entry| Some(u64::from(u32_at(entry, 0)?) * u64::from(u32_at(entry, 4)?)))
            .fold(0, u64::saturating_add)
    }

    /// The next run; `None` after the last one.
    pub fn next_run(&mut self) -> Option<Run> {
        if self.next_sample >= self.n_samples {
            return None;
        }
        while self.left_in_chunk == 0 {
            self.enter_chunk()?;
        }
        if let Some(frame_bytes) = self.frame_bytes {
            let n = self
                .left_in_chunk
                .min(PCM_RUN)
                .min(self.n_samples - self.next_sample);
            let run = Run {
                offset: self.position,
                n_bytes: u64::from(n) * frame_bytes,
                duration: u64::from(n),
                start: None,
            };
            self.advance(n, run.n_bytes);
            return Some(run);
        }
        let n_bytes = match self.constant_bytes {
            0 => u32_at(&self.sizes, self.next_sample as usize * 4)?,
            constant => constant,
        };
        let run = Run {
            offset: self.position,
            n_bytes: u64::from(n_bytes),
            duration: self.next_duration(),
            start: None,
        };
        self.advance(1, run.n_bytes);
        Some(run)
    }

    fn advance(&mut self, n: u32, n_bytes: u64) {
        self.left_in_chunk -= n;
        self.next_sample += n;
        self.position = self.position.saturating_add(n_bytes);
    }

    fn enter_chunk(&mut self) -> Option<()> {
        let at = self.chunk_idx as usize;
        self.position = if self.has_long_offsets {
            u64_at(&self.offsets, at * 8)?
        } else {
            u64::from(u32_at(&self.offsets, at * 4)?)
        };
        self.chunk_idx += 1; // chunks are counted from 1
        let first_chunk = |entry: usize| u32_at(&self.chunks, entry * 12);
        while first_chunk(self.chunk_entry + 1).is_some_and(|first| first <= self.chunk_idx) {
            self.chunk_entry += 1;
        }
        self.left_in_chunk = u32_at(&self.chunks, self.chunk_entry * 12 + 4)?;
        Some(())
    }

    fn next_duration(&mut self) -> u64 {
        while self.left_in_duration == 0 {
            let at = self.duration_entry * 8;
            let (Some(n), Some(duration)) =
                (u32_at(&self.durations, at), u32_at(&self.durations, at + 4))
            else {
                // The table is too short: the last duration goes on.
                return u64::from(self.duration);
            };
            self.duration_entry += 1;
            self.left_in_duration = n;
            self.duration = duration;
        }
        self.left_in_duration -= 1;
        u64::from(self.duration)
    }
}
