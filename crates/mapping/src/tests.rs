//! The stage as a whole.

use analysis::{Analysis, Band};
use common::Error;
use proptest::prelude::*;

use super::test_songs::{Song, config, onset};
use timeline::{Frame, NoiseKind, PromptText, Timeline};

use super::*;
use crate::prompts::Script;

mod loops;
mod saved;

fn plan(text: &str, analysis: &Analysis, config: &MappingConfig) -> Timeline {
    let script = Script::parse("p", text.as_bytes()).unwrap();
    let timeline = timeline(analysis, &script, config).unwrap_or_else(|error| panic!("{error}"));
    timeline.validate().unwrap();
    timeline
}

fn prompt_position(frame: &Frame) -> f64 {
    frame.prompt_from as f64 + frame.prompt_mix
}

#[test]
fn positions_agree_at_common_times_whatever_the_frame_rate() {
    let song = Song::default().analysis();
    let text = "a\nb\n[0:40.7] c {guidance=5}\nd";
    for mapping in [Mapping::Music, Mapping::Classic] {
        let at = |num| {
            plan(
                text,
                &song,
                &MappingConfig {
                    mapping,
                    ..config(num)
                },
            )
        };
        let slow = at(12);
        for num in [24, 60, 120] {
            let fast = at(num);
            let every = (num / 12) as usize;
            for (a, b) in slow.frames.iter().zip(fast.frames.iter().step_by(every)) {
                for (a, b) in [
                    (prompt_position(a), prompt_position(b)),
                    (a.noise_position, b.noise_position),
                    (a.noise_velocity, b.noise_velocity),
                    (a.prompt_velocity, b.prompt_velocity),
                    (a.pulse, b.pulse),
                    (a.guidance_scale, b.guidance_scale),
                ] {
                    assert!((a - b).abs() < 1e-6);
                }
            }
        }
        let thirty = at(30);
        for (a, b) in slow
            .frames
            .iter()
            .step_by(2)
            .zip(thirty.frames.iter().step_by(5))
        {
            assert!((a.noise_position - b.noise_position).abs() < 1e-6);
            assert!((a.pulse - b.pulse).abs() < 1e-6);
        }
    }
}

#[test]
fn a_part_of_the_song_is_a_window_of_the_whole_film() {
    let song = Song::default().analysis();
    let whole = plan("a\nb\nc\nd", &song, &config(24));
    let part = plan(
        "a\nb\nc\nd",
        &song,
        &MappingConfig {
            start_secs: 20.0,
            duration_secs: Some(15.0),
            ..config(24)
        },
    );
    assert_eq!(part.frames.len(), 15 * 24);
    assert_eq!(part.song.start_sample, 20 * 44100);
    assert!(part.prompts[0].arrival_secs < 0.0);
    for frame in &part.frames {
        let same = whole.inputs(frame.frame_idx + 20 * 24).unwrap();
        let inputs = part.inputs(frame.frame_idx).unwrap();
        assert_eq!(inputs.prompt_from, same.prompt_from);
        assert!((inputs.prompt_mix - same.prompt_mix).abs() < 1e-6);
        for ((seed, weight), (same_seed, same_weight)) in
            inputs.noise.terms.iter().zip(&same.noise.terms)
        {
            assert_eq!(seed, same_seed);
            assert!((weight - same_weight).abs() < 1e-6);
        }
    }
}

#[test]
fn loud_parts_move_faster_and_silence_drifts() {
    let song = Song {
        loudness_db: |secs| {
            if secs < 10.0 {
                -120.0
            } else if secs < 30.0 {
                -30.0
            } else {
                -10.0
            }
        },
        ..Song::default()
    };
    let film = plan("a", &song.analysis(), &config(24));
    let speed = |secs: usize| {
        film.frames[(secs + 1) * 24].noise_position - film.frames[secs * 24].noise_position
    };
    assert!(speed(5) > 0.02, "never frozen: {}", speed(5));
    assert!(speed(20) > 1.05 * speed(5));
    assert!(speed(50) > 4.0 * speed(20));
    assert!(film.frames[..240].iter().all(|frame| frame.pulse <= 0.0));
}

#[test]
fn hits_show_in_the_nearest_frames() {
    let song = Song {
        onsets: vec![onset(10.02, 1.0, Band::Low)],
        ..Song::default()
    };
    let film = plan("a", &song.analysis(), &config(24));
    let strongest = film
        .frames
        .iter()
        .max_by(|a, b| a.pulse.total_cmp(&b.pulse))
        .unwrap();
    let lag = film.frame_rate.frame_time_secs(strongest.frame_idx) - 10.02;
    assert!((0.0..1.0 / 24.0).contains(&lag), "{lag}");
}

