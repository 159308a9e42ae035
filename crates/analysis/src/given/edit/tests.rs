use super::super::fix::Fix;
use super::*;
use crate::test_songs::Song;
use crate::{Beat, Section, fix_text};

/// What the analysis is once it goes by a text, as far as edits look at it.
pub(super) fn by(text: &str, heard: &Analysis) -> Analysis {
    let fix = parsed(text, heard);
    let mut analysis = heard.clone();
    let is_anew = fix.is_heard_anew();
    if let Some(beats) = fix.beats.as_ref().filter(|_| !is_anew) {
        let slots = grid::of_list(beats, &heard.beats);
        let beats = slots.iter().map(|slot| Beat {
            time_secs: slot.secs,
            position_in_bar: slot.position,
            strength: 0.5,
        });
        analysis.beats = beats.collect();
    }
    if let Some(sections) = fix.sections.filter(|list| !list.is_empty()) {
        let sections = sections.into_iter().map(|section| Section {
            start_secs: section.start_secs,
            end_secs: heard.duration_secs,
            label: section.label,
            energy: 0.5,
        });
        analysis.sections = sections.collect();
    }
    analysis
}

pub(super) fn parsed(text: &str, heard: &Analysis) -> Fix {
    read(Path::new("song.flac.fix.txt"), text, heard)
        .unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// A song of a minute, 120 beats a minute in 4/4, and what the program writes of it.
pub(super) fn song() -> (Analysis, String) {
    let heard = Song::default().analysis();
    let text = fix_text(&heard);
    (heard, text)
}

pub(super) fn edited(text: &str, heard: &Analysis, edit: BeatsEdit) -> String {
    edit_fix(text, heard, &edit).unwrap_or_else(|error| panic!("{edit:?}: {error}"))
}

/// Reason of a refusal; its hint is never missing.
pub(super) fn refusal(text: &str, heard: &Analysis, edit: BeatsEdit) -> String {
    let error = edit_fix(text, heard, &edit).expect_err("a refusal");
    assert!(error.hint().is_some(), "{error}");
    error.to_string()
}

pub(super) fn lines_that_differ<'a>(old: &'a str, new: &'a str) -> Vec<(&'a str, &'a str)> {
    assert_eq!(old.lines().count(), new.lines().count());
    old.lines()
        .zip(new.lines())
        .filter(|(a, b)| a != b)
        .collect()
}

/// Times and positions of the beats in a text.
pub(super) fn beats(text: &str, heard: &Analysis) -> Vec<(f64, u32)> {
    let beats = parsed(text, heard).beats.unwrap();
    let pairs = beats
        .iter()
        .map(|b| (b.time_secs, b.position_in_bar.unwrap_or(0)));
    pairs.collect()
}

pub(super) fn positions(text: &str, heard: &Analysis) -> String {
    let beats = beats(text, heard);
    beats
        .iter()
        .map(|(_, position)| position.to_string())
        .collect()
}

#[test]
fn one_beat_changes_one_line() {
    let (heard, text) = song();
    let moved = edited(
        &text,
        &heard,
        BeatsEdit::MoveBeat {
            index: 3,
            secs: 1.48,
        },
    );
    assert_eq!(
        lines_that_differ(&text, &moved),
        [("   1.500000  4", "   1.480000  4")]
    );
    let back = edited(
        &moved,
        &by(&moved, &heard),
        BeatsEdit::MoveBeat {
            index: 3,
            secs: 1.5,
        },
    );
    assert_eq!(back, text);
    // Comments and columns stay, whatever they look like.
    let own = "# mine\r\nbeats:  # by ear\r\n\t0:01.5 1 # kick\r\n # a fill\r\n2,5 2\r\n3.5 3";
    let moved = edited(
        own,
        &by(own, &heard),
        BeatsEdit::MoveBeat {
            index: 1,
            secs: 2.25,
        },
    );
    assert_eq!(moved, own.replace("2,5 2", "2.250000 2"));
}

