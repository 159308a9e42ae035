//! Files that hold several chunks of sound, where one is allowed: the last one is the song, as ffmpeg and libsndfile have it.

use std::fs;

use audio::Track;

use crate::builders::*;
use crate::helpers::*;

const N_FIRST: usize = 3000;
const N_LAST: usize = 1234;

/// Opens a file whose last chunk of sound holds all but the first samples of [`stereo`].
fn assert_last(name: &str, bytes: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    let track = Track::open_without_ffmpeg(&path).unwrap();
    let values = stereo(N_FIRST + N_LAST);
    assert!(
        all_samples(&track) == floats(&values)[2 * N_FIRST..],
        "{name}: {} samples",
        track.n_samples
    );
    assert_eq!(
        track.notes,
        [
            "the file holds 2 pieces of sound, where one is allowed; the last one is used, as by ffmpeg"
        ],
        "{name}"
    );
}

/// Two chunks of bytes that stand for the samples of [`stereo`].
fn in_two(write: fn(&[i32]) -> Vec<u8>) -> [Vec<u8>; 2] {
    let values = stereo(N_FIRST + N_LAST);
    let (first, last) = values.split_at(2 * N_FIRST);
    [write(first), write(last)]
}

#[test]
fn in_a_wav_file() {
    let [first, last] = in_two(le16);
    let chunk =
        |id: &[u8], data: &[u8]| [id, &(data.len() as u32).to_le_bytes()[..], data].concat();
    for between in [Vec::new(), chunk(b"LIST", b"INFO")] {
        let mut bytes = Wav::new(first.clone()).bytes();
        bytes.extend(between);
        bytes.extend(chunk(b"data", &last));
        // Neither is sound.
        bytes.extend(chunk(b"data", b""));
        bytes.extend(chunk(b"LIST", b"INFO"));
        assert_last("two.wav", &bytes);
    }
}

#[test]
fn in_a_wave64_file() {
    let guid = |id: &[u8; 4]| [&id[..], b"\xf3\xac\xd3\x11\x8c\xd1\0\xc0\x4f\x8e\xdb\x8a"].concat();
    let chunk = |id: &[u8; 4], data: &[u8]| {
        let size = 24 + data.len() as u64;
        let padding = vec![0; (8 - data.len() % 8) % 8];
        [&guid(id)[..], &size.to_le_bytes(), data, &padding].concat()
    };
    let [first, last] = in_two(le16);
    let bytes = [
        &b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0"[..],
        &0u64.to_le_bytes(),
        &guid(b"wave"),
        &chunk(b"fmt ", &format(1, 2, 16, 4)),
        &chunk(b"data", &first),
        &chunk(b"data", &last),
    ]
    .concat();
    assert_last("two.w64", &bytes);
}

#[test]
fn in_an_aiff_file() {
    let chunk =
        |id: &[u8], data: &[u8]| [id, &(data.len() as u32).to_be_bytes()[..], data].concat();
    let common = [
        &2u16.to_be_bytes()[..],
        &(N_LAST as u32).to_be_bytes(),
        &16u16.to_be_bytes(),
        b"\x40\x0e\xac\x44\0\0\0\0\0\0",
    ]
    .concat();
    let [first, last] = in_two(be16).map(|data| chunk(b"SSND", &[vec![0; 8], data].concat()));
    let body = [b"AIFF".to_vec(), chunk(b"COMM", &common), first, last].concat();
    assert_last("two.aiff", &chunk(b"FORM", &body));
}

#[test]
fn in_a_core_audio_file() {
    let chunk =
        |id: &[u8], data: &[u8]| [id, &(data.len() as u64).to_be_bytes()[..], data].concat();
    let description = [
        &44_100f64.to_be_bytes()[..],
        b"lpcm",
        &be32(&[2, 4, 1, 2, 16]),
    ]
    .concat();
    let [first, last] = in_two(le16).map(|data| chunk(b"data", &[vec![0; 4], data].concat()));
    let head = b"caff\0\x01\0\0".to_vec();
    assert_last(
        "two.caf",
        &[head, chunk(b"desc", &description), first, last].concat(),
    );
}
