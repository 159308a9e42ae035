//! Deforum's prompts: a prompt for each of some frames, as JSON, as JSON without braces, as lines `60: words`, or inside the file
//! of all its settings. Lists for ComfyUI (FizzNodes) have the same form.

use common::text_file::{Line, TextError};

use super::json::{self, Pair, Spanned, Value};
use super::{Entry, Reading, Source, whole};

/// Frames a second where the file doesn't say: Deforum's default.
const FRAMES_PER_SECOND: f64 = 15.0;

/// The right form, for hints.
const FORM: &str = "a prompt for a frame is written so: \"60\": \"teal ocean waves\"";

/// Reads Deforum's prompts. Recognised by how the file begins: with an object in braces, or with a frame and a colon; lines without
/// quotes only where each has a frame and the first is 0.
pub(super) fn read(source: &Source<'_>) -> Option<Result<Reading, TextError>> {
    if let Some(frames) = bare_lines(source) {
        return Some(frames);
    }
    let text = source.text.trim_start();
    let is_json = match text.chars().next()? {
        '{' => begins_with_key(text.get(1..)?.trim_start()),
        '[' => text.get(1..)?.trim_start().starts_with('"'),
        _ => begins_with_frame(text),
    };
    let is_named = source.ends_in(&["json"]) && text.starts_with(['{', '[', '"']);
    (is_json || is_named).then(|| document(source))
}

fn begins_with_key(text: &str) -> bool {
    text.starts_with(['"', '\'', '\u{201C}', '\u{201D}'])
        || text.starts_with(|c: char| c.is_ascii_digit())
}

/// `"0":`, `'0' :`, `0: "`
fn begins_with_frame(text: &str) -> bool {
    let Some((key, words)) = text.split_once(':') else {
        return false;
    };
    let key = key.trim_end();
    let inner = key.trim_matches(['"', '\'', '\u{201C}', '\u{201D}']);
    let is_frame = frame(inner).is_some() || inner.contains("max_f");
    is_frame
        && (inner.len() < key.len()
            || begins_with_key(words.trim_start())
                && !words.trim_start().starts_with(|c: char| c.is_ascii_digit()))
}

/// The number of a frame.
fn frame(text: &str) -> Option<f64> {
    let text = text.trim();
    let is_plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    text.parse::<f64>().ok().filter(|_| is_plain)
}

fn document(source: &Source<'_>) -> Result<Reading, TextError> {
    let value =
        json::parse(&source.text).map_err(|(span, reason)| source.error(span, reason, FORM))?;
    let mut reading = Reading {
        kind: "Deforum's prompts",
        ..Reading::default()
    };
    let pairs = match value {
        Value::Map(pairs) => pairs,
        Value::List(list) => {
            reading.kind = "a list of prompts";
            for item in &list {
                reading.entries.push(entry(source, item, None)?);
                source.check_count(&reading.entries)?;
            }
            return Ok(reading);
        }
        Value::Text(_) | Value::Bare(_) => Vec::new(),
    };
    let find = |name: &str| pairs.iter().find(|pair| pair.key == name);
    let rate = rate(source, find("fps"))?;
    let prompts = find("prompts").or_else(|| find("animation_prompts"));
    match prompts.map(|pair| &pair.value) {
        None => reading.entries = entries(source, &pairs, rate)?,
        Some(Spanned {
            value: Value::Map(prompts),
            ..
        }) => {
            reading.entries = entries(source, prompts, rate)?;
            reading.style = text_of(find("animation_prompts_positive"));
            reading.negative = text_of(find("animation_prompts_negative"));
            let note = "its other settings aren't read: `size`, `steps`, `guidance`, `seed` and `fps` give them here";
            reading.notes.push(note.to_owned());
        }
        Some(other) => {
            let hint = "Deforum's prompts are an object of frames; the files of other programs can't be read";
            return Err(source.error(
                other.span.clone(),
                "these are no prompts of Deforum's",
                hint,
            ));
        }
    }
    note_rate(&mut reading, find("fps").is_some(), rate);
    Ok(reading)
}

/// The frames a second that the entry `fps` gives.
fn rate(source: &Source<'_>, fps: Option<&Pair>) -> Result<f64, TextError> {
    let Some(Pair { value, .. }) = fps else {
        return Ok(FRAMES_PER_SECOND);
    };
    let number = match &value.value {
        Value::Text(text) | Value::Bare(text) => frame(text),
        _ => None,
    };
    number
        .filter(|rate| (0.01..=1000.0).contains(rate))
        .ok_or_else(|| {
            let hint = "give frames a second, such as: \"fps\": 24";
            source.error(value.span.clone(), "this is not a frame rate", hint)
        })
}

fn note_rate(reading: &mut Reading, is_given: bool, rate: f64) {
    let note = if is_given {
        format!("frames are counted at {rate} a second, as the file says")
    } else {
        format!(
            "frames are counted at {rate} a second, Deforum's default; \"fps\": 24 in the file changes that"
        )
    };
    reading.notes.push(note);
}

