use proptest::prelude::*;

use super::super::Arrival;
use super::tests::{FILE, script, shift, song};
use super::*;

/// Any words, many of which mean something in a prompts file.
fn any_words() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-c]{1,4}( [a-c]{1,4}){0,2}",
        2 => "[\\[\\]a-b{}@#:= \\\\-]{1,8}",
        1 => Just("style: oil".to_owned()),
        1 => Just("--neg a".to_owned()),
        1 => Just("1:23 a".to_owned()),
        1 => Just("Prompt 2: a".to_owned()),
    ]
}

/// Any edit of a file with about so many lines, often one that can be made.
fn any_edit() -> impl Strategy<Value = PromptsEdit> {
    let line = || 1usize..22;
    let secs = || prop_oneof![9 => 0.0..60.0, 1 => -5.0..100.0];
    let mark = || {
        prop_oneof![
            Just(MarkKind::None),
            Just(MarkKind::Time),
            Just(MarkKind::Bar),
            Just(MarkKind::Section)
        ]
    };
    prop_oneof![
        3 => (prop::option::of(secs()), mark(), any_words())
            .prop_map(|(secs, mark, text)| PromptsEdit::Add { secs, mark, text }),
        3 => (line(), any_words()).prop_map(|(line, text)| PromptsEdit::SetText { line, text }),
        6 => (line(), secs(), mark()).prop_map(|(line, secs, mark)| PromptsEdit::Move { line, secs, mark }),
        2 => (line(), secs(), prop::option::of(mark()))
            .prop_map(|(line, secs, mark)| PromptsEdit::Duplicate { line, secs, mark }),
        2 => line().prop_map(|line| PromptsEdit::Remove { line }),
        2 => (
            line(),
            prop::option::of(prop::option::of(any::<u64>())),
            prop::option::of(prop::option::of(any_words())),
            prop::option::of(prop::option::of(-1.0..101.0)),
        )
            .prop_map(|(line, seed, negative, guidance)| PromptsEdit::Set { line, seed, negative, guidance }),
        1 => any_words().prop_map(|text| PromptsEdit::Style { text }),
        1 => any_words().prop_map(|text| PromptsEdit::Negative { text }),
        1 => prop::option::of(line()).prop_map(|line| PromptsEdit::Map { line, text: "zoom = low".to_owned() }),
    ]
}

fn comments(text: &str) -> Vec<&str> {
    text.lines().filter(|line| line.starts_with('#')).collect()
}

proptest! {
    #[test]
    fn no_sequence_of_edits_breaks_a_file(
        edits in prop::collection::vec(any_edit(), 1..14),
        start in 0usize..3,
    ) {
        let song = song();
        let placing = Placing::whole(&song, Arrive::Section);
        let mut text = ["", FILE, "a\r\n# c\r\nb {seed=1}\r\n@section verse:2 d"][start].to_owned();
        let first = text.clone();
        for edit in edits {
            let edited = match edit_prompts(Path::new("p.txt"), &text, &placing, &edit) {
                Ok(edited) => edited,
                Err(Error::Input { .. }) => continue,
                Err(error) if text.trim().is_empty() => { prop_assert!(!error.to_string().is_empty()); continue; }
                Err(error) => return Err(TestCaseError::fail(format!("{edit:?}: {error}"))),
            };
            let new = script(&edited);
            let arrivals = new.arrivals(&song, Arrive::Section, 0.0..60.0);
            let arrivals = arrivals.map_err(|e| TestCaseError::fail(format!("{edit:?}: {e}")))?;
            prop_assert!(arrivals.windows(2).all(|w| w[0] < w[1]));
            prop_assert_eq!(new.foreign, None);
            // Other prompts with a mark stay where they were.
            if let (PromptsEdit::Move { line, .. } | PromptsEdit::Remove { line }, false) = (&edit, text.is_empty()) {
                let old = script(&text);
                let times = old.arrivals(&song, Arrive::Section, 0.0..60.0).unwrap();
                for (prompt, secs) in old.prompts.iter().zip(times) {
                    if prompt.line() != *line && prompt.arrival != Arrival::Auto {
                        prop_assert!(arrivals.contains(&secs), "{} of {:?}", secs, edit);
                    }
                }
            }
            if let PromptsEdit::SetText { line, text: words } = &edit {
                let prompt = new.prompts.iter().find(|p| p.line() == *line).unwrap();
                prop_assert_eq!(&prompt.text, &words.split_whitespace().collect::<Vec<_>>().join(" "));
            }
            text = edited;
        }
        for note in comments(&first) {
            prop_assert!(text.contains(note), "{} is gone", note);
        }
    }

    #[test]
    fn comments_travel_with_their_prompt(line in prop::sample::select(vec![6usize, 7, 10, 11, 13]), secs in 0.0..60.0) {
        let song = song();
        let placing = Placing::whole(&song, Arrive::Section);
        let before = script(FILE).prompts.iter().find(|p| p.line() == line).unwrap().text.clone();
        if let Ok(text) = edit_prompts(Path::new("p"), FILE, &placing, &shift(line, secs, MarkKind::Time)) {
            let lines: Vec<&str> = text.lines().collect();
            let at = lines.iter().position(|l| l.contains(&before) && !l.starts_with('#')).unwrap();
            match line {
                6 => prop_assert_eq!(lines[at - 1], "# dawn"),
                10 => prop_assert_eq!(&lines[at - 2..at], &["# the storm", "# comes"]),
                _ => {}
            }
            // And back again.
            let old = script(FILE).arrivals(&song, Arrive::Section, 0.0..60.0).unwrap();
            let idx = script(FILE).prompts.iter().position(|p| p.line() == line).unwrap();
            let back = edit_prompts(Path::new("p"), &text, &placing, &shift(at + 1, old[idx], MarkKind::Time)).unwrap();
            // Prompts without a mark have no place of their own.
            let order = |text: &str| -> Vec<String> {
                let prompts = script(text).prompts.into_iter().map(|p| p.text);
                prompts.filter(|text| text != "a harbour" && text != "stars").collect()
            };
            prop_assert_eq!(order(&back), order(FILE));
        }
    }

    #[test]
    fn any_text_is_edited_or_refused(text in "[\\[\\] #:@a-c{}0-9.\\n\\r\\\\-]{0,60}", edit in any_edit()) {
        let song = song();
        let placing = Placing::whole(&song, Arrive::Section);
        if let Ok(edited) = edit_prompts(Path::new("p.txt"), &text, &placing, &edit) {
            script(&edited);
        }
        places_of_words(Path::new("p.txt"), &text, &["a".to_owned()]);
        film_lines(&text);
    }
}
