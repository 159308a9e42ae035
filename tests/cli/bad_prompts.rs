//! Prompts files that can't be understood are refused with line, column and caret.

use super::harness::{Bench, Run};

fn film(bench: &Bench, prompts: &[u8]) -> Run {
    bench.write("prompts.txt", prompts);
    bench.film("song.wav", &[])
}

#[test]
fn a_missing_prompts_file_is_named() {
    let bench = Bench::new();
    let run = bench.run(&["song.wav", "--prompts", "nothing.txt"]);
    bench.assert_refused(&run, &["nothing.txt"]);
}

#[test]
fn a_file_without_prompts_is_refused() {
    let bench = Bench::new();
    for text in [
        &b""[..],
        b"\n\n  \n",
        b"# only a comment\n",
        b"style: soft\n",
    ] {
        bench.assert_refused(&film(&bench, text), &["prompts.txt", "prompt"]);
    }
}

#[test]
fn bytes_that_are_no_text_are_named() {
    let bench = Bench::new();
    bench.assert_refused(
        &film(&bench, b"waves\nfl\xffames\n"),
        &["prompts.txt:2", "UTF-8", "0xFF"],
    );
}

#[test]
fn a_time_past_the_end_is_refused() {
    let bench = Bench::new();
    bench.assert_refused(
        &film(&bench, b"waves\n[2:00] flames\n"),
        &["prompts.txt:2:", "^", "0:03"],
    );
}

#[test]
fn times_out_of_order_are_refused() {
    let bench = Bench::new();
    bench.assert_refused(
        &film(&bench, b"[0:02] waves\n[0:01] flames\n"),
        &["prompts.txt:2:", "^"],
    );
}

#[test]
fn an_unknown_key_is_refused_with_the_known_one() {
    let bench = Bench::new();
    bench.assert_refused(
        &film(&bench, b"waves\nflames {sede=3}\n"),
        &["prompts.txt:2:9", "sede", "seed", "^"],
    );
}

#[test]
fn one_prompt_is_a_film() {
    let bench = Bench::new();
    film(&bench, b"waves").assert_done();
}

#[test]
fn ten_thousand_prompts_and_a_line_of_100_kb_are_read_without_a_panic() {
    let bench = Bench::new();
    let many: String = (0..10_000).map(|i| format!("waves number {i}\n")).collect();
    let run = film(&bench, many.as_bytes());
    assert!(
        run.code == 0 || (run.code == 2 && run.stderr.contains("prompts.txt")),
        "{}",
        run.stderr
    );
    let bench = Bench::new();
    let run = film(&bench, "waves ".repeat(17_000).as_bytes());
    assert!(
        run.code == 0 || (run.code == 2 && run.stderr.contains("prompts.txt:1")),
        "{}",
        run.stderr
    );
}

#[test]
fn words_that_the_model_has_never_seen_are_named_with_near_ones() {
    let bench = Bench::new();
    bench.write(
        "prompts.txt",
        b"misty mountians\nan astronaut in the rain\n",
    );
    let plan = ["plan", "song.wav", "-p", "prompts.txt", "-o", "a.json"];
    let run = bench.run(&plan);
    let stderr = &run.assert_done().stderr;
    let note = stderr.lines().find(|line| line.contains("never seen"));
    let note = note.unwrap_or_else(|| panic!("{stderr}"));
    assert!(note.contains("mountians (near: mountain"), "{note}");
    assert!(note.contains("astronaut"), "{note}");
    assert!(!note.contains("misty") && !note.contains("rain"), "{note}");
    bench.write(
        "prompts.txt",
        b"misty mountains\nthe moon in the rain, gold\n",
    );
    let run = bench.run(&["plan", "song.wav", "-p", "prompts.txt", "-o", "b.json"]);
    assert!(!run.assert_done().stderr.contains("never seen"));
}
