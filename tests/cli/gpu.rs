//! `--device gpu` on the first GPU, which may be one in software such as lavapipe, and where there is none.

use super::harness::{Bench, Run};

/// A plan of one chunk with two pictures, small enough for a GPU in software.
const TINY: [&str; 18] = [
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

/// Draws the plan on the GPU, with a cache folder of its own.
fn render(bench: &Bench, folder: &str) -> Run {
    let mut command =
        bench.command(&["render", "song.json", "--device", "gpu", "--folder", folder]);
    command.env("XDG_CACHE_HOME", bench.path("cache"));
    Run::from(command.output().unwrap())
}

#[test]
fn a_gpu_draws_after_a_test_that_is_remembered() {
    let bench = Bench::new();
    if !has_gpu(&bench) {
        return;
    }
    bench.run(&TINY).assert_done();
    let run = render(&bench, "song.visualize");
    run.assert_done();
    assert!(run.stderr.contains("testing the GPU"), "{}", run.stderr);
    let run = render(&bench, "again.visualize");
    run.assert_done();
    assert!(!run.stderr.contains("testing the GPU"), "{}", run.stderr);
    assert_eq!(bench.chunk_sizes("song"), bench.chunk_sizes("again"));
    let status = bench.run(&["farm", "status", "song.json", "--json"]);
    let status = status.assert_done().json();
    let arithmetic = status["chunks"][0]["arithmetic"].as_str().unwrap();
    assert!(arithmetic.starts_with("F32 on "), "{arithmetic}");
    assert!(arithmetic.contains(", kernels "), "{arithmetic}");
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
