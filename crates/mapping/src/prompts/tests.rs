use common::Error;
use common::text_file::{MAX_FILE_BYTES, MAX_LINE_BYTES, TextError};
use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Script {
    Script::parse("prompts.txt", text.as_bytes()).unwrap_or_else(|error| panic!("{error}"))
}

fn error(text: &str) -> TextError {
    match Script::parse("prompts.txt", text.as_bytes()) {
        Err(Error::Text(error)) => *error,
        other => panic!("{text:?} gave {other:?}"),
    }
}

/// Line, column and reason of the error that a text gives.
fn place(text: &str) -> (usize, usize, String) {
    let error = error(text);
    let place = error.place.expect("a place");
    (place.line, place.column, error.reason)
}

#[test]
fn one_prompt_a_line_is_enough() {
    let script = parse("a harbour at dawn\nboats leaving");
    let texts: Vec<&str> = script.prompts.iter().map(|p| p.text.as_str()).collect();
    assert_eq!(texts, ["a harbour at dawn", "boats leaving"]);
    assert!(script.prompts.iter().all(|p| p.arrival == Arrival::Auto));
}

#[test]
fn the_whole_grammar_is_read() {
    let script = parse(
        "\u{FEFF}# comment\r\n\r\nstyle: oil painting\r\n--neg text\r\n\tfirst \t\r\n\
         [1:23.5] second {seed=42, guidance = 3.5} --neg cars, people\r\n\
         @bar 16 third --neg rain {seed=7}\r\n@section chorus fourth\r\n\
         @section \"guitar solo\":2 fifth\r\nstyle: soft light\r\n--neg watermark",
    );
    assert_eq!(script.style, "oil painting, soft light");
    assert_eq!(script.negative, "text, watermark");
    let section = |label: &str, nth| Arrival::Section {
        label: label.to_owned(),
        nth,
    };
    let expected = [
        ("first", "", Arrival::Auto, None, None),
        (
            "second",
            "cars, people",
            Arrival::Time(83.5),
            Some(42),
            Some(3.5),
        ),
        ("third", "rain", Arrival::Bar(16), Some(7), None),
        ("fourth", "", section("chorus", None), None, None),
        ("fifth", "", section("guitar solo", Some(2)), None, None),
    ];
    assert_eq!(script.prompts.len(), expected.len());
    for (prompt, (text, negative, arrival, seed, guidance_scale)) in
        script.prompts.iter().zip(expected)
    {
        assert_eq!(prompt.text, text);
        assert_eq!(prompt.negative, negative);
        assert_eq!(prompt.arrival, arrival);
        assert_eq!((prompt.seed, prompt.guidance_scale), (seed, guidance_scale));
    }
}

#[test]
fn weights_and_brackets_reach_the_model_untouched() {
    for text in [
        "a (glowing:1.3) [haze] ((city)) \\(not a weight\\)",
        "5 < 6, a@b, #1, half-tone -- and a beach \u{2014}no people",
        "C:\\windows",
    ] {
        assert_eq!(parse(text).prompts[0].text, text);
    }
}

#[test]
fn a_backslash_takes_the_meaning_away() {
    for (written, meant) in [
        ("\\[haze] city", "[haze] city"),
        ("\\@bar stools", "@bar stools"),
        ("\\# one", "# one"),
        ("\\style: of the past", "style: of the past"),
        ("\\map: of the world", "map: of the world"),
        ("\\--neg space", "--neg space"),
        ("film \\--neg strip", "film --neg strip"),
        ("\\\\[x", "\\[x"),
        ("a \\{curly\\} thing", "a {curly} thing"),
        ("[0:10] \\[haze]", "[haze]"),
    ] {
        assert_eq!(parse(written).prompts[0].text, meant, "{written}");
    }
}

