//! Lines for the whole film: `style:`, `map:`, `--neg`, and what people write instead.

use std::ops::Range;

use common::text_file::{Line, TextError};
use common::units::parse_secs;

use super::lexer::neg_len;
use super::route::is_feature;
use crate::channels::CHANNELS;

/// What a line for the whole film is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Directive {
    /// Words for every prompt.
    Style,
    /// What no picture should show.
    Neg,
    /// A route from sound to picture.
    Map,
}

/// Longest name of a directive, in letters.
const MAX_NAME: usize = 24;

/// How negative prompts are called by other programs.
const NEGATIVE: [&str; 5] = [
    "neg",
    "negative",
    "negative prompt",
    "negative prompts",
    "neg prompt",
];

/// How prompts are called by other programs.
const POSITIVE: [&str; 4] = ["prompt", "positive", "positive prompt", "prompts"];

/// Settings that no line of a prompts file holds, and where they belong.
const SETTINGS: [(&[&str], &str); 8] = [
    (
        &["seed"],
        "a prompt's seed stands behind it: {seed=42}; the film's is given with `seed`",
    ),
    (
        &["guidance", "guidance scale", "cfg", "cfg scale"],
        "a prompt's guidance stands behind it: {guidance=3}; the film's is given with `guidance`",
    ),
    (&["steps", "sampling steps"], "it is given with `steps`"),
    (
        &["size", "width", "height", "resolution"],
        "it is given with `size`",
    ),
    (&["fps", "frame rate"], "it is given with `fps`"),
    (&["bar"], "a bar stands in front of a prompt: @bar 9"),
    (
        &["time", "at"],
        "a time stands in brackets in front of a prompt: [1:23.5]",
    ),
    (
        &["start", "duration", "length"],
        "it is given with `start` or `duration`",
    ),
];

/// What keyboards for East Asian languages write for the first characters of marks and comments.
const WIDE: [char; 4] = ['\u{FF3B}', '\u{3010}', '\u{FF20}', '\u{FF03}'];

/// What makes words of a line that looks like something else.
const ESCAPE: &str = "a backslash in front makes it words of the prompt";

/// The directive that a text begins with, and the number of bytes in front of its words. Capitals don't matter.
pub(super) fn directive(text: &str) -> Option<(Directive, usize)> {
    if let Some(length) = neg_len(text) {
        return Some((Directive::Neg, length));
    }
    let (name, length) = name(text)?;
    let directive = match name.as_str() {
        "style" => Directive::Style,
        "map" => Directive::Map,
        name if NEGATIVE.contains(&name) => Directive::Neg,
        _ => return None,
    };
    Some((directive, length))
}

/// Whether a text begins with how A1111 marks a negative prompt; the number of bytes in front of its words.
pub(super) fn negative_prompt(text: &str) -> Option<usize> {
    let (name, length) = name(text)?;
    (name == "negative prompt").then_some(length)
}

/// The label such as `Prompt 2:`, or the mark of a list, that a text begins with, which is no part of the prompt: its length in bytes.
pub(super) fn label(text: &str) -> Option<usize> {
    if let Some(length) = list_mark(text) {
        return Some(length);
    }
    let (name, length) = name(text)?;
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit());
    POSITIVE.contains(&name.trim_end()).then_some(length)
}

/// The mark of a list such as `-` or `2.` that a text begins with: its length in bytes.
pub(super) fn list_mark(text: &str) -> Option<usize> {
    let (mark, words) = text.split_once(char::is_whitespace)?;
    let is_number = |mark: &str| {
        let number = mark.strip_suffix(['.', ')']).unwrap_or_default();
        (1..=2).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit())
    };
    let is_mark = matches!(mark, "-" | "*" | "\u{2022}") || is_number(mark);
    (is_mark && !words.trim().is_empty()).then_some(mark.len())
}

