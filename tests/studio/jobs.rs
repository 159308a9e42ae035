//! Films: made, paused, continued after the program was killed, and equal to those of the command line.

use std::time::Duration;

use serde_json::{Value, json};

use super::harness::{Bench, SMALL_FLAGS};

/// Makes the film of the bench's song by the command line.
fn command_line_film(bench: &Bench, out: &str) -> Vec<u8> {
    let mut args = vec!["song.wav", "--prompts", "prompts.txt", "-o", out];
    args.extend(SMALL_FLAGS);
    let run = bench.command(&args).output().unwrap();
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
    bench.read(out)
}

fn chunks(bench: &Bench) -> usize {
    let folder = bench.path("song.visualize").read_dir();
    let names = folder
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(".chunk")).count()
}

#[test]
fn a_film_is_the_command_lines_byte_for_byte() {
    let bench = Bench::new();
    bench.calibrated();
    let mut events = bench.events();
    let job = bench.job("film");
    let done = events
        .find(|event| event["kind"] == "job" && event["job"]["phase"] == "done")
        .unwrap();
    assert_eq!(
        (&done["job"]["id"], &done["job"]["file"]),
        (&json!(job), &json!("song.mp4"))
    );
    assert_eq!(done["job"]["n_done"], 24);
    assert!(events.any(|event| event["kind"] == "song" && event["song"]["film"] == "song.mp4"));
    let film = bench.read("song.mp4");
    assert_eq!(command_line_film(&bench, "alone.mp4"), film);
    assert_eq!(bench.get("/api/films/song.mp4").body, film);
    // The page's own words for it make it, too, with its finished chunks.
    let command = bench.get_json("/api/songs/song.wav/command")["command"]
        .as_str()
        .unwrap()
        .to_owned();
    let words: Vec<&str> = command.split(' ').skip(1).collect();
    assert!(words.contains(&"--force"));
    assert!(bench.command(&words).output().unwrap().status.success());
    assert_eq!(bench.read("song.mp4"), film);
}

#[test]
fn an_edit_redraws_only_what_it_touches() {
    let bench = Bench::with_song(24.0);
    bench.write(
        "prompts.txt",
        "teal ocean waves\n[0:08] burning orange flames\n[0:16] a violet nebula\n",
    );
    bench.calibrated();
    bench.wait("the new text", || {
        let plan = bench.get_json("/api/songs/song.wav/plan");
        (plan["prompts"].as_array().unwrap().len() == 3 && plan["is_calibrated"] == true)
            .then_some(())
    });
    let before = bench.get_json("/api/songs/song.wav/work");
    assert_eq!(
        (&before["n_chunks"], &before["n_chunks_to_draw"]),
        (&json!(4), &json!(4))
    );
    assert!(before["bytes"].as_u64().unwrap() > 0);
    let job = bench.job("film");
    bench.job_in(job, "done");
    assert_eq!(
        bench.get_json("/api/songs/song.wav/work")["n_chunks_to_draw"],
        0
    );
    bench
        .edit(
            "prompts",
            json!({"edit": "set_text", "line": 3, "text": "a green forest"}),
        )
        .assert(200);
    let work = bench.wait("a calibrated plan", || {
        let work = bench.get_json("/api/songs/song.wav/work");
        (work["is_calibrated"] == true && work["n_chunks_to_draw"] != 0).then_some(work)
    });
    let n = work["n_chunks_to_draw"].as_u64().unwrap();
    assert!((1..4).contains(&n), "{work}");
    let n_before = chunks(&bench);
    let job = bench.job("film");
    bench.job_in(job, "done");
    assert_eq!(chunks(&bench) - n_before, n as usize);
}

#[test]
fn a_killed_program_goes_on_where_it_stopped() {
    let mut bench = Bench::with_song(24.0);
    let plan = bench.calibrated();
    let job = bench.job("film");
    bench.wait("a finished chunk", || (chunks(&bench) >= 1).then_some(()));
    bench.kill();
    let n_kept = chunks(&bench);
    assert!(
        n_kept < 4,
        "the film was over before the program was killed"
    );
    assert!(!bench.path("song.mp4").exists());
    bench.start();
    let state = bench.events().next().unwrap();
    assert_eq!(state["state"]["jobs"][0]["id"], job);
    // It begins with what is finished.
    let drawing = bench.job_in(job, "drawing");
    assert!(
        drawing["n_done"].as_u64().unwrap() >= 48 * n_kept as u64,
        "{drawing}"
    );
    bench.job_in(job, "done");
    assert_eq!(
        command_line_film(&bench, "alone.mp4"),
        bench.read("song.mp4")
    );
    // A page that stayed open, and its browser, don't take a new plan for one of the earlier run.
    assert!(bench.calibrated()["revision"].as_u64() > plan["revision"].as_u64());
}

