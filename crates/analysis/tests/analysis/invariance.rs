//! What must not change what is heard, and what shifts or stretches all of it alike.

use std::path::{Path, PathBuf};

use analysis::{Analysis, AnalysisConfig};
use audio::Track;

use super::{band, hear, write};

/// Both analyses have the same beats, `shift` seconds apart and stretched by `stretch`.
fn assert_same(a: &Analysis, b: &Analysis, stretch: f64, shift: f64, tolerance: f64) {
    assert_eq!(a.beats.len(), b.beats.len());
    for (a, b) in a.beats.iter().zip(&b.beats) {
        let expected = a.time_secs * stretch + shift;
        assert!(
            (expected - b.time_secs).abs() <= tolerance,
            "{expected} and {}",
            b.time_secs
        );
        assert_eq!(a.position_in_bar, b.position_in_bar);
    }
    // A stretched sound is another sound: an onset that is barely heard may be heard no more.
    let n_lost = usize::from(stretch != 1.0);
    assert!(a.onsets.len().abs_diff(b.onsets.len()) <= n_lost);
}

#[test]
fn gain_polarity_and_channels_change_nothing() {
    let song = band(112.0);
    let plain = hear(44_100, 1, 20.0, &song);
    assert_same(
        &plain,
        &hear(44_100, 1, 20.0, |t| song(t) * 0.01),
        1.0,
        0.0,
        0.002,
    );
    assert_same(&plain, &hear(44_100, 1, 20.0, |t| -song(t)), 1.0, 0.0, 1e-9);
    assert_same(&plain, &hear(44_100, 2, 20.0, &song), 1.0, 0.0, 1e-9);
}

#[test]
fn sample_rate_changes_nothing() {
    let plain = hear(44_100, 1, 20.0, band(112.0));
    for rate_hz in [24_000, 48_000, 96_000] {
        let other = hear(rate_hz, 1, 20.0, band(112.0));
        assert_eq!(plain.beats.len(), other.beats.len(), "{rate_hz}");
        for (a, b) in plain.beats.iter().zip(&other.beats) {
            assert!((a.time_secs - b.time_secs).abs() <= 0.005, "{rate_hz}");
            assert_eq!(a.position_in_bar, b.position_in_bar, "{rate_hz}");
        }
    }
}

#[test]
fn leading_silence_shifts_everything_by_its_length() {
    let song = band(112.0);
    let plain = hear(44_100, 1, 20.0, &song);
    let late = hear(
        44_100,
        1,
        23.0,
        |t| if t < 3.0 { 0.0 } else { song(t - 3.0) },
    );
    assert_same(&plain, &late, 1.0, 3.0, 0.002);
}

#[test]
fn a_slower_song_has_slower_beats() {
    let plain = hear(44_100, 1, 20.0, band(112.0));
    let slow = hear(44_100, 1, 20.6, band(112.0 / 1.03));
    // The music starts at 0.5 s in both.
    assert_same(&plain, &slow, 1.03, 0.5 - 0.5 * 1.03, 0.004);
}

/// The sample song, its samples changed by `change` and written as `n_channels` channels of WAV behind `n_silent` silent ones.
fn sample(folder: &Path, n_channels: u16, n_silent: usize, change: impl Fn(f32) -> f32) -> PathBuf {
    let song = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples/song.flac");
    let track = Track::open(song).unwrap();
    let path = folder.join("sample.wav");
    let spec = hound::WavSpec {
        channels: n_channels,
        sample_rate: track.sample_rate_hz,
        bits_per_sample: 32,
        sample_format: hound::SampleFormat::Float,
    };
    let mut writer = hound::WavWriter::create(&path, spec).unwrap();
    let mut put = |value: f32| (0..n_channels).for_each(|_| writer.write_sample(value).unwrap());
    (0..n_silent).for_each(|_| put(0.0));
    for block in track.blocks(0..track.n_samples).unwrap().mono() {
        block
            .unwrap()
            .samples
            .into_iter()
            .for_each(|value| put(change(value)));
    }
    writer.finalize().unwrap();
    path
}

fn heard(path: &Path) -> Analysis {
    analysis::analyze(&Track::open(path).unwrap(), &AnalysisConfig::default()).unwrap()
}

fn labels(analysis: &Analysis) -> Vec<&str> {
    analysis.sections.iter().map(|s| s.label.as_str()).collect()
}

#[test]
fn the_sample_song_is_heard_alike_in_every_guise() {
    let folder = tempfile::tempdir().unwrap();
    let mut plain = heard(&sample(folder.path(), 1, 0, |x| x));
    assert!(plain.beats.len() > 20 && plain.loudness_lufs.is_some());
    let quiet = heard(&sample(folder.path(), 1, 0, |x| x * 0.01));
    assert_same(&plain, &quiet, 1.0, 0.0, 0.002);
    assert_eq!(labels(&plain), labels(&quiet));
    let lufs = |analysis: &Analysis| analysis.loudness_lufs.unwrap();
    assert!((lufs(&plain) - lufs(&quiet) - 40.0).abs() < 0.1);
    let flipped = heard(&sample(folder.path(), 1, 0, |x| -x));
    assert_same(&plain, &flipped, 1.0, 0.0, 1e-9);
    let stereo = heard(&sample(folder.path(), 2, 0, |x| x));
    assert_same(&plain, &stereo, 1.0, 0.0, 1e-9);
    assert!(
        (lufs(&stereo) - lufs(&plain) - 3.01).abs() < 0.05,
        "two channels are louder than one"
    );
    assert!(stereo.slow_hops.width.iter().all(|w| w.unwrap() < 1e-6));
    let rate = plain.sample_rate_hz as usize;
    let mut late = heard(&sample(folder.path(), 1, 3 * rate, |x| x));
    // Nothing after the last beat holds it in its place.
    let [last, last_late] = [&mut plain, &mut late].map(|heard| heard.beats.pop().unwrap());
    assert!((last.time_secs + 3.0 - last_late.time_secs).abs() < 0.03);
    assert_same(&plain, &late, 1.0, 3.0, 1e-6);
    assert_eq!(
        plain.key.map(|k| k.to_string()),
        late.key.map(|k| k.to_string())
    );
}

/// Lossy codecs move no beat by more than 5 ms. See `tests/analysis/README.md`.
#[test]
fn formats_change_nothing() {
    let song = band(112.0);
    let plain = hear(44_100, 1, 9.0, |t| song(t) * 0.5);
    for name in ["band.mp3", "band.ogg"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/analysis")
            .join(name);
        let lossy = heard(&path);
        assert_eq!(plain.beats.len(), lossy.beats.len(), "{name}");
        for (a, b) in plain.beats.iter().zip(&lossy.beats) {
            assert!(
                (a.time_secs - b.time_secs).abs() <= 0.005,
                "{name}: {} and {}",
                a.time_secs,
                b.time_secs
            );
            assert_eq!(a.position_in_bar, b.position_in_bar, "{name}");
        }
        let louder = lossy.loudness_lufs.unwrap() - plain.loudness_lufs.unwrap();
        assert!(louder.abs() < 1.0, "{name}: {louder}");
    }
}

#[test]
#[ignore = "writes the song from which the lossy files are made; see tests/analysis/README.md"]
fn writes_the_song() {
    let song = band(112.0);
    write(Path::new("band.wav"), 44_100, 1, 9.0, |t| song(t) * 0.5);
}
