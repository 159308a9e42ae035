//! An output never takes the place of an input, nor of anything that is no regular file, and what can't be written is said at
//! the start.

use super::harness::{Bench, Run, SMALL};

/// Asserts that a run was refused before it heard the song, with a message that has each of `words`.
#[track_caller]
fn assert_refused_at_once(run: &Run, words: &[&str]) {
    assert_eq!(run.code, 2, "{}\n{}", run.stdout, run.stderr);
    assert!(run.stderr.starts_with("error: "), "{}", run.stderr);
    for word in words {
        assert!(run.stderr.contains(word), "no {word:?} in {}", run.stderr);
    }
}

#[test]
fn no_output_destroys_an_input() {
    let bench = Bench::new();
    bench.write("song.mp4", &bench.read("song.wav"));
    bench.write("lora.safetensors", b"weights");
    bench.write("taps.txt", b"0.5\n1.0\n");
    bench.write("drums.wav", &bench.read("song.wav"));
    let prompts = ["-p", "prompts.txt"];
    let cases: [(&[&str], &str); 12] = [
        (&["analyze", "song.wav", "--click", "song.wav"], "song.wav"),
        (
            &["analyze", "song.wav", "--labels", "./song.wav"],
            "song.wav",
        ),
        (
            &[
                "analyze", "song.wav", "--beats", "taps.txt", "--labels", "taps.txt",
            ],
            "taps.txt",
        ),
        (
            &[
                "analyze",
                "song.wav",
                "--stem",
                "drums=drums.wav",
                "--click",
                "drums.wav",
            ],
            "drums.wav",
        ),
        (&["plan", "song.wav", "-o", "song.wav"], "song.wav"),
        (
            &["plan", "song.wav", "-p", "prompts.txt", "-o", "prompts.txt"],
            "prompts.txt",
        ),
        (&["song.mp4", "--force"], "song.mp4"),
        (&["song.mp4"], "song.mp4"),
        (
            &[
                "song.wav",
                "--force",
                "-p",
                "prompts.txt",
                "-o",
                "prompts.txt",
            ],
            "prompts.txt",
        ),
        (&["song.wav", "song.mp4", "--force"], "song.mp4"),
        (
            &[
                "plan",
                "song.wav",
                "--lora",
                "lora.safetensors:0.5",
                "-o",
                "lora.safetensors",
            ],
            "lora.safetensors",
        ),
        (
            &["plan", "--from", "song.mp4", "-o", "song.mp4"],
            "song.mp4",
        ),
    ];
    for (args, file) in cases {
        let before = bench.read(file);
        let run = bench.run(args);
        assert_refused_at_once(&run, &[file, "destroyed"]);
        assert!(!run.stderr.contains("--force"), "{}", run.stderr);
        assert_eq!(bench.read(file), before, "{args:?}");
    }
    // A folder that is read is safe as a whole.
    std::fs::create_dir(bench.path("weights")).unwrap();
    bench.write("weights/config.json", b"{\"schema_version\": 1}");
    let args = [
        "plan",
        "song.wav",
        "-m",
        "./weights",
        "-o",
        "weights/config.json",
    ];
    assert_refused_at_once(&bench.run(&[&args[..], &prompts].concat()), &["the model"]);
}

#[cfg(unix)]
#[test]
fn inputs_are_known_behind_links() {
    let bench = Bench::new();
    std::fs::hard_link(bench.path("song.wav"), bench.path("hard.wav")).unwrap();
    std::os::unix::fs::symlink("song.wav", bench.path("soft.wav")).unwrap();
    let before = bench.read("song.wav");
    for out in ["hard.wav", "soft.wav"] {
        let run = bench.run(&["analyze", "song.wav", "--click", out]);
        assert_refused_at_once(&run, &[out, "the song"]);
        let run = bench.run(&["analyze", out, "--click", "song.wav"]);
        assert_refused_at_once(&run, &["song.wav", "the song"]);
    }
    assert_eq!(bench.read("song.wav"), before);
}

#[test]
fn a_timeline_and_its_song_are_safe_from_mux() {
    let bench = Bench::new();
    bench.write("song.mp4", &bench.read("song.wav"));
    let run = bench.run(&[
        "plan",
        "song.mp4",
        "--calibrate",
        "off",
        "--fps",
        "4",
        "-o",
        "t.json",
    ]);
    run.assert_done();
    let before = bench.read("song.mp4");
    let run = bench.run(&["mux", "t.json", "-o", "song.mp4", "--force"]);
    assert_refused_at_once(&run, &["the song"]);
    assert_eq!(bench.read("song.mp4"), before);
}

#[cfg(target_os = "linux")]
#[test]
fn devices_and_pipes_stay_what_they_are() {
    use std::os::unix::fs::FileTypeExt;
    let bench = Bench::new();
    let made = std::process::Command::new("mkfifo")
        .arg(bench.path("pipe"))
        .status()
        .unwrap();
    assert!(made.success());
    std::os::unix::fs::symlink("/dev/null", bench.path("null.mp4")).unwrap();
    for args in [
        &["song.wav", "--force", "-o", "pipe"][..],
        &["song.wav", "--force", "-o", "null.mp4"],
        &["song.wav", "--force", "-o", "/dev/null"],
        &["analyze", "song.wav", "--click", "/dev/null"],
    ] {
        assert_refused_at_once(&bench.run(args), &["device or a pipe"]);
    }
    let pipe = std::fs::symlink_metadata(bench.path("pipe")).unwrap();
    assert!(pipe.file_type().is_fifo());
    assert!(bench.path("null.mp4").is_symlink());
}

