use common::units::FrameRate;
use common::{Error, Result};
use serde::{Deserialize, Serialize};
use timeline::{Encoding, Size, VideoCodec};

use super::hap::BLOCK_SIDE;

/// Smallest side of a film in pixels: one macroblock.
pub const MIN_SIDE: u32 = 16;
/// Largest long side and short side of a film in pixels, as far as openh264 goes.
pub const MAX_SIDES: (u32, u32) = (3840, 2160);
/// Finest and coarsest quantisation parameter; openh264 refuses finer ones.
pub const MIN_QP: u8 = 12;
/// See [`MIN_QP`].
pub const MAX_QP: u8 = 51;
/// Macroblocks of 16x16 pixels a second in level 5.2, the highest of openh264 (ITU-T H.264, table A-1).
const MAX_MACROBLOCKS_PER_SEC: u64 = 2_073_600;

/// Everything besides the pixels that decides on the bytes of the picture stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncodeConfig {
    /// Size of the film; both sides even.
    pub size: Size,
    /// Frames per second.
    pub frame_rate: FrameRate,
    /// How pictures are compressed.
    pub codec: VideoCodec,
    /// Quantisation parameter of every macroblock, [`MIN_QP`] (best) to [`MAX_QP`]; 6 more halve the precision.
    pub qp: u8,
    /// Frames from one keyframe to the next, 1 or more.
    pub gop_len: u32,
}

impl EncodeConfig {
    /// A film of this size and rate, compressed and played as `encoding` says; a chunk is a group of pictures.
    pub fn new(size: Size, frame_rate: FrameRate, encoding: Encoding) -> Self {
        Self {
            size,
            frame_rate: encoding.play_rate.unwrap_or(frame_rate),
            codec: encoding.codec,
            qp: encoding.qp,
            gop_len: encoding.chunk_len,
        }
    }

    /// Checks every field against what the codec can do: of H.264 what openh264 and level 5.2 can, of Hap what
    /// graphics cards can.
    ///
    /// # Errors
    /// [`Error::Config`] that names the flag, the value and the allowed range.
    pub fn validate(&self) -> Result<()> {
        let Size { width, height } = self.size;
        let refuse_size = |allowed: String| {
            Err(Error::Config {
                name: "size",
                value: self.size.to_string(),
                allowed,
            })
        };
        let (unit, reason) = match self.codec.is_hap() {
            true => (BLOCK_SIDE, "Hap needs sides that are multiples of 4"),
            false => (2, "H.264 needs even sides"),
        };
        if width % unit != 0 || height % unit != 0 {
            let nearest = Size {
                width: width.next_multiple_of(unit),
                height: height.next_multiple_of(unit),
            };
            return refuse_size(format!("{reason}; the nearest size is {nearest}"));
        }
        let (long, short) = (width.max(height), width.min(height));
        if short < MIN_SIDE || long > MAX_SIDES.0 || short > MAX_SIDES.1 {
            return refuse_size(format!(
                "films go from {MIN_SIDE}x{MIN_SIDE} to {}x{} pixels, upright or across",
                MAX_SIDES.0, MAX_SIDES.1
            ));
        }
        let macroblocks = u64::from(width.div_ceil(16)) * u64::from(height.div_ceil(16));
        let (num, den) = (self.frame_rate.num(), self.frame_rate.den());
        let is_too_fast = macroblocks * u64::from(num) > MAX_MACROBLOCKS_PER_SEC * u64::from(den);
        if !self.codec.is_hap() && is_too_fast {
            return Err(Error::Config {
                name: "fps",
                value: self.frame_rate.to_string(),
                allowed: format!(
                    "H.264 level 5.2 allows {} frames per second at {}",
                    MAX_MACROBLOCKS_PER_SEC / macroblocks,
                    self.size
                ),
            });
        }
        if !(MIN_QP..=MAX_QP).contains(&self.qp) {
            return Err(Error::Config {
                name: "qp",
                value: self.qp.to_string(),
                allowed: format!("give {MIN_QP} (best) to {MAX_QP} (smallest file)"),
            });
        }
        if self.gop_len == 0 || self.gop_len > 65_535 {
            return Err(Error::Config {
                name: "chunk",
                value: self.gop_len.to_string(),
                allowed: "give 1 to 65535 frames".to_owned(),
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(width: u32, height: u32, fps: u32) -> EncodeConfig {
        EncodeConfig::new(
            Size { width, height },
            FrameRate::new(fps, 1).expect("a valid rate"),
            Encoding::default(),
        )
    }

    #[test]
    fn usual_films_are_accepted() {
        for (width, height, fps) in [
            (16, 16, 1),
            (512, 512, 24),
            (1920, 1080, 120),
            (1080, 1920, 60),
            (3840, 2160, 60),
        ] {
            config(width, height, fps)
                .validate()
                .unwrap_or_else(|e| panic!("{width}x{height}@{fps}: {e}"));
        }
    }

    #[test]
    fn impossible_films_name_the_nearest_or_the_limit() {
        for (width, height, fps, words) in [
            (511, 512, 24, "512x512"),
            (512, 333, 24, "512x334"),
            (0, 512, 24, "16x16"),
            (8, 512, 24, "16x16"),
            (4096, 2160, 24, "3840x2160"),
            (2400, 2400, 24, "3840x2160"),
            (3840, 2160, 120, "64 frames"),
        ] {
            let error = config(width, height, fps)
                .validate()
                .unwrap_err()
                .to_string();
            assert!(error.contains(words), "{error}");
        }
        for (qp, gop_len) in [(11, 48), (52, 48), (22, 0), (22, 65_536)] {
            let config = EncodeConfig {
                qp,
                gop_len,
                ..config(64, 64, 24)
            };
            assert!(config.validate().is_err(), "{config:?}");
        }
    }
}
