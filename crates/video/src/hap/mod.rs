//! Hap: a texture for each frame, which a graphics card unpacks by itself, packed once more with Snappy. Programs for live
//! visuals play it forwards, backwards and in many layers, since every frame stands alone.
//!
//! | file | what |
//! |---|---|
//! | `texture.rs` | a picture as blocks of 4x4 pixels, and back |
//! | `refine.rs` | better colours for blocks |
//! | `frame.rs` | a texture as a frame of the film, and back |
//!
//! Source: Vidvox, "Hap Video", HapVideoDRAFT.

mod frame;
mod refine;
mod texture;

use common::{Error, Result};
use image::RgbImage;
use mp4_atom::{Codec, FourCC};
use rayon::prelude::*;
use timeline::{Size, VideoCodec};

use super::codec::{CodecHeader, Sample};
use super::config::EncodeConfig;
use texture::Texture;

/// Names this encoder and its settings in the id of every chunk.
pub(super) const ENCODER: &str = "hap-1";

/// Both sides of a frame are a multiple of this.
pub(super) const BLOCK_SIDE: u32 = 4;

/// Parts of a frame that are packed, and unpacked, at the same time.
const N_PARTS: u32 = 8;

/// How a codec packs a picture, if it is one of Hap's.
pub(super) fn texture_of(codec: VideoCodec) -> Option<Texture> {
    match codec {
        VideoCodec::Hap => Some(Texture::Rgb),
        VideoCodec::HapAlpha => Some(Texture::Rgba),
        VideoCodec::HapQ => Some(Texture::ScaledYcocg),
        VideoCodec::H264 => None,
    }
}

/// Encodes pictures of one size.
pub(super) struct Encoder {
    codec: VideoCodec,
    texture: Texture,
    size: Size,
}

impl Encoder {
    pub(super) fn new(config: &EncodeConfig, texture: Texture) -> Result<Self> {
        config.validate()?;
        Ok(Self {
            codec: config.codec,
            texture,
            size: config.size,
        })
    }

    /// Encodes a picture. Its parts are packed on all threads; the bytes don't depend on how many there are.
    ///
    /// # Errors
    /// [`Error::Video`] for a picture of another size.
    pub(super) fn encode(&self, picture: &RgbImage) -> Result<Sample> {
        let Size { width, height } = self.size;
        if picture.dimensions() != (width, height) {
            let (width, height) = picture.dimensions();
            return Err(Error::Video {
                reason: format!(
                    "a frame has {width}x{height} pixels instead of {}",
                    self.size
                ),
            });
        }
        let n_rows = (height / BLOCK_SIDE).div_ceil(N_PARTS) * BLOCK_SIDE;
        let n_bytes = 3 * width as usize * n_rows as usize;
        let parts: Vec<frame::Part> = picture
            .as_raw()
            .par_chunks(n_bytes)
            .map(|rows| frame::Part::packed(self.texture.blocks_of(rows, width)))
            .collect();
        Ok(Sample {
            data: frame::encode(self.texture, &parts),
            is_keyframe: true,
        })
    }

    pub(super) fn header(&self) -> CodecHeader {
        CodecHeader::Hap { codec: self.codec }
    }
}

/// The picture of a frame; an alpha channel is left out.
///
/// # Errors
/// Says what is wrong with the frame.
pub(super) fn decode(sample: &[u8], size: Size) -> Result<RgbImage, String> {
    let (texture, blocks) = frame::decode(sample, size)?;
    let pixels = texture.pixels_of(&blocks, size.width);
    RgbImage::from_raw(size.width, size.height, pixels).ok_or_else(|| {
        format!(
            "it has {} bytes of texture, too few for {size}",
            blocks.len()
        )
    })
}

/// Kind, name and bits of a pixel in the sample entries of Hap's codecs.
const ENTRIES: [(VideoCodec, &[u8; 4], &str, u16); 3] = [
    (VideoCodec::Hap, b"Hap1", "Hap", 24),
    (VideoCodec::HapAlpha, b"Hap5", "Hap Alpha", 32),
    (VideoCodec::HapQ, b"HapY", "Hap Q", 24),
];

/// The codec of a film's sample entry, if it is one of Hap's.
pub(super) fn codec_of(kind: FourCC) -> Option<VideoCodec> {
    let kind = <[u8; 4]>::from(kind);
    let row = ENTRIES.iter().find(|(_, known, ..)| **known == kind)?;
    Some(row.0)
}

