//! Songs of every format: exact lengths, exact cuts, soundtracks that decode to the song, and bad input.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use visualize::audio::{Block, MAX_BLOCK_SAMPLES, Packet, Soundtrack, SoundtrackCodec};
use visualize::{Error, Track};

/// A fixture: a quiet tone with one loud pulse. See `tests/audio/README.md`.
struct Fixture {
    name: &'static str,
    codec: &'static str,
    sample_rate_hz: u32,
    n_channels: u32,
    n_samples: u64,
    pulse: u64,
}

const fn fixture(
    name: &'static str,
    codec: &'static str,
    sample_rate_hz: u32,
    n_channels: u32,
    n_samples: u64,
    pulse: u64,
) -> Fixture {
    Fixture {
        name,
        codec,
        sample_rate_hz,
        n_channels,
        n_samples,
        pulse,
    }
}

/// `bare.mp3` and `pulse.aac` have no gapless information: their encoder's delay and padding count as music, there as in
/// every other program.
const FIXTURES: [Fixture; 11] = [
    fixture("pulse.mp3", "mp3", 44_100, 2, 22_117, 10_000),
    fixture("bare.mp3", "mp3", 44_100, 1, 21 * 1152, 10_000 + 1105),
    fixture("pulse.m4a", "aac", 44_100, 2, 22_117, 10_000),
    fixture("pulse.aac", "aac", 44_100, 1, 23 * 1024, 10_000 + 1024),
    fixture("pulse.ogg", "vorbis", 44_100, 1, 22_117, 10_000),
    fixture("pulse.opus", "opus", 48_000, 2, 24_007, 10_000),
    fixture("pulse.webm", "opus", 48_000, 1, 24_007, 10_000),
    fixture("pulse_alac.m4a", "alac", 8_000, 1, 4_001, 2_000),
    fixture("pulse.aiff", "pcm_s16be", 8_000, 1, 4_001, 2_000),
    fixture("pulse.flac", "flac", 8_000, 1, 4_001, 2_000),
    fixture("pulse.mka", "flac", 8_000, 1, 4_001, 2_000),
];

impl Fixture {
    fn path(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/audio")
            .join(self.name)
    }

    fn open(&self) -> Track {
        Track::open(self.path()).unwrap()
    }
}

fn samples(track: &Track, range: std::ops::Range<u64>) -> Vec<f32> {
    let blocks: Vec<Block> = track.blocks(range).unwrap().map(Result::unwrap).collect();
    blocks.into_iter().flat_map(|block| block.samples).collect()
}

fn all_samples(track: &Track) -> Vec<f32> {
    samples(track, 0..u64::MAX)
}

fn soundtrack(track: &Track, range: std::ops::Range<u64>) -> Box<dyn Soundtrack> {
    track.soundtrack(range, &std::env::temp_dir()).unwrap()
}

fn packets(soundtrack: &dyn Soundtrack) -> Vec<Packet> {
    soundtrack.packets().unwrap().map(Result::unwrap).collect()
}

/// Decodes a soundtrack: its packets are written as a bare stream, which is read like a song.
fn decode(soundtrack: &dyn Soundtrack) -> Vec<f32> {
    let folder = tempfile::tempdir().unwrap();
    let packets = packets(soundtrack);
    let n_channels = soundtrack.n_channels() as usize;
    let decoded = match soundtrack.codec() {
        SoundtrackCodec::Opus { opus_head } => decode_opus(opus_head, &packets),
        codec => {
            // A file of a single frame isn't recognised; more of the last one do no harm.
            let spare = packets.iter().rev().take(1).cycle().take(4);
            let (name, start): (_, Vec<u8>) = match codec {
                SoundtrackCodec::Flac { stream_info } => (
                    "a.flac",
                    [b"fLaC\x80\x00\x00\x22", &stream_info[..]].concat(),
                ),
                SoundtrackCodec::Mp3 => ("a.mp3", Vec::new()),
                _ => ("a.aac", Vec::new()),
            };
            let mut bytes = start;
            let is_flac = name == "a.flac";
            for packet in packets
                .iter()
                .chain(spare.take(if is_flac { 0 } else { 4 }))
            {
                if let SoundtrackCodec::Aac {
                    audio_specific_config,
                } = codec
                {
                    bytes.extend(adts_header(audio_specific_config, packet.data.len()));
                }
                bytes.extend(&packet.data);
            }
            let path = folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            all_samples(&Track::open(&path).unwrap())
        }
    };
    let n_packet_samples: usize = packets.iter().map(|packet| packet.n_samples as usize).sum();
    assert!(decoded.len() >= n_packet_samples * n_channels);
    let start = soundtrack.skip_samples() as usize;
    let end = start + soundtrack.n_samples() as usize;
    decoded[start * n_channels..end * n_channels].to_vec()
}

