//! Pictures and measures for this stage's tests.

use image::{Rgb, RgbImage};

use super::chunk::{ChunkInfo, ChunkWriter};
use super::config::EncodeConfig;
use crate::config::Size;
use crate::units::FrameRate;

/// A configuration for small test films at 24 frames a second.
pub(super) fn config(width: u32, height: u32) -> EncodeConfig {
    EncodeConfig::new(
        Size { width, height },
        FrameRate::new(24, 1).expect("a valid rate"),
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

/// Renders frames of [`picture`] into a chunk.
pub(super) fn chunk(
    folder: &std::path::Path,
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
