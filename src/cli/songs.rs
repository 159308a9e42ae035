//! Which songs were named, and what to say where one isn't there.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use visualize::audio::is_song_name;
use visualize::partial_file::folder_of;
use visualize::text_file::suggest;
use visualize::{Error, Result};

use super::Cli;
use super::typed::quote_path;

/// Most names in a message.
const MAX_NAMES: usize = 6;

/// The songs that were named, patterns such as `*.wav` resolved where the shell left them.
///
/// # Errors
/// For a folder, and for a song that isn't there, with what was probably meant.
pub fn find(given: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut songs = Vec::new();
    for path in given {
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        if name.contains(['*', '?']) && path.symlink_metadata().is_err() {
            songs.extend(matching(path, name)?);
        } else {
            songs.push(check(path)?);
        }
    }
    Ok(songs)
}

/// A song that is there; `-` is left to whoever opens it.
///
/// # Errors
/// As [`find`].
pub fn check(path: &Path) -> Result<PathBuf> {
    if path == Path::new("-") {
        return Ok(path.to_owned());
    }
    match path.metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(missing(path)),
        Ok(metadata) if metadata.is_dir() => Err(folder(path)),
        _ => Ok(path.to_owned()),
    }
}

/// Refuses a name that JSON can't hold: a timeline and `--json` name their song.
///
/// # Errors
/// [`Error::Input`] for a path that isn't Unicode text.
pub fn check_name(path: &Path) -> Result<()> {
    if path.to_str().is_some() {
        return Ok(());
    }
    let ending = path.extension().and_then(OsStr::to_str).unwrap_or("wav");
    let hint = format!(
        "give it another name, or a second one: ln -s {} song.{ending}",
        quote_path(path)
    );
    let reason = "the name isn't UTF-8 text, and a timeline couldn't hold it";
    Err(Error::input(path, reason).with_hint(hint))
}

/// Names of files beside `path` that are spelt alike, as a hint; none where nothing is near. `is_meant` says which files count.
pub fn near_names(path: &Path, is_meant: impl Fn(&str) -> bool) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let names: Vec<String> = names_in(folder_of(path))
        .into_iter()
        .filter(|name| is_meant(name))
        .collect();
    let known: Vec<&str> = names.iter().map(String::as_str).collect();
    Some(suggest(name, &known)).filter(|hint| hint.starts_with("did you mean"))
}

/// Names of the files in a folder, in order.
fn names_in(folder: &Path) -> Vec<String> {
    let entries = folder.read_dir().into_iter().flatten().flatten();
    let files = entries.filter(|entry| entry.path().is_file());
    let mut names: Vec<String> = files
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort_unstable();
    names
}

fn listed(names: &[String]) -> String {
    let shown = names.iter().take(MAX_NAMES).cloned().collect::<Vec<_>>();
    match names.len().saturating_sub(MAX_NAMES) {
        0 => shown.join(", "),
        n_more => format!("{} and {n_more} more", shown.join(", ")),
    }
}

fn matching(path: &Path, pattern: &str) -> Result<Vec<PathBuf>> {
    let names = names_in(folder_of(path));
    let found: Vec<_> = names.iter().filter(|name| matches(pattern, name)).collect();
    if found.is_empty() {
        return Err(Error::input(path, "no file has a name of this form"));
    }
    Ok(found.iter().map(|name| path.with_file_name(name)).collect())
}

/// Whether a name has the form of a pattern, in which `*` stands for any letters and `?` for one.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.chars().next() {
        None => name.is_empty(),
        Some('*') => {
            let rest = &pattern[1..];
            let mut ends = name.char_indices().map(|(at, _)| at).chain([name.len()]);
            ends.any(|at| matches(rest, &name[at..]))
        }
        Some(first) => name
            .chars()
            .next()
            .filter(|c| first == '?' || *c == first)
            .is_some_and(|c| matches(&pattern[first.len_utf8()..], &name[c.len_utf8()..])),
    }
}

