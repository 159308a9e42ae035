//! Names of clips: letters, digits, `-`, `_` and a dot, which every system and program takes.

use std::collections::BTreeSet;

/// Most letters of a part of a name.
const MAX_LETTERS: usize = 40;

/// A text in ASCII letters and digits, with hyphens for everything between them; `fallback` where nothing is left.
pub fn ascii(text: &str, fallback: &str) -> String {
    let plain = deunicode::deunicode(text);
    let words = plain.split(|c: char| !c.is_ascii_alphanumeric());
    let mut name = String::new();
    for word in words.filter(|word| !word.is_empty()) {
        let left = MAX_LETTERS.saturating_sub(name.len() + 1);
        if left == 0 {
            break;
        }
        if !name.is_empty() {
            name.push('-');
        }
        name.extend(word.chars().take(left));
    }
    if name.is_empty() {
        return fallback.to_owned();
    }
    name
}

/// `03_Artist-Title`: the song's number of `n_songs`, and its names.
pub(super) fn of_song(number: usize, n_songs: usize, artist: Option<&str>, title: &str) -> String {
    let n_digits = n_songs.to_string().len().max(2);
    let title = ascii(title, "song");
    match artist
        .map(|artist| ascii(artist, ""))
        .filter(|name| !name.is_empty())
    {
        Some(artist) => format!("{number:0n_digits$}_{artist}-{title}"),
        None => format!("{number:0n_digits$}_{title}"),
    }
}

/// Names that were given away; file systems may not tell letters' cases apart.
#[derive(Default)]
pub(super) struct Names(BTreeSet<String>);

impl Names {
    /// `name`, or `name-2` and so on where it is taken.
    pub fn unique(&mut self, name: &str) -> String {
        let mut unique = name.to_owned();
        let mut number = 2;
        while !self.0.insert(unique.to_ascii_lowercase()) {
            unique = format!("{name}-{number}");
            number += 1;
        }
        unique
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        for (text, name) in [
            ("Größe & Co.", "Grosse-Co"),
            ("盾", "Dun"),
            ("Привет, мир!", "Privet-mir"),
            ("../../etc/passwd", "etc-passwd"),
            ("a\\b:c*?\"<>|\u{202e}", "a-b-c"),
            ("", "song"),
            ("---", "song"),
        ] {
            assert_eq!(ascii(text, "song"), name, "{text}");
        }
        assert!(ascii(&"long ".repeat(100), "").len() <= MAX_LETTERS);
        assert!(ascii(&"x".repeat(500), "").len() <= MAX_LETTERS);
        assert_eq!(of_song(3, 12, Some("Ann"), "One, two"), "03_Ann-One-two");
        assert_eq!(of_song(3, 120, None, "?"), "003_song");
    }

    #[test]
    fn no_name_is_given_twice() {
        let mut names = Names::default();
        let given = ["a", "A", "a", "a-2", "b"].map(|name| names.unique(name));
        assert_eq!(given, ["a", "A-2", "a-3", "a-2-2", "b"]);
    }
}