#[test]
fn a_file_that_is_not_there_begins_with_what_the_edit_needs() {
    let (heard, _) = song();
    let text = edited(
        "",
        &heard,
        BeatsEdit::RenameSection {
            index: 1,
            label: " big  one ".to_owned(),
        },
    );
    assert!(text.starts_with("# Corrections of what is heard in song.flac.\n#\n# While this file"));
    assert!(
        !text.contains("beats:") && text.contains("\n  14.300000  big one\n"),
        "{text}"
    );
    let text = edited(
        &text,
        &by(&text, &heard),
        BeatsEdit::DeleteBeat { index: 0 },
    );
    let fix = parsed(&text, &heard);
    assert_eq!(fix.beats.unwrap().len(), heard.beats.len() - 1);
    assert_eq!(fix.sections.unwrap()[1].label, "big one");
}

#[test]
fn single_beats_come_and_go_within_their_bar() {
    let (mut heard, _) = song();
    heard.beats.truncate(9);
    let text = fix_text(&heard);
    let added = edited(&text, &heard, BeatsEdit::AddBeat { secs: 0.75 });
    assert_eq!(positions(&added, &heard), "1234512341");
    assert_eq!(
        edited(
            &added,
            &by(&added, &heard),
            BeatsEdit::DeleteBeat { index: 2 }
        ),
        text
    );
    let deleted = edited(&text, &heard, BeatsEdit::DeleteBeat { index: 4 });
    assert_eq!(
        positions(&deleted, &heard),
        "12341231",
        "the bar keeps a downbeat"
    );
    let last = edited(&text, &heard, BeatsEdit::AddBeat { secs: 4.5 });
    assert_eq!(positions(&last, &heard), "1234123412");
    assert!(refusal(&text, &heard, BeatsEdit::AddBeat { secs: 0.51 }).contains("meet"));
    assert!(refusal(&text, &heard, BeatsEdit::AddBeat { secs: 60.0 }).contains("outside"));
    assert!(refusal(&text, &heard, BeatsEdit::AddBeat { secs: f64::NAN }).contains("outside"));
    assert!(refusal(&text, &heard, BeatsEdit::DeleteBeat { index: 9 }).contains("no beat 10"));
}

#[test]
fn a_whole_text_is_taken_if_it_can_be_read() {
    let (heard, _) = song();
    let text = "sections:\n0 a\n".to_owned();
    assert_eq!(
        edited("nonsense", &heard, BeatsEdit::Text { text: text.clone() }),
        text
    );
    let error = edit_fix(
        "",
        &heard,
        &BeatsEdit::Text {
            text: "beat:\n".to_owned(),
        },
    )
    .unwrap_err();
    assert!(
        error.to_string().contains("song.flac.fix.txt:1:1"),
        "{error}"
    );
    assert!(edit_fix("nonsense", &heard, &BeatsEdit::Double).is_err());
    check_fix(Path::new("f"), &text, 60.0).unwrap();
    check_fix(Path::new("f"), "beats:\n1\n1\n", 60.0).unwrap_err();
}

#[test]
fn edits_have_a_plain_form() {
    for (json, edit) in [
        (r#"{"edit":"double"}"#, BeatsEdit::Double),
        (
            r#"{"edit":"move_beat","index":3,"secs":1.5}"#,
            BeatsEdit::MoveBeat {
                index: 3,
                secs: 1.5,
            },
        ),
        (
            r#"{"edit":"set_tempo","bpm":87,"anchor_secs":1}"#,
            BeatsEdit::SetTempo {
                bpm: 87.0,
                from_secs: None,
                anchor_secs: 1.0,
            },
        ),
        (
            r#"{"edit":"forget","part":"sections"}"#,
            BeatsEdit::Forget {
                part: Part::Sections,
            },
        ),
    ] {
        assert_eq!(serde_json::from_str::<BeatsEdit>(json).unwrap(), edit);
    }
    serde_json::from_str::<BeatsEdit>(r#"{"edit":"move_beat","index":-1,"secs":1}"#).unwrap_err();
}
