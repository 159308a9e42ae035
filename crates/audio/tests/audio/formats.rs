//! Soundtracks of the format that was asked for.

use std::f64::consts::TAU;

use audio::{Soundtrack, SoundtrackCodec, SoundtrackFormat, Track};
use symphonia::core::codecs::audio::{
    AudioCodecParameters, AudioDecoderOptions, well_known as ids,
};
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, Timestamp};

use crate::fixtures::FIXTURES;
use crate::helpers::*;

/// Decodes ALAC to whole numbers at the scale of i32.
fn decode_alac(soundtrack: &dyn Soundtrack) -> Vec<i32> {
    let SoundtrackCodec::Alac { config } = soundtrack.codec() else {
        panic!("not ALAC: {:?}", soundtrack.codec());
    };
    let mut params = AudioCodecParameters::new();
    params
        .for_codec(ids::CODEC_ID_ALAC)
        .with_sample_rate(soundtrack.sample_rate_hz())
        .with_extra_data(config.to_vec().into_boxed_slice());
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(&params, &AudioDecoderOptions::default())
        .unwrap();
    let mut decoded = Vec::new();
    for packet in packets(soundtrack) {
        let length = Duration::new(packet.n_samples.into());
        let coded = Packet::new(0, Timestamp::ZERO, length, packet.data);
        let buffer = decoder.decode(&coded).unwrap();
        assert_eq!(buffer.frames(), packet.n_samples as usize);
        let mut samples: Vec<i32> = Vec::new();
        buffer.copy_to_vec_interleaved(&mut samples);
        decoded.extend(samples);
    }
    decoded
}

/// Signals that are easy and hard to code, as numbers of so many bits.
fn signals(n: usize, n_channels: usize, bits: u32) -> Vec<(&'static str, Vec<i32>)> {
    let full = 2f64.powi(bits as i32 - 1) - 1.0;
    let of = |value: &dyn Fn(usize, usize) -> f64| -> Vec<i32> {
        let places = (0..n).flat_map(|i| (0..n_channels).map(move |channel| (i, channel)));
        let scaled = places.map(|(i, channel)| (value(i, channel) * full).round());
        scaled.map(|value| value as i32).collect()
    };
    let tone = |i: usize| (TAU * 441.0 * i as f64 / 44_100.0).sin();
    let square = |i: usize| if (i / 7).is_multiple_of(2) { 1.0 } else { -1.0 };
    vec![
        ("noise", noise(n * n_channels, bits)),
        ("silence", vec![0; n * n_channels]),
        ("a tone", of(&|i, _| 0.5 * tone(i))),
        (
            "a tone against itself",
            of(&|i, c| if c == 0 { tone(i) } else { -tone(i) }),
        ),
        ("two tones", of(&|i, c| 0.9 * tone(i * (c + 1)))),
        (
            "full scale",
            of(&|i, c| if c == 0 { square(i) } else { square(3 * i) }),
        ),
        (
            "clicks",
            of(&|i, _| if i.is_multiple_of(5003) { 1.0 } else { 0.0 }),
        ),
    ]
}

#[test]
fn alac_holds_every_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.wav");
    for (rate, n_channels, bits) in [
        (44_100, 2u16, 16),
        (48_000, 1, 16),
        (44_100, 2, 24),
        (96_000, 1, 24),
        (192_000, 2, 32),
        (44_100, 1, 32),
        (705_600, 2, 16),
        (8_000, 1, 8),
    ] {
        let n = 10_007;
        for (name, values) in signals(n, n_channels.into(), bits.into()) {
            write_wav(&path, wav_spec(rate, n_channels, bits, false), &values);
            let track = Track::open_without_ffmpeg(&path).unwrap();
            track.check_soundtrack(SoundtrackFormat::Alac).unwrap();
            for range in [0..n as u64, 4095..8193, 7..8] {
                let soundtrack = soundtrack_as(&track, range.clone(), SoundtrackFormat::Alac);
                let what =
                    format!("{rate} Hz, {n_channels} channels, {bits} bits, {name}, {range:?}");
                assert!(
                    soundtrack
                        .note()
                        .unwrap()
                        .ends_with("becomes ALAC, without loss")
                );
                let channels = usize::from(n_channels);
                let part = range.start as usize * channels..range.end as usize * channels;
                let wanted: Vec<i32> = values[part]
                    .iter()
                    .map(|value| value << (32 - bits))
                    .collect();
                assert!(decode_alac(&*soundtrack) == wanted, "{what}");
                let n_bytes: usize = packets(&*soundtrack)
                    .iter()
                    .map(|packet| packet.data.len())
                    .sum();
                // What can't be made smaller takes a few bytes more than it is long.
                let most =
                    wanted.len() * usize::from(bits.max(16)) / 8 + 16 * packets(&*soundtrack).len();
                assert!(n_bytes <= most, "{what}: {n_bytes} of {most} bytes");
                if name == "a tone" && range.start == 0 && bits == 16 {
                    assert!(n_bytes < most / 2, "{what}: {n_bytes} of {most} bytes");
                }
            }
        }
    }
}

