//! Songs: opened, heard, played, uploaded.

use std::time::Duration;

use serde_json::json;

use super::harness::{Bench, write_song};

#[test]
fn a_song_is_heard_and_told_to_every_page() {
    let bench = Bench::new();
    let mut events = bench.events();
    let first = events.next().unwrap();
    assert_eq!(first["kind"], "state");
    assert_eq!(first["state"]["songs"][0]["name"], "song.wav");
    let song = bench.heard();
    assert_eq!(song["phase"], "ready");
    assert!((song["duration_secs"].as_f64().unwrap() - 3.0).abs() < 1e-9);
    assert!(
        song["analysis"]["beats"].as_array().unwrap().len() >= 4,
        "{song}"
    );
    assert_eq!(
        song["prompts"]["text"],
        "# ours\nteal ocean waves\nburning orange flames\n"
    );
    let heard = events.find(|event| event["kind"] == "song" && event["song"]["phase"] == "ready");
    assert_eq!(
        heard.unwrap()["song"]["analysis"]["beats"],
        song["analysis"]["beats"]
    );
    assert!(events.any(|event| event["kind"] == "plan"));
    // A page that comes later gets all of it at once.
    let state = bench.events().next().unwrap();
    assert_eq!(
        state["state"]["open"][0]["analysis"]["beats"],
        song["analysis"]["beats"]
    );
}

#[test]
fn the_sound_is_a_wave_file_of_exact_length_in_any_parts() {
    let bench = Bench::new();
    let path = "/api/songs/song.wav/sound";
    let whole = bench.get(path);
    whole.assert(200);
    assert_eq!(whole.header("content-type"), Some("audio/wav"));
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    assert_eq!(whole.body.len(), 44 + 2 * 66150);
    // The song is 16 bits itself: every sample is the file's.
    assert!(whole.body[44..] == bench.read("song.wav")[44..]);
    let reader = hound::WavReader::new(whole.body.as_slice()).unwrap();
    assert_eq!(
        (reader.spec().sample_rate, reader.duration()),
        (22050, 66150)
    );
    for (range, expected) in [
        ("0-9", 0..10),
        ("40-1000", 40..1001),
        ("132340-", 132_340..132_344),
        ("-4", 132_340..132_344),
    ] {
        let part = bench.ask_with("GET", path, &[("range", &format!("bytes={range}"))], b"");
        part.assert(206);
        assert_eq!(part.body, whole.body[expected.clone()], "{range}");
        let place = format!("bytes {}-{}/132344", expected.start, expected.end - 1);
        assert_eq!(part.header("content-range"), Some(place.as_str()));
    }
    bench
        .ask_with("GET", path, &[("range", "bytes=132344-")], b"")
        .assert(416);
    let head = bench.ask("HEAD", path, b"");
    assert_eq!(
        (head.status, head.header("content-length"), head.body.len()),
        (200, Some("132344"), 0)
    );
}

#[test]
fn waveform_and_envelopes_are_those_of_the_song() {
    let bench = Bench::new();
    bench.heard();
    let number = |bytes: &[u8], at: usize| {
        u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
    };
    let peaks = bench.get("/api/songs/song.wav/peaks").body;
    assert_eq!(
        [0, 4, 8, 12].map(|at| number(&peaks, at)),
        [22050, 256, 1, 66150_usize.div_ceil(256)]
    );
    let bins = &peaks[16..];
    assert_eq!(bins.len(), 2 * 66150_usize.div_ceil(256));
    let lowest = bins
        .chunks(2)
        .map(|bin| bin[0].cast_signed())
        .min()
        .unwrap();
    let highest = bins
        .chunks(2)
        .map(|bin| bin[1].cast_signed())
        .max()
        .unwrap();
    assert!(lowest < -40 && highest > 60, "{lowest} {highest}");
    let hops = bench.get("/api/songs/song.wav/hops").body;
    let n_hops = number(&hops, 0);
    assert_eq!(hops.len(), 8 + 5 * 4 * n_hops);
    let values: Vec<f32> = hops[8..]
        .chunks(4)
        .map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()))
        .collect();
    assert!(values.iter().all(|value| (0.0..=1.0).contains(value)));
    for (kind, values) in values.chunks(n_hops).enumerate() {
        assert!(
            values.iter().copied().fold(0.0, f32::max) > 0.5,
            "envelope {kind} is flat"
        );
    }
}

