//! Lines that begin with a time without brackets: tables without a head, Audacity's labels, chapters such as `1:23 words`.

use common::text_file::TextError;

use super::super::directive::is_clock;
use super::super::text::clean_field;
use super::csv::{ENDINGS, secs};
use super::{Entry, Reading, Source, whole};

/// What may stand behind a time.
const SEPARATORS: [char; 4] = ['\t', ';', ',', ' '];

/// Reads such lines. Recognised by a time at the start of every line, in rising order: one with a colon, or numbers from 0 on,
/// unless the file's ending is that of a table.
pub(super) fn read(source: &Source<'_>) -> Option<Result<Reading, TextError>> {
    let lines: Vec<_> = source.rows().collect();
    SEPARATORS.into_iter().find_map(|separator| {
        let times = lines.iter().map(|line| timed(line.text, separator));
        let times = times.collect::<Option<Vec<_>>>()?;
        let is_rising = times.windows(2).all(|pair| pair[0].secs < pair[1].secs);
        // Years and numbers begin lines of ours too, but not at 0.
        let is_clear = times.iter().all(|time| time.is_clock)
            || (separator != ' ' && times.first()?.secs == 0.0);
        let is_table = source.ends_in(&ENDINGS) && separator != ' ' && !times.is_empty();
        let is_list = times.len() > 1 && is_rising && is_clear;
        if !(is_table || is_list) {
            return None;
        }
        let entries = lines.iter().zip(&times).map(|(line, time)| Entry {
            place: whole(line),
            secs: Some(time.secs),
            text: clean_field(&unquoted(time.words)),
            ..Entry::default()
        });
        Some(Ok(Reading {
            kind: "lines with a time and a prompt",
            entries: entries.collect(),
            ..Reading::default()
        }))
    })
}

/// A line without a head.
struct Timed<'a> {
    secs: f64,
    /// Its time is written as clocks show it.
    is_clock: bool,
    words: &'a str,
}

/// Time and prompt of a line; a second time, at which a label ends, is passed over.
fn timed(text: &str, separator: char) -> Option<Timed<'_>> {
    let time = |text: &str| secs(text.trim().trim_matches('"'), separator);
    let (first, rest) = text.trim().split_once(separator)?;
    let rest = rest.trim_start();
    let start = time(first)?;
    let second = rest.split_once(separator).filter(|_| separator != ' ');
    let second = second.filter(|(end, _)| time(end).is_some_and(|end| end >= start));
    let words = second.map_or(rest, |(_, words)| words);
    // A dash often stands behind the time of a chapter.
    let is_dash = |c: char| separator == ' ' && matches!(c, '-' | '\u{2013}' | '\u{2014}');
    let words = words.trim_start_matches(|c: char| c.is_whitespace() || is_dash(c));
    let is_words = words.chars().any(char::is_alphabetic);
    is_words.then_some(Timed {
        secs: start,
        is_clock: is_clock(&first.trim().trim_matches('"').replace(',', ".")),
        words,
    })
}

/// A prompt without the quotes around it.
fn unquoted(words: &str) -> String {
    let inner = words
        .trim()
        .strip_prefix('"')
        .and_then(|words| words.strip_suffix('"'));
    inner.map_or_else(|| words.to_owned(), |inner| inner.replace("\"\"", "\""))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{none, read_as, read_named, times};

    #[test]
    fn lines_with_times_need_no_head() {
        for text in [
            "0:00,a red sunset, oil\n1:02.5,a sea",
            "0:00;a red sunset, oil\n1:02,5;a sea",
            "0.0\t2.0\ta red sunset, oil\n62.5\t62.5\ta sea",
            "0,a red sunset, oil\n62.5,a sea",
            "0:00,0:30,\"a red sunset, oil\"\n1:02.5,1:10,a sea",
            "0:00 a red sunset, oil\n1:02.5 - a sea",
            "style: oil\n# mine\n00:00:00 a red sunset, oil\n\n00:01:02.5 a sea",
        ] {
            let script = read_as("lines with a time and a prompt", text);
            assert_eq!(
                times(&script),
                [("a red sunset, oil", 0.0), ("a sea", 62.5)],
                "{text}"
            );
        }
        let script = read_named("p.csv", "0,a red sunset\n12.5,3 cats").unwrap();
        assert_eq!(times(&script), [("a red sunset", 0.0), ("3 cats", 12.5)]);
    }

    #[test]
    fn near_misses_are_ours() {
        for text in [
            "1940, a street in Paris\n1950, a street in Rome",
            "12.5, a number\n13, another",
            "0:10 a sea\na city",
            "prompt, a sea",
            "time, a clock\nprompt, a stage",
            "3 cats\n4 dogs",
            "1:1 scale model",
            "12:30 at the station",
            "0:12 a cat",
            "10:00 in the city\n9:00 at the sea",
            "3, 2, 1, liftoff\n5, 4, 3",
            "10 cats\n20 dogs",
        ] {
            none(text);
        }
    }
}
