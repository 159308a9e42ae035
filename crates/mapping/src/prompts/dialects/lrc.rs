//! Lyrics: LRC, its tags for words (enhanced LRC), and lines that are sung several times.

use std::ops::Range;

use common::text_file::{Line, TextError};
use common::units::parse_secs;

use super::super::text::{clean_field, enclosed};
use super::{Entry, Reading, Source, in_order, notes_on_entries};

/// Names of tags that say something of the song.
const TAGS: [&str; 17] = [
    "ar", "al", "ti", "au", "by", "re", "ve", "lr", "la", "id", "length", "offset", "tool",
    "encoding", "key", "total", "author",
];

/// Reads lyrics: each line is a prompt that arrives at its time. Recognised by what our own marks can't be: a tag such as
/// `[ar:Anna]`, two times in front of a line, times inside of it; and by the ending `lrc`.
pub(super) fn read(source: &Source<'_>) -> Option<Result<Reading, TextError>> {
    let is_lyrics = |line: &Line<'_>| {
        let (times, rest) = times(line.text);
        let is_timed = !times.is_empty();
        tag(line.text).is_some_and(|(name, _)| TAGS.contains(&name.as_str()))
            || times.len() > 1
            || (is_timed && without_word_times(rest) != rest)
    };
    let has_times = || {
        source
            .lines
            .iter()
            .any(|line| !times(line.text).0.is_empty())
    };
    let is_lyrics = source.lines.iter().any(is_lyrics) && has_times();
    (is_lyrics || (source.ends_in(&["lrc"]) && has_times())).then(|| lyrics(source))
}

fn lyrics(source: &Source<'_>) -> Result<Reading, TextError> {
    let mut entries = Vec::new();
    let mut n_empty = 0;
    let mut without_time = Vec::new();
    let mut offset_secs = 0.0;
    let mut has_hundredths = false;
    for line in source.rows() {
        let text = line.text.trim();
        let (times, words) = times(text);
        if times.is_empty() {
            match tag(text) {
                Some((name, value)) if name == "offset" => offset_secs = offset(line, value)?,
                Some(_) => {}
                None => without_time.push(line.number.to_string()),
            }
            continue;
        }
        let words = clean_field(&without_word_times(words));
        if words.is_empty() {
            n_empty += 1;
            continue;
        }
        let start = line.text.len() - line.text.trim_start().len();
        for Time {
            secs,
            span,
            is_short,
        } in times
        {
            source.check_count(&entries)?;
            has_hundredths |= is_short;
            entries.push(Entry {
                place: line.place(start + span.start..start + span.end),
                secs: Some(secs),
                text: words.clone(),
                ..Entry::default()
            });
        }
    }
    // A positive offset lets lyrics appear sooner.
    for secs in entries.iter_mut().filter_map(|entry| entry.secs.as_mut()) {
        *secs = (*secs - offset_secs).max(0.0);
    }
    let (entries, n_joined) = in_order(entries);
    let mut notes = notes_on_entries(n_joined, n_empty);
    if has_hundredths {
        notes.push("times such as [00:12:50] are minutes, seconds and hundredths".to_owned());
    }
    if !without_time.is_empty() {
        let n = without_time.len();
        without_time.truncate(5);
        let more = if n > 5 { ", …" } else { "" };
        let lines = without_time.join(", ");
        notes.push(format!("lines without a time are left out: {lines}{more}"));
    }
    Ok(Reading {
        kind: "lyrics",
        entries,
        notes,
        ..Reading::default()
    })
}

/// A time in front of a line.
struct Time {
    secs: f64,
    /// Its place, brackets included.
    span: Range<usize>,
    /// Written with a colon in front of its hundredths.
    is_short: bool,
}

/// The times in front of a line, and what stands behind them.
fn times(text: &str) -> (Vec<Time>, &str) {
    let text = text.trim();
    let mut times = Vec::new();
    let mut at = 0;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let start = at + rest.len() - rest.trim_start().len();
        let inner = rest.trim_start().strip_prefix('[');
        let inner = inner
            .and_then(|rest| rest.split_once(']'))
            .map(|(inner, _)| inner);
        let Some((inner, (secs, is_short))) = inner.and_then(|i| Some((i, secs(i)?))) else {
            return (times, rest.trim());
        };
        at = start + inner.len() + 2;
        times.push(Time {
            secs,
            span: start..at,
            is_short,
        });
    }
}