/// The name in front of a colon or an equals sign, in small letters with single blanks between its words, and the number of bytes
/// up to the character behind the sign.
fn name(text: &str) -> Option<(String, usize)> {
    let at = text.find([':', '=', '\u{FF1A}'])?;
    let (name, rest) = text.split_at_checked(at)?;
    let is_name = |c: char| c.is_alphanumeric() || c.is_whitespace() || matches!(c, '_' | '-');
    if name.len() > 4 * MAX_NAME || !name.chars().all(is_name) {
        return None;
    }
    let words: Vec<_> = name
        .split(|c: char| c.is_whitespace() || matches!(c, '_' | '-'))
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let name = words.join(" ");
    let sign = rest.chars().next().map_or(0, char::len_utf8);
    (name.chars().count() <= MAX_NAME).then_some((name, at + sign))
}

/// Refuses a line of prompts, `body`, that begins nearly as a directive does.
pub(super) fn check_near(line: &Line<'_>, body: &Range<usize>) -> Result<(), TextError> {
    let text = line.text.get(body.clone()).unwrap_or_default();
    if text.starts_with("//") {
        let slashes = body.start..body.start + 2;
        return Err(line
            .error(slashes, "this looks like a comment")
            .with_hint(format!("a comment begins with #; {ESCAPE}")));
    }
    if let Some(c) = text.chars().next().filter(|c| WIDE.contains(c)) {
        let first = body.start..body.start + c.len_utf8();
        return Err(line
            .error(first, "marks and comments have no wide characters")
            .with_hint("write [1:23.5], @bar or # in ASCII"));
    }
    let Some((name, length)) = name(text) else {
        return Ok(());
    };
    let at = body.start..body.start + length;
    let refuse = |reason: &str, hint: &str| {
        Err(line
            .error(at.clone(), reason)
            .with_hint(format!("{hint}; {ESCAPE}")))
    };
    let words = text.get(length..).unwrap_or_default().trim();
    let is_one_word = !name.contains(' ');
    if is_one_word && is_near(&name, "style") {
        return refuse("there is no such line", "did you mean style:?");
    }
    if is_one_word && is_near(&name, "map") && words.contains('=') {
        return refuse("there is no such line", "did you mean map:?");
    }
    let is_negative = NEGATIVE.iter().any(|known| is_near(&name, known));
    if name.starts_with("neg") && is_negative {
        return refuse("there is no such line", "did you mean --neg?");
    }
    let is_channel = CHANNELS.iter().any(|channel| channel.name == name);
    let first = words.split(|c: char| c.is_whitespace() || c == '{').next();
    let first = first.unwrap_or_default();
    if is_channel && is_feature(first) {
        let hint = format!("did you mean map: {name} = {first}?");
        return refuse("map: is missing in front of this", &hint);
    }
    let setting = SETTINGS
        .iter()
        .find(|(names, _)| names.contains(&name.as_str()));
    match setting {
        Some((_, hint)) if is_value(words) => refuse("a prompts file has no such line", hint),
        _ => Ok(()),
    }
}

/// Whether what stands behind a name is one number or size, not words.
fn is_value(words: &str) -> bool {
    words.starts_with(|c: char| c.is_ascii_digit()) && !words.contains(char::is_whitespace)
}

/// Whether one letter more, less, changed or swapped makes `known` of a name.
fn is_near(name: &str, known: &str) -> bool {
    let letters = |text: &str| text.chars().filter(|c| *c != ' ').collect::<Vec<char>>();
    let (name, known) = (letters(name), letters(known));
    let same = |a: &[char], b: &[char]| a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let head = same(&name, &known);
    let (name, known) = (&name[head..], &known[head..]);
    let rest = |a: &[char], n: usize| a.get(n..).map(<[char]>::to_vec);
    let swapped = match (name, known) {
        ([a, b, ..], [c, d, ..]) => a == d && b == c && rest(name, 2) == rest(known, 2),
        _ => false,
    };
    swapped
        || (name.is_empty() && known.is_empty())
        || rest(name, 1) == rest(known, 0)
        || rest(name, 0) == rest(known, 1)
        || (rest(name, 1).is_some() && rest(name, 1) == rest(known, 1))
}

