//! Sets of songs from lists and from collections of DJ programs.

use serde_json::Value;

use super::harness::Bench;
use super::sets::{assert_same_set, make_killed, set, write_beats};

#[test]
fn lists_with_missing_songs_go_on_and_bad_ones_are_refused() {
    let bench = Bench::new();
    write_beats(&bench, "a.wav", 116.1, 14);
    let list = "#EXTM3U\n#EXTINF:-1,Ann - One\na.wav\nlost.wav\nprompts.txt\n";
    bench.write("set.m3u8", list.as_bytes());
    let run = bench.run(&set("set.m3u8", &["-o", "clips"]));
    run.assert_done();
    for words in ["line 4: lost.wav", "left out", "prompts.txt"] {
        assert!(run.stderr.contains(words), "{words}: {}", run.stderr);
    }
    let record: Value = serde_json::from_slice(&bench.read("clips/set.json")).unwrap();
    assert_eq!(record["missing"].as_array().unwrap().len(), 2);
    let file = record["songs"][0]["clips"][0]["file"].as_str().unwrap();
    assert_eq!(file, "01_Ann-One_drop_4beats_120bpm.mov");

    let bomb = "<!DOCTYPE x [<!ENTITY a \"b\">]><DJ_PLAYLISTS>&a;</DJ_PLAYLISTS>";
    bench.write("bomb.xml", bomb.as_bytes());
    bench.write("lost.m3u8", b"no.wav\n");
    for (list, words) in [
        ("bomb.xml", "DOCTYPE"),
        ("lost.m3u8", "none of its 1 songs"),
        ("nothing", "nothing"),
    ] {
        let run = bench.run(&set(list, &["-o", "none"]));
        assert_eq!(run.code, 2, "{list}: {}", run.stderr);
        assert!(run.stderr.contains(words), "{list}: {}", run.stderr);
    }
    let run = bench.run(&set("a.wav", &["-o", "prompts.txt"]));
    assert_eq!(run.code, 2, "{}", run.stderr);
}

/// A collection of rekordbox and one of Traktor, beside the folder that they call `/Users/dj/Musik`: a song with a grid, a loop of
/// 8 beats and a hot cue behind it, and one that isn't there.
fn write_collections(bench: &Bench) {
    std::fs::create_dir(bench.path("Musik")).unwrap();
    write_beats(bench, "Musik/Für Elise & 100%.wav", 116.1, 20);
    // The grid is the collection's.
    std::fs::remove_file(bench.path("Musik/Für Elise & 100%.wav.fix.txt")).unwrap();
    let at = |beat: u32| 0.2 + f64::from(beat) * 60.0 / 116.1;
    let (drop, end) = (at(4), at(12));
    let xml = format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<DJ_PLAYLISTS Version="1.0.0"><COLLECTION Entries="2">
<TRACK TrackID="1" Name="Für Elise" Artist="Ann" Location="file://localhost/Users/dj/Musik/F%C3%BCr%20Elise%20%26%20100%25.wav">
<TEMPO Inizio="0.200" Bpm="116.10" Metro="4/4" Battito="1"/>
<POSITION_MARK Name="Drop &amp; roll" Type="4" Start="{drop:.3}" End="{end:.3}" Num="0"/>
<POSITION_MARK Name="" Type="0" Start="{end:.3}" Num="1"/>
</TRACK>
<TRACK TrackID="2" Name="Lost" Location="file://localhost/Users/dj/Musik/lost.wav"/>
</COLLECTION></DJ_PLAYLISTS>"#
    );
    bench.write("rekordbox.xml", xml.as_bytes());
    let nml = format!(
        r#"<?xml version="1.0" encoding="UTF-8" standalone="no" ?>
<NML VERSION="19"><COLLECTION ENTRIES="2">
<ENTRY TITLE="Für Elise" ARTIST="Ann"><LOCATION DIR="/:Users/:dj/:Musik/:" FILE="Für Elise &amp; 100%.wav" VOLUME="Macintosh HD"/>
<TEMPO BPM="116.1"/>
<CUE_V2 NAME="AutoGrid" TYPE="4" START="200" LEN="0" HOTCUE="-1"><GRID BPM="116.1"/></CUE_V2>
<CUE_V2 NAME="Drop &amp; roll" TYPE="5" START="{:.4}" LEN="{:.4}" HOTCUE="0"/>
<CUE_V2 NAME="n.n." TYPE="0" START="{:.4}" LEN="0" HOTCUE="1"/>
</ENTRY>
<ENTRY TITLE="Lost"><LOCATION DIR="/:Users/:dj/:" FILE="lost.wav" VOLUME="Macintosh HD"/></ENTRY>
</COLLECTION></NML>"#,
        1000.0 * drop,
        1000.0 * (end - drop),
        1000.0 * end,
    );
    bench.write("collection.nml", nml.as_bytes());
}

#[test]
fn a_collection_becomes_a_set_by_its_grid_cues_and_loops() {
    let bench = Bench::new();
    write_collections(&bench);
    let sections = ["--per", "section"];
    let args = |collection: &'static str, out: &'static str| {
        let mut args = set(collection, &["-o", out]);
        args.retain(|word| *word != "--per" && *word != "track");
        args.extend(sections);
        args
    };
    let expected = [
        "01_Ann-Fur-Elise_start_4beats_120bpm.mov",
        "01_Ann-Fur-Elise_Drop-roll_4beats_120bpm.mov",
        "01_Ann-Fur-Elise_Drop-roll_8beats_120bpm.mov",
        "01_Ann-Fur-Elise_B_4beats_120bpm.mov",
        "01_Ann-Fur-Elise_B_8beats_120bpm.mov",
    ];
    for (collection, out) in [("rekordbox.xml", "clips"), ("collection.nml", "traktor")] {
        let run = bench.run(&args(collection, out));
        run.assert_done();
        assert!(run.stderr.contains("lost.wav"), "{}", run.stderr);
        let record: Value =
            serde_json::from_slice(&bench.read(&format!("{out}/set.json"))).unwrap();
        assert_eq!(record["missing"].as_array().unwrap().len(), 1);
        let clips = record["songs"][0]["clips"].as_array().unwrap();
        let names: Vec<&str> = clips
            .iter()
            .map(|clip| clip["file"].as_str().unwrap())
            .collect();
        assert_eq!(names, expected, "{collection}");
        let drop = &clips[2];
        for (beat, cue) in drop["cues"].as_array().unwrap().iter().enumerate() {
            let song_secs = 0.2 + (4 + beat) as f64 * 60.0 / 116.1;
            let off_secs = cue["song_secs"].as_f64().unwrap() - song_secs;
            assert!(
                off_secs.abs() < 0.001,
                "{collection}: beat {beat} is {off_secs} s off"
            );
        }
    }
    make_killed(&bench, &args("rekordbox.xml", "killed"), 2);
    assert_same_set(&bench, "clips", "killed");
}
