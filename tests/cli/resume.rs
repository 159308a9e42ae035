//! A run that is killed or interrupted continues where it stopped and ends in the same bytes.

use std::time::Duration;

use super::harness::{Bench, write_song};

/// Many short chunks, so that a kill finds some finished.
const FLAGS: [&str; 8] = [
    "--prompts",
    "prompts.txt",
    "--size",
    "64x64",
    "--fps",
    "24",
    "--gop",
    "8",
];

fn args(out: &str) -> Vec<&str> {
    [&["song.wav", "-o", out][..], &FLAGS].concat()
}

#[cfg(unix)]
#[test]
fn a_killed_run_ends_in_the_same_film() {
    let bench = Bench::new();
    write_song(&bench.path("song.wav"), 22050, 1, 5.0);
    bench.run(&args("whole.mp4")).assert_done();
    let mut killed = 0;
    for attempt in 0..6 {
        let mut child = bench
            .command(&args("killed.mp4"))
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(150 + 170 * attempt));
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap();
            killed += 1;
        }
        child.wait().unwrap();
        if bench.path("killed.mp4").exists() {
            break;
        }
    }
    assert!(killed > 0);
    bench
        .run(&[&args("killed.mp4")[..], &["--force"]].concat())
        .assert_done();
    assert_eq!(bench.read("whole.mp4"), bench.read("killed.mp4"));
}

#[cfg(unix)]
#[test]
fn an_interrupt_keeps_finished_chunks_and_says_how_to_continue() {
    let bench = Bench::new();
    write_song(&bench.path("song.wav"), 22050, 1, 60.0);
    let child = bench
        .command(&args("film.mp4"))
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let pid = child.id().to_string();
    let deadline = std::time::Instant::now() + Duration::from_secs(120);
    let is_chunk =
        |path: &std::path::Path| path.extension().is_some_and(|ending| ending == "chunk");
    let n_chunks = || {
        let files = std::fs::read_dir(bench.path("film.visualize"));
        files.map_or(0, |files| {
            files
                .filter(|file| is_chunk(&file.as_ref().unwrap().path()))
                .count()
        })
    };
    while n_chunks() < 2 {
        assert!(
            std::time::Instant::now() < deadline,
            "no chunk was finished"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    std::process::Command::new("kill")
        .args(["-INT", &pid])
        .status()
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    assert!(
        stderr.contains("film.mp4") && stderr.contains("continue with"),
        "{stderr}"
    );
    assert!(!bench.path("film.mp4").exists());
    assert!(n_chunks() >= 2);
}

#[test]
fn a_torn_chunk_is_rendered_again() {
    let bench = Bench::new();
    bench.film("song.wav", &["-o", "whole.mp4"]).assert_done();
    bench.film("song.wav", &["-o", "torn.mp4"]).assert_done();
    let mut chunks: Vec<_> = std::fs::read_dir(bench.path("torn.visualize"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    chunks.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "chunk")
    });
    let bytes = std::fs::read(&chunks[0]).unwrap();
    std::fs::write(&chunks[0], &bytes[..bytes.len() - 7]).unwrap();
    bench
        .film("song.wav", &["-o", "torn.mp4", "--force"])
        .assert_done();
    assert_eq!(bench.read("whole.mp4"), bench.read("torn.mp4"));
}