#[test]
fn errors_name_line_and_column() {
    for (text, line, column, reason) in [
        ("a\n[1:75] b", 2, 2, "has 75 where at most 59"),
        ("[1:23 b", 1, 1, "] is missing"),
        ("[] b", 1, 1, "is not a time"),
        ("[12] [13] b", 1, 6, "can't begin with this"),
        ("@bar zero b", 1, 6, "is not a bar"),
        ("@bar 0 b", 1, 6, "is not a bar"),
        ("@bar", 1, 1, "number is missing"),
        ("@chorus b", 1, 1, "no mark \"@chorus\""),
        ("@section", 1, 1, "name is missing"),
        ("@section \"solo b", 1, 10, "closing"),
        ("@section solo:x b", 1, 14, "which of the sections"),
        ("[0:10]", 1, 1, "no prompt on this line"),
        ("[0:10] --neg cars", 1, 1, "no prompt on this line"),
        ("a {sed=42}", 1, 4, "no setting \"sed\""),
        ("a {seed=-1}", 1, 9, "not a seed"),
        ("a {seed=18446744073709551616}", 1, 9, "not a seed"),
        ("a {guidance=NaN}", 1, 13, "can't stand here"),
        ("a {guidance=101}", 1, 13, "can't stand here"),
        ("a {seed}", 1, 4, "key=value"),
        ("a {seed=}", 1, 4, "key=value"),
        ("a {=4}", 1, 4, "key=value"),
        ("a {seed=1 seed=2}", 1, 11, "twice"),
        ("a {seed=1} {seed=2}", 1, 12, "twice"),
        ("a {seed=1", 1, 3, "} is missing"),
        ("a seed=1}", 1, 9, "{ is missing"),
        ("a {seed=1} b", 1, 12, "can't go on"),
        ("a --neg", 1, 3, "no words behind"),
        ("a --neg b --neg c", 1, 11, "twice"),
        ("a\nstyle:", 2, 1, "no words behind"),
        ("a\n  --neg", 2, 3, "no words behind"),
        ("a\0b", 1, 2, "U+0000"),
        ("map: noise", 1, 6, "channel and a feature are missing"),
        ("map: = low", 1, 6, "no channel \"\""),
        ("map: colour = low", 1, 6, "no channel \"colour\""),
        ("map: noise = bass", 1, 14, "no feature \"bass\""),
        ("map: noise = beats", 1, 14, "can't follow"),
        ("map: pulse = energy {gain=1}", 1, 14, "can't follow"),
        ("map: noise = low {gian=1}", 1, 19, "no setting \"gian\""),
        ("map: noise = low {gain=11}", 1, 24, "can't stand here"),
        ("map: noise = low {attack=-1}", 1, 26, "can't stand here"),
        ("map: noise = low fast", 1, 18, "no place here"),
    ] {
        let found = place(text);
        assert_eq!((found.0, found.1), (line, column), "{text:?}: {}", found.2);
        assert!(found.2.contains(reason), "{text:?}: {}", found.2);
    }
}

#[test]
fn routes_are_read() {
    let script = parse("map: noise = energy\na\n\tmap:pulse=downbeats{gain=-2, release = 0.5}");
    let energy = Route {
        channel: Channel::Noise,
        feature: Feature::Energy,
        gain: 1.0,
        attack_secs: None,
        release_secs: None,
    };
    let downbeats = Route {
        channel: Channel::Pulse,
        feature: Feature::Downbeats,
        gain: -2.0,
        release_secs: Some(0.5),
        ..energy
    };
    assert_eq!(script.routes, [energy, downbeats]);
    let many = "map: noise = low\n".repeat(33);
    assert_eq!(place(&many).0, 33);
}

#[test]
fn an_error_shows_the_line_with_a_caret() {
    let shown = Error::Text(Box::new(error("# x\n\u{1F30A} 海の波 {sead=42}"))).to_string();
    let expected = "prompts.txt:2:8: there is no setting \"sead\"\n \
                    2 | \u{1F30A} 海の波 {sead=42}\n   |            ^^^^";
    assert_eq!(shown, expected);
    assert_eq!(
        error("a {sead=1}").hint.as_deref(),
        Some("did you mean seed?")
    );
    assert_eq!(
        error("@secton chorus a")
            .hint
            .map(|h| h.contains("@section?")),
        Some(true)
    );
}

#[test]
fn a_long_line_is_shown_in_part() {
    let text = format!("{}{{sead=1}}{}", "word ".repeat(1000), " x".repeat(1000));
    let shown = error(&text).to_string();
    assert!(shown.contains(":5002:"), "{shown}");
    assert!(
        shown.lines().all(|line| line.chars().count() < 110),
        "{shown}"
    );
    assert!(shown.contains("^^^^"), "{shown}");
}

