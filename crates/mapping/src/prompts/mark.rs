use std::ops::Range;

use common::text_file::{Line, TextError, suggest, trimmed, word};
use common::units::parse_secs;

use super::Arrival;

/// The mark in front of a prompt, with its range of bytes; the range is empty where there is none.
pub(super) fn mark(
    line: &Line<'_>,
    body: &Range<usize>,
) -> Result<(Arrival, Range<usize>), TextError> {
    let text = line.text.get(body.clone()).unwrap_or_default();
    let (arrival, mark) = if text.starts_with('[') {
        time_mark(line, body)?
    } else if text.starts_with('@') {
        at_mark(line, body)?
    } else {
        return Ok((Arrival::Auto, body.start..body.start));
    };
    let rest = trimmed(line, mark.end..body.end);
    let next = line.text.get(rest.clone()).unwrap_or_default();
    if next.starts_with(['[', '@', '#']) {
        return Err(line
            .error(rest.start..rest.start + 1, "a prompt can't begin with this")
            .with_hint("one mark is enough; a prompt that begins with [, @ or # needs a backslash in front of it"));
    }
    Ok((arrival, mark))
}

/// `[1:23.5]`
fn time_mark(line: &Line<'_>, body: &Range<usize>) -> Result<(Arrival, Range<usize>), TextError> {
    let hint = "a mark is a time such as [1:23.5]; a prompt that begins with a bracket needs a backslash in front: \\[";
    let text = line.text.get(body.clone()).unwrap_or_default();
    let length = text.find(']').ok_or_else(|| {
        let bracket = body.start..body.start + 1;
        line.error(bracket, "] is missing").with_hint(hint)
    })?;
    let mark = body.start..body.start + length + 1;
    let inner = trimmed(line, mark.start + 1..mark.end - 1);
    let secs = parse_secs(line.text.get(inner.clone()).unwrap_or_default()).map_err(|reason| {
        let reason = reason.split(';').next().unwrap_or_default();
        let at = if inner.is_empty() {
            mark.clone()
        } else {
            inner
        };
        line.error(at, reason).with_hint(hint)
    })?;
    Ok((Arrival::Time(secs), mark))
}

/// `@bar 16` or `@section chorus`
fn at_mark(line: &Line<'_>, body: &Range<usize>) -> Result<(Arrival, Range<usize>), TextError> {
    let keyword = word(line, body.clone());
    let operand = trimmed(line, keyword.end..body.end);
    let name = line.text.get(keyword.clone()).unwrap_or_default();
    match name.to_lowercase().as_str() {
        "@bar" => {
            let number = word(line, operand);
            let text = line.text.get(number.clone()).unwrap_or_default();
            let bar = text.parse().ok().filter(|bar| *bar > 0).ok_or_else(|| {
                let (at, reason) = if number.is_empty() {
                    (keyword.clone(), "the bar's number is missing".to_owned())
                } else {
                    (number.clone(), format!("\"{text}\" is not a bar"))
                };
                line.error(at, reason)
                    .with_hint("bars are counted from 1, such as: @bar 16 a city in the rain")
            })?;
            Ok((Arrival::Bar(bar), keyword.start..number.end))
        }
        "@section" => section_mark(line, keyword, operand),
        _ => {
            let unknown = name;
            let suggestion = suggest(unknown, &["@bar", "@section"]);
            let hint = format!(
                "a prompt that begins with @ needs a backslash in front (\\@); {suggestion}"
            );
            Err(line
                .error(keyword, format!("there is no mark \"{unknown}\""))
                .with_hint(hint))
        }
    }
}

/// `@section chorus`, `@section chorus:2`, `@section "guitar solo":2`
fn section_mark(
    line: &Line<'_>,
    keyword: Range<usize>,
    operand: Range<usize>,
) -> Result<(Arrival, Range<usize>), TextError> {
    let text = line.text.get(operand.clone()).unwrap_or_default();
    let (label, number) = if let Some(quoted) = text.strip_prefix('"') {
        let length = quoted.find('"').ok_or_else(|| {
            let quote = operand.start..operand.start + 1;
            line.error(quote, "the closing \" is missing")
        })?;
        let label = operand.start + 1..operand.start + 1 + length;
        let number = word(line, label.end + 1..operand.end);
        (label, number)
    } else {
        let name = word(line, operand);
        let name_text = line.text.get(name.clone()).unwrap_or_default();
        let end = name_text.find(':').map_or(name.end, |at| name.start + at);
        (name.start..end, end..name.end)
    };
    let label = line.text.get(label).unwrap_or_default().trim();
    if label.is_empty() {
        return Err(line
            .error(keyword, "the section's name is missing")
            .with_hint("such as: @section chorus a city in the rain"));
    }
    let count = line.text.get(number.clone()).unwrap_or_default();
    let nth = match count.strip_prefix(':') {
        None if count.is_empty() => None,
        counted => {
            let nth = counted.and_then(|n| n.parse().ok()).filter(|n| *n > 0);
            Some(nth.ok_or_else(|| {
                line.error(number.clone(), "this doesn't say which of the sections")
                    .with_hint("they are counted from 1, such as: @section chorus:2")
            })?)
        }
    };
    let arrival = Arrival::Section {
        label: label.to_owned(),
        nth,
    };
    Ok((arrival, keyword.start..number.end))
}
