//! What the tests of all dialects need, and what holds for all of them.

use common::Error;
use common::text_file::{MAX_FILE_BYTES, MAX_LINE_BYTES, TextError};
use proptest::prelude::*;

use super::super::{Arrival, Script};

/// The script of a text that has to be read as `kind`.
#[track_caller]
pub(super) fn read_as(kind: &str, text: &str) -> Script {
    let script = read_named("p.txt", text).unwrap_or_else(|error| panic!("{error}"));
    let note = script.notes.first().map_or("", String::as_str);
    assert!(
        note.starts_with(&format!("p.txt is read as {kind}: ")),
        "{text}: {note:?}"
    );
    script
}

pub(super) fn read_named(name: &str, text: &str) -> Result<Script, Error> {
    Script::parse(name, text.as_bytes())
}

#[track_caller]
pub(super) fn error(text: &str) -> TextError {
    error_named("p.txt", text)
}

#[track_caller]
pub(super) fn error_named(name: &str, text: &str) -> TextError {
    match read_named(name, text) {
        Err(Error::Text(error)) => *error,
        other => panic!("{text:?} gave {other:?}"),
    }
}

/// Asserts that a text is one of ours.
#[track_caller]
pub(super) fn none(text: &str) {
    let script = read_named("p.txt", text).unwrap_or_else(|error| panic!("{error}"));
    let is_read_as = |note: &String| note.starts_with("p.txt is read as");
    assert!(
        !script.notes.iter().any(is_read_as),
        "{text}: {:?}",
        script.notes
    );
}

/// Words and times of all prompts.
pub(super) fn times(script: &Script) -> Vec<(&str, f64)> {
    let secs = |arrival: &Arrival| match arrival {
        Arrival::Time(secs) => *secs,
        _ => f64::NAN,
    };
    let rounded = |secs: f64| (secs * 1e6).round() / 1e6;
    let prompts = script.prompts.iter();
    prompts
        .map(|prompt| (prompt.text.as_str(), rounded(secs(&prompt.arrival))))
        .collect()
}

/// A prompt as people write them: words, numbers and signs in any order, but no time and no label at its start.
fn prompt() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "a",
        "red",
        "sunset,",
        "(glow:1.3)",
        "12",
        "8k",
        "16:9",
        "in",
        "\"neon\"",
        "rain;",
        "海の波",
        "--neg",
        "BREAK",
        "3.5",
        "o'clock",
        "->",
        "-->",
        "<cat-toy>",
        "f/2.8",
        "time",
        "prompt",
        "1940,",
        "0:",
        "steps:",
        "{seed=42}",
        "|",
        "=",
        "[haze]",
        "00:12",
        "Steps",
        "a:b",
        "&",
        "…",
        "—",
    ]);
    let first = prop::sample::select(vec![
        "a",
        "red",
        "(glow:1.3)",
        "8k",
        "\"neon\"",
        "海の波",
        "3",
        "1940,",
        "time",
        "portrait:",
        "12",
        "Steps",
    ]);
    (first, prop::collection::vec(words, 0..8)).prop_map(|(first, rest)| {
        let mut words = vec![first];
        words.extend(rest);
        words.join(" ")
    })
}

fn mark() -> impl Strategy<Value = String> {
    let marks = vec![
        "",
        "",
        "[0:10] ",
        "[1:02:00] ",
        "[83.5] ",
        "@bar 9 ",
        "@section chorus:2 ",
        "@Section \"guitar solo\" ",
    ];
    prop::sample::select(marks).prop_map(str::to_owned)
}

fn line() -> impl Strategy<Value = String> {
    let ours = vec![
        "",
        "# a comment",
        "style: oil",
        "Map: zoom = beats",
        "--neg text",
        "\\[haze] city",
        "\\style: of old",
    ];
    prop_oneof![
        4 => (mark(), prompt()).prop_map(|(mark, prompt)| mark + &prompt),
        1 => prop::sample::select(ours).prop_map(str::to_owned),
    ]
}

