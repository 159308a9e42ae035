//! WAV and its kin with headers that are odd or wrong: the samples are read all the same.

use std::fs;

use audio::Track;

use crate::builders::*;
use crate::helpers::*;

const N: usize = 5001;

/// Writes the bytes to a file and opens it.
fn opened(name: &str, bytes: &[u8]) -> (tempfile::TempDir, Track) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    let track = Track::open_without_ffmpeg(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    (folder, track)
}

fn assert_samples(what: &str, name: &str, bytes: &[u8], expected: &[f32]) {
    let (_folder, track) = opened(name, bytes);
    assert_eq!(
        track.n_samples * u64::from(track.n_channels),
        expected.len() as u64,
        "{what}"
    );
    assert!(all_samples(&track) == expected, "{what}");
    assert_eq!(track.notes, [""; 0], "{what}");
}

#[test]
fn sizes_in_wav_headers_are_not_trusted() {
    let values = stereo(N);
    let wav = || Wav::new(le16(&values));
    let n_bytes = 4 * N as u32;
    let cases = [
        (
            "RIFF too short",
            Wav {
                riff_size: Some(n_bytes + 28),
                ..wav()
            },
        ),
        (
            "RIFF too long",
            Wav {
                riff_size: Some(n_bytes + 44),
                ..wav()
            },
        ),
        (
            "no length of the data",
            Wav {
                riff_size: Some(4088),
                data_size: Some(0),
                ..wav()
            },
        ),
        (
            "no length at all",
            Wav {
                riff_size: Some(0),
                data_size: Some(0),
                ..wav()
            },
        ),
        (
            "highest signed length",
            Wav {
                riff_size: Some(0x7fff_ffff),
                data_size: Some(0x7fff_ffff),
                ..wav()
            },
        ),
        (
            "highest length",
            Wav {
                riff_size: Some(u32::MAX),
                data_size: Some(u32::MAX),
                ..wav()
            },
        ),
        (
            "28 bytes too long",
            Wav {
                data_size: Some(n_bytes + 28),
                ..wav()
            },
        ),
    ];
    for (what, wav) in cases {
        assert_samples(what, "a.wav", &wav.bytes(), &floats(&values));
    }
}

#[test]
fn format_chunks_of_other_lengths_and_odd_chunks_before_the_sound_are_read() {
    let values = stereo(N);
    let longer = |n: usize| [format(1, 2, 16, 4), vec![0; n]].concat();
    let chunk = |id: &[u8], size: u32, body: &[u8]| [id, &size.to_le_bytes()[..], body].concat();
    for n_more in [2, 4, 8, 12, 24] {
        let wav = Wav {
            format: longer(n_more),
            ..Wav::new(le16(&values))
        };
        assert_samples(
            &format!("{n_more} more"),
            "a.wav",
            &wav.bytes(),
            &floats(&values),
        );
    }
    let chunks = [
        ("odd and padded", chunk(b"LIST", 5, b"INFOx\0")),
        ("odd, not padded", chunk(b"LIST", 5, b"INFOx")),
        ("too long", chunk(b"LIST", 1 << 20, b"INFO")),
        ("binary junk", chunk(b"junk", 3, b"\xff\xff\xff\0")),
    ];
    for (what, chunks) in chunks {
        let wav = Wav {
            chunks,
            ..Wav::new(le16(&values))
        };
        assert_samples(what, "a.wav", &wav.bytes(), &floats(&values));
    }
}

#[test]
fn chunks_behind_the_sound_are_no_sound() {
    let values = stereo(N);
    let mut bytes = Wav::new(le16(&values)).bytes();
    bytes.extend(b"LIST\x04\0\0\0INFO");
    assert_samples("LIST behind", "a.wav", &bytes, &floats(&values));
    let tagged = [&b"ID3\x03\0\0\0\0\0\x05hello"[..], &bytes].concat();
    assert_samples("ID3v2 in front", "a.wav", &tagged, &floats(&values));
}

#[test]
fn samples_in_more_bytes_than_they_need_are_read() {
    let values = stereo(N);
    let in_32: Vec<u8> = values
        .iter()
        .flat_map(|&value| (value << 16).to_le_bytes())
        .collect();
    let wav = Wav {
        format: format(1, 2, 24, 8),
        ..Wav::new(in_32)
    };
    assert_samples(
        "24 bits in 4 bytes",
        "a.wav",
        &wav.bytes(),
        &floats(&values),
    );
    let (_folder, track) = opened("a.wav", &wav.bytes());
    let soundtrack = soundtrack(&track, 0..N as u64);
    assert_eq!(
        soundtrack.note(),
        Some("pcm_s32le becomes FLAC, without loss")
    );
    assert!(decode(&*soundtrack) == floats(&values));

    let in_24: Vec<u8> = values
        .iter()
        .flat_map(|&value| [0, value as u8, (value >> 8) as u8])
        .collect();
    let wav = Wav {
        format: format(1, 2, 20, 6),
        ..Wav::new(in_24)
    };
    assert_samples("20 bits", "a.wav", &wav.bytes(), &floats(&values));

    let twelve: Vec<i32> = values.iter().map(|value| value & !15).collect();
    let wav = Wav {
        format: format(1, 2, 12, 4),
        ..Wav::new(le16(&twelve))
    };
    assert_samples("12 bits", "a.wav", &wav.bytes(), &floats(&twelve));
}

#[test]
fn logarithmic_samples_are_read() {
    // The ends of both tables of ITU-T G.711.
    for (tag, codes, expected) in [
        (6, [0x55, 0xd5, 0xaa, 0x2a], [-8, 8, 32_256, -32_256]),
        (7, [0xff, 0x7f, 0x80, 0x00], [0, 0, 32_124, -32_124]),
    ] {
        let wav = Wav {
            format: format(tag, 1, 8, 1),
            ..Wav::new(codes.to_vec())
        };
        assert_samples("G.711", "a.wav", &wav.bytes(), &floats(&expected));
    }
}

