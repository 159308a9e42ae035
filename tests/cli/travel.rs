//! Timelines that are moved to another folder, and the songs that they name.

use super::harness::{Bench, SMALL};

fn plan(bench: &Bench, song: &str, out: &str) {
    let args = [
        "plan",
        song,
        "-p",
        "prompts.txt",
        "-o",
        out,
        "--calibrate",
        "off",
    ];
    bench.run(&[&args[..], &SMALL].concat()).assert_done();
}

#[test]
fn a_timeline_finds_its_song_from_anywhere_or_says_how_to_name_it() {
    let bench = Bench::new();
    for folder in ["music", "films", "elsewhere"] {
        std::fs::create_dir(bench.path(folder)).unwrap();
    }
    std::fs::rename(bench.path("song.wav"), bench.path("music/song.wav")).unwrap();
    plan(&bench, "music/song.wav", "films/t.json");
    bench.run(&["render", "films/t.json"]).assert_done();
    let mux = |args: &[&str]| {
        let timeline = bench.path("films/t.json");
        let mut command = bench.command(&["mux"]);
        command.current_dir(bench.path("elsewhere"));
        command.arg(timeline).args(args);
        super::harness::Run::from(command.output().unwrap())
    };
    let refused = mux(&["-o", "a.mp4"]);
    assert_eq!(refused.code, 2);
    for words in [
        "music/song.wav: the timeline's song is neither there",
        "--song FILE",
    ] {
        assert!(refused.stderr.contains(words), "{}", refused.stderr);
    }
    mux(&["-o", "named.mp4", "--song", "../music/song.wav"]).assert_done();
    // Seen from the timeline, and beside it; another file of the name is passed over.
    std::fs::create_dir(bench.path("films/music")).unwrap();
    bench.write("elsewhere/song.wav", b"another song");
    std::fs::copy(
        bench.path("music/song.wav"),
        bench.path("films/music/song.wav"),
    )
    .unwrap();
    mux(&["-o", "seen.mp4"]).assert_done();
    let other = bench.path("films/music/song.wav");
    super::harness::write_song(&other, 22050, 1, 1.0);
    std::fs::copy(bench.path("music/song.wav"), bench.path("films/song.wav")).unwrap();
    mux(&["-o", "beside.mp4"]).assert_done();
    let film = bench.read("elsewhere/named.mp4");
    assert!(film == bench.read("elsewhere/seen.mp4"));
    assert!(film == bench.read("elsewhere/beside.mp4"));
}

/// Some editors of text put a mark in front.
#[test]
fn a_timeline_may_begin_with_a_byte_order_mark() {
    let bench = Bench::new();
    plan(&bench, "song.wav", "t.json");
    let json = bench.read("t.json");
    bench.write("t.json", &[b"\xef\xbb\xbf", &json[..]].concat());
    bench.run(&["render", "t.json"]).assert_done();
    bench.run(&["mux", "t.json"]).assert_done();
}

/// The sound that was asked for, and what can't be had before anything is drawn.
#[test]
fn the_sound_is_what_was_asked_for() {
    let bench = Bench::new();
    let flags = ["--calibrate", "off", "--json"];
    for (format, note) in [
        ("alac", "pcm_s16le becomes ALAC, without loss"),
        ("FLAC", "pcm_s16le becomes FLAC, without loss"),
    ] {
        let out = format!("{format}.mp4");
        let run = bench.film(
            "song.wav",
            &[&flags[..], &["--audio", format, "-o", &out]].concat(),
        );
        let film = run.assert_done().json();
        assert_eq!(film["audio_codec"], format.to_lowercase());
        assert!(run.stderr.contains(note), "{}", run.stderr);
        let probe = bench.run(&["verify", &out, "--json"]).assert_done().json();
        assert_eq!(probe["audio"]["codec"], format.to_lowercase());
        assert_eq!(probe["audio"]["n_channels"], 1);
        assert_eq!(probe["audio"]["n_samples"], 3 * 22050);
    }
    let run = bench.film("song.wav", &["--audio", "wma"]);
    assert_eq!(run.code, 2);
    assert!(
        run.stderr.contains("copy, flac, alac, aac or none"),
        "{}",
        run.stderr
    );
    // Without an ffmpeg there is no AAC, which is told at once.
    let mut command = bench.command(&["song.wav", "--audio", "aac", "-o", "aac.mp4"]);
    let run = super::harness::Run::from(command.env("PATH", "").output().unwrap());
    assert_eq!(run.code, 2, "{}", run.stderr);
    for words in ["--audio can't be aac", "ffmpeg", "alac"] {
        assert!(run.stderr.contains(words), "{}", run.stderr);
    }
    assert!(!bench.path("aac.visualize").exists());
}
