use super::super::{Arrival, Script};
use super::*;
use analysis::test_songs::Song;

/// A minute at 120 beats a minute in 4/4: verse at 0, chorus at 14.3, verse at 30.1, chorus at 46.2.
pub(super) fn song() -> Analysis {
    Song::default().analysis()
}

pub(super) fn edit_at(
    path: &str,
    text: &str,
    song: &Analysis,
    edit: &PromptsEdit,
) -> Result<String> {
    let placing = Placing::whole(song, Arrive::Section);
    edit_prompts(Path::new(path), text, &placing, edit)
}

pub(super) fn edited(text: &str, edit: PromptsEdit) -> String {
    edit_at("p.txt", text, &song(), &edit)
        .unwrap_or_else(|error| panic!("{edit:?}: {error}\n{text}"))
}

/// Why an edit is refused; a hint is never missing.
pub(super) fn refusal(text: &str, edit: PromptsEdit) -> String {
    let error = edit_at("p.txt", text, &song(), &edit).expect_err("a refusal");
    assert!(error.hint().is_some(), "{error}");
    error.to_string()
}

pub(super) fn script(text: &str) -> Script {
    Script::parse("p.txt", text.as_bytes()).unwrap_or_else(|error| panic!("{error}"))
}

pub(super) fn add(secs: f64, mark: MarkKind, text: &str) -> PromptsEdit {
    let text = text.to_owned();
    let secs = Some(secs);
    PromptsEdit::Add { secs, mark, text }
}

pub(super) fn shift(line: usize, secs: f64, mark: MarkKind) -> PromptsEdit {
    PromptsEdit::Move { line, secs, mark }
}

fn set_text(line: usize, text: &str) -> PromptsEdit {
    let text = text.to_owned();
    PromptsEdit::SetText { line, text }
}

pub(super) const FILE: &str = "\
# My film

style: dreamy

# dawn
a harbour
[0:10] boats {seed=4}
# the storm
# comes
@section chorus a storm --neg people
@bar 17 lightning

stars
";

#[test]
fn marks_say_what_a_prompt_snapped_to() {
    for (secs, mark, line) in [
        (20.1234, MarkKind::Time, "[0:20.123] rain"),
        (20.9, MarkKind::Bar, "@bar 11 rain"),
        (44.0, MarkKind::Section, "@section chorus:2 rain"),
        (20.0, MarkKind::None, "rain"),
    ] {
        let text = edited(FILE, add(secs, mark, "rain"));
        assert!(text.lines().any(|l| l == line), "{text}");
        let rest: Vec<&str> = text.lines().filter(|l| *l != line).collect();
        assert_eq!(rest, FILE.lines().collect::<Vec<_>>(), "all else stays");
    }
    let mut odd = song();
    odd.sections[1].label = "guitar solo: two".to_owned();
    let text = edit_at("p", "a", &odd, &add(14.0, MarkKind::Section, "b")).unwrap();
    assert_eq!(text, "a\n@section \"guitar solo: two\":1 b\n");
    odd.sections[1].label = "the \"solo\"".to_owned();
    edit_at("p", "a", &odd, &add(14.0, MarkKind::Section, "b")).unwrap_err();
    odd.beats.clear();
    odd.sections.clear();
    for mark in [MarkKind::Bar, MarkKind::Section] {
        let error = edit_at("p", "a", &odd, &add(14.0, mark, "b")).unwrap_err();
        assert!(
            error.to_string().contains("were found in this song"),
            "{error}"
        );
    }
}

#[test]
fn prompts_stand_in_the_order_of_their_arrival() {
    // Behind a later one, with its comments.
    let moved = "[0:10] boats {seed=4}\n@bar 17 lightning\n# the storm\n# comes\n@bar 18 a storm --neg people\n\nstars\n";
    assert!(edited(FILE, shift(10, 34.2, MarkKind::Bar)).ends_with(moved));
    // Before all others.
    let text = edited(FILE, shift(11, 0.0, MarkKind::Time));
    assert!(
        text.contains("style: dreamy\n\n[0:00.000] lightning\n# dawn\na harbour\n"),
        "{text}"
    );
    // To where it is.
    let text = edited(FILE, shift(7, 10.5, MarkKind::Time));
    assert_eq!(text, FILE.replace("[0:10]", "[0:10.500]"));
    let text = edited(FILE, shift(7, 10.5, MarkKind::None));
    assert_eq!(text, FILE.replace("[0:10] ", ""));
    // The last line may have no end.
    assert_eq!(
        edited("a\nb", shift(2, 0.0, MarkKind::Time)),
        "[0:00.000] b\na\n"
    );
    assert_eq!(
        edited("a\r\nb", add(40.0, MarkKind::Time, "c")),
        "a\r\nb\r\n[0:40.000] c\r\n"
    );
}

