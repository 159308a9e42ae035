use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::ops::Range;
use std::path::Path;

use common::partial_file::{PartialFile, is_being_written};
use common::{Error, Result};

use super::chunk::{ChunkInfo, ChunkReader, file_name, parse_file_name};

/// Which finished chunks make up a film, and which frames none of them has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Chunks in order, without overlap.
    pub chunks: Vec<ChunkInfo>,
    /// Half-open ranges of frames that must still be rendered, in order, as long as they can be.
    pub missing: Vec<Range<u64>>,
}

/// Finds finished chunks for frames `0..n_frames` in `folder`.
///
/// `wanted` gives the id that a chunk of the given frames must have; chunks with another id belong to another version of
/// the film and are passed over, as are damaged ones. Chunks may begin and end anywhere (several machines may have
/// rendered ranges of their own), but they can't be cut: of all ways to lay them in a row, the one with the fewest
/// missing frames is taken, then the one with the fewest chunks. A folder that doesn't exist has no chunks.
///
/// # Errors
/// [`Error::Io`] when the folder can't be listed.
pub fn cover(
    folder: impl AsRef<Path>,
    n_frames: u64,
    wanted: impl Fn(Range<u64>) -> String,
) -> Result<Coverage> {
    let folder = folder.as_ref();
    let mut candidates = finished(folder, n_frames, wanted)?;
    let mut opened: BTreeMap<u64, BTreeMap<u64, ChunkInfo>> = BTreeMap::new();
    loop {
        let row = best_row(&candidates, n_frames);
        let mut is_whole = true;
        for Span { frames, chunk_id } in &row {
            let by_end = opened.entry(frames.start).or_default();
            if let (Some(id), Entry::Vacant(place)) = (chunk_id, by_end.entry(frames.end)) {
                if let Some(info) = open(folder, frames, id) {
                    place.insert(info);
                } else {
                    is_whole = false;
                    let ends = candidates.entry(frames.start).or_default();
                    ends.remove(&frames.end);
                }
            }
        }
        if is_whole {
            let mut coverage = Coverage::default();
            for Span { frames, chunk_id } in row {
                let by_end = opened.get_mut(&frames.start);
                match chunk_id.and(by_end.and_then(|ends| ends.remove(&frames.end))) {
                    Some(info) => coverage.chunks.push(info),
                    None => coverage.missing.push(frames),
                }
            }
            return Ok(coverage);
        }
    }
}

/// A chunk that was looked for.
#[derive(Debug)]
pub enum Found {
    /// It is finished and whole.
    Whole(ChunkInfo),
    /// There is none.
    Missing,
    /// Its file is torn, has rotted or can't be read.
    Damaged(Error),
}

/// Looks for the chunk of `frames` with the id `id`, and for no other: all of its file is read, and nothing else.
pub fn find(folder: impl AsRef<Path>, frames: &Range<u64>, id: &str) -> Found {
    let path = folder.as_ref().join(file_name(frames, id));
    match ChunkReader::open(&path).map(ChunkReader::into_info) {
        Ok(info) if info.frames() == *frames && info.id == id => Found::Whole(info),
        Ok(_) => Found::Damaged(Error::input(&path, "the file holds another chunk")),
        Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => Found::Missing,
        Err(error) => Found::Damaged(error),
    }
}

/// Whether there is a file of the chunk's name. It isn't opened: where it turns out to be damaged, the chunk is drawn again.
pub fn is_there(folder: impl AsRef<Path>, frames: &Range<u64>, id: &str) -> bool {
    folder.as_ref().join(file_name(frames, id)).is_file()
}

/// Begins the file of the chunk of `frames`, which tells others that it is being drawn; `None` if another process has done so.
///
/// This keeps nobody from drawing a chunk: it lets machines that share a folder begin with different ones.
///
/// # Errors
/// [`Error::Io`] when the folder is missing or can't be written.
pub fn claim(
    folder: impl AsRef<Path>,
    frames: &Range<u64>,
    id: &str,
) -> Result<Option<PartialFile>> {
    let path = folder.as_ref().join(file_name(frames, id));
    match is_being_written(&path) {
        true => Ok(None),
        false => PartialFile::create(&path).map(Some),
    }
}

/// A chunk, if it is whole and what its name says.
fn open(folder: &Path, frames: &Range<u64>, id: &str) -> Option<ChunkInfo> {
    match find(folder, frames, id) {
        Found::Whole(info) => Some(info),
        Found::Missing | Found::Damaged(_) => None,
    }
}

