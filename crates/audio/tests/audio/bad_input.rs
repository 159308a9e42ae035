//! What is no song, or is broken.

use std::fs;
use std::path::Path;

use audio::{SoundtrackFormat, Track};
use common::Error;
use proptest::prelude::*;

use crate::builders::{pages, sealed};
use crate::fixtures::{FIXTURES, Fixture};
use crate::helpers::*;
use crate::repairs::bytes_of;

#[test]
fn non_finite_samples_are_named_with_their_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.wav");
    for (value, word) in [
        (f32::NAN, "NaN"),
        (f32::INFINITY, "infinite"),
        (f32::NEG_INFINITY, "infinite"),
    ] {
        let mut writer = hound::WavWriter::create(&path, wav_spec(8000, 2, 32, true)).unwrap();
        for at in 0..40_000 {
            writer
                .write_sample(if at == 24_001 { value } else { 0.25 })
                .unwrap();
        }
        writer.finalize().unwrap();
        let track = Track::open(&path).unwrap();
        let error = track
            .blocks(0..track.n_samples)
            .unwrap()
            .find_map(Result::err)
            .unwrap();
        let text = reason(&error);
        assert!(
            text.contains("sample 12000 at 0:01.500, channel 2") && text.contains(word),
            "{text}"
        );
        let refused = track.soundtrack(0..track.n_samples, SoundtrackFormat::Copy, folder.path());
        assert_eq!(reason(&refused.err().unwrap()), text);
    }
}

#[test]
fn a_codebook_that_its_reader_panics_at_is_a_broken_file() {
    let mut pages = pages(&bytes_of("pulse.ogg"));
    let setup = pages[1].windows(7).position(|at| at == b"\x05vorbis");
    // One entry of 40 dimensions, with a table of values (Vorbis I, section 3.2.1).
    let book = [b'B', b'C', b'V', 40, 0, 1, 0, 0, 0x80, 0];
    pages[1][setup.unwrap() + 8..][..book.len()].copy_from_slice(&book);
    pages[1] = sealed(pages[1].clone());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("song.ogg");
    fs::write(&path, pages.concat()).unwrap();
    let error = Track::open_without_ffmpeg(&path).unwrap_err();
    assert!(reason(&error).contains("gave up"), "{error}");
}

#[test]
fn files_that_are_no_songs_are_refused_with_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("empty.mp3"), b"").unwrap();
    fs::write(path("text.wav"), "no sound in here\n".repeat(5000)).unwrap();
    fs::write(path("zeros.flac"), [0; 50_000]).unwrap();
    write_wav(&path("none.wav"), wav_spec(44_100, 2, 16, false), &[]);
    for (name, expected) in [
        ("empty.mp3", "is empty"),
        ("text.wav", "is not audio"),
        ("zeros.flac", "is not audio"),
        ("none.wav", "no samples"),
    ] {
        let error = Track::open(path(name)).unwrap_err();
        assert!(reason(&error).contains(expected), "{error}");
        assert!(error.hint().is_some(), "{name}");
    }
    assert!(reason(&Track::open(folder.path()).unwrap_err()).contains("folder"));
    assert!(reason(&Track::open(path("missing.wav")).unwrap_err()).contains("can't read"));
}

/// Of the sizes of Wave64's chunks, the largest can't be rounded up to 8 bytes any more.
#[test]
fn a_chunk_longer_than_any_file_ends_the_search() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.w64");
    for size in [u64::MAX, u64::MAX - 7, u64::MAX - 8, 1 << 63] {
        let mut bytes = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0".to_vec();
        bytes.extend([0; 24]);
        bytes.extend(b"junk\xf3\xac\xd3\x11\x8c\xd1\0\xc0\x4f\x8e\xdb\x8a");
        bytes.extend(size.to_le_bytes());
        bytes.extend([0; 64]);
        fs::write(&path, bytes).unwrap();
        let error = Track::open_without_ffmpeg(&path).unwrap_err();
        assert!(matches!(error, Error::Input { .. }), "{size}: {error}");
    }
}

