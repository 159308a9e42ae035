//! Sets of clips that several machines draw, and how far they are.

use std::path::Path;

use serde_json::Value;

use super::harness::Bench;
use super::sets::{files, n_of, set, write_beats};

#[test]
fn a_set_can_be_drawn_by_a_farm() {
    let bench = Bench::new();
    write_beats(&bench, "a.wav", 116.1, 14);
    let exact = ["--kernels", "exact", "--chunk", "10"];
    let direct = [&exact[..], &["-o", "direct"]].concat();
    bench.run(&set("a.wav", &direct)).assert_done();
    let planned = [&exact[..], &["-o", "plan", "--plan"]].concat();
    bench.run(&set("a.wav", &planned)).assert_done();
    assert_eq!(n_of(&bench.path("plan"), "mov"), 0);

    // 4 and 8 beats at 8 frames a second are 16 and 32 frames: 2 and 4 chunks.
    let farm = ["farm", "plan", "--engine", "slurm", "-o", "job", "--json"];
    let job = bench.run(&farm).assert_done().json();
    assert_eq!(job["n_chunks"], 6, "{job}");
    let script = String::from_utf8(bench.read("job/mux.sbatch")).unwrap();
    assert!(script.contains("mux 'set.json'\n"), "{script}");
    let render = |chunks: &str| bench.run(&["render", "job/set.json", "--chunks", chunks]);
    let missing = || {
        let run = bench.run(&["farm", "status", "job", "--missing"]);
        run.assert_done().stdout.trim().to_owned()
    };
    assert_eq!(missing(), "0-5");
    render("1-3").assert_done();
    assert_eq!(missing(), "0,4-5");
    assert_eq!(bench.run(&["mux", "job/set.json"]).code, 75);
    assert_eq!(render("6-9").code, 2);
    render("0").assert_done();
    render("4-5").assert_done();
    assert_eq!(missing(), "");
    bench.run(&["mux", "job"]).assert_done();
    let clips = |folder: &str| {
        let mut files = files(&bench.path(folder));
        files.retain(|name, _| {
            let ending = name.extension().and_then(|ending| ending.to_str());
            ["mov", "csv", "mid", "txt", "png"].contains(&ending.unwrap_or_default())
        });
        files
    };
    assert_eq!(clips("job").len(), 6);
    assert!(clips("job") == clips("direct"));
    assert!(bench.read("job/set.json") == bench.read("direct/set.json"));
    // What is made isn't drawn again.
    render("0-5").assert_done();
    assert_eq!(n_of(&bench.path("job"), "chunk"), 0);
    assert_eq!(missing(), "");
}

/// What is said of a set that is half drawn, and goes on from every state.
#[test]
fn a_farm_tells_how_far_each_clip_is() {
    let bench = Bench::new();
    write_beats(&bench, "a.wav", 116.1, 14);
    let planned = set("a.wav", &["--chunk", "10", "-o", "job", "--plan"]);
    bench.run(&planned).assert_done();
    bench
        .run(&["render", "job", "--chunks", "0-4"])
        .assert_done();
    let status = || {
        bench
            .run(&["farm", "status", "job", "--json"])
            .assert_done()
            .json()
    };
    let states = |status: &Value| -> Vec<String> {
        let clips = status["clips"].as_array().unwrap().iter();
        clips
            .map(|clip| clip["state"].as_str().unwrap().to_owned())
            .collect()
    };
    let half = status();
    assert_eq!(states(&half), ["drawn", "missing"]);
    assert_eq!((&half["n_chunks"], &half["n_done"]), (&6.into(), &5.into()));
    assert_eq!(half["clips"][1]["missing"], "5");
    assert_eq!(half["chunks"][2]["chunk"], 2);
    assert!(half["chunks"][4]["secs"].as_f64().unwrap() > 0.0);
    let folder = bench.path("job/set.visualize");
    let chunk = |number: usize| {
        let mut chunks = super::farm::chunk_files(&folder);
        chunks.remove(number)
    };
    let whole = std::fs::read(chunk(0)).unwrap();
    std::fs::write(chunk(0), &whole[..whole.len() - 7]).unwrap();
    assert_eq!(status()["n_done"], 4);
    let table = bench.run(&["farm", "status", "job"]);
    for words in ["damaged", "0 of 2 clips are made", "4 of 6 chunks are done"] {
        assert!(
            table.assert_done().stdout.contains(words),
            "{}",
            table.stdout
        );
    }
    let left = status()["missing"].as_str().unwrap().to_owned();
    bench
        .run(&["render", "job", "--chunks", &left])
        .assert_done();
    let is_chunk = |name: &Path| name.extension().is_some_and(|ending| ending == "chunk");
    let drawn = files(&folder);
    bench.run(&["mux", "job"]).assert_done();
    assert_eq!(states(&status()), ["made", "made"]);

    // A mux that was killed when a clip was there and not measured yet goes on.
    let before = files(&bench.path("job"));
    let clips = ["01_a_drop_4beats_120bpm", "01_a_drop_8beats_120bpm"];
    for clip in clips {
        std::fs::remove_file(folder.join(format!("{clip}.measured.json"))).unwrap();
    }
    for (name, chunk) in drawn.iter().filter(|(name, _)| is_chunk(name)) {
        std::fs::write(folder.join(name), chunk).unwrap();
    }
    bench.run(&["mux", "job"]).assert_done();
    assert!(files(&bench.path("job")) == before);

    // A clip that was torn is named, and drawn again.
    let clip = format!("job/{}.mov", clips[0]);
    let film = bench.read(&clip);
    bench.write(&clip, &film[..film.len() / 2]);
    let torn = status();
    assert_eq!(states(&torn), ["damaged", "made"]);
    assert_eq!(torn["missing"], "0-1");
    bench
        .run(&["render", "job", "--chunks", "0-1"])
        .assert_done();
    bench.run(&["mux", "job"]).assert_done();
    assert!(files(&bench.path("job")) == before);
}