/// The pieces in which `frames` are rendered: their intersections with a grid of `chunk_len` frames that begins at 0.
///
/// Equal grids make equal chunks whoever renders them, so that work can be shared and resumed.
pub fn grid_pieces(frames: Range<u64>, chunk_len: u64) -> impl Iterator<Item = Range<u64>> {
    let chunk_len = chunk_len.max(1);
    let mut start = frames.start;
    std::iter::from_fn(move || {
        let grid_end = (start / chunk_len + 1).saturating_mul(chunk_len);
        let piece = start..grid_end.min(frames.end);
        start = piece.end;
        (!piece.is_empty()).then_some(piece)
    })
}

/// Ids of candidates by first frame, then by end.
type Candidates = BTreeMap<u64, BTreeMap<u64, String>>;

/// Chunks in `folder` with the wanted ids, judged by their names.
fn finished(
    folder: &Path,
    n_frames: u64,
    wanted: impl Fn(Range<u64>) -> String,
) -> Result<Candidates> {
    let mut candidates = Candidates::new();
    let entries = match folder.read_dir() {
        Ok(entries) => entries,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(candidates),
        Err(e) => return Err(Error::io("list", folder)(e)),
    };
    for entry in entries {
        let name = entry.map_err(Error::io("list", folder))?.file_name();
        let Some((frames, id)) = name.to_str().and_then(parse_file_name) else {
            continue;
        };
        if frames.end <= n_frames && wanted(frames.clone()) == id {
            let ends = candidates.entry(frames.start).or_default();
            ends.insert(frames.end, id.to_owned());
        }
    }
    Ok(candidates)
}

/// A piece of the film: a chunk, or a gap where there is no id.
struct Span {
    frames: Range<u64>,
    chunk_id: Option<String>,
}

/// The best way from a frame to the film's end.
struct Step<'a> {
    n_missing: u64,
    n_chunks: u64,
    end: u64,
    chunk_id: Option<&'a String>,
}

/// Lays candidates in a row over `0..n_frames`; gaps are joined.
fn best_row(candidates: &Candidates, n_frames: u64) -> Vec<Span> {
    // Shortest path from back to front over the frames at which a candidate begins or ends.
    let mut borders = BTreeSet::from([0, n_frames]);
    for (start, ends) in candidates {
        borders.insert(*start);
        borders.extend(ends.keys());
    }
    let mut steps: BTreeMap<u64, Step> = BTreeMap::new();
    for start in borders.into_iter().rev() {
        let mut best: Option<Step> = None;
        if let Some((next, step)) = steps.first_key_value() {
            best = Some(Step {
                n_missing: step.n_missing + (next - start),
                n_chunks: step.n_chunks,
                end: *next,
                chunk_id: None,
            });
        }
        for (end, id) in candidates.get(&start).into_iter().flatten().rev() {
            let Some(step) = steps.get(end) else { continue };
            let cost = (step.n_missing, step.n_chunks + 1);
            if best
                .as_ref()
                .is_none_or(|b| cost < (b.n_missing, b.n_chunks))
            {
                best = Some(Step {
                    n_missing: cost.0,
                    n_chunks: cost.1,
                    end: *end,
                    chunk_id: Some(id),
                });
            }
        }
        steps.insert(
            start,
            best.unwrap_or(Step {
                n_missing: 0,
                n_chunks: 0,
                end: start,
                chunk_id: None,
            }),
        );
    }

    let mut row: Vec<Span> = Vec::new();
    let mut start = 0;
    while let Some(step) = steps.get(&start).filter(|step| step.end > start) {
        match row.last_mut() {
            Some(gap) if gap.chunk_id.is_none() && step.chunk_id.is_none() => {
                gap.frames.end = step.end;
            }
            _ => row.push(Span {
                frames: start..step.end,
                chunk_id: step.chunk_id.cloned(),
            }),
        }
        start = step.end;
    }
    row
}

