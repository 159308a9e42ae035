//! What a person should know of how a prompts file was understood.

use std::path::Path;

/// Most notes on single lines; the others are counted.
const MAX_NOTES: usize = 8;

/// Notes on lines, each text once.
#[derive(Debug, Default)]
pub(super) struct Notes {
    list: Vec<Note>,
    n_left_out: usize,
}

#[derive(Debug)]
struct Note {
    line: usize,
    text: String,
    n_more: usize,
}

impl Notes {
    /// Adds a note on a line, counted from 1.
    pub fn add(&mut self, line: usize, text: String) {
        if let Some(note) = self.list.iter_mut().find(|note| note.text == text) {
            note.n_more += 1;
        } else if self.list.len() < MAX_NOTES {
            let n_more = 0;
            self.list.push(Note { line, text, n_more });
        } else {
            self.n_left_out += 1;
        }
    }

    /// The notes as sentences that name file and line.
    pub fn sentences(self, path: &Path) -> Vec<String> {
        let path = path.display();
        let mut sentences: Vec<String> = Vec::new();
        for Note { line, text, n_more } in self.list {
            let more = match n_more {
                0 => String::new(),
                1 => " (and once more below)".to_owned(),
                n => format!(" (and {n} times more below)"),
            };
            sentences.push(format!("{path}:{line}: {text}{more}"));
        }
        if self.n_left_out > 0 {
            sentences.push(format!("{path}: {} more such notes", self.n_left_out));
        }
        sentences
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_said_once_and_in_bounds() {
        let mut notes = Notes::default();
        for line in [2, 5, 9] {
            notes.add(line, "the same".to_owned());
        }
        for line in 10..30 {
            notes.add(line, format!("another {line}"));
        }
        let sentences = notes.sentences(Path::new("p.txt"));
        assert_eq!(sentences[0], "p.txt:2: the same (and 2 times more below)");
        assert_eq!(sentences.len(), MAX_NOTES + 1);
        assert!(sentences[MAX_NOTES].ends_with("13 more such notes"));
    }
}
