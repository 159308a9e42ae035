//! MP4 and MOV files of many kinds, with the packets of the fixture or with plain samples.

use std::fs;

use audio::{SoundtrackCodec, Track};

use crate::builders::*;
use crate::fixtures::FIXTURES;
use crate::helpers::*;

fn open(bytes: &[u8]) -> (tempfile::TempDir, Track) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mov");
    fs::write(&path, bytes).unwrap();
    let track = Track::open_without_ffmpeg(&path).unwrap_or_else(|error| panic!("{error}"));
    (folder, track)
}

/// Sample entry, packets and samples (from the very first one on) of a fixture.
fn fixture_parts(name: &str) -> (Vec<u8>, Vec<Vec<u8>>, Vec<f32>) {
    let fixture = FIXTURES
        .iter()
        .find(|fixture| fixture.name == name)
        .unwrap();
    let bytes = fs::read(fixture.path()).unwrap();
    let stsd = bytes.windows(4).position(|kind| kind == b"stsd").unwrap();
    let n_entry = u32::from_be_bytes(bytes[stsd + 12..stsd + 16].try_into().unwrap()) as usize;
    let track = fixture.open();
    let packets: Vec<Vec<u8>> = packets(&*soundtrack(&track, 0..track.n_samples))
        .into_iter()
        .map(|packet| packet.data)
        .collect();
    (
        bytes[stsd + 12..stsd + 12 + n_entry].to_vec(),
        packets,
        all_samples(&track),
    )
}

/// An AAC file with the packets of the fixture; `edits` and children of `moov` as given.
fn aac_file(edits: &[(u32, i32)], more: &[u8]) -> (Vec<u8>, Vec<f32>) {
    aac_file_with(edits, more, |n_packets| vec![(n_packets, 1024)])
}

fn aac_file_with(
    edits: &[(u32, i32)],
    more: &[u8],
    durations: impl Fn(u32) -> Vec<(u32, u32)>,
) -> (Vec<u8>, Vec<f32>) {
    let (entry, packets, samples) = fixture_parts("pulse.m4a");
    let ftyp = boxed(b"ftyp", &[b"M4A \0\0\0\0"]);
    let trak = Trak {
        id: 1,
        entry,
        timescale: 44_100,
        edits: edits.to_vec(),
        sizes: Sizes::Listed(packets.iter().map(|packet| packet.len() as u32).collect()),
        durations: durations(packets.len() as u32),
        offset: ftyp.len() as u32 + 8,
    };
    let mdat = boxed(b"mdat", &[&packets.concat()]);
    let moov = moov(&[&trak.bytes(), more]);
    ([ftyp, mdat, moov].concat(), samples)
}

#[test]
fn all_fragments_are_read() {
    let (entry, packets, samples) = fixture_parts("pulse.m4a");
    let trak = Trak {
        id: 1,
        entry,
        timescale: 44_100,
        edits: vec![(0, 1024)],
        sizes: Sizes::Listed(Vec::new()),
        durations: Vec::new(),
        offset: 0,
    };
    let mvex = boxed(
        b"mvex",
        &[&boxed(b"trex", &[&be32(&[0, 1, 1, 1024, 0, 0])])],
    );
    let start = [
        boxed(b"ftyp", &[b"iso5\0\0\0\0"]),
        moov(&[&trak.bytes(), &mvex]),
    ]
    .concat();
    for (has_base, jump) in [(false, 0), (true, 0), (false, 20_000)] {
        let mut bytes = start.clone();
        for (idx, part) in packets.chunks(5).enumerate() {
            let sizes: Vec<u32> = part.iter().map(|packet| packet.len() as u32).collect();
            let n_tfhd = if has_base { 24 } else { 16 };
            let n_moof = 8 + 16 + 8 + n_tfhd + 16 + 20 + 4 * sizes.len() as u32;
            let moof_at = bytes.len() as u32;
            // A recording begins at any time, and may pause.
            let time = 1_000_000 + 5 * 1024 * idx as u32 + if idx < 2 { 0 } else { jump };
            let tfhd = if has_base {
                be32(&[1, 1, 0, moof_at])
            } else {
                be32(&[0x02_0000, 1])
            };
            let trun = [be32(&[0x201, sizes.len() as u32, n_moof + 8]), be32(&sizes)].concat();
            let traf = boxed(
                b"traf",
                &[
                    &boxed(b"tfhd", &[&tfhd]),
                    &boxed(b"tfdt", &[&be32(&[0, time])]),
                    &boxed(b"trun", &[&trun]),
                ],
            );
            let moof = boxed(
                b"moof",
                &[&boxed(b"mfhd", &[&be32(&[0, idx as u32 + 1])]), &traf],
            );
            assert_eq!(moof.len() as u32, n_moof);
            bytes.extend(moof);
            bytes.extend(boxed(b"mdat", &[&part.concat()]));
        }
        let (_folder, track) = open(&bytes);
        if jump > 0 {
            let note = "part of the sound is missing: silent from 0:00.209 to 0:00.662";
            assert_gap(&track, &samples, 9 * 1024, jump as usize, note);
            continue;
        }
        assert_eq!(track.n_samples, packets.len() as u64 * 1024 - 1024);
        let heard = all_samples(&track);
        assert!(heard[..samples.len()] == samples);
        // Cut within the last fragment: all before it is there.
        let (_folder, cut) = open(&bytes[..bytes.len() - 10]);
        assert_eq!(cut.n_samples, track.n_samples - 1024);
    }
}

