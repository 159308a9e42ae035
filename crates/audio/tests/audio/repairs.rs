//! Faults of FLAC and MP3 files that don't touch the sound, or only a part of it.

use std::fs;
use std::path::Path;

use audio::Track;

use crate::builders::*;
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

fn id3v1() -> Vec<u8> {
    [&b"TAG"[..], &[b' '; 125]].concat()
}

fn ape() -> Vec<u8> {
    let mut tag = b"\x05\0\0\0\0\0\0\0Key\0value".to_vec();
    let size = tag.len() as u32 + 32;
    tag.extend(b"APETAGEX\xd0\x07\0\0");
    tag.extend(size.to_le_bytes());
    tag.extend([1, 0, 0, 0]);
    tag.extend([0; 12]);
    tag
}

/// The fixture's STREAMINFO block with its header, and its frames.
fn flac_parts() -> (Vec<u8>, Vec<u8>) {
    let flac = bytes_of("pulse.flac");
    let mut at = 4;
    loop {
        let last = flac[at] & 0x80 != 0;
        at += 4 + u32::from_be_bytes([0, flac[at + 1], flac[at + 2], flac[at + 3]]) as usize;
        if last {
            break;
        }
    }
    (flac[4..42].to_vec(), flac[at..].to_vec())
}

#[test]
fn tags_around_flac_files_are_no_sound() {
    let flac = bytes_of("pulse.flac");
    let id3v2 = b"ID3\x04\0\0\0\0\0\x08TIT2\0\0\0\0".to_vec();
    for (front, behind) in [
        (vec![], id3v1()),
        (vec![], ape()),
        (vec![], [ape(), id3v1()].concat()),
        (id3v2, id3v1()),
    ] {
        let bytes = [front, flac.clone(), behind].concat();
        assert_eq!(assert_same("tags", "pulse.flac", &bytes), [""; 0]);
    }
}

#[test]
fn flac_files_of_unknown_length_are_counted_to_the_last_frame() {
    let mut flac = bytes_of("pulse.flac");
    flac[21] &= 0xf0;
    flac[22..26].fill(0);
    for behind in [vec![], id3v1()] {
        let bytes = [flac.clone(), behind].concat();
        assert_eq!(assert_same("unknown length", "pulse.flac", &bytes), [""; 0]);
    }
}

#[test]
fn broken_metadata_of_flac_files_is_passed_over() {
    let (info, frames) = flac_parts();
    let mut picture = be32(&[3, 10]);
    picture.extend(b"image/jpeg");
    picture.extend(be32(&[0, 10, 10, 24, 0, 200]));
    picture.extend([b'x'; 100]);
    let block = |kind: u8, body: &[u8]| [&[kind, 0, 0, body.len() as u8], body].concat();
    let last = block(0x81, &[0; 16]);
    let seek_table = block(3, &[0; 18]);
    for (what, blocks) in [
        ("empty comment", block(4, &[])),
        ("picture that claims too much", block(6, &picture)),
        ("two seek tables", [seek_table.clone(), seek_table].concat()),
        ("block that claims too much", vec![5, 0xff, 0xff, 0xff]),
    ] {
        let mut info = info.clone();
        info[0] &= 0x7f;
        let bytes = [b"fLaC", &info[..], &blocks, &last, &frames].concat();
        assert_eq!(assert_same(what, "pulse.flac", &bytes), [""; 0]);
    }
    let mut flac = bytes_of("pulse.flac");
    flac[8..10].fill(0);
    assert_eq!(
        assert_same("smallest block of 0", "pulse.flac", &flac),
        [""; 0]
    );
}

#[test]
fn a_lost_flac_frame_leaves_a_gap_of_its_length() {
    // 3 frames of 4096 samples of noise, so that frames are easily found by their sync code.
    let folder = tempfile::tempdir().unwrap();
    let wav = folder.path().join("a.wav");
    write_wav(&wav, wav_spec(44_100, 1, 16, false), &noise(3 * 4096, 16));
    let song = Track::open(&wav).unwrap();
    let expected = all_samples(&song);
    let soundtrack = soundtrack(&song, 0..song.n_samples);
    let audio::SoundtrackCodec::Flac { stream_info } = soundtrack.codec() else {
        panic!("not FLAC");
    };
    let mut frames: Vec<Vec<u8>> = packets(&*soundtrack)
        .into_iter()
        .map(|packet| packet.data)
        .collect();
    let n_bytes = frames[1].len();
    frames[1][n_bytes / 2] ^= 0x55;
    let flac = [b"fLaC\x80\0\0\x22", &stream_info[..], &frames.concat()].concat();
    let (_folder, track) = open("a.flac", &flac);
    assert_eq!(
        track.notes,
        ["part of the sound is missing: silent from 0:00.093 to 0:00.186"]
    );
    let heard = all_samples(&track);
    assert_eq!(heard.len(), expected.len());
    assert_eq!(heard[..4096], expected[..4096]);
    assert!(heard[4096..8192].iter().all(|&sample| sample == 0.0));
    assert_eq!(heard[8192..], expected[8192..]);
    let film = crate::helpers::soundtrack(&track, 0..track.n_samples);
    assert!(decode(&*film) == heard);
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
