use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use ts_rs::{Config, TS};

use super::edits::{BeatsEdit, Mark, Part, PromptsEdit};
use super::*;

/// Declaration and documentation of a type.
fn declare<T: TS>(config: &Config, text: &mut String) {
    let docs = T::docs().unwrap_or_default();
    *text += &format!("\n{docs}export {}\n", T::decl(config));
}

fn declarations() -> String {
    let config = Config::new().with_large_int("number");
    let mut text = String::from(
        "// Generated from src/studio/wire by `VISUALIZE_ACCEPT=1 cargo test --lib studio::wire`.\n",
    );
    macro_rules! declare_all {
        ($($name:ident),*) => { $(declare::<$name>(&config, &mut text);)* };
    }
    declare_all!(
        State,
        SongEntry,
        Model,
        SongPhase,
        Song,
        DocumentKind,
        Document,
        UnknownWord,
        Fault,
        Place,
        Refusal,
        Analysis,
        Section,
        Plan,
        PlannedPrompt,
        Mark,
        JobKind,
        JobPhase,
        Job,
        Work,
        BeatsEdit,
        Part,
        PromptsEdit,
        ChangeBeats,
        ChangePrompts,
        ChangeSettings,
        Undo,
        NewJob,
        CommandLine,
        Event
    );
    text
}

#[test]
fn the_pages_types_are_those_of_the_server() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/studio/page/wire.d.ts");
    let generated = declarations();
    if std::env::var_os("VISUALIZE_ACCEPT").is_some() {
        std::fs::write(&path, &generated).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == generated,
        "page/wire.d.ts is not what src/studio/wire says; write it anew with: VISUALIZE_ACCEPT=1 cargo test --lib studio::wire"
    );
}

/// Every edit that a page can write is one that the library reads, with the same fields.
#[test]
fn edits_are_read_as_they_are_written() {
    fn check<T: DeserializeOwned + Serialize>(edit: impl Serialize) {
        let written = serde_json::to_value(edit).unwrap();
        let read: T = serde_json::from_value(written.clone())
            .unwrap_or_else(|error| panic!("{error}: {written}"));
        assert_eq!(serde_json::to_value(read).unwrap(), written);
    }
    let (index, secs, line) = (1, 2.5, 3);
    let text = || "x".to_owned();
    for edit in [
        BeatsEdit::MoveBeat { index, secs },
        BeatsEdit::MoveFrom {
            index,
            by_secs: secs,
        },
        BeatsEdit::Double,
        BeatsEdit::Halve,
        BeatsEdit::ShiftHalf,
        BeatsEdit::SetTempo {
            bpm: 120.0,
            from_secs: Some(1.0),
            anchor_secs: secs,
        },
        BeatsEdit::HearAnew {
            bpm: Some(90.0),
            meter: Some("3/4".to_owned()),
        },
        BeatsEdit::SetDownbeat { index },
        BeatsEdit::SetMeter {
            beats_per_bar: 3,
            from_index: Some(index),
        },
        BeatsEdit::DeleteBeat { index },
        BeatsEdit::AddBeat { secs },
        BeatsEdit::Lock {
            start: 0.0,
            end: secs,
            is_locked: true,
        },
        BeatsEdit::MoveBorder { index, secs },
        BeatsEdit::RenameSection {
            index,
            label: text(),
        },
        BeatsEdit::SplitSection { secs },
        BeatsEdit::JoinSection { index },
        BeatsEdit::Forget { part: Part::Beats },
        BeatsEdit::Forget {
            part: Part::Sections,
        },
        BeatsEdit::Text { text: text() },
    ] {
        check::<analysis::BeatsEdit>(edit);
    }
    for mark in [Mark::None, Mark::Time, Mark::Bar, Mark::Section] {
        check::<mapping::prompts::MarkKind>(mark);
    }
    let mark = Mark::Bar;
    for edit in [
        PromptsEdit::Add {
            secs: Some(secs),
            mark,
            text: text(),
        },
        PromptsEdit::SetText { line, text: text() },
        PromptsEdit::Move { line, secs, mark },
        PromptsEdit::Duplicate {
            line,
            secs,
            mark: Some(mark),
        },
        PromptsEdit::Remove { line },
        PromptsEdit::Set {
            line,
            seed: Some(7),
            negative: Some(text()),
            guidance: Some(2.0),
        },
        PromptsEdit::Style { text: text() },
        PromptsEdit::Negative { text: text() },
        PromptsEdit::Map {
            line: Some(line),
            text: text(),
        },
        PromptsEdit::Convert,
        PromptsEdit::Text { text: text() },
    ] {
        check::<mapping::prompts::PromptsEdit>(edit);
    }
}

#[test]
fn bodies_with_unknown_fields_are_refused() {
    let parse = |json: &str| serde_json::from_str::<ChangePrompts>(json);
    assert!(
        parse(r#"{"base":"a","edit":{"edit":"set","line":3,"seed":null,"guidance":2.5}}"#).is_ok()
    );
    for wrong in [
        r#"{"base":"a","edit":{"edit":"fly"}}"#,
        r#"{"base":"a","edit":{"edit":"remove"}}"#,
        r#"{"base":"a","edit":{"edit":"remove","line":1,"x":2}}"#,
        r#"{"base":"a","x":1,"edit":{"edit":"remove","line":1}}"#,
    ] {
        assert!(parse(wrong).is_err(), "{wrong}");
    }
}