#[test]
fn a_song_is_uploaded_whole_or_not_at_all() {
    let bench = Bench::new();
    let bytes = bench.read("song.wav");
    bench
        .ask("PUT", "/api/songs/other%20song.wav", &bytes)
        .assert(200);
    assert_eq!(bench.read("other song.wav"), bytes);
    let taken = bench.ask("PUT", "/api/songs/song.wav", &bytes);
    taken.assert(409);
    let renamed = bench.ask("PUT", "/api/songs/song.wav?as=third.wav", &bytes);
    assert_eq!(renamed.assert(200).json()["name"], "third.wav");
    // A connection that breaks off leaves nothing behind.
    let length = (bytes.len() + 10).to_string();
    let before = bench.names();
    {
        use std::io::Write;
        let mut stream = std::net::TcpStream::connect(bench.host()).unwrap();
        let head = format!(
            "PUT /api/songs/broken.wav HTTP/1.1\r\nhost: {0}\r\ncookie: {1}\r\norigin: http://{0}\r\ncontent-length: {length}\r\n\r\n",
            bench.host(),
            bench.cookie()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&bytes).unwrap();
    }
    std::thread::sleep(Duration::from_millis(500));
    bench.wait("the part to go", || (bench.names() == before).then_some(()));
    bench.ask("PUT", "/api/songs/notes.txt", b"x").assert(415);
}

#[test]
fn a_file_that_is_no_song_says_so() {
    let bench = Bench::new();
    bench.write("noise.wav", "this is no sound");
    let song = bench.wait("the song fails", || {
        let song = bench.get_json("/api/songs/noise.wav");
        (song["phase"] == "failed").then_some(song)
    });
    assert!(
        song["error"]["message"]
            .as_str()
            .unwrap()
            .contains("noise.wav"),
        "{song}"
    );
    bench.get("/api/songs/noise.wav/sound").assert(422);
    bench.get("/api/songs/noise.wav/peaks").assert(422);
    bench.get("/api/songs/missing.wav").assert(404);
    bench.get("/api/state").assert(200);
}

#[test]
fn an_empty_folder_begins_with_the_sample() {
    let bench = Bench::new();
    std::fs::remove_file(bench.path("song.wav")).unwrap();
    std::fs::remove_file(bench.path("prompts.txt")).unwrap();
    let state = bench.get_json("/api/state");
    assert_eq!(state["sample_available"], true);
    assert_eq!(state["songs"].as_array().unwrap().len(), 0);
    let song = bench.ask("POST", "/api/sample", b"");
    assert_eq!(song.assert(200).json()["name"], "song.flac");
    assert_eq!(bench.get_json("/api/state")["sample_available"], false);
    assert!(bench.path("prompts.txt").exists());
    bench.ask("POST", "/api/sample", b"").assert(422);
}