/// The film's description of the frames (QuickTime File Format, "Video sample description"); `None` for codecs that aren't Hap's.
pub(super) fn sample_entry(codec: VideoCodec, size: Size) -> Option<Codec> {
    let (_, kind, name, depth) = ENTRIES.into_iter().find(|row| row.0 == codec)?;
    let mut body = vec![0; 6]; // reserved
    body.extend(1u16.to_be_bytes()); // the samples are in this file
    body.extend([0; 16]); // version, revision, vendor, temporal and spatial quality
    body.extend((size.width as u16).to_be_bytes());
    body.extend((size.height as u16).to_be_bytes());
    body.extend(0x0048_0000u32.to_be_bytes()); // 72 dots an inch, across and down
    body.extend(0x0048_0000u32.to_be_bytes());
    body.extend(0u32.to_be_bytes());
    body.extend(1u16.to_be_bytes()); // one frame a sample
    let mut label = [0; 32];
    label[0] = name.len() as u8;
    label[1..=name.len()].copy_from_slice(name.as_bytes());
    body.extend(label);
    body.extend(depth.to_be_bytes());
    body.extend((-1i16).to_be_bytes()); // no colour table
    Some(Codec::Unknown(FourCC::new(kind), body))
}

/// Width and height in a sample entry of [`sample_entry`]'s form.
pub(super) fn size_of(body: &[u8]) -> Option<Size> {
    let side = |at: usize| Some(u16::from_be_bytes(body.get(at..at + 2)?.try_into().ok()?));
    Some(Size {
        width: side(24)?.into(),
        height: side(26)?.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    const SIZE: Size = Size {
        width: 256,
        height: 132,
    };

    fn config(codec: VideoCodec) -> EncodeConfig {
        EncodeConfig {
            codec,
            ..testing::config(SIZE.width, SIZE.height)
        }
    }

    fn encoder(codec: VideoCodec) -> Encoder {
        Encoder::new(&config(codec), texture_of(codec).unwrap()).unwrap()
    }

    #[test]
    fn pictures_survive() {
        for (codec, least) in [
            (VideoCodec::Hap, 35.0),
            (VideoCodec::HapAlpha, 35.0),
            (VideoCodec::HapQ, 40.0),
        ] {
            let picture = testing::picture(SIZE, 7);
            let sample = encoder(codec).encode(&picture).unwrap();
            assert!(sample.is_keyframe);
            let back = decode(&sample.data, SIZE).unwrap();
            let psnr = testing::psnr(&picture, &back);
            assert!(psnr > least, "{codec}: {psnr:.1} dB");
        }
    }

    #[test]
    fn plain_pictures_are_exact_in_luma_and_small() {
        for grey in [0, 1, 127, 200, 255] {
            let picture = RgbImage::from_pixel(SIZE.width, SIZE.height, image::Rgb([grey; 3]));
            let sample = encoder(VideoCodec::HapQ).encode(&picture).unwrap();
            assert!(sample.data.len() < 4000, "{} bytes", sample.data.len());
            let back = decode(&sample.data, SIZE).unwrap();
            assert!(
                back.iter().all(|v| v.abs_diff(grey) <= 1),
                "{grey}: {:?}",
                back.get_pixel(0, 0)
            );
        }
    }

    #[test]
    fn the_bytes_do_not_depend_on_threads() {
        let picture = testing::picture(SIZE, 3);
        let with = |n: usize| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(n)
                .build()
                .unwrap();
            pool.install(|| encoder(VideoCodec::HapQ).encode(&picture).unwrap())
        };
        assert_eq!(with(1), with(5));
    }

    #[test]
    fn a_sample_entry_says_its_size_and_codec() {
        for codec in [VideoCodec::Hap, VideoCodec::HapAlpha, VideoCodec::HapQ] {
            let Some(Codec::Unknown(kind, body)) = sample_entry(codec, SIZE) else {
                panic!("a known codec");
            };
            assert_eq!((codec_of(kind), size_of(&body)), (Some(codec), Some(SIZE)));
            assert_eq!(body.len(), 78);
        }
    }

    #[test]
    fn damaged_frames_are_errors() {
        let whole = encoder(VideoCodec::HapQ)
            .encode(&testing::picture(SIZE, 0))
            .unwrap()
            .data;
        for n in 0..whole.len() {
            assert!(decode(&whole[..n], SIZE).is_err(), "{n} bytes");
        }
        for at in 0..whole.len().min(64) {
            let mut broken = whole.clone();
            broken[at] ^= 0xff;
            let _ = decode(&broken, SIZE); // an error or other pixels, but no panic
        }
    }
}
