//! The project folder: the songs in it, and which files belong to a song.
//!
//! The folder is the current one, and every file is named by its bare name, as on the command line: a film of the page and
//! one of the command line are made from the same names. No name of a client reaches a path before [`Name::new`] has found
//! it to be bare.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use analysis::fix_path;
use audio::is_song_name;
use axum::http::StatusCode;
use common::{Error, Result};
use timeline::VideoCodec;

use super::answer::{Answer, Refused};
use super::wire::SongEntry;
use crate::provenance::TIMELINE_SHA256;

/// Longest name in bytes; most file systems hold 255, and names of other files are built from it.
const MAX_NAME_BYTES: usize = 200;
/// Names that mean devices on Windows, whatever their ending; `com` and `lpt` with a digit.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];
const NUMBERED_DEVICES: [&str; 2] = ["com", "lpt"];

/// A bare file name: a path with it stays in the folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(String);

impl Name {
    /// A name that a client gave.
    ///
    /// # Errors
    /// 400 for one that isn't bare, is hidden, or means something else on some system.
    pub fn new(name: &str) -> Answer<Self> {
        let refuse = |reason: &str| {
            Refused::new(StatusCode::BAD_REQUEST, format!("{name:?} {reason}"))
                .with_hint("give a plain file name, such as song.flac")
        };
        if name.is_empty() || name.len() > MAX_NAME_BYTES {
            return Err(refuse("is too short or too long for a file name"));
        }
        let means_more = |c: char| "/\\".contains(c) || cfg!(windows) && ":*?\"<>|".contains(c);
        let is_unsafe =
            |c: char| c.is_control() || c == char::REPLACEMENT_CHARACTER || means_more(c);
        if name.contains(is_unsafe) || name.starts_with('.') || name.starts_with('-') {
            return Err(refuse("is no plain file name"));
        }
        if is_device(name) || name.ends_with(['.', ' ']) {
            return Err(refuse("means something else on some systems"));
        }
        Ok(Self(name.to_owned()))
    }

    /// The name of a song.
    ///
    /// # Errors
    /// As [`new`](Self::new); 415 for a file that isn't named like a song.
    pub fn of_song(name: &str) -> Answer<Self> {
        let found = Self::new(name)?;
        match is_song_name(name) {
            true => Ok(found),
            false => Err(Refused::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                format!("{name:?} is not named like a song"),
            )
            .with_hint(format!(
                "songs are files that end in .{}",
                audio::SONG_ENDINGS.join(", .")
            ))),
        }
    }

    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path in the current folder.
    pub fn path(&self) -> &Path {
        Path::new(&self.0)
    }

    /// Corrections of what is heard in a song.
    pub fn beats_file(&self) -> PathBuf {
        fix_path(self.path())
    }

    /// The prompts of a song: its own where they are there, else the folder's, which a folder with one song begins with.
    pub fn prompts_file(&self) -> PathBuf {
        let own = self.path().with_extension("prompts.txt");
        let shared = PathBuf::from("prompts.txt");
        if own.is_file() {
            return own;
        }
        let is_alone = || songs().is_ok_and(|songs| songs.len() <= 1);
        match shared.is_file() || is_alone() {
            true => shared,
            false => own,
        }
    }

    /// Settings of a song's film.
    pub fn settings_file(&self) -> PathBuf {
        self.path().with_extension("settings.json")
    }

    /// A song's film.
    pub fn film(&self, codec: VideoCodec) -> PathBuf {
        self.path().with_extension(codec.extension())
    }

    /// A song's preview.
    pub fn preview(&self, codec: VideoCodec) -> PathBuf {
        let ending = format!("preview.{}", codec.extension());
        self.path().with_extension(ending)
    }
}

fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end();
    let word = stem.strip_suffix(|c: char| c.is_ascii_digit());
    let is_any =
        |names: &[&str], word: &str| names.iter().any(|known| known.eq_ignore_ascii_case(word));
    is_any(&DEVICES, stem) || word.is_some_and(|word| is_any(&NUMBERED_DEVICES, word))
}

/// The name of the project folder.
pub fn folder_name() -> String {
    let folder = std::env::current_dir().unwrap_or_default();
    let name = folder.file_name().unwrap_or(folder.as_os_str());
    name.to_string_lossy().into_owned()
}

/// The lock of the folder.
const LOCK: &str = ".visualize-studio.lock";

/// Takes the folder for this program until the file is dropped or the program ends: two queues would draw the same films.
///
/// # Errors
/// [`Error::Limit`] where another studio has it; [`Error::Io`] where the folder can't be written.
pub fn lock() -> Result<File> {
    let file = File::create(LOCK).map_err(Error::io("create", LOCK))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(Error::Limit {
            reason: "another studio has this folder open".to_owned(),
            hint: Some("use its page, or end it with Ctrl-C in its terminal".to_owned()),
        }),
        // A file system without locks can't tell.
        _ => Ok(file),
    }
}

