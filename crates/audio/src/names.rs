//! Which files are taken for songs by their names.

/// Endings of files that hold songs, in lower case.
pub const SONG_ENDINGS: [&str; 22] = [
    "wav", "wave", "flac", "mp3", "m4a", "m4b", "aac", "alac", "ogg", "oga", "opus", "aif", "aiff",
    "aifc", "caf", "mp4", "mov", "mkv", "mka", "webm", "wma", "w64",
];

/// Whether a file's name is that of a song. Case doesn't matter.
pub fn is_song_name(name: &str) -> bool {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    ending.is_some_and(|ending| {
        SONG_ENDINGS
            .iter()
            .any(|known| known.eq_ignore_ascii_case(ending))
    })
}
