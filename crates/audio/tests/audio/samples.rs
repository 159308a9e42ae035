//! What a song's samples are, and where they begin and end.

use std::fs;

use audio::{MAX_BLOCK_SAMPLES, Track};

use crate::fixtures::FIXTURES;
use crate::helpers::*;

#[test]
fn lengths_are_exact_and_time_zero_is_the_first_sample() {
    for fixture in &FIXTURES {
        let track = fixture.open();
        let name = fixture.name;
        assert_eq!(track.codec, fixture.codec, "{name}");
        assert_eq!(track.sample_rate_hz, fixture.sample_rate_hz, "{name}");
        assert_eq!(track.n_channels, fixture.n_channels, "{name}");
        assert_eq!(track.n_samples, fixture.n_samples, "{name}");
        let mut next = 0;
        let mut loudest = (0.0f32, 0);
        for block in track.blocks(0..track.n_samples).unwrap().mono() {
            let block = block.unwrap();
            assert_eq!((block.start_sample, block.n_channels), (next, 1), "{name}");
            assert!(
                (1..=MAX_BLOCK_SAMPLES).contains(&block.n_samples()),
                "{name}"
            );
            for (sample, &value) in (next..).zip(&block.samples) {
                if value > loudest.0 {
                    loudest = (value, sample);
                }
            }
            next += block.n_samples() as u64;
        }
        assert_eq!(next, track.n_samples, "{name}");
        assert!(
            loudest.1.abs_diff(fixture.pulse) <= 2,
            "{name}: pulse at {}",
            loudest.1
        );
        assert!(loudest.0 > 0.4, "{name}: pulse of {}", loudest.0);
    }
}

#[test]
fn a_range_is_a_slice_of_the_whole() {
    for fixture in &FIXTURES {
        let track = fixture.open();
        let whole = all_samples(&track);
        let n_channels = track.n_channels as usize;
        let n_samples = track.n_samples;
        for range in [
            0..1,
            1..2,
            1999..2001,
            n_samples / 2..n_samples,
            n_samples - 1..n_samples,
            5..5,
        ] {
            let part = samples(&track, range.clone());
            let expected =
                &whole[range.start as usize * n_channels..range.end as usize * n_channels];
            let tolerance = match fixture.codec {
                "opus" => 1e-4,
                _ => 0.0,
            };
            assert_eq!(part.len(), expected.len(), "{} {range:?}", fixture.name);
            let worst = worst_difference(&part, expected);
            assert!(worst <= tolerance, "{} {range:?}: {worst}", fixture.name);
        }
        assert!(
            samples(&track, n_samples..u64::MAX).is_empty(),
            "{}",
            fixture.name
        );
    }
}

#[test]
fn wav_samples_of_every_kind_are_read_exactly() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.wav");
    for (rate, channels, bits, is_float, n_samples) in [
        (8_000, 1, 8, false, 4001),
        (8_000, 1, 16, false, 80), // 10 ms
        (44_100, 2, 16, false, 1),
        (44_100, 2, 24, false, 10_000),
        (48_000, 2, 32, false, 5000),
        (96_000, 2, 32, true, 20_000),
        (192_000, 8, 24, false, 9000),
    ] {
        let held_bits = if is_float { 24 } else { u32::from(bits) };
        let values = noise(n_samples * usize::from(channels), held_bits);
        write_wav(&path, wav_spec(rate, channels, bits, is_float), &values);
        let track = Track::open(&path).unwrap();
        assert_eq!(track.n_samples, n_samples as u64);
        assert_eq!(track.sample_rate_hz, rate);
        let expected: Vec<f32> = values
            .iter()
            .map(|&value| (f64::from(value) / f64::from(1u32 << (held_bits - 1))) as f32)
            .collect();
        assert_eq!(
            all_samples(&track),
            expected,
            "{rate} Hz, {channels} channels, {bits} bits"
        );
    }
}

#[test]
fn wav_files_from_a_pipe_end_with_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.wav");
    let values = noise(2 * 5001, 16);
    write_wav(&path, wav_spec(44_100, 2, 16, false), &values);
    let expected = all_samples(&Track::open(&path).unwrap());
    let mut bytes = fs::read(&path).unwrap();
    let data = bytes.windows(4).position(|tag| tag == b"data").unwrap();
    bytes[4..8].fill(0xff);
    bytes[data + 4..data + 8].fill(0xff);
    fs::write(&path, bytes).unwrap();
    let track = Track::open(&path).unwrap();
    assert_eq!(track.n_samples, 5001);
    assert!(all_samples(&track) == expected);
}

#[test]
fn silence_is_a_song() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.wav");
    write_wav(&path, wav_spec(44_100, 2, 16, false), &[0; 10_000]);
    let track = Track::open(&path).unwrap();
    assert_eq!(all_samples(&track), [0.0; 10_000]);
    assert_eq!(decode(&*soundtrack(&track, 0..5000)), [0.0; 10_000]);
}