#[cfg(test)]
#[expect(
    clippy::single_range_in_vec_init,
    reason = "lists of one range are meant"
)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing;

    fn id_of(frames: Range<u64>) -> String {
        format!("v1x{}", frames.end - frames.start)
    }

    fn folder_with(ranges: &[Range<u64>]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for frames in ranges {
            let id = id_of(frames.clone());
            testing::chunk(folder.path(), &id, frames.clone(), &testing::config(16, 16));
        }
        folder
    }

    fn ranges(coverage: &Coverage) -> Vec<Range<u64>> {
        coverage.chunks.iter().map(ChunkInfo::frames).collect()
    }

    #[test]
    fn unaligned_ranges_are_joined_to_a_film() {
        let folder = folder_with(&[0..5, 5..8, 8..12, 3..8]);
        let coverage = cover(folder.path(), 12, id_of).unwrap();
        assert_eq!(ranges(&coverage), [0..5, 5..8, 8..12]);
        assert!(coverage.missing.is_empty());
    }

    #[test]
    fn fewer_chunks_are_preferred() {
        let folder = folder_with(&[0..2, 2..4, 0..4]);
        let coverage = cover(folder.path(), 4, id_of).unwrap();
        assert_eq!(ranges(&coverage), [0..4]);
    }

    #[test]
    fn gaps_are_reported_whole() {
        let folder = folder_with(&[2..4, 3..6, 9..10]);
        let coverage = cover(folder.path(), 12, id_of).unwrap();
        assert_eq!(ranges(&coverage), [3..6, 9..10]);
        assert_eq!(coverage.missing, [0..3, 6..9, 10..12]);
        let nothing = cover(folder.path().join("missing"), 12, id_of).unwrap();
        assert_eq!(nothing.missing, [0..12]);
        let empty = cover(folder.path(), 0, id_of).unwrap();
        assert_eq!(empty, Coverage::default());
    }

    #[test]
    fn stale_and_damaged_chunks_count_as_missing() {
        let folder = folder_with(&[0..4, 4..8, 8..12]);
        let damaged = folder.path().join(file_name(&(4..8), &id_of(4..8)));
        let mut bytes = std::fs::read(&damaged).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&damaged, bytes).unwrap();
        // A whole chunk under the name of another one is no better.
        let (from, to) = ((0..4), (12..16));
        std::fs::copy(
            folder.path().join(file_name(&from, &id_of(0..4))),
            folder.path().join(file_name(&to, &id_of(0..4))),
        )
        .unwrap();
        let coverage = cover(folder.path(), 16, id_of).unwrap();
        assert_eq!(ranges(&coverage), [0..4, 8..12]);
        assert_eq!(coverage.missing, [4..8, 12..16]);
        let other_version = cover(folder.path(), 16, |_| "v2".to_owned()).unwrap();
        assert_eq!(other_version.missing, [0..16]);
    }

    #[test]
    fn a_chunk_that_is_looked_for_is_whole_damaged_or_missing() {
        let folder = folder_with(&[0..4, 4..8]);
        let torn = folder.path().join(file_name(&(4..8), &id_of(4..8)));
        let bytes = std::fs::read(&torn).unwrap();
        std::fs::write(&torn, &bytes[..bytes.len() - 1]).unwrap();
        let found = |frames: Range<u64>| find(folder.path(), &frames, &id_of(frames.clone()));
        assert!(matches!(found(0..4), Found::Whole(info) if info.frames() == (0..4)));
        assert!(
            matches!(found(4..8), Found::Damaged(error) if error.to_string().contains("000004"))
        );
        assert!(matches!(found(8..12), Found::Missing));
        let nowhere = find(folder.path().join("missing"), &(0..4), "v1x4");
        assert!(matches!(nowhere, Found::Missing));
    }

    proptest! {
        #[test]
        fn pieces_lie_on_the_grid(start in 0u64..500, len in 0u64..500, chunk_len in 1u64..60) {
            let frames = start..start + len;
            let pieces: Vec<_> = grid_pieces(frames.clone(), chunk_len).collect();
            let mut next = frames.start;
            for piece in &pieces {
                prop_assert_eq!(piece.start, next);
                prop_assert!(piece.end > piece.start);
                prop_assert_eq!(piece.start / chunk_len, (piece.end - 1) / chunk_len);
                next = piece.end;
            }
            prop_assert_eq!(next, frames.end);
        }

        #[test]
        fn a_row_covers_every_frame_once(
            candidates in proptest::collection::vec((0u64..30, 1u64..10), 0..20),
            n_frames in 0u64..30,
        ) {
            let mut by_start = Candidates::new();
            for (start, len) in candidates {
                if start + len <= n_frames {
                    by_start.entry(start).or_default().insert(start + len, "id".to_owned());
                }
            }
            let row = best_row(&by_start, n_frames);
            let mut next = 0;
            let mut n_missing = 0;
            for span in &row {
                prop_assert_eq!(span.frames.start, next);
                next = span.frames.end;
                if span.chunk_id.is_none() {
                    n_missing += span.frames.end - span.frames.start;
                }
            }
            prop_assert_eq!(next, n_frames);
            // The slow way: fewest missing frames from each frame on.
            let mut fewest = vec![0; n_frames as usize + 1];
            for start in (0..n_frames).rev() {
                let skip = fewest[start as usize + 1] + 1;
                let ends = by_start.get(&start).into_iter().flatten();
                fewest[start as usize] =
                    ends.map(|(end, _)| fewest[*end as usize]).fold(skip, u64::min);
            }
            prop_assert_eq!(n_missing, fewest[0]);
        }
    }
}