#[test]
fn seeds_of_prompts_lie_on_the_path_at_their_arrival() {
    let song = Song::default().analysis();
    let film = plan("a {seed=5}\n[0:45] b {seed=42}", &song, &config(24));
    let knot = film.frames[45 * 24].noise_position.round() as usize;
    assert_eq!(film.noise.seeds[0], 5);
    assert_eq!(film.noise.seeds[knot..knot + 2], [42, 43]);
    let inputs = film.inputs(45 * 24).unwrap();
    assert!(inputs.noise.terms.iter().any(|(seed, _)| *seed == 42));
}

#[test]
fn words_and_guidance_reach_the_frames() {
    let song = Song::default().analysis();
    let text = "style: oil\n--neg text\na --neg cars\n[0:30] b {guidance=4}";
    let settings = MappingConfig {
        negative: "blur".to_owned(),
        guidance_scale: 2.0,
        ..config(10)
    };
    let film = plan(text, &song, &settings);
    let words = |text: &str, negative: &str| PromptText {
        text: text.to_owned(),
        negative: negative.to_owned(),
    };
    let inputs = film.inputs(150).unwrap();
    assert_eq!(inputs.prompt_from, words("a, oil", "cars, text, blur"));
    assert_eq!(inputs.prompt_to, words("b, oil", "text, blur"));
    assert!((inputs.prompt_mix - 0.5).abs() < 1e-9);
    assert!((inputs.guidance_scale - 3.0).abs() < 1e-9);
    assert!((film.frames[300].guidance_scale - 4.0).abs() < 1e-9);
    assert!(film.inputs(600).is_err());
}

#[test]
fn routes_drive_speed_and_guidance() {
    let mut song = Song::default().analysis();
    let mut bands = song.hops.bands.to_vec().unwrap();
    for (hop, bands) in bands.iter_mut().enumerate() {
        bands[2] = if (1000..2000).contains(&hop) {
            0.2
        } else {
            0.001
        };
    }
    song.hops.bands = bands.into();
    let text = "map: noise = high\nmap: guidance = high {gain=3}\na";
    let film = plan(
        text,
        &song,
        &MappingConfig {
            guidance_scale: 2.0,
            ..config(24)
        },
    );
    let (inside, outside) = (film.frames[15 * 24], film.frames[40 * 24]);
    assert!(inside.noise_velocity > 4.0 * outside.noise_velocity);
    assert!(
        (inside.guidance_scale - 5.0).abs() < 0.01,
        "{}",
        inside.guidance_scale
    );
    assert!(outside.guidance_scale < 2.5);
}

#[test]
fn the_classic_walk_moves_with_percussion_only() {
    let song = Song::default().analysis();
    let film = plan(
        "a\nb\nc\nd",
        &song,
        &MappingConfig {
            mapping: Mapping::Classic,
            ..config(24)
        },
    );
    assert_eq!(film.noise.kind, NoiseKind::Slerp);
    let on_hit = film.frames[40 * 24].noise_velocity;
    let off_hit = film.frames[40 * 24 + 8].noise_velocity;
    assert!(on_hit > 10.0 * off_hit, "{on_hit} {off_hit}");
    for frame in &film.frames {
        let both = (prompt_position(frame), frame.noise_position);
        assert!(both.0 >= 3.0 || (both.0 - both.1).abs() < 1e-8, "{both:?}");
    }
}

#[test]
fn odd_songs_are_valid_films() {
    let silence = Song {
        loudness_db: |_| -120.0,
        onsets: Vec::new(),
        sections: Vec::new(),
        ..Song::default()
    };
    let mut silence = silence.analysis();
    silence.beats.clear();
    let mut blip = silence.clone();
    blip.track.n_samples = 441;
    blip.duration_secs = 0.01;
    blip.hops = analysis::Hops::default();
    for (song, n_frames) in [(silence, 1440), (blip, 1)] {
        for mapping in [Mapping::Music, Mapping::Classic] {
            for text in ["a", "a\nb\nc"] {
                let film = plan(
                    text,
                    &song,
                    &MappingConfig {
                        mapping,
                        ..config(24)
                    },
                );
                assert_eq!(film.frames.len(), n_frames);
                for idx in 0..n_frames as u64 {
                    film.inputs(idx).unwrap();
                }
            }
        }
    }
}

#[test]
fn settings_out_of_range_are_refused() {
    let song = Song::default().analysis();
    let script = Script::built_in().unwrap();
    let mut empty = song.clone();
    empty.track.n_samples = 0;
    assert!(matches!(
        timeline(&empty, &script, &config(24)),
        Err(Error::Input { .. })
    ));
    let wrong: [fn(&mut MappingConfig); 9] = [
        |c| c.start_secs = 60.0,
        |c| c.start_secs = -1.0,
        |c| c.start_secs = f64::NAN,
        |c| c.duration_secs = Some(0.0),
        |c| c.duration_secs = Some(f64::INFINITY),
        |c| c.guidance_scale = 101.0,
        |c| c.knobs.dwell = 1.0,
        |c| c.knobs.energy = -0.1,
        |c| c.knobs.smooth = f64::NAN,
    ];
    for change in wrong {
        let mut config = config(24);
        change(&mut config);
        let error = timeline(&song, &script, &config).unwrap_err();
        assert!(matches!(error, Error::Config { .. }), "{error}");
    }
}

