use std::ops::Range;

use super::PromptsError;
use super::error::suggest;
use super::lexer::Line;

/// Highest accepted guidance scale.
const MAX_GUIDANCE_SCALE: f64 = 100.0;

/// What stands in braces behind a prompt.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Settings {
    pub seed: Option<u64>,
    pub guidance_scale: Option<f64>,
}

/// Reads `key=value` pairs, separated by blanks or commas, from a range of bytes of a line (braces left out).
pub(super) fn parse(line: &Line<'_>, span: Range<usize>) -> Result<Settings, PromptsError> {
    let mut settings = Settings::default();
    for (key, value) in pairs(line, span)? {
        match line.text.get(key.clone()).unwrap_or_default() {
            "seed" => {
                refuse_twice(line, &key, settings.seed.is_some())?;
                settings.seed = Some(seed(line, value)?);
            }
            "guidance" => {
                refuse_twice(line, &key, settings.guidance_scale.is_some())?;
                settings.guidance_scale = Some(guidance_scale(line, value)?);
            }
            unknown => {
                let hint = suggest(unknown, &["seed", "guidance"]);
                let reason = format!("there is no setting \"{unknown}\"");
                return Err(line.error(key, reason).with_hint(hint));
            }
        }
    }
    Ok(settings)
}

/// Byte ranges of a key and its value.
type Pair = (Range<usize>, Range<usize>);

/// All pairs of a range of bytes.
fn pairs(line: &Line<'_>, span: Range<usize>) -> Result<Vec<Pair>, PromptsError> {
    let is_gap = |c: char| c.is_whitespace() || c == ',';
    let skip = |from: usize, skipped: &dyn Fn(char) -> bool| {
        let rest = line.text.get(from..span.end).unwrap_or_default();
        rest.find(|c| !skipped(c)).map_or(span.end, |at| from + at)
    };
    let mut pairs = Vec::new();
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
            return Err(line
                .error(whole, reason)
                .with_hint("such as {seed=42 guidance=3}"));
        }
        at = skip(value.end, &is_gap);
        pairs.push((key, value));
    }
    Ok(pairs)
}

fn refuse_twice(line: &Line<'_>, key: &Range<usize>, is_set: bool) -> Result<(), PromptsError> {
    if is_set {
        let reason = "this setting stands here twice";
        return Err(line.error(key.clone(), reason));
    }
    Ok(())
}

fn seed(line: &Line<'_>, value: Range<usize>) -> Result<u64, PromptsError> {
    let text = line.text.get(value.clone()).unwrap_or_default();
    text.parse().map_err(|_| {
        let reason = format!("\"{text}\" is not a seed");
        let hint = format!("a seed is a whole number from 0 to {}", u64::MAX);
        line.error(value, reason).with_hint(hint)
    })
}

fn guidance_scale(line: &Line<'_>, value: Range<usize>) -> Result<f64, PromptsError> {
    let text = line.text.get(value.clone()).unwrap_or_default();
    let scale = text.parse::<f64>().ok();
    scale
        .filter(|scale| (0.0..=MAX_GUIDANCE_SCALE).contains(scale))
        .ok_or_else(|| {
            let reason = format!("\"{text}\" is not a guidance scale");
            let hint = format!("give a number from 0 to {MAX_GUIDANCE_SCALE}; 1 is no guidance");
            line.error(value, reason).with_hint(hint)
        })
}
