//! The tracks that a collection lists.

use std::path::{Path, PathBuf};

use common::partial_file::folder_of;
use common::{Error, Result, text_file};

use super::{Program, xml};

/// A track of a DJ program's collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectionTrack {
    /// Who made it, where the collection says so.
    pub artist: Option<String>,
    /// What it is called, where the collection says so.
    pub title: Option<String>,
    /// Folders and name of the file, as the collection has them; the first may be a volume.
    pub parts: Vec<String>,
}

impl CollectionTrack {
    /// The file: where the collection has it, or else below the collection's own folder, as many of whose folders as are there.
    pub fn find(&self, collection: &Path) -> Option<PathBuf> {
        let joined = |from: usize| -> PathBuf { self.parts.iter().skip(from).collect() };
        let root = Path::new("/");
        let mut places = vec![root.join(joined(0)), root.join(joined(1))];
        places.push(root.join("Volumes").join(joined(0)));
        if self.parts.first().is_some_and(|part| part.ends_with(':')) {
            let drive = self.parts.join("/"); // C:/Music/a.mp3
            places.insert(0, PathBuf::from(drive));
        }
        let folder = folder_of(collection);
        places.extend((0..self.parts.len()).map(|from| folder.join(joined(from))));
        places.into_iter().find(|place| place.is_file())
    }
}

/// The tracks of the collection that rekordbox exports as XML, or of Traktor's, in its order.
///
/// # Errors
/// [`Error::Io`], and [`Error::Input`] for a file that is no collection, or lists nothing.
pub fn collection_tracks(path: &Path) -> Result<Vec<CollectionTrack>> {
    let bytes = text_file::read_up_to(path, xml::MAX_XML_BYTES)?;
    let text = xml::text(path, &bytes)?;
    let document = xml::parse(path, text)?;
    let root = document.root_element();
    let program = Program::of(path, root)?;
    let names = match program {
        Program::Rekordbox => ["Artist", "Name"],
        Program::Traktor => ["ARTIST", "TITLE"],
    };
    let entries = program.entries(root).into_iter();
    let tracks: Vec<CollectionTrack> = entries
        .map(|entry| {
            let [artist, title] = names.map(|name| {
                let text = entry.node.attribute(name).unwrap_or_default().trim();
                (!text.is_empty()).then(|| text.to_owned())
            });
            CollectionTrack {
                artist,
                title,
                parts: entry.parts,
            }
        })
        .collect();
    if tracks.is_empty() {
        return Err(Error::input(path, "lists no tracks")
            .with_hint("export the collection with the tracks of the set in it"));
    }
    Ok(tracks)
}