#[test]
fn a_place_that_is_taken_is_refused() {
    let reason = refusal(FILE, shift(7, 32.2, MarkKind::Bar));
    assert!(
        reason.contains("another prompt arrives at 0:32.00: \"lightning\""),
        "{reason}"
    );
    for secs in [-1.0, 60.0, f64::NAN, f64::INFINITY] {
        assert!(refusal(FILE, shift(7, secs, MarkKind::Time)).contains("can't arrive"));
    }
    assert!(refusal(FILE, shift(8, 20.0, MarkKind::Time)).contains("no prompt on line 8"));
    assert!(
        refusal(FILE, add(59.9999, MarkKind::Time, "a")).contains("outside of the film's part")
    );
}

#[test]
fn sections_stay_where_they_are_when_what_stands_before_moves() {
    let text = "a\n[0:20] b\n@section chorus c\n";
    assert_eq!(
        edited(text, shift(2, 50.0, MarkKind::Time)),
        "a\n@section chorus:2 c\n[0:50.000] b\n"
    );
    assert_eq!(
        edited(text, PromptsEdit::Remove { line: 2 }),
        "a\n@section chorus:2 c\n"
    );
    // Not where nothing changes.
    assert_eq!(
        edited(text, shift(2, 25.0, MarkKind::Time)),
        "a\n[0:25.000] b\n@section chorus c\n"
    );
    let text = "a\n@section chorus c\n[0:20] b\n";
    assert_eq!(
        edited(text, add(5.0, MarkKind::Time, "d")),
        "a\n[0:05.000] d\n@section chorus c\n[0:20] b\n"
    );
    assert_eq!(
        edited("a\n@section chorus c\n", shift(2, 46.2, MarkKind::Section)),
        "a\n@section chorus:2 c\n"
    );
}

#[test]
fn prompts_keep_their_bars_when_the_tempo_is_corrected() {
    let heard = song();
    let text = edit_at("p", "a\nb", &heard, &add(16.1, MarkKind::Bar, "c")).unwrap();
    let secs = |analysis: &Analysis| {
        let script = script(&text);
        script.arrivals(analysis, Arrive::Even, 0.0..60.0).unwrap()[1]
    };
    assert_eq!(secs(&heard), 16.0);
    let edit = analysis::BeatsEdit::SetTempo {
        bpm: 100.0,
        from_secs: None,
        anchor_secs: 0.0,
    };
    let fix = analysis::edit_fix("", &heard, &edit).unwrap();
    let mut corrected = heard.clone();
    let rows = fix.lines().skip_while(|line| *line != "beats:").skip(1);
    let rows = rows.filter_map(|row| row.trim().split_once("  "));
    corrected.beats = rows
        .map(|(secs, position)| analysis::Beat {
            time_secs: secs.parse().unwrap(),
            position_in_bar: position.parse().unwrap(),
            strength: 0.5,
        })
        .collect();
    assert!(
        (secs(&corrected) - 8.0 * 2.4).abs() < 1e-6,
        "bar 9 at 100 beats a minute"
    );
}

