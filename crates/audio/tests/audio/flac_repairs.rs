//! Faults of FLAC files that don't touch the sound, or only a part of it.

use audio::Track;

use crate::builders::*;
use crate::helpers::*;
use crate::repairs::*;

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
fn what_is_behind_flac_frames_takes_none_of_them_along() {
    let known = bytes_of("pulse.flac");
    let mut unknown = known.clone();
    unknown[21] &= 0xf0;
    unknown[22..26].fill(0);
    let noise = |n: u32| (0..n).map(|i| (i.wrapping_mul(0x9E37_79B9) >> 13) as u8);
    // What looks like a frame, and isn't one.
    let frame = known[known.len() - 40..].to_vec();
    for behind in [
        vec![0],
        vec![0xff],
        vec![0; 300],
        noise(7).collect(),
        noise(200).collect(),
        [b"\xff\xf8\xc9\x08\0", &frame[..]].concat(),
        [noise(50).collect(), id3v1()].concat(),
    ] {
        for flac in [&known, &unknown] {
            let bytes = [&flac[..], &behind].concat();
            assert_eq!(assert_same("junk behind", "pulse.flac", &bytes), [""; 0]);
        }
    }
    // Much of it is told.
    let bytes = [known, vec![1; 70_000]].concat();
    let notes = assert_same("much junk behind", "pulse.flac", &bytes);
    assert_eq!(
        notes,
        ["70000 bytes of the file are no frames of FLAC that can be read"]
    );
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
