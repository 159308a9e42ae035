mod room;

use std::path::Path;

use common::units::FrameRate;
use timeline::VideoCodec;

use super::*;
use crate::film::Film;
use crate::sample_table::samples;
use crate::testing::{self, FakeSound, config, tags, write_film};
use crate::{ChunkWriter, EncodeConfig, FilmReader, Origin, probe};

/// Chunks of 10, 1, 1 and 8 frames.
fn chunks(folder: &Path, config: &EncodeConfig) -> Vec<ChunkInfo> {
    [0..10, 10..11, 11..12, 12..20]
        .map(|frames| testing::chunk(folder, "aa", frames, config))
        .to_vec()
}

/// Bytes of all samples of a track, by its tables.
fn track_bytes(path: &Path, handler: &[u8; 4]) -> Vec<Vec<u8>> {
    let film = Film::read(path).unwrap();
    let bytes = std::fs::read(path).unwrap();
    let (trak, _) = film.track(handler).unwrap();
    samples(&trak.mdia.minf.stbl, film.n_bytes)
        .map(|sample| {
            let sample = sample.unwrap();
            bytes[sample.offset as usize..][..sample.n_bytes as usize].to_vec()
        })
        .collect()
}

#[test]
fn a_film_says_what_was_put_in() {
    let folder = tempfile::tempdir().unwrap();
    let config = EncodeConfig {
        frame_rate: FrameRate::new(30_000, 1001).unwrap(),
        ..config(96, 64)
    };
    let chunks = chunks(folder.path(), &config);
    for sound in FakeSound::each(0.65) {
        let name = codec_name(&sound.codec);
        let path = folder.path().join(format!("{name}.mp4"));
        let video = write_film(&chunks, Some(&sound), &path).unwrap();
        assert_eq!(
            (video.n_frames, video.audio_codec.as_deref()),
            (20, Some(name))
        );

        let probe = probe(&path).unwrap();
        assert_eq!(probe.tags, tags());
        assert!(probe.has_fast_start);
        let picture = probe.video.unwrap();
        assert_eq!((&*picture.codec, picture.profile), ("h264", 100));
        assert_eq!((picture.n_frames, picture.n_keyframes), (20, 4));
        assert_eq!(picture.size, config.size);
        assert_eq!(picture.frame_rate, Some(config.frame_rate));
        assert_eq!(
            (picture.colour, picture.is_full_range),
            (Some([1, 1, 1]), false)
        );
        assert!((picture.end_secs - 20.0 * 1001.0 / 30_000.0).abs() < 1e-12);
        let heard = probe.audio.unwrap();
        assert_eq!(heard.codec, name);
        assert_eq!(heard.sample_rate_hz, sound.sample_rate_hz);
        assert_eq!(heard.skip_samples, sound.skip_samples);
        assert_eq!(heard.n_samples, sound.n_samples);
        assert_eq!(heard.n_packets as usize, sound.all_packets().len());
        assert_eq!(probe.av_offset_start_secs, Some(0.0));
        let end = probe.av_offset_end_secs.unwrap();
        assert!(end <= 0.0 && -end < config.frame_rate.frame_secs(), "{end}");

        let packets: Vec<_> = sound.all_packets().into_iter().map(|p| p.data).collect();
        assert_eq!(track_bytes(&path, b"soun"), packets);
    }
}

#[test]
fn a_film_may_have_no_sound() {
    let folder = tempfile::tempdir().unwrap();
    for codec in [VideoCodec::H264, VideoCodec::HapQ] {
        let config = EncodeConfig {
            codec,
            frame_rate: FrameRate::new(25, 1).unwrap(),
            ..config(64, 64)
        };
        let chunks = chunks(folder.path(), &config);
        let path = folder.path().join("silent");
        let video = mux(
            &chunks,
            None,
            &tags(),
            Some(b"a timeline"),
            &FilmFile::replacing(&path),
        )
        .unwrap();
        assert_eq!((video.n_frames, video.audio_codec), (20, None));
        assert_eq!(video.duration_secs, 0.8);

        let probe = probe(&path).unwrap();
        assert!(probe.audio.is_none() && probe.av_offset_start_secs.is_none());
        assert_eq!((probe.tags, probe.duration_secs), (tags(), 0.8));
        assert_eq!(probe.video.unwrap().n_frames, 20);
        assert_eq!(
            attachment::attachment(&path).unwrap().unwrap(),
            b"a timeline"
        );
        let reader = FilmReader::open(&path).unwrap();
        assert_eq!(reader.frames().unwrap().filter(|f| f.is_ok()).count(), 20);
        assert!(Film::read(&path).unwrap().track(b"soun").is_none());
    }
}

