use proptest::prelude::*;

use super::tests::{beats, by, parsed};
use super::*;
use crate::fix_text;
use crate::test_songs::Song;

/// Any edit, often one that can be made.
fn any_edit() -> impl Strategy<Value = BeatsEdit> {
    let index = || prop_oneof![8 => 0usize..130, 1 => 130usize..2000];
    let secs = || prop_oneof![9 => 0.0..60.0, 1 => -5.0..100.0];
    prop_oneof![
        (index(), secs()).prop_map(|(index, secs)| BeatsEdit::MoveBeat { index, secs }),
        (index(), -0.2..0.2).prop_map(|(index, by)| BeatsEdit::MoveFrom { index, by_secs: by }),
        Just(BeatsEdit::Double),
        Just(BeatsEdit::Halve),
        Just(BeatsEdit::ShiftHalf),
        (30.0..300.0, prop::option::of(secs()), secs()).prop_map(
            |(bpm, from_secs, anchor_secs)| {
                BeatsEdit::SetTempo {
                    bpm,
                    from_secs,
                    anchor_secs,
                }
            }
        ),
        index().prop_map(|index| BeatsEdit::SetDownbeat { index }),
        (0u32..9, prop::option::of(index())).prop_map(|(beats_per_bar, from_index)| {
            BeatsEdit::SetMeter {
                beats_per_bar,
                from_index,
            }
        }),
        index().prop_map(|index| BeatsEdit::DeleteBeat { index }),
        secs().prop_map(|secs| BeatsEdit::AddBeat { secs }),
        (secs(), secs(), any::<bool>()).prop_map(|(start, end, is_locked)| BeatsEdit::Lock {
            start,
            end,
            is_locked
        }),
        (0usize..6, secs()).prop_map(|(index, secs)| BeatsEdit::MoveBorder { index, secs }),
        (0usize..6, "[a-d #:1]{0,6}")
            .prop_map(|(index, label)| BeatsEdit::RenameSection { index, label }),
        secs().prop_map(|secs| BeatsEdit::SplitSection { secs }),
        (0usize..6).prop_map(|index| BeatsEdit::JoinSection { index }),
        (30.0..300.0).prop_map(|bpm| BeatsEdit::HearAnew {
            bpm: Some(bpm),
            meter: None
        }),
        Just(BeatsEdit::Forget {
            part: Part::Sections
        }),
    ]
}

/// A file as people leave it: comments everywhere, several ways to write a time.
fn commented(heard: &Analysis) -> String {
    let mut text =
        "# by hand\n\nsections: # as sung\n0 intro # soft\n# here it begins\n0:14.3 verse\n"
            .to_owned();
    text += "\n# counted by ear\nbeats: # all of them\n";
    for (i, beat) in heard.beats.iter().enumerate() {
        text += &format!("{:.6} {}", beat.time_secs, beat.position_in_bar);
        text += if i % 5 == 0 { "   # beat note " } else { "" };
        text += &if i % 5 == 0 {
            format!("{i}\n")
        } else {
            "\n".to_owned()
        };
        if i % 7 == 0 {
            text += &format!("# line note {i}\n\n");
        }
    }
    text + "# the end"
}

fn comments(text: &str) -> Vec<String> {
    let notes = text.lines().filter_map(|line| {
        let at = if line.starts_with('#') {
            Some(0)
        } else {
            line.find(" #")
        };
        line.get(at?..)
    });
    let mut notes: Vec<String> = notes.map(|note| note.trim().to_owned()).collect();
    notes.sort();
    notes
}

proptest! {
    #[test]
    fn no_sequence_of_edits_breaks_a_file(
        edits in prop::collection::vec(any_edit(), 1..12),
        start in 0..3,
    ) {
        let heard = Song::default().analysis();
        let mut text = match start {
            0 => String::new(),
            1 => fix_text(&heard),
            _ => commented(&heard),
        };
        let first = comments(&text);
        for edit in edits {
            let analysis = by(&text, &heard);
            let edited = match edit_fix(&text, &analysis, &edit) {
                Ok(edited) => edited,
                // What is refused is refused because of the edit, not because the file is broken.
                Err(Error::Input { hint, .. }) => { prop_assert!(hint.is_some()); continue; }
                Err(error) => return Err(TestCaseError::fail(format!("{edit:?}: {error}"))),
            };
            let (old, new) = (parsed(&text, &heard), parsed(&edited, &heard));
            if let Some(beats) = &new.beats {
                prop_assert!(beats.windows(2).all(|w| w[0].time_secs < w[1].time_secs));
                prop_assert!(beats.iter().all(|b| b.position_in_bar.is_some_and(|p| (1..=32).contains(&p))));
            }
            // An edit of sections leaves beats as they are, and the other way round.
            let is_of_sections = matches!(
                edit,
                BeatsEdit::MoveBorder { .. } | BeatsEdit::RenameSection { .. } | BeatsEdit::SplitSection { .. }
                    | BeatsEdit::JoinSection { .. } | BeatsEdit::Forget { .. }
            );
            match is_of_sections {
                true => prop_assert_eq!((old.beats, old.locked), (new.beats, new.locked)),
                false => prop_assert_eq!(old.sections, new.sections),
            }
            text = edited;
        }
        let last = comments(&text);
        for note in first {
            prop_assert!(last.contains(&note), "{} is gone", note);
        }
    }

    #[test]
    fn twice_then_half_returns_the_beats(
        edits in prop::collection::vec(any_edit(), 0..5),
    ) {
        let heard = Song::default().analysis();
        let mut text = commented(&heard);
        for edit in edits {
            if let Ok(edited) = edit_fix(&text, &by(&text, &heard), &edit) {
                text = edited;
            }
        }
        prop_assume!(!parsed(&text, &heard).is_heard_anew());
        let Ok(doubled) = edit_fix(&text, &by(&text, &heard), &BeatsEdit::Double) else {
            return Ok(());
        };
        let back = edit_fix(&doubled, &by(&doubled, &heard), &BeatsEdit::Halve).unwrap();
        let secs = |text: &str| beats(text, &heard).iter().map(|b| b.0).collect::<Vec<_>>();
        prop_assert_eq!(secs(&text), secs(&back));
    }

    #[test]
    fn any_text_is_edited_or_refused(text in "[ #:a-e0-9.\\n]{0,60}", edit in any_edit()) {
        let heard = Song::default().analysis();
        if let Ok(edited) = edit_fix(&text, &heard, &edit) {
            parsed(&edited, &heard);
        }
    }
}
