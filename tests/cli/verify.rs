//! `visualize verify` on our films and on those of others.

use super::harness::Bench;

#[test]
fn a_film_is_measured_and_drawn() {
    let bench = Bench::new();
    // One prompt: a change of motif within three seconds has too few probes to be even.
    bench.write("prompts.txt", b"teal ocean waves\n");
    bench.film("song.wav", &[]).assert_done();
    let run = bench.run(&["verify", "song.mp4", "--plot", "proof.png", "--json"]);
    let found = run.assert_done().json();
    assert_eq!(found["video"]["n_frames"], 24, "what the file holds");
    let measures = &found["measures"];
    assert!(
        measures["correlation"].as_f64().unwrap() > 0.5,
        "{measures}"
    );
    assert!(measures["istd"].as_f64().unwrap() > 0.0);
    assert_eq!(measures["frozen_share_heard"], 0.0);
    assert_eq!(measures["n_lost_samples"], 0);
    assert_eq!(measures["av_offset_start_frames"], 0.0);
    assert!(
        measures["n_strong_onsets"].as_u64().unwrap() >= 3,
        "{measures}"
    );
    assert!(found["missing"].as_array().unwrap().is_empty(), "{found}");
    let verdict = &found["verdicts"][0];
    assert_eq!(verdict["measure"], "correlation");
    assert!(verdict["is_good"].is_boolean() && verdict["wanted"].is_string());
    assert!(image::open(bench.path("proof.png")).unwrap().width() > 600);
}

#[test]
fn a_camera_alone_is_seen() {
    let bench = Bench::new();
    bench.write("prompts.txt", b"a neon city in the rain\n");
    // A drift that is hardly seen, at a size where the model can draw it: what moves is the camera.
    let film = |output: &str, camera: &[&str]| {
        let slow = ["--energy", "0", "--pulse", "0", "--fps", "8", "-o", output];
        let size = ["--size", "128x128", "--draw-size", "128x128"];
        let song = ["song.wav", "--prompts", "prompts.txt"];
        let args = [&song[..], &size, &slow, camera].concat();
        bench.run(&args).assert_done();
    };
    film("still.mp4", &[]);
    film(
        "moved.mp4",
        &["--zoom", "1", "--rotate", "45", "--pan", "0.2"],
    );
    assert_ne!(bench.read("moved.mp4"), bench.read("still.mp4"));
    let speed = |film: &str| {
        let found = bench.run(&["verify", film, "--json"]).assert_done().json();
        found["measures"]["sections"][0]["speed"].as_f64().unwrap()
    };
    assert!(speed("moved.mp4") > 1.3 * speed("still.mp4"));
}

#[test]
fn a_film_without_a_timeline_is_measured_against_its_own_sound() {
    let bench = Bench::new();
    bench.film("song.wav", &[]).assert_done();
    let film = bench.read("song.mp4");
    let uuid = film.windows(4).rposition(|w| w == b"uuid").unwrap();
    bench.write("other.mp4", &film[..uuid - 4]);
    let run = bench.run(&["verify", "other.mp4"]);
    let text = &run.assert_done().stdout;
    assert!(text.contains("not measured: target speed"), "{text}");
    assert!(text.contains("onset to visible peak"), "{text}");
    assert!(!text.contains("visible and target speed"), "{text}");
}

#[test]
fn the_sound_of_every_codec_is_heard() {
    let bench = Bench::new();
    for (song, bytes) in [
        (
            "a.mp3",
            &include_bytes!("../../crates/audio/tests/audio/pulse.mp3")[..],
        ),
        (
            "b.m4a",
            include_bytes!("../../crates/audio/tests/audio/pulse.m4a"),
        ),
        (
            "c.opus",
            include_bytes!("../../crates/audio/tests/audio/pulse.opus"),
        ),
        (
            "d.flac",
            include_bytes!("../../crates/audio/tests/audio/pulse.flac"),
        ),
    ] {
        bench.write(song, bytes);
        bench
            .film(song, &["-o", "film.mp4", "--force"])
            .assert_done();
        let found = bench
            .run(&["verify", "film.mp4", "--json"])
            .assert_done()
            .json();
        assert!(
            found["missing"].as_array().unwrap().is_empty(),
            "{song}: {found}"
        );
        assert_eq!(found["measures"]["n_lost_samples"], 0, "{song}: {found}");
    }
}

#[test]
fn what_is_no_film_is_refused() {
    let bench = Bench::new();
    bench.write("no.film", b"just text");
    bench.assert_refused(&bench.run(&["verify", "no.film"]), &["no.film"]);
    bench.assert_refused(&bench.run(&["verify", "song.wav"]), &["song.wav"]);
}

#[test]
fn films_of_other_programs_are_measured() {
    let bench = Bench::new();
    bench.write(
        "other.mp4",
        include_bytes!("../../crates/video/tests/video/b_frames.mp4"),
    );
    let found = bench
        .run(&["verify", "other.mp4", "--json"])
        .assert_done()
        .json();
    let measures = &found["measures"];
    assert!(measures["istd"].as_f64().unwrap() < 1.0, "{measures}");
    assert_eq!(measures["frozen_share"], 0.0);
    assert!(
        measures["n_strong_onsets"].as_u64().unwrap() >= 1,
        "{measures}"
    );
    let missing = found["missing"].as_array().unwrap();
    assert_eq!(missing.len(), 1, "{missing:?}");
    assert!(
        missing[0]
            .as_str()
            .unwrap()
            .contains("wasn't made by visualize")
    );
}
