//! A file of corrections as lines and parts, of which single lines are written anew.

use std::ops::Range;
use std::path::Path;

use common::text_file::{Line, trimmed};
use common::units::parse_secs;

use super::super::fix::{heading, without_comment};

/// The text of a file of corrections that can be read.
#[derive(Debug)]
pub(super) struct Sheet {
    /// Lines with their ends.
    lines: Vec<String>,
    /// What ends a line in this file.
    end: &'static str,
    has_mark: bool,
}

/// A row that a part has from now on.
pub(super) struct Row {
    /// Which of the part's rows it was, counted from 0; those of one call ascend.
    pub old: Option<usize>,
    /// When it is or begins, in seconds.
    pub secs: f64,
    /// What stands behind that.
    pub field: Field,
    /// A new row, without its line's end.
    pub line: String,
}

/// What stands behind the time of a row.
pub(super) enum Field {
    /// What is there.
    Kept,
    Text(String),
    Secs(f64),
}

/// Where a part stands.
struct Part {
    heading: usize,
    /// The lines of its rows.
    rows: Vec<usize>,
}

const MARK: char = '\u{FEFF}';

impl Sheet {
    pub fn new(text: &str) -> Self {
        let body = text.strip_prefix(MARK).unwrap_or(text);
        let lines: Vec<String> = body.split_inclusive('\n').map(str::to_owned).collect();
        let is_windows = lines.first().is_some_and(|line| line.ends_with("\r\n"));
        Self {
            lines,
            end: if is_windows { "\r\n" } else { "\n" },
            has_mark: body.len() < text.len(),
        }
    }

    pub fn text(&self) -> String {
        let mark = if self.has_mark { "\u{FEFF}" } else { "" };
        mark.to_owned() + &self.lines.concat()
    }

    pub fn is_empty(&self) -> bool {
        self.lines.iter().all(|line| line.trim().is_empty())
    }

    /// Adds lines at the end, behind an empty one.
    pub fn append(&mut self, text: &str) {
        if self.is_empty() {
            self.lines.clear();
        }
        if let Some(last) = self.lines.last_mut() {
            complete(last, self.end);
            if !last.trim().is_empty() {
                self.lines.push(self.end.to_owned());
            }
        }
        let lines = text.lines().map(|line| line.to_owned() + self.end);
        self.lines.extend(lines);
    }

    /// Sets what stands behind a heading, if it is there and says something else.
    pub fn set_value(&mut self, name: &str, value: &str) -> bool {
        let Some(Part { heading: at, .. }) = self.part(name) else {
            return false;
        };
        let line = self.line(at);
        let Some((_, old)) = heading(&line, &without_comment(&line)) else {
            return false;
        };
        if line.text.get(old.clone()) != Some(value) {
            self.lines[at].replace_range(old, value);
        }
        true
    }

    /// Takes a part out. Comments stay.
    pub fn remove(&mut self, name: &str) {
        let Some(part) = self.part(name) else {
            return;
        };
        let mut gone: Vec<usize> = part.rows;
        gone.push(part.heading);
        let lines = std::mem::take(&mut self.lines).into_iter().enumerate();
        self.lines = lines
            .filter_map(|(at, line)| match gone.contains(&at) {
                true => comment_of(&line, self.end),
                false => Some(line),
            })
            .collect();
    }

