//! Scripts meet a song on paper.

use analysis::Analysis;
use common::Error;
use common::text_file::TextError;
use proptest::prelude::*;

use super::*;
use crate::test_songs::Song;

fn arrivals(text: &str, analysis: &Analysis, arrive: Arrive) -> Vec<f64> {
    let script = Script::parse("p", text.as_bytes()).unwrap();
    script
        .arrivals(analysis, arrive, 0.0..analysis.duration_secs)
        .unwrap_or_else(|error| panic!("{error}"))
}

fn refusal(text: &str, analysis: &Analysis) -> TextError {
    let script = Script::parse("p", text.as_bytes()).unwrap();
    match script.arrivals(analysis, Arrive::Section, 0.0..analysis.duration_secs) {
        Err(Error::Text(error)) => *error,
        other => panic!("{text:?} gave {other:?}"),
    }
}

#[test]
fn even_prompts_divide_the_song() {
    let song = Song::default().analysis();
    assert_eq!(
        arrivals("a\nb\nc\nd", &song, Arrive::Even),
        [0.0, 15.0, 30.0, 45.0]
    );
    assert_eq!(arrivals("a", &song, Arrive::Even), [0.0]);
}

#[test]
fn prompts_arrive_on_sections_then_on_bars() {
    let song = Song::default().analysis();
    assert_eq!(
        arrivals("a\nb\nc\nd", &song, Arrive::Section),
        [0.0, 14.3, 30.1, 46.2]
    );
    assert_eq!(
        arrivals("a\nb\nc\nd", &song, Arrive::Bar),
        [0.0, 14.0, 30.0, 44.0]
    );
    let more = arrivals(&"a\n".repeat(7), &song, Arrive::Section);
    for start in [14.3, 30.1, 46.2] {
        assert!(more.contains(&start), "{start} in {more:?}");
    }
    let others = more.iter().filter(|t| ![14.3, 30.1, 46.2].contains(*t));
    assert!(
        others.copied().all(|t| (t / 2.0).fract().abs() < 1e-9),
        "bars: {more:?}"
    );
}

#[test]
fn marked_prompts_arrive_at_their_marks() {
    let song = Song::default().analysis();
    let text =
        "first\n[0:05.5] at a time\n@bar 6 on a bar\n@section chorus a\nbetween\n@section chorus b";
    assert_eq!(
        arrivals(text, &song, Arrive::Even),
        [0.0, 5.5, 10.0, 14.3, 30.25, 46.2]
    );
    assert_eq!(
        arrivals("@section VERSE:2 a", &song, Arrive::Section),
        [30.1]
    );
    assert_eq!(arrivals("[0:00] a\nb", &song, Arrive::Even), [0.0, 30.0]);
}

#[test]
fn a_span_takes_the_place_of_the_song() {
    let song = Song::default().analysis();
    let script = |text: &str| Script::parse("p", text.as_bytes()).unwrap();
    let found = script("a\nb\nc")
        .arrivals(&song, Arrive::Bar, 20.0..32.0)
        .unwrap();
    assert_eq!(found, [20.0, 24.0, 28.0]);
    let found = script("a\n@bar 15 b")
        .arrivals(&song, Arrive::Bar, 20.0..32.0)
        .unwrap();
    assert_eq!(found, [20.0, 28.0]);
    for outside in ["[0:10] a", "a\n[0:32] b"] {
        assert!(
            script(outside)
                .arrivals(&song, Arrive::Bar, 20.0..32.0)
                .is_err(),
            "{outside}"
        );
    }
}