#[test]
fn a_film_is_paused_continued_and_cancelled() {
    let bench = Bench::with_song(24.0);
    bench.calibrated();
    let job = bench.job("film");
    let steer = |what: &str| bench.post(&format!("/api/jobs/{job}/{what}"), json!({}));
    bench.wait("drawing", || {
        (bench.job_now(job)["phase"] == "drawing").then_some(())
    });
    steer("pause").assert(200);
    bench.job_in(job, "paused");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(bench.job_now(job)["phase"], "paused");
    // The same film once more is the one that rests.
    assert_eq!(bench.job("film"), job);
    bench.wait("drawing again", || {
        (bench.job_now(job)["phase"] == "drawing").then_some(())
    });
    steer("cancel").assert(200);
    bench.job_in(job, "cancelled");
    steer("pause").assert(409);
    steer("continue").assert(200);
    bench.job_in(job, "done");
    steer("continue").assert(409);
    steer("cancel").assert(409);
}

#[test]
fn a_preview_goes_before_a_film() {
    let bench = Bench::with_song(24.0);
    bench.calibrated();
    let film = bench.job("film");
    bench.wait("drawing", || {
        (bench.job_now(film)["phase"] == "drawing").then_some(())
    });
    let preview = bench.job("preview");
    let done = bench.wait("the preview", || {
        let job = bench.job_now(preview);
        (job["phase"] == "done").then(|| (job, bench.job_now(film)))
    });
    assert_eq!(done.0["file"], "song.preview.mp4");
    assert_ne!(done.1["phase"], "done");
    bench.get("/api/films/song.preview.mp4").assert(200);
    bench.job_in(film, "done");
}

#[test]
fn a_film_is_measured() {
    let bench = Bench::new();
    bench.heard();
    let film = bench.job("film");
    bench.job_in(film, "done");
    let verify = bench.job("verify");
    let done = bench.job_in(verify, "done");
    assert_eq!(done["n_done"], 24);
    let found = bench.get_json("/api/films/song.mp4/verify");
    let verdicts: &Vec<Value> = found["verdicts"].as_array().unwrap();
    assert!(
        verdicts
            .iter()
            .any(|verdict| verdict["measure"] == "n_lost_samples" && verdict["value"] == 0.0),
        "{found}"
    );
    assert!(
        String::from_utf8(bench.get("/api/films/song.mp4/plot.svg").body)
            .unwrap()
            .contains("<svg")
    );
    assert!(
        bench
            .get("/api/films/song.mp4/sheet.png")
            .body
            .starts_with(b"\x89PNG")
    );
    // Another film of the name isn't the one that was measured.
    bench
        .edit("prompts", json!({"edit": "style", "text": "gold"}))
        .assert(200);
    bench.wait("the newer plan", || {
        (bench.get_json("/api/songs/song.wav/work")["n_chunks_to_draw"] != 0).then_some(())
    });
    let film = bench.job("film");
    bench.job_in(film, "done");
    bench.get("/api/films/song.mp4/verify").assert(204);
}

#[test]
fn no_file_of_others_is_replaced() {
    let mut bench = Bench::new();
    bench.heard();
    bench.write("song.mp4", "somebody's own");
    let job = bench.job("film");
    let failed = bench.job_in(job, "failed");
    assert!(
        failed["error"]["message"]
            .as_str()
            .unwrap()
            .contains("song.mp4"),
        "{failed}"
    );
    assert_eq!(bench.read("song.mp4"), b"somebody's own");
    // Why it failed is still known to the next run, once it is in the queue's file.
    bench.wait("the reason in the queue's file", || {
        let queue = String::from_utf8(bench.read(".visualize-studio.json")).unwrap();
        queue.contains("song.mp4 exists").then_some(())
    });
    bench.kill();
    bench.start();
    assert_eq!(bench.job_now(job)["error"], failed["error"]);
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_the_program_at_once_and_keeps_finished_work() {
    let mut bench = Bench::with_song(24.0);
    bench.calibrated();
    let mut events = bench.events();
    events.next().unwrap();
    bench.job("film");
    bench.wait("a finished chunk", || (chunks(&bench) >= 1).then_some(()));
    let took = bench.interrupt();
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert!(events.count() < 1000, "the stream has ended");
    assert!(chunks(&bench) >= 1);
    assert!(
        !bench.names().iter().any(|name| name.ends_with(".partial")),
        "{:?}",
        bench.names()
    );
}
