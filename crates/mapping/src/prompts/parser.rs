//! Lines to a [`Script`]: ours, or those that a dialect made of another program's file.

use std::ops::Range;
use std::path::Path;

use common::text_file::{self, Line, MAX_LINE_BYTES, Place, TextError, trimmed, word};

use super::dialects::{self, Source};
use super::directive::{self, Directive, directive};
use super::lexer::{Token, tokens};
use super::mark::mark;
use super::networks::{with_plain_embeddings, without_networks};
use super::notes::Notes;
use super::settings::{self, Settings};
use super::{Arrival, MAX_PROMPTS, Script, ScriptPrompt, route, text};

pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Script, TextError> {
    let script = parse_open(path, bytes)?;
    if script.prompts.is_empty() {
        return Err(TextError {
            path: script.path,
            place: None,
            reason: "there is no prompt in this file".to_owned(),
            hint: Some("write what to show, one prompt a line".to_owned()),
        });
    }
    Ok(script)
}

/// The same for a file that may have no prompts yet.
pub(super) fn parse_open(path: &Path, bytes: &[u8]) -> Result<Script, TextError> {
    let text = text::decode(path, bytes)?;
    let lines = text_file::lines(path, text.as_bytes())?;
    let source = Source::new(path, &text, &lines);
    let mut reader = Reader::new(path);
    match dialects::read(&source) {
        Some(reading) => reader.add_reading(reading?, &source)?,
        None => {
            for line in &lines {
                reader.add_line(line)?;
            }
        }
    }
    Ok(reader.finish())
}

/// A single line in our grammar.
pub(super) fn parse_line(line: &Line<'_>) -> Result<Script, TextError> {
    let mut reader = Reader::new(line.path);
    reader.add_line(line)?;
    Ok(reader.script)
}

/// A script while it is read.
struct Reader {
    script: Script,
    notes: Notes,
}

impl Reader {
    fn new(path: &Path) -> Self {
        let script = Script {
            path: path.to_owned(),
            ..Script::default()
        };
        let notes = Notes::default();
        Self { script, notes }
    }

    fn finish(mut self) -> Script {
        let notes = self.notes.sentences(&self.script.path);
        self.script.notes.extend(notes);
        self.script
    }

    /// Adds the prompts of another program's file, and the lines of ours in it.
    fn add_reading(
        &mut self,
        reading: dialects::Reading,
        source: &Source<'_>,
    ) -> Result<(), TextError> {
        for line in &source.ours {
            self.add_line(line)?;
        }
        for (words, list) in [
            (&reading.style, &mut self.script.style),
            (&reading.negative, &mut self.script.negative),
        ] {
            append(list, words);
        }
        for entry in reading.entries {
            if entry.text.len() > MAX_LINE_BYTES {
                return Err(TextError {
                    path: source.path.to_owned(),
                    place: Some(entry.place),
                    reason: format!("this prompt is longer than {MAX_LINE_BYTES} bytes"),
                    hint: Some("is it the right file?".to_owned()),
                });
            }
            let line = Line {
                path: source.path,
                number: entry.place.line,
                text: &entry.text,
            };
            let mut words = self.words(&line, 0..entry.text.len())?;
            append(&mut words.negative, &entry.negative);
            words.settings.seed = words.settings.seed.or(entry.seed);
            let guidance_scale = words.settings.guidance_scale;
            words.settings.guidance_scale = guidance_scale.or(entry.guidance_scale);
            let arrival = entry.secs.map_or(Arrival::Auto, Arrival::Time);
            self.add_prompt(words, arrival, entry.place)?;
        }
        let n = self.script.prompts.len();
        let s = if n == 1 { "" } else { "s" };
        let path = source.path.display();
        let details: String = reading.notes.iter().map(|n| format!("; {n}")).collect();
        let note = format!("{path} is read as {}: {n} prompt{s}{details}", reading.kind);
        self.script.notes.push(note);
        self.script.foreign = Some(reading.kind);
        Ok(())
    }

    fn add_line(&mut self, line: &Line<'_>) -> Result<(), TextError> {
        let body = trimmed(line, 0..line.text.len());
        let text = line.text.get(body.clone()).unwrap_or_default();
        if text.is_empty() || text.starts_with('#') {
            return Ok(());
        }
        if let Some((directive, length)) = directive(text) {
            return self.add_directive(line, body, directive, length);
        }
        directive::check_near(line, &body)?;
        let (arrival, mark) = mark(line, &body)?;
        let mut rest = trimmed(line, mark.end..body.end);
        let behind = line.text.get(rest.clone()).unwrap_or_default();
        if let Some(length) = directive::label(behind) {
            let label = behind.get(..length).unwrap_or_default();
            let note = match directive::list_mark(behind) {
                Some(_) => "the mark of a list in front of the prompt is not drawn".to_owned(),
                None => format!("\"{label}\" is taken as a label, not drawn"),
            };
            self.notes.add(line.number, note);
            rest = trimmed(line, rest.start + length..rest.end);
        } else if let Some(time) = directive::like_a_time(behind) {
            let note = format!("{time} is drawn as words: a time stands in brackets, [{time}]");
            self.notes.add(line.number, note);
        }
        let words = self.words(line, rest)?;
        let place = line.place(if mark.is_empty() { body } else { mark });
        self.add_prompt(words, arrival, place)
    }

