//! Frames for other programs, instead of a film.

use super::harness::{Bench, SMALL};

#[test]
fn raw_frames_are_all_that_goes_to_the_standard_output() {
    let bench = Bench::new();
    let args = [&["song.wav", "-p", "prompts.txt", "--raw", "-"], &SMALL[..]].concat();
    let run = bench.command(&args).output().unwrap();
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
    let head = b"YUV4MPEG2 W64 H64 F8:1 Ip A1:1 C444 XCOLORRANGE=LIMITED\n";
    assert!(run.stdout.starts_with(head));
    let frame_len = "FRAME\n".len() + 3 * 64 * 64;
    let frames = &run.stdout[head.len()..];
    assert_eq!(frames.len(), 24 * frame_len);
    assert!(
        frames
            .chunks(frame_len)
            .all(|frame| frame.starts_with(b"FRAME\n"))
    );
    assert!(frames[..frame_len] != frames[23 * frame_len..], "it moves");
    assert!(!bench.path("song.mp4").exists());

    let run = bench.film("song.wav", &["--raw", "film.y4m"]);
    assert_eq!(run.code, 2, "{}", run.stderr);
    let run = bench.film("song.wav", &["--raw", "-", "-o", "film.mp4"]);
    assert_eq!(run.code, 2, "{}", run.stderr);
}

#[test]
fn frames_as_files_go_on_where_they_stopped() {
    let bench = Bench::new();
    let png = ["--png", "frames/song_%04d.png"];
    let run = bench.film("song.wav", &png);
    assert_eq!(run.assert_done().stdout.trim(), "frames/song_0000.png");
    let frame = |idx: u32| format!("frames/song_{idx:04}.png");
    let all: Vec<Vec<u8>> = (0..24).map(|idx| bench.read(&frame(idx))).collect();
    assert!(all.iter().all(|bytes| bytes.starts_with(b"\x89PNG")));
    assert!(!bench.path(&frame(24)).exists());

    std::fs::remove_file(bench.path(&frame(7))).unwrap();
    bench.write(&frame(8), b"stays");
    bench.film("song.wav", &png).assert_done();
    assert!(bench.read(&frame(7)) == all[7]);
    assert!(bench.read(&frame(8)) == b"stays", "it was there");

    let other = bench.film("song.wav", &[&png[..], &["--seed", "5"]].concat());
    assert_eq!(other.code, 2);
    assert!(other.stderr.contains("--force"), "{}", other.stderr);
    assert!(bench.read(&frame(0)) == all[0]);
    let forced = bench.film(
        "song.wav",
        &[&png[..], &["--seed", "5", "--force"]].concat(),
    );
    forced.assert_done();
    assert!(bench.read(&frame(0)) != all[0]);

    let run = bench.film("song.wav", &["--png", "frame.png"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("%06d"), "{}", run.stderr);
}
