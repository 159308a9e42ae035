//! Texts with mistakes: kept as they are, told with their place, and never a reason to stop.

use serde_json::json;

use super::harness::{Bench, PROMPTS, text};

#[test]
fn a_text_with_an_error_is_kept_and_the_last_good_one_plays() {
    let bench = Bench::new();
    bench.calibrated();
    let typed = "teal ocean waves\n@bar x a fire\n";
    let draft = bench.edit("prompts", json!({"edit": "text", "text": typed}));
    let draft = draft.assert(200).json();
    assert_eq!(draft["text"], typed);
    assert_eq!(draft["error"]["place"]["line"], 2);
    assert!(
        draft["error"]["place"]["excerpt"]
            .as_str()
            .unwrap()
            .contains('^')
    );
    assert_eq!(text(&bench, "prompts.txt"), typed);
    assert_eq!(
        bench.get_json("/api/songs/song.wav/plan")["prompts"][1]["text"],
        "burning orange flames"
    );
    let picture = bench.get("/api/songs/song.wav/picture?at=1");
    picture.assert(200);
    let job = bench.job("film");
    let failed = bench.job_in(job, "failed");
    assert_eq!(failed["error"]["place"]["line"], 2);
    // A bar that the song doesn't have is found when the film is planned.
    bench
        .edit(
            "prompts",
            json!({"edit": "text", "text": "teal ocean waves\n@bar 999 a fire\n"}),
        )
        .assert(200);
    let song = bench.wait("the error of the plan", || {
        let song = bench.get_json("/api/songs/song.wav");
        song["prompts"]["error"].is_object().then_some(song)
    });
    assert_eq!(song["prompts"]["error"]["place"]["line"], 2);
    bench
        .edit("prompts", json!({"edit": "text", "text": PROMPTS}))
        .assert(200);
    bench.wait("no error any more", || {
        bench.get_json("/api/songs/song.wav")["prompts"]["error"]
            .is_null()
            .then_some(())
    });
    let broken = bench.edit("beats", json!({"edit": "text", "text": "beats:\n1 x\n"}));
    assert_eq!(broken.assert(200).json()["error"]["place"]["line"], 2);
    bench
        .post("/api/songs/song.wav/undo", json!({"document": "beats"}))
        .assert(200);
}

#[test]
fn what_was_written_by_hand_is_not_replaced_by_what_was_understood_before() {
    let bench = Bench::new();
    bench.heard();
    let typed = "{\"seed\": 7,}";
    bench.write("song.settings.json", typed);
    let song = bench.wait("the error", || {
        let song = bench.get_json("/api/songs/song.wav");
        song["settings"]["error"].is_object().then_some(song)
    });
    assert_eq!(song["settings"]["error"]["place"]["line"], 1);
    let body = json!({"base": song["settings"]["hash"], "settings": {"seed": 8}}).to_string();
    let refused = bench.ask("PUT", "/api/songs/song.wav/settings", body.as_bytes());
    assert_eq!(refused.assert(422).json()["error"]["place"]["line"], 1);
    assert_eq!(text(&bench, "song.settings.json"), typed);
}

#[test]
fn a_text_that_cannot_be_read_says_so_until_it_can() {
    let bench = Bench::new();
    bench.heard();
    std::fs::write(bench.path("prompts.txt"), b"caf\xe9\n").unwrap();
    let song = bench.wait("the error", || {
        let song = bench.get_json("/api/songs/song.wav");
        song["prompts"]["error"].is_object().then_some(song)
    });
    let message = song["prompts"]["error"]["message"].as_str().unwrap();
    assert!(message.contains("UTF-8"), "{message}");
    assert_eq!(song["prompts"]["text"], PROMPTS);
    bench.write("prompts.txt", PROMPTS);
    bench.wait("no error any more", || {
        bench.get_json("/api/songs/song.wav")["prompts"]["error"]
            .is_null()
            .then_some(())
    });
}

#[test]
fn a_song_with_broken_corrections_is_heard_without_them() {
    let bench = Bench::new();
    bench.write("song.wav.fix.txt", "tempo: 120\nbeats:\n1 x\n");
    let song = bench.heard();
    assert_eq!(song["phase"], "ready");
    assert_eq!(song["beats"]["error"]["place"]["line"], 3);
    assert!(song["analysis"]["beats"].as_array().unwrap().len() >= 4);
    // Other edits are refused with the mistake, which they would carry on.
    let refused = bench.edit("beats", json!({"edit": "double"}));
    assert_eq!(refused.assert(422).json()["error"]["place"]["line"], 3);
    let mended = json!({"edit": "text", "text": "beats:\n1 1\n2 2\n"});
    bench.edit("beats", mended).assert(200);
    bench.wait("the beats of the file", || {
        let song = bench.get_json("/api/songs/song.wav");
        let beats = song["analysis"]["beats"].as_array()?;
        (beats.len() == 2 && song["beats"]["error"].is_null()).then_some(())
    });
}
