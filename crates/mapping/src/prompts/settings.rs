use std::ops::Range;

use common::text_file::{Line, TextError, suggest};
use timeline::MAX_GUIDANCE_SCALE;

/// What stands in braces behind a prompt.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Settings {
    pub seed: Option<u64>,
    pub guidance_scale: Option<f64>,
}

/// Reads the settings of a prompt from a range of bytes of a line, braces left out.
pub(super) fn parse(line: &Line<'_>, span: Range<usize>) -> Result<Settings, TextError> {
    let mut settings = Settings::default();
    for (key, value) in pairs(line, span)? {
        match small(line, &key).as_str() {
            "seed" => settings.seed = Some(seed(line, value)?),
            "guidance" => {
                settings.guidance_scale = Some(number(line, value, 0.0, MAX_GUIDANCE_SCALE)?);
            }
            _ => return Err(unknown(line, key, &["seed", "guidance"])),
        }
    }
    Ok(settings)
}

/// A key in small letters.
pub(super) fn small(line: &Line<'_>, key: &Range<usize>) -> String {
    let key = line.text.get(key.clone()).unwrap_or_default();
    key.to_ascii_lowercase()
}

/// Byte ranges of a key and its value.
type Pair = (Range<usize>, Range<usize>);

/// Splits a range of bytes into `key=value` pairs, separated by blanks or commas; no key is there twice.
pub(super) fn pairs(line: &Line<'_>, span: Range<usize>) -> Result<Vec<Pair>, TextError> {
    let is_gap = |c: char| c.is_whitespace() || c == ',';
    let skip = |from: usize, skipped: &dyn Fn(char) -> bool| {
        let rest = line.text.get(from..span.end).unwrap_or_default();
        rest.find(|c| !skipped(c)).map_or(span.end, |at| from + at)
    };
    let mut pairs: Vec<Pair> = Vec::new();
    let mut at = skip(span.start, &is_gap);
    while at < span.end {
        let key = at..skip(at, &|c| c != '=' && !is_gap(c));
        let equals = skip(key.end, &char::is_whitespace);
        let value_start = skip(equals + 1, &char::is_whitespace);
        let value = value_start..skip(value_start, &|c| !is_gap(c));
        let has_equals = line.text.as_bytes().get(equals) == Some(&b'=') && equals < span.end;
        if !has_equals || key.is_empty() || value.is_empty() {
            let reason = "a setting has the form key=value";
            let whole = at..key.end.max(at + 1);
            return Err(line.error(whole, reason).with_hint(
                "such as {seed=42 guidance=3}; braces that are words need backslashes: \\{ \\}",
            ));
        }
        let name = small(line, &key);
        if pairs.iter().any(|(known, _)| small(line, known) == name) {
            return Err(line.error(key, "this setting stands here twice"));
        }
        at = skip(value.end, &is_gap);
        pairs.push((key, value));
    }
    Ok(pairs)
}

/// The error for a key that isn't one of `known`.
pub(super) fn unknown(line: &Line<'_>, key: Range<usize>, known: &[&str]) -> TextError {
    let text = line.text.get(key.clone()).unwrap_or_default();
    let hint = suggest(text, known);
    line.error(key, format!("there is no setting \"{text}\""))
        .with_hint(hint)
}

fn seed(line: &Line<'_>, value: Range<usize>) -> Result<u64, TextError> {
    let text = line.text.get(value.clone()).unwrap_or_default();
    text.parse().map_err(|_| {
        let reason = format!("\"{text}\" is not a seed");
        let hint = format!("a seed is a whole number from 0 to {}", u64::MAX);
        line.error(value, reason).with_hint(hint)
    })
}

/// A number within `min..=max`.
pub(super) fn number(
    line: &Line<'_>,
    value: Range<usize>,
    min: f64,
    max: f64,
) -> Result<f64, TextError> {
    let text = line.text.get(value.clone()).unwrap_or_default();
    let number = text
        .parse()
        .ok()
        .filter(|number| (min..=max).contains(number));
    number.ok_or_else(|| {
        let reason = format!("\"{text}\" can't stand here");
        line.error(value, reason)
            .with_hint(format!("give a number from {min} to {max}"))
    })
}
