//! A film on many machines: chunks as the unit, exit codes, what is left to draw.

use std::path::{Path, PathBuf};

use super::harness::{Bench, Run, SMALL};

/// Six chunks of 4 frames.
const CHUNKED: [&str; 4] = ["--chunk", "4", "--kernels", "exact"];

pub fn planned() -> Bench {
    let bench = Bench::new();
    bench.plan("film.json", &CHUNKED);
    bench
}

/// The film as one machine makes it.
pub fn whole(bench: &Bench) -> Vec<u8> {
    let mut args = vec!["song.wav", "--prompts", "prompts.txt", "-o", "whole.mp4"];
    args.extend(SMALL);
    args.extend(CHUNKED);
    bench.run(&args).assert_done();
    bench.read("whole.mp4")
}

pub fn chunk_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "chunk"));
    files.sort();
    files
}

pub fn missing(bench: &Bench, timeline: &str) -> String {
    let run = bench.run(&["farm", "status", timeline, "--missing"]);
    run.assert_done().stdout.trim().to_owned()
}

fn tear(path: &Path) {
    let bytes = std::fs::read(path).unwrap();
    std::fs::write(path, &bytes[..bytes.len() - 7]).unwrap();
}

#[test]
fn chunks_are_drawn_by_their_numbers_and_make_the_film() {
    let bench = planned();
    assert_eq!(missing(&bench, "film.json"), "0-5");
    let render = |chunks: &str| bench.run(&["render", "film.json", "--chunks", chunks]);
    render("4-12").assert_done(); // the film ends at 5
    assert_eq!(missing(&bench, "film.json"), "0-3");
    render("0,2").assert_done();
    assert_eq!(missing(&bench, "film.json"), "1,3");

    let early = bench.run(&["mux", "film.json"]);
    assert_eq!(early.code, 75, "{}", early.stderr);
    assert!(early.stderr.contains("--chunks 1,3"), "{}", early.stderr);

    render("1,3").assert_done();
    assert_eq!(missing(&bench, "film.json"), "");
    bench.run(&["mux", "film.json"]).assert_done();
    assert!(whole(&bench) == bench.read("film.mp4"), "another film");
}

#[test]
fn frames_off_the_grid_are_rounded_to_chunks_which_is_said() {
    let bench = planned();
    let run = bench.run(&["render", "film.json", "--frames", "5..9"]);
    let said = &run.assert_done().stderr;
    assert!(
        said.contains("4..12") && said.contains("--chunks 1-2"),
        "{said}"
    );
    assert_eq!(missing(&bench, "film.json"), "0,3-5");
    let run = bench.run(&["render", "film.json", "--frames", "0..4"]);
    assert!(
        !run.assert_done().stderr.contains("whole chunks"),
        "{}",
        run.stderr
    );
}

