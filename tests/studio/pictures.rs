//! Pictures before the film: its own frames, soon.

use std::time::{Duration, Instant};

use image::RgbImage;
use serde_json::json;

use super::harness::Bench;

fn decoded(jpeg: &[u8]) -> RgbImage {
    image::load_from_memory(jpeg).unwrap().to_rgb8()
}

/// Mean difference of two pictures' values, 0..=255.
fn distance(a: &RgbImage, b: &RgbImage) -> f64 {
    assert_eq!(a.dimensions(), b.dimensions());
    let sum: u64 = a
        .as_raw()
        .iter()
        .zip(b.as_raw())
        .map(|(a, b)| u64::from(a.abs_diff(*b)))
        .sum();
    sum as f64 / a.as_raw().len() as f64
}

#[test]
fn a_picture_is_the_films_own_frame() {
    let bench = Bench::new();
    bench.calibrated();
    let picture = |frame: u32| {
        let answer = bench.get(&format!(
            "/api/songs/song.wav/picture?at={}&slot={frame}",
            f64::from(frame) / 8.0
        ));
        assert_eq!(
            answer.assert(200).header("content-type"),
            Some("image/jpeg")
        );
        decoded(&answer.body)
    };
    let pictures: Vec<RgbImage> = (0..24).map(picture).collect();
    let job = bench.job("film");
    bench.job_in(job, "done");
    let reader = visualize::video::FilmReader::open(bench.path("song.mp4")).unwrap();
    let frames: Vec<RgbImage> = reader
        .frames()
        .unwrap()
        .map(|frame| frame.unwrap().picture.to_rgb().unwrap())
        .collect();
    assert_eq!(frames.len(), pictures.len());
    for (idx, picture) in pictures.iter().enumerate() {
        let nearest = (0..frames.len()).min_by(|a, b| {
            distance(picture, &frames[*a]).total_cmp(&distance(picture, &frames[*b]))
        });
        let own = distance(picture, &frames[idx]);
        assert!(own < 6.0, "frame {idx} lies {own} from its picture");
        assert!(
            nearest == Some(idx) || own < 1.05 * distance(picture, &frames[nearest.unwrap()]),
            "frame {idx}: {nearest:?}"
        );
    }
}

#[test]
fn a_kept_picture_may_be_kept_by_the_browser_as_long_as_the_plan_lasts() {
    let bench = Bench::new();
    let revision = bench.calibrated()["revision"].as_u64().unwrap();
    let control = |rev: u64| {
        let answer = bench.get(&format!("/api/songs/song.wav/picture?at=1&rev={rev}"));
        answer
            .assert(200)
            .header("cache-control")
            .unwrap()
            .to_owned()
    };
    assert!(control(revision).contains("immutable"));
    assert_eq!(control(revision + 1), "no-store");
}

#[test]
fn an_edit_is_seen_at_once() {
    let bench = Bench::new();
    let before = bench.calibrated();
    let old = decoded(&bench.get("/api/songs/song.wav/picture?at=0").body);
    let started = Instant::now();
    bench
        .edit(
            "prompts",
            json!({"edit": "set_text", "line": 2, "text": "burning red flames"}),
        )
        .assert(200);
    bench.wait("another plan", || {
        let plan = bench.get_json("/api/songs/song.wav/plan");
        (plan["revision"].as_u64() > before["revision"].as_u64()).then_some(())
    });
    let new = decoded(&bench.get("/api/songs/song.wav/picture?at=0").body);
    assert!(
        started.elapsed() < Duration::from_secs(20),
        "{:?}",
        started.elapsed()
    );
    assert!(distance(&old, &new) > 10.0, "{}", distance(&old, &new));
    // The plan is measured in the background, and its pictures are the film's then.
    bench.calibrated();
}

#[test]
fn a_newer_wish_of_the_same_slot_takes_the_place_of_an_older_one() {
    let bench = Bench::with_song(20.0);
    bench.calibrated();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..30)
            .map(|i| {
                let bench = &bench;
                scope.spawn(move || {
                    bench
                        .get(&format!(
                            "/api/songs/song.wav/picture?at={}&slot=stage",
                            i as f64 / 2.0
                        ))
                        .status
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert!(
        statuses.iter().all(|status| [200, 499].contains(status)),
        "{statuses:?}"
    );
    assert!(
        statuses.contains(&200) && statuses.contains(&499),
        "{statuses:?}"
    );
}

#[test]
fn a_picture_is_drawn_while_a_film_is() {
    let bench = Bench::with_song(20.0);
    bench.calibrated();
    let job = bench.job("film");
    bench.wait("drawing", || {
        (bench.job_now(job)["phase"] == "drawing").then_some(())
    });
    let started = Instant::now();
    bench
        .get("/api/songs/song.wav/picture?at=19.5&slot=stage")
        .assert(200);
    let waited = started.elapsed();
    assert_eq!(
        bench.job_now(job)["phase"],
        "drawing",
        "the film was over too soon to tell"
    );
    assert!(waited < Duration::from_secs(10), "{waited:?}");
    bench
        .post(&format!("/api/jobs/{job}/cancel"), json!({}))
        .assert(200);
    bench.job_in(job, "cancelled");
}
