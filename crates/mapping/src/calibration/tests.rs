//! Measuring a course whose pictures are known: a wave that drifts, and changes into another one within a thousandth of the
//! way, as a model's motif does.

use common::Result;
use image::{Rgb, RgbImage};
use picture::perception::Percept;
use proptest::prelude::*;

use super::*;

/// Where the wave changes, as a share of the course.
const JUMP_AT: f64 = 0.3712;

/// The course's picture at a share of it.
fn picture(share: f64) -> RgbImage {
    let changed = 1.0 / (1.0 + (-(share - JUMP_AT) / 0.0005).exp());
    RgbImage::from_fn(64, 64, |x, y| {
        let (x, y) = (f64::from(x), f64::from(y));
        let one = (0.2 * x + 2.0 * share).sin();
        let other = (0.15 * y - 2.0 * share).sin();
        let value = 128.0 + 100.0 * (one + changed * (other - one));
        Rgb([value as u8, (0.5 * value + 40.0) as u8, 90])
    })
}

fn draw(times: &[f64]) -> Result<Vec<Percept>> {
    Ok(times
        .iter()
        .map(|secs| Percept::of(&picture(secs / 10.0)))
        .collect())
}

fn measured(n_probes: usize) -> MeasuredSegment {
    measure(
        String::new(),
        Scale::default(),
        0.0..10.0,
        n_probes,
        6,
        &mut draw,
    )
    .unwrap()
}

/// Distances between neighbours of 241 frames at times.
fn steps(secs: impl Fn(f64) -> f64) -> Vec<f64> {
    let frames: Vec<Percept> = (0..=240)
        .map(|i| Percept::of(&picture(secs(f64::from(i) / 240.0) / 10.0)))
        .collect();
    frames
        .windows(2)
        .map(|pair| pair[0].distance(&pair[1]))
        .collect()
}

/// Largest over median step.
fn unevenness(mut steps: Vec<f64>) -> f64 {
    steps.sort_by(f64::total_cmp);
    steps[steps.len() - 1] / steps[steps.len() / 2]
}

#[test]
fn a_jump_is_spread_over_many_frames() {
    let before = unevenness(steps(|share| 10.0 * share));
    let segment = measured(24); // a tenth of the frames
    let table = Table::new(&segment).unwrap();
    let after = unevenness(steps(|share| table.secs(share * segment.length())));
    assert!(before > 20.0, "{before}");
    assert!(after < 4.0, "{before} {after}");
}

#[test]
fn probes_gather_at_the_jump_and_are_never_too_many() {
    for n in [2, 3, 10, 24, 60, 250] {
        let segment = measured(n);
        assert!(segment.secs.len() <= n + 1, "{n}: {}", segment.secs.len());
        assert_eq!(segment.span(), 0.0..10.0);
        assert!(Table::new(&segment).is_some());
    }
    let near = |secs: &&f64| (**secs - 10.0 * JUMP_AT).abs() < 0.1;
    assert!(measured(24).secs.iter().filter(near).count() >= 5);
}

#[test]
fn an_even_course_takes_few_probes() {
    let mut n_drawn = 0;
    let mut draw = |times: &[f64]| {
        n_drawn += times.len();
        Ok(times
            .iter()
            .map(|secs| Percept::of(&picture(0.5 + secs / 100.0)))
            .collect())
    };
    measure(
        String::new(),
        Scale::default(),
        0.0..10.0,
        60,
        20,
        &mut draw,
    )
    .unwrap();
    assert!(n_drawn < 30, "{n_drawn}");
}

#[test]
fn a_still_picture_has_a_table() {
    let mut draw = |times: &[f64]| Ok(vec![Percept::of(&RgbImage::new(16, 16)); times.len()]);
    let segment = measure(String::new(), Scale::default(), 3.0..4.0, 9, 3, &mut draw).unwrap();
    assert!(segment.length() < 2e-5);
    let table = Table::new(&segment).unwrap();
    assert!((table.secs(0.5 * segment.length()) - 3.5).abs() < 1e-6);
}

#[test]
fn a_scale_tells_prompts_from_seeds() {
    let pictures = [0.1, 0.11, 0.9, 0.1, 0.9, 0.92].map(|share| Percept::of(&picture(share)));
    let turn = ScaleTurn {
        angle: 0.1,
        seed_angle: 1.0,
    };
    let scale = measure_scale(&pictures, turn);
    let [prompts, first_hit, last_hit] =
        [(0, 2), (0, 1), (4, 5)].map(|(a, b): (usize, usize)| pictures[a].distance(&pictures[b]));
    assert!((scale.prompt_length - prompts).abs() < 1e-6);
    assert!((scale.hit_lengths[0] - 10.0 * first_hit).abs() < 1e-6);
    assert!((scale.hit_lengths[1] - 10.0 * last_hit).abs() < 1e-6);
    assert!((scale.seed_length - 5.0 * (first_hit + last_hit)).abs() < 1e-6);
}

