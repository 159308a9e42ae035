//! Films planned with a calibration.

use analysis::Analysis;

use super::test_songs::{Song, config};
use timeline::{Frame, NoiseKind, Timeline};

use super::*;
use crate::calibration::{self, Calibration, MeasuredSegment, Scale, Table};
use crate::prompts::Script;

/// What probes could tell of a segment on which the picture jumps in the middle, and moves evenly else; `prompt_length` is
/// the jump's height.
fn measured(segment: &Segment, prompt_length: f64) -> MeasuredSegment {
    let scale = Scale {
        prompt_length,
        seed_length: 0.08,
        hit_lengths: [0.03, 0.12],
    };
    let (start, end) = (segment.span.start, segment.span.end);
    let drift = 0.08 * segment.n_seeds(scale) as f64;
    let (mut secs, mut lengths) = (Vec::new(), Vec::new());
    for (share, jumped) in [
        (0.0, 0.0),
        (0.3, 0.0),
        (0.499, 0.0),
        (0.501, 1.0),
        (0.8, 1.0),
        (1.0, 1.0),
    ] {
        secs.push(start + share * (end - start));
        lengths.push(share * drift + jumped * prompt_length);
    }
    MeasuredSegment {
        key: String::new(),
        scale,
        secs,
        lengths,
    }
}

fn script(text: &str) -> Script {
    Script::parse("p", text.as_bytes()).unwrap()
}

fn calibrated(plan: &Plan<'_>, prompt_length: impl Fn(usize) -> f64) -> Calibration {
    let segments = plan.segments().iter().enumerate();
    Calibration {
        schema_version: calibration::SCHEMA_VERSION,
        segments: segments
            .map(|(idx, segment)| measured(segment, prompt_length(idx)))
            .collect(),
    }
}

fn film(text: &str, analysis: &Analysis, config: &MappingConfig) -> Timeline {
    let script = script(text);
    let plan = Plan::new(analysis, &script, config).unwrap();
    let timeline = plan.timeline(Some(&calibrated(&plan, |_| 0.4))).unwrap();
    timeline.validate().unwrap();
    timeline
}

const TEXT: &str = "a\n[0:10] b\n[0:25] c {seed=42}\n[0:45] d";

#[test]
fn prompts_keep_their_prompt_cues() {
    let song = Song::default().analysis();
    let film = film(TEXT, &song, &config(24));
    for (secs, prompt) in [(10, 1), (25, 2), (45, 3)] {
        let frame = film.frames[secs * 24];
        assert_eq!((frame.prompt_from, frame.prompt_mix), (prompt, 0.0));
    }
    let mix = film.inputs(25 * 24).unwrap().noise;
    let own = mix.terms.iter().find(|(seed, _)| *seed == 42).unwrap();
    assert!(own.1 > 0.9, "{mix:?}");
}

#[test]
fn a_calibrated_film_agrees_at_common_times_and_never_turns_back() {
    let song = Song::default().analysis();
    let slow = film(TEXT, &song, &config(12));
    for (num, every_slow, every) in [(24, 1, 2), (30, 2, 5), (60, 1, 5)] {
        let fast = film(TEXT, &song, &config(num));
        let common = slow.frames.iter().step_by(every_slow);
        for (a, b) in common.zip(fast.frames.iter().step_by(every)) {
            for (a, b) in [
                (a.prompt_mix, b.prompt_mix),
                (a.noise_position, b.noise_position),
                (a.speed.unwrap(), b.speed.unwrap()),
                (a.to_side(a.pulse), b.to_side(b.pulse)),
                (a.hit.unwrap(), b.hit.unwrap()),
            ] {
                assert!((a - b).abs() < 1e-6, "frame {}", a);
            }
        }
        for pair in fast.frames.windows(2) {
            assert!(pair[1].noise_position >= pair[0].noise_position - 1e-9);
            let place = |f: &Frame| f.prompt_from as f64 + f.prompt_mix;
            assert!(place(&pair[1]) >= place(&pair[0]) - 1e-9);
        }
    }
}