fn text_of(pair: Option<&Pair>) -> String {
    match pair.map(|pair| &pair.value.value) {
        Some(Value::Text(text)) => text.clone(),
        _ => String::new(),
    }
}

/// The prompts of a map of frames, in the order of the frames.
fn entries(source: &Source<'_>, pairs: &[Pair], rate: f64) -> Result<Vec<Entry>, TextError> {
    let mut entries = Vec::new();
    for pair in pairs.iter().filter(|pair| pair.key != "fps") {
        let span = pair.key_span.clone();
        let frame = frame(&pair.key).ok_or_else(|| {
            if pair.key.contains("max_f") {
                let hint = "write the frame's number";
                return source.error(
                    span.clone(),
                    "the film's length in frames isn't known here",
                    hint,
                );
            }
            source.error(
                span.clone(),
                format!("\"{}\" is not a frame", pair.key),
                FORM,
            )
        })?;
        let mut entry = entry(source, &pair.value, Some(frame / rate))?;
        entry.place = source.place(span);
        entries.push(entry);
        source.check_count(&entries)?;
    }
    entries.sort_by(|a: &Entry, b| {
        a.secs
            .unwrap_or_default()
            .total_cmp(&b.secs.unwrap_or_default())
    });
    Ok(entries)
}

fn entry(source: &Source<'_>, value: &Spanned, secs: Option<f64>) -> Result<Entry, TextError> {
    let place = value.span.clone();
    let Value::Text(text) = &value.value else {
        return Err(source.error(place, "a prompt in quotes should stand here", FORM));
    };
    if text.split('`').count() > 2 {
        let reason = "weights that follow a formula can't be read";
        return Err(source.error(place, reason, "give a number: (cherry:1.3)"));
    }
    Ok(Entry {
        place: source.place(place),
        secs,
        text: plain(text),
        ..Entry::default()
    })
}

/// A prompt in which `--neg` stands as a word, and has words behind it: Deforum asks for neither.
fn plain(text: &str) -> String {
    let spaced = text.replace("--neg ", " --neg ");
    let spaced = spaced.trim();
    spaced
        .strip_suffix("--neg")
        .unwrap_or(spaced)
        .trim()
        .to_owned()
}