#[test]
fn what_was_saved_is_found_again_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    assert!(load_pool(folder.path()).is_empty());
    let mut calibration = Calibration {
        schema_version: SCHEMA_VERSION,
        segments: vec![MeasuredSegment {
            key: "ab".to_owned(),
            ..measured(9)
        }],
    };
    let path = save(&calibration, folder.path()).unwrap();
    assert_eq!(save(&calibration, folder.path()).unwrap(), path);
    assert_eq!(load_pool(folder.path()), calibration.segments);

    calibration.schema_version += 1;
    calibration.segments[0].key = "cd".to_owned();
    assert_ne!(save(&calibration, folder.path()).unwrap(), path);
    std::fs::write(folder.path().join("calibration-0.json"), "{\"schema").unwrap();
    let keys: Vec<String> = load_pool(folder.path())
        .into_iter()
        .map(|s| s.key)
        .collect();
    assert_eq!(keys, ["ab"]);
}

proptest! {
    #[test]
    fn a_segment_takes_as_many_probes_in_every_film_that_can_afford_them(
        cuts in prop::collection::vec(0.1f64..40.0, 2..30),
        shown in any::<prop::sample::Index>(),
        rate in 24u64..120,
    ) {
        let mut spans = vec![];
        let mut end = 0.0;
        for secs in cuts {
            spans.push(end..end + secs);
            end += secs;
        }
        let n_frames = |secs: f64| (rate as f64 * secs).ceil() as u64;
        let span = &spans[shown.index(spans.len())];
        let whole = Budget::new(spans.iter(), n_frames(end)).of(span);
        let part = Budget::new([span].into_iter(), n_frames(span.end - span.start));
        prop_assert_eq!(whole, part.of(span));
        let less = Budget::new(spans[1..].iter(), n_frames(end - spans[1].start));
        prop_assert_eq!(whole, less.of(span));
    }

    #[test]
    fn probes_are_not_more_than_frames(secs in 3.0f64..600.0, n_frames in 8u64..9000) {
        let spans = [0.0..0.3 * secs, 0.3 * secs..secs];
        let budget = Budget::new(spans.iter(), n_frames);
        let n: usize = spans.iter().map(|span| budget.of(span)).sum();
        prop_assert!(n as u64 <= n_frames, "{n}");
        prop_assert!(2 * (n as u64 + 2) > n_frames.min((2.4 * secs) as u64), "{n}");
    }
}

#[test]
fn short_ways_from_prompt_to_prompt_take_a_probe_for_each_frame() {
    assert_eq!(Budget::new([0.0..0.5].iter(), 12).of(&(0.0..0.5)), 12);
    assert_eq!(Budget::new([0.0..0.5].iter(), 24).of(&(0.0..0.5)), 12);
    assert_eq!(Budget::new([0.0..3.0].iter(), 72).of(&(0.0..3.0)), 14);
}

#[test]
fn a_walk_corrects_the_scale_that_a_small_turn_told() {
    let told = Scale {
        prompt_length: 0.2,
        seed_length: 0.1,
        hit_lengths: [0.1, 0.2],
    };
    // Five seeds moved the picture by 0.75 at a right angle to the prompts' 0.2: half as much again as told.
    let walk = (0.75f64.powi(2) + 0.2f64.powi(2)).sqrt();
    let found = told.corrected(walk, 5);
    assert!((found.seed_length - 0.15).abs() < 1e-8);
    assert!((found.hit_lengths[1] - 0.3).abs() < 1e-8);
    assert_eq!(found.prompt_length, 0.2);
    assert!((told.corrected(9.0, 5).seed_length - 0.2).abs() < 1e-8);
    assert!((told.corrected(0.01, 5).seed_length - 0.05).abs() < 1e-8);
}

#[test]
fn short_parts_of_an_even_walk_tell_its_length() {
    let mut n_drawn = 0;
    let mut even = |times: &[f64]| {
        n_drawn += times.len();
        let pictures = times.iter().map(|secs| picture(0.5 + secs / 20.0));
        Ok(pictures.map(|picture| Percept::of(&picture)).collect())
    };
    let told = walked(&(0.0..10.0), 79, &mut even).unwrap();
    let all = measure(
        String::new(),
        Scale::default(),
        0.0..10.0,
        80,
        79,
        &mut even,
    )
    .unwrap();
    assert!((told / all.length() - 1.0).abs() < 0.1, "{told}");
    assert!(n_drawn <= WALKED_PICTURES + 80);
}
