//! Texts: edits, undo, edits of others.

use serde_json::{Value, json};

use super::harness::{Bench, PROMPTS, text};

#[test]
fn prompts_are_edited_in_the_file_and_taken_back() {
    let bench = Bench::new();
    bench.heard();
    let changed = bench.edit(
        "prompts",
        json!({"edit": "set_text", "line": 2, "text": "a violet nebula"}),
    );
    assert_eq!(
        changed.assert(200).json()["text"],
        "# ours\na violet nebula\nburning orange flames\n"
    );
    assert_eq!(
        text(&bench, "prompts.txt"),
        "# ours\na violet nebula\nburning orange flames\n"
    );
    bench
        .edit(
            "prompts",
            json!({"edit": "add", "secs": 2.0, "mark": "time", "text": "snow"}),
        )
        .assert(200);
    let added = text(&bench, "prompts.txt");
    assert!(
        added.contains("snow") && added.contains("# ours"),
        "{added}"
    );
    let undo = |body: Value| bench.post("/api/songs/song.wav/undo", body);
    assert_eq!(undo(json!({})).assert(200).json()["kind"], "prompts");
    assert_eq!(
        undo(json!({"document": "prompts"})).assert(200).json()["can_undo"],
        false
    );
    assert_eq!(text(&bench, "prompts.txt"), PROMPTS);
    undo(json!({})).assert(409);
    bench
        .post("/api/songs/song.wav/redo", json!({}))
        .assert(200);
    bench
        .post("/api/songs/song.wav/redo", json!({}))
        .assert(200);
    assert_eq!(text(&bench, "prompts.txt"), added);
    bench
        .post("/api/songs/song.wav/redo", json!({}))
        .assert(409);
}

#[test]
fn undo_goes_back_through_all_texts() {
    let bench = Bench::new();
    bench.heard();
    bench
        .edit("prompts", json!({"edit": "style", "text": "soft light"}))
        .assert(200);
    bench
        .edit(
            "beats",
            json!({"edit": "rename_section", "index": 0, "label": "opening"}),
        )
        .assert(200);
    let base = bench.hash("settings");
    let body = json!({"base": base, "settings": {"seed": 7}}).to_string();
    bench
        .ask("PUT", "/api/songs/song.wav/settings", body.as_bytes())
        .assert(200);
    let kinds: Vec<Value> = (0..3)
        .map(|_| {
            bench
                .post("/api/songs/song.wav/undo", json!({}))
                .assert(200)
                .json()["kind"]
                .clone()
        })
        .collect();
    assert_eq!(kinds, ["settings", "beats", "prompts"]);
    assert!(!bench.path("song.wav.fix.txt").exists());
    assert_eq!(text(&bench, "prompts.txt"), PROMPTS);
    let kinds: Vec<Value> = (0..3)
        .map(|_| {
            bench
                .post("/api/songs/song.wav/redo", json!({}))
                .assert(200)
                .json()["kind"]
                .clone()
        })
        .collect();
    assert_eq!(kinds, ["prompts", "beats", "settings"]);
    let settings: Value = serde_json::from_slice(&bench.read("song.settings.json")).unwrap();
    assert_eq!(settings["seed"], 7);
}

/// Also where changes of several texts alternate.
#[test]
fn undo_takes_the_newest_change_of_all_texts() {
    let bench = Bench::new();
    bench.heard();
    let style = |text: &str| {
        let edit = json!({"edit": "style", "text": text});
        bench.edit("prompts", edit).assert(200);
    };
    let rename = |label: &str| {
        let edit = json!({"edit": "rename_section", "index": 0, "label": label});
        bench.edit("beats", edit).assert(200);
    };
    style("soft light");
    rename("opening");
    style("hard light");
    rename("prelude");
    let step = |step: &str| {
        let answer = bench.post(&format!("/api/songs/song.wav/{step}"), json!({}));
        answer.assert(200).json()["kind"].clone()
    };
    let undone: Vec<Value> = (0..3).map(|_| step("undo")).collect();
    assert_eq!(undone, ["beats", "prompts", "beats"]);
    assert!(text(&bench, "prompts.txt").contains("soft light"));
    let redone: Vec<Value> = (0..3).map(|_| step("redo")).collect();
    assert_eq!(redone, ["beats", "prompts", "beats"]);
    assert!(text(&bench, "song.wav.fix.txt").contains("prelude"));
    assert_eq!(step("undo"), "beats");
    assert!(text(&bench, "song.wav.fix.txt").contains("opening"));
}