fn decode_opus(head: &[u8], packets: &[Packet]) -> Vec<f32> {
    let n_channels = usize::from(head[1]);
    assert_eq!(head[10], 0, "channel mapping family");
    let mapping: Vec<u8> = (0..head[1]).collect();
    let mut decoder = ropus::OpusMSDecoder::new(
        48_000,
        n_channels as i32,
        1,
        n_channels as i32 - 1,
        &mapping,
    )
    .unwrap();
    let mut decoded = Vec::new();
    for packet in packets {
        let mut pcm = vec![0i16; packet.n_samples as usize * n_channels];
        let length = packet.data.len() as i32;
        decoder
            .decode(
                Some(&packet.data),
                length,
                &mut pcm,
                packet.n_samples as i32,
                false,
            )
            .unwrap();
        decoded.extend(pcm.iter().map(|&sample| f32::from(sample) / 32768.0));
    }
    decoded
}

/// ISO 13818-7, section 6.2, from the AudioSpecificConfig's fields.
fn adts_header(config: &[u8], payload: usize) -> [u8; 7] {
    let bits = u32::from(config[0]) << 8 | u32::from(config[1]);
    let (rate_idx, channels) = (bits >> 7 & 15, bits >> 3 & 15);
    let length = payload as u32 + 7;
    [
        0xff,
        0xf1,
        (1 << 6 | rate_idx << 2 | channels >> 2) as u8,
        ((channels & 3) << 6 | length >> 11) as u8,
        (length >> 3) as u8,
        ((length & 7) << 5 | 0x1f) as u8,
        0xfc,
    ]
}

fn worst_difference(a: &[f32], b: &[f32]) -> f32 {
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max)
}

fn write_wav(path: &Path, spec: hound::WavSpec, values: &[i32]) {
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for &value in values {
        match spec.sample_format {
            hound::SampleFormat::Int => writer.write_sample(value).unwrap(),
            hound::SampleFormat::Float => {
                writer
                    .write_sample(value as f32 / (1u32 << 23) as f32)
                    .unwrap();
            }
        }
    }
    writer.finalize().unwrap();
}

fn wav_spec(rate: u32, channels: u16, bits: u16, is_float: bool) -> hound::WavSpec {
    hound::WavSpec {
        channels,
        sample_rate: rate,
        bits_per_sample: bits,
        sample_format: if is_float {
            hound::SampleFormat::Float
        } else {
            hound::SampleFormat::Int
        },
    }
}

/// Full-scale noise from a linear congruential generator: `n` whole numbers of so many bits.
fn noise(n: usize, bits: u32) -> Vec<i32> {
    let mut state = 1u32;
    (0..n)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state as i32 >> (32 - bits)
        })
        .collect()
}

fn reason(error: &Error) -> String {
    assert_eq!(error.exit_code(), 2, "{error}");
    error.to_string()
}

#[test]
fn lengths_are_exact_and_time_zero_is_the_first_sample() {
    for fixture in &FIXTURES {
        let track = fixture.open();
        let name = fixture.name;
        assert_eq!(track.codec, fixture.codec, "{name}");
        assert_eq!(track.sample_rate_hz, fixture.sample_rate_hz, "{name}");
        assert_eq!(track.n_channels, fixture.n_channels, "{name}");
        assert_eq!(track.n_samples, fixture.n_samples, "{name}");
        let mut next = 0;
        let mut loudest = (0.0f32, 0);
        for block in track.blocks(0..track.n_samples).unwrap().mono() {
            let block = block.unwrap();
            assert_eq!((block.start_sample, block.n_channels), (next, 1), "{name}");
            assert!(
                (1..=MAX_BLOCK_SAMPLES).contains(&block.n_samples()),
                "{name}"
            );
            for (sample, &value) in (next..).zip(&block.samples) {
                if value > loudest.0 {
                    loudest = (value, sample);
                }
            }
            next += block.n_samples() as u64;
        }
        assert_eq!(next, track.n_samples, "{name}");
        assert!(
            loudest.1.abs_diff(fixture.pulse) <= 2,
            "{name}: pulse at {}",
            loudest.1
        );
        assert!(loudest.0 > 0.4, "{name}: pulse of {}", loudest.0);
    }
}