/// What a prompt begins with, if it may have been meant as a time: `1:23`, `(1:23)`, `83:`, `83,`.
pub(super) fn like_a_time(text: &str) -> Option<&str> {
    let text = text.trim_start_matches(['(', '<', '"']);
    let end = text.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | ':'));
    let (time, behind) = text.split_at_checked(end.unwrap_or(text.len()))?;
    let number = time.strip_suffix(':').or_else(|| {
        let is_field = behind.starts_with([',', ';']) && !time.contains(':');
        is_field.then_some(time)
    });
    let number = number.filter(|number| parse_secs(number).is_ok());
    number.or_else(|| is_clock(time).then_some(time))
}

/// Whether a text is a time as clocks show it: `1:23`, `01:02:03.5`. Ratios such as 16:9 and 1:1 aren't.
pub(super) fn is_clock(text: &str) -> bool {
    let has_two_digits = |part: &str| part.find('.').unwrap_or(part.len()) == 2;
    let mut parts = text.split(':').skip(1).peekable();
    parts.peek().is_some() && parts.all(has_two_digits) && parse_secs(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_are_known_in_any_case() {
        for (text, expected) in [
            ("style: a", Some((Directive::Style, 6))),
            ("STYLE : a", Some((Directive::Style, 7))),
            ("Style\u{FF1A}a", Some((Directive::Style, 8))),
            ("style=a", Some((Directive::Style, 6))),
            ("Map: noise = low", Some((Directive::Map, 4))),
            ("--neg a", Some((Directive::Neg, 5))),
            ("\u{2014}neg a", Some((Directive::Neg, 6))),
            ("Negative prompt: a", Some((Directive::Neg, 16))),
            ("negative_prompt: a", Some((Directive::Neg, 16))),
            ("neg: a", Some((Directive::Neg, 4))),
            ("style a", None),
            ("old style: a", None),
            ("portrait: a", None),
            ("(style: a)", None),
            ("a map: of the world", None),
        ] {
            assert_eq!(directive(text), expected, "{text}");
        }
    }

    #[test]
    fn near_names_are_told_from_far_ones() {
        for near in ["styles", "stile", "sytle", "styel", "tyle", "styl", "styie"] {
            assert!(is_near(near, "style"), "{near}");
        }
        for far in ["still", "sky", "title", "sleety", "", "stylelike"] {
            assert!(!is_near(far, "style"), "{far}");
        }
        assert!(is_near("style", "style"));
    }

    #[test]
    fn labels_are_no_part_of_a_prompt() {
        assert_eq!(label("Prompt 12: a cat"), Some(10));
        assert_eq!(label("positive prompt: a"), Some(16));
        assert_eq!(label("prompt engineering: a"), None);
        assert_eq!(label("a prompt"), None);
        for (text, length) in [
            ("- a", 1),
            ("* a", 1),
            ("\u{2022} a", 3),
            ("12. a", 3),
            ("1) a", 2),
        ] {
            assert_eq!(label(text), Some(length), "{text}");
        }
        for text in ["-", "- ", "-a", "1.5 a", "2001. a", "1 a", ". a", "a. b"] {
            assert_eq!(label(text), None, "{text}");
        }
    }

    #[test]
    fn times_without_brackets_are_seen() {
        for (text, time) in [
            ("1:23 a", Some("1:23")),
            ("(0:05) a", Some("0:05")),
            ("01:02:03.5 - a", Some("01:02:03.5")),
            ("12: a", Some("12")),
            ("12,a cat", Some("12")),
            ("12 cats", None),
            ("1:30am", Some("1:30")),
            ("8k, a cat", None),
            ("16:9 a", None),
            ("1:1 scale", None),
            ("glow:1.3 a", None),
            ("", None),
        ] {
            assert_eq!(like_a_time(text), time, "{text}");
        }
    }
}