#[test]
fn text_goes_through_pipes() {
    let bench = Bench::new();
    let args = [
        "plan",
        "song.wav",
        "--calibrate",
        "off",
        "--fps",
        "4",
        "-o",
        "-",
    ];
    let timeline = bench.run(&args).assert_done().json();
    assert_eq!(timeline["frames"].as_array().unwrap().len(), 12);
    assert!(!bench.path("-").exists());
    if cfg!(target_os = "linux") {
        let args = [&args[..7], &["/dev/stdout"]].concat();
        assert_eq!(bench.run(&args).assert_done().json(), timeline);
        let run = bench.run(&["analyze", "song.wav", "--labels", "/dev/null"]);
        run.assert_done();
    }
}

#[test]
fn an_output_replaces_its_like_alone() {
    let bench = Bench::new();
    bench.write("notes.txt", b"my words\n");
    let run = bench.run(&["analyze", "song.wav", "--labels", "notes.txt"]);
    assert_refused_at_once(&run, &["notes.txt", "label track"]);
    let run = bench.run(&["plan", "song.wav", "-o", "notes.txt"]);
    assert_refused_at_once(&run, &["notes.txt", "timeline"]);
    assert_eq!(bench.read("notes.txt"), b"my words\n");
    for _ in 0..2 {
        let args = "analyze song.wav --labels l.txt --click c.wav --plot p.svg";
        let args: Vec<_> = args.split(' ').collect();
        bench.run(&args).assert_done();
    }
    let run = bench.run(&[
        "analyze",
        "song.wav",
        "--labels",
        "new.txt",
        "--click",
        "./new.txt",
    ]);
    assert_refused_at_once(&run, &["twice"]);
}

#[test]
fn places_that_no_film_can_go_to_are_refused() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("films")).unwrap();
    bench.write("taken.visualize", b"mine");
    let long = format!("{}.mp4", "a".repeat(244));
    for (out, words) in [
        ("films", &["films", "folder"][..]),
        ("new.visualize", &["new.visualize", ".visualize"]),
        ("taken.mp4", &["taken.visualize", "folder"]),
        ("film.mkv", &["film.mkv", "MP4", "film.mp4"]),
        ("film.WebM", &["film.WebM", "MP4", "film.mp4"]),
        ("-", &["back and forth", "standard output"]),
        (&long, &["too long", "-o"]),
        ("nowhere/film.mp4", &["nowhere", "mkdir"]),
    ] {
        for force in [&[][..], &["--force"]] {
            let args = [&["song.wav", "-o", out][..], force].concat();
            assert_refused_at_once(&bench.run(&args), words);
        }
    }
    assert_eq!(bench.read("taken.visualize"), b"mine");
}

/// Neither run knows of the other when it begins. The first film stays, whoever is first.
#[test]
fn racing_runs_leave_one_film() {
    fn args<'a>(prompt: &'a str, out: &'a str) -> Vec<&'a str> {
        let args = ["song.wav", "-p", prompt, "-o", out, "--calibrate", "off"];
        [&args[..], &SMALL].concat()
    }
    let bench = Bench::new();
    let runs = ["a red sunset", "deep blue sea"];
    let alone = runs.map(|prompt| {
        let out = format!("{prompt}.mp4");
        bench.run(&args(prompt, &out)).assert_done();
        bench.read(&out)
    });
    let children = runs.map(|prompt| {
        let mut command = bench.command(&args(prompt, "race.mp4"));
        let piped = || std::process::Stdio::piped();
        command.stdout(piped()).stderr(piped()).spawn().unwrap()
    });
    let ended = children.map(|child| Run::from(child.wait_with_output().unwrap()));
    let winner = ended.iter().position(|run| run.code == 0).unwrap();
    let loser = &ended[1 - winner];
    assert_eq!(loser.code, 2, "{}", loser.stderr);
    assert!(
        loser.stderr.contains("race.mp4: has appeared") || loser.stderr.contains("exists already"),
        "{}",
        loser.stderr
    );
    assert!(loser.stderr.contains("--force"), "{}", loser.stderr);
    assert!(bench.read("race.mp4") == alone[winner]);
}

#[test]
fn a_long_song_name_is_told_before_work_begins() {
    let bench = Bench::new();
    let song = format!("{}.wav", "a".repeat(240));
    std::fs::copy(bench.path("song.wav"), bench.path(&song)).unwrap();
    assert_refused_at_once(&bench.run(&[&song]), &["too long", "-o"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_name_that_is_no_text_is_told_before_work_begins() {
    use std::os::unix::ffi::OsStrExt;
    let bench = Bench::new();
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9.wav");
    std::fs::copy(bench.path("song.wav"), bench.path("").join(name)).unwrap();
    let run = |args: &[&str]| Run::from(bench.command(args).arg(name).output().unwrap());
    for args in [&["--fps", "4"][..], &["plan"], &["analyze", "--json"]] {
        assert_refused_at_once(&run(args), &["UTF-8", r"ln -s $'caf\xe9.wav'"]);
    }
    run(&["analyze"]).assert_done();
}

#[test]
fn a_preview_destroys_no_picture() {
    let bench = Bench::new();
    bench.write("cover.png", b"mine");
    let run = bench.run(&["song.wav", "--preview", "-o", "cover.mp4"]);
    assert_refused_at_once(&run, &["cover.png", "--force"]);
    assert_eq!(bench.read("cover.png"), b"mine");
}
