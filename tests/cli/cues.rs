//! Beats and cues for other programs and from them.

use super::harness::{Bench, write_song};

/// Time and position of each beat.
fn beats(bench: &Bench, args: &[&str]) -> Vec<(f64, u64)> {
    let mut all = vec!["analyze", "song.wav", "--json"];
    all.extend(args);
    let json = bench.run(&all).assert_done().json();
    let beat = |beat: &serde_json::Value| {
        (
            beat["time_secs"].as_f64().unwrap(),
            beat["position_in_bar"].as_u64().unwrap(),
        )
    };
    json["beats"].as_array().unwrap().iter().map(beat).collect()
}

/// A song of 20 seconds, and beats for it that waver, change their tempo and begin within a bar.
fn bench() -> (Bench, Vec<(f64, u64)>) {
    let bench = Bench::new();
    write_song(&bench.path("song.wav"), 22050, 1, 20.0);
    let (mut secs, mut truth, mut table) = (0.3f64, Vec::new(), String::new());
    for i in 0u32.. {
        let period = if secs < 8.0 { 0.5 } else { 0.4137 };
        if secs >= 19.9 {
            break;
        }
        let wavering = if i % 7 == 3 { 0.004 } else { 0.0 };
        let time = ((secs + wavering) * 1e6).round() / 1e6;
        let position = u64::from((i + 2) % 4 + 1);
        table += &format!("{time:.6},{position}\n");
        truth.push((time, position));
        secs += period;
    }
    bench.write("beats.csv", table.as_bytes());
    (bench, truth)
}

#[test]
fn beats_go_out_and_come_back_within_a_millisecond() {
    let (bench, truth) = bench();
    let args = ["analyze", "song.wav", "--beats", "beats.csv", "-q"];
    let files = ["out.xml", "out.mid", "out.txt"];
    let mut all = args.to_vec();
    all.extend(files.iter().flat_map(|file| ["--cues", file]));
    bench.run(&all).assert_done();
    for file in files {
        let back = beats(&bench, &["--beats", file]);
        for (secs, position) in &truth {
            let nearest = back
                .iter()
                .min_by(|a, b| (a.0 - secs).abs().total_cmp(&(b.0 - secs).abs()))
                .unwrap();
            assert!(
                (nearest.0 - secs).abs() < 0.001,
                "{file}: {secs} is {}",
                nearest.0
            );
            // A MIDI file begins with a bar; the first beats may be counted otherwise.
            let is_counted = !file.ends_with(".mid") || *secs > 2.0;
            assert!(
                nearest.1 == *position || !is_counted,
                "{file}: {secs} is {nearest:?}"
            );
        }
        let last = truth.last().unwrap().0;
        let n_more = back.iter().filter(|beat| beat.0 > last + 0.001).count();
        let n_before = back
            .iter()
            .filter(|beat| beat.0 < truth[0].0 - 0.001)
            .count();
        assert!(
            n_more <= 1 && n_before <= 1,
            "{file}: {n_before} before, {n_more} behind"
        );
        assert_eq!(back.len() - n_more - n_before, truth.len(), "{file}");
    }
}