#[test]
fn beats_are_corrected_as_the_command_line_reads_them() {
    let bench = Bench::new();
    let before = bench.heard()["analysis"]["beats"].clone();
    let mut events = bench.events();
    bench
        .edit(
            "beats",
            json!({"edit": "move_beat", "index": 1, "secs": before[1][0].as_f64().unwrap() + 0.05}),
        )
        .assert(200);
    // The second edit waits until the first was heard.
    bench
        .edit("beats", json!({"edit": "set_downbeat", "index": 2}))
        .assert(200);
    let analysis = bench.wait("both are heard", || {
        let song = bench.get_json("/api/songs/song.wav");
        (song["analysis"]["beats"][2][1] == 1).then(|| song["analysis"].clone())
    });
    let moved = analysis["beats"][1][0].as_f64().unwrap() - before[1][0].as_f64().unwrap();
    assert!((moved - 0.05).abs() < 1e-5, "{moved}");
    assert!(events.any(|event| event["kind"] == "analysis"));
    let run = bench
        .command(&["analyze", "song.wav", "--json"])
        .output()
        .unwrap();
    let found: Value = serde_json::from_slice(&run.stdout).unwrap();
    let times = |beats: &Value, key: &str| -> Vec<Value> {
        beats
            .as_array()
            .unwrap()
            .iter()
            .map(|beat| {
                if key.is_empty() {
                    beat[0].clone()
                } else {
                    beat[key].clone()
                }
            })
            .collect()
    };
    assert_eq!(
        times(&found["beats"], "time_secs"),
        times(&analysis["beats"], "")
    );
}

#[test]
fn edits_of_others_are_noticed_and_never_overwritten() {
    let bench = Bench::new();
    bench.heard();
    let base = bench.hash("prompts");
    bench.write("prompts.txt", "written in an editor\n");
    let late = bench.post(
        "/api/songs/song.wav/prompts",
        json!({"base": base, "edit": {"edit": "text", "text": "from the page"}}),
    );
    late.assert(409);
    assert_eq!(late.json()["document"]["text"], "written in an editor\n");
    assert_eq!(text(&bench, "prompts.txt"), "written in an editor\n");
    let base = late.json()["document"]["hash"].clone();
    bench
        .post(
            "/api/songs/song.wav/prompts",
            json!({"base": base, "edit": {"edit": "text", "text": "from the page"}}),
        )
        .assert(200);
    // Without any request, too.
    let mut events = bench.events();
    bench.write("prompts.txt", "once more in the editor\n");
    let told = events.find(|event| event["document"]["text"] == "once more in the editor\n");
    assert_eq!(told.unwrap()["document"]["kind"], "prompts");
    bench.wait("a plan of the new text", || {
        let plan = bench.get_json("/api/songs/song.wav/plan");
        (plan["prompts"][0]["text"] == "once more in the editor").then_some(())
    });
}

#[test]
fn words_that_the_model_does_not_know_are_named() {
    let bench = Bench::new();
    bench.calibrated();
    let changed = bench.edit(
        "prompts",
        json!({"edit": "text", "text": "a montain lake\ntokyo at night\n"}),
    );
    let words = changed.assert(200).json()["unknown_words"].clone();
    assert_eq!(words[0]["word"], "montain");
    assert!(
        words[0]["near"]
            .as_array()
            .unwrap()
            .contains(&json!("mountain"))
            || !words[0]["near"].as_array().unwrap().is_empty(),
        "{words}"
    );
    assert_eq!(words[0]["spans"], json!([[1, 3, 7]]));
    assert_eq!(words[1]["spans"], json!([[2, 1, 5]]));
}

#[test]
fn without_a_file_the_built_in_prompts_are_there_to_be_edited() {
    let bench = Bench::new();
    std::fs::remove_file(bench.path("prompts.txt")).unwrap();
    let song = bench.heard();
    let built_in = song["prompts"]["text"].as_str().unwrap().to_owned();
    assert!(built_in.lines().count() > 3, "{built_in}");
    assert!(!bench.path("prompts.txt").exists());
    bench
        .edit(
            "prompts",
            json!({"edit": "set_text", "line": 1, "text": "a red sunset"}),
        )
        .assert(200);
    assert!(text(&bench, "prompts.txt").starts_with("a red sunset\n"));
    bench
        .post("/api/songs/song.wav/undo", json!({}))
        .assert(200);
    assert!(!bench.path("prompts.txt").exists());
}

#[test]
fn settings_are_those_of_the_command_line() {
    let bench = Bench::new();
    bench.heard();
    let put = |settings: Value| {
        let base = bench.hash("settings");
        bench.ask(
            "PUT",
            "/api/songs/song.wav/settings",
            json!({"base": base, "settings": settings})
                .to_string()
                .as_bytes(),
        )
    };
    let changed = put(json!({"knobs": {"zoom": 0.2}, "seed": 5}));
    assert_eq!(changed.assert(200).json()["value"]["knobs"]["zoom"], 0.2);
    assert_eq!(
        bench.get_json("/api/songs/song.wav/command")["command"],
        "visualize song.wav --prompts prompts.txt --size 64x64 --draw-size 128x128 --fps 8 --seed 5 --zoom 0.2"
    );
    put(json!({"knobs": {"zoom": 9.0}})).assert(200);
    let song = bench.wait("the error of the plan", || {
        let song = bench.get_json("/api/songs/song.wav");
        song["plan_error"].is_object().then_some(song)
    });
    assert!(
        song["plan_error"]["message"]
            .as_str()
            .unwrap()
            .contains("zoom"),
        "{song}"
    );
    put(json!({"knobs": {"zoom": null}})).assert(200);
    put(json!({"nonsense": 1})).assert(422);
    put(json!({"seed": "x"})).assert(422);
    bench.wait("a plan", || {
        bench.get_json("/api/songs/song.wav")["plan_error"]
            .is_null()
            .then_some(())
    });
}