/// A recording of a browser in parts: what a decoder of Opus puts out in front of the music is left out once.
#[test]
fn the_lead_in_of_opus_in_fragments_is_no_music() {
    let song = FIXTURES.iter().find(|song| song.name == "pulse.opus");
    let song = song.unwrap().open();
    let film = soundtrack(&song, 0..song.n_samples);
    let SoundtrackCodec::Opus { opus_head } = film.codec() else {
        panic!("not Opus");
    };
    // In MP4, its numbers are big-endian (Encapsulation of Opus in ISO Base Media, section 4.3.2).
    let lead_in = u16::from_le_bytes([opus_head[2], opus_head[3]]);
    let mut head = vec![0, opus_head[1]];
    head.extend(lead_in.to_be_bytes());
    head.extend(be32(&[48_000]));
    head.extend([0; 3]);
    let entry = sound_entry(b"Opus", 2, 16, 48_000, &boxed(b"dOps", &[&head]));
    let trak = Trak {
        id: 1,
        entry,
        timescale: 48_000,
        edits: Vec::new(),
        sizes: Sizes::Listed(Vec::new()),
        durations: Vec::new(),
        offset: 0,
    };
    let defaults = be32(&[0, 1, 1, 960, 0, 0]);
    let mvex = boxed(b"mvex", &[&boxed(b"trex", &[&defaults])]);
    let mut bytes = [
        boxed(b"ftyp", &[b"iso5\0\0\0\0"]),
        moov(&[&trak.bytes(), &mvex]),
    ]
    .concat();
    let packets = packets(&*film);
    for (idx, part) in packets.chunks(7).enumerate() {
        let sizes: Vec<u32> = part.iter().map(|packet| packet.data.len() as u32).collect();
        let n_moof = 8 + 16 + 8 + 16 + 16 + 20 + 4 * sizes.len() as u32;
        let run = [be32(&[0x201, sizes.len() as u32, n_moof + 8]), be32(&sizes)].concat();
        let time = 7 * 960 * idx as u32;
        let traf = boxed(
            b"traf",
            &[
                &boxed(b"tfhd", &[&be32(&[0x02_0000, 1])]),
                &boxed(b"tfdt", &[&be32(&[0, time])]),
                &boxed(b"trun", &[&run]),
            ],
        );
        let number = boxed(b"mfhd", &[&be32(&[0, idx as u32 + 1])]);
        bytes.extend(boxed(b"moof", &[&number, &traf]));
        let data: Vec<u8> = part.iter().flat_map(|packet| packet.data.clone()).collect();
        bytes.extend(boxed(b"mdat", &[&data]));
    }
    let (_folder, track) = open(&bytes);
    assert_eq!(track.skip_samples, u64::from(lead_in));
    assert_eq!(
        track.n_samples,
        packets.len() as u64 * 960 - u64::from(lead_in)
    );
    let (heard, expected) = (all_samples(&track), all_samples(&song));
    assert!(heard[..expected.len()] == expected);
}