#[test]
fn groups_without_end_are_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let chunks = chunks(folder.path(), &config(32, 32));
    let path = folder.path().join("film.mp4");
    let sound = FakeSound::each(0.65).remove(0);
    write_film(&chunks, Some(&sound), &path).unwrap();
    // In the place of the sound's edit list: four thousand million groups of samples, without a byte for any of them.
    let mut bytes = std::fs::read(&path).unwrap();
    let edit_list = bytes.windows(4).position(|kind| kind == b"edts").unwrap();
    let groups = [*b"sgpd", [0; 4], *b"roll", [0xFF; 4]].concat();
    bytes[edit_list..][..groups.len()].copy_from_slice(&groups);
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(track_bytes(&path, b"vide").len(), 20);
    assert!(!track_bytes(&path, b"soun").is_empty());
}

#[test]
fn a_chunk_that_another_machine_draws_meanwhile_is_as_good() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(96, 64);
    let chunks = chunks(folder.path(), &config);
    let sound = FakeSound::each(0.8).remove(0);
    let path = folder.path().join("film.mp4");
    write_film(&chunks, Some(&sound), &path).unwrap();
    let film = std::fs::read(&path).unwrap();
    // The last chunk once more, from elsewhere, after it was looked at and before it is copied.
    let draw_again = |frames: std::ops::Range<u64>| {
        let mut writer = ChunkWriter::new(folder.path(), "aa", 12, &config).unwrap();
        writer.set_origin(Origin {
            host: "elsewhere".to_owned(),
            ..Origin::default()
        });
        for frame in frames {
            writer.push(&testing::picture(config.size, frame)).unwrap();
        }
        writer.finish().unwrap();
    };
    draw_again(12..20);
    write_film(&chunks, Some(&sound), &path).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), film);
    // Other frames aren't.
    draw_again(0..8);
    let error = write_film(&chunks, Some(&sound), &path).unwrap_err();
    assert!(
        error.to_string().contains("has changed meanwhile"),
        "{error}"
    );
    assert_eq!(std::fs::read(&path).unwrap(), film);
}

#[test]
fn frames_are_copied_and_play_across_chunks() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(96, 64);
    let chunks = chunks(folder.path(), &config);
    let sound = FakeSound::each(0.8).remove(0);
    let path = folder.path().join("film.mp4");
    write_film(&chunks, Some(&sound), &path).unwrap();

    let mut copied = Vec::new();
    for chunk in &chunks {
        let mut reader = ChunkReader::open(&chunk.path).unwrap();
        let mut data = Vec::new();
        while reader.read_sample(&mut data).unwrap() {
            copied.push(data.clone());
        }
    }
    assert_eq!(track_bytes(&path, b"vide"), copied);

    let reader = FilmReader::open(&path).unwrap();
    let frames: Vec<_> = reader.frames().unwrap().map(Result::unwrap).collect();
    assert_eq!(frames.len(), 20);
    for (i, frame) in frames.iter().enumerate() {
        assert_eq!(frame.frame_idx, i as u64);
        assert!((frame.time_secs - i as f64 / 24.0).abs() < 1e-12);
        let wanted = testing::picture(config.size, i as u64);
        let psnr = testing::psnr(&wanted, &frame.picture.to_rgb().unwrap());
        assert!(psnr > 36.0, "frame {i}: {psnr:.1} dB");
    }
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let chunks = chunks(folder.path(), &config(64, 64));
    let sound = FakeSound::each(0.8).remove(1);
    let path = folder.path().join("film.mp4");
    let mut films = (0..2).map(|_| {
        write_film(&chunks, Some(&sound), &path).unwrap();
        std::fs::read(&path).unwrap()
    });
    assert_eq!(films.next(), films.next());
    let partial = folder.path().read_dir().unwrap().flatten();
    let partial = partial.filter(|e| e.file_name().to_string_lossy().contains("partial"));
    assert_eq!(partial.count(), 0);
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let good = chunks(folder.path(), &config(64, 64));
    let other = testing::chunk(folder.path(), "bb", 12..20, &config(64, 48));
    let sound = || FakeSound::each(0.8).remove(2);
    let path = folder.path().join("film.mp4");
    let refused = |chunks: &[ChunkInfo], sound: &FakeSound, words: &str| {
        let error = write_film(chunks, Some(sound), &path)
            .unwrap_err()
            .to_string();
        assert!(error.contains(words), "{error}");
        assert!(!path.exists());
    };
    refused(&[], &sound(), "no frames");
    refused(&good[1..], &sound(), "frames 0 to 10");
    refused(
        &[&good[..2], &good[3..]].concat(),
        &sound(),
        "frames 11 to 12",
    );
    refused(
        &[&good[..3], &[other]].concat(),
        &sound(),
        "encoded otherwise",
    );
    refused(
        &good,
        &FakeSound {
            n_samples: 0,
            ..sound()
        },
        "samples",
    );
    let mut endless = sound();
    endless.packet_samples = u32::MAX;
    endless.n_samples = 1 << 40;
    refused(&good, &endless, "month");
    std::fs::write(&good[2].path, b"damaged").unwrap();
    refused(&good, &sound(), "damaged");
    let missing = folder.path().join("missing").join("film.mp4");
    let error = mux(
        &good,
        Some(&sound()),
        &tags(),
        None,
        &FilmFile::new(missing),
    )
    .unwrap_err();
    assert_eq!(error.exit_code(), 2);
}
