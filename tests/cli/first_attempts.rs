//! What people type first works, or is answered with what they meant.

use std::io::Write;

use super::harness::{Bench, Run, SMALL, write_song};

/// Flags of a plan that takes no time.
const QUICK: [&str; 4] = ["--calibrate", "off", "--fps", "4"];

/// Plans `song.wav` with some flags and gives the timeline and what was said.
#[track_caller]
fn plan(bench: &Bench, flags: &[&str]) -> (serde_json::Value, String) {
    let run = bench.run(&[&["plan", "song.wav", "-o", "-"], &QUICK[..], flags].concat());
    (run.assert_done().json(), run.stderr)
}

fn texts(timeline: &serde_json::Value) -> Vec<&str> {
    let prompts = timeline["prompts"].as_array().unwrap();
    prompts
        .iter()
        .map(|prompt| prompt["words"]["text"].as_str().unwrap())
        .collect()
}

#[test]
fn several_songs_become_films_one_after_the_other() {
    let bench = Bench::new();
    write_song(&bench.path("b.wav"), 22050, 1, 1.0);
    bench.write("broken.wav", b"This is not music. ");
    let run = bench.run(&[&["song.wav", "broken.wav", "b.wav"], &SMALL[..]].concat());
    assert_eq!(run.code, 2, "{}", run.stderr);
    assert_eq!(run.stdout, "song.mp4\nb.mp4\n");
    for word in [
        "film 3 of 3: b.wav",
        "1 of 3 films were not made: broken.wav",
    ] {
        assert!(run.stderr.contains(word), "{word}: {}", run.stderr);
    }
    // Films that are there stay as they are; a pattern that the shell left is resolved.
    let before = bench.read("song.mp4");
    std::fs::remove_file(bench.path("broken.wav")).unwrap();
    let run = bench.run(&[&["*.wav"], &SMALL[..]].concat());
    assert_eq!(run.assert_done().stdout, "");
    assert!(
        run.stderr.contains("song.mp4 exists already"),
        "{}",
        run.stderr
    );
    assert_eq!(bench.read("song.mp4"), before);
}

#[test]
fn several_songs_have_no_film_of_one_name() {
    let bench = Bench::new();
    write_song(&bench.path("b.wav"), 22050, 1, 1.0);
    let run = bench.run(&["song.wav", "b.wav", "-o", "film.mp4"]);
    bench.assert_refused(&run, &["--out", "2 songs"]);
    std::fs::create_dir(bench.path("more")).unwrap();
    std::fs::copy(bench.path("b.wav"), bench.path("more/b.wav")).unwrap();
    let run = bench.run(&["b.wav", "more/b.wav"]);
    bench.assert_refused(&run, &["b.mp4", "twice"]);
}

#[test]
fn prompts_may_be_given_in_words() {
    let bench = Bench::new();
    let (timeline, said) = plan(&bench, &["-p", "a red sunset, a blue sea"]);
    assert_eq!(texts(&timeline), ["a red sunset, a blue sea"]);
    assert!(said.contains("one prompt"), "{said}");
    let (timeline, said) = plan(&bench, &["-p", "violet smoke | teal ocean waves"]);
    assert_eq!(texts(&timeline), ["violet smoke", "teal ocean waves"]);
    assert!(said.contains("2 prompts"), "{said}");
    let run = bench.run(&["plan", "song.wav", "-p", "waves {sede=3}"]);
    bench.assert_refused(&run, &["--prompts:1:8", "seed"]);
}

#[test]
fn prompts_may_come_from_the_standard_input() {
    let bench = Bench::new();
    let args = [&["plan", "song.wav", "-o", "-", "-p", "-"], &QUICK[..]].concat();
    let mut child = bench.begin(&args);
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"neon rain\nteal waves\n")
        .unwrap();
    let run = Run::from(child.wait_with_output().unwrap());
    assert_eq!(
        texts(&run.assert_done().json()),
        ["neon rain", "teal waves"]
    );
}

#[test]
fn a_prompts_file_that_is_not_there_is_found_by_its_spelling() {
    let bench = Bench::new();
    let run = bench.run(&["song.wav", "-p", "promts.txt"]);
    bench.assert_refused(&run, &["promts.txt", "did you mean prompts.txt?"]);
}

#[test]
fn a_random_seed_is_named() {
    let bench = Bench::new();
    let (timeline, said) = plan(&bench, &["--seed", "random"]);
    let seed = timeline["seed"].as_u64().unwrap();
    assert!(said.contains(&format!("--seed {seed}")), "{said}");
    let (again, _) = plan(&bench, &["--seed", &seed.to_string()]);
    assert_eq!(again, timeline);
}

#[test]
fn flags_of_other_programs_and_repeated_ones_work() {
    let bench = Bench::new();
    let flags = "--cfg 3 --bpm 120 --n-steps 2 --gop 16 --seed 1 --seed 5";
    let flags: Vec<_> = flags.split(' ').collect();
    let (timeline, _) = plan(&bench, &flags);
    assert_eq!(timeline["render"]["n_steps"], 2);
    assert_eq!(timeline["encoding"]["chunk_len"], 16);
    assert_eq!(timeline["seed"], 5);
    let (same, _) = plan(
        &bench,
        &[
            "--chunk",
            "16",
            "--steps",
            "2",
            "--guidance",
            "3",
            "--tempo",
            "120",
            "--seed",
            "5",
        ],
    );
    assert_eq!(same, timeline);
    for tracker in ["neural", "pulse"] {
        bench
            .run(&["analyse", "song.wav", "--tracker", tracker])
            .assert_done();
    }
}

#[test]
fn what_was_meant_is_said() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("songs")).unwrap();
    for name in ["songs/a.flac", "songs/b.mp3", "songs/cover.jpg"] {
        bench.write(name, b"x");
    }
    for (args, words) in [
        (&["analize", "song.wav"][..], &["did you mean analyze?"][..]),
        (&["song.wav", "analyze"], &["visualize analyze SONG"]),
        (&["sung.wav"], &["did you mean song.wav?"]),
        (&["other.flac"], &["song.wav"]),
        (
            &["songs"],
            &[
                "2 songs: a.flac, b.mp3",
                "visualize songs/*.flac songs/*.mp3",
            ],
        ),
        (&["song.wav", "--skip-still", "0.1"], &["--skip-still=0.02"]),
        (
            &["song.wav", "--width", "640", "--height", "360"],
            &["--size 1024x576"],
        ),
        (&["song.wav", "--sede", "4"], &["--seed"]),
        (&["song.wav", "--seed", "-1"], &["from 0", "random"]),
        (&["song.wav", "--energy", "-1"], &["0 to 10"]),
        (&["models", "lst"], &["list"]),
        (&["help", "promts"], &["did you mean prompts?"]),
        (&["song.wav", "--tracker", "pules"], &["neural"]),
        (&["https://example.org/a.mp3"], &["download"]),
    ] {
        let run = bench.run(args);
        assert_eq!(run.code, 2, "{args:?}: {}", run.stderr);
        for word in words {
            assert!(
                run.stderr.contains(word),
                "{args:?}, no {word:?}: {}",
                run.stderr
            );
        }
    }
}