#[test]
fn a_plan_can_be_drawn() {
    let song = Song::default().analysis();
    let text = "a <harbour> & dawn\nboats\n[0:40] stars";
    let whole = plan(text, &song, &config(24));
    let svg = plot(&whole, Some(&song)).svg();
    for part in [
        "song.flac",
        "a &lt;harbour&gt; &amp; dawn",
        "boats",
        "stars",
        "chorus",
        "pulse",
    ] {
        assert!(svg.contains(part), "{part}");
    }
    let settings = MappingConfig {
        start_secs: 59.0,
        duration_secs: Some(0.01),
        ..config(24)
    };
    let one_frame = plan("a", &song, &settings);
    assert_eq!(one_frame.frames.len(), 1);
    assert!(!plot(&one_frame, None).svg().contains("sections"));
}

/// The claims about motion, on the plan of a song with a hit on every beat: no leap, no standing still.
#[test]
fn a_steady_song_moves_steadily() {
    let beats = (0..120).map(|i| 0.5 * f64::from(i));
    let song = Song {
        loudness_db: |_| -10.0,
        onsets: beats.map(|secs| onset(secs, 0.8, Band::Low)).collect(),
        ..Song::default()
    };
    let film = plan("a\nb\nc\nd", &song.analysis(), &config(24));
    let mut steps = film.target_steps().unwrap();
    let n = steps.len() as f64;
    let mean = steps.iter().sum::<f64>() / n;
    let deviation = (steps.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / n).sqrt();
    steps.sort_by(f64::total_cmp);
    let median = steps[steps.len() / 2];
    let largest = steps.last().unwrap() / median;
    let n_frozen = steps.iter().filter(|s| **s < 0.1 * median).count();
    assert!(largest < 12.0, "{largest}");
    assert!(deviation < 1.1 * mean, "{}", deviation / mean);
    assert!((n_frozen as f64) < 0.01 * n, "{n_frozen}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn positions_never_turn_back_and_noise_is_gaussian(
        num in 1u32..70,
        seed in any::<u64>(),
        n_prompts in 1usize..12,
        start_secs in 0.0f64..50.0,
        duration_secs in 0.05f64..20.0,
        energy in 0.0f64..3.0,
        smooth in 0.0f64..3.0,
        dwell in 0.0f64..0.9,
    ) {
        let song = Song::default().analysis();
        let knobs = Knobs { energy, smooth, dwell, ..Knobs::default() };
        let settings = MappingConfig {
            seed, start_secs, duration_secs: Some(duration_secs), knobs, ..config(num)
        };
        let film = plan(&"a\n".repeat(n_prompts), &song, &settings);
        let n = film.frame_rate.n_frames(film.song.n_samples, film.song.sample_rate_hz);
        prop_assert_eq!(film.frames.len() as u64, n);
        for pair in film.frames.windows(2) {
            prop_assert!(prompt_position(&pair[1]) >= prompt_position(&pair[0]));
            prop_assert!(pair[1].noise_position > pair[0].noise_position, "never frozen");
        }
        for frame in &film.frames {
            let squares: f64 = film.inputs(frame.frame_idx).unwrap().noise.terms.iter().map(|(_, w)| w * w).sum();
            prop_assert!((squares - 1.0).abs() < 1e-12);
        }
        let mut bytes = Vec::new();
        film.write_json(&mut bytes).unwrap();
        prop_assert_eq!(serde_json::from_slice::<Timeline>(&bytes).unwrap(), film);
    }
}

#[test]
fn still_frames_do_not_depend_on_the_range_that_is_asked_for() {
    let mut config = config(24);
    config.render.diffusion.skip_still = 0.05;
    let script = Script::parse("p", b"sea\nfire").unwrap();
    let timeline = timeline(&Song::default().analysis(), &script, &config).unwrap();
    let whole = timeline.drawn_inputs(0..300).unwrap();
    assert_eq!(whole.len(), 300);
    let n_repeated = whole.windows(2).filter(|pair| pair[0] == pair[1]).count();
    assert!((1..299).contains(&n_repeated), "{n_repeated}");
    for keyframe in [0, 48, 96, 144] {
        assert_eq!(whole[keyframe], timeline.inputs(keyframe as u64).unwrap());
    }
    for range in [0..1, 10..60, 47..49, 48..96, 100..300, 200..200] {
        let part = timeline.drawn_inputs(range.clone()).unwrap();
        assert_eq!(part, whole[range.start as usize..range.end as usize]);
    }
}