#[test]
fn words_are_written_so_that_they_are_read_as_they_are() {
    for words in [
        "teal waves",
        "[haze] over @bar",
        "@bar stools",
        "# one",
        "style: of the past",
        "seed: 42",
        "zoom = beats",
        "styel: oil",
        "Prompt 2: a cat",
        "// slashes",
        "a {curly} thing",
        "film --neg strip --ar 16:9",
        "--neg space",
        "\\[haze]",
        "\\{a\\}",
        "a \\{b",
        "glow:1.3 (haze:0.5) \\(round\\)",
        "—neg dash",
        "海 波",
    ] {
        for line in [2, 3] {
            let text = edited("a\nb\n[0:10] c {seed=4} --neg d\n", set_text(line, words));
            let prompt = script(&text).prompts.remove(line - 1);
            assert_eq!(prompt.text, words, "{text}");
            let mark = edited(&text, shift(line, 20.0, MarkKind::Time));
            let line = script(&mark)
                .prompts
                .iter()
                .find(|p| p.text == words)
                .unwrap()
                .line();
            let bare = edited(&mark, shift(line, 20.0, MarkKind::None));
            assert!(
                script(&bare).prompts.iter().any(|p| p.text == words),
                "{bare}"
            );
        }
    }
    // What was never escaped, since a mark stood in front of it.
    let text = edited(
        "a\n[0:10] style: of the past\n",
        shift(2, 10.0, MarkKind::None),
    );
    assert_eq!(text, "a\n\\style: of the past\n");
    assert_eq!(edited("a", set_text(1, " b\n c\u{200b}\t")), "b c");
    assert!(refusal("a", set_text(1, " \n")).contains("needs words"));
    assert!(refusal("a", set_text(1, "a \\--neg b")).contains("can't be written"));
}

#[test]
fn prompts_come_and_go() {
    let text = edited("", add(3.9, MarkKind::Bar, "teal waves"));
    assert!(
        text.starts_with("# One prompt a line") && text.ends_with(".\n\n@bar 3 teal waves\n"),
        "{text}"
    );
    let text = edited(
        "a",
        PromptsEdit::Add {
            secs: None,
            mark: MarkKind::None,
            text: "b".to_owned(),
        },
    );
    assert_eq!(text, "a\nb\n");
    assert_eq!(
        edited(FILE, PromptsEdit::Remove { line: 10 }),
        FILE.replace("@section chorus a storm --neg people\n", "")
    );
    assert!(refusal("# c\na\n", PromptsEdit::Remove { line: 2 }).contains("the only one"));
    let twice = edited(
        FILE,
        PromptsEdit::Duplicate {
            line: 10,
            secs: 50.02,
            mark: Some(MarkKind::Bar),
        },
    );
    assert!(
        twice.contains("\nstars\n@bar 26 a storm --neg people\n"),
        "{twice}"
    );
    assert!(
        twice.contains("@section chorus a storm --neg people\n"),
        "{twice}"
    );
    let twice = edited(
        "\u{FEFF}  a {seed=1}",
        PromptsEdit::Duplicate {
            line: 1,
            secs: 9.0,
            mark: None,
        },
    );
    assert_eq!(twice, "\u{FEFF}  a {seed=1}\n[0:09.000] a {seed=1}\n");
}

#[test]
fn a_broken_file_can_be_mended_in_place() {
    // A bar that the song hasn't.
    let text = "a\n@bar 99 b\n@bar 5 c\n";
    assert_eq!(
        edited(text, shift(2, 4.1, MarkKind::Bar)),
        "a\n@bar 3 b\n@bar 5 c\n"
    );
    assert_eq!(
        edited(text, PromptsEdit::Remove { line: 2 }),
        "a\n@bar 5 c\n"
    );
    assert_eq!(edited(text, set_text(3, "d")), "a\n@bar 99 b\n@bar 5 d\n");
    let error = edit_at("p.txt", "a\n[1:75] b\n", &song(), &set_text(1, "c")).unwrap_err();
    assert!(error.to_string().contains("p.txt:2:2"), "{error}");
    assert_eq!(
        edited(
            "[1:75] b",
            PromptsEdit::Text {
                text: "a".to_owned()
            }
        ),
        "a"
    );
    let bad = PromptsEdit::Text {
        text: "[1:75] b".to_owned(),
    };
    edit_at("p.txt", "a", &song(), &bad).unwrap_err();
}

#[test]
fn lines_and_marks_of_prompts_are_known() {
    let script = script(FILE);
    let placed: Vec<_> = script
        .prompts
        .iter()
        .map(|p| (p.line(), p.mark()))
        .collect();
    let expected = [
        (6, MarkKind::None),
        (7, MarkKind::Time),
        (10, MarkKind::Section),
        (11, MarkKind::Bar),
        (13, MarkKind::None),
    ];
    assert_eq!(placed, expected);
    assert_eq!(script.prompts[1].arrival, Arrival::Time(10.0));
}
