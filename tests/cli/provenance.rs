//! A film says how it was made, and its timeline comes back.

use super::harness::Bench;

#[test]
fn a_film_gives_its_plan_back_and_the_plan_gives_the_film() {
    let bench = Bench::new();
    bench.plan("plan.json", &[]);
    bench.film("song.wav", &["-o", "whole.mp4"]).assert_done();
    let run = bench.run(&["plan", "--from", "whole.mp4", "-o", "again.json"]);
    assert_eq!(run.assert_done().stdout.trim(), "again.json");
    assert_eq!(bench.read("plan.json"), bench.read("again.json"));

    bench.run(&["render", "again.json"]).assert_done();
    bench.run(&["mux", "again.json"]).assert_done();
    assert_eq!(bench.read("whole.mp4"), bench.read("again.mp4"));
}

#[test]
fn the_timeline_is_named_after_the_film() {
    let bench = Bench::new();
    bench.film("song.wav", &["-o", "night.mp4"]).assert_done();
    let run = bench.run(&["plan", "--from", "night.mp4", "--plot", "night.png"]);
    assert_eq!(run.assert_done().stdout.trim(), "night.json");
    assert!(bench.path("night.png").exists());
}

#[test]
fn a_song_that_moved_leaves_no_trace_in_the_film() {
    let bench = Bench::new();
    bench.plan("plan.json", &[]);
    bench.run(&["render", "plan.json"]).assert_done();
    bench
        .run(&["mux", "plan.json", "-o", "here.mp4"])
        .assert_done();
    std::fs::create_dir(bench.path("there")).unwrap();
    for name in ["plan.json", "plan.visualize", "song.wav"] {
        std::fs::rename(bench.path(name), bench.path("there").join(name)).unwrap();
    }
    let args = ["mux", "there/plan.json", "-o", "there.mp4"];
    bench.run(&args).assert_done();
    assert_eq!(bench.read("here.mp4"), bench.read("there.mp4"));
}

#[test]
fn facts_are_there_for_other_programs() {
    let bench = Bench::new();
    bench.plan("plan.json", &["--seed", "7"]);
    bench.film("song.wav", &["--seed", "7"]).assert_done();
    let facts = visualize::video::probe(bench.path("song.mp4"))
        .unwrap()
        .tags
        .facts;
    let timeline = visualize::timeline::Timeline::load(bench.path("plan.json")).unwrap();
    assert_eq!(facts["seed"], "7");
    assert_eq!(facts["model"], "bundled");
    assert_eq!(facts["weights_sha256"], timeline.render.weights_sha256);
    assert_eq!(facts["prompts"], "teal ocean waves\nburning orange flames");
    assert_eq!(
        facts["timeline_sha256"],
        visualize::provenance::sha256(&timeline)
    );
    // The head of a player's file: everything before the samples stays small.
    let film = bench.read("song.mp4");
    let mdat = film.windows(4).position(|w| w == b"mdat").unwrap();
    assert!(mdat < 8192, "{mdat}");
}

#[test]
fn other_films_are_refused_in_words() {
    let bench = Bench::new();
    bench.film("song.wav", &[]).assert_done();
    let film = bench.read("song.mp4");
    std::fs::remove_file(bench.path("song.mp4")).unwrap();
    let uuid = film.windows(4).rposition(|w| w == b"uuid").unwrap();
    let refused = |bytes: &[u8], words: &[&str]| {
        bench.write("other.film", bytes);
        bench.assert_refused(&bench.run(&["plan", "--from", "other.film"]), words);
        assert!(!bench.path("other.json").exists());
    };
    refused(&film[..film.len() / 2], &["other.film", "cut off"]);
    refused(&film[..uuid - 4], &["timeline is lost", "hint"]);
    let mut foreign = film[..uuid - 4].to_vec();
    let fact = foreign
        .windows(15)
        .position(|w| w == b"timeline_sha256")
        .unwrap();
    foreign[fact] = b'T';
    refused(&foreign, &["wasn't made by visualize", "hint"]);
    let mut damaged = film.clone();
    let last = damaged.len() - 3;
    damaged[last] ^= 0x55;
    refused(&damaged, &["timeline is damaged"]);
    refused(b"RIFF no film", &["other.film"]);
    bench.assert_refused(&bench.run(&["plan", "--from", "none.film"]), &["none.film"]);
}

#[test]
fn a_finished_film_takes_no_settings() {
    let bench = Bench::new();
    for more in [
        &["song.wav"][..],
        &["--fps", "12"],
        &["--energy", "2"],
        &["--meter", "3"],
        &["--clip-skip", "1"],
    ] {
        let run = bench.run(&[&["plan", "--from", "film"], more].concat());
        assert_eq!(run.code, 2, "{more:?}");
        assert!(run.stderr.contains("cannot be used with"), "{}", run.stderr);
    }
}