#[test]
fn sections_travel_with_their_names() {
    let (bench, _) = bench();
    bench.write(
        "song.wav.fix.txt",
        "sections:\n0 intro\n5.3 Größe & \"Ruhm\" <副歌>\n12.25 drop\n".as_bytes(),
    );
    let all = [
        "analyze",
        "song.wav",
        "--beats",
        "beats.csv",
        "--cues",
        "out.xml",
        "--cues",
        "out.edl",
    ];
    let run = bench.run(&[&all[..], &["--cues", "out.fcpxml", "--fps", "25"]].concat());
    assert!(
        run.assert_done().stderr.contains("cues: out.edl"),
        "{}",
        run.stderr
    );
    std::fs::remove_file(bench.path("song.wav.fix.txt")).unwrap();
    let json = bench
        .run(&["analyze", "song.wav", "--beats", "out.xml", "--json"])
        .assert_done()
        .json();
    let sections = json["sections"].as_array().unwrap();
    let named: Vec<_> = sections
        .iter()
        .map(|s| {
            (
                s["start_secs"].as_f64().unwrap(),
                s["label"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        named,
        [
            (0.0, "intro"),
            (5.3, "Größe & \"Ruhm\" <副歌>"),
            (12.25, "drop")
        ]
    );
    let edl = String::from_utf8(bench.read("out.edl")).unwrap();
    assert!(
        edl.contains("01:00:12:06") && edl.contains("|M:drop"),
        "{edl}"
    );
    let fcpxml = String::from_utf8(bench.read("out.fcpxml")).unwrap();
    assert!(fcpxml.contains("frameDuration=\"1/25s\""), "{fcpxml}");
    assert!(
        fcpxml.contains("start=\"306/25s\" duration=\"1/25s\" value=\"drop"),
        "{fcpxml}"
    );
}

#[test]
fn cues_replace_their_like_alone() {
    let bench = Bench::new();
    let files = ["c.csv", "c.txt", "c.mid", "c.xml", "c.edl", "c.fcpxml"];
    let mut all = vec!["analyze", "song.wav"];
    all.extend(files.iter().flat_map(|file| ["--cues", file]));
    bench.run(&all).assert_done();
    bench.run(&all).assert_done();
    for file in files {
        bench.write(file, b"<DJ_PLAYLISTS>my own collection");
        let run = bench.run(&["analyze", "song.wav", "--cues", file]);
        bench.assert_refused(&run, &[file, "exists already"]);
    }
    let run = bench.run(&["analyze", "song.wav", "--cues", "c.aaf"]);
    bench.assert_refused(&run, &["c.aaf", ".csv is a table"]);
    let run = bench.run(&["analyze", "song.wav", "--beats", "b.xml", "--cues", "b.xml"]);
    bench.assert_refused(&run, &["b.xml"]);
}

#[test]
fn collections_say_what_is_wrong() {
    let bench = Bench::new();
    let refused = |bytes: &[u8], words: &[&str]| {
        bench.write("c.nml", bytes);
        let run = bench.run(&["analyze", "song.wav", "--beats", "c.nml"]);
        bench.assert_refused(&run, &[words, &["c.nml", "hint: "]].concat());
    };
    refused(
        b"<!DOCTYPE a [<!ENTITY b 'c'>]><NML>&b;</NML>",
        &["DOCTYPE"],
    );
    refused(b"<NML><COLLECTION/></NML>", &["no track called song.wav"]);
    refused(b"<svg/>", &["<svg>"]);
    refused(
        &[b"<NML>".as_slice(), &vec![b' '; 100 << 20]].concat(),
        &["MiB"],
    );
    let run = bench.run(&["analyze", "song.wav", "--grid-offset", "26ms"]);
    bench.assert_refused(&run, &["--grid-offset", "--beats FILE"]);
    let run = bench.run(&["analyze", "song.wav", "--grid-offset", "26"]);
    assert!(
        run.code == 2 && run.stderr.contains("26ms"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_shifted_grid_is_said_and_moved_when_asked() {
    let bench = Bench::new();
    write_song(&bench.path("song.wav"), 22050, 1, 20.0);
    let nml = r#"<NML><COLLECTION><ENTRY><LOCATION DIR="/:Music/:" FILE="song.wav" VOLUME="C:"/><TEMPO BPM="120"/>
        <CUE_V2 NAME="AutoGrid" TYPE="4" START="1974.0" LEN="0" HOTCUE="-1"/></ENTRY></COLLECTION></NML>"#;
    bench.write("c.nml", nml.as_bytes());
    let args = ["analyze", "song.wav", "--beats", "c.nml"];
    let run = bench.run(&args);
    let note = run.assert_done().stderr.clone();
    assert!(
        note.contains("ms early") && note.contains("--grid-offset 2"),
        "{note}"
    );
    let moved = bench.run(&[&args[..], &["--grid-offset", "26ms"]].concat());
    let note = moved.assert_done().stderr.clone();
    assert!(
        note.contains("moved 26 ms later") && !note.contains("early"),
        "{note}"
    );
    let back = bench.run(&[&args[..], &["--grid-offset", "-4ms", "--json"]].concat());
    let json = back.assert_done().json();
    let first = json["beats"][0]["time_secs"].as_f64().unwrap();
    assert!((first - 0.47).abs() < 1e-6, "{first}");
}