#[test]
fn bytes_that_are_not_text_are_named() {
    let bytes = b"# \xC3\xA9\na \xE9t\xE9 by the sea";
    let Err(Error::Text(error)) = Script::parse("prompts.txt", bytes) else {
        panic!("not refused");
    };
    assert!(error.reason.contains("byte 7 "), "{error}");
    let place = error.place.clone().expect("a place");
    assert_eq!((place.line, place.column), (2, 3), "{error}");
}

#[test]
fn limits_are_said() {
    for text in ["", "\n\n# only a comment\nstyle: oil\n--neg text\n"] {
        assert!(error(text).reason.contains("no prompt"), "{text:?}");
    }
    let longest = "x".repeat(MAX_LINE_BYTES);
    assert_eq!(parse(&longest).prompts[0].text, longest);
    assert!(place(&"x".repeat(100_000)).2.contains("16384"));
    assert_eq!(parse(&"a\n".repeat(MAX_PROMPTS)).prompts.len(), MAX_PROMPTS);
    assert_eq!(place(&"a\n".repeat(MAX_PROMPTS + 1)).0, MAX_PROMPTS + 1);
    assert!(error(&" \n".repeat(MAX_FILE_BYTES)).reason.contains("MiB"));
}

#[test]
fn the_built_in_list_is_a_valid_script() {
    let script = Script::built_in().unwrap();
    assert!((8..=10).contains(&script.prompts.len()));
}

proptest! {
    #[test]
    fn no_text_panics(text in any::<String>()) {
        check(&text);
    }

    #[test]
    fn no_text_of_marks_panics(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "[", "]", "1:23", "@bar", "@section", " ", "\t", "3", "\"", ":", "{", "}", "seed", "=", "guidance", ",",
                "--neg", "style:", "map:", "noise", "low", "\\", "#", "\n", "\r\n", "words", "海", "e\u{301}", "\u{FEFF}", "\u{1F30A}",
            ]),
            0..24,
        ),
    ) {
        check(&parts.concat());
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Err(error) = Script::parse("p", &bytes) {
            prop_assert!(!error.to_string().is_empty());
        }
    }
}

/// Whatever is written, a script has words in each prompt and an error points into the text.
fn check(text: &str) {
    match Script::parse("p", text.as_bytes()) {
        Ok(script) => assert!(
            script
                .prompts
                .iter()
                .all(|prompt| !prompt.text.trim().is_empty())
        ),
        Err(Error::Text(error)) => {
            assert!(error.to_string().starts_with("p:"));
            if let Some(place) = &error.place {
                let breaks = ['\n', '\r', '\u{2028}', '\u{2029}'];
                assert!(place.line <= text.split(breaks).count());
                assert!(place.column <= place.text.chars().count() + 1, "{error}");
            }
        }
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn stems_drive_by_their_names() {
    let script =
        parse("a\nmap: pulse = stem drums {gain=2}\nmap: noise = stem lead-vox{release=1}\n");
    let names: Vec<_> = script
        .routes
        .iter()
        .map(|route| match &route.feature {
            Feature::Stem { name, place } => (name.as_str(), place.line, place.column, route.gain),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(names, [("drums", 2, 19, 2.0), ("lead-vox", 3, 19, 1.0)]);
    assert!(
        error("a\nmap: pulse = stem {gain=2}")
            .reason
            .contains("missing")
    );
    assert!(error("a\nmap: pulse = stem").reason.contains("missing"));
    assert!(
        error("a\nmap: pulse = brightness")
            .hint
            .unwrap()
            .contains("stem NAME")
    );
    let mut analysis = crate::test_songs::Song::default().analysis();
    let wide = parse("a\nmap: noise = width\n");
    assert!(wide.check_routes(&analysis).is_ok());
    analysis.track.n_channels = 1;
    assert!(wide.check_routes(&analysis).is_err());
    let refused = script.check_routes(&analysis).unwrap_err();
    assert!(
        refused.to_string().contains("prompts.txt:2:19"),
        "{refused}"
    );
    assert_eq!(refused.hint(), Some("give its file: `stem drums=FILE`"));
}