#[test]
fn the_picture_moves_as_fast_as_the_music_asks_for() {
    let song = Song::default().analysis();
    let script = script(TEXT);
    let config = config(24);
    let plan = Plan::new(&song, &script, &config).unwrap();
    let calibration = calibrated(&plan, |_| 0.4);
    let film = plan.timeline(Some(&calibration)).unwrap();
    let steps = film.target_steps().unwrap();
    for (segment, measured) in plan.segments().iter().zip(&calibration.segments) {
        // Visible length up to a time on the course: the table the other way round.
        let table = Table::new(measured).unwrap();
        let length = |secs: f64| {
            let (mut low, mut high) = (0.0, measured.length());
            for _ in 0..60 {
                let middle = 0.5 * (low + high);
                if table.secs(middle) < secs {
                    low = middle
                } else {
                    high = middle
                }
            }
            low
        };
        let first = (segment.span.start * 24.0).ceil() as usize;
        let last = ((segment.span.end * 24.0) as usize).min(film.frames.len() - 1);
        // Where the course is, by the noise, which goes evenly with the music's own position.
        let n = segment.n_seeds(measured.scale) as f64;
        let origin = film.frames[first].noise_position.floor();
        for idx in (first + 1..last).step_by(7) {
            let place = |idx: usize| {
                let share = (film.frames[idx].noise_position - origin) / n;
                let (mut low, mut high) = (segment.span.start, segment.span.end);
                for _ in 0..60 {
                    let middle = 0.5 * (low + high);
                    let position = plan.motion_position(middle);
                    if segment.share(position) < share {
                        low = middle
                    } else {
                        high = middle
                    }
                }
                length(low)
            };
            let moved = place(idx + 1) - place(idx);
            let drift = 0.5
                * (film.frames[idx].speed.unwrap() + film.frames[idx + 1].speed.unwrap())
                / 24.0;
            assert!(
                (moved / drift - 1.0).abs() < 0.08,
                "frame {idx}: {moved} {drift} {}",
                steps[idx]
            );
        }
    }
}

#[test]
fn equal_hits_push_the_picture_alike() {
    let song = Song {
        onsets: [24.0, 44.0, 50.0]
            .map(|secs| test_songs::onset(secs, 0.9, analysis::Band::Low))
            .to_vec(),
        ..Song::default()
    };
    let film = film(TEXT, &song.analysis(), &config(24));
    let hits = [24, 44, 50].map(|secs| film.frames[secs * 24]);
    for hit in hits {
        let pushed = hit.hit.unwrap();
        assert!((pushed / hits[0].hit.unwrap() - 1.0).abs() < 0.02 && pushed > 0.005);
        let hit_length = 0.03 + hit.prompt_mix * 0.09; // as the scale says
        assert!((hit.pulse * hit_length - pushed).abs() < 1e-6);
    }
    assert!(
        hits[2].pulse > 2.0 * hits[0].pulse,
        "it takes more to move a picture that hardly moves"
    );
}

#[test]
fn speed_has_no_step_where_legs_meet() {
    let song = Song {
        onsets: Vec::new(),
        loudness_db: |_| -14.0,
        ..Song::default()
    };
    let film = film(TEXT, &song.analysis(), &config(24));
    let steps = film.target_steps().unwrap();
    for secs in [10, 25, 45] {
        let around = &steps[secs * 24 - 12..secs * 24 + 12];
        let mean = around.iter().sum::<f64>() / 24.0;
        assert!(
            around
                .iter()
                .all(|step| (0.77..1.3).contains(&(step / mean))),
            "{secs}: {around:?}"
        );
    }
}

#[test]
fn an_edited_prompt_changes_the_legs_that_show_it_and_no_other() {
    let song = Song::default().analysis();
    let config = config(24);
    let frames = |text: &str, changed: bool| {
        let script = script(text);
        let plan = Plan::new(&song, &script, &config).unwrap();
        let length = |idx| {
            if changed && (idx == 1 || idx == 2) {
                0.9
            } else {
                0.4
            }
        };
        let film = plan.timeline(Some(&calibrated(&plan, length))).unwrap();
        let inputs: Vec<_> = (0..film.frames.len() as u64)
            .map(|i| film.inputs(i).unwrap())
            .collect();
        inputs
    };
    let (before, after) = (frames(TEXT, false), frames(&TEXT.replace('c', "z"), true));
    let n_seeds_differ = before[11 * 24] != after[11 * 24];
    assert!(n_seeds_differ);
    for (idx, (a, b)) in before.iter().zip(&after).enumerate() {
        let secs = idx as f64 / 24.0;
        assert!(a == b || (10.0..45.0).contains(&secs), "{secs}");
    }
}

#[test]
fn a_part_of_the_song_is_a_window_of_the_whole_calibrated_film() {
    let song = Song::default().analysis();
    let whole = film(TEXT, &song, &config(24));
    let part = film(
        TEXT,
        &song,
        &MappingConfig {
            start_secs: 30.0,
            duration_secs: Some(20.0),
            ..config(24)
        },
    );
    for idx in 0..480 {
        assert_eq!(
            part.inputs(idx).unwrap(),
            whole.inputs(idx + 720).unwrap(),
            "{idx}"
        );
    }
}