    /// Gives a part these rows, if it is there. Rows that stay as they are aren't touched; comments behind rows that go stay on a line of
    /// their own.
    pub fn set_rows(&mut self, name: &str, rows: &[Row]) -> bool {
        let Some(part) = self.part(name) else {
            return false;
        };
        let mut behind: Vec<Vec<String>> = vec![Vec::new(); self.lines.len()];
        let mut kept = vec![false; part.rows.len()];
        let mut anchor = part.heading;
        for row in rows {
            let old = row.old.and_then(|old| Some((old, *part.rows.get(old)?)));
            match old {
                Some((old, at)) => {
                    self.lines[at] = rewritten(&self.line(at), row, &self.lines[at]);
                    kept[old] = true;
                    anchor = at;
                }
                None => behind[anchor].push(row.line.clone() + self.end),
            }
        }
        let gone = part.rows.iter().zip(&kept).filter(|(_, kept)| !**kept);
        let gone: Vec<usize> = gone.map(|(at, _)| *at).collect();
        let mut lines = Vec::with_capacity(self.lines.len() + rows.len());
        let old_lines = std::mem::take(&mut self.lines);
        for (at, (mut line, behind)) in old_lines.into_iter().zip(behind).enumerate() {
            if !behind.is_empty() {
                complete(&mut line, self.end);
            }
            match gone.binary_search(&at) {
                Ok(_) => lines.extend(comment_of(&line, self.end)),
                Err(_) => lines.push(line),
            }
            lines.extend(behind);
        }
        self.lines = lines;
        true
    }

    /// A line as the reader of such files sees it.
    fn line(&self, at: usize) -> Line<'_> {
        Line {
            path: Path::new(""),
            number: at + 1,
            text: self.lines[at].trim_end_matches(['\n', '\r']),
        }
    }

    fn part(&self, name: &str) -> Option<Part> {
        let mut part: Option<Part> = None;
        for at in 0..self.lines.len() {
            let line = self.line(at);
            let body = without_comment(&line);
            if body.is_empty() {
                continue;
            }
            match (heading(&line, &body), &mut part) {
                (Some(_), Some(_)) => break,
                (Some((found, _)), None) => {
                    let is_it = line.text.get(found) == Some(name);
                    part = is_it.then(|| Part {
                        heading: at,
                        rows: Vec::new(),
                    });
                }
                (None, Some(part)) => part.rows.push(at),
                (None, None) => {}
            }
        }
        part
    }
}

/// Gives a line its end, if it is the last one and has none.
fn complete(line: &mut String, end: &str) {
    if !line.ends_with('\n') {
        line.push_str(end);
    }
}

/// The comment of a line that goes, as a line of its own.
fn comment_of(line: &str, end: &str) -> Option<String> {
    let text = Line {
        path: Path::new(""),
        number: 1,
        text: line.trim_end_matches(['\n', '\r']),
    };
    let comment = text.text.get(without_comment(&text).end..)?.trim();
    (!comment.is_empty()).then(|| comment.to_owned() + end)
}

/// A row that says what it should: what is right already stays as it is written, and so do indents and comments. Numbers stay
/// aligned at their right.
fn rewritten(line: &Line<'_>, row: &Row, whole: &str) -> String {
    let body = without_comment(line);
    let text = |span: &Range<usize>| line.text.get(span.clone()).unwrap_or_default();
    let length = text(&body).find(char::is_whitespace).unwrap_or(body.len());
    let first = body.start..body.start + length;
    let second = trimmed(line, first.end..body.end);
    let mut new = whole.to_owned();
    let field = match &row.field {
        Field::Text(field) if field != text(&second) => Some(field.clone()),
        Field::Secs(secs) if !is_time(text(&second), *secs) => Some(format!("{secs:.6}")),
        _ => None,
    };
    if let Some(field) = field {
        match second.is_empty() {
            true => new.insert_str(first.end, &format!("  {field}")),
            false => new.replace_range(second, &field),
        }
    }
    if !is_time(text(&first), row.secs) {
        let indent = line.text.get(..first.start).unwrap_or_default();
        let is_aligned = !indent.is_empty() && indent.chars().all(|c| c == ' ');
        let (start, width) = match is_aligned {
            true => (0, first.end),
            false => (first.start, 0),
        };
        new.replace_range(start..first.end, &format!("{:width$.6}", row.secs));
    }
    new
}

/// Whether a text is a time already, to a microsecond.
fn is_time(text: &str, secs: f64) -> bool {
    let written = parse_secs(&text.replace(',', "."));
    written.is_ok_and(|written| (written - secs).abs() < 0.75e-6)
}
