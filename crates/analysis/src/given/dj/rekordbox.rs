//! rekordbox's XML ("rekordbox XML format list", AlphaTheta): times in seconds, `Location` as a URL.

use std::path::Path;

use common::{Result, percent};
use roxmltree::Node;

use super::super::beats_file::MAX_POSITION;
use super::grid::{Cue, Grid, Mark};
use super::{Entry, xml};

/// `Type` of a cue and of a loop; others are fades and where a deck loads the track.
const CUE: &str = "0";
const LOOP: &str = "4";

/// The tracks of the collection.
pub(super) fn entries<'a, 'input>(root: Node<'a, 'input>) -> Vec<Entry<'a, 'input>> {
    let Some(collection) = xml::child(root, "COLLECTION") else {
        return Vec::new();
    };
    let tracks = xml::children(collection, "TRACK");
    tracks
        .filter_map(|node| {
            let parts = parts(node.attribute("Location")?);
            Some(Entry { parts, node })
        })
        .collect()
}

/// Folders and name of `file://localhost/Volumes/X/a%20b.mp3`.
fn parts(location: &str) -> Vec<String> {
    let path = location.strip_prefix("file://").unwrap_or(location);
    let path = path.strip_prefix("localhost").unwrap_or(path);
    let parts = path.split('/').filter(|part| !part.is_empty());
    parts.map(percent::decoded).collect()
}

/// A track's grid, which starts at its first tempo mark, and its cues.
pub(super) fn grid(path: &Path, track: Node<'_, '_>) -> Result<Grid> {
    let mut grid = Grid::default();
    for node in xml::children(track, "TEMPO") {
        let (Some(time_secs), Some(bpm)) = (
            xml::number(path, node, "Inizio")?,
            xml::tempo(path, node, "Bpm")?,
        ) else {
            return Err(xml::error(path, node, "Inizio or Bpm is missing"));
        };
        let beats_per_bar = beats_per_bar(path, node)?;
        let position = match node.attribute("Battito") {
            None => Some(1),
            Some(text) => text.trim().parse().ok(),
        };
        let Some(position_in_bar) = position.filter(|at| (1..=beats_per_bar).contains(at)) else {
            let reason = format!("Battito is no beat of a bar from 1 to {beats_per_bar}");
            return Err(xml::error(path, node, &reason));
        };
        grid.marks.push(Mark {
            time_secs,
            bpm,
            beats_per_bar,
            position_in_bar,
        });
    }
    let mut n_memory = 0;
    for node in xml::children(track, "POSITION_MARK") {
        let kind = node.attribute("Type").unwrap_or(CUE).trim();
        if ![CUE, LOOP].contains(&kind) {
            continue;
        }
        let Some(start_secs) = xml::number(path, node, "Start")? else {
            return Err(xml::error(path, node, "Start is missing"));
        };
        let end_secs = xml::number(path, node, "End")?.filter(|_| kind == LOOP);
        // Hot cues are counted from 0 and named by letters; -1 is a memory cue.
        let hot = node
            .attribute("Num")
            .and_then(|text| text.trim().parse::<u8>().ok());
        n_memory += usize::from(hot.is_none());
        grid.cues.push(Cue {
            start_secs,
            end_secs,
            name: node.attribute("Name").unwrap_or_default().trim().to_owned(),
            hot: hot.map(usize::from),
            number: n_memory,
        });
    }
    Ok(grid)
}

/// Beats in a bar by `Metro`: `4/4` has four.
fn beats_per_bar(path: &Path, node: Node<'_, '_>) -> Result<u32> {
    let text = node.attribute("Metro").unwrap_or("4/4");
    let n_beats = text
        .split('/')
        .next()
        .and_then(|beats| beats.trim().parse().ok());
    n_beats
        .filter(|n_beats| (1..=MAX_POSITION).contains(n_beats))
        .ok_or_else(|| {
            xml::error(
                path,
                node,
                &format!("Metro=\"{text}\" is no time signature"),
            )
        })
}
