//! What the clips of each song show.

use std::collections::BTreeMap;
use std::path::Path;

use common::{Error, Result};
use mapping::prompts::{Arrival, Script, ScriptPrompt};

use super::Part;

/// The file in a folder of prompts that is for all songs without one of their own.
const FOR_ALL: &str = "default";
/// A clip shows a prompt for each so many beats, at least one: a walk through many would be too fast to see.
const BEATS_PER_PROMPT: u32 = 8;

/// Prompts for all songs, or for each its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SetPrompts {
    /// For songs without prompts of their own.
    pub for_all: Option<Script>,
    /// By a song's file name without its ending, or its title, or `Artist - Title`, in lowercase.
    pub by_song: BTreeMap<String, Script>,
}

impl SetPrompts {
    /// The same prompts for all songs.
    pub fn for_all(script: Script) -> Self {
        Self {
            for_all: Some(script),
            by_song: BTreeMap::new(),
        }
    }

    /// The `.txt` files of a folder, each named like a song; `default.txt` is for the others.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Text`] for prompts that can't be understood, [`Error::Input`] for a folder without any.
    pub fn read_folder(folder: &Path) -> Result<Self> {
        let mut prompts = Self::default();
        let mut paths = Vec::new();
        for entry in folder.read_dir().map_err(Error::io("read", folder))? {
            paths.push(entry.map_err(Error::io("read", folder))?.path());
        }
        paths.sort();
        for path in paths {
            let ending = path.extension().unwrap_or_default();
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            if !ending.eq_ignore_ascii_case("txt") || !path.is_file() {
                continue;
            }
            let script = Script::read(&path)?;
            match name.eq_ignore_ascii_case(FOR_ALL) {
                true => prompts.for_all = Some(script),
                false => _ = prompts.by_song.insert(name.to_lowercase(), script),
            }
        }
        if prompts.for_all.is_none() && prompts.by_song.is_empty() {
            return Err(Error::input(folder, "holds no prompts (.txt)").with_hint(
                "name a file of prompts like its song, SONG.txt, or default.txt for all of them",
            ));
        }
        Ok(prompts)
    }

    /// The prompts of a song.
    ///
    /// # Errors
    /// [`Error::Input`] where there are none.
    pub fn of(&self, song: &Path, artist: Option<&str>, title: &str) -> Result<&Script> {
        let stem = song.file_stem().unwrap_or_default().to_string_lossy();
        let full = artist.map(|artist| format!("{artist} - {title}"));
        let names = [Some(stem.to_string()), full, Some(title.to_owned())];
        let mut own = names.iter().flatten();
        own.find_map(|name| self.by_song.get(&name.to_lowercase()))
            .or(self.for_all.as_ref())
            .ok_or_else(|| {
                Error::input(song, "has no prompts").with_hint(format!(
                    "write {stem}.txt or default.txt into the folder of prompts"
                ))
            })
    }
}

/// The prompts of a clip: those marked for its section, or else those that are marked for no section, from another one on for each.
/// Times and bars are for whole songs, and a clip has none.
pub(super) fn of_clip(script: &Script, part: &Part) -> Script {
    let is_here = |prompt: &&ScriptPrompt| matches!(&prompt.arrival, Arrival::Section { label, .. } if label.eq_ignore_ascii_case(&part.label));
    let here: Vec<&ScriptPrompt> = script.prompts.iter().filter(is_here).collect();
    let free = |prompt: &&ScriptPrompt| !matches!(prompt.arrival, Arrival::Section { .. });
    let free: Vec<&ScriptPrompt> = script.prompts.iter().filter(free).collect();
    let (from, first) = match (here.is_empty(), free.is_empty()) {
        (false, _) => (here, 0),
        (true, false) => (free, part.section_idx),
        (true, true) => (script.prompts.iter().collect(), part.section_idx),
    };
    let n = ((part.n_beats / BEATS_PER_PROMPT).max(1) as usize).min(from.len());
    let chosen = (0..n).filter_map(|idx| from.get((first + idx) % from.len().max(1)));
    let prompts = chosen.map(|prompt| {
        let mut prompt = (*prompt).clone();
        prompt.arrival = Arrival::Auto;
        prompt
    });
    Script {
        prompts: prompts.collect(),
        ..script.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(text: &str) -> Script {
        Script::parse("test", text.as_bytes()).unwrap()
    }

    fn texts(script: &Script) -> Vec<&str> {
        let texts = script.prompts.iter().map(|prompt| prompt.text.as_str());
        texts.collect()
    }

    fn part(label: &str, section_idx: usize, n_beats: u32) -> Part {
        Part {
            section: label.to_owned(),
            label: label.to_owned(),
            section_idx,
            start_secs: 0.0,
            end_secs: 1.0,
            n_beats,
            has_beats: true,
        }
    }

    #[test]
    fn clips_take_turns_and_marks_choose() {
        let script = script("red\n@bar 9 green\n@section drop fire\nblue\n");
        for (part, expected) in [
            (part("intro", 0, 4), vec!["red"]),
            (part("verse", 1, 16), vec!["green", "blue"]),
            (part("verse", 2, 16), vec!["blue", "red"]),
            (part("intro", 0, 32), vec!["red", "green", "blue"]),
            (part("Drop", 3, 32), vec!["fire"]),
        ] {
            let clip = of_clip(&script, &part);
            assert_eq!(texts(&clip), expected, "{part:?}");
            assert!(clip.prompts.iter().all(|p| p.arrival == Arrival::Auto));
        }
    }

    #[test]
    fn songs_find_their_prompts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        assert!(SetPrompts::read_folder(path).is_err());
        for (name, text) in [("Night.txt", "a"), ("Ann - Day.TXT", "b"), ("x.md", "c")] {
            std::fs::write(path.join(name), text).unwrap();
        }
        let prompts = SetPrompts::read_folder(path).unwrap();
        let of = |song: &str, artist, title| {
            let script = prompts.of(Path::new(song), artist, title);
            script.map(|script| script.prompts[0].text.clone())
        };
        assert_eq!(of("m/01.mp3", None, "night").unwrap(), "a");
        assert_eq!(of("night.mp3", None, "?").unwrap(), "a");
        assert_eq!(of("02.mp3", Some("ann"), "day").unwrap(), "b");
        assert!(
            of("02.mp3", Some("bob"), "day")
                .unwrap_err()
                .hint()
                .is_some()
        );
        std::fs::write(path.join("default.txt"), "d").unwrap();
        let prompts = SetPrompts::read_folder(path).unwrap();
        let script = prompts.of(Path::new("02.mp3"), None, "x").unwrap();
        assert_eq!(texts(script), ["d"]);
    }
}
