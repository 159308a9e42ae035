//! Soundtracks hold the song, exactly.

use std::fs;

use audio::{Soundtrack, SoundtrackCodec, Track};

use crate::fixtures::FIXTURES;
use crate::helpers::*;

#[test]
fn whole_number_soundtracks_decode_to_the_same_samples() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.wav");
    for (rate, channels, bits) in [
        (8_000, 1, 8),
        (44_100, 2, 16),
        (44_100, 2, 24),
        (48_000, 1, 24),
        (192_000, 8, 24),
        (176_400, 2, 16),
    ] {
        let values = noise(10_007 * usize::from(channels), u32::from(bits));
        write_wav(&path, wav_spec(rate, channels, bits, false), &values);
        let track = Track::open(&path).unwrap();
        let expected = all_samples(&track);
        let channels = usize::from(channels);
        for range in [0..10_007, 0..4096, 1..2, 5000..9999] {
            let part = &expected[range.start as usize * channels..range.end as usize * channels];
            let soundtrack = soundtrack(&track, range.clone());
            assert_eq!(
                soundtrack.note(),
                Some(&*format!("{} becomes FLAC, without loss", track.codec))
            );
            assert_eq!(
                decode(&*soundtrack),
                part,
                "{rate} Hz, {bits} bits, {range:?}"
            );
            assert_md5_is_right(&*soundtrack);
        }
    }
}

/// Has symphonia check the sum in the STREAMINFO.
fn assert_md5_is_right(soundtrack: &dyn Soundtrack) {
    use symphonia::core::codecs::audio::AudioDecoderOptions;
    use symphonia::core::formats::TrackType;
    use symphonia::core::io::MediaSourceStream;
    let SoundtrackCodec::Flac { stream_info } = soundtrack.codec() else {
        panic!("not FLAC");
    };
    let mut bytes = [b"fLaC\x80\x00\x00\x22", &stream_info[..]].concat();
    bytes.extend(
        packets(soundtrack)
            .into_iter()
            .flat_map(|packet| packet.data),
    );
    let source = MediaSourceStream::new(Box::new(std::io::Cursor::new(bytes)), Default::default());
    let mut reader = symphonia::default::get_probe()
        .probe(
            &Default::default(),
            source,
            Default::default(),
            Default::default(),
        )
        .unwrap();
    let params = reader
        .default_track(TrackType::Audio)
        .unwrap()
        .codec_params
        .clone()
        .unwrap();
    let params = params.audio().unwrap();
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(params, &AudioDecoderOptions::default().verify(true))
        .unwrap();
    while let Some(packet) = reader.next_packet().unwrap() {
        decoder.decode(&packet).unwrap();
    }
    assert_eq!(decoder.finalize().verify_ok, Some(true));
}

#[test]
fn floats_and_32_bit_numbers_are_rounded_to_24_bits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.wav");
    for (bits, is_float) in [(32, false), (32, true)] {
        let values = noise(20_000, if is_float { 24 } else { 32 });
        write_wav(&path, wav_spec(44_100, 2, bits, is_float), &values);
        let track = Track::open(&path).unwrap();
        let soundtrack = soundtrack(&track, 0..10_000);
        assert!(soundtrack.note().unwrap().contains("24-bit FLAC"));
        for (got, expected) in decode(&*soundtrack).iter().zip(all_samples(&track)) {
            assert!((got - expected).abs() <= 1.0 / (1 << 23) as f32);
        }
    }
}

#[test]
fn soundtracks_of_lossy_songs_decode_to_the_same_samples() {
    for fixture in &FIXTURES {
        let track = fixture.open();
        let expected = all_samples(&track);
        let n_channels = track.n_channels as usize;
        let n_samples = track.n_samples;
        for range in [0..n_samples, 0..1, 1500..3000, n_samples * 3 / 4..n_samples] {
            let soundtrack = soundtrack(&track, range.clone());
            let name = format!("{} {range:?}", fixture.name);
            assert_eq!(soundtrack.n_samples(), range.end - range.start, "{name}");
            assert_eq!(packets(&*soundtrack), packets(&*soundtrack), "{name}");
            let part =
                &expected[range.start as usize * n_channels..range.end as usize * n_channels];
            let tolerance = match fixture.codec {
                // Rounded to 16 bits.
                "vorbis" => 0.5001 / 32768.0,
                // A decoder that starts in between comes near within 80 ms, and no nearer.
                "opus" if range.start > 0 => 2e-3,
                _ => 0.0,
            };
            let got = decode(&*soundtrack);
            assert_eq!(got.len(), part.len(), "{name}");
            let worst = worst_difference(&got, part);
            assert!(worst <= tolerance, "{name}: {worst}");
        }
    }
}

#[test]
fn mp4_can_hold_the_packets_of_these_codecs_as_they_are() {
    for fixture in &FIXTURES {
        let track = fixture.open();
        let file = fs::read(fixture.path()).unwrap();
        let soundtrack = soundtrack(&track, 0..track.n_samples);
        let is_copied = soundtrack.note().is_none();
        assert_eq!(
            is_copied,
            ["mp3", "aac", "opus", "flac"].contains(&fixture.codec),
            "{}",
            fixture.name
        );
        if !is_copied {
            continue;
        }
        let mut at = 0;
        for packet in packets(&*soundtrack) {
            let found = file[at..]
                .windows(packet.data.len())
                .position(|window| window == packet.data);
            at += found.unwrap_or_else(|| panic!("{}: not in the file", fixture.name));
        }
    }
}