    fn add_directive(
        &mut self,
        line: &Line<'_>,
        body: Range<usize>,
        directive: Directive,
        length: usize,
    ) -> Result<(), TextError> {
        let start = body.start + length;
        let written = line.text.get(body.start..start).unwrap_or_default();
        if directive == Directive::Neg {
            self.note_neg(line, written);
        }
        if directive == Directive::Map {
            return route::parse(line, start, &mut self.script.routes);
        }
        let words = self.words(line, trimmed(line, start..body.end))?;
        let (to_all, other) = match directive {
            Directive::Style => (words.text, words.negative),
            _ => (words.negative, words.text),
        };
        let is_missing = match directive {
            Directive::Style => to_all.is_empty(),
            _ => other.is_empty(),
        };
        if is_missing {
            return Err(line.error(body, "there are no words behind this"));
        }
        if words.settings != Settings::default() {
            let hint = "settings stand behind a prompt, such as: a city in the rain {seed=42}";
            return Err(line
                .error(body, "this line is for all prompts, and has no settings")
                .with_hint(hint));
        }
        if directive == Directive::Style {
            append(&mut self.script.style, &to_all);
            append(&mut self.script.negative, &other);
        } else {
            append(&mut self.script.negative, &other);
            append(&mut self.script.negative, &to_all);
        }
        Ok(())
    }

    fn add_prompt(
        &mut self,
        words: Words,
        arrival: Arrival,
        place: Place,
    ) -> Result<(), TextError> {
        let refuse = |place: &Place, reason: String, hint: &str| TextError {
            path: self.script.path.clone(),
            place: Some(place.clone()),
            reason,
            hint: Some(hint.to_owned()),
        };
        if words.text.is_empty() {
            let hint = "write what to show, such as: [0:30] a city in the rain --neg cars";
            let reason = "there is no prompt on this line".to_owned();
            return Err(refuse(&place, reason, hint));
        }
        if self.script.prompts.len() == MAX_PROMPTS {
            let reason = format!("there are more than {MAX_PROMPTS} prompts");
            return Err(refuse(&place, reason, "leave out some"));
        }
        self.script.prompts.push(ScriptPrompt {
            text: words.text,
            negative: words.negative,
            arrival,
            seed: words.settings.seed,
            guidance_scale: words.settings.guidance_scale,
            place,
        });
        Ok(())
    }

    /// Says so where a negative prompt was marked by something else than `--neg`.
    fn note_neg(&mut self, line: &Line<'_>, written: &str) {
        if !written.eq_ignore_ascii_case("--neg") {
            let note = format!("\"{written}\" is read as --neg");
            self.notes.add(line.number, note);
        }
    }

    /// Reads a span as [`words`] does; tags of extra networks become notes.
    fn words(&mut self, line: &Line<'_>, span: Range<usize>) -> Result<Words, TextError> {
        let mut words = words(line, span)?;
        if let Some(written) = &words.switch {
            self.note_neg(line, written);
        }
        for text in [&mut words.text, &mut words.negative] {
            *text = without_networks(text, |note| self.notes.add(line.number, note));
            *text = with_plain_embeddings(text, |note| self.notes.add(line.number, note));
        }
        Ok(words)
    }
}

/// Adds words to a list that commas separate.
fn append(list: &mut String, words: &str) {
    if !list.is_empty() && !words.is_empty() {
        list.push_str(", ");
    }
    list.push_str(words);
}

/// A line without its mark.
#[derive(Default)]
struct Words {
    text: String,
    negative: String,
    settings: Settings,
    /// `--neg`, as it was written.
    switch: Option<String>,
}

/// Reads `words {settings} --neg words`, the last two in any order.
fn words(line: &Line<'_>, span: Range<usize>) -> Result<Words, TextError> {
    let mut words = Words::default();
    let mut has_settings = false;
    let mut tokens = tokens(line, span)?.into_iter().peekable();
    if let Some(Token::Words(text, _)) = tokens.next_if(|t| matches!(t, Token::Words(..))) {
        words.text = text;
    }
    while let Some(token) = tokens.next() {
        match token {
            Token::Neg(at) => {
                let negative = tokens.next_if(|t| matches!(t, Token::Words(..)));
                let Some(Token::Words(text, _)) = negative else {
                    return Err(line.error(at, "there are no words behind this"));
                };
                if words.switch.is_some() {
                    return Err(line.error(at, "--neg stands on this line twice").with_hint(
                        "write what not to show behind one --neg, separated by commas",
                    ));
                }
                words.negative = text;
                words.switch = line.text.get(at).map(str::to_owned);
            }
            Token::Braces(inner) => {
                if has_settings {
                    let braces = inner.start - 1..inner.end + 1;
                    return Err(line
                        .error(braces, "braces stand on this line twice")
                        .with_hint("one pair holds all settings: {seed=42 guidance=3}"));
                }
                has_settings = true;
                words.settings = settings::parse(line, inner)?;
            }
            Token::Words(_, at) => {
                let at = trimmed(line, at);
                let first = word(line, at);
                return Err(line
                    .error(first, "a prompt can't go on behind its settings")
                    .with_hint(
                        "settings stand at the end, such as: a city in the rain {seed=42}",
                    ));
            }
        }
    }
    Ok(words)
}
