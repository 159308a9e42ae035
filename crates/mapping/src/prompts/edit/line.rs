//! The line of a prompt in its parts, of which one is written anew.

use std::ops::Range;

use common::text_file::{Line, TextError, trimmed};

use super::super::directive;
use super::super::lexer::{Token, tokens};
use super::super::mark::mark;
use super::super::settings::{pairs, small};
use super::escape::escaped;

/// Where the parts of a prompt's line stand, in bytes.
pub(super) struct Parts {
    /// Empty where there is none.
    pub mark: Range<usize>,
    /// The prompt's words as they are written.
    pub words: Range<usize>,
    /// `--neg` and its words, or those of a switch that means the same.
    negative: Option<(Range<usize>, Range<usize>)>,
    /// Settings with their braces.
    braces: Option<Range<usize>>,
}

impl Parts {
    pub fn of(line: &Line<'_>) -> Result<Self, TextError> {
        let body = trimmed(line, 0..line.text.len());
        let (_, mark) = mark(line, &body)?;
        let mut rest = trimmed(line, mark.end..body.end);
        let behind = line.text.get(rest.clone()).unwrap_or_default();
        if let Some(length) = directive::label(behind) {
            rest = trimmed(line, rest.start + length..rest.end);
        }
        Self::behind(line, mark, rest)
    }

    /// The parts of a line that begins with words, such as what stands behind `style:`.
    pub fn of_words(line: &Line<'_>) -> Result<Self, TextError> {
        Self::behind(line, 0..0, trimmed(line, 0..line.text.len()))
    }

    /// The parts of what stands behind a mark.
    fn behind(line: &Line<'_>, mark: Range<usize>, rest: Range<usize>) -> Result<Self, TextError> {
        let mut parts = Self {
            mark,
            words: rest.start..rest.start,
            negative: None,
            braces: None,
        };
        let mut switch = None;
        for token in tokens(line, rest)? {
            match token {
                Token::Words(_, at) => match switch.take() {
                    Some(switch) => parts.negative = Some((switch, trimmed(line, at))),
                    None => parts.words = trimmed(line, at),
                },
                Token::Neg(at) => switch = Some(at),
                Token::Braces(inner) => parts.braces = Some(inner.start - 1..inner.end + 1),
            }
        }
        Ok(parts)
    }
}

/// A line with another mark, or none.
pub(super) fn with_mark(line: &str, parts: &Parts, mark: &str) -> String {
    let (head, rest) = split(line, parts.mark.start, parts.mark.end);
    let rest = rest.trim_start();
    match mark {
        "" => format!("{head}{rest}"),
        mark => format!("{head}{mark} {rest}"),
    }
}

/// A line with other words.
pub(super) fn with_words(line: &str, parts: &Parts, words: &str) -> String {
    let (head, rest) = split(line, parts.words.start, parts.words.end);
    format!("{head}{}{rest}", escaped(words, true))
}

/// A line with another negative prompt; none if it is empty.
pub(super) fn with_negative(line: &str, parts: &Parts, negative: &str) -> String {
    let written = escaped(negative, false);
    match &parts.negative {
        Some((switch, words)) if negative.is_empty() => without(line, switch.start..words.end),
        Some((_, words)) => {
            let (head, rest) = split(line, words.start, words.end);
            format!("{head}{written}{rest}")
        }
        None if negative.is_empty() => line.to_owned(),
        None => {
            let (head, rest) = split(line, parts.words.end, parts.words.end);
            format!("{head} --neg {written}{rest}")
        }
    }
}

/// A line with another value of a setting in braces, or without it.
pub(super) fn with_setting(
    line: &Line<'_>,
    parts: &Parts,
    key: &str,
    value: Option<String>,
) -> Result<String, TextError> {
    let text = line.text;
    let setting = value.map(|value| format!("{key}={value}"));
    let Some(braces) = parts.braces.clone() else {
        return Ok(match setting {
            Some(setting) => format!("{} {{{setting}}}", text.trim_end()),
            None => text.to_owned(),
        });
    };
    let pairs = pairs(line, braces.start + 1..braces.end - 1)?;
    let old = pairs.iter().find(|(name, _)| small(line, name) == key);
    Ok(match (old, setting) {
        (Some((_, at)), Some(setting)) => {
            let value = setting.get(key.len() + 1..).unwrap_or_default();
            let (head, rest) = split(text, at.start, at.end);
            format!("{head}{value}{rest}")
        }
        (Some(_), None) if pairs.len() == 1 => without(text, braces),
        (Some((name, at)), None) => {
            let (head, rest) = split(text, name.start, at.end);
            let is_gap = |c: char| c.is_whitespace() || c == ',';
            // The last setting leaves with what parts it from the one before, all others with what stands behind.
            match rest.trim_start_matches(is_gap) {
                rest if rest.starts_with('}') => format!("{}{rest}", head.trim_end_matches(is_gap)),
                rest => format!("{head}{rest}"),
            }
        }
        (None, Some(setting)) => {
            let (head, rest) = split(text, braces.end - 1, braces.end - 1);
            let gap = if pairs.is_empty() { "" } else { " " };
            format!("{}{gap}{setting}{rest}", head.trim_end())
        }
        (None, None) => text.to_owned(),
    })
}

/// A text without a range of bytes and the blanks in front of it.
fn without(text: &str, span: Range<usize>) -> String {
    let (head, rest) = split(text, span.start, span.end);
    format!("{}{rest}", head.trim_end())
}

/// What stands before a range of bytes, and what behind.
fn split(text: &str, start: usize, end: usize) -> (&str, &str) {
    let head = text.get(..start).unwrap_or_default();
    (head, text.get(end..).unwrap_or_default())
}
