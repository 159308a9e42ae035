//! `visualize bench`.

use super::harness::Bench;

#[test]
fn operations_and_networks_are_timed() {
    let bench = Bench::new();
    let args = [
        "bench",
        "--device",
        "cpu",
        "--draw-size",
        "64x64",
        "--batch",
        "1",
    ];
    let run = bench.run(&args);
    run.assert_done();
    for word in ["CPU", "milliseconds", "attention", "denoiser", "decoder"] {
        assert!(run.stdout.contains(word), "no {word} in:\n{}", run.stdout);
    }
    let columns = bench
        .run(&[&args[..], &["--json"]].concat())
        .assert_done()
        .json();
    assert_eq!(columns.as_array().unwrap().len(), 1);
    let timings = columns[0]["timings"].as_array().unwrap();
    assert_eq!(timings.len(), 9);
    for timing in timings {
        assert!(timing["ms"].as_f64().unwrap() > 0.0, "{timing}");
    }
    let run = bench.run(&["bench", "--device", "cpu", "--draw-size", "32x32"]);
    bench.assert_refused(&run, &["--draw-size", "64x64"]);
}