/// What a jump in time leaves silent, and the note on it.
fn assert_gap(track: &Track, samples: &[f32], at: usize, n_missing: usize, note: &str) {
    let n_channels = track.n_channels as usize;
    let heard = all_samples(track);
    let (before, after) = (at * n_channels, (at + n_missing) * n_channels);
    assert!(heard[..before] == samples[..before]);
    assert!(heard[before..after].iter().all(|&sample| sample == 0.0));
    let rest = &samples[before..];
    assert!(heard[after..after + rest.len()] == *rest);
    assert_eq!(track.notes, [note]);
    let film = soundtrack(track, 0..track.n_samples);
    assert!(film.note().is_some_and(|note| note.contains("FLAC")));
}

#[test]
fn a_packet_that_lasts_longer_than_its_sound_leaves_a_gap() {
    let longer = |n| vec![(7, 1024), (1, 1024 + 10_000), (n - 8, 1024)];
    let (bytes, samples) = aac_file_with(&[(0, 1024)], &[], longer);
    let (_folder, track) = open(&bytes);
    let note = "part of the sound is missing: silent from 0:00.163 to 0:00.389";
    assert_gap(&track, &samples, 7 * 1024, 10_000, note);
    // What no listener hears as a hole is none.
    let slow = |n| vec![(7, 1024), (1, 1060), (n - 8, 1024)];
    let (bytes, _) = aac_file_with(&[(0, 1024)], &[], slow);
    let (_folder, track) = open(&bytes);
    assert_eq!(track.notes, [""; 0]);
}

#[test]
fn delay_that_only_itunes_notes_is_no_music() {
    let gapless = " 00000000 00000400 00000000 0000000000005665 00000000 00000000";
    let data = boxed(b"data", &[&be32(&[1, 0]), gapless.as_bytes()]);
    let item = boxed(
        b"----",
        &[
            &boxed(b"mean", &[&[0; 4], b"com.apple.iTunes"]),
            &boxed(b"name", &[&[0; 4], b"iTunSMPB"]),
            &data,
        ],
    );
    let udta = boxed(
        b"udta",
        &[&boxed(b"meta", &[&[0; 4], &boxed(b"ilst", &[&item])])],
    );
    let (bytes, samples) = aac_file(&[], &udta);
    let (_folder, track) = open(&bytes);
    assert_eq!((track.skip_samples, track.n_samples), (1024, 22_117));
    assert!(all_samples(&track) == samples);
    // Broken metadata is passed over.
    let (bytes, _) = aac_file(&[], &boxed(b"udta", &[&boxed(b"meta", &[&[0xff; 40]])]));
    let (_folder, track) = open(&bytes);
    assert_eq!(track.skip_samples, 0);
}

#[test]
fn edit_lists_of_two_parts_that_join_are_one() {
    let (bytes, samples) = aac_file(&[(200, 1024), (300, 1024 + 8820)], &[]);
    let (_folder, track) = open(&bytes);
    assert_eq!((track.skip_samples, track.n_samples), (1024, 22_050));
    assert!(all_samples(&track) == samples[..2 * 22_050]);
    // Parts that don't join are left to ffmpeg; without it, the sound is whole.
    let (bytes, _) = aac_file(&[(100, 1024), (100, 15_000)], &[]);
    let (folder, track) = open(&bytes);
    assert!(track.notes[0].contains("edit list"), "{:?}", track.notes);
    let played = Track::open(folder.path().join("a.mov")).unwrap();
    assert!(
        !played.uses_ffmpeg || played.duration_secs < 0.3,
        "{}",
        played.duration_secs
    );
}

