//! Who made a song and what it is called, by its tags.

use std::fs::File;
use std::path::Path;

use symphonia::core::formats::probe::Hint;
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::{MetadataRevision, StandardTag};

use super::track::Track;

/// Longest name that is taken, in letters.
const MAX_LETTERS: usize = 200;

/// Names in a song's tags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SongNames {
    /// Who made it.
    pub artist: Option<String>,
    /// What it is called.
    pub title: Option<String>,
}

impl Track {
    /// What the file's tags say (ID3, Vorbis comments, MP4, APE). Files without readable tags have no names.
    pub fn names(&self) -> SongNames {
        read(&self.path).unwrap_or_default()
    }
}

fn read(path: &Path) -> Option<SongNames> {
    let mut hint = Hint::new();
    if let Some(ending) = path.extension().and_then(|ending| ending.to_str()) {
        hint.with_extension(ending);
    }
    let source = MediaSourceStream::new(Box::new(File::open(path).ok()?), Default::default());
    let mut reader = symphonia::default::get_probe()
        .probe(&hint, source, Default::default(), Default::default())
        .ok()?;
    let mut metadata = reader.metadata();
    Some(names(metadata.skip_to_latest()?))
}

fn names(revision: &MetadataRevision) -> SongNames {
    let mut names = SongNames::default();
    let tracks = revision
        .per_track
        .iter()
        .flat_map(|track| &track.metadata.tags);
    for tag in revision.media.tags.iter().chain(tracks) {
        match &tag.std {
            Some(StandardTag::Artist(text)) => set(&mut names.artist, text),
            Some(StandardTag::TrackTitle(text)) => set(&mut names.title, text),
            _ => {}
        }
    }
    names
}

/// The first of several counts.
fn set(name: &mut Option<String>, text: &str) {
    let visible = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let text: String = visible.take(MAX_LETTERS).collect();
    let text = text.trim();
    if name.is_none() && !text.is_empty() {
        *name = Some(text.to_owned());
    }
}
