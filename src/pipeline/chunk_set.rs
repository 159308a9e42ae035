//! Which chunks of a film: a list as people and render farms write it.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use common::{Error, Result};
use timeline::Timeline;

/// Numbers of chunks, counted from 0: `3,7-9` are four. The last of a range is included, unlike that of a range of frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkSet {
    /// Half-open, in order, apart from each other.
    ranges: Vec<Range<u64>>,
}

/// A chunk of a film: a piece of the grid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its number, from 0.
    pub chunk: u64,
    /// Its frames, half-open.
    pub frames: Range<u64>,
}

impl ChunkSet {
    /// Every chunk of a film, however long it is.
    pub fn all() -> Self {
        Self::new(std::iter::once(0..u64::MAX).collect())
    }

    /// The chunks that hold any of `frames` (half-open), where one has `chunk_len` frames.
    pub fn of_frames(frames: &Range<u64>, chunk_len: u64) -> Self {
        let chunk_len = chunk_len.max(1);
        let chunks = frames.start / chunk_len..frames.end.div_ceil(chunk_len);
        Self::new(vec![chunks; usize::from(!frames.is_empty())])
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Those of a part of the numbers, counted from the part's start: of `3,7-9` within 7..20 they are `0-2`.
    pub fn within(&self, part: &Range<u64>) -> Self {
        let cut = |range: &Range<u64>| {
            let start = range.start.max(part.start);
            let end = range.end.min(part.end).max(start);
            start - part.start..end - part.start
        };
        Self::new(
            self.ranges
                .iter()
                .filter(|range| range.end > part.start)
                .map(cut)
                .collect(),
        )
    }

    /// The chunks of a timeline that are in the set, in order.
    pub fn pieces(&self, timeline: &Timeline) -> impl Iterator<Item = Piece> {
        let n_frames = timeline.frames.len() as u64;
        let chunk_len = u64::from(timeline.encoding.chunk_len).max(1);
        let n_chunks = n_frames.div_ceil(chunk_len);
        let chunks = self
            .ranges
            .iter()
            .flat_map(move |range| range.start..range.end.min(n_chunks));
        chunks.map(move |chunk| Piece {
            chunk,
            frames: chunk * chunk_len..((chunk + 1) * chunk_len).min(n_frames),
        })
    }

    /// Numbers in any order; ranges that touch or overlap become one.
    fn new(mut ranges: Vec<Range<u64>>) -> Self {
        ranges.retain(|range| !range.is_empty());
        ranges.sort_by_key(|range| range.start);
        let mut joined: Vec<Range<u64>> = Vec::new();
        for range in ranges {
            match joined.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => joined.push(range),
            }
        }
        Self { ranges: joined }
    }
}

impl FromIterator<u64> for ChunkSet {
    fn from_iter<I: IntoIterator<Item = u64>>(chunks: I) -> Self {
        Self::new(chunks.into_iter().map(|chunk| chunk..chunk + 1).collect())
    }
}

impl fmt::Display for ChunkSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (idx, range) in self.ranges.iter().enumerate() {
            let comma = if idx == 0 { "" } else { "," };
            match range.end - range.start {
                1 => write!(f, "{comma}{}", range.start)?,
                _ => write!(f, "{comma}{}-{}", range.start, range.end - 1)?,
            }
        }
        Ok(())
    }
}

impl FromStr for ChunkSet {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let number = |text: &str| text.trim().parse::<u64>().ok().filter(|n| *n < u64::MAX);
        let range = |part: &str| {
            let (first, last) = match part.split_once('-') {
                Some((first, last)) => (number(first)?, number(last)?),
                None => (number(part)?, number(part)?),
            };
            (first <= last).then_some(first..last + 1)
        };
        let ranges: Option<Vec<_>> = text.split(',').map(range).collect();
        ranges.map(Self::new).ok_or_else(|| Error::Config {
            name: "chunks",
            value: format!("\"{text}\""),
            allowed: "give numbers of chunks, counted from 0, such as 7, 4-12 or 3,7-9".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_in_any_order_and_written_in_one() {
        for (text, written) in [
            ("7", "7"),
            ("4-12", "4-12"),
            ("3,7-9", "3,7-9"),
            ("9, 7 - 8,3", "3,7-9"),
            ("0-4,2-6", "0-6"),
            ("5-5", "5"),
            ("0,1,2", "0-2"),
        ] {
            let set: ChunkSet = text.parse().unwrap();
            assert_eq!(set.to_string(), written, "{text}");
        }
        for text in [
            "",
            "a",
            "3-",
            "-3",
            "9-7",
            "1,,2",
            "1..4",
            "18446744073709551615",
        ] {
            assert!(text.parse::<ChunkSet>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_part_is_counted_from_its_start() {
        let set: ChunkSet = "3,7-9".parse().unwrap();
        for (part, inside) in [
            (0..3, ""),
            (0..8, "3,7"),
            (7..20, "0-2"),
            (8..9, "0"),
            (10..12, ""),
        ] {
            assert_eq!(set.within(&part).to_string(), inside, "{part:?}");
        }
        assert_eq!(ChunkSet::all().within(&(5..7)).to_string(), "0-1");
    }

    #[test]
    fn frames_are_rounded_to_whole_chunks() {
        for (frames, chunks) in [(0..48, "0"), (1..48, "0"), (47..49, "0-1"), (96..97, "2")] {
            assert_eq!(
                ChunkSet::of_frames(&frames, 48).to_string(),
                chunks,
                "{frames:?}"
            );
        }
    }

    #[test]
    fn missing_chunks_are_written_as_a_list() {
        let set: ChunkSet = [9, 3, 8, 7].into_iter().collect();
        assert_eq!(set.to_string(), "3,7-9");
        assert!(ChunkSet::of_frames(&(49..49), 48).is_empty());
        let nothing: ChunkSet = std::iter::empty().collect();
        assert!(nothing.is_empty());
        assert_eq!(nothing.to_string(), "");
    }
}
