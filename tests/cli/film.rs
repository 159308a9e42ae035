//! Films, stage by stage and in one go, and what the program prints.

use super::harness::{Bench, SMALL};

#[test]
fn one_command_makes_a_film() {
    let bench = Bench::new();
    let run = bench.film("song.wav", &[]);
    assert_eq!(run.assert_done().stdout.trim(), "song.mp4");
    let probe = visualize::video::probe(bench.path("song.mp4")).unwrap();
    assert_eq!(probe.video.unwrap().n_frames, 24);
    assert!(
        run.stderr.contains("24 frames"),
        "an estimate comes first: {}",
        run.stderr
    );
}

#[test]
fn without_prompts_a_built_in_list_is_used_and_named() {
    let bench = Bench::new();
    let mut args = vec!["song.wav"];
    args.extend(SMALL);
    let run = bench.run(&args);
    assert!(
        run.assert_done().stderr.contains("--prompts"),
        "{}",
        run.stderr
    );
}

#[test]
fn quiet_prints_the_path_alone() {
    let bench = Bench::new();
    let run = bench.film("song.wav", &["--quiet"]);
    assert_eq!(
        (run.assert_done().stdout.trim(), run.stderr.as_str()),
        ("song.mp4", "")
    );
}

#[test]
fn a_pipe_gets_no_bars_and_no_colours() {
    let bench = Bench::new();
    let run = bench.film("song.wav", &[]);
    assert!(
        !run.assert_done().stderr.contains('\u{1b}'),
        "{:?}",
        run.stderr
    );
}

#[test]
fn json_describes_the_film() {
    let bench = Bench::new();
    let value = bench.film("song.wav", &["--json"]).assert_done().json();
    assert_eq!(value["n_frames"], 24);
    assert_eq!(value["duration_secs"], 3.0);
    assert!(value["path"].as_str().unwrap().ends_with("song.mp4"));
}

#[test]
fn any_even_size_is_a_film() {
    let bench = Bench::new();
    bench
        .film("song.wav", &["--size", "90x50", "--draw-size", "64x32"])
        .assert_done();
    let found = bench.run(&["verify", "song.mp4", "--json"]);
    let size = &found.assert_done().json()["video"]["size"];
    assert_eq!((&size["width"], &size["height"]), (&90.into(), &50.into()));
}

#[test]
fn plan_render_and_mux_make_the_same_film() {
    let bench = Bench::new();
    bench.film("song.wav", &["-o", "whole.mp4"]).assert_done();
    bench.plan("parts.json", &[]);

    let early = bench.run(&["mux", "parts.json"]);
    assert_eq!(early.code, 75);
    assert!(early.stderr.contains("--chunks 0"), "{}", early.stderr);

    bench
        .run(&["render", "parts.json", "--frames", "0..1000"])
        .assert_done();
    bench
        .run(&["render", "parts.json", "--frames", "0..1000"])
        .assert_done(); // idempotent
    bench.run(&["mux", "parts.json"]).assert_done();
    assert_eq!(bench.read("whole.mp4"), bench.read("parts.mp4"));
}

#[test]
fn machines_may_share_a_film_at_any_cut() {
    let bench = Bench::new();
    bench.plan("farm.json", &[]);
    for frames in ["17..24", "0..5", "5..17"] {
        bench
            .run(&["render", "farm.json", "--frames", frames])
            .assert_done();
    }
    bench.run(&["mux", "farm.json"]).assert_done();
    assert_eq!(
        visualize::video::probe(bench.path("farm.mp4"))
            .unwrap()
            .video
            .unwrap()
            .n_frames,
        24
    );
}

#[test]
fn a_part_of_the_song_makes_a_film_of_that_length() {
    let bench = Bench::new();
    let value = bench
        .film(
            "song.wav",
            &["--start", "1", "--duration", "0:01.5", "--json"],
        )
        .assert_done()
        .json();
    assert_eq!(value["n_frames"], 12);
}

#[test]
fn a_preview_has_a_contact_sheet() {
    let bench = Bench::new();
    let run = bench.run(&[
        "song.wav",
        "--prompts",
        "prompts.txt",
        "--preview",
        "--size",
        "64x64",
    ]);
    run.assert_done();
    assert!(bench.path("song.preview.mp4").exists());
    let sheet = image::open(bench.path("song.preview.png")).unwrap();
    assert!(sheet.width() >= 400, "{}x{}", sheet.width(), sheet.height());
}

/// As where the disk became full in between.
#[test]
fn a_preview_without_its_sheet_is_finished_by_the_same_command() {
    let bench = Bench::new();
    let args = ["song.wav", "--preview", "--size", "64x64", "--prompts"];
    let run = |prompts: &str| bench.run(&[&args[..], &[prompts]].concat());
    run("prompts.txt").assert_done();
    let film = bench.read("song.preview.mp4");
    let sheet = bench.read("song.preview.png");
    std::fs::remove_file(bench.path("song.preview.png")).unwrap();
    bench.write("others.txt", b"a lighthouse\n");
    let other = run("others.txt");
    assert!(other.code == 2 && other.stderr.contains("exists already"));
    assert!(!bench.path("song.preview.png").exists());
    run("prompts.txt").assert_done();
    assert_eq!(bench.read("song.preview.mp4"), film);
    assert_eq!(bench.read("song.preview.png"), sheet);
    let again = run("prompts.txt");
    assert!(again.code == 2 && again.stderr.contains("exists already"));
}