fn folder(path: &Path) -> Error {
    let songs: Vec<String> = names_in(path)
        .into_iter()
        .filter(|name| is_song_name(name))
        .collect();
    if songs.is_empty() {
        return Error::input(path, "is a folder, and no song lies in it");
    }
    let n_songs = songs.len();
    let reason = match n_songs {
        1 => format!("is a folder with one song: {}", listed(&songs)),
        _ => format!("is a folder with {n_songs} songs: {}", listed(&songs)),
    };
    let mut endings: Vec<&str> = songs
        .iter()
        .filter_map(|name| name.rsplit_once('.').map(|(_, ending)| ending))
        .collect();
    endings.sort_unstable();
    endings.dedup();
    let quoted = quote_path(path);
    let patterns: Vec<_> = endings
        .iter()
        .map(|ending| format!("{}/*.{ending}", quoted.trim_end_matches('/')))
        .collect();
    let what = if n_songs == 1 { "it" } else { "them all" };
    Error::input(path, reason).with_hint(format!(
        "render {what} with: visualize {}",
        patterns.join(" ")
    ))
}

/// Says what was probably meant by a song that isn't there.
fn missing(path: &Path) -> Error {
    let error = Error::input(path, "there is no such file");
    let text = path.to_string_lossy();
    let commands: Vec<String> = Cli::command()
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .map(|command| command.get_name().to_owned())
        .collect();
    let known: Vec<&str> = commands.iter().map(String::as_str).collect();
    if known.contains(&text.as_ref()) {
        return error.with_hint(format!("a command stands in front: visualize {text} SONG"));
    }
    if text.parse::<f64>().is_ok() {
        return error.with_hint(
            "is it a flag's value? --skip-still takes its own behind an equals sign: --skip-still=0.02",
        );
    }
    if text.contains("://") {
        return error.with_hint("songs are files of this machine: download it first");
    }
    let is_word = text.chars().all(|c| c.is_ascii_alphabetic());
    if is_word {
        let command = suggest(&text, &known);
        if command.starts_with("did you mean") {
            return error.with_hint(format!("{command} Commands: {}", known.join(", ")));
        }
    }
    let folder = folder_of(path);
    if !folder.is_dir() {
        return error.with_hint(format!("there is no folder {}", folder.display()));
    }
    if let Some(hint) = near_names(path, is_song_name) {
        return error.with_hint(hint);
    }
    let songs: Vec<String> = names_in(folder)
        .into_iter()
        .filter(|name| is_song_name(name))
        .collect();
    match songs.is_empty() {
        true => error,
        false => error.with_hint(format!("songs in that folder: {}", listed(&songs))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_matched() {
        for (pattern, name, is_match) in [
            ("*.wav", "a.wav", true),
            ("*.wav", "a.wave", false),
            ("a?b*", "aübc", true),
            ("**", "", true),
            ("?", "", false),
            ("x*y*z", "xyyz", true),
        ] {
            assert_eq!(matches(pattern, name), is_match, "{pattern} {name}");
        }
    }

    #[test]
    fn the_wanted_command_or_song_is_named() {
        let folder = tempfile::TempDir::new().unwrap();
        std::fs::write(folder.path().join("my song.flac"), "x").unwrap();
        let hint = |path: &Path| {
            check(path)
                .unwrap_err()
                .hint()
                .unwrap_or_default()
                .to_owned()
        };
        assert!(hint(Path::new("analize")).contains("did you mean analyze?"));
        assert!(hint(Path::new("plan")).contains("visualize plan SONG"));
        assert!(hint(Path::new("0.1")).contains("--skip-still="));
        assert!(hint(Path::new("https://x.org/a.mp3")).contains("download"));
        assert!(hint(&folder.path().join("my-song.flac")).contains("my song.flac"));
        assert!(hint(&folder.path().join("quite another.mp3")).contains("my song.flac"));
        assert!(hint(&folder.path().join("no/a.mp3")).contains("no folder"));
        assert!(hint(folder.path()).contains("/*.flac"));
    }
}
