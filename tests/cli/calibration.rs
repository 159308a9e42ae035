//! What a calibration changes, and what it doesn't.

use timeline::{FrameInputs, Timeline};

use super::harness::{Bench, SMALL, write_song};

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

/// Prompts that change every four seconds.
const FOUR_SECS_EACH: &str = "teal ocean waves\n[4] burning orange flames\n[8] a dark forest\n";

#[test]
fn what_was_measured_before_an_edit_makes_the_same_film_as_measuring_all_anew() {
    let bench = Bench::new();
    write_song(&bench.path("song.wav"), 22050, 1, 12.0);
    bench.write(
        "prompts.txt",
        b"teal ocean waves\n[4] burning orange flames\n",
    );
    bench.plan("edited.json", &[]);
    bench.write("prompts.txt", FOUR_SECS_EACH.as_bytes());
    bench.plan("edited.json", &[]);
    bench.plan("new.json", &[]);
    assert_eq!(bench.read("edited.json"), bench.read("new.json"));
}

#[test]
fn a_film_of_a_part_of_a_song_is_a_window_of_the_whole_one() {
    let bench = Bench::new();
    write_song(&bench.path("song.wav"), 22050, 1, 12.0);
    bench.write("prompts.txt", FOUR_SECS_EACH.as_bytes());
    bench.plan("whole.json", &[]);
    bench.plan("part.json", &["--start", "5", "--duration", "6"]);
    let [whole, part] = ["whole.json", "part.json"]
        .map(|name| serde_json::from_slice::<Timeline>(&bench.read(name)).unwrap());
    assert_eq!(part.frames.len(), 48);
    for idx in 0..48 {
        let [there, here] = [whole.inputs(40 + idx), part.inputs(idx)].map(Result::unwrap);
        assert!(are_near(&there, &here), "frame {idx}: {there:?}, {here:?}");
    }
}

/// Whether two frames show the same but for rounding.
fn are_near(a: &FrameInputs, b: &FrameInputs) -> bool {
    let near = |a: f64, b: f64| (a - b).abs() < 1e-6;
    let mut terms = a.noise.terms.iter().zip(&b.noise.terms);
    a.prompt_from == b.prompt_from
        && a.prompt_to == b.prompt_to
        && near(a.prompt_mix, b.prompt_mix)
        && a.noise.terms.len() == b.noise.terms.len()
        && terms.all(|(a, b)| a.0 == b.0 && near(a.1, b.1))
}
