//! Whether a file can be written under a name.

use std::ffi::OsStr;
use std::fs::{File, FileType, Metadata};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use visualize::partial_file::{PartialFile, folder_of};
use visualize::timeline::{RunFolder, VideoCodec};
use visualize::{Error, Result};

use super::Kind;
use crate::cli::typed::quote_path;

/// Endings of MP4 files.
const MP4_ENDINGS: [&str; 2] = ["mp4", "m4v"];

/// Endings of formats that a film isn't written in; another ending, or none, is the user's own.
const OTHER_FORMATS: [&str; 31] = [
    "mkv",
    "webm",
    "avi",
    "mov",
    "qt",
    "gif",
    "wmv",
    "flv",
    "ts",
    "m2ts",
    "mpg",
    "mpeg",
    "ogv",
    "3gp",
    "h264",
    "264",
    "png",
    "jpg",
    "jpeg",
    "webp",
    "svg",
    "wav",
    "flac",
    "mp3",
    "m4a",
    "aac",
    "ogg",
    "opus",
    "txt",
    "json",
    "safetensors",
];
/// Most links that are followed from one to the next.
const MAX_LINKS: usize = 40;
/// Bytes of a file that tell what it is.
const N_HEAD_BYTES: u64 = 512;

/// A path with its folder spelt in one way, for files that don't exist yet.
pub fn place(path: &Path) -> PathBuf {
    let folder = folder_of(path);
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    folder.join(path.file_name().unwrap_or_default())
}

/// Where a path leads: links at its end are followed, also to a file that doesn't exist yet.
pub fn resolved(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        match path.read_link() {
            Ok(target) => path = folder_of(&path).join(target),
            Err(_) => break,
        }
    }
    path
}

/// Whether a path means the standard output.
pub fn is_stdout(path: &Path) -> bool {
    ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"]
        .iter()
        .any(|name| path == Path::new(name))
}

/// What is said of a file that gets its name by -o, or by the song's name without it.
pub const SHORTER_FILM: &str = "give a shorter one with -o";
/// What is said of a file that is named by a flag of its own.
pub const SHORTER_FILE: &str = "give a shorter one";
/// What is said of a file that lies beside the song under its name.
pub const SHORTER_SONG: &str = "it comes from the song's name, since the file lies beside the song: give the song a shorter one";

/// `shorter` is what is said where the name is too long.
pub fn metadata(path: &Path, shorter: &str) -> Result<Option<Metadata>> {
    match path.metadata() {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(name_error(path, error, shorter)),
    }
}

pub fn refuse_unless_regular(path: &Path, file_type: FileType) -> Result<()> {
    if file_type.is_file() {
        return Ok(());
    }
    if file_type.is_dir() {
        return Err(Error::input(path, "is a folder").with_hint("name the file to write in it"));
    }
    Err(
        Error::input(path, "is a device or a pipe, and this has to be a file")
            .with_hint("give a name that no file has yet"),
    )
}

pub fn check_film_name(path: &Path, codec: VideoCodec) -> Result<()> {
    let wanted = codec.extension();
    let suggested = path.with_extension(wanted);
    if is_stdout(path) {
        return Err(Error::input(
            path,
            "a film can't go to the standard output, since it is written back and forth",
        )
        .with_hint(format!("give a file, such as -o film.{wanted}")));
    }
    if path.to_str().is_none() {
        return Err(Error::input(path, "the name isn't UTF-8 text")
            .with_hint(format!("name the film with -o film.{wanted}")));
    }
    let ending = path.extension().and_then(OsStr::to_str).unwrap_or_default();
    if ending == "visualize" {
        return Err(run_folder_name(path));
    }
    let ending = ending.to_ascii_lowercase();
    let is_other = match codec.is_hap() {
        true => ending != "mov" && (MP4_ENDINGS.contains(&&*ending) || is_of_others(&ending)),
        false => is_of_others(&ending),
    };
    if is_other && metadata(path, SHORTER_FILM)?.is_none_or(|m| !m.is_dir()) {
        let reason = match codec.is_hap() {
            true => format!("Hap films are MOV files, not {ending}"),
            false if ending == "mov" => "films are MP4 files; those in Hap are MOV".to_owned(),
            false => format!("films are MP4 files, not {ending}"),
        };
        let hint = match codec.is_hap() || ending != "mov" {
            true => format!("give -o {}", quote_path(suggested)),
            false => format!("give -o {}, or --codec hapq", quote_path(suggested)),
        };
        return Err(Error::input(path, reason).with_hint(hint));
    }
    Ok(())
}

fn is_of_others(ending: &str) -> bool {
    OTHER_FORMATS.contains(&ending)
}

pub fn check_plot_name(path: &Path, kind: Kind) -> Result<()> {
    let ending = path.extension().and_then(OsStr::to_str).unwrap_or_default();
    let is_picture = ["png", "svg"].contains(&ending.to_ascii_lowercase().as_str());
    if kind == Kind::Plot && !is_picture {
        return Err(Error::Config {
            name: "plot",
            value: path.display().to_string(),
            allowed: "give a file name that ends in .png or .svg".to_owned(),
        });
    }
    Ok(())
}

pub fn run_folder_name(path: &Path) -> Error {
    Error::input(
        path,
        "names that end in .visualize are those of folders for finished frames",
    )
    .with_hint("give the file another ending")
}

/// The folder of finished chunks must be one, or not be there.
pub fn check_run_folder(out: &Path) -> Result<()> {
    let folder = RunFolder::beside(out);
    match folder.path().symlink_metadata() {
        Ok(_) if folder.path().is_dir() => tempfile::tempfile_in(folder.path())
            .map(drop)
            .map_err(Error::io("write to", folder.path())),
        Ok(_) => Err(Error::input(
            folder.path(),
            "isn't a folder, and finished frames go into a folder of this name",
        )
        .with_hint("move it away, or give another name with -o")),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(name_error(folder.path(), error, SHORTER_FILM)),
    }
}

/// Begins the file and leaves nothing behind: whether its folder takes it under its name. `shorter` is what is said where
/// the name is too long.
pub fn check_writable(out: &Path, shorter: &str) -> Result<()> {
    let folder = folder_of(out);
    if !folder.is_dir() {
        return Err(Error::input(folder, "there is no such folder to write to")
            .with_hint(format!("create it first: mkdir -p {}", quote_path(folder))));
    }
    match PartialFile::create(out) {
        Ok(_) => Ok(()),
        Err(Error::Io { source, .. }) if is_long(&source) => Err(name_error(out, source, shorter)),
        Err(error) => Err(error),
    }
}

fn is_long(error: &std::io::Error) -> bool {
    error.kind() == ErrorKind::InvalidFilename
}

fn name_error(path: &Path, error: std::io::Error, shorter: &str) -> Error {
    if !is_long(&error) {
        return Error::io("look at", path)(error);
    }
    let n_bytes = path.file_name().map_or(0, OsStr::len);
    let reason =
        format!("the name is too long: it has {n_bytes} bytes, and temporary names add some");
    Error::input(path, reason).with_hint(shorter)
}

pub fn head(path: &Path) -> Vec<u8> {
    let mut head = Vec::new();
    // What can't be read isn't known to be ours.
    let _ = File::open(path).and_then(|file| file.take(N_HEAD_BYTES).read_to_end(&mut head));
    head
}
