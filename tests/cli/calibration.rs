//! What a calibration changes, and what it doesn't.

use super::harness::{Bench, SMALL};

/// Names of the calibrations in a run folder.
fn calibrations(bench: &Bench, folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(bench.path(folder)).into_iter().flatten();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names
        .filter(|name| name.starts_with("calibration-"))
        .collect();
    names.sort();
    names
}

#[test]
fn a_calibration_is_made_once_and_found_again() {
    let bench = Bench::new();
    let mut args = vec!["plan", "song.wav", "-p", "prompts.txt", "-o", "a.json"];
    args.extend(SMALL);
    let first = bench.run(&args);
    assert!(
        first.assert_done().stderr.contains("calibrating"),
        "{}",
        first.stderr
    );
    let (plan, names) = (bench.read("a.json"), calibrations(&bench, "a.visualize"));
    assert_eq!(names.len(), 1);

    let second = bench.run(&args);
    assert!(
        !second.assert_done().stderr.contains("calibrating"),
        "{}",
        second.stderr
    );
    assert_eq!(bench.read("a.json"), plan);

    // Size and hits decide on no probe; words do.
    args.extend(["--pulse", "0"]);
    let third = bench.run(&args);
    assert!(
        !third.assert_done().stderr.contains("calibrating"),
        "{}",
        third.stderr
    );
    assert_ne!(bench.read("a.json"), plan);
    bench.write("prompts.txt", b"teal ocean waves\na dark forest\n");
    bench.run(&args).assert_done();
    assert_eq!(calibrations(&bench, "a.visualize").len(), 2);
}

#[test]
fn a_found_calibration_makes_the_same_film_as_a_new_one() {
    let bench = Bench::new();
    bench.film("song.wav", &["-o", "new.mp4"]).assert_done();
    bench.film("song.wav", &["-o", "found.mp4"]).assert_done();
    let film = bench.read("new.mp4");
    assert_eq!(bench.read("found.mp4"), film);
    bench
        .film("song.wav", &["-o", "found.mp4", "--force"])
        .assert_done();
    assert_eq!(bench.read("found.mp4"), film);
}

#[test]
fn without_a_calibration_nothing_is_probed() {
    let bench = Bench::new();
    bench.plan("off.json", &["--calibrate", "off"]);
    assert!(!bench.path("off.visualize").exists());
    assert!(
        !String::from_utf8(bench.read("off.json"))
            .unwrap()
            .contains("\"speed\"")
    );
    bench.plan("classic.json", &["--mapping", "classic"]);
    assert!(!bench.path("classic.visualize").exists());
    let mut args = vec!["plan", "song.wav", "--calibrate", "perhaps"];
    args.extend(SMALL);
    bench.assert_refused(&bench.run(&args), &["--calibrate", "on or off"]);
}
