//! Set lists: M3U and M3U8, a song on each line.

use std::path::{Path, PathBuf};

use common::text_file;
use common::{Error, Result, percent};

/// Most missing songs that an error names.
const MAX_NAMED: usize = 20;

/// A song of a set list.
#[derive(Clone, Debug, PartialEq)]
pub struct ListedSong {
    /// The file. It exists.
    pub path: PathBuf,
    /// What the list calls it (`#EXTINF`), often `Artist - Title`.
    pub title: Option<String>,
    /// Its length in seconds as the list has it.
    pub duration_secs: Option<f64>,
}

/// A set list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SetList {
    /// The songs that are there, in order; at least one.
    pub songs: Vec<ListedSong>,
    /// The others, each with its line's number.
    pub missing: Vec<String>,
}

/// Whether a file's ending is that of a set list.
pub fn is_set_list(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default();
    ending.eq_ignore_ascii_case("m3u") || ending.eq_ignore_ascii_case("m3u8")
}

/// Reads a set list. Paths are absolute, or relative to the list's folder, or `file:` URLs; `%20` and backslashes are
/// understood where no file is called so. M3U8 is UTF-8; M3U is UTF-8 or else Latin-1.
///
/// # Errors
/// [`Error::Io`], and [`Error::Input`] for a file that is no set list, or none of whose songs is there.
pub fn read(path: &Path) -> Result<SetList> {
    let text = text(path, text_file::read(path)?)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut songs = Vec::new();
    let mut missing = Vec::new();
    let (mut title, mut duration_secs) = (None, None);
    for (line, number) in text.lines().zip(1..) {
        let line = line.trim();
        if let Some(info) = line.strip_prefix("#EXTINF:") {
            (duration_secs, title) = extinf(info);
        } else if line.starts_with("#EXT-X-") {
            return Err(Error::input(
                path,
                "is the playlist of a stream (HLS), not a list of songs",
            )
            .with_hint("download the stream, and give its file as the song"));
        } else if !line.is_empty() && !line.starts_with('#') {
            let title = title.take();
            let duration_secs = duration_secs.take();
            match find(folder, line) {
                Some(path) => songs.push(ListedSong {
                    path,
                    title,
                    duration_secs,
                }),
                None => missing.push(format!("line {number}: {line}")),
            }
        }
    }
    match (songs.is_empty(), missing.is_empty()) {
        (false, _) => Ok(SetList { songs, missing }),
        (true, false) => Err(not_found(path, &missing)),
        (true, true) => {
            Err(Error::input(path, "names no song").with_hint("give a path on each line"))
        }
    }
}

fn not_found(path: &Path, missing: &[String]) -> Error {
    let mut reason = format!("none of its {} songs can be found:", missing.len());
    for line in missing.iter().take(MAX_NAMED) {
        reason += "\n  ";
        reason += line;
    }
    if missing.len() > MAX_NAMED {
        reason += &format!("\n  and {} more", missing.len() - MAX_NAMED);
    }
    Error::input(path, reason).with_hint(
        "relative paths start from the list's folder; correct the paths, or remove these lines",
    )
}

/// The list as text.
fn text(path: &Path, bytes: Vec<u8>) -> Result<String> {
    let limit = text_file::MAX_FILE_BYTES;
    if bytes.len() > limit {
        let reason = format!("is larger than {} MiB", limit >> 20);
        return Err(Error::input(path, reason).with_hint("is it a set list?"));
    }
    if bytes.contains(&0) {
        return Err(Error::input(path, "isn't text in UTF-8 or Latin-1")
            .with_hint("is it a set list? Save it as M3U8"));
    }
    let is_utf8_only = path
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("m3u8"));
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text.trim_start_matches('\u{FEFF}').to_owned()),
        Err(error) if is_utf8_only => {
            let at = error.utf8_error().valid_up_to();
            Err(Error::input(path, format!("isn't UTF-8 text at byte {at}"))
                .with_hint("save it as M3U8 again, or name it .m3u if it is Latin-1"))
        }
        // Each byte of Latin-1 is the character of that number.
        Err(error) => Ok(error.into_bytes().into_iter().map(char::from).collect()),
    }
}

/// Length and title of `#EXTINF:123 key="value",Artist - Title`; -1 stands for a length that isn't known.
fn extinf(info: &str) -> (Option<f64>, Option<String>) {
    let (length, title) = info.split_once(',').unwrap_or((info, ""));
    let length = length.split_whitespace().next().unwrap_or_default();
    let secs = length.parse::<f64>().ok();
    let secs = secs.filter(|secs| secs.is_finite() && *secs > 0.0);
    let title = title.trim();
    (secs, (!title.is_empty()).then(|| title.to_owned()))
}

