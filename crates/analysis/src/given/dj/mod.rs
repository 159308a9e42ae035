//! Beats and cues from the collections of DJ programs: rekordbox's XML, Traktor's NML.
//!
//! | file | task |
//! |---|---|
//! | `xml.rs` | XML that may be hostile |
//! | `rekordbox.rs`, `traktor.rs` | a collection's tracks: where they lie, their grids and cues |
//! | `grid.rs` | grid and cues to beats and sections |
//! | `tracks.rs` | the tracks that a collection lists |

mod grid;
mod rekordbox;
mod tracks;
mod traktor;
mod xml;

use std::path::Path;

use common::{Error, Result};
use roxmltree::Node;

use super::beats_file::BeatsFile;
use grid::Grid;
pub use tracks::{CollectionTrack, collection_tracks};
pub(super) use xml::{MAX_XML_BYTES, is_xml};

/// A track of a collection: the parts of its path, the file's name last, and where to read the rest.
struct Entry<'a, 'input> {
    parts: Vec<String>,
    node: Node<'a, 'input>,
}

/// Whose collection a file is.
#[derive(Clone, Copy)]
enum Program {
    Rekordbox,
    Traktor,
}

impl Program {
    fn of(path: &Path, root: Node<'_, '_>) -> Result<Self> {
        match root.tag_name().name() {
            "DJ_PLAYLISTS" => Ok(Self::Rekordbox),
            "NML" => Ok(Self::Traktor),
            other => {
                let reason =
                    format!("is XML, but no collection of a DJ program: it begins with <{other}>");
                Err(Error::input(path, reason).with_hint(
                    "give the collection that rekordbox exports as XML, or Traktor's collection.nml",
                ))
            }
        }
    }

    fn entries<'a, 'input>(self, root: Node<'a, 'input>) -> Vec<Entry<'a, 'input>> {
        match self {
            Self::Rekordbox => rekordbox::entries(root),
            Self::Traktor => traktor::entries(root),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Rekordbox => "rekordbox",
            Self::Traktor => "Traktor",
        }
    }
}

/// Beats and sections of the song at `song` with `duration_secs`, out of the collection at `path`.
///
/// # Errors
/// [`Error::Input`] for XML that isn't a collection, or that has no use for the song.
pub(super) fn read(
    path: &Path,
    bytes: &[u8],
    song: &Path,
    duration_secs: f64,
) -> Result<BeatsFile> {
    let text = xml::text(path, bytes)?;
    let document = xml::parse(path, text)?;
    let root = document.root_element();
    let program = Program::of(path, root)?;
    let entries = program.entries(root);
    let node = find(path, program, &entries, song)?;
    let grid = match program {
        Program::Rekordbox => rekordbox::grid(path, node)?,
        Program::Traktor => traktor::grid(path, node)?,
    };
    if grid.marks.is_empty() {
        return Err(
            Error::input(path, format!("has no beat grid for {}", song.display())).with_hint(
                format!(
                    "let {} analyze the track, and export the collection again",
                    program.name()
                ),
            ),
        );
    }
    beats_file(path, node, &grid, duration_secs)
}

fn beats_file(
    path: &Path,
    node: Node<'_, '_>,
    grid: &Grid,
    duration_secs: f64,
) -> Result<BeatsFile> {
    let beats = grid.beats(duration_secs);
    if beats.len() < 2 {
        let reason = format!("{} beats of the grid lie within the song", beats.len());
        return Err(xml::error(path, node, &reason).with_hint("is it this song's track?"));
    }
    Ok(BeatsFile {
        beats,
        sections: grid.sections(duration_secs),
    })
}

/// The track whose path is most like the song's: the same file name, then as many of the same folders as there are.
fn find<'a, 'input>(
    path: &Path,
    program: Program,
    entries: &[Entry<'a, 'input>],
    song: &Path,
) -> Result<Node<'a, 'input>> {
    let song_parts = parts(&std::path::absolute(song).unwrap_or_else(|_| song.to_owned()));
    let name = song_parts.last().cloned().unwrap_or_default();
    let likeness = |entry: &Entry<'_, '_>| {
        let pairs = entry.parts.iter().rev().zip(song_parts.iter().rev());
        pairs.take_while(|(a, b)| is_same_name(a, b)).count()
    };
    let best = entries.iter().map(likeness).max().unwrap_or(0);
    let mut found = entries.iter().filter(|entry| likeness(entry) == best);
    let (Some(first), true) = (found.next(), best > 0) else {
        let reason = format!(
            "holds no track called {name} among its {} tracks",
            entries.len()
        );
        return Err(Error::input(path, reason).with_hint(format!(
            "export the collection with this track in it, or give the song the name that it has in {}",
            program.name()
        )));
    };
    // Programs may list one file twice, with one path.
    match found.find(|other| other.parts != first.parts) {
        None => Ok(first.node),
        Some(other) => {
            let reason = format!(
                "has several tracks called {name}: {} and {}",
                first.parts.join("/"),
                other.parts.join("/")
            );
            Err(Error::input(path, reason)
                .with_hint("export a playlist with the one track, and give that"))
        }
    }
}

/// A path's folders and name.
fn parts(path: &Path) -> Vec<String> {
    let normal = path.components().filter_map(|part| match part {
        std::path::Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        _ => None,
    });
    normal.collect()
}

/// Names are the same whatever their case: file systems of DJs don't tell it apart.
fn is_same_name(a: &str, b: &str) -> bool {
    a == b || a.to_lowercase() == b.to_lowercase()
}

#[cfg(test)]
mod tests;
