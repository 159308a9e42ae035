//! Faults of MP3 and other files that don't touch the sound, or only a part of it.

use std::fs;
use std::path::Path;

use audio::Track;

use crate::fixtures::{FIXTURES, Fixture};
use crate::helpers::*;

pub fn fixture(name: &str) -> &'static Fixture {
    FIXTURES
        .iter()
        .find(|fixture| fixture.name == name)
        .unwrap()
}

pub fn bytes_of(name: &str) -> Vec<u8> {
    fs::read(fixture(name).path()).unwrap()
}

pub fn samples_of(name: &str) -> Vec<f32> {
    all_samples(&fixture(name).open())
}

pub fn open(name: &str, bytes: &[u8]) -> (tempfile::TempDir, Track) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    let track = Track::open_without_ffmpeg(&path).unwrap_or_else(|error| panic!("{error}"));
    (folder, track)
}

/// The same samples as the fixture, and a soundtrack of them.
pub fn assert_same(what: &str, name: &str, bytes: &[u8]) -> Vec<String> {
    let (_folder, track) = open(name, bytes);
    let expected = samples_of(name);
    assert_eq!(track.n_samples, fixture(name).n_samples, "{what}");
    assert!(all_samples(&track) == expected, "{what}");
    let soundtrack = soundtrack(&track, 0..track.n_samples);
    assert_eq!(soundtrack.n_samples(), track.n_samples, "{what}");
    track.all_notes()
}

pub fn id3v1() -> Vec<u8> {
    [&b"TAG"[..], &[b' '; 125]].concat()
}

pub fn ape() -> Vec<u8> {
    let mut tag = b"\x05\0\0\0\0\0\0\0Key\0value".to_vec();
    let size = tag.len() as u32 + 32;
    tag.extend(b"APETAGEX\xd0\x07\0\0");
    tag.extend(size.to_le_bytes());
    tag.extend([1, 0, 0, 0]);
    tag.extend([0; 12]);
    tag
}

/// MPEG frames of a fixture without tags.
fn mp3_frames(name: &str) -> Vec<Vec<u8>> {
    const KBPS: [usize; 15] = [
        0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320,
    ];
    let mp3 = bytes_of(name);
    let mut at = mp3
        .windows(2)
        .position(|bytes| bytes == [0xff, 0xfb])
        .unwrap();
    let mut frames = Vec::new();
    while at + 4 <= mp3.len() {
        let n_bytes = 144_000 * KBPS[usize::from(mp3[at + 2] >> 4)] / 44_100
            + usize::from(mp3[at + 2] >> 1 & 1);
        if at + n_bytes > mp3.len() {
            break;
        }
        frames.push(mp3[at..at + n_bytes].to_vec());
        at += n_bytes;
    }
    frames
}

#[test]
fn tags_and_junk_around_mp3_files_are_no_sound() {
    let mp3 = mp3_frames("pulse.mp3").concat();
    let odd_header = [
        &b"ID3\x03\0\x40\0\0\0\x74TIT2\0\0\0\x06\0\0\0title"[..],
        &[0; 100],
    ]
    .concat();
    for (what, bytes) in [
        ("extended header of ID3", [odd_header, mp3.clone()].concat()),
        ("0xFF behind", [mp3.clone(), vec![0xff; 100]].concat()),
        ("zeros behind", [mp3.clone(), vec![0; 5000]].concat()),
        (
            "text behind",
            [mp3.clone(), b"no sound in here".repeat(20)].concat(),
        ),
        ("tags behind", [mp3, ape(), id3v1()].concat()),
    ] {
        assert_eq!(assert_same(what, "pulse.mp3", &bytes), [""; 0]);
    }
}

#[test]
fn an_mp3_file_that_ends_within_a_frame_is_read_to_the_frame_before() {
    let frames = mp3_frames("bare.mp3");
    let bytes = frames.concat();
    let (_folder, track) = open("bare.mp3", &bytes[..bytes.len() - 20]);
    assert_eq!(track.n_samples, (frames.len() as u64 - 1) * 1152);
    assert_eq!(track.notes, ["the file ends within a frame, at 0:00.522"]);
    let whole = samples_of("bare.mp3");
    assert!(all_samples(&track) == whole[..track.n_samples as usize]);
}

#[test]
fn a_bad_mp3_frame_is_silent_and_named() {
    let mut frames = mp3_frames("bare.mp3");
    // Side information (ISO 11172-3, section 2.4.1.7) with more big values than there can be.
    frames[10][5..21].fill(0xff);
    let (_folder, track) = open("bare.mp3", &frames.concat());
    let whole = samples_of("bare.mp3");
    let heard = all_samples(&track);
    assert_eq!(heard.len(), whole.len());
    assert_eq!(heard[..10 * 1152], whole[..10 * 1152]);
    assert!(
        heard[10 * 1152..11 * 1152]
            .iter()
            .all(|&sample| sample == 0.0)
    );
    assert_eq!(heard[15 * 1152..], whole[15 * 1152..]);
    assert_eq!(track.notes, [""; 0]);
    assert_eq!(
        track.all_notes()[0],
        "the sound is damaged at 0:00.261: silent up to 0:00.287"
    );
}

