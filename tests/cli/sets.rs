//! Clips for live sets: loops at one tempo, and folders of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use visualize::video::probe;

use super::harness::Bench;

/// Songs of these tempos, none of which has whole frames on its beats at any usual rate.
const TEMPOS: [f64; 3] = [87.3, 116.1, 174.0];

/// Flags of small clips without a calibration.
const CLIPS: [&str; 8] = [
    "--size",
    "32x32",
    "--draw-size",
    "128x128",
    "--calibrate",
    "off",
    "--prompts",
    "prompts.txt",
];

/// A song with a click on every beat, from 0.2 s on, and beside it its beats and two sections.
pub fn write_beats(bench: &Bench, name: &str, bpm: f64, n_beats: u32) {
    let rate = 22050;
    let path = bench.path(name);
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(&path, spec).unwrap();
    let beat_secs = 60.0 / bpm;
    let n_samples = ((0.4 + f64::from(n_beats) * beat_secs) * f64::from(rate)) as u64;
    for i in 0..n_samples {
        let time = i as f64 / f64::from(rate) - 0.2;
        let since = time.max(0.0) % beat_secs;
        let click = match time < 0.0 {
            true => 0.0,
            false => (-since / 0.03).exp() * (since * 900.0).sin(),
        };
        let tone = 0.05 * (std::f64::consts::TAU * 220.0 * time).sin();
        let sample = ((0.7 * click + tone) * 32767.0) as i16;
        writer.write_sample(sample).unwrap();
    }
    writer.finalize().unwrap();
    let at = |beat: u32| 0.2 + f64::from(beat) * beat_secs;
    let mut text = "tempo: beats\nmeter: beats\nbeats:\n".to_owned();
    for beat in 0..=n_beats {
        text += &format!("{:.6} {}\n", at(beat), beat % 4 + 1);
    }
    text += &format!("sections:\n0 intro\n{:.6} drop\n", at(4));
    bench.write(&format!("{name}.fix.txt"), text.as_bytes());
}

fn picture(path: &Path) -> visualize::video::VideoStream {
    let film = probe(path).unwrap();
    assert!(film.audio.is_none(), "{}", path.display());
    film.video.unwrap()
}

#[test]
fn loops_of_all_songs_play_at_one_tempo() {
    let bench = Bench::new();
    for (number, bpm) in (1..).zip(TEMPOS) {
        let song = format!("song{number}.wav");
        write_beats(&bench, &song, bpm, 20);
        for (n_beats, fps) in [("4", "24"), ("8", "25"), ("16", "30")] {
            let out = format!("clip{number}_{n_beats}.mov");
            let mut args = vec![song.as_str(), "--conform", "120"];
            args.extend(["--loop-beats", n_beats, "--fps", fps, "--codec", "hapq"]);
            args.extend(["-o", &out]);
            args.extend(CLIPS);
            // With several prompts in so short a time, drift would be as large as hits.
            args.extend(["--prompts", "teal ocean waves"]);
            bench.run(&args).assert_done();
            let picture = picture(&bench.path(&out));
            let rate: u64 = fps.parse().unwrap();
            let n: u64 = n_beats.parse().unwrap();
            assert_eq!(picture.n_frames, n * rate / 2, "{bpm} {n_beats}");
            let found = picture.frame_rate.unwrap();
            assert_eq!((u64::from(found.num()), found.den()), (rate, 1));
            assert_eq!(picture.end_secs, n as f64 / 2.0);

            let verified = bench.run(&["verify", &out, "--json"]).assert_done().json();
            let measures = &verified["measures"];
            let seam = measures["seam_over_median"].as_f64().unwrap();
            assert!(seam <= 1.0, "{bpm} {n_beats}: {seam}");
            if n > 4 {
                let lag = measures["onset_lag_median_frames"].as_f64().unwrap();
                // At odd rates every other beat falls between two frames.
                let most = if rate.is_multiple_of(2) { 0.5 } else { 0.6 };
                assert!(lag < most, "{bpm} {n_beats}: {lag}");
            }
        }
    }
}

#[test]
fn a_tempo_that_has_no_whole_frames_is_refused() {
    let bench = Bench::new();
    write_beats(&bench, "a.wav", 116.1, 12);
    let film = |more: &[&str]| {
        let args: Vec<&str> = ["a.wav"]
            .iter()
            .chain(&CLIPS)
            .chain(more)
            .copied()
            .collect();
        bench.run(&args)
    };
    let run = film(&["--conform", "120", "--loop-beats", "3", "--fps", "25"]);
    bench.assert_refused(&run, &["--conform", "multiple of 2"]);
    bench.assert_refused(&film(&["--conform", "120"]), &["--loop-beats"]);
    let run = film(&["--conform", "loud", "--loop-beats", "4"]);
    bench.assert_refused(&run, &["native"]);
}

/// A folder `songs` with three songs of 18 beats.
fn write_set(bench: &Bench) {
    std::fs::create_dir(bench.path("songs")).unwrap();
    let names = ["Grün - Über.wav", "b.wav", "c d.wav"];
    for (name, bpm) in names.iter().zip(TEMPOS) {
        write_beats(bench, &format!("songs/{name}"), bpm, 18);
    }
}