#[test]
fn marks_that_do_not_fit_the_song_are_refused() {
    let song = Song::default().analysis();
    for (text, line, reason) in [
        ("a\n[1:00] b", 2, "the end is at 1:00.0"),
        (
            "a\n[0:30] b\n\n[0:20] c",
            4,
            "not after the prompt before it (0:30.0)",
        ),
        ("[0:30] b\n[0:30] c", 2, "not after"),
        ("a\n[0:00] b", 2, "not after"),
        ("a\n@bar 31 b", 2, "the song has 30 bars"),
        ("@section bridge b", 1, "no section \"bridge\""),
        ("@section chorus:3 b", 1, "\"chorus\" 2 times"),
        ("[0:50] a\n@section chorus b", 2, "no further \"chorus\""),
        ("@section chorus b\n@bar 2 c", 2, "not after"),
    ] {
        let error = refusal(text, &song);
        assert!(error.reason.contains(reason), "{text:?}: {error}");
        assert_eq!(error.place.map(|place| place.line), Some(line), "{text:?}");
        assert!(error.hint.is_some());
    }
    assert_eq!(
        refusal("@section corus b", &song).hint.as_deref(),
        Some("did you mean chorus?")
    );
}

#[test]
fn a_song_without_beats_or_sections_takes_times_only() {
    let mut song = Song::default().analysis();
    song.beats.clear();
    song.sections.clear();
    assert_eq!(arrivals("a\nb", &song, Arrive::Section), [0.0, 30.0]);
    for text in ["@bar 1 a", "@section chorus a"] {
        assert!(
            refusal(text, &song)
                .hint
                .is_some_and(|hint| hint.contains("time")),
            "{text}"
        );
    }
}

#[test]
fn ten_thousand_prompts_on_a_minute_arrive_in_order() {
    let song = Song::default().analysis();
    for arrive in [Arrive::Section, Arrive::Bar, Arrive::Even] {
        let arrivals = arrivals(&"a\n".repeat(MAX_PROMPTS), &song, arrive);
        assert_eq!(arrivals.len(), MAX_PROMPTS);
        assert!(arrivals.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(arrivals.iter().all(|t| (0.0..60.0).contains(t)));
    }
}

proptest! {
    /// Marks in order, prompts without marks between them, sections and beats anywhere.
    #[test]
    fn arrivals_are_in_order_and_marks_are_kept(
        steps in prop::collection::vec((0.05f64..8.0, any::<bool>()), 1..20),
        mut sections in prop::collection::vec(0.0f64..60.0, 0..8),
        mut beats in prop::collection::vec(0.0f64..60.0, 0..60),
        arrive in prop::sample::select(vec![Arrive::Section, Arrive::Bar, Arrive::Even]),
    ) {
        let mut song = Song::default();
        sections.sort_by(f64::total_cmp);
        song.sections = sections.into_iter().map(|start| (start, "part")).collect();
        let mut analysis = song.analysis();
        beats.sort_by(f64::total_cmp);
        analysis.beats.truncate(beats.len());
        for (beat, secs) in analysis.beats.iter_mut().zip(beats) {
            beat.time_secs = secs;
        }
        let (mut text, mut time, mut marks) = ("first\n".to_owned(), 0.0, vec![Some(0.0)]);
        for (step, is_marked) in steps {
            time += step;
            let mark = (is_marked && time < 60.0).then_some(time);
            text += &mark.map_or("b\n".to_owned(), |secs| format!("[{secs}] a\n"));
            marks.push(mark);
        }
        let arrivals = arrivals(&text, &analysis, arrive);
        prop_assert_eq!(arrivals.len(), marks.len());
        prop_assert!(arrivals.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", arrivals);
        prop_assert!(arrivals.iter().all(|t| (0.0..60.0).contains(t)), "{:?}", arrivals);
        for (arrival, mark) in arrivals.iter().zip(marks) {
            prop_assert!(mark.is_none_or(|mark| mark == *arrival));
        }
    }
}

#[test]
fn doubtful_beats_move_no_prompt() {
    let mut analysis = Song {
        sections: Vec::new(),
        ..Song::default()
    }
    .analysis();
    let text = "a\nb\nc\nd\ne\nf\ng\n";
    let on_bars = arrivals(text, &analysis, Arrive::Bar);
    assert!((on_bars[1] - 8.0).abs() < 1e-9, "{on_bars:?}");
    analysis.beat_confidence = 0.2;
    let even = arrivals(text, &analysis, Arrive::Bar);
    assert!((even[1] - 60.0 / 7.0).abs() < 1e-9, "{even:?}");
}