#[test]
fn what_only_ffmpeg_reads_is_left_to_it() {
    if !has_ffmpeg() {
        println!("skipped: there is no ffmpeg on the PATH");
        return;
    }
    // A Creative Voice file: one block of 8-bit samples at 8 kHz.
    let samples: Vec<u8> = (0..8000u32).map(|at| (at * 7 % 251) as u8).collect();
    let n_block = (samples.len() as u32 + 2).to_le_bytes();
    let voc = [
        b"Creative Voice File\x1a\x1a\0\x0a\x01\x29\x11\x01",
        &n_block[..3],
        &[131, 0],
        &samples,
        &[0],
    ]
    .concat();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.voc");
    fs::write(&path, voc).unwrap();
    let refused = Track::open_without_ffmpeg(&path).unwrap_err();
    assert!(reason(&refused).contains("Creative Voice"), "{refused}");
    let track = Track::open(&path).unwrap();
    assert_eq!(
        (track.n_samples, track.sample_rate_hz, track.n_channels),
        (8000, 8000, 1)
    );
    assert!(track.uses_ffmpeg);
    assert_eq!(track.notes, ["decoded by the `ffmpeg` on the PATH"]);
    let expected: Vec<f32> = samples
        .iter()
        .map(|&sample| (f32::from(sample) - 128.0) / 128.0)
        .collect();
    assert!(all_samples(&track) == expected);
    assert!(crate::helpers::samples(&track, 100..200) == expected[100..200]);
    assert!(decode(&*soundtrack(&track, 0..8000)) == expected);
}

/// Of codecs in MP4 that it decodes, `ffmpeg` hands on what the edit list leaves out behind the end.
#[test]
fn padding_behind_the_end_is_left_out_of_what_ffmpeg_decodes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    let made = std::process::Command::new("ffmpeg")
        .args([
            "-v",
            "error",
            "-f",
            "lavfi",
            "-i",
            "sine=440:r=48000",
            "-t",
            "1",
        ])
        .args(["-c:a", "ac3"])
        .arg(&path)
        .status();
    if made.is_err() {
        println!("skipped: there is no ffmpeg on the PATH");
        return;
    }
    let padded = Track::open(&path).unwrap();
    assert!(padded.uses_ffmpeg && padded.n_samples > 48_000);
    let mut bytes = fs::read(&path).unwrap();
    let elst = bytes.windows(4).position(|kind| kind == b"elst").unwrap();
    // The length of the only part, in milliseconds.
    bytes[elst + 12..elst + 16].copy_from_slice(&1000u32.to_be_bytes());
    fs::write(&path, &bytes).unwrap();
    let track = Track::open(&path).unwrap();
    assert_eq!(track.n_samples, 48_000);
    assert_eq!(all_samples(&track), all_samples(&padded)[..48_000]);
    // A length that cuts more than padding off is another matter.
    bytes[elst + 12..elst + 16].copy_from_slice(&200u32.to_be_bytes());
    fs::write(&path, &bytes).unwrap();
    assert!(Track::open(&path).unwrap().n_samples >= 9_600);
}

/// What looks like AAC at half its rate is whole, from the first sample of the music to the last.
#[test]
fn he_aac_is_heard_whole_and_in_time() {
    if !has_ffmpeg() {
        println!("skipped: there is no ffmpeg on the PATH");
        return;
    }
    let path = |name: &str| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/audio");
        folder.join(name)
    };
    let pulse_of = |track: &Track| {
        let samples = all_samples(track);
        let first_channel = samples.chunks_exact(track.n_channels as usize);
        let levels = first_channel.map(|sample| sample[0]).enumerate();
        levels.max_by(|a, b| a.1.total_cmp(&b.1)).unwrap().0
    };
    // The delay of the encoder that made both, which nothing states in bare frames.
    let delay = 5058;
    let whole = Track::open(path("pulse_he.aac")).unwrap();
    assert_eq!((whole.sample_rate_hz, whole.n_samples), (44_100, 14 * 2048));
    assert!(pulse_of(&whole).abs_diff(delay + 10_000) <= 1);
    let bytes = fs::read(path("pulse_he.m4a")).unwrap();
    let elst = bytes.windows(4).position(|kind| kind == b"elst").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.m4a");
    let open = |skipped: usize, n_samples: u32| {
        let mut bytes = bytes.clone();
        bytes[elst + 12..elst + 16].copy_from_slice(&n_samples.to_be_bytes());
        bytes[elst + 16..elst + 20].copy_from_slice(&(skipped as u32).to_be_bytes());
        fs::write(&file, &bytes).unwrap();
        let track = Track::open(&file).unwrap();
        assert_eq!(
            (track.sample_rate_hz, track.n_samples),
            (44_100, n_samples.into())
        );
        track
    };
    let uncut = all_samples(&open(0, 14 * 2048));
    let music = open(delay, 22_117);
    assert!(pulse_of(&music).abs_diff(10_000) <= 1);
    let n_channels = music.n_channels as usize;
    assert_eq!(
        all_samples(&music),
        uncut[delay * n_channels..][..22_117 * n_channels]
    );
    assert_eq!(
        all_samples(&open(700, 900)),
        uncut[700 * n_channels..][..900 * n_channels]
    );
}

fn has_ffmpeg() -> bool {
    let found = std::process::Command::new("ffmpeg")
        .arg("-version")
        .output();
    found.is_ok_and(|output| output.status.success())
}