#[test]
fn more_channels_than_two_are_no_alac() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.wav");
    write_wav(&path, wav_spec(48_000, 6, 16, false), &noise(6 * 100, 16));
    let track = Track::open_without_ffmpeg(&path).unwrap();
    let refused = track.check_soundtrack(SoundtrackFormat::Alac).unwrap_err();
    assert!(reason(&refused).contains("6 channels"), "{refused}");
    track.check_soundtrack(SoundtrackFormat::Flac).unwrap();
    track.check_soundtrack(SoundtrackFormat::Copy).unwrap();
}

#[test]
fn rates_that_flac_cannot_state_are_refused_before_work() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.wav");
    write_wav(&path, wav_spec(705_600, 2, 16, false), &noise(2 * 100, 16));
    let track = Track::open_without_ffmpeg(&path).unwrap();
    for format in [SoundtrackFormat::Copy, SoundtrackFormat::Flac] {
        let refused = track.check_soundtrack(format).unwrap_err();
        assert!(
            refused.hint().unwrap().contains("`audio alac`"),
            "{refused}"
        );
    }
}

/// Packets that have the format already are copied; nothing is encoded without a word.
#[test]
fn packets_of_the_format_are_copied() {
    for fixture in &FIXTURES {
        let track = fixture.open();
        for format in [SoundtrackFormat::Flac, SoundtrackFormat::Alac] {
            let soundtrack = soundtrack_as(&track, 0..track.n_samples, format);
            let is_copied = fixture.codec == format.name();
            assert_eq!(
                soundtrack.note().is_none(),
                is_copied,
                "{} {format}",
                fixture.name
            );
            assert_eq!(soundtrack.n_samples(), track.n_samples);
            let expected = all_samples(&track);
            if format == SoundtrackFormat::Alac {
                let start = soundtrack.skip_samples() as usize * track.n_channels as usize;
                let decoded = decode_alac(&*soundtrack);
                let heard = decoded[start..]
                    .iter()
                    .map(|&value| value as f32 / 2f32.powi(31));
                let heard: Vec<f32> = heard.take(expected.len()).collect();
                let worst = worst_difference(&heard, &expected);
                assert!(worst <= 0.5001 / 32768.0, "{}: {worst}", fixture.name);
            }
        }
    }
}

/// 32 bits that FLAC would lose are told, with the format that keeps them.
#[test]
fn what_is_lost_of_32_bits_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.wav");
    write_wav(&path, wav_spec(44_100, 2, 32, false), &noise(2 * 5000, 32));
    let track = Track::open_without_ffmpeg(&path).unwrap();
    for format in [SoundtrackFormat::Copy, SoundtrackFormat::Flac] {
        let soundtrack = soundtrack_as(&track, 0..5000, format);
        let note = soundtrack.note().unwrap();
        assert!(
            note.contains("rounded to 24-bit FLAC; `audio alac` keeps all"),
            "{note}"
        );
    }
}

/// With an `ffmpeg` the sound is AAC of the same length, in time; without one, another format is named.
#[test]
fn aac_is_as_long_as_the_song_or_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.wav");
    for (rate, film_rate) in [(44_100, 44_100), (48_000, 48_000), (96_000, 48_000)] {
        let n = rate as usize;
        // A click in the middle shows where the sound lies.
        let values: Vec<i32> = (0..n)
            .map(|i| {
                if i == n / 2 {
                    30_000
                } else {
                    ((i as f64 * 0.05).sin() * 3000.0) as i32
                }
            })
            .collect();
        write_wav(&path, wav_spec(rate, 1, 16, false), &values);
        let track = Track::open_without_ffmpeg(&path).unwrap();
        if let Err(refused) = track.check_soundtrack(SoundtrackFormat::Aac) {
            let text = reason(&refused);
            assert!(text.contains("ffmpeg") && text.contains("alac"), "{text}");
            return;
        }
        let range = 100..n as u64 - 3;
        let soundtrack = soundtrack_as(&track, range.clone(), SoundtrackFormat::Aac);
        assert!(matches!(soundtrack.codec(), SoundtrackCodec::Aac { .. }));
        assert_eq!(soundtrack.sample_rate_hz(), film_rate);
        let ratio = u64::from(rate / film_rate);
        let n_wanted = (range.end - range.start).div_ceil(ratio);
        assert!(n_wanted.abs_diff(soundtrack.n_samples()) <= ratio - 1 + 16 * (ratio - 1));
        let heard = decode(&*soundtrack);
        let loudest = (0..heard.len())
            .max_by(|&a, &b| heard[a].abs().total_cmp(&heard[b].abs()))
            .unwrap();
        let wanted = (n / 2 - 100) / ratio as usize;
        assert!(
            loudest.abs_diff(wanted) <= 2,
            "{rate}: {loudest} for {wanted}"
        );
    }
}