/// Opens a file and reads all that can be read of it; the samples of a song without errors.
fn read_all(path: &Path) -> Result<Vec<f32>, Error> {
    let track = Track::open_without_ffmpeg(path)?;
    let mut all = Vec::new();
    for block in track.blocks(0..track.n_samples)? {
        all.extend(block?.samples);
    }
    let soundtrack = track.soundtrack(
        0..track.n_samples,
        SoundtrackFormat::Copy,
        &std::env::temp_dir(),
    )?;
    for packet in soundtrack.unwrap().packets()? {
        packet?;
    }
    Ok(all)
}

/// What can be heard of a truncated song is the beginning of the whole one. Most headers and marks tell that the end is
/// missing; bare frames and Matroska tell nothing.
#[test]
fn truncated_songs_are_read_to_where_they_break_off() {
    let folder = tempfile::tempdir().unwrap();
    let wav = folder.path().join("whole.wav");
    write_wav(&wav, wav_spec(44_100, 2, 24, false), &noise(20_000, 24));
    let songs = FIXTURES.iter().map(Fixture::path).chain([wav]);
    for song in songs {
        let name = song.file_name().unwrap().to_str().unwrap().to_owned();
        let path = folder.path().join(format!("cut-{name}"));
        let bytes = fs::read(&song).unwrap();
        let whole = all_samples(&Track::open(&song).unwrap());
        let mut n_read = 0;
        for sixteenths in 0..16 {
            fs::write(&path, &bytes[..bytes.len() * sixteenths / 16]).unwrap();
            let heard = match read_all(&path) {
                Ok(heard) => heard,
                Err(error) => {
                    let text = reason(&error);
                    let is_clear = [
                        "truncated",
                        "is not audio",
                        "is empty",
                        "no samples",
                        "no audio track",
                    ]
                    .iter()
                    .any(|word| text.contains(word));
                    assert!(is_clear, "{text}");
                    continue;
                }
            };
            n_read += 1;
            // The last packet's padding may be heard where nothing tells that it is one.
            let n_same = heard.len().min(whole.len());
            let tolerance = if name.ends_with("opus") || name.ends_with("webm") {
                1e-4
            } else {
                0.0
            };
            let worst = worst_difference(&heard[..n_same], &whole[..n_same]);
            assert!(worst <= tolerance, "{name} at {sixteenths}/16: {worst}");
            assert!(
                heard.len() <= whole.len() + 2 * 2304,
                "{name} at {sixteenths}/16"
            );
            let tells_nothing =
                ["bare.mp3", "pulse.aac", "pulse.webm", "pulse.mka"].contains(&name.as_str());
            let notes = Track::open_without_ffmpeg(&path).unwrap().notes;
            assert!(
                tells_nothing || !notes.is_empty(),
                "{name} at {sixteenths}/16"
            );
        }
        // These MP4 files have their header behind the sound, and these Ogg files a single page of it.
        let is_all_or_nothing = ["m4a", "ogg", "opus"]
            .iter()
            .any(|ending| name.ends_with(ending));
        assert!(n_read >= 5 || is_all_or_nothing, "{name}: {n_read}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damage_never_panics(
        which in 0..FIXTURES.len(),
        flips in proptest::collection::vec((any::<prop::sample::Index>(), 1..=255u8), 1..20),
    ) {
        let fixture = &FIXTURES[which];
        let mut bytes = fs::read(fixture.path()).unwrap();
        for (at, mask) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= mask;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(fixture.name);
        fs::write(&path, bytes).unwrap();
        if let Err(error) = read_all(&path) {
            prop_assert!(!error.to_string().is_empty());
        }
    }
}

/// Found by fuzzing: symphonia adds up a bit for each channel.
#[test]
fn a_coded_wav_file_of_thousands_of_channels_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.wav");
    let mut format = Vec::new();
    for value in [2u16, 17_409] {
        format.extend(value.to_le_bytes()); // Microsoft ADPCM
    }
    format.extend(44_100u32.to_le_bytes());
    format.extend(44_100u32.to_le_bytes());
    for value in [256u16, 4, 0] {
        format.extend(value.to_le_bytes());
    }
    let mut file = b"RIFF\xff\xff\xff\xffWAVEfmt ".to_vec();
    file.extend((format.len() as u32).to_le_bytes());
    file.extend(format);
    file.extend(b"data\x00\x10\x00\x00");
    file.extend([0; 4096]);
    fs::write(&path, file).unwrap();
    let error = Track::open(&path).unwrap_err();
    assert!(reason(&error).contains("17409 channels"), "{error}");
}