/// Long files, made of a part that repeats: what takes quadratic time takes minutes.
#[test]
fn long_files_are_read_in_time() {
    for (name, head, part, is_one_line) in [
        ("p.json", "{", "\"1\":\"a\",", true),
        ("p.json", "{", "\"1\":\"a\"\n", false),
        ("p.json", "[", "\"\",", true),
        ("p.json", "{\"0\": ", "[", true),
        ("p.lrc", "[ar:x]\n", "[0:01]", true),
        ("p.lrc", "[ar:x]\n[0:01]", "<0:0", true),
        ("p.lrc", "[ar:x]\n", "[0:01]a\n", false),
        ("p.srt", "00:01 --> 00:02\n", "<i", true),
        ("p.srt", "00:01 --> 00:02\n", "{\\", true),
        ("p.srt", "", "00:01 --> 00:02\n", false),
        ("p.srt", "", "00:01 --> 00:02\na\n", false),
        ("p.csv", "time,prompt\n0,\"", "a\n", false),
        ("p.csv", "time,prompt\n", "0,a\n", false),
        ("p.csv", "prompt,seed\n", ",", true),
        ("p.txt", "", "0:01 a\n", false),
        ("p.txt", "Steps: 2\n", "a\nSteps: 2, b: c\n", false),
        ("p.txt", "Steps: 2, ", "a:b,", true),
        ("p.txt", "", "<lora:a ", true),
        ("p.txt", "", "<", true),
        ("p.txt", "", "-", true),
        ("p.txt", "", "--neg ", true),
        ("p.txt", "", "\\a", true),
        ("p.txt", "", "style: a\n", false),
    ] {
        let mut text = head.to_owned();
        let mut line_length = 0;
        while text.len() + part.len() < MAX_FILE_BYTES / 8 {
            line_length += part.len();
            if is_one_line && line_length > MAX_LINE_BYTES - 100 {
                text.push('\n');
                line_length = 0;
            }
            text += part;
        }
        if let Err(error) = read_named(name, &text) {
            assert!(error.to_string().len() < 1000, "{name}: {part}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn our_own_files_are_never_taken_for_others(lines in prop::collection::vec(line(), 1..8)) {
        if let Ok(script) = read_named("prompts.txt", &lines.join("\n")) {
            let is_read_as = |note: &String| note.starts_with("prompts.txt is read as");
            prop_assert!(!script.notes.iter().any(is_read_as), "{:?}", script.notes);
            let is_prompt = |line: &&String| !line.is_empty() && !["#", "style:", "Map:", "--neg"].iter().any(|head| line.starts_with(head));
            prop_assert_eq!(script.prompts.len(), lines.iter().filter(is_prompt).count());
        }
    }

    #[test]
    fn nothing_hostile_panics(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "00:00:01,000", " --> ", "1", "\n", "\n\n", "[00:12.00]", "[ar:", "]", "<00:12.5>", "Negative prompt:", "Steps: 20", ", Seed: 1",
                "{", "}", "\"0\"", ":", "\"", ",", "0: ", "'", "time", "prompt", ";", "\t", "WEBVTT", "NOTE", "[offset:", "\\", "u00", "{\\an8}", "<i>",
                "words", "海", "\u{201C}", "fps", "[", "-", "\u{200B}", "<lora:x", ">", "max_f", "Template:", "NaN", "9e999",
            ]),
            0..24,
        ),
        name in prop::sample::select(vec!["p.txt", "p.srt", "p.lrc", "p.csv", "p.json"]),
    ) {
        match read_named(name, &parts.concat()) {
            Ok(script) => {
                let is_fine = |text: &str| !text.contains(|c: char| c.is_control() && c != '\t');
                prop_assert!(script.prompts.iter().all(|p| !p.text.is_empty() && is_fine(&p.text) && is_fine(&p.negative)));
                prop_assert!(script.prompts.iter().all(|p| !matches!(p.arrival, Arrival::Time(t) if !t.is_finite())));
            }
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }
}
