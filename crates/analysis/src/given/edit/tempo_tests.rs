use super::tests::{beats, by, edited, parsed, positions, refusal, song};
use super::*;
use crate::fix_text;

#[test]
fn everything_from_here_on_moves() {
    let (heard, text) = song();
    let moved = edited(
        &text,
        &heard,
        BeatsEdit::MoveFrom {
            index: 100,
            by_secs: 0.6,
        },
    );
    let beats = beats(&moved, &heard);
    assert_eq!(
        (beats[99].0, beats[100].0, beats[118].0),
        (49.5, 50.6, 59.6)
    );
    assert_eq!(
        beats.len(),
        heard.beats.len() - 1,
        "the last one left the song"
    );
    let reason = refusal(
        &text,
        &heard,
        BeatsEdit::MoveFrom {
            index: 100,
            by_secs: -0.6,
        },
    );
    assert!(reason.contains("two beats would meet"), "{reason}");
}

#[test]
fn twice_and_half_the_tempo_are_inverse() {
    let (heard, text) = song();
    let text = text.replace("   2.000000  1", "   2.000000  1  # the bass enters");
    let doubled = edited(&text, &heard, BeatsEdit::Double);
    let twice = beats(&doubled, &heard);
    assert_eq!(twice.len(), 2 * heard.beats.len());
    assert_eq!(
        &twice[..9].iter().map(|b| b.1).collect::<Vec<_>>(),
        &[1, 2, 3, 4, 1, 2, 3, 4, 1]
    );
    assert!(doubled.contains("   2.000000  1  # the bass enters\n   2.250000  2\n"));
    assert_eq!(
        edited(&doubled, &by(&doubled, &heard), BeatsEdit::Halve),
        text
    );
    let halved = edited(&text, &heard, BeatsEdit::Halve);
    assert_eq!(beats(&halved, &heard)[..3], [(0.0, 1), (1.0, 2), (2.0, 3)]);
}

#[test]
fn tempos_have_bounds() {
    let (heard, text) = song();
    let doubled = edited(&text, &heard, BeatsEdit::Double);
    let reason = refusal(&doubled, &by(&doubled, &heard), BeatsEdit::Double);
    assert!(reason.contains("480 beats a minute"), "{reason}");
    let empty = refusal("beats:\n", &by("beats:\n", &heard), BeatsEdit::Halve);
    assert!(empty.contains("no beats"), "{empty}");
}

#[test]
fn half_a_beat_later_twice_is_a_beat_later() {
    let (heard, text) = song();
    let once = edited(&text, &heard, BeatsEdit::ShiftHalf);
    assert_eq!(beats(&once, &heard)[..2], [(0.25, 1), (0.75, 2)]);
    let twice = edited(&once, &by(&once, &heard), BeatsEdit::ShiftHalf);
    assert_eq!(beats(&twice, &heard)[..3], [(0.0, 4), (0.5, 1), (1.0, 2)]);
}

#[test]
fn a_tapped_tempo_is_even_and_keeps_the_downbeat() {
    let (heard, text) = song();
    let edit = BeatsEdit::SetTempo {
        bpm: 100.0,
        from_secs: Some(10.0),
        anchor_secs: 20.03,
    };
    let tapped = beats(&edited(&text, &heard, edit), &heard);
    let before = tapped.iter().filter(|b| b.0 < 10.0).count();
    assert_eq!(before, 20);
    let anchor = tapped
        .iter()
        .position(|b| (b.0 - 20.03).abs() < 1e-6)
        .unwrap();
    assert_eq!(tapped[anchor].1, 1, "as the beat at 20.0 was");
    assert!(
        tapped[21..]
            .windows(2)
            .all(|w| (w[1].0 - w[0].0 - 0.6).abs() < 2e-6)
    );
    let mut silent = heard.clone();
    silent.beats.clear();
    let edit = BeatsEdit::SetTempo {
        bpm: 60.0,
        from_secs: None,
        anchor_secs: 0.5,
    };
    let text = edited("", &silent, edit);
    assert_eq!(beats(&text, &silent)[..2], [(0.5, 1), (1.5, 2)]);
}

#[test]
fn a_tempo_can_be_heard_anew_and_given_up_again() {
    let (heard, text) = song();
    let edit = BeatsEdit::HearAnew {
        bpm: Some(87.5),
        meter: Some("3/4".to_owned()),
    };
    let anew = edited(&text, &heard, edit);
    assert!(anew.contains("tempo: 87.5  # 120.00 a minute\nmeter: 3/4  # 4 in a bar\n"));
    // The next edit of a beat takes what is heard then as its list.
    let mut found = heard.clone();
    found.beats.truncate(3);
    let moved = edited(
        &anew,
        &found,
        BeatsEdit::MoveBeat {
            index: 0,
            secs: 0.1,
        },
    );
    assert!(moved.contains("tempo: beats  #") && moved.contains("meter: beats  #"));
    assert_eq!(beats(&moved, &heard), [(0.1, 1), (0.5, 2), (1.0, 3)]);
    let edit = BeatsEdit::HearAnew {
        bpm: Some(90.0),
        meter: None,
    };
    let short = edited("", &heard, edit);
    assert!(short.ends_with("\n\ntempo: 90\n"), "{short}");
    let gone = edited(&moved, &found, BeatsEdit::Forget { part: Part::Beats });
    assert!(
        !gone.contains("beats:\n") && gone.contains("# 120.00 a minute\n"),
        "{gone}"
    );
    assert_eq!(parsed(&gone, &heard).beats, None);
}

#[test]
fn downbeats_are_counted_on() {
    let (mut heard, _) = song();
    heard.beats.truncate(20);
    let text = fix_text(&heard);
    let set = edited(&text, &heard, BeatsEdit::SetDownbeat { index: 5 });
    assert_eq!(positions(&set, &heard), "12341123412341234123");
    // Up to the next downbeat that someone set.
    let again = edited(&set, &by(&set, &heard), BeatsEdit::SetDownbeat { index: 1 });
    assert_eq!(positions(&again, &heard), "11234123412341234123");
    let set = edited(&text, &heard, BeatsEdit::SetDownbeat { index: 13 });
    let earlier = edited(&set, &by(&set, &heard), BeatsEdit::SetDownbeat { index: 2 });
    assert_eq!(positions(&earlier, &heard), "12123412341231234123");
    // Beats before the first bar lead up to it.
    let none = "beats:\n1 2\n2 3\n3 2\n4 3\n5 4\n";
    let set = edited(none, &by(none, &heard), BeatsEdit::SetDownbeat { index: 2 });
    assert_eq!(positions(&set, &heard), "34123");
}

#[test]
fn meters_hold_for_a_part_or_the_song() {
    let (mut heard, _) = song();
    heard.beats.truncate(12);
    let text = fix_text(&heard);
    let edit = |from_index| BeatsEdit::SetMeter {
        beats_per_bar: 3,
        from_index,
    };
    assert_eq!(
        positions(&edited(&text, &heard, edit(None)), &heard),
        "123123123123"
    );
    assert_eq!(
        positions(&edited(&text, &heard, edit(Some(6))), &heard),
        "123412312312"
    );
    let reason = refusal(
        &text,
        &heard,
        BeatsEdit::SetMeter {
            beats_per_bar: 33,
            from_index: None,
        },
    );
    assert!(reason.contains("33 beats"));
}
