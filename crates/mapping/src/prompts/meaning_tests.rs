//! What people write is understood where it is near to the grammar, or named.

use common::Error;
use common::text_file::TextError;

use super::*;

fn parse(text: &str) -> Script {
    Script::parse("p.txt", text.as_bytes()).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

#[track_caller]
fn refusal(text: &str) -> TextError {
    match Script::parse("p.txt", text.as_bytes()) {
        Err(Error::Text(error)) => *error,
        other => panic!("{text:?} gave {other:?}"),
    }
}

#[test]
fn letter_case_has_no_meaning() {
    let script = parse(
        "STYLE: oil\nMAP: Noise = Low {GAIN=2}\nMap: Pulse = STEM Drums\n--NEG text\n@BAR 9 a sea {Seed=4 GUIDANCE=3}\n\
         @Section \"Chorus\":2 a city --Neg rain",
    );
    assert_eq!(
        (script.style.as_str(), script.negative.as_str()),
        ("oil", "text")
    );
    let routes = &script.routes;
    assert_eq!(routes[0].feature, Feature::Low);
    assert!((routes[0].gain - 2.0).abs() < 1e-12);
    assert!(matches!(&routes[1].feature, Feature::Stem { name, .. } if name == "Drums"));
    let [sea, city] = &script.prompts[..] else {
        panic!("{:?}", script.prompts);
    };
    assert_eq!(sea.arrival, Arrival::Bar(9));
    assert_eq!((sea.seed, sea.guidance_scale), (Some(4), Some(3.0)));
    assert_eq!(city.negative, "rain");
    assert!(refusal("a {seed=1 SEED=2}").reason.contains("twice"));
}

#[test]
fn negative_prompts_are_known_by_all_their_names() {
    for switch in [
        "--neg",
        "--NEG",
        "\u{2014}neg",
        "\u{2013}neg",
        "\u{2212}\u{2212}neg",
        "-neg",
        "--no",
        "--negative",
        "--negative-prompt",
        "--negative_prompt",
        "--neg:",
        "--neg=",
        "--neg,",
        "--neg\u{FF1A}",
        "\u{200B}--neg",
        "--\u{AD}neg",
    ] {
        for space in [" ", "\u{A0}"] {
            let script = parse(&format!(
                "{switch}{space}text\na sea {switch}{space}people {{seed=1}}"
            ));
            assert_eq!(script.negative, "text", "{switch}");
            let sea = &script.prompts[0];
            assert_eq!(
                (sea.text.as_str(), sea.negative.as_str()),
                ("a sea", "people"),
                "{switch}"
            );
            assert_eq!(sea.seed, Some(1));
        }
    }
    for line in [
        "Negative prompt: text",
        "negative: text",
        "Neg: text",
        "NEGATIVE_PROMPT = text",
    ] {
        assert_eq!(parse(&format!("a sea\n{line}")).negative, "text", "{line}");
    }
    let script = parse("style: oil --neg text\na sea");
    assert_eq!(
        (script.style.as_str(), script.negative.as_str()),
        ("oil", "text")
    );
}

#[test]
fn invisible_characters_spoil_nothing() {
    let script = parse(
        "\u{FEFF}[0:00] red\n\u{FEFF}[0:03] blue\n\u{200E}[0:04] gr\u{200B}een\n\u{200B}sty\u{200D}le:\u{A0}oil\u{AD}y\n\
         \u{202A}@bar\u{A0}9 a\u{3000}sea{\u{2060}seed\u{FEFF}=\u{200B}4}\n",
    );
    let texts: Vec<&str> = script.prompts.iter().map(|p| p.text.as_str()).collect();
    assert_eq!(texts, ["red", "blue", "green", "a sea"]);
    assert_eq!(script.style, "oily");
    assert_eq!(script.prompts[1].arrival, Arrival::Time(3.0));
    assert_eq!(script.prompts[3].seed, Some(4));
    assert!(script.notes.is_empty(), "{:?}", script.notes);
}

#[test]
fn what_looks_like_a_directive_is_refused_with_its_place() {
    for (text, line, column, hint) in [
        ("a\nstyel: oil", 2, 1, "style:"),
        ("Styles: oil\na", 1, 1, "style:"),
        ("maps: noise = low\na", 1, 1, "map:"),
        ("negatives: text\na", 1, 1, "--neg"),
        ("zoom = downbeats\na", 1, 1, "map: zoom = downbeats"),
        ("Pulse: Beats {gain=2}\na", 1, 1, "map: pulse"),
        ("seed: 42\na", 1, 1, "{seed=42}"),
        ("cfg scale: 7\na", 1, 1, "{guidance=3}"),
        ("size = 512x512\na", 1, 1, "`size`"),
        ("steps: 20 \na", 1, 1, "`"),
        ("// a comment\na", 1, 1, "#"),
        ("a sea --ar 16:9", 1, 7, "`size`"),
        ("a sea --seed 42", 1, 7, "{seed=42}"),
        ("a sea --ngeative rain", 1, 7, "--neg"),
        ("a sea --v 5", 1, 7, "\\--v"),
        ("style: oil --s 5\na", 1, 12, "{guidance=3}"),
        ("a\nstyle: oil {seed=1}", 2, 1, "behind a prompt"),
        ("negative promt: text\na", 1, 1, "--neg"),
        ("time: 1:23\na", 1, 1, "[1:23.5]"),
        ("bar: 9\na", 1, 1, "@bar 9"),
        ("a\n\u{FF3B}1:23\u{FF3D} b", 2, 1, "[1:23.5]"),
    ] {
        let error = refusal(text);
        if text.starts_with("steps") {
            // A line of A1111's settings, without its prompt.
            assert!(error.reason.contains("no prompt in front"), "{error}");
            continue;
        }
        assert!(
            error.hint.as_ref().unwrap().contains(hint),
            "{text}: {:?}",
            error.hint
        );
        let place = error.place.unwrap();
        assert_eq!((place.line, place.column), (line, column), "{text}");
    }
}

#[test]
fn words_that_are_only_words_stay() {
    for text in [
        "portrait: a man in the rain",
        "man: a study",
        "zoom: a lens in the rain",
        "seed: of a flower",
        "size: as big as a house",
        "a film -- a strip --- of light",
        "a beach \u{2014}no people\u{2014} at noon",
        "half-tone, non-negative",
        "neglected: a garden",
        "a style: oil",
        "the map: of old",
        "a <cat-toy> <3 of hearts",
    ] {
        let script = parse(text);
        assert_eq!(script.prompts[0].text, text);
        assert!(script.notes.is_empty(), "{text}: {:?}", script.notes);
    }
}

#[test]
fn a_backslash_makes_words_of_all_that_would_be_refused() {
    for (written, meant) in [
        ("\\styel: oil", "styel: oil"),
        ("\\STYLE: oil", "STYLE: oil"),
        ("\\negative prompt: a", "negative prompt: a"),
        ("\\zoom = beats", "zoom = beats"),
        ("\\seed: 42", "seed: 42"),
        ("\\// slashes", "// slashes"),
        ("\\prompt: a", "prompt: a"),
        ("a sea \\--ar 16:9", "a sea --ar 16:9"),
        ("a sea \\\u{2014}neg x", "a sea \u{2014}neg x"),
        ("\\(glow:1.3)", "\\(glow:1.3)"),
        ("\\1 a", "\\1 a"),
        ("\\1. a", "1. a"),
        ("\\- a", "- a"),
    ] {
        let script = parse(written);
        assert_eq!(script.prompts[0].text, meant, "{written}");
        assert!(script.notes.is_empty(), "{written}: {:?}", script.notes);
    }
}

#[test]
fn what_may_have_been_meant_otherwise_is_noted() {
    for (text, drawn, note) in [
        (
            "a\n1:23 a city",
            "1:23 a city",
            "p.txt:2: 1:23 is drawn as words",
        ),
        ("a\n[0:10] 0:20 - b", "0:20 - b", "p.txt:2: 0:20 is drawn"),
        ("a\n12: a city", "12: a city", "p.txt:2: 12 is drawn"),
        ("a\n12,a city", "12,a city", "p.txt:2: 12 is drawn"),
        (
            "a\nPrompt 2: b",
            "b",
            "p.txt:2: \"Prompt 2:\" is taken as a label",
        ),
        (
            "a\nb <lora:x:0.8> c",
            "b c",
            "p.txt:2: <lora:x:0.8> is left out",
        ),
        (
            "a --neg c <lora:y>\nb",
            "b",
            "p.txt:1: <lora:y> is left out",
        ),
        (
            "style: <LoRA:z:1>, oil\na\nb",
            "b",
            "p.txt:1: <LoRA:z:1> is left out",
        ),
        (
            "a\nc\nNegative prompt: b",
            "c",
            "p.txt:3: \"Negative prompt:\" is read as --neg",
        ),
        ("a\nb --no c", "b", "p.txt:2: \"--no\" is read as --neg"),
        ("a\n[0:10] - b", "b", "p.txt:2: the mark of a list"),
        ("1. a\n2. b", "b", "p.txt:1: the mark of a list"),
    ] {
        let script = parse(text);
        assert_eq!(script.prompts[1].text, drawn, "{text}");
        assert!(
            script.notes[0].starts_with(note),
            "{text}: {:?}",
            script.notes
        );
        assert_eq!(script.notes.len(), 1);
    }
    assert!(
        refusal("a\n<lora:x:1>")
            .reason
            .contains("no prompt on this line")
    );
}

#[test]
fn line_breaks_of_all_systems_are_read() {
    let script = parse("a\rb\r\nc\u{2028}d\n");
    assert_eq!(script.prompts.len(), 4);
    let error = refusal("a\rb {x=1}");
    assert_eq!(error.place.unwrap().line, 2);
}