/// The file that an entry means: as it stands, else decoded, else with the separators of this system.
fn find(folder: &Path, entry: &str) -> Option<PathBuf> {
    let mut spellings = Vec::new();
    match entry.strip_prefix("file://") {
        Some(url) => {
            let path = url.strip_prefix("localhost").unwrap_or(url);
            spellings.push(percent::decoded(path));
            // file:///C:/Music
            spellings.push(percent::decoded(path.trim_start_matches('/')));
        }
        None => spellings.extend([entry.to_owned(), percent::decoded(entry)]),
    }
    let slashed: Vec<String> = spellings.iter().map(|s| s.replace('\\', "/")).collect();
    spellings.extend(slashed);
    let mut paths = spellings.into_iter().map(|spelling| folder.join(spelling));
    paths.find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join("in")).unwrap();
        for name in [
            "a b.mp3",
            "Größe.mp3",
            "in/盾.flac",
            "100%.wav",
            "50%20.wav",
            "#1.wav",
        ] {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        folder
    }

    fn read_list(folder: &Path, name: &str, bytes: &[u8]) -> Result<Vec<ListedSong>> {
        Ok(whole_list(folder, name, bytes)?.songs)
    }

    fn whole_list(folder: &Path, name: &str, bytes: &[u8]) -> Result<SetList> {
        let path = folder.join(name);
        std::fs::write(&path, bytes).unwrap();
        read(&path)
    }

    fn names(folder: &Path, name: &str, bytes: &[u8]) -> Vec<String> {
        let songs = read_list(folder, name, bytes).unwrap_or_else(|e| panic!("{e}"));
        let name = |song: ListedSong| {
            let relative = song.path.strip_prefix(folder).unwrap().to_owned();
            relative.to_str().unwrap().to_owned()
        };
        songs.into_iter().map(name).collect()
    }

    #[test]
    fn paths_of_every_kind_are_found() {
        let folder = folder();
        let folder = folder.path();
        let url = percent::encoded(&folder.join("Größe.mp3").to_string_lossy());
        let text = format!(
            "\u{FEFF}#EXTM3U\r\n# a comment\r\na b.mp3\r\n\r\na%20b.mp3\r\nin\\盾.flac\r\nin/%E7%9B%BE.flac\r\n\
             100%.wav\r\n50%20.wav\r\nfile://{url}\r\nfile://localhost{url}\r\n./#1.wav\r\n{}",
            folder.join("100%.wav").display()
        );
        assert_eq!(
            names(folder, "l.m3u8", text.as_bytes()),
            [
                "a b.mp3",
                "a b.mp3",
                "in/盾.flac",
                "in/盾.flac",
                "100%.wav",
                "50%20.wav",
                "Größe.mp3",
                "Größe.mp3",
                "#1.wav",
                "100%.wav"
            ]
        );
    }

    #[test]
    fn latin_1_is_read_where_it_may_be() {
        let folder = folder();
        let folder = folder.path();
        assert_eq!(names(folder, "l.m3u", b"Gr\xF6\xDFe.mp3\n"), ["Größe.mp3"]);
        assert_eq!(
            names(folder, "l.m3u", "Größe.mp3".as_bytes()),
            ["Größe.mp3"]
        );
        let error = read_list(folder, "l.M3U8", b"Gr\xF6\xDFe.mp3\n").unwrap_err();
        assert!(
            error.to_string().contains("UTF-8 text at byte 2"),
            "{error}"
        );
    }

    #[test]
    fn titles_belong_to_the_next_song() {
        let folder = folder();
        let text = b"#EXTM3U\n#EXTINF:123,Artist - A, B\na b.mp3\n#EXTINF:-1 a=\"b\",\n100%.wav\n50%20.wav\n";
        let songs = read_list(folder.path(), "l.m3u", text).unwrap();
        assert_eq!(songs[0].title.as_deref(), Some("Artist - A, B"));
        assert_eq!(songs[0].duration_secs, Some(123.0));
        for song in &songs[1..] {
            assert_eq!((&song.title, song.duration_secs), (&None, None));
        }
    }

    #[test]
    fn missing_songs_are_named_and_the_others_go_on() {
        let folder = folder();
        let lost = "no/such.mp3\nhttp://radio/stream\n";
        let text = format!("a b.mp3\n{lost}");
        let list = whole_list(folder.path(), "l.m3u", text.as_bytes()).unwrap();
        assert_eq!(list.songs.len(), 1);
        assert_eq!(
            list.missing,
            ["line 2: no/such.mp3", "line 3: http://radio/stream"]
        );
        let text = lost.to_owned() + &"x.mp3\n".repeat(100);
        let words = read_list(folder.path(), "l.m3u", text.as_bytes())
            .unwrap_err()
            .to_string();
        for word in [
            "none of its 102 songs",
            "line 1: no/such.mp3",
            "and 82 more",
        ] {
            assert!(words.contains(word), "{words}");
        }
    }

    #[test]
    fn what_is_no_set_list_is_refused() {
        let folder = folder();
        for bytes in [
            &b""[..],
            b"#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:4,\na b.mp3\n",
            b"\xFF\xFEa\0",
            b"a\0b",
            &vec![b'\n'; text_file::MAX_FILE_BYTES + 1],
        ] {
            let error = read_list(folder.path(), "l.m3u", bytes).unwrap_err();
            assert!(error.hint().is_some(), "{error}");
        }
        assert!(is_set_list(Path::new("a.M3U8")) && !is_set_list(Path::new("a.mp3")));
    }
}
