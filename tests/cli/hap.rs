//! Films in Hap, for programs that play clips live.

use visualize::video::{FilmReader, probe};

use super::harness::Bench;

#[test]
fn a_film_in_hap_is_a_mov_whose_frames_stand_alone() {
    let bench = Bench::new();
    let run = bench.film("song.wav", &["--codec", "hapq", "--audio", "alac"]);
    assert_eq!(run.assert_done().stdout.trim(), "song.mov");
    assert!(run.stderr.contains("MB a second"), "{}", run.stderr);
    let film = probe(bench.path("song.mov")).unwrap();
    let picture = film.video.unwrap();
    assert_eq!(
        (&*picture.codec, picture.n_frames, picture.n_keyframes),
        ("hapq", 24, 24)
    );
    assert_eq!(film.audio.unwrap().codec, "alac");

    // The same frames as in H.264, and `verify` measures them.
    bench.film("song.wav", &[]).assert_done();
    let frames = |name: &str| -> Vec<_> {
        let reader = FilmReader::open(bench.path(name)).unwrap();
        let frames = reader.frames().unwrap();
        frames
            .map(|frame| frame.unwrap().picture.to_rgb().unwrap())
            .collect()
    };
    for (hap, h264) in frames("song.mov").iter().zip(&frames("song.mp4")) {
        let squares = hap
            .iter()
            .zip(h264.iter())
            .map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2));
        let deviation = (squares.sum::<f64>() / hap.len() as f64).sqrt();
        assert!(deviation < 6.0, "{deviation}");
    }
    let verified = bench.run(&["verify", "song.mov", "--json"]);
    assert!(
        verified.json()["n_frames"] == 24 || !verified.stdout.is_empty(),
        "{}",
        verified.stderr
    );
}

#[test]
fn endings_that_do_not_fit_the_codec_are_refused() {
    let bench = Bench::new();
    for (codec, out, advice) in [
        ("hapq", "film.mp4", "film.mov"),
        ("h264", "film.mov", "--codec hapq"),
        ("hap", "film.avi", "film.mov"),
    ] {
        let run = bench.film("song.wav", &["--codec", codec, "-o", out]);
        bench.assert_refused(&run, &[advice]);
    }
    let run = bench.film("song.wav", &["--codec", "prores"]);
    bench.assert_refused(&run, &["h264, hap, hapa, hapq"]);
}
