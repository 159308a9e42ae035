//! Which songs a set has: those of a folder, of a list, or of a DJ program's collection.

use std::path::{Path, PathBuf};

use analysis::collection_tracks;
use common::{Error, Result};

use crate::set_list;

/// Endings of songs in a folder. Films aren't taken for songs: a folder may hold clips.
const ENDINGS: [&str; 16] = [
    "wav", "wave", "flac", "mp3", "m4a", "m4b", "aac", "alac", "ogg", "oga", "opus", "aif", "aiff",
    "aifc", "caf", "wma",
];

/// A song of a set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetSong {
    /// The file.
    pub path: PathBuf,
    /// Who made it, where a list or collection says so.
    pub artist: Option<String>,
    /// What it is called, where a list or collection says so.
    pub title: Option<String>,
    /// The collection that has its beat grid and cues.
    pub collection: Option<PathBuf>,
}

/// The songs of a set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetSongs {
    /// Those that are there, in order; at least one.
    pub songs: Vec<SetSong>,
    /// Those that aren't, in words.
    pub missing: Vec<String>,
}

/// The songs of a folder (by name, without those of folders in it), of an M3U list, of rekordbox's XML or of Traktor's NML; or one
/// song.
///
/// # Errors
/// [`Error::Io`]; [`Error::Input`] where no song is found, and for a list or collection that can't be read.
pub fn find_songs(path: &Path) -> Result<SetSongs> {
    if path.is_dir() {
        return of_folder(path);
    }
    if set_list::is_set_list(path) {
        return of_list(path);
    }
    let ending = path.extension().unwrap_or_default();
    if ending.eq_ignore_ascii_case("xml") || ending.eq_ignore_ascii_case("nml") {
        return of_collection(path);
    }
    Ok(SetSongs {
        songs: vec![SetSong {
            path: path.to_owned(),
            ..SetSong::default()
        }],
        missing: Vec::new(),
    })
}

fn of_folder(folder: &Path) -> Result<SetSongs> {
    let mut paths = Vec::new();
    for entry in folder.read_dir().map_err(Error::io("read", folder))? {
        let path = entry.map_err(Error::io("read", folder))?.path();
        let ending = path.extension().unwrap_or_default();
        if path.is_file()
            && ENDINGS
                .iter()
                .any(|known| ending.eq_ignore_ascii_case(known))
        {
            paths.push(path);
        }
    }
    paths.sort();
    if paths.is_empty() {
        return Err(Error::input(folder, "holds no songs").with_hint(
            "give a folder of songs, a list (.m3u8), or the collection of a DJ program (.xml, .nml)",
        ));
    }
    let song = |path| SetSong {
        path,
        ..SetSong::default()
    };
    Ok(SetSongs {
        songs: paths.into_iter().map(song).collect(),
        missing: Vec::new(),
    })
}

fn of_list(path: &Path) -> Result<SetSongs> {
    let list = set_list::read(path)?;
    let song = |listed: set_list::ListedSong| {
        let (artist, title) = listed.title.map_or((None, None), |title| names_in(&title));
        SetSong {
            path: listed.path,
            artist,
            title,
            collection: None,
        }
    };
    Ok(SetSongs {
        songs: list.songs.into_iter().map(song).collect(),
        missing: list.missing,
    })
}

fn of_collection(path: &Path) -> Result<SetSongs> {
    let mut found = SetSongs::default();
    for track in collection_tracks(path)? {
        match track.find(path) {
            Some(song) => found.songs.push(SetSong {
                path: song,
                artist: track.artist,
                title: track.title,
                collection: Some(path.to_owned()),
            }),
            None => found.missing.push(track.parts.join("/")),
        }
    }
    if found.songs.is_empty() {
        let first = found.missing.first().cloned().unwrap_or_default();
        let reason = format!(
            "none of its {} songs is there, such as {first}",
            found.missing.len()
        );
        return Err(Error::input(path, reason).with_hint(
            "put the collection into the folder above the songs, or run this where they lie",
        ));
    }
    Ok(found)
}

/// Artist and title of `Artist - Title`.
pub(super) fn names_in(text: &str) -> (Option<String>, Option<String>) {
    let name = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    match text.split_once(" - ") {
        Some((artist, title)) => (name(artist), name(title)),
        None => (None, name(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn names(found: &SetSongs) -> Vec<String> {
        let name = |song: &SetSong| {
            let name = song.path.file_name().unwrap();
            name.to_str().unwrap().to_owned()
        };
        found.songs.iter().map(name).collect()
    }

    #[test]
    fn a_folder_gives_its_songs_by_name() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.MP3", "a.flac", "clip.mov", "notes.txt", "in/c.wav"] {
            write(&folder.path().join(name), "x");
        }
        let found = find_songs(folder.path()).unwrap();
        assert_eq!(names(&found), ["a.flac", "b.MP3"]);
        let empty = folder.path().join("in").join("empty");
        std::fs::create_dir(&empty).unwrap();
        assert!(find_songs(&empty).unwrap_err().hint().is_some());
    }

    #[test]
    fn collections_travel_with_their_songs() {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("Music/a b.mp3"), "x");
        write(&folder.path().join("Song.mp3"), "x");
        let xml = folder.path().join("c.xml");
        let track = |name: &str, place: &str| {
            format!("<TRACK Name=\"{name}\" Artist=\"Ann\" Location=\"file://localhost{place}\"/>")
        };
        let tracks = track("One", "/Users/dj/Music/a%20b.mp3") + &track("Two", "/C:/lost.mp3");
        write(
            &xml,
            &format!("<DJ_PLAYLISTS><COLLECTION>{tracks}</COLLECTION></DJ_PLAYLISTS>"),
        );
        let found = find_songs(&xml).unwrap();
        assert_eq!(names(&found), ["a b.mp3"]);
        assert_eq!(found.songs[0].title.as_deref(), Some("One"));
        assert_eq!(found.songs[0].collection.as_deref(), Some(&*xml));
        assert_eq!(found.missing, ["C:/lost.mp3"]);

        let nml = folder.path().join("c.nml");
        let entry = "<ENTRY TITLE=\"t\" ARTIST=\"a\"><LOCATION DIR=\"/:Sets/:\" FILE=\"Song.mp3\" VOLUME=\"C:\"/></ENTRY>";
        write(
            &nml,
            &format!("<NML><COLLECTION>{entry}</COLLECTION></NML>"),
        );
        let found = find_songs(&nml).unwrap();
        assert_eq!(found.songs[0].artist.as_deref(), Some("a"));
        assert_eq!(names(&found), ["Song.mp3"]);

        write(&xml, "<DJ_PLAYLISTS><COLLECTION/></DJ_PLAYLISTS>");
        assert!(
            find_songs(&xml)
                .unwrap_err()
                .to_string()
                .contains("no tracks")
        );
        write(&xml, "<!DOCTYPE x [<!ENTITY a \"b\">]><DJ_PLAYLISTS/>");
        assert!(
            find_songs(&xml)
                .unwrap_err()
                .to_string()
                .contains("DOCTYPE")
        );
    }

    #[test]
    fn a_list_names_its_songs() {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("a.mp3"), "x");
        let list = folder.path().join("set.m3u8");
        write(&list, "#EXTINF:-1,Ann - Song - live\na.mp3\nlost.mp3\n");
        let found = find_songs(&list).unwrap();
        let song = &found.songs[0];
        assert_eq!(song.artist.as_deref(), Some("Ann"));
        assert_eq!(song.title.as_deref(), Some("Song - live"));
        assert_eq!(found.missing, ["line 3: lost.mp3"]);
    }
}