#[test]
fn a_part_of_a_film_takes_the_words_that_it_shows() {
    let song = Song::default().analysis();
    let film = film(TEXT, &song, &config(24));
    let words = |frames: &[std::ops::Range<u64>]| -> Vec<String> {
        let words = film.words_in(frames).into_iter();
        words.map(|words| words.text).collect()
    };
    let second = |secs: u64| 24 * secs..24 * (secs + 1);
    assert_eq!(words(&[second(11)]), ["b", "c"]);
    assert_eq!(words(&[second(30), second(2)]), ["a", "b", "c", "d"]);
    assert_eq!(words(&[second(59)]), ["d"]);
    assert!(words(&[second(60), 7..7]).is_empty());
}

#[test]
fn a_calibrated_loop_closes() {
    let song = Song::default().analysis();
    let config = MappingConfig {
        looping: Looping::Whole,
        start_secs: 10.0,
        duration_secs: Some(24.0),
        ..config(24)
    };
    for text in ["a", "a\nb", "a\nb\nc"] {
        let film = film(text, &song, &config);
        let n = film.frames.len() as u64;
        let seam = timeline::step(&film.inputs(n - 1).unwrap(), &film.inputs(0).unwrap());
        let inner = timeline::step(&film.inputs(0).unwrap(), &film.inputs(1).unwrap());
        assert!(seam < 1.5 * inner && seam > 0.0, "{text:?}: {seam} {inner}");
        assert_eq!(film.noise.kind, NoiseKind::Loop);
    }
}

/// However much longer or shorter the course is than the music asks for, evenly or not.
#[test]
fn the_seam_of_a_loop_is_no_larger_than_other_steps() {
    let song = Song::default().analysis();
    for (secs, rate) in [(1.0, 60), (2.0, 24), (5.5, 30), (16.0, 24)] {
        let config = MappingConfig {
            looping: Looping::Whole,
            start_secs: 30.0,
            duration_secs: Some(secs),
            ..config(rate)
        };
        for text in ["a", "a\nb", "a\nb\nc\nd"] {
            let script = script(text);
            let plan = Plan::new(&song, &script, &config).unwrap();
            for factors in [[0.3, 0.3], [0.5, 1.0], [1.0, 1.0], [1.0, 3.0], [2.0, 0.5]] {
                let mut calibration = calibrated(&plan, |_| 0.2);
                for (idx, measured) in calibration.segments.iter_mut().enumerate() {
                    for length in &mut measured.lengths {
                        *length *= factors[idx % 2];
                    }
                }
                let film = plan.timeline(Some(&calibration)).unwrap();
                let mut steps = film.target_steps().unwrap();
                let (first, last) = (film.frames[0], film.frames[film.frames.len() - 1]);
                let drift = 0.5 * (first.speed.unwrap() + last.speed.unwrap()) / f64::from(rate);
                let pushed = first.to_side(first.hit.unwrap()) - last.to_side(last.hit.unwrap());
                let seam = drift.hypot(pushed);
                steps.sort_by(f64::total_cmp);
                let median = steps[steps.len() / 2];
                assert!(
                    (0.1..0.8).contains(&(seam / median)),
                    "{secs} s, {text:?}, {factors:?}: {seam} {median}"
                );
            }
        }
    }
}

#[test]
fn hits_of_a_short_loop_grow_as_much_as_it_has_to_hurry() {
    let song = Song::default().analysis();
    let hurry = |secs: f64| {
        let config = MappingConfig {
            looping: Looping::Whole,
            start_secs: 34.0,
            duration_secs: Some(secs),
            ..config(24)
        };
        let script = script("a");
        let plan = Plan::new(&song, &script, &config).unwrap();
        let (plain, film) = (
            plan.timeline(None).unwrap(),
            plan.timeline(Some(&calibrated(&plan, |_| 0.0))).unwrap(),
        );
        let grown = plain
            .frames
            .iter()
            .zip(&film.frames)
            .filter_map(|(plain, film)| {
                // Where the turn isn't at its limit, and the hit isn't all rounding.
                let grown = film.hit? / plain.pulse.max(1e-9);
                (film.pulse < 0.89 && plain.pulse > 1e-3).then_some(grown)
            });
        grown.fold(0.0, f64::max)
    };
    let (long, short) = (hurry(24.0), hurry(1.0));
    assert!((long - LENGTH_OF_HIT).abs() < 0.3 * LENGTH_OF_HIT, "{long}");
    assert!(
        short > 1.5 * long && short < 4.01 * LENGTH_OF_HIT,
        "{short} {long}"
    );
}

/// How far a pulse of a radian moves the picture in a film that isn't a loop.
const LENGTH_OF_HIT: f64 = 0.076;
