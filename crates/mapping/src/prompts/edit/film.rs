//! Lines for the whole film: `style:`, `--neg`, `map:`.

use serde::{Deserialize, Serialize};

use super::super::directive::{Directive, directive};
use super::super::parser::parse_line;
use super::super::text::{clean, clean_field};
use super::Refusal;
use super::editor::Editor;
use super::escape::escaped;
use super::lines::Lines;

/// A line for the whole film.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FilmLine {
    /// Where it stands, from 1.
    pub line: usize,
    /// What it is about.
    pub kind: FilmLineKind,
    /// What stands behind its name, as it is written.
    pub text: String,
}

/// What a line for the whole film is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FilmLineKind {
    /// Words for every prompt.
    Style,
    /// What no picture should show.
    Negative,
    /// A route from sound to picture.
    Map,
}

/// The lines of a prompts file that hold for the whole film, in their order.
pub fn film_lines(text: &str) -> Vec<FilmLine> {
    let text = clean(text);
    let lines = text.split('\n').zip(1..);
    let found = lines.filter_map(|(text, line)| {
        let text = text.trim();
        let (kind, length) = directive(text).filter(|_| !text.starts_with('#'))?;
        let kind = match kind {
            Directive::Style => FilmLineKind::Style,
            Directive::Neg => FilmLineKind::Negative,
            Directive::Map => FilmLineKind::Map,
        };
        let text = text.get(length..).unwrap_or_default().trim().to_owned();
        Some(FilmLine { line, kind, text })
    });
    found.collect()
}

impl Editor<'_> {
    /// The first style line gets the words; the others go, but what they say of negative prompts stays.
    pub fn set_style(&mut self, text: &str) -> Result<(), Refusal> {
        let style = clean_field(text);
        let mut negative = Vec::new();
        for line in self.film_lines(FilmLineKind::Style) {
            negative.push(self.of_line(line.line - 1)?.negative);
        }
        negative.retain(|words| !words.is_empty());
        let negative = negative.join(", ");
        let written = match (style.is_empty(), negative.is_empty()) {
            (true, true) => String::new(),
            (true, false) => format!("--neg {}", escaped(&negative, false)),
            (false, true) => format!("style: {}", escaped(&style, true)),
            (false, false) => {
                let (style, negative) = (escaped(&style, true), escaped(&negative, false));
                format!("style: {style} --neg {negative}")
            }
        };
        self.check_film(&written, &style, &negative)?;
        self.replace(FilmLineKind::Style, &written);
        Ok(())
    }

    pub fn set_film_negative(&mut self, text: &str) -> Result<(), Refusal> {
        let negative = clean_field(text);
        let written = match negative.is_empty() {
            true => String::new(),
            false => format!("--neg {}", escaped(&negative, false)),
        };
        self.check_film(&written, "", &negative)?;
        // What style lines say of it goes, too.
        for line in self.film_lines(FilmLineKind::Style) {
            let style = self.of_line(line.line - 1)?;
            if !style.negative.is_empty() {
                let written = format!("style: {}", escaped(&style.style, true));
                self.check_film(&written, &style.style, "")?;
                self.lines.set(line.line - 1, &written);
            }
        }
        self.replace(FilmLineKind::Negative, &written);
        Ok(())
    }

    pub fn set_map(&mut self, line: Option<usize>, text: &str) -> Result<(), Refusal> {
        let route = clean_field(text);
        let route = route.strip_prefix("map:").unwrap_or(&route).trim();
        let written = format!("map: {route}");
        if !route.is_empty() {
            let script = parse_line(&self.as_line(&written))?;
            if script.routes.len() != 1 {
                return Err(Refusal::new(
                    "this is no route",
                    "such as: zoom = downbeats {gain=2}",
                ));
            }
        }
        let maps = self.film_lines(FilmLineKind::Map);
        match line {
            Some(line) if maps.iter().any(|map| map.line == line) => {
                let at = line - 1;
                match route.is_empty() {
                    true => self.lines.remove(at..at + 1),
                    false => self.lines.set(at, &written),
                }
                Ok(())
            }
            Some(line) => Err(Refusal::new(
                format!("there is no map line on line {line}"),
                "was the file changed meanwhile? Look at it again",
            )),
            None if route.is_empty() => Err(Refusal::new(
                "a route needs a channel and a feature",
                "such as: zoom = downbeats {gain=2}",
            )),
            None => {
                self.insert_film(&written, maps.last().map(|map| map.line));
                Ok(())
            }
        }
    }

    fn film_lines(&self, kind: FilmLineKind) -> Vec<FilmLine> {
        let mut lines = film_lines(&self.lines.text());
        lines.retain(|line| line.kind == kind);
        lines
    }

    /// What a line for the whole film says.
    fn of_line(&self, at: usize) -> Result<super::super::Script, Refusal> {
        let text = self.lines.clean(at);
        Ok(parse_line(&self.as_line(&text))?)
    }

    /// Refuses a line that doesn't say what it should.
    fn check_film(&self, written: &str, style: &str, negative: &str) -> Result<(), Refusal> {
        let script = parse_line(&self.as_line(written))?;
        if script.style == style && script.negative == negative && script.prompts.is_empty() {
            return Ok(());
        }
        Err(Refusal::new(
            "these words can't be written in a prompts file as they are",
            "leave out tags such as <lora:name:1>, backslashes and dashes at the start of words",
        ))
    }

    /// Puts a line in the place of all lines of a kind; none if it is empty.
    fn replace(&mut self, kind: FilmLineKind, written: &str) {
        let old = self.film_lines(kind);
        let kept = usize::from(!written.is_empty());
        for line in old.iter().skip(kept).rev() {
            self.lines.remove(line.line - 1..line.line);
        }
        match old.first() {
            _ if written.is_empty() => {}
            // What says the same already stays as it is written.
            Some(first) if old.len() == 1 && self.lines.clean(first.line - 1).trim() == written => {
            }
            Some(first) => self.lines.set(first.line - 1, written),
            None => self.insert_film(written, None),
        }
    }

    /// Inserts a line behind another, or else behind the last one for the whole film, or above the first prompt.
    fn insert_film(&mut self, written: &str, behind: Option<usize>) {
        let behind = behind.or_else(|| {
            let film = film_lines(&self.lines.text());
            let first_prompt = self.script.prompts.first().map_or(usize::MAX, |p| p.line());
            let mut above = film.into_iter().filter(|line| line.line < first_prompt);
            above.next_back().map(|line| line.line)
        });
        let written = written.to_owned();
        match (behind, self.script.prompts.first()) {
            (Some(line), _) => self.lines.insert(line, &[written]),
            (None, Some(first)) => {
                let at = self.lines.block_start(first.line() - 1);
                self.lines.insert(at, &[written, String::new()]);
            }
            (None, None) => self.lines.insert(self.lines.len(), &[written]),
        }
    }
}

/// The lines of a text that are for the whole film, as they are written.
pub(super) fn written_lines(text: &str, kind: FilmLineKind) -> Vec<String> {
    let lines = Lines::new(text);
    let film = film_lines(text).into_iter();
    let film = film.filter(|line| line.kind == kind);
    film.map(|line| lines.clean(line.line - 1).trim().to_owned())
        .collect()
}