/// Length of a file and when it was written: tells it from one that takes its place.
pub type Stamp = (u64, Option<SystemTime>);

/// The stamp of a file, if it is there.
pub fn stamp_of(path: &Path) -> Option<Stamp> {
    let metadata = path.metadata().ok()?;
    Some((metadata.len(), metadata.modified().ok()))
}

/// Files of the folder that may be songs, to tell whether any came or went.
pub fn stamps() -> Vec<(String, Stamp)> {
    let entries = Path::new(".").read_dir().into_iter().flatten().flatten();
    let mut stamps: Vec<_> = entries
        .filter_map(|entry| {
            let name = entry
                .file_name()
                .into_string()
                .ok()
                .filter(|name| is_song_name(name))?;
            let stamp = stamp_of(&entry.path())?;
            Some((name, stamp))
        })
        .collect();
    stamps.sort_unstable();
    stamps
}

/// The songs in the folder, by name. Films that were made here aren't among them.
///
/// # Errors
/// [`Error::Io`] when the folder can't be read.
pub fn songs() -> Result<Vec<SongEntry>> {
    let folder = Path::new(".");
    let entries = folder.read_dir().map_err(Error::io("read", folder))?;
    let mut songs: Vec<SongEntry> = entries
        .flatten()
        .filter_map(|entry| {
            let name = Name::of_song(&entry.file_name().into_string().ok()?).ok()?;
            let file = name.path().metadata().ok().filter(|file| file.is_file())?;
            (!is_our_film(name.path())).then(|| SongEntry {
                name: name.as_str().to_owned(),
                bytes: file.len(),
                film: film_of(&name),
            })
        })
        .collect();
    songs.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(songs)
}

/// A song that is in the folder.
///
/// # Errors
/// As [`Name::of_song`]; 404 where it isn't there.
pub fn find_song(name: &str) -> Answer<Name> {
    let name = Name::of_song(name)?;
    match name.path().is_file() {
        true => Ok(name),
        false => Err(Refused::missing(format!(
            "there is no song {:?} in the folder",
            name.as_str()
        ))),
    }
}

/// File name of a song's finished film.
pub fn film_of(song: &Name) -> Option<String> {
    finished(song, Name::film)
}

/// File name of a song's finished preview.
pub fn preview_of(song: &Name) -> Option<String> {
    finished(song, Name::preview)
}

fn finished(song: &Name, place: impl Fn(&Name, VideoCodec) -> PathBuf) -> Option<String> {
    let mut films = [VideoCodec::H264, VideoCodec::Hap]
        .map(|codec| place(song, codec))
        .into_iter();
    let film = films.find(|film| is_our_film(film))?;
    film.to_str().map(str::to_owned)
}

/// Whether a file is a film that this program has made.
pub fn is_our_film(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default();
    let may_be = ["mp4", "mov"]
        .iter()
        .any(|film| ending.eq_ignore_ascii_case(film));
    may_be
        && path.is_file()
        && video::probe(path).is_ok_and(|probe| probe.tags.facts.contains_key(TIMELINE_SHA256))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_names_alone_are_taken() {
        for name in [
            "",
            ".",
            "..",
            "../a.wav",
            "a/../b.wav",
            "/etc/passwd",
            "a\\b.wav",
            "c:\\a.wav",
            ".hidden.wav",
            "a\0.wav",
            "a\n.wav",
            "nul",
            "NUL.wav",
            "com1.wav",
            "a.wav.",
            "a.wav ",
            "-rf.wav",
            "~/../a|b.wav",
        ] {
            assert!(Name::new(name).is_err(), "{name:?}");
        }
        assert!(Name::new(&"a".repeat(300)).is_err());
        for name in [
            "song.flac",
            "com.wav",
            "Déjà vu – 夜.wav",
            "a..b.wav",
            "my song (2).mp3",
            "command.wav",
            #[cfg(unix)]
            "What's up? *live*: \"one\" <2|3>.wav",
        ] {
            let found = Name::new(name).unwrap();
            assert_eq!(found.path().parent(), Some(Path::new("")), "{name}");
        }
        assert!(Name::of_song("a.exe").is_err());
        assert!(Name::of_song("a.FLAC").is_ok());
    }

    #[test]
    fn files_lie_beside_their_song() {
        let song = Name::new("my.song.flac").unwrap();
        let names = [
            song.beats_file(),
            song.settings_file(),
            song.film(VideoCodec::H264),
            song.preview(VideoCodec::Hap),
        ];
        let expected = [
            "my.song.flac.fix.txt",
            "my.song.settings.json",
            "my.song.mp4",
            "my.song.preview.mov",
        ];
        assert_eq!(names, expected.map(PathBuf::from));
    }
}