#[test]
fn films_are_not_taken_for_songs() {
    let bench = Bench::new();
    let mut args = vec!["song.wav", "--prompts", "prompts.txt", "--duration", "1"];
    args.extend(super::harness::SMALL_FLAGS);
    assert!(bench.command(&args).output().unwrap().status.success());
    write_song(&bench.path("z.wav"), 1.0);
    let songs = bench.get_json("/api/state")["songs"].clone();
    let names: Vec<&str> = songs
        .as_array()
        .unwrap()
        .iter()
        .map(|song| song["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["song.wav", "z.wav"]);
    assert_eq!(songs[0]["film"], "song.mp4");
    let film = bench.get("/api/films/song.mp4");
    assert_eq!(
        (film.status, film.header("content-type")),
        (200, Some("video/mp4"))
    );
    assert_eq!(film.body, bench.read("song.mp4"));
    let attached = bench.get("/api/films/song.mp4?download=1");
    assert!(
        attached
            .header("content-disposition")
            .unwrap()
            .contains("song.mp4")
    );
    let timeline = bench.get("/api/films/song.mp4/timeline");
    assert_eq!(
        timeline.assert(200).json()["frames"]
            .as_array()
            .unwrap()
            .len(),
        8
    );
    let prompts = bench.get("/api/files/prompts.txt");
    assert_eq!(prompts.assert(200).body, bench.read("prompts.txt"));
    bench.get("/api/films/song.mp4/verify").assert(204);
}

#[test]
fn songs_that_come_into_the_folder_are_seen() {
    let bench = Bench::new();
    let mut events = bench.events();
    events.next().unwrap();
    bench.wait("the folder to be watched", || {
        std::thread::sleep(Duration::from_secs(3));
        Some(())
    });
    write_song(&bench.path("new.wav"), 1.0);
    let told = events.find(|event| event["kind"] == "songs").unwrap();
    assert_eq!(told["songs"][0]["name"], "new.wav");
}

#[test]
fn a_song_that_is_replaced_is_heard_anew_and_keeps_its_texts() {
    let bench = Bench::new();
    bench.heard();
    let edit = json!({"edit": "style", "text": "soft light"});
    bench.edit("prompts", edit).assert(200);
    let plan = bench.get_json("/api/songs/song.wav")["plan_revision"].clone();
    write_song(&bench.path("song.wav"), 5.0);
    let song = bench.wait("the new song", || {
        let song = bench.get_json("/api/songs/song.wav");
        let is_new = song["duration_secs"].as_f64().unwrap() > 4.9;
        (is_new && song["phase"] == "ready" && song["plan_revision"] != 0).then_some(song)
    });
    assert!(song["plan_revision"].as_u64() > plan.as_u64());
    assert_eq!(song["prompts"]["can_undo"], true);
    let sound = bench.get("/api/songs/song.wav/sound");
    assert_eq!(sound.body.len(), 44 + 2 * 5 * 22050);
}

#[test]
fn a_file_that_was_not_copied_to_its_end_is_opened_when_it_is() {
    let bench = Bench::new();
    let whole = bench.read("song.wav");
    std::fs::write(bench.path("late.wav"), &whole[..20]).unwrap();
    bench.wait("the song fails", || {
        let song = bench.get_json("/api/songs/late.wav");
        (song["phase"] == "failed").then_some(())
    });
    std::fs::write(bench.path("late.wav"), &whole).unwrap();
    bench.wait("the song is heard", || {
        let song = bench.get_json("/api/songs/late.wav");
        (song["phase"] == "ready").then_some(())
    });
}

#[cfg(unix)]
#[test]
fn songs_may_be_called_what_the_system_allows() {
    let bench = Bench::new();
    write_song(&bench.path("What's \"up\"? *1:2*.wav"), 2.0);
    let songs = bench.get_json("/api/state")["songs"].clone();
    assert_eq!(songs[0]["name"], "What's \"up\"? *1:2*.wav");
    let path = "/api/songs/What's%20%22up%22%3F%20*1%3A2*.wav";
    bench.wait("the song is heard", || {
        (bench.get_json(path)["phase"] == "ready").then_some(())
    });
    let command = bench.get_json(&format!("{path}/command"));
    let expected = r#"visualize 'What'\''s "up"? *1:2*.wav' --prompts prompts.txt"#;
    assert_eq!(command["command"], expected);
}

#[test]
fn a_folder_has_one_studio() {
    let mut bench = Bench::new();
    let second = bench.command(&["studio", "--no-open"]).output().unwrap();
    assert_eq!(second.status.code(), Some(2));
    let text = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(
        text.contains("another studio") && text.contains("hint:"),
        "{text}"
    );
    // Whatever ended the first one: the folder is free again.
    bench.kill();
    bench.start();
    bench.get("/api/state").assert(200);
}
