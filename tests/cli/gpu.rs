//! `--device gpu` on the first GPU, which may be one in software such as lavapipe, and where there is none.

use super::harness::{Bench, Run};

/// A plan of two chunks with a picture each, small enough for a GPU in software.
const TINY: [&str; 20] = [
    "plan",
    "song.wav",
    "--prompts",
    "prompts.txt",
    "-o",
    "song.json",
    "--size",
    "64x64",
    "--draw-size",
    "64x64",
    "--fps",
    "2",
    "--duration",
    "1",
    "--calibrate",
    "off",
    "--dtype",
    "f32",
    "--chunk",
    "1",
];

/// Whether a GPU is there; where one has to be and none is, this fails.
fn has_gpu(bench: &Bench) -> bool {
    let devices = bench
        .run(&["models", "devices", "--json"])
        .assert_done()
        .json();
    let names = devices.as_array().unwrap().iter();
    let has_gpu = names.clone().any(|device| device["device"] == "gpu:0");
    assert!(
        has_gpu || std::env::var_os("VISUALIZE_NEEDS_GPU").is_none(),
        "{devices}"
    );
    has_gpu
}

/// Draws chunks of the plan on a device, with a cache folder of its own.
fn render(bench: &Bench, folder: &str, device: &str, chunks: &str) -> Run {
    let args = ["render", "song.json", "--folder", folder];
    let more = ["--device", device, "--chunks", chunks];
    let mut command = bench.command(&[args, more].concat());
    command.env("XDG_CACHE_HOME", bench.path("cache"));
    let run = Run::from(command.output().unwrap());
    run.assert_done();
    run
}

#[test]
fn a_gpu_draws_after_a_test_that_is_remembered() {
    let bench = Bench::new();
    if !has_gpu(&bench) {
        return;
    }
    bench.run(&TINY).assert_done();
    let run = render(&bench, "song.visualize", "gpu", "0-1");
    assert!(run.stderr.contains("testing the GPU"), "{}", run.stderr);
    let run = render(&bench, "again.visualize", "gpu", "0");
    assert!(!run.stderr.contains("testing the GPU"), "{}", run.stderr);
    // A film stays on the device that it was begun on.
    let run = render(&bench, "again.visualize", "auto", "1");
    assert!(!run.stderr.contains("drawing on CPU"), "{}", run.stderr);
    assert!(run.stderr.contains("finished part"), "{}", run.stderr);
    assert!(bench.encoded_frames("song") == bench.encoded_frames("again"));
    let status = bench.run(&["farm", "status", "song.json", "--json"]);
    let status = status.assert_done().json();
    let arithmetic = status["chunks"][0]["arithmetic"].as_str().unwrap();
    assert!(arithmetic.starts_with("F32 on "), "{arithmetic}");
    assert!(arithmetic.contains(", kernels "), "{arithmetic}");
}

#[test]
fn the_cpu_is_chosen_before_a_gpu_in_software() {
    let bench = Bench::new();
    if !has_gpu(&bench) {
        return;
    }
    let devices = bench.run(&["models", "devices", "--json"]);
    if devices.assert_done().json()[1]["kind"] != "software" {
        return; // a card may well be faster
    }
    bench.run(&TINY).assert_done();
    let run = render(&bench, "song.visualize", "auto", "0");
    assert!(
        run.stderr.contains("drawing on CPU (the only GPU"),
        "{}",
        run.stderr
    );
    // What is mixed is said before it is drawn.
    let run = render(&bench, "song.visualize", "gpu", "0-1");
    assert!(
        run.stderr.contains("finished chunks were drawn with"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_gpu_that_is_not_there_is_refused() {
    let bench = Bench::new();
    let run = bench.film("song.wav", &["--device", "gpu:99"]);
    bench.assert_refused(&run, &["GPU", "models devices"]);
    let run = Run::from(
        bench
            .command(&["song.wav", "--device", "gpu"])
            .env("VK_ICD_FILENAMES", "/nonexistent")
            .env("VK_DRIVER_FILES", "/nonexistent")
            .output()
            .unwrap(),
    );
    if cfg!(target_os = "linux") {
        bench.assert_refused(&run, &["no GPU was found", "models devices"]);
    }
}

#[test]
fn a_gpu_is_timed_beside_the_cpu() {
    let bench = Bench::new();
    if !has_gpu(&bench) {
        return;
    }
    let args = ["bench", "--draw-size", "64x64", "--batch", "1", "--json"];
    let columns = bench.run(&args).assert_done().json();
    let columns = columns.as_array().unwrap();
    let dtypes: Vec<&str> = columns
        .iter()
        .map(|column| column["dtype"].as_str().unwrap())
        .collect();
    assert!(
        matches!(dtypes[..], ["f32", "f32"] | ["f32", "f32", "f16"]),
        "{dtypes:?}"
    );
    for column in columns {
        assert_eq!(column["timings"].as_array().unwrap().len(), 9);
    }
}
