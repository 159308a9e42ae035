//! Reading, decoding and writing for the tests.

use std::fs;
use std::path::Path;

use audio::{Block, Packet, Soundtrack, SoundtrackCodec, SoundtrackFormat, Track};
use common::Error;

pub fn samples(track: &Track, range: std::ops::Range<u64>) -> Vec<f32> {
    let blocks: Vec<Block> = track.blocks(range).unwrap().map(Result::unwrap).collect();
    blocks.into_iter().flat_map(|block| block.samples).collect()
}

pub fn all_samples(track: &Track) -> Vec<f32> {
    samples(track, 0..u64::MAX)
}

pub fn soundtrack(track: &Track, range: std::ops::Range<u64>) -> Box<dyn Soundtrack> {
    soundtrack_as(track, range, SoundtrackFormat::Copy)
}

pub fn soundtrack_as(
    track: &Track,
    range: std::ops::Range<u64>,
    format: SoundtrackFormat,
) -> Box<dyn Soundtrack> {
    let folder = std::env::temp_dir();
    track.soundtrack(range, format, &folder).unwrap().unwrap()
}

pub fn packets(soundtrack: &dyn Soundtrack) -> Vec<Packet> {
    soundtrack.packets().unwrap().map(Result::unwrap).collect()
}

/// Decodes a soundtrack: its packets are written as a bare stream, which is read like a song.
pub fn decode(soundtrack: &dyn Soundtrack) -> Vec<f32> {
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

pub fn decode_opus(head: &[u8], packets: &[Packet]) -> Vec<f32> {
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
pub fn adts_header(config: &[u8], payload: usize) -> [u8; 7] {
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

pub fn worst_difference(a: &[f32], b: &[f32]) -> f32 {
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max)
}

pub fn write_wav(path: &Path, spec: hound::WavSpec, values: &[i32]) {
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

pub fn wav_spec(rate: u32, channels: u16, bits: u16, is_float: bool) -> hound::WavSpec {
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
pub fn noise(n: usize, bits: u32) -> Vec<i32> {
    let mut state = 1u32;
    (0..n)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state as i32 >> (32 - bits)
        })
        .collect()
}

pub fn reason(error: &Error) -> String {
    assert_eq!(error.exit_code(), 2, "{error}");
    error.to_string()
}