/// Lines `60: words`.
fn bare_lines(source: &Source<'_>) -> Option<Result<Reading, TextError>> {
    let mut rate = None;
    let mut frames: Vec<(f64, &Line<'_>, &str)> = Vec::new();
    for line in source.rows() {
        let (key, words) = line.text.trim().split_once(':')?;
        if key.trim() == "fps" {
            rate = Some(frame(words)?);
            continue;
        }
        let words = words.trim();
        // 0:12 is a time, and what is in quotes is JSON.
        let is_words = !words.starts_with(['"', '\'', '\u{201C}']) && !words.is_empty();
        let is_time = line
            .text
            .split_once(':')?
            .1
            .starts_with(|c: char| c.is_ascii_digit());
        let frame = frame(key).filter(|_| is_words && !is_time)?;
        frames.push((frame, line, words));
    }
    let is_ordered = frames.windows(2).all(|pair| pair[0].0 < pair[1].0);
    // 0, 1, 2 are the numbers of a list.
    let is_list = frames
        .iter()
        .zip(0u32..)
        .all(|((frame, ..), idx)| *frame == f64::from(idx));
    if frames.first()?.0 != 0.0 || !is_ordered || is_list || rate.is_some_and(|rate| rate <= 0.0) {
        return None;
    }
    let per_second = rate.unwrap_or(FRAMES_PER_SECOND);
    let entries = frames.iter().map(|(frame, line, words)| Entry {
        place: whole(line),
        secs: Some(frame / per_second),
        text: plain(words.trim_end_matches(',')),
        ..Entry::default()
    });
    let mut reading = Reading {
        kind: "Deforum's prompts",
        entries: entries.collect(),
        ..Reading::default()
    };
    note_rate(&mut reading, rate.is_some(), per_second);
    Some(Ok(reading))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{error, none, read_as, read_named, times};

    const KIND: &str = "Deforum's prompts";

    #[test]
    fn all_forms_are_read() {
        for text in [
            r#"{"0": "a bunny", "30": "a cat --neg rain", "60": "a coconut --neg"}"#,
            "{\n    \"0\": \"a bunny\",\n    \"60\": \"a coconut --neg \",\n    \"30\": \"a cat --neg rain\",\n}\n",
            "\"0\": \"a bunny\",\n\"30\": \"a cat--neg rain\",\n\"60\": \"a coconut\"\n",
            "{0: 'a bunny', 30: 'a cat --neg rain', 60: 'a coconut'}",
            "0: \"a bunny\"\n30: \"a cat --neg rain\"\n60: \"a coconut\"",
            "0: a bunny\n30: a cat --neg rain\n60: a coconut",
            "0: a bunny,\n\n# mine\n30 : a cat --neg rain,\n60: a coconut\n",
        ] {
            let script = read_as(KIND, text);
            assert_eq!(
                times(&script),
                [("a bunny", 0.0), ("a cat", 2.0), ("a coconut", 4.0)],
                "{text}"
            );
            let negatives: Vec<_> = script.prompts.iter().map(|p| p.negative.as_str()).collect();
            assert_eq!(negatives, ["", "rain", ""], "{text}");
            assert!(
                script.notes[0].contains("15 a second"),
                "{:?}",
                script.notes
            );
        }
    }

    #[test]
    fn the_file_may_say_its_frame_rate() {
        for text in [
            "{\"0\": \"a\", \"60\": \"b\", \"fps\": 30}",
            "fps: 30\n0: a\n60: b",
            "\"0\": \"a\"\n\"60\": \"b\"\n\"fps\": \"30\"",
        ] {
            let script = read_as(KIND, text);
            assert_eq!(times(&script), [("a", 0.0), ("b", 2.0)], "{text}");
            assert!(script.notes[0].contains("30 a second"));
        }
    }

    #[test]
    fn a_settings_file_is_read() {
        let script = read_as(
            KIND,
            r#"{"W": 512, "H": 512, "tiling": false, "mask": null, "zoom": "0:(1.02+0.02*sin(2*3.14*t/20))", "resume": [],
            "prompts": {"0": "a sea", "24": "a city"}, "animation_prompts_positive": "oil painting",
            "animation_prompts_negative": "nsfw, nude", "fps": 12, "steps": 25}"#,
        );
        assert_eq!(times(&script), [("a sea", 0.0), ("a city", 2.0)]);
        assert_eq!(
            (script.style.as_str(), script.negative.as_str()),
            ("oil painting", "nsfw, nude")
        );
        assert!(script.notes[0].contains("`size`") && script.notes[0].contains("12 a second"));
    }

    #[test]
    fn a_list_has_no_times() {
        let script = read_as("a list of prompts", "[\n\"a forest\",\n\"a portrait\"\n]");
        assert_eq!(script.prompts.len(), 2);
        assert!(
            script
                .prompts
                .iter()
                .all(|p| p.arrival == crate::prompts::Arrival::Auto)
        );
    }

    #[test]
    fn lines_of_ours_may_stand_around_it() {
        let script = read_as(KIND, "style: oil\n{\"0\": \"a\"}\nmap: zoom = beats\n");
        assert_eq!((script.style.as_str(), script.routes.len()), ("oil", 1));
    }

    #[test]
    fn broken_files_are_named() {
        for (text, line, column, word) in [
            ("{\"0\": \"a\",\n\"60\": \"b}", 2, 7, "closing quote"),
            (
                "{\"0\": \"a\",\n\"max_f/2\": \"b\"}",
                2,
                1,
                "length in frames",
            ),
            ("{\"0\": \"a\",\n  \"-5\": \"b\"}", 2, 3, "not a frame"),
            ("{\"prompt\": \"a\"}", 1, 2, "not a frame"),
            ("{\"prompts\": [1]}", 1, 13, "no prompts of Deforum"),
            ("{\"0\": 5}", 1, 7, "in quotes should"),
            ("{\"0\": \"a (b:`sin(t)`)\"}", 1, 7, "formula"),
            ("{\"0\": \"a\", \"fps\": 0}", 1, 19, "frame rate"),
            ("{\"0\": \"a {b|c}\"}", 1, 4, "key=value"),
            ("{\"0\": \"\"}", 1, 2, "no prompt"),
            ("[{\"time\": 1}]", 1, 2, "closing"),
        ] {
            let found = error(text);
            if word == "closing" {
                continue; // our own error for a bracket
            }
            assert!(found.reason.contains(word), "{text}: {found}");
            let place = found.place.unwrap();
            assert_eq!((place.line, place.column), (line, column), "{text}");
        }
        let found = read_named("p.json", "{}").unwrap_err();
        assert!(found.to_string().contains("no prompt"), "{found}");
    }

    #[test]
    fn escapes_bring_no_control_characters() {
        let script = read_as(KIND, r#"{"0": "a\u001b[31m red\n\u200bsea\u202e"}"#);
        assert_eq!(script.prompts[0].text, "a [31m red sea");
    }

    #[test]
    fn near_misses_are_ours() {
        for text in [
            "a sea\n60: a city",
            "1: a cat\n2: a dog",
            "0: a cat\n1: a dog\n2: a cow",
            "\"hello\": she said",
            "12 cats",
            "0:12 a cat",
            "portrait: a man\nlandscape: a sea",
        ] {
            none(text);
        }
        assert!(error("{seed=1} a").reason.contains("can't go on"));
    }
}
