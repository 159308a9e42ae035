use std::ops::Range;
use std::path::Path;

use common::text_file::{self, Line, TextError, trimmed, word};

use super::lexer::{Token, after_neg, tokens};
use super::mark::mark;
use super::route;
use super::settings::{self, Settings};
use super::{MAX_PROMPTS, Script, ScriptPrompt};

pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Script, TextError> {
    let mut script = Script {
        path: path.to_owned(),
        ..Script::default()
    };
    for line in text_file::lines(path, bytes)? {
        parse_line(&line, &mut script)?;
    }
    if script.prompts.is_empty() {
        return Err(TextError {
            path: path.to_owned(),
            place: None,
            reason: "there is no prompt in this file".to_owned(),
            hint: Some("write what to show, one prompt a line".to_owned()),
        });
    }
    Ok(script)
}

fn parse_line(line: &Line<'_>, script: &mut Script) -> Result<(), TextError> {
    let body = trimmed(line, 0..line.text.len());
    let text = line.text.get(body.clone()).unwrap_or_default();
    if text.is_empty() || text.starts_with('#') {
        return Ok(());
    }
    if let Some(words) = text.strip_prefix("style:") {
        return add_for_all(line, body, words, &mut script.style);
    }
    if let Some(words) = after_neg(text) {
        return add_for_all(line, body, words, &mut script.negative);
    }
    if text.starts_with("map:") {
        return route::parse(line, body.start + "map:".len(), &mut script.routes);
    }
    let (arrival, mark) = mark(line, &body)?;
    let words = words(line, trimmed(line, mark.end..body.end))?;
    let place = line.place(if mark.is_empty() { body } else { mark });
    let refuse = |reason: String, hint: &str| TextError {
        path: line.path.to_owned(),
        place: Some(place.clone()),
        reason,
        hint: Some(hint.to_owned()),
    };
    if words.text.is_empty() {
        let hint = "write what to show, such as: [0:30] a city in the rain --neg cars";
        return Err(refuse("there is no prompt on this line".to_owned(), hint));
    }
    if script.prompts.len() == MAX_PROMPTS {
        let reason = format!("there are more than {MAX_PROMPTS} prompts");
        return Err(refuse(reason, "leave out some"));
    }
    script.prompts.push(ScriptPrompt {
        text: words.text,
        negative: words.negative,
        arrival,
        seed: words.settings.seed,
        guidance_scale: words.settings.guidance_scale,
        place,
    });
    Ok(())
}

/// Adds the words of a `style:` or `--neg` line, which go to every prompt.
fn add_for_all(
    line: &Line<'_>,
    body: Range<usize>,
    words: &str,
    list: &mut String,
) -> Result<(), TextError> {
    let words = words.trim();
    if words.is_empty() {
        return Err(line.error(body, "there are no words behind this"));
    }
    if !list.is_empty() {
        list.push_str(", ");
    }
    list.push_str(words);
    Ok(())
}

/// A line without its mark.
#[derive(Default)]
struct Words {
    text: String,
    negative: String,
    settings: Settings,
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
                if !words.negative.is_empty() {
                    return Err(line.error(at, "--neg stands on this line twice").with_hint(
                        "write what not to show behind one --neg, separated by commas",
                    ));
                }
                words.negative = text;
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
