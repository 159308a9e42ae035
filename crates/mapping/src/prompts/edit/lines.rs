//! A text as lines with their ends, so that those that an edit isn't about stay as they are.

use super::super::text::clean;

/// The lines of a text.
pub(super) struct Lines {
    /// With what ends them.
    list: Vec<String>,
    end: &'static str,
}

/// What ends a line; as [`clean`] has it.
const ENDS: [char; 4] = ['\n', '\r', '\u{2028}', '\u{2029}'];

impl Lines {
    pub fn new(text: &str) -> Self {
        let mut list = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let at = rest.find(ENDS).unwrap_or(rest.len());
            let n_end = match rest.get(at..) {
                Some(end) if end.starts_with("\r\n") => 2,
                Some(end) => end.chars().next().map_or(0, char::len_utf8),
                None => 0,
            };
            let (line, more) = rest.split_at_checked(at + n_end).unwrap_or((rest, ""));
            list.push(line.to_owned());
            rest = more;
        }
        let is_windows = list.first().is_some_and(|line| line.ends_with("\r\n"));
        let end = if is_windows { "\r\n" } else { "\n" };
        Self { list, end }
    }

    pub fn text(&self) -> String {
        self.list.concat()
    }

    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// A line, counted from 0, as the reader of prompts files sees it: without its end and without invisible characters.
    pub fn clean(&self, at: usize) -> String {
        let line = self
            .list
            .get(at)
            .map_or("", |line| line.trim_end_matches(ENDS));
        clean(line)
    }

    /// Writes a line anew; its end stays.
    pub fn set(&mut self, at: usize, text: &str) {
        if let Some(line) = self.list.get_mut(at) {
            let n_end = line.len() - line.trim_end_matches(ENDS).len();
            let end = line.split_off(line.len() - n_end);
            // A byte order mark has no meaning for the line, but for editors.
            let mark = if line.starts_with('\u{FEFF}') {
                "\u{FEFF}"
            } else {
                ""
            };
            *line = format!("{mark}{text}{end}");
        }
    }

    /// Puts lines without ends before the one at `at`, or at the end.
    pub fn insert(&mut self, at: usize, texts: &[String]) {
        let at = at.min(self.list.len());
        if let Some(before) = at
            .checked_sub(1)
            .and_then(|before| self.list.get_mut(before))
            && !before.ends_with(ENDS)
        {
            before.push_str(self.end);
        }
        let lines = texts.iter().map(|text| format!("{text}{}", self.end));
        self.list.splice(at..at, lines);
    }

    pub fn remove(&mut self, range: std::ops::Range<usize>) {
        self.list.drain(range);
    }

    /// Moves lines to before the one at `to`, which isn't among them.
    pub fn shift(&mut self, range: std::ops::Range<usize>, to: usize) {
        if let Some(last) = self.list.last_mut()
            && !last.ends_with(ENDS)
        {
            last.push_str(self.end);
        }
        let moved: Vec<String> = self.list.drain(range.clone()).collect();
        let to = if to > range.start {
            to - moved.len()
        } else {
            to
        };
        self.list.splice(to..to, moved);
    }

    /// Where the comments begin that stand directly above a line.
    pub fn block_start(&self, at: usize) -> usize {
        let above = (0..at).rev();
        at - above
            .take_while(|at| self.clean(*at).trim_start().starts_with('#'))
            .count()
    }
}
