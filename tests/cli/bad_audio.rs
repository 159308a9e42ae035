//! Songs that can't be used are refused with a reason; odd ones that can be used make a film.

use super::harness::{Bench, write_float_song, write_song};

#[test]
fn a_missing_file_is_named() {
    let bench = Bench::new();
    bench.assert_refused(&bench.film("nothing.flac", &[]), &["nothing.flac"]);
}

#[test]
fn a_folder_is_not_a_song() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("songs")).unwrap();
    bench.assert_refused(&bench.film("songs", &[]), &["songs"]);
}

#[test]
fn an_empty_file_is_refused() {
    let bench = Bench::new();
    bench.write("empty.wav", b"");
    bench.assert_refused(&bench.film("empty.wav", &[]), &["empty.wav", "empty"]);
}

#[test]
fn a_text_is_not_a_song() {
    let bench = Bench::new();
    bench.write("text.mp3", &b"This is not music. ".repeat(500));
    bench.assert_refused(&bench.film("text.mp3", &[]), &["text.mp3", "hint: "]);
}

/// What is there is played, as players do, and a note says that the rest is missing; a file without sound is refused.
#[test]
fn a_truncated_file_is_as_long_as_its_sound() {
    let bench = Bench::new();
    let whole = bench.read("song.wav");
    bench.write("cut.wav", &whole[..whole.len() / 2]);
    let run = bench.film("cut.wav", &[]);
    assert!(
        run.assert_done()
            .stderr
            .contains("breaks off at 0:01.500 of 0:03.000"),
        "{}",
        run.stderr
    );
    let bench = Bench::new();
    bench.write("head.wav", &whole[..20]);
    bench.assert_refused(&bench.film("head.wav", &[]), &["head.wav"]);
}

#[test]
fn a_song_without_samples_is_refused() {
    let bench = Bench::new();
    write_song(&bench.path("none.wav"), 44100, 2, 0.0);
    bench.assert_refused(&bench.film("none.wav", &[]), &["none.wav", "no sample"]);
}

#[test]
fn samples_that_are_no_numbers_are_refused_with_their_time() {
    let bench = Bench::new();
    for (name, bad) in [("nan.wav", f32::NAN), ("inf.wav", f32::INFINITY)] {
        let mut samples = vec![0.1f32; 22050];
        samples[11025] = bad;
        write_float_song(&bench.path(name), &samples);
        bench.assert_refused(&bench.film(name, &[]), &[name, "0.5"]);
    }
}

#[test]
fn odd_songs_make_films() {
    let bench = Bench::new();
    let cases = [
        ("short.wav", 44100, 2, 0.01, 1),
        ("phone.wav", 8000, 1, 0.6, 5),
        ("wide.wav", 192_000, 8, 0.3, 3),
    ];
    for (name, sample_rate_hz, n_channels, secs, n_frames) in cases {
        write_song(&bench.path(name), sample_rate_hz, n_channels, secs);
        let run = bench.film(name, &["--json"]);
        run.assert_done();
        assert_eq!(run.json()["n_frames"], n_frames, "{name}");
    }
}

#[test]
fn silence_makes_a_film() {
    let bench = Bench::new();
    write_float_song(&bench.path("silence.wav"), &vec![0.0; 22050]);
    let run = bench.film("silence.wav", &["--json"]);
    assert_eq!(run.assert_done().json()["n_frames"], 8);
}
