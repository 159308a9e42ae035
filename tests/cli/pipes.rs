//! Songs that come through a pipe.

use std::io::Write;
use std::process::Stdio;

use super::harness::{Bench, Run, SMALL, write_song};

/// Runs the program with a file as its standard input, through a pipe.
fn run_with_input(bench: &Bench, args: &[&str], input: &[u8]) -> Run {
    let mut child = bench.begin(args);
    // A run that is refused at once may have left before.
    let _ = child.stdin.take().unwrap().write_all(input);
    Run::from(child.wait_with_output().unwrap())
}

#[test]
fn the_standard_input_is_a_song() {
    let bench = Bench::new();
    let song = bench.read("song.wav");
    let args = [&["-", "--prompts", "prompts.txt", "--json"], &SMALL[..]].concat();
    let film = run_with_input(&bench, &args, &song);
    let film = film.assert_done().json();
    assert_eq!(film["path"], "song.mp4");
    assert_eq!(film["n_frames"], 24);
    let heard = run_with_input(&bench, &["analyze", "-", "--json"], &song);
    let heard = heard.assert_done().json();
    let expected = bench.run(&["analyze", "song.wav", "--json"]).json();
    for key in ["source_sha256", "n_samples", "codec"] {
        assert_eq!(heard["track"][key], expected["track"][key], "{key}");
    }
    assert_eq!(heard["track"]["path"], "-");
    assert_eq!(heard["beats"], expected["beats"]);
}

/// The names are checked before the song is read, which may take as long as its player likes.
#[test]
fn a_film_that_appears_while_the_song_comes_is_kept() {
    let bench = Bench::new();
    // More than a pipe holds: once all but its end is written, the program reads.
    write_song(&bench.path("long.wav"), 44100, 2, 3.0);
    let song = bench.read("long.wav");
    let (first, last) = song.split_at(song.len() - 1000);
    let args = [&["-", "-p", "prompts.txt", "-o", "film.mp4"], &SMALL[..]].concat();
    let mut child = bench.begin(&args);
    let mut input = child.stdin.take().unwrap();
    input.write_all(first).unwrap();
    bench.write("film.mp4", b"another's");
    let _ = input.write_all(last);
    drop(input);
    let run = Run::from(child.wait_with_output().unwrap());
    assert_eq!(run.code, 2, "{}", run.stderr);
    assert!(run.stderr.contains("film.mp4: has appeared"));
    assert!(run.stderr.contains("--force"), "{}", run.stderr);
    assert_eq!(bench.read("film.mp4"), b"another's");
}

/// Again from the standard input, or from the song as a file.
#[test]
fn a_timeline_of_a_pipe_becomes_a_film() {
    let bench = Bench::new();
    let song = bench.read("song.wav");
    let args = [
        &["plan", "-", "-p", "prompts.txt", "-o", "t.json"],
        &SMALL[..],
    ]
    .concat();
    run_with_input(&bench, &args, &song).assert_done();
    bench.run(&["render", "t.json"]).assert_done();
    let run = bench.run(&["mux", "t.json", "--song", "song.wav", "-o", "a.mp4"]);
    run.assert_done();
    run_with_input(&bench, &["mux", "t.json", "-o", "b.mp4"], &song).assert_done();
    assert!(bench.read("a.mp4") == bench.read("b.mp4"));
}

#[test]
fn what_is_no_song_is_refused_by_the_name_of_the_pipe() {
    let bench = Bench::new();
    for (input, words) in [
        (&b""[..], "-: is empty: nothing came through the pipe"),
        (b"This is not music. ", "-: is not audio"),
    ] {
        let run = run_with_input(&bench, &["analyze", "-"], input);
        assert_eq!(run.code, 2, "{}", run.stderr);
        assert!(run.stderr.contains(words), "{}", run.stderr);
    }
    for (args, words) in [
        (&["-", "-p", "-"][..], "the song and the prompts at once"),
        (&["analyze", "-", "--fix"], "corrections"),
    ] {
        let run = run_with_input(&bench, args, b"a red sunset\n");
        assert_eq!(run.code, 2, "{}", run.stderr);
        assert!(run.stderr.contains(words), "{}", run.stderr);
    }
}

#[cfg(unix)]
mod named {
    use std::path::PathBuf;
    use std::process::Command;
    use std::time::{Duration, Instant};

    use super::*;

    fn pipe(bench: &Bench, name: &str) -> PathBuf {
        let path = bench.path(name);
        let made = Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        path
    }

    #[test]
    fn a_named_pipe_is_a_song() {
        let bench = Bench::new();
        let song = bench.read("song.wav");
        let path = pipe(&bench, "pipe.wav");
        let writer = std::thread::spawn(move || std::fs::write(path, song).unwrap());
        let run = bench.film("pipe.wav", &["--json"]);
        assert_eq!(run.assert_done().json()["path"], "pipe.mp4");
        writer.join().unwrap();
    }

    /// A pipe that nobody writes to, and one whose writer has gone to sleep.
    #[test]
    fn a_signal_is_obeyed_while_a_pipe_is_read() {
        let bench = Bench::new();
        pipe(&bench, "pipe.wav");
        for args in [
            &["analyze", "pipe.wav"][..],
            &["analyze", "-"],
            &["pipe.wav", "--fps", "4"],
            &["-", "--fps", "4"],
        ] {
            let mut child = bench
                .command(args)
                .stdin(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let input = child.stdin.take().unwrap();
            std::thread::sleep(Duration::from_millis(1500));
            let pid = child.id().to_string();
            let started = Instant::now();
            Command::new("kill").args(["-INT", &pid]).status().unwrap();
            let output = child.wait_with_output().unwrap();
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(130), "{args:?}: {stderr}");
            assert!(started.elapsed() < Duration::from_secs(1), "{args:?}");
            drop(input);
        }
    }
}