/// A MOV file without `ftyp` that holds plain samples.
fn plain_mov(entry: Vec<u8>, frame_bytes: u32, data: &[u8]) -> Vec<u8> {
    let trak = Trak {
        id: 1,
        entry,
        timescale: 44_100,
        edits: Vec::new(),
        sizes: Sizes::Plain(frame_bytes, data.len() as u32 / frame_bytes),
        durations: vec![(data.len() as u32 / frame_bytes, 1)],
        offset: 8 + 8,
    };
    [
        boxed(b"wide", &[]),
        boxed(b"mdat", &[data]),
        moov(&[&trak.bytes()]),
    ]
    .concat()
}

#[test]
fn plain_samples_in_mov_are_read_in_their_order_of_bytes() {
    let values = stereo(9001);
    let enda = |little: u16| boxed(b"wave", &[&boxed(b"enda", &[&little.to_be_bytes()])]);
    let shifted = |shift: u32| {
        values
            .iter()
            .map(move |&value| value << shift)
            .collect::<Vec<i32>>()
    };
    let be24: Vec<u8> = shifted(8)
        .iter()
        .flat_map(|value| value.to_be_bytes()[1..].to_vec())
        .collect();
    let le24: Vec<u8> = shifted(8)
        .iter()
        .flat_map(|value| value.to_le_bytes()[..3].to_vec())
        .collect();
    let be_32: Vec<u8> = shifted(16)
        .iter()
        .flat_map(|value| value.to_be_bytes())
        .collect();
    let float: Vec<u8> = floats(&values)
        .iter()
        .flat_map(|value| value.to_be_bytes())
        .collect();
    let cases = [
        (b"twos", 16, vec![], be16(&values)),
        (b"sowt", 16, vec![], le16(&values)),
        (b"in24", 24, vec![], be24.clone()),
        (b"in24", 24, enda(0), be24),
        (b"in24", 24, enda(1), le24),
        (b"in32", 32, enda(0), be_32),
        (b"fl32", 32, enda(0), float),
    ];
    for (kind, bits, boxes, data) in cases {
        let entry = sound_entry(kind, 2, bits, 44_100, &boxes);
        let (_folder, track) = open(&plain_mov(entry, u32::from(bits) / 4, &data));
        let name = String::from_utf8_lossy(kind);
        assert_eq!(track.n_samples, 9001, "{name}");
        assert!(all_samples(&track) == floats(&values), "{name}");
        assert!(
            decode(&*soundtrack(&track, 0..9001)) == floats(&values),
            "{name}"
        );
    }
}

#[test]
fn bytes_in_mov_are_read() {
    let cases: [(&[u8; 4], [u8; 4], [i32; 4]); 3] = [
        (b"raw ", [0, 128, 255, 64], [-32_768, 0, 127 * 256, -16_384]),
        (b"ulaw", [0xff, 0x7f, 0x80, 0x00], [0, 0, 32_124, -32_124]),
        (b"alaw", [0x55, 0xd5, 0xaa, 0x2a], [-8, 8, 32_256, -32_256]),
    ];
    for (kind, data, expected) in cases {
        let entry = sound_entry(kind, 1, if kind == b"raw " { 8 } else { 16 }, 44_100, &[]);
        let (_folder, track) = open(&plain_mov(entry, 1, &data));
        assert_eq!(all_samples(&track), floats(&expected));
    }
}

#[test]
fn a_first_track_that_cannot_be_decoded_gives_way() {
    let values = stereo(3000);
    let trak = |id: u32, entry: Vec<u8>, size: u32, n: u32| Trak {
        id,
        entry,
        timescale: 44_100,
        edits: Vec::new(),
        sizes: Sizes::Plain(size, n),
        durations: vec![(n, 1)],
        offset: 16,
    };
    let other = trak(1, sound_entry(b"ac-3", 2, 16, 44_100, &[]), 100, 2).bytes();
    let plain = trak(2, sound_entry(b"sowt", 2, 16, 44_100, &[]), 4, 3000).bytes();
    let bytes = [
        boxed(b"wide", &[]),
        boxed(b"mdat", &[&le16(&values)]),
        moov(&[&other, &plain]),
    ]
    .concat();
    let (_folder, track) = open(&bytes);
    assert_eq!(
        track.notes,
        ["audio track 1 can't be decoded here; audio track 2 is used"]
    );
    assert!(all_samples(&track) == floats(&values));
}
