use super::tests::{beats, by, edited, lines_that_differ, parsed, refusal, song};
use super::*;

#[test]
fn locked_parts_stay() {
    let (heard, text) = song();
    let locked = edited(
        &text,
        &heard,
        BeatsEdit::Lock {
            start: 10.0,
            end: 20.0,
            is_locked: true,
        },
    );
    let by_locked = by(&locked, &heard);
    assert_eq!(parsed(&locked, &heard).locked, [10.0..20.0]);
    for edit in [
        BeatsEdit::Double,
        BeatsEdit::Halve,
        BeatsEdit::ShiftHalf,
        BeatsEdit::SetMeter {
            beats_per_bar: 3,
            from_index: None,
        },
        BeatsEdit::SetMeter {
            beats_per_bar: 3,
            from_index: Some(2),
        },
        BeatsEdit::SetDownbeat { index: 2 },
        BeatsEdit::MoveFrom {
            index: 2,
            by_secs: 0.1,
        },
        BeatsEdit::SetTempo {
            bpm: 77.0,
            from_secs: None,
            anchor_secs: 3.0,
        },
    ] {
        let before = beats(&locked, &heard);
        let after = beats(&edited(&locked, &by_locked, edit.clone()), &heard);
        assert_ne!(before, after, "{edit:?}");
        let within = |beats: Vec<(f64, u32)>| -> Vec<(f64, u32)> {
            beats
                .into_iter()
                .filter(|b| (10.0..20.0).contains(&b.0))
                .collect()
        };
        assert_eq!(within(before), within(after), "{edit:?}");
    }
    for edit in [
        BeatsEdit::MoveBeat {
            index: 25,
            secs: 12.6,
        },
        BeatsEdit::DeleteBeat { index: 25 },
        BeatsEdit::AddBeat { secs: 12.6 },
        BeatsEdit::SetDownbeat { index: 25 },
    ] {
        let reason = refusal(&locked, &by_locked, edit);
        assert!(
            reason.contains("from 0:10.00 to 0:20.00 are locked"),
            "{reason}"
        );
    }
    // Parts join, and are cut.
    let more = edited(
        &locked,
        &by_locked,
        BeatsEdit::Lock {
            start: 20.0,
            end: 30.0,
            is_locked: true,
        },
    );
    assert_eq!(parsed(&more, &heard).locked, [10.0..30.0]);
    let cut = edited(
        &more,
        &by_locked,
        BeatsEdit::Lock {
            start: 12.0,
            end: 13.0,
            is_locked: false,
        },
    );
    assert_eq!(parsed(&cut, &heard).locked, [10.0..12.0, 13.0..30.0]);
    let freed = edited(
        &cut,
        &by_locked,
        BeatsEdit::Lock {
            start: 0.0,
            end: 60.0,
            is_locked: false,
        },
    );
    assert!(!freed.contains("\nlocked:"));
}

#[test]
fn borders_move_part_and_join() {
    let (heard, text) = song();
    let moved = edited(
        &text,
        &heard,
        BeatsEdit::MoveBorder {
            index: 2,
            secs: 29.5,
        },
    );
    assert_eq!(
        lines_that_differ(&text, &moved),
        [("  30.100000  verse", "  29.500000  verse")]
    );
    let split = edited(&text, &heard, BeatsEdit::SplitSection { secs: 20.0 });
    assert!(split.contains("  14.300000  chorus\n  20.000000  chorus\n  30.100000  verse\n"));
    let joined = edited(
        &split,
        &by(&split, &heard),
        BeatsEdit::JoinSection { index: 2 },
    );
    assert_eq!(joined, text);
    for (edit, reason) in [
        (
            BeatsEdit::MoveBorder {
                index: 0,
                secs: 1.0,
            },
            "starts with the song",
        ),
        (
            BeatsEdit::MoveBorder {
                index: 1,
                secs: 31.0,
            },
            "between 0:00.00 and 0:30.10",
        ),
        (
            BeatsEdit::MoveBorder {
                index: 3,
                secs: 60.0,
            },
            "between 0:30.10 and 1:00.00",
        ),
        (
            BeatsEdit::MoveBorder {
                index: 4,
                secs: 50.0,
            },
            "no section 5",
        ),
        (BeatsEdit::JoinSection { index: 0 }, "before the first"),
        (BeatsEdit::SplitSection { secs: 14.3 }, "between 0:14.30"),
        (BeatsEdit::SplitSection { secs: f64::NAN }, "between"),
        (
            BeatsEdit::RenameSection {
                index: 0,
                label: " ".to_owned(),
            },
            "needs a name",
        ),
        (
            BeatsEdit::RenameSection {
                index: 0,
                label: "a #b".to_owned(),
            },
            "can't be called",
        ),
        (
            BeatsEdit::RenameSection {
                index: 0,
                label: "a\u{7}".to_owned(),
            },
            "can't be called",
        ),
    ] {
        let refused = refusal(&text, &heard, edit);
        assert!(refused.contains(reason), "{refused}");
    }
    for label in ["12", "1:30", "tempo: 3", "c#", "海"] {
        let label = label.to_owned();
        let named = edited(
            &text,
            &heard,
            BeatsEdit::RenameSection {
                index: 1,
                label: label.clone(),
            },
        );
        assert_eq!(parsed(&named, &heard).sections.unwrap()[1].label, label);
    }
}