#[test]
fn analyze_prints_the_contract() {
    let bench = Bench::new();
    let value = bench
        .run(&["analyze", "song.wav", "--json"])
        .assert_done()
        .json();
    for key in [
        "schema_version",
        "duration_secs",
        "sample_rate_hz",
        "tempo_bpm",
        "beats",
        "onsets",
        "sections",
    ] {
        assert!(value.get(key).is_some(), "no {key} in {value}");
    }
    assert_eq!(value["duration_secs"], 3.0);
    let onsets = value["onsets"].as_array().unwrap();
    assert!(
        onsets
            .iter()
            .any(|onset| (onset["time_secs"].as_f64().unwrap() - 1.0).abs() < 0.02),
        "{onsets:?}"
    );
}

#[test]
fn analyze_writes_its_pictures_and_tracks() {
    let bench = Bench::new();
    let args = [
        "analyze",
        "song.wav",
        "--plot",
        "heard.png",
        "--click",
        "click.wav",
        "--labels",
        "labels.txt",
    ];
    let run = bench.run(&args);
    assert!(run.assert_done().stdout.contains("0:03"), "{}", run.stdout);
    assert!(image::open(bench.path("heard.png")).unwrap().width() > 600);
    assert_eq!(
        hound::WavReader::open(bench.path("click.wav"))
            .unwrap()
            .duration(),
        3 * 22050
    );
    assert!(bench.path("labels.txt").exists());
}

#[test]
fn an_edited_timeline_is_checked() {
    let bench = Bench::new();
    bench.plan("plan.json", &["--plot", "plan.png"]);
    assert!(image::open(bench.path("plan.png")).unwrap().width() > 600);
    let mut timeline: serde_json::Value = serde_json::from_slice(&bench.read("plan.json")).unwrap();
    timeline["frames"][3]["prompt_mix"] = 7.into();
    bench.write("plan.json", timeline.to_string().as_bytes());
    bench.assert_refused(
        &bench.run(&["render", "plan.json"]),
        &["plan.json", "frames[3].prompt_mix"],
    );
    bench.write("plan.json", b"{\"schema_version\": 1,\n \"frames\": [}");
    bench.assert_refused(
        &bench.run(&["render", "plan.json"]),
        &["plan.json", "line 2"],
    );
}

#[test]
fn a_changed_song_is_noticed() {
    let bench = Bench::new();
    bench.plan("plan.json", &[]);
    bench.run(&["render", "plan.json"]).assert_done();
    super::harness::write_song(&bench.path("song.wav"), 22050, 1, 2.9);
    bench.assert_refused(&bench.run(&["mux", "plan.json"]), &["song.wav", "changed"]);
}

#[test]
fn the_number_of_threads_changes_no_byte() {
    let bench = Bench::new();
    for (threads, batch, out) in [
        ("1", "4", "one.mp4"),
        ("2", "4", "two.mp4"),
        ("3", "5", "three.mp4"),
    ] {
        let more = [
            "--threads",
            threads,
            "--batch",
            batch,
            "-o",
            out,
            "--duration",
            "1",
        ];
        bench.film("song.wav", &more).assert_done();
    }
    // The run folder lies beside each film, so each was drawn anew.
    assert_eq!(bench.read("one.mp4"), bench.read("two.mp4"));
    assert_eq!(bench.read("one.mp4"), bench.read("three.mp4"));
}

#[test]
fn still_frames_are_repeated_only_when_asked() {
    let bench = Bench::new();
    bench.plan("plan.json", &[]);
    bench.plan("still.json", &["--skip-still"]);
    let threshold = |name: &str| -> serde_json::Value {
        let timeline: serde_json::Value = serde_json::from_slice(&bench.read(name)).unwrap();
        timeline["render"]["diffusion"]["skip_still"].clone()
    };
    assert_eq!(threshold("plan.json"), 0.0);
    assert_eq!(threshold("still.json"), 0.01);
    let film = |still: &str, out: &str| {
        let still = format!("--skip-still={still}");
        let more = [still.as_str(), "-o", out];
        bench.film("song.wav", &more).assert_done();
        let probe = visualize::video::probe(bench.path(out)).unwrap();
        assert_eq!(probe.video.unwrap().n_frames, 24);
        bench.read(out).len()
    };
    // The sound and the camera's moves stay; repeated pictures cost next to nothing.
    assert!(film("1", "still.mp4") < film("0", "moving.mp4"));
    let run = bench.film("song.wav", &["--skip-still=2", "-o", "no.mp4"]);
    assert_eq!(run.code, 2, "{}", run.stderr);
}