#[test]
fn wav_files_of_64_bits_are_read() {
    let values = stereo(N);
    let data = le16(&values);
    let fmt = format(1, 2, 16, 4);
    let sizes: Vec<u8> = [data.len() as u64 + 72, data.len() as u64, N as u64]
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .chain([0; 4])
        .collect();
    let kinds: [&[u8]; 2] = [b"RF64", b"BW64"];
    for magic in kinds {
        let bytes = [
            magic,
            b"\xff\xff\xff\xffWAVEds64\x1c\0\0\0",
            &sizes,
            b"fmt \x10\0\0\0",
            &fmt,
            b"data\xff\xff\xff\xff",
            &data,
            b"LIST\x04\0\0\0INFO",
        ]
        .concat();
        assert_samples("64 bits", "a.wav", &bytes, &floats(&values));
    }
    let guid = |id: &[u8], rest: &str| {
        let rest = (0..24)
            .step_by(2)
            .map(|at| u8::from_str_radix(&rest[at..at + 2], 16).unwrap());
        id.iter().copied().chain(rest).collect::<Vec<u8>>()
    };
    let tail = "f3acd3118cd100c04f8edb8a";
    let bytes = [
        &guid(b"riff", "2e91cf11a5d628db04c10000")[..],
        &(112 + data.len() as u64).to_le_bytes(),
        &guid(b"wave", tail),
        &guid(b"fmt ", tail),
        &40u64.to_le_bytes(),
        &fmt,
        &guid(b"data", tail),
        &(24 + data.len() as u64).to_le_bytes(),
        &data,
    ]
    .concat();
    assert_samples("Wave64", "a.w64", &bytes, &floats(&values));
}

#[test]
fn aiff_files_are_read_whatever_their_sizes_say() {
    let values = stereo(N);
    let rate = b"\x40\x0e\xac\x44\0\0\0\0\0\0";
    let aiff = |form: u32, kind: &[u8], compression: &[u8], data: &[u8]| {
        let mut common = [
            &2u16.to_be_bytes()[..],
            &(N as u32).to_be_bytes(),
            &16u16.to_be_bytes(),
            rate,
        ]
        .concat();
        common.extend(compression);
        let sound = data.len() as u32 + 8;
        [
            b"FORM",
            &form.to_be_bytes()[..],
            kind,
            b"COMM",
            &(common.len() as u32).to_be_bytes(),
            &common,
            b"SSND",
            &sound.to_be_bytes(),
            &[0; 8],
            data,
        ]
        .concat()
    };
    let data = be16(&values);
    let right = 4 + 26 + 16 + data.len() as u32;
    for form in [right, right + 8, right - 8, 0] {
        assert_samples(
            "AIFF",
            "a.aiff",
            &aiff(form, b"AIFF", b"", &data),
            &floats(&values),
        );
    }
    let swapped = aiff(0, b"AIFC", b"sowt\0\0", &le16(&values));
    assert_samples("sowt", "a.aifc", &swapped, &floats(&values));
    let single: Vec<u8> = floats(&values)
        .iter()
        .flat_map(|value| value.to_be_bytes())
        .collect();
    assert_samples(
        "fl32",
        "a.aifc",
        &aiff(0, b"AIFC", b"fl32\0\0", &single),
        &floats(&values),
    );
}

#[test]
fn core_audio_and_au_files_from_a_pipe_are_read() {
    let values = stereo(N);
    let description = [
        &44_100f64.to_be_bytes()[..],
        b"lpcm",
        &be32(&[2, 4, 1, 2, 16]),
    ]
    .concat();
    for size in [u64::MAX, 4 + 4 * N as u64] {
        let bytes = [
            b"caff\0\x01\0\0desc",
            &32u64.to_be_bytes()[..],
            &description,
            b"data",
            &size.to_be_bytes(),
            &[0; 4],
            &le16(&values),
        ]
        .concat();
        assert_samples("CAF", "a.caf", &bytes, &floats(&values));
    }
    let au = [
        b".snd",
        &be32(&[28, u32::MAX, 3, 44_100, 2])[..],
        b"text",
        &be16(&values),
    ]
    .concat();
    assert_samples("AU", "a.au", &au, &floats(&values));
}

#[test]
fn mpeg_audio_in_a_wav_file_is_read() {
    let mp3 = fs::read(crate::fixtures::FIXTURES[0].path()).unwrap();
    let expected = all_samples(&crate::fixtures::FIXTURES[0].open());
    let start = mp3
        .windows(2)
        .position(|bytes| bytes == [0xff, 0xfb])
        .unwrap();
    let format = [
        format(0x55, 2, 0, 1),
        b"\x0c\0\x01\0\x02\0\0\0\xd0\0\x01\0\0\0".to_vec(),
    ]
    .concat();
    let wav = Wav {
        format,
        ..Wav::new(mp3[start..].to_vec())
    };
    assert_samples("MP3 in WAV", "a.wav", &wav.bytes(), &expected);
}

#[test]
fn a_wav_file_that_breaks_off_is_read_with_a_note() {
    let values = stereo(50_000);
    let wav = Wav::new(le16(&values)).bytes();
    let (_folder, track) = opened("a.wav", &wav[..wav.len() / 2]);
    assert_eq!(
        track.notes,
        ["the sound breaks off at 0:00.567 of 0:01.134"]
    );
    let heard = all_samples(&track);
    assert!(heard == floats(&values)[..heard.len()] && heard.len() > 49_000);
}
