//! Traktor's NML: times in milliseconds, folders with `/:` between them, a cue of type 4 for each grid marker.
//!
//! There is no published specification; this follows the files of Traktor 2 to 4 and the programs that read them.

use std::path::Path;

use common::Result;
use roxmltree::Node;

use super::grid::{Cue, Grid, Mark};
use super::{Entry, xml};

/// `TYPE` of a cue, a grid marker and a loop; others are fades and where a deck loads the track.
const CUE: &str = "0";
const GRID: &str = "4";
const LOOP: &str = "5";
/// Traktor counts in fours.
const BEATS_PER_BAR: u32 = 4;
/// Names that Traktor gives by itself.
const UNNAMED: [&str; 3] = ["n.n.", "AutoGrid", "Beat Marker"];

/// The tracks of the collection.
pub(super) fn entries<'a, 'input>(root: Node<'a, 'input>) -> Vec<Entry<'a, 'input>> {
    let Some(collection) = xml::child(root, "COLLECTION") else {
        return Vec::new();
    };
    let entries = xml::children(collection, "ENTRY");
    entries
        .filter_map(|node| {
            let location = xml::child(node, "LOCATION")?;
            let folder = location.attribute("DIR").unwrap_or_default();
            let parts = [location.attribute("VOLUME").unwrap_or_default()]
                .into_iter()
                .chain(folder.split("/:"))
                .chain(location.attribute("FILE"))
                .filter(|part| !part.is_empty());
            Some(Entry {
                parts: parts.map(str::to_owned).collect(),
                node,
            })
        })
        .collect()
}

/// A track's grid, which reaches to both ends of the song, and its cues. Each marker is a downbeat; one without a tempo of
/// its own goes on at the track's.
pub(super) fn grid(path: &Path, entry: Node<'_, '_>) -> Result<Grid> {
    let mut grid = Grid {
        goes_back: true,
        ..Grid::default()
    };
    let track_bpm = match xml::child(entry, "TEMPO") {
        Some(tempo) => xml::tempo(path, tempo, "BPM")?,
        None => None,
    };
    let mut n_unnumbered = 0;
    for node in xml::children(entry, "CUE_V2") {
        let kind = node.attribute("TYPE").unwrap_or(CUE).trim();
        if ![CUE, GRID, LOOP].contains(&kind) {
            continue;
        }
        let Some(start_ms) = xml::number(path, node, "START")? else {
            return Err(xml::error(path, node, "START is missing"));
        };
        let start_secs = start_ms / 1000.0;
        if kind == GRID {
            let own_bpm = match xml::child(node, "GRID") {
                Some(grid) => xml::tempo(path, grid, "BPM")?,
                None => None,
            };
            let Some(bpm) = own_bpm.or(track_bpm) else {
                return Err(xml::error(path, node, "the grid marker has no tempo")
                    .with_hint("analyze the track in Traktor"));
            };
            grid.marks.push(Mark {
                time_secs: start_secs,
                bpm,
                beats_per_bar: BEATS_PER_BAR,
                position_in_bar: 1,
            });
            continue;
        }
        let length_ms = xml::number(path, node, "LEN")?.unwrap_or(0.0);
        let hot = node
            .attribute("HOTCUE")
            .and_then(|text| text.trim().parse::<u8>().ok());
        n_unnumbered += usize::from(hot.is_none());
        let name = node.attribute("NAME").unwrap_or_default().trim();
        let name = if UNNAMED.contains(&name) { "" } else { name };
        grid.cues.push(Cue {
            start_secs,
            end_secs: (kind == LOOP).then_some(start_secs + length_ms / 1000.0),
            name: name.to_owned(),
            hot: hot.map(usize::from),
            number: n_unnumbered,
        });
    }
    Ok(grid)
}