/// The command that makes clips of `songs` with small flags, and `more`.
pub fn set<'a>(songs: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let own = [
        "set", songs, "--beats", "4,8", "--per", "track", "--fps", "8",
    ];
    own.iter().chain(&CLIPS).chain(more).copied().collect()
}

/// All files below a folder, by their paths from it, with their bytes.
pub fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(open) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&open) else {
            continue; // not there yet
        };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(bytes) = std::fs::read(&path) {
                found.insert(path.strip_prefix(folder).unwrap().to_owned(), bytes);
            }
        }
    }
    found
}

pub fn n_of(folder: &Path, ending: &str) -> usize {
    let ends = |path: &&PathBuf| path.extension().is_some_and(|found| found == ending);
    files(folder).keys().filter(ends).count()
}

/// Makes a set in `killed`: the program is killed with one clip more each time, and then left alone.
pub fn make_killed(bench: &Bench, args: &[&str], n_kills: usize) {
    let killed = bench.path("killed");
    for n_clips in 1..=n_kills {
        let args = [args, &["--quiet"]].concat();
        let mut child = bench.command(&args).spawn().unwrap();
        while child.try_wait().unwrap().is_none() {
            if n_of(&killed, "mov") >= n_clips {
                child.kill().unwrap();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(!killed.join("set.png").exists());
    }
    bench.run(args).assert_done();
}

/// Two folders that hold the same files.
pub fn assert_same_set(bench: &Bench, whole: &str, other: &str) {
    let (whole, other) = (files(&bench.path(whole)), files(&bench.path(other)));
    let names = |files: &BTreeMap<PathBuf, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&whole), names(&other));
    for (name, bytes) in &whole {
        assert!(other[name] == *bytes, "{} differs", name.display());
    }
}

#[test]
fn a_folder_becomes_a_set_which_goes_on_where_it_was_killed() {
    let bench = Bench::new();
    write_set(&bench);
    let run = bench.run(&set("songs", &["-o", "clips", "--json"]));
    let record = run.assert_done().json();
    assert!(run.stderr.contains("clips take about"), "{}", run.stderr);
    assert_eq!(record["schema_version"], 1);
    let songs = record["songs"].as_array().unwrap().iter();
    let clips: Vec<&Value> = songs
        .flat_map(|song| song["clips"].as_array().unwrap())
        .collect();
    let names: Vec<&str> = clips
        .iter()
        .map(|clip| clip["file"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "01_Grun-Uber_drop_4beats_120bpm.mov",
            "01_Grun-Uber_drop_8beats_120bpm.mov",
            "02_b_drop_4beats_120bpm.mov",
            "02_b_drop_8beats_120bpm.mov",
            "03_c-d_drop_4beats_120bpm.mov",
            "03_c-d_drop_8beats_120bpm.mov",
        ]
    );
    for clip in &clips {
        let file = clip["file"].as_str().unwrap();
        let picture = picture(&bench.path(&format!("clips/{file}")));
        let n_beats = clip["n_beats"].as_u64().unwrap();
        assert_eq!(picture.n_frames, n_beats * 4, "{file}");
        assert_eq!(clip["cues"].as_array().unwrap().len() as u64, n_beats);
        let seam = clip["measured"]["seam_over_median"].as_f64().unwrap();
        assert!(seam <= 1.0, "{file}: {seam}");
    }
    for name in [
        "set.json",
        "set.png",
        "cues.csv",
        "cues/02_b.mid",
        "cues/02_b.txt",
    ] {
        assert!(bench.path(&format!("clips/{name}")).is_file(), "{name}");
    }
    // No chunk is left: the clips are all that takes room.
    assert_eq!(n_of(&bench.path("clips"), "chunk"), 0);

    make_killed(&bench, &set("songs", &["-o", "killed"]), 3);
    assert_same_set(&bench, "clips", "killed");

    // What is there stays, and what was made with other settings isn't replaced unasked.
    let again = bench.run(&set("songs", &["-o", "clips"]));
    again.assert_done();
    assert!(!again.stderr.contains("clip 1 of"), "{}", again.stderr);
    let other = bench.run(&set("songs", &["-o", "clips", "--seed", "9"]));
    assert_eq!(other.code, 2, "{}", other.stderr);
    assert!(other.stderr.contains("--force"), "{}", other.stderr);
}

#[test]
fn a_set_that_no_disk_can_hold_is_not_begun() {
    let bench = Bench::new();
    write_beats(&bench, "a.wav", 87.3, 64);
    let large = [
        "set",
        "a.wav",
        "--beats",
        "32",
        "--per",
        "100",
        "--size",
        "3840x2160",
        "--draw-size",
        "128x128",
        "--fps",
        "240",
        "--calibrate",
        "off",
        "--prompts",
        "prompts.txt",
        "-o",
        "clips",
    ];
    let run = bench.run(&large);
    assert_eq!(run.code, 75, "{}", run.stderr);
    assert!(run.stderr.contains("clips need about"), "{}", run.stderr);
    assert!(!bench.path("clips").exists());
}
