//! Settings out of range and places that can't be written are refused before any work.

use super::harness::{Bench, Run, SMALL, write_float_song};

#[test]
fn impossible_frame_rates_are_refused() {
    let bench = Bench::new();
    for rate in ["0", "-24", "1e9", "1000", "24/0", "fast"] {
        let run = bench.run(&[
            "song.wav",
            "--prompts",
            "prompts.txt",
            &format!("--fps={rate}"),
        ]);
        bench.assert_refused(&run, &["--fps"]);
    }
}

#[test]
fn a_size_that_cannot_be_drawn_or_encoded_is_refused_with_the_nearest() {
    let bench = Bench::new();
    let run = bench.run(&[
        "song.wav",
        "--prompts",
        "prompts.txt",
        "--draw-size",
        "500x500",
    ]);
    bench.assert_refused(&run, &["--draw-size", "500x500", "496x496", "or 5"]);
    let run = bench.run(&["song.wav", "--prompts", "prompts.txt", "--size", "501x500"]);
    bench.assert_refused(&run, &["--size", "501x500", "502x500"]);
    for size in ["0x64", "64", "64x", "axb", "100000x100000", "8x8"] {
        let run = bench.run(&["song.wav", "--prompts", "prompts.txt", "--size", size]);
        bench.assert_refused(&run, &["--size"]);
    }
}

#[test]
fn steps_guidance_and_times_have_ranges() {
    let bench = Bench::new();
    let cases: [&[&str]; 8] = [
        &["--tempo", "19"],
        &["--tempo", "1000"],
        &["--steps", "0"],
        &["--steps", "1001"],
        &["--guidance", "NaN"],
        &["--guidance", "1e9"],
        &["--start", "0:04"],
        &["--duration", "0"],
    ];
    for flags in cases {
        bench.assert_refused(&bench.film("song.wav", flags), &[flags[0]]);
    }
}

#[test]
fn an_output_folder_that_does_not_exist_is_refused() {
    let bench = Bench::new();
    bench.assert_refused(
        &bench.film("song.wav", &["-o", "nowhere/film.mp4"]),
        &["nowhere"],
    );
}

#[cfg(target_os = "linux")]
#[test]
fn an_output_folder_that_cannot_be_written_is_refused() {
    let bench = Bench::new();
    // Permissions don't stop the superuser, under whom tests often run; the proc file system stops everyone.
    bench.assert_refused(
        &bench.film("song.wav", &["-o", "/proc/film.mp4"]),
        &["/proc"],
    );
}

#[test]
fn a_film_is_not_replaced_unasked() {
    let bench = Bench::new();
    bench.write("song.mp4", b"precious");
    let run = bench.film("song.wav", &[]);
    assert_eq!(run.code, 2, "{}", run.stderr);
    assert!(
        run.stderr.contains("song.mp4") && run.stderr.contains("--force"),
        "{}",
        run.stderr
    );
    assert_eq!(bench.read("song.mp4"), b"precious");
    bench.film("song.wav", &["--force"]).assert_done();
    assert_ne!(bench.read("song.mp4"), b"precious");
}

#[test]
fn an_unknown_device_is_refused_with_what_to_build() {
    let bench = Bench::new();
    bench.assert_refused(
        &bench.film("song.wav", &["--device", "toaster"]),
        &["toaster"],
    );
    for (name, is_built) in [
        ("cuda", cfg!(feature = "cuda")),
        ("gpu", cfg!(feature = "gpu")),
    ] {
        if !is_built {
            bench.assert_refused(
                &bench.film("song.wav", &["--device", name]),
                &["built without", &format!("--features {name}")],
            );
        }
    }
}

#[test]
fn a_limit_of_instruction_sets_that_is_not_known_is_refused() {
    let bench = Bench::new();
    let film = |limit: &str| {
        let mut args = vec!["song.wav", "--prompts", "prompts.txt"];
        args.extend(SMALL);
        let mut command = bench.command(&args);
        Run::from(command.env("VISUALIZE_VECTORS", limit).output().unwrap())
    };
    bench.assert_refused(&film("sse"), &["VISUALIZE_VECTORS", "\"sse\"", "portable"]);
    let run = film("portable");
    run.assert_done();
    assert!(run.stderr.contains("portable at most"), "{}", run.stderr);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_keeps_finished_chunks_and_says_how_much_is_needed() {
    let bench = Bench::new();
    // No file may grow over 20 kB (40 blocks): chunks fit, the film doesn't. The signal is ignored, so that writing fails
    // as on a full disk.
    write_float_song(&bench.path("song.wav"), &vec![0.0; 10 * 22050]);
    let program = env!("CARGO_BIN_EXE_visualize");
    let flags = "--prompts prompts.txt --size 64x64 --draw-size 64x64 --fps 24 --gop 8 --qp 12";
    let script = format!("trap '' XFSZ; ulimit -f 40; exec {program} song.wav {flags}");
    let run = std::process::Command::new("sh")
        .current_dir(bench.path(""))
        .args(["-c", &script])
        .output()
        .unwrap();
    let run = Run::from(run);
    assert_eq!(run.code, 75, "{}", run.stderr);
    assert!(
        run.stderr.contains("disk is full") && run.stderr.contains(" MB"),
        "{}",
        run.stderr
    );
    assert!(!bench.path("song.mp4").exists());
    let chunks = std::fs::read_dir(bench.path("song.visualize"))
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().path().extension() == Some("chunk".as_ref()))
        .count();
    assert_eq!(chunks, 30);
    let args: Vec<&str> = std::iter::once("song.wav")
        .chain(flags.split(' '))
        .collect();
    assert!(bench.run(&args).assert_done().stderr.contains("muxing"));
}
