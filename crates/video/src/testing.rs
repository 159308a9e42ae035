//! Pictures and measures for this stage's tests.

use std::path::Path;

use audio::{Packet, Soundtrack, SoundtrackCodec};
use common::Result;
use common::units::FrameRate;
use image::{Rgb, RgbImage};
use timeline::{Encoding, Size};

use super::chunk::{ChunkInfo, ChunkWriter};
use super::config::EncodeConfig;
use super::{FilmFile, Tags, Video, mux};

/// A configuration for small test films at 24 frames a second.
pub(super) fn config(width: u32, height: u32) -> EncodeConfig {
    EncodeConfig::new(
        Size { width, height },
        FrameRate::new(24, 1).expect("a valid rate"),
        Encoding {
            qp: 22,
            ..Encoding::default()
        },
    )
}

/// Frame `frame_idx` of a moving pattern: drifting waves in all three colours and a disc that goes round.
pub(super) fn picture(size: Size, frame_idx: u64) -> RgbImage {
    let t = frame_idx as f64;
    let (w, h) = (f64::from(size.width), f64::from(size.height));
    let centre = (
        w * (0.5 + 0.3 * (0.13 * t).cos()),
        h * (0.5 + 0.3 * (0.13 * t).sin()),
    );
    RgbImage::from_fn(size.width, size.height, |x, y| {
        let (x, y) = (f64::from(x), f64::from(y));
        let disc = (8.0 - ((x - centre.0).hypot(y - centre.1) - 0.15 * w)).clamp(0.0, 16.0) * 4.0;
        let wave = |fx: f64, fy: f64, speed: f64| {
            (100.0 + 60.0 * (fx * x + fy * y + speed * t).sin() + disc) as u8
        };
        Rgb([
            wave(0.05, 0.03, 0.11),
            wave(-0.02, 0.06, 0.07),
            wave(0.03, -0.04, 0.17),
        ])
    })
}

/// Peak signal-to-noise ratio of two pictures in dB.
pub(super) fn psnr(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    let squares: u64 = a
        .iter()
        .zip(b)
        .map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2))
        .sum();
    10.0 * (255.0 * 255.0 * a.len() as f64 / (squares as f64).max(1e-9)).log10()
}

/// Tags of a test film.
pub(super) fn tags() -> Tags {
    Tags {
        title: "Nachtlied".to_owned(),
        encoder: "visualize test".to_owned(),
        comment: "made up".to_owned(),
        facts: [("seed".to_owned(), "7".to_owned())].into(),
    }
}

/// Writes the film of `chunks` with `sound` to `path`, in place of an older one.
pub(super) fn write_film(
    chunks: &[ChunkInfo],
    sound: Option<&dyn Soundtrack>,
    path: &Path,
) -> Result<Video> {
    mux(chunks, sound, &tags(), None, &FilmFile::replacing(path))
}

/// Renders frames of [`picture`] into a chunk.
pub(super) fn chunk(
    folder: &Path,
    id: &str,
    frames: std::ops::Range<u64>,
    config: &EncodeConfig,
) -> ChunkInfo {
    let mut writer = ChunkWriter::new(folder, id, frames.start, config).expect("a writer");
    for frame_idx in frames {
        writer.push(&picture(config.size, frame_idx)).expect("room");
    }
    writer.finish().expect("a chunk")
}

/// A soundtrack of made-up packets.
pub(super) struct FakeSound {
    pub(super) codec: SoundtrackCodec,
    pub(super) sample_rate_hz: u32,
    pub(super) skip_samples: u64,
    pub(super) n_samples: u64,
    pub(super) packet_samples: u32,
}

impl FakeSound {
    /// One of each codec, `secs` long.
    pub(super) fn each(secs: f64) -> Vec<Self> {
        let sound = |codec, sample_rate_hz: u32, skip_samples, packet_samples| Self {
            codec,
            sample_rate_hz,
            skip_samples,
            n_samples: (secs * f64::from(sample_rate_hz)) as u64,
            packet_samples,
        };
        let mut stream_info = [0; 34];
        stream_info[..4].copy_from_slice(&[0x10, 0, 0x10, 0]); // blocks of 4096 samples
        stream_info[10..18].copy_from_slice(&[0x0a, 0xc4, 0x42, 0xf0, 0, 0, 0, 0]); // 44.1 kHz, stereo, 16 bits
        let audio_specific_config = vec![0x12, 0x10];
        let mut config = [0; 24];
        config[..10].copy_from_slice(&[0, 0, 0x10, 0, 0, 16, 40, 10, 14, 2]); // packets of 4096 samples, 16 bits, stereo
        config[20..].copy_from_slice(&44_100u32.to_be_bytes());
        let opus_head = vec![1, 2, 0x38, 1, 0x80, 0xbb, 0, 0, 0, 0, 0];
        vec![
            sound(SoundtrackCodec::Flac { stream_info }, 44_100, 0, 4096),
            sound(SoundtrackCodec::Mp3, 44_100, 1105, 1152),
            sound(
                SoundtrackCodec::Aac {
                    audio_specific_config,
                },
                44_100,
                1024,
                1024,
            ),
            sound(SoundtrackCodec::Opus { opus_head }, 48_000, 312, 960),
            sound(SoundtrackCodec::Alac { config }, 44_100, 0, 4096),
        ]
    }

    /// The packets, told apart by their bytes and lengths.
    pub(super) fn all_packets(&self) -> Vec<Packet> {
        let n_packets = (self.skip_samples + self.n_samples).div_ceil(self.packet_samples.into());
        (0..n_packets)
            .map(|i| Packet {
                data: vec![i as u8; 50 + (i * 37 % 101) as usize],
                n_samples: self.packet_samples,
            })
            .collect()
    }
}

impl Soundtrack for FakeSound {
    fn codec(&self) -> &SoundtrackCodec {
        &self.codec
    }

    fn sample_rate_hz(&self) -> u32 {
        self.sample_rate_hz
    }

    fn n_channels(&self) -> u32 {
        2
    }

    fn skip_samples(&self) -> u64 {
        self.skip_samples
    }

    fn n_samples(&self) -> u64 {
        self.n_samples
    }

    fn note(&self) -> Option<&str> {
        None
    }

    fn packets(&self) -> common::Result<Box<dyn Iterator<Item = common::Result<Packet>> + '_>> {
        Ok(Box::new(self.all_packets().into_iter().map(Ok)))
    }
}