#[test]
fn chunks_that_a_film_does_not_have_are_refused() {
    let bench = planned();
    let run = bench.run(&["render", "film.json", "--chunks", "6"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("0 to 5"), "{}", run.stderr);
    let run = bench.run(&["render", "film.json", "--frames", "24..48"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("0..24"), "{}", run.stderr);
    for chunks in ["", "x", "3-1", "1..4"] {
        let run = bench.run(&["render", "film.json", "--chunks", chunks]);
        assert_eq!(run.code, 2, "{chunks}: {}", run.stderr);
    }
}

/// The other chunks can't even be opened: they are folders, which a reader would stumble over.
#[test]
fn a_task_looks_at_its_own_chunks_alone() {
    let bench = planned();
    bench.run(&["render", "film.json"]).assert_done();
    let files = chunk_files(&bench.path("film.visualize"));
    assert_eq!(files.len(), 6);
    for (idx, file) in files.iter().enumerate().filter(|(idx, _)| *idx != 2) {
        std::fs::remove_file(file).unwrap();
        if idx % 2 == 0 {
            std::fs::create_dir(file).unwrap();
        }
    }
    let run = bench.run(&[
        "render",
        "film.json",
        "--chunks",
        "2",
        "--progress",
        "jsonl",
    ]);
    assert!(
        run.assert_done().stderr.contains(r#""n_done":4"#),
        "{}",
        run.stderr
    );
    assert!(
        !run.stderr.contains("drawing on"),
        "nothing was to draw: {}",
        run.stderr
    );
}

#[test]
fn a_damaged_chunk_is_named_and_mended() {
    let bench = planned();
    bench.run(&["render", "film.json"]).assert_done();
    let files = chunk_files(&bench.path("film.visualize"));
    tear(&files[1]);
    std::fs::remove_file(&files[4]).unwrap();
    assert_eq!(missing(&bench, "film.json"), "1,4");
    let status = bench.run(&["farm", "status", "film.json", "--json"]);
    let status = status.assert_done().json();
    assert_eq!(
        (&status["n_chunks"], &status["n_done"]),
        (&6.into(), &4.into())
    );
    let states: Vec<_> = (0..6)
        .map(|idx| status["chunks"][idx]["state"].as_str().unwrap())
        .collect();
    assert_eq!(
        states,
        ["done", "damaged", "done", "done", "missing", "done"]
    );
    assert!(status["chunks"][0]["secs"].as_f64().unwrap() > 0.0);
    assert_eq!(
        status["chunks"][0]["host"],
        visualize::pipeline::host_name()
    );
    assert!(
        status["chunks"][0]["arithmetic"]
            .as_str()
            .unwrap()
            .starts_with("exact")
    );
    let table = bench.run(&["farm", "status", "film.json"]);
    assert!(
        table
            .assert_done()
            .stdout
            .contains("4 of 6 chunks are done"),
        "{}",
        table.stdout
    );

    let mended = bench.run(&["render", "film.json", "--chunks", "1,4"]);
    assert!(
        mended
            .assert_done()
            .stderr
            .contains("drawing chunk 1 again"),
        "{}",
        mended.stderr
    );
    assert_eq!(missing(&bench, "film.json"), "");
}

#[test]
fn mixed_arithmetic_is_said() {
    let bench = planned();
    bench.run(&["render", "film.json"]).assert_done();
    let file = &chunk_files(&bench.path("film.visualize"))[3];
    let reader = visualize::video::ChunkReader::open(file).unwrap();
    let origin = reader.info().origin.clone().unwrap();
    // As if a processor without fused multiply-add had drawn it.
    let other = visualize::video::Origin {
        arithmetic: "exact portable".to_owned(),
        ..origin
    };
    rewrite(file, &other);
    let status = bench.run(&["farm", "status", "film.json"]);
    assert!(
        status.assert_done().stdout.contains("different arithmetic"),
        "{}",
        status.stdout
    );
    let mux = bench.run(&["mux", "film.json"]);
    assert!(
        mux.assert_done().stderr.contains("exact portable (1)"),
        "{}",
        mux.stderr
    );
}

/// The same frames with another origin.
fn rewrite(file: &Path, origin: &visualize::video::Origin) {
    use sha2::Digest;
    let bytes = std::fs::read(file).unwrap();
    let header_len = u32::from_be_bytes(bytes[8..12].try_into().unwrap()) as usize;
    let mut header: serde_json::Value =
        serde_json::from_slice(&bytes[12..12 + header_len]).unwrap();
    header["origin"] = serde_json::to_value(origin).unwrap();
    let header = serde_json::to_vec(&header).unwrap();
    let mut written = bytes[..8].to_vec();
    written.extend((header.len() as u32).to_be_bytes());
    written.extend(&header);
    written.extend(&bytes[12 + header_len..bytes.len() - 32]);
    let sum = sha2::Sha256::digest(&written);
    written.extend(sum);
    std::fs::write(file, written).unwrap();
}

#[test]
fn what_can_never_succeed_ends_with_2_and_names_the_machine() {
    let bench = planned();
    let host = visualize::pipeline::host_name();
    let refused = |run: &Run, word: &str| {
        assert_eq!(run.code, 2, "{}", run.stderr);
        assert!(
            run.stderr.contains(host) && run.stderr.contains(word),
            "{}",
            run.stderr
        );
    };
    let run = bench.run(&["render", "film.json", "--require-version", "0.0.9-1"]);
    refused(&run, "0.0.9-1");
    let version = visualize::farm::version();
    let args = [
        "render",
        "film.json",
        "--chunks",
        "0",
        "--require-version",
        &version,
    ];
    bench.run(&args).assert_done();

    let text = String::from_utf8(bench.read("film.json")).unwrap();
    let mut timeline: serde_json::Value = serde_json::from_str(&text).unwrap();
    timeline["render"]["weights_sha256"] = "0".repeat(64).into();
    bench.write("other.json", timeline.to_string().as_bytes());
    refused(&bench.run(&["render", "other.json"]), "weights");

    refused(
        &bench.run(&["render", "film.json", "--folder", "/proc/chunks"]),
        "/proc/chunks",
    );
}

#[test]
fn two_processes_draw_one_film_at_once() {
    let bench = planned();
    let runs: Vec<_> = (0..2)
        .map(|_| {
            bench
                .command(&["render", "film.json", "-q"])
                .stdout(std::process::Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut run in runs {
        assert!(run.wait().unwrap().success());
    }
    assert_eq!(missing(&bench, "film.json"), "");
    let names: Vec<_> = std::fs::read_dir(bench.path("film.visualize"))
        .unwrap()
        .collect();
    assert_eq!(names.len(), 7, "six chunks and the calibration: {names:?}");
}

/// A claim keeps nothing from being drawn: its machine may have died.
#[test]
fn a_chunk_that_another_machine_draws_comes_last() {
    let bench = planned();
    bench.run(&["render", "film.json"]).assert_done();
    let files = chunk_files(&bench.path("film.visualize"));
    for file in &files {
        std::fs::remove_file(file).unwrap();
    }
    let name = files[0].file_name().unwrap().to_str().unwrap();
    let claim = format!("film.visualize/.{name}.00000000.x.partial");
    bench.write(&claim, b"");
    bench.run(&["render", "film.json"]).assert_done();
    assert_eq!(missing(&bench, "film.json"), "");
    let time = |file: &PathBuf| file.metadata().unwrap().modified().unwrap();
    let last = files.iter().max_by_key(|file| time(file));
    assert_eq!(last, Some(&files[0]));
}

#[test]
fn machines_without_a_shared_folder_copy_their_chunks() {
    let bench = planned();
    for (folder, chunks) in [("a", "0-2"), ("b", "2-5")] {
        let args = [
            "render",
            "film.json",
            "--chunks",
            chunks,
            "--folder",
            folder,
        ];
        bench.run(&args).assert_done();
        std::fs::create_dir_all(bench.path("film.visualize")).unwrap();
        for file in chunk_files(&bench.path(folder)) {
            let to = bench.path("film.visualize").join(file.file_name().unwrap());
            std::fs::copy(&file, to).unwrap();
        }
    }
    bench.run(&["mux", "film.json"]).assert_done();
    assert!(whole(&bench) == bench.read("film.mp4"), "another film");
    let args = ["mux", "film.json", "--folder", "a", "-o", "half.mp4"];
    assert_eq!(bench.run(&args).code, 75);
    let args = ["farm", "status", "film.json", "--missing", "--folder", "a"];
    assert_eq!(bench.run(&args).assert_done().stdout.trim(), "3-5");
}

#[test]
fn a_path_map_finds_the_song_on_another_machine() {
    let bench = planned();
    let mut timeline: serde_json::Value = serde_json::from_slice(&bench.read("film.json")).unwrap();
    timeline["song"]["path"] = "Z:\\Music\\track.wav".into();
    bench.write("film.json", timeline.to_string().as_bytes());
    bench.run(&["render", "film.json"]).assert_done();
    std::fs::create_dir(bench.path("here")).unwrap();
    std::fs::rename(bench.path("song.wav"), bench.path("here/track.wav")).unwrap();
    assert_eq!(bench.run(&["mux", "film.json"]).code, 2);
    let map = serde_json::json!({"version": "pathmapping-1.0", "path_mapping_rules": [
        {"source_path_format": "WINDOWS", "source_path": "z:\\music", "destination_path": bench.path("here")},
    ]});
    bench.write("map.json", map.to_string().as_bytes());
    bench
        .run(&["mux", "film.json", "--path-map", "map.json"])
        .assert_done();
    let wrong = bench.run(&["mux", "film.json", "--path-map", "film.json", "--force"]);
    assert_eq!(wrong.code, 2);
}

#[test]
fn progress_is_told_to_programs() {
    let bench = planned();
    let run = bench.run(&[
        "render",
        "film.json",
        "--chunks",
        "0-1",
        "--progress",
        "openjd",
    ]);
    let lines: Vec<&str> = run.assert_done().stderr.lines().collect();
    assert!(
        lines.iter().all(|line| line.starts_with("openjd_")),
        "{lines:?}"
    );
    assert_eq!(lines.last(), Some(&"openjd_progress: 100.0"));
    let run = bench.run(&["render", "film.json", "--progress", "jsonl"]);
    let events: Vec<serde_json::Value> = run
        .assert_done()
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let last = events.last().unwrap();
    assert_eq!(
        (&last["event"], &last["n_done"]),
        (&"frames".into(), &24.into())
    );
}