/// More channels than can be decoded here are encoded all the same, and come at their time, each in its place.
#[test]
fn aac_may_have_many_channels() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.wav");
    for n_channels in 3..=8u16 {
        let n = 30_000 + usize::from(n_channels);
        // A click in each channel, at a time of its own.
        let click_of = |channel: usize| 6000 + 2500 * channel;
        let values: Vec<i32> = (0..n)
            .flat_map(|i| (0..usize::from(n_channels)).map(move |channel| (i, channel)))
            .map(|(i, channel)| if i == click_of(channel) { 30_000 } else { 0 })
            .collect();
        write_wav(&path, wav_spec(48_000, n_channels, 16, false), &values);
        let track = Track::open_without_ffmpeg(&path).unwrap();
        if let Err(refused) = track.check_soundtrack(SoundtrackFormat::Aac) {
            let text = reason(&refused);
            assert!(
                text.contains("7 channels") || text.contains("no `ffmpeg`"),
                "{text}"
            );
            continue;
        }
        assert_ne!(n_channels, 7);
        let soundtrack = soundtrack_as(&track, 0..n as u64, SoundtrackFormat::Aac);
        assert_eq!(soundtrack.n_channels(), u32::from(n_channels));
        assert_eq!(soundtrack.n_samples(), n as u64);
        let heard = decode(&*soundtrack);
        for channel in 0..usize::from(n_channels) {
            let level = |i: &usize| heard[i * usize::from(n_channels) + channel].abs();
            let loudest = (0..n).max_by(|a, b| level(a).total_cmp(&level(b))).unwrap();
            // The channel of basses, of six and eight, holds no click.
            let is_low = channel == 3 && n_channels >= 6;
            assert!(
                is_low || loudest.abs_diff(click_of(channel)) <= 2,
                "channel {channel} of {n_channels}: {loudest}"
            );
        }
    }
}

/// Hardly any player decodes FLAC of 32 bits.
#[test]
fn flac_of_32_bits_is_not_copied() {
    let n = 4096usize;
    let values = noise(n, 32);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.flac");
    std::fs::write(&path, flac_of_32_bits(&values)).unwrap();
    let track = Track::open(&path).unwrap();
    assert_eq!(track.n_samples, n as u64);
    for format in [SoundtrackFormat::Copy, SoundtrackFormat::Flac] {
        let soundtrack = soundtrack_as(&track, 0..n as u64, format);
        let SoundtrackCodec::Flac { stream_info } = soundtrack.codec() else {
            panic!("not FLAC: {:?}", soundtrack.codec());
        };
        let bits = (stream_info[12] & 1) << 4 | stream_info[13] >> 4;
        assert_eq!(bits + 1, 24);
        assert!(soundtrack.note().unwrap().contains("24-bit FLAC"));
    }
}

/// A mono stream of one frame, its samples as they are (RFC 9639, sections 8.2 and 9).
fn flac_of_32_bits(values: &[i32]) -> Vec<u8> {
    let n = values.len() as u16;
    let crc = |bytes: &[u8], width: u32, polynomial: u32| {
        let top = 1 << (width - 1);
        bytes.iter().fold(0u32, |crc, &byte| {
            let mixed = crc ^ u32::from(byte) << (width - 8);
            (0..8).fold(mixed, |crc, _| match crc & top {
                0 => crc << 1,
                _ => (crc << 1 ^ polynomial) & (2 * top - 1),
            })
        })
    };
    let mut frame = vec![0xff, 0xf8, 0x70, 0x0e, 0];
    frame.extend((n - 1).to_be_bytes());
    frame.push(crc(&frame, 8, 7) as u8);
    frame.push(2);
    frame.extend(values.iter().flat_map(|value| value.to_be_bytes()));
    let check = crc(&frame, 16, 0x8005) as u16;
    frame.extend(check.to_be_bytes());
    let mut info = [n.to_be_bytes(), n.to_be_bytes()].concat();
    info.extend([0; 6]);
    let facts = 44_100u64 << 44 | 31 << 36 | u64::from(n);
    info.extend(facts.to_be_bytes());
    info.extend([0; 16]);
    [b"fLaC\x80\0\0\x22", &info[..], &frame].concat()
}
