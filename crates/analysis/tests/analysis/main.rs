//! What the analysis hears in sounds whose truth is known, and what must not change it.

#![expect(
    clippy::unwrap_used,
    reason = "a test may panic; helpers here are not inside #[test] functions"
)]

mod dj_grids;
mod given;
mod invariance;
mod no_beat;

use std::f32::consts::TAU;
use std::path::Path;

use analysis::{Analysis, AnalysisConfig};
use audio::Track;

/// A sound as a function of the sample rate and the time in seconds, with `n_channels` equal channels.
fn hear(rate_hz: u32, n_channels: u16, secs: f32, sound: impl Fn(f32) -> f32) -> Analysis {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("song.wav");
    write(&path, rate_hz, n_channels, secs, sound);
    let track = Track::open(&path).unwrap();
    analysis::analyze(&track, &AnalysisConfig::default()).unwrap()
}

fn write(path: &Path, rate_hz: u32, n_channels: u16, secs: f32, sound: impl Fn(f32) -> f32) {
    let spec = hound::WavSpec {
        channels: n_channels,
        sample_rate: rate_hz,
        bits_per_sample: 32,
        sample_format: hound::SampleFormat::Float,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for i in 0..(secs * rate_hz as f32) as u32 {
        let value = sound(i as f32 / rate_hz as f32);
        for _ in 0..n_channels {
            writer.write_sample(value).unwrap();
        }
    }
    writer.finalize().unwrap();
}

/// A tone of `hz` that starts at 0 and fades by a factor of e in `decay` seconds.
fn ping(t: f32, hz: f32, decay: f32) -> f32 {
    if t < 0.0 {
        0.0
    } else {
        (t * hz * TAU).sin() * (-t / decay).exp()
    }
}

/// The same noise at every sample rate: many tones that share no period.
fn hiss(t: f32, decay: f32) -> f32 {
    if !(0.0..decay * 6.0).contains(&t) {
        return 0.0;
    }
    let tones =
        (0..24).map(|k| (t * TAU * (1500.0 + 367.7 * k as f32 + 13.3 * (k * k) as f32)).sin());
    tones.sum::<f32>() * 0.1 * (-t / decay).exp()
}

/// A click on each beat; the first of four is higher.
fn clicks(bpm: f32) -> impl Fn(f32) -> f32 {
    let period = 60.0 / bpm;
    move |t| {
        let beat = ((t - 0.5) / period).floor();
        if beat < 0.0 {
            return 0.0;
        }
        let hz = if beat as i32 % 4 == 0 { 1500.0 } else { 1000.0 };
        0.8 * ping(t - 0.5 - beat * period, hz, 0.012)
    }
}

/// Drums, bass and chords in 4/4 from 0.5 s on: a rock beat whose harmony changes each bar.
fn band(bpm: f32) -> impl Fn(f32) -> f32 {
    let period = 60.0 / bpm;
    move |t| {
        let t = t - 0.5;
        if t < 0.0 {
            return 0.0;
        }
        let beat = (t / period).floor();
        let (bar, position) = ((beat / 4.0).floor(), beat as i32 % 4);
        let since = t - beat * period;
        let half = if since >= period / 2.0 {
            since - period / 2.0
        } else {
            since
        };
        let root = [110.0, 87.3, 130.8, 98.0][bar as usize % 4];
        let since_bar = t - bar * 4.0 * period;
        let kick = if position % 2 == 0 {
            0.7 * ping(since, 55.0, 0.08)
        } else {
            0.0
        };
        let snare = if position % 2 == 1 {
            0.8 * hiss(since, 0.06) + 0.3 * ping(since, 190.0, 0.05)
        } else {
            0.0
        };
        let chord: f32 = [2.0, 2.52, 3.0]
            .iter()
            .map(|ratio| ping(since_bar, root * ratio, 1.2))
            .sum();
        kick + snare + 0.15 * hiss(half, 0.02) + 0.25 * ping(since_bar, root, 0.8) + 0.1 * chord
    }
}

fn times(analysis: &Analysis) -> Vec<f64> {
    analysis.beats.iter().map(|b| b.time_secs).collect()
}

/// F-measure with a tolerance of 70 ms, as in mir_eval.
fn f_measure(truth: &[f64], heard: &[f64]) -> f64 {
    let n_hit = truth
        .iter()
        .filter(|t| heard.iter().any(|h| (*t - h).abs() <= 0.07))
        .count();
    2.0 * n_hit as f64 / (truth.len() + heard.len()).max(1) as f64
}

pub(crate) fn grid(bpm: f64, secs: f64) -> Vec<f64> {
    (0..)
        .map(|i| 0.5 + f64::from(i) * 60.0 / bpm)
        .take_while(|t| *t < secs)
        .collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[test]
fn clicks_are_beats_at_every_tempo_and_rate() {
    for bpm in [60.0, 120.0, 160.0] {
        for rate_hz in [22_050, 44_100, 96_000] {
            let heard = hear(rate_hz, 1, 20.0, clicks(bpm));
            let truth = grid(f64::from(bpm), 20.0);
            let tempo = heard.tempo_bpm.unwrap();
            assert!(
                (tempo / f64::from(bpm) - 1.0).abs() < 0.02,
                "{bpm} at {rate_hz}: {tempo}"
            );
            assert!(
                f_measure(&truth, &times(&heard)) > 0.97,
                "{bpm} at {rate_hz}"
            );
            let offsets = heard.onsets.iter().map(|o| {
                let nearest = truth.iter().map(|t| o.time_secs - t);
                nearest.min_by(|a, b| a.abs().total_cmp(&b.abs())).unwrap()
            });
            let offset = median(offsets.collect());
            assert!(
                offset.abs() < 0.003,
                "{bpm} at {rate_hz}: onsets are {offset} s late"
            );
            // Clicks alone don't tell a beat from half of one: the level stays in some doubt.
            let confidence = heard.beat_confidence;
            assert!(confidence > 0.45, "{bpm} at {rate_hz}: {confidence}");
        }
    }
}

#[test]
fn a_band_has_beats_downbeats_and_bands() {
    let heard = hear(44_100, 1, 30.0, band(112.0));
    let truth = grid(112.0, 30.0);
    assert!(f_measure(&truth, &times(&heard)) > 0.97);
    let downbeats: Vec<f64> = truth.iter().copied().step_by(4).collect();
    let heard_downbeats = heard.beats.iter().filter(|b| b.position_in_bar == 1);
    let heard_downbeats: Vec<f64> = heard_downbeats.map(|b| b.time_secs).collect();
    assert!(f_measure(&downbeats, &heard_downbeats) > 0.9);
    let sections = &heard.sections;
    assert!(
        sections[0].start_secs == 0.0
            && sections[sections.len() - 1].end_secs == heard.duration_secs
    );
    assert!(
        sections
            .windows(2)
            .all(|w| w[0].end_secs == w[1].start_secs)
    );
}

#[test]
fn very_short_songs_are_heard() {
    for n_samples in [1, 80, 441, 4410] {
        let secs = n_samples as f32 / 44_100.0;
        let heard = hear(44_100, 1, secs + 1e-6, |t| (t * 3000.0).sin());
        assert!(heard.beats.is_empty());
        assert_eq!(heard.sections.len(), 1);
    }
}

#[test]
fn an_analysis_survives_json() {
    let heard = hear(44_100, 1, 10.0, band(112.0));
    let text = serde_json::to_string(&heard).unwrap();
    let back: Analysis = serde_json::from_str(&text).unwrap();
    assert_eq!(back.beats, heard.beats);
    assert_eq!(back.sections, heard.sections);
    assert_eq!(back.hops, heard.hops);
}

#[test]
fn pictures_labels_and_clicks_are_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("song.wav");
    write(&path, 44_100, 2, 10.0, band(112.0));
    let heard =
        analysis::analyze(&Track::open(&path).unwrap(), &AnalysisConfig::default()).unwrap();
    analysis::plot(&heard)
        .unwrap()
        .save(folder.path().join("song.png"))
        .unwrap();
    analysis::write_clicks(&heard, folder.path().join("clicks.wav")).unwrap();
    let clicks = hound::WavReader::open(folder.path().join("clicks.wav")).unwrap();
    assert_eq!((clicks.spec().channels, clicks.duration()), (2, 441_000));
    let labels = analysis::labels(&heard);
    assert_eq!(
        labels.lines().count(),
        heard.beats.len() + heard.sections.len()
    );
    assert!(labels.lines().all(|line| line.split('\t').count() == 3));
    let summary = analysis::summary(&heard, 80).unwrap();
    assert!(summary.contains("bpm") && summary.lines().all(|line| line.chars().count() <= 80));
}
