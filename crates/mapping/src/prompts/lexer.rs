//! A line without its mark as words, negative prompts and settings.

use std::ops::Range;

use common::text_file::{Line, TextError, suggest};

use super::directive;

/// A part of a line behind its mark.
pub(super) enum Token {
    /// Words, with escapes resolved and blanks at both ends left out.
    Words(String, Range<usize>),
    /// `--neg`, as it was written.
    Neg(Range<usize>),
    /// The bytes between `{` and `}`.
    Braces(Range<usize>),
}

/// Names that other programs and people give the switch `--neg`.
const NEG_NAMES: [&str; 5] = [
    "neg",
    "no",
    "negative",
    "negative-prompt",
    "negative-prompts",
];

/// Switches of other programs in a prompt, and what does the same here.
const FOREIGN: [(&[&str], &str); 4] = [
    (
        &["seed"],
        "a prompt's seed stands behind it in braces: {seed=42}",
    ),
    (
        &["guidance", "cfg", "scale", "s", "stylize"],
        "a prompt's guidance stands behind it in braces: {guidance=3}",
    ),
    (
        &["style"],
        "a style is a line of its own: style: oil painting",
    ),
    (
        &["ar", "aspect", "w", "h", "width", "height", "size"],
        "the film's size is given with `size`",
    ),
];

/// Splits a range of bytes of a line into tokens.
pub(super) fn tokens(line: &Line<'_>, span: Range<usize>) -> Result<Vec<Token>, TextError> {
    let brace_hint =
        "settings stand in braces: {seed=42}; a brace in a prompt needs a backslash: \\{ \\}";
    let mut tokens = Vec::new();
    let mut words = String::new();
    let mut words_start = span.start;
    let mut is_word_start = true;
    let mut at = span.start;
    let mut rest = line.text.get(span.clone()).unwrap_or_default();
    while let Some(c) = rest.chars().next() {
        let token = if is_word_start && let Some(length) = neg_len(rest) {
            Some(Token::Neg(at..at + length))
        } else if is_word_start && let Some(name) = switch(rest) {
            return Err(unknown_switch(line, at, name));
        } else if c == '{' {
            let length = rest
                .find('}')
                .ok_or_else(|| line.error(at..at + 1, "} is missing").with_hint(brace_hint))?;
            Some(Token::Braces(at + 1..at + length))
        } else if c == '}' {
            return Err(line
                .error(at..at + 1, "{ is missing in front of this")
                .with_hint(brace_hint));
        } else {
            None
        };
        let n_bytes = match &token {
            Some(Token::Neg(neg)) => neg.len(),
            Some(Token::Braces(inner)) => inner.len() + 2,
            _ => match escaped(rest, is_word_start, at == span.start) {
                Some(literal) => {
                    words.push_str(literal);
                    is_word_start = false;
                    1 + literal.len()
                }
                None => {
                    words.push(c);
                    is_word_start = c.is_whitespace();
                    c.len_utf8()
                }
            },
        };
        if let Some(token) = token {
            push_words(&mut tokens, &mut words, words_start..at);
            tokens.push(token);
            words_start = at + n_bytes;
            is_word_start = true;
        }
        at += n_bytes;
        rest = rest.get(n_bytes..).unwrap_or_default();
    }
    push_words(&mut tokens, &mut words, words_start..at);
    Ok(tokens)
}

fn push_words(tokens: &mut Vec<Token>, words: &mut String, span: Range<usize>) {
    let trimmed = words.trim();
    if !trimmed.is_empty() {
        tokens.push(Token::Words(trimmed.to_owned(), span));
    }
    words.clear();
}

/// What a backslash at the start of `rest` makes literal.
fn escaped(rest: &str, is_word_start: bool, is_prompt_start: bool) -> Option<&str> {
    let rest = rest.strip_prefix('\\')?;
    let first = rest.chars().next()?;
    let is_literal = match first {
        '{' | '}' => true,
        _ if is_word_start && (neg_len(rest).is_some() || switch(rest).is_some()) => true,
        '[' | '@' | '#' | '\\' | '/' => is_prompt_start,
        _ => is_prompt_start && (is_named(rest) || directive::list_mark(rest).is_some()),
    };
    rest.get(..first.len_utf8()).filter(|_| is_literal)
}

/// Whether a text begins with a word and a sign, as a directive does.
fn is_named(text: &str) -> bool {
    let name = text.split([':', '=', '\u{FF1A}']).next();
    name.is_some_and(|name| name.len() < text.len() && name.starts_with(char::is_alphabetic))
}

/// The length in bytes of `--neg` if a text begins with it as a word, or of what people write for it: another dash, another name,
/// a colon or an equals sign behind it.
pub(super) fn neg_len(text: &str) -> Option<usize> {
    let is_dash = |c: char| matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{FF0D}');
    let name = text.trim_start_matches(is_dash);
    let dashes = text.get(..text.len() - name.len())?;
    let end = name.find(|c: char| !c.is_ascii_alphabetic() && !matches!(c, '-' | '_'));
    let (name, rest) = name.split_at_checked(end.unwrap_or(name.len()))?;
    let known = name.to_ascii_lowercase().replace('_', "-");
    // "a beach —no people" is a sentence.
    let is_known = match known.as_str() {
        "no" => dashes == "--",
        name => NEG_NAMES.contains(&name),
    };
    if !(1..=3).contains(&dashes.chars().count()) || !is_known {
        return None;
    }
    let sign = rest.chars().next();
    let n_more = match sign {
        Some(':' | '=' | ',' | '\u{FF1A}') => sign.map_or(0, char::len_utf8),
        Some(c) if c.is_alphanumeric() => return None,
        _ => 0,
    };
    Some(dashes.len() + name.len() + n_more)
}

/// The name of the switch that a text begins with.
pub(super) fn switch(text: &str) -> Option<&str> {
    let name = text.strip_prefix("--")?;
    let end = name.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_'));
    let name = name.get(..end.unwrap_or(name.len()))?;
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        .then_some(name)
}

fn unknown_switch(line: &Line<'_>, at: usize, name: &str) -> TextError {
    let known = name.to_ascii_lowercase();
    let foreign = FOREIGN
        .iter()
        .find(|(names, _)| names.contains(&known.as_str()));
    let hint = match foreign {
        Some((_, hint)) => (*hint).to_owned(),
        None => suggest(&format!("--{known}"), &["--neg"]),
    };
    line.error(
        at..at + 2 + name.len(),
        format!("there is no --{name} in a prompt"),
    )
    .with_hint(format!(
        "{hint}; a backslash in front makes it words: \\--{name}"
    ))
}
