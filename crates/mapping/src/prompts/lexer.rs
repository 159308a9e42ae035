use std::ops::Range;

use common::text_file::{Line, TextError};

/// A part of a line behind its mark.
pub(super) enum Token {
    /// Words, with escapes resolved and blanks at both ends left out.
    Words(String, Range<usize>),
    /// `--neg`.
    Neg(Range<usize>),
    /// The bytes between `{` and `}`.
    Braces(Range<usize>),
}

/// The switch in front of a negative prompt.
pub(super) const NEG: &str = "--neg";

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
        let token = if is_word_start && after_neg(rest).is_some() {
            Some(Token::Neg(at..at + NEG.len()))
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
    let is_escapable = |length: &usize| match rest.get(..*length) {
        Some("{" | "}") => true,
        Some(NEG) => is_word_start,
        Some("[" | "@" | "#" | "\\" | "map:" | "style:") => is_prompt_start,
        _ => false,
    };
    let length = [1, "map:".len(), NEG.len(), "style:".len()]
        .into_iter()
        .find(is_escapable)?;
    rest.get(..length)
}

/// What stands behind `--neg` if the text begins with it as a word.
pub(super) fn after_neg(text: &str) -> Option<&str> {
    let rest = text.strip_prefix(NEG)?;
    rest.chars()
        .next()
        .is_none_or(char::is_whitespace)
        .then_some(rest)
}
