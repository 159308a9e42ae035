//! Corrections beside a song, beats from files, stems: what they change, and what is refused.

use super::harness::Bench;

fn beats(bench: &Bench, args: &[&str]) -> Vec<f64> {
    let mut all = vec!["analyze", "song.wav", "--json"];
    all.extend(args);
    let json = bench.run(&all).assert_done().json();
    let beats = json["beats"].as_array().unwrap();
    beats
        .iter()
        .map(|beat| beat["time_secs"].as_f64().unwrap())
        .collect()
}

#[test]
fn a_fix_is_written_edited_and_honoured() {
    let bench = Bench::new();
    let written = bench.run(&["analyze", "song.wav", "--fix"]);
    assert!(written.assert_done().stderr.contains("song.wav.fix.txt"));
    let again = bench.run(&["analyze", "song.wav", "--fix"]);
    bench.assert_refused(&again, &["song.wav.fix.txt", "exists already", "hint: "]);
    bench.write(
        "song.wav.fix.txt",
        b"beats:\n0.25 1\n1.0 2\n1.75 1\nsections:\n0 start\n1.75 chorus\n",
    );
    assert_eq!(beats(&bench, &[]), [0.25, 1.0, 1.75]);
    assert_ne!(beats(&bench, &["--no-fix"]), [0.25, 1.0, 1.75]);
    let heard = bench.run(&["analyze", "song.wav"]);
    assert!(
        heard.stderr.contains("beats from song.wav.fix.txt"),
        "{}",
        heard.stderr
    );
    assert!(
        heard.stderr.contains("sections from song.wav.fix.txt"),
        "{}",
        heard.stderr
    );
    // Plans go by it, too, and say so.
    bench.write("prompts.txt", b"waves\n@section chorus flames\n");
    let args = [
        "plan",
        "song.wav",
        "-p",
        "prompts.txt",
        "-o",
        "t.json",
        "--fps",
        "8",
    ];
    let planned = bench.run(&args);
    assert!(
        planned
            .assert_done()
            .stderr
            .contains("sections from song.wav.fix.txt"),
        "{}",
        planned.stderr
    );
    let timeline: serde_json::Value = serde_json::from_slice(&bench.read("t.json")).unwrap();
    assert_eq!(timeline["prompts"][1]["arrival_secs"].as_f64(), Some(1.75));
}

#[test]
fn a_broken_fix_is_shown_in_its_place() {
    let bench = Bench::new();
    bench.write("song.wav.fix.txt", b"# mine\nbeats:\n0.25 1\n0.2 2\n");
    let run = bench.run(&["analyze", "song.wav"]);
    bench.assert_refused(&run, &["song.wav.fix.txt:4:1", "0.2 2", "^^^", "not after"]);
    assert_eq!(bench.run(&["analyze", "song.wav", "--no-fix"]).code, 0);
}

#[test]
fn beats_come_from_files() {
    let bench = Bench::new();
    bench.write("taps.csv", b"time,position\n0.3,1\n0.9,2\n1.5,3\n2.1,1\n");
    assert_eq!(
        beats(&bench, &["--beats", "taps.csv"]),
        [0.3, 0.9, 1.5, 2.1]
    );
    bench.write("taps.csv", b"0.3,1\n0.9,zwei\n");
    let run = bench.run(&["analyze", "song.wav", "--beats", "taps.csv"]);
    bench.assert_refused(&run, &["taps.csv:2:5", "^^^^", "position"]);
    let run = bench.run(&["analyze", "song.wav", "--beats", "none.csv"]);
    bench.assert_refused(&run, &["none.csv"]);
    let run = bench.run(&["analyze", "song.wav", "--beats", "song.wav"]);
    bench.assert_refused(&run, &["song.wav", "UTF-8"]);
}

#[test]
fn meters_are_time_signatures() {
    let bench = Bench::new();
    for meter in ["3/4", "6/8", "7/8", "4"] {
        bench
            .run(&["analyze", "song.wav", "--meter", meter])
            .assert_done();
    }
    for meter in ["13/8", "3/5", "waltz"] {
        let run = bench.run(&["analyze", "song.wav", "--meter", meter]);
        assert_eq!(run.code, 2);
        assert!(run.stderr.contains("3/4"), "{}", run.stderr);
    }
}

#[test]
fn stems_drive_and_stand_in_the_plan() {
    let bench = Bench::new();
    let song = bench.read("song.wav");
    bench.write("hats.wav", &song);
    bench.write("prompts.txt", b"waves\nmap: pulse = stem hats {gain=2}\n");
    let args = [
        "plan",
        "song.wav",
        "-p",
        "prompts.txt",
        "-o",
        "t.json",
        "--fps",
        "8",
    ];
    let run = bench.run(&args);
    bench.assert_refused(
        &run,
        &[
            "prompts.txt:2:19",
            "no stem \"hats\"",
            "hint: ",
            "--stem hats=FILE",
        ],
    );
    let mut args = args.to_vec();
    args.extend(["--stem", "hats=hats.wav"]);
    bench.run(&args).assert_done();
    let timeline: serde_json::Value = serde_json::from_slice(&bench.read("t.json")).unwrap();
    let stem = &timeline["song"]["stems"][0];
    assert_eq!(
        (stem["name"].as_str(), stem["path"].as_str()),
        (Some("hats"), Some("hats.wav"))
    );
    assert_eq!(stem["source_sha256"], timeline["song"]["source_sha256"]);
    let run = bench.run(&["analyze", "song.wav", "--stem", "hats"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("drums=drums.wav"), "{}", run.stderr);
}
