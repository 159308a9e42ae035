//! What `--prompts` names: a file, the standard input, or the prompts themselves.

use std::io::Read;
use std::path::Path;

use visualize::prompts::Script;
use visualize::text_file::{self, MAX_FILE_BYTES};
use visualize::{Error, Result};

use super::songs::near_names;

/// Endings of files in which prompts are kept; a text with blanks that ends in one of them is a file's name.
const TEXT_ENDINGS: [&str; 11] = [
    "txt", "text", "md", "srt", "vtt", "lrc", "csv", "tsv", "json", "yaml", "prompts",
];

/// Longest ending of a file's name, in letters.
const MAX_ENDING: usize = 8;

/// Prompts, and what a person should know of how they were understood.
pub struct Prompts {
    /// What to show.
    pub script: Script,
    /// How they were understood, where that isn't plain.
    pub note: Option<String>,
}

/// Reads the prompts that `--prompts` names; the built-in list where it was left out.
pub fn read(given: Option<&Path>) -> Result<Prompts> {
    let Some(given) = given else {
        return Ok(Prompts {
            script: Script::built_in()?,
            note: Some("no --prompts: a built-in list of prompts is used".to_owned()),
        });
    };
    if given == Path::new("-") {
        return Ok(Prompts {
            script: from_stdin()?,
            note: None,
        });
    }
    match given.to_str() {
        Some(text) if !exists(given) && !is_file_name(text) => from_text(text),
        _ => Ok(Prompts {
            script: from_file(given)?,
            note: None,
        }),
    }
}

fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

fn from_stdin() -> Result<Script> {
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .take(MAX_FILE_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(Error::io("read", "the standard input"))?;
    Script::parse("standard input", &bytes)
}

fn from_file(path: &Path) -> Result<Script> {
    if path.is_dir() {
        return Err(
            Error::input(path, "is a folder, and prompts are a text file")
                .with_hint("name the file in it, such as -p prompts.txt"),
        );
    }
    if !exists(path) {
        let hint = near_names(path, |name| {
            TEXT_ENDINGS.iter().any(|ending| ends_in(name, ending))
        });
        return Err(Error::input(path, "there is no such file of prompts").with_hint(
            hint.unwrap_or_else(|| {
                "to give the prompts themselves, write them in quotes: -p \"violet smoke | teal ocean waves\""
                    .to_owned()
            }),
        ));
    }
    Script::parse(path, &text_file::read(path)?)
}

/// The prompts that a text is: one for each line, or for each part between bars. Commas belong to a prompt.
fn from_text(text: &str) -> Result<Prompts> {
    let parts = parts(text);
    let script = Script::parse("--prompts", parts.join("\n").as_bytes())?;
    let shown: Vec<_> = script
        .prompts
        .iter()
        .map(|prompt| format!("\"{}\"", visualize::prompts::shorten(&prompt.text, 40)))
        .collect();
    let note = match shown.as_slice() {
        [only] => {
            format!("--prompts is no file, so it is one prompt: {only}; | stands between several")
        }
        several => format!(
            "--prompts is no file, so it is {} prompts: {}",
            several.len(),
            several.join(" | ")
        ),
    };
    Ok(Prompts {
        script,
        note: Some(note),
    })
}

/// The text cut at line breaks and at bars outside of brackets, in which bars have a meaning for models.
fn parts(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut depth = 0usize;
    for c in text.chars() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            '\n' => depth = 0,
            _ => {}
        }
        let is_cut = c == '\n' || (c == '|' && depth == 0);
        match parts.last_mut() {
            Some(part) if !is_cut => part.push(c),
            _ => parts.push(String::new()),
        }
    }
    parts.iter().map(|part| part.trim().to_owned()).collect()
}

/// Whether a text that is no file looks like the name of one: a single word with an ending or a folder, or several words that
/// end as text files do.
fn is_file_name(text: &str) -> bool {
    if text.contains(char::is_whitespace) || text.contains('|') {
        return TEXT_ENDINGS.iter().any(|ending| ends_in(text, ending));
    }
    let has_ending = text.rsplit_once('.').is_some_and(|(stem, ending)| {
        !stem.is_empty()
            && (1..=MAX_ENDING).contains(&ending.len())
            && ending.chars().all(|c| c.is_ascii_alphanumeric())
            && ending.starts_with(|c: char| c.is_ascii_alphabetic())
    });
    has_ending || text.is_empty() || text.contains(['/', '\\'])
}

fn ends_in(name: &str, ending: &str) -> bool {
    name.rsplit_once('.')
        .is_some_and(|(_, found)| found.eq_ignore_ascii_case(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_told_from_prompts() {
        for name in [
            "prompts.txt",
            "a/b",
            "my prompts.txt",
            "x.prompts",
            "..\\p",
            "",
            "nothing.TXT",
        ] {
            assert!(is_file_name(name), "{name}");
        }
        for text in [
            "a red sunset, a blue sea",
            "sunset",
            "a red sunset.",
            "art by j. smith",
            "ver.1",
            "violet smoke | p.txt | teal",
            "(glow:1.3) waves",
        ] {
            assert!(!is_file_name(text), "{text}");
        }
    }

    #[test]
    fn a_text_is_cut_at_bars_and_lines_alone() {
        let texts = |text: &str| -> Vec<String> {
            let read = from_text(text).unwrap();
            read.script.prompts.into_iter().map(|p| p.text).collect()
        };
        assert_eq!(
            texts("a red sunset, a blue sea"),
            ["a red sunset, a blue sea"]
        );
        assert_eq!(texts("a | b\nc |"), ["a", "b", "c"]);
        assert_eq!(texts("[0:02] a {seed=3} | b [x|y]").len(), 2);
        assert_eq!(texts("style: soft | a"), ["a"]);
        assert!(from_text(" | ").is_err());
    }
}