/// `01:23`, `01:23.45`, `1:01:23.45`, and `01:23:45`, of which it is said that the last part is hundredths.
fn secs(text: &str) -> Option<(f64, bool)> {
    let text = text.trim();
    let parts: Vec<&str> = text.split(':').collect();
    match parts.as_slice() {
        [_, _] => Some((parse_secs(text).ok()?, false)),
        [minutes, seconds, hundredths] if !text.contains('.') => {
            let is_plain = hundredths.len() == 2 && hundredths.bytes().all(|b| b.is_ascii_digit());
            let text = format!("{minutes}:{seconds}.{hundredths}");
            Some((parse_secs(&text).ok().filter(|_| is_plain)?, true))
        }
        [_, _, _] => Some((parse_secs(text).ok()?, false)),
        _ => None,
    }
}

/// Name, in small letters, and value of a line that is a tag such as `[ar:Anna]`.
fn tag(text: &str) -> Option<(String, &str)> {
    let inner = text.trim().strip_prefix('[')?.strip_suffix(']')?;
    let (name, value) = inner.split_once(':')?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphabetic() || c == '#');
    is_name.then(|| (name.to_ascii_lowercase(), value.trim()))
}

/// The value of `[offset:+250]`, given in milliseconds.
fn offset(line: &Line<'_>, value: &str) -> Result<f64, TextError> {
    if value.is_empty() {
        return Ok(0.0);
    }
    let millis = value.parse::<f64>().ok().filter(|value| value.is_finite());
    millis.map(|millis| millis / 1000.0).ok_or_else(|| {
        line.error(0..line.text.len(), format!("\"{value}\" is not an offset"))
            .with_hint("it is given in milliseconds, such as [offset:+250]")
    })
}

/// A line without the times of its words, `<00:12.50>`.
fn without_word_times(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['<', '[']) {
        let (before, tag) = rest.split_at_checked(at).unwrap_or((rest, ""));
        kept += before;
        let end = if tag.starts_with('<') { '>' } else { ']' };
        match enclosed(tag, end) {
            Some((inner, after)) if secs(inner).is_some() => rest = after,
            _ => {
                kept += tag.get(..1).unwrap_or_default();
                rest = tag.get(1..).unwrap_or_default();
            }
        }
    }
    kept + rest
}

#[cfg(test)]
mod tests {
    use super::super::tests::{error, none, read_as, read_named, times};

    #[test]
    fn lyrics_with_tags_are_read() {
        let script = read_as(
            "lyrics",
            "[ar:Anna: the band]\n[ti:Song]\n[length: 2:23]\n[#:comment]\n[Offset:+500]\n\n[00:00.20]first line\n[00:12.00] second\n\
             [01:15.30]last --neg rain\n",
        );
        assert_eq!(
            times(&script),
            [("first line", 0.0), ("second", 11.5), ("last", 74.8)]
        );
        assert_eq!(script.prompts[2].negative, "rain");
        assert_eq!(script.notes.len(), 1);
    }

    #[test]
    fn times_of_words_are_no_words() {
        let script = read_as(
            "lyrics",
            "[00:12.00] <00:12.04> When <00:12.16> the <00:12.82> truth\n[00:20.0]is [00:21.0]found [live] <3\n",
        );
        assert_eq!(
            times(&script),
            [("When the truth", 12.0), ("is found [live] <3", 20.0)]
        );
    }

    #[test]
    fn a_chorus_comes_as_often_as_it_has_times() {
        let script = read_as(
            "lyrics",
            "[00:21.10][00:45.10] chorus\n[00:30.00]verse\n[00:40.00]\n[00:30.00]strophe\nno time\n",
        );
        let expected = [("chorus", 21.1), ("verse, strophe", 30.0), ("chorus", 45.1)];
        assert_eq!(times(&script), expected);
        for word in [
            "one prompt",
            "times without words",
            "without a time are left out: 5",
        ] {
            assert!(script.notes[0].contains(word), "{:?}", script.notes);
        }
    }

    #[test]
    fn the_ending_makes_lyrics_of_what_could_be_ours() {
        let text = "[00:12:50]a\n[00:20.00]\n[1:01:02.5]b\n";
        let script = read_named("song.LRC", text).unwrap();
        assert_eq!(times(&script), [("a", 12.5), ("b", 3662.5)]);
        assert!(script.notes[0].contains("hundredths"));
    }

    #[test]
    fn broken_lyrics_are_named() {
        let found = error("[ar:x]\n[offset:soon]\n[00:01.00]a");
        assert!(found.reason.contains("not an offset"), "{found}");
        assert_eq!(found.place.unwrap().line, 2);
        assert!(error("[ti:x]\n[00:01.00]\n").reason.contains("no prompt"));
        // A tag alone makes no lyrics.
        assert!(error("[ar:x]\na sea").reason.contains("not a time"));
    }

    #[test]
    fn near_misses_are_ours() {
        for text in [
            "[0:10] a\nb\n[0:20] c [haze]",
            "[1:02:00] late\n[1:02:30] later <3",
        ] {
            none(text);
        }
        assert!(error("[12] [13] b").reason.contains("can't begin"));
    }
}
