//! A terminal is never fed what it would obey, and one that is gone ends no film.

use std::process::{Command, Stdio};

use super::harness::{Bench, Run, SMALL};

#[cfg(unix)]
#[test]
fn a_film_outlives_whoever_reads_its_messages() {
    let bench = Bench::new();
    let program = env!("CARGO_BIN_EXE_visualize");
    let flags = SMALL.join(" ");
    let film = format!("{program} song.wav -p prompts.txt {flags}");
    for (name, redirect) in [("pipe.mp4", "2>&1 | true"), ("closed.mp4", "2>&-")] {
        // The exit code of the film, not that of the pipe's end.
        let script = format!("{{ {film} -o {name}; echo $? >{name}.code; }} {redirect}");
        let run = Command::new("sh")
            .current_dir(bench.path(""))
            .args(["-c", &script])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&run.stderr).into_owned();
        assert_eq!(
            bench.read(&format!("{name}.code")),
            b"0\n",
            "{name}: {text}"
        );
        assert!(bench.path(name).exists(), "{name}");
    }
}

#[cfg(unix)]
#[test]
fn a_film_that_ignores_hang_ups_survives_one() {
    let bench = Bench::new();
    super::harness::write_song(&bench.path("song.wav"), 22050, 1, 10.0);
    let program = env!("CARGO_BIN_EXE_visualize");
    let script = format!(
        "trap '' HUP; exec {program} song.wav -p prompts.txt --size 64x64 --draw-size 128x128 --fps 12 --chunk 8"
    );
    let child = Command::new("sh")
        .current_dir(bench.path(""))
        .args(["-c", &script])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = child.id().to_string();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(120);
    while !bench.path("song.visualize").exists() {
        assert!(std::time::Instant::now() < deadline, "no film was begun");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    Command::new("kill").args(["-HUP", &pid]).status().unwrap();
    let run = Run::from(child.wait_with_output().unwrap());
    assert_eq!(run.assert_done().stdout.trim(), "song.mp4");
}

#[test]
fn a_backtrace_is_no_part_of_a_message() {
    let bench = Bench::new();
    bench.write("song.safetensors", b"not at all");
    for args in [
        &["nothing.wav"][..],
        &["song.wav", "-m", "song.safetensors"],
        &["song.wav", "--size", "500x501"],
        &["song.wav", "--device", "cuda"],
        &["render", "prompts.txt"],
    ] {
        let plain = bench.run(args);
        let traced = bench.command(args).env("RUST_BACKTRACE", "1").output();
        assert_eq!(plain.stderr, Run::from(traced.unwrap()).stderr, "{args:?}");
    }
}

#[test]
fn control_characters_are_shown_and_not_sent() {
    let bench = Bench::new();
    for args in [
        &["a\u{1b}[31mb.wav"][..],
        &["song.wav", "-p", "a\u{1b}[2Jb.txt"],
        &["song.wav", "--de\u{1b}[31mvice"],
        &["song.wav", "--size", "1\u{1b}[31mx2"],
        &["song.wav", "-m", "\u{9b}31m"],
        &["verify", "a\u{1b}[31mb.mp4"],
    ] {
        let run = bench.run(args);
        assert_ne!(run.code, 0, "{args:?}");
        let is_sent = |c: char| c.is_control() && c != '\n';
        assert!(!run.stderr.contains(is_sent), "{args:?}: {:?}", run.stderr);
    }
}