#[test]
fn a_range_is_a_slice_of_the_whole() {
    for fixture in &FIXTURES {
        let track = fixture.open();
        let whole = all_samples(&track);
        let n_channels = track.n_channels as usize;
        let n_samples = track.n_samples;
        for range in [
            0..1,
            1..2,
            1999..2001,
            n_samples / 2..n_samples,
            n_samples - 1..n_samples,
            5..5,
        ] {
            let part = samples(&track, range.clone());
            let expected =
                &whole[range.start as usize * n_channels..range.end as usize * n_channels];
            let tolerance = match fixture.codec {
                "opus" => 1e-4,
                _ => 0.0,
            };
            assert_eq!(part.len(), expected.len(), "{} {range:?}", fixture.name);
            let worst = worst_difference(&part, expected);
            assert!(worst <= tolerance, "{} {range:?}: {worst}", fixture.name);
        }
        assert!(
            samples(&track, n_samples..u64::MAX).is_empty(),
            "{}",
            fixture.name
        );
    }
}

#[test]
fn wav_samples_of_every_kind_are_read_exactly() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.wav");
    for (rate, channels, bits, is_float, n_samples) in [
        (8_000, 1, 8, false, 4001),
        (8_000, 1, 16, false, 80), // 10 ms
        (44_100, 2, 16, false, 1),
        (44_100, 2, 24, false, 10_000),
        (48_000, 2, 32, false, 5000),
        (96_000, 2, 32, true, 20_000),
        (192_000, 8, 24, false, 9000),
    ] {
        let held_bits = if is_float { 24 } else { u32::from(bits) };
        let values = noise(n_samples * usize::from(channels), held_bits);
        write_wav(&path, wav_spec(rate, channels, bits, is_float), &values);
        let track = Track::open(&path).unwrap();
        assert_eq!(track.n_samples, n_samples as u64);
        assert_eq!(track.sample_rate_hz, rate);
        let expected: Vec<f32> = values
            .iter()
            .map(|&value| (f64::from(value) / f64::from(1u32 << (held_bits - 1))) as f32)
            .collect();
        assert_eq!(
            all_samples(&track),
            expected,
            "{rate} Hz, {channels} channels, {bits} bits"
        );
    }
}

#[test]
fn wav_files_from_a_pipe_end_with_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.wav");
    let values = noise(2 * 5001, 16);
    write_wav(&path, wav_spec(44_100, 2, 16, false), &values);
    let expected = all_samples(&Track::open(&path).unwrap());
    let mut bytes = fs::read(&path).unwrap();
    let data = bytes.windows(4).position(|tag| tag == b"data").unwrap();
    bytes[4..8].fill(0xff);
    bytes[data + 4..data + 8].fill(0xff);
    fs::write(&path, bytes).unwrap();
    let track = Track::open(&path).unwrap();
    assert_eq!(track.n_samples, 5001);
    assert!(all_samples(&track) == expected);
}

#[test]
fn silence_is_a_song() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.wav");
    write_wav(&path, wav_spec(44_100, 2, 16, false), &[0; 10_000]);
    let track = Track::open(&path).unwrap();
    assert_eq!(all_samples(&track), [0.0; 10_000]);
    assert_eq!(decode(&*soundtrack(&track, 0..5000)), [0.0; 10_000]);
}

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
        let refused = track.soundtrack(0..track.n_samples, folder.path());
        assert_eq!(reason(&refused.err().unwrap()), text);
    }
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

/// Opens a file and reads all that can be read of it; the samples of a song without errors.
fn read_all(path: &Path) -> Result<Vec<f32>, Error> {
    let track = Track::open(path)?;
    let mut all = Vec::new();
    for block in track.blocks(0..track.n_samples)? {
        all.extend(block?.samples);
    }
    let soundtrack = track.soundtrack(0..track.n_samples, &std::env::temp_dir())?;
    for packet in soundtrack.packets()? {
        packet?;
    }
    Ok(all)
}

#[test]
fn truncated_songs_are_refused_with_the_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut");
    let wav = folder.path().join("whole.wav");
    write_wav(&wav, wav_spec(44_100, 2, 24, false), &noise(20_000, 24));
    let songs = FIXTURES.iter().map(Fixture::path).chain([wav]);
    for song in songs {
        let bytes = fs::read(&song).unwrap();
        for sixteenths in 0..16 {
            fs::write(&path, &bytes[..bytes.len() * sixteenths / 16]).unwrap();
            let error = match read_all(&path) {
                Err(error) => error,
                // Nothing tells where these should end; cut between two frames they are whole.
                Ok(_) if song.ends_with("bare.mp3") || song.ends_with("pulse.aac") => continue,
                Ok(_) => panic!("{} read at {sixteenths}/16", song.display()),
            };
            let text = reason(&error);
            let is_clear = [
                "truncated",
                "damaged",
                "is not audio",
                "is empty",
                "no samples",
            ]
            .iter()
            .any(|word| text.contains(word));
            assert!(is_clear, "{text}");
        }
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
