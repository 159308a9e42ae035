//! RGB pictures become H.264 (ITU-T H.264, High profile, CABAC) by openh264.
//!
//! Quality is constant: every macroblock has the same quantisation parameter, so a frame's bytes depend on the pictures
//! since its keyframe and on [`EncodeConfig`] alone, never on a rate controller's memory. One thread, no clock: the same
//! pictures give the same bytes.

use common::{Error, Result};
use image::RgbImage;
use openh264::OpenH264API;
use openh264::encoder::{
    Complexity, EncodedBitStream, EncoderConfig, FrameRate, IntraFramePeriod, Profile, QpRange,
    RateControlMode, SpsPpsStrategy, UsageType, VuiConfig,
};

use super::codec::{CodecHeader, Sample};
use super::colour::Converter;
use super::config::{EncodeConfig, MAX_QP};

/// Names the encoder and its fixed settings; part of every chunk's id. A test fails when bytes change and this does not.
pub(super) const ENCODER: &str = "openh264 0.9 constant-qp high low-complexity left-chroma 1";

/// Coarser by this much after a frame that was too large: half the precision.
const QP_STEP: u8 = 6;

/// Encodes the pictures of one chunk.
pub(super) struct Encoder {
    inner: openh264::encoder::Encoder,
    config: EncodeConfig,
    converter: Converter,
    parameter_sets: Option<CodecHeader>,
    next_frame: u64,
    /// Whether `inner` has encoded nothing yet.
    is_fresh: bool,
}

impl Encoder {
    /// An encoder whose next picture is frame `first_frame` of the film and a keyframe.
    ///
    /// # Errors
    /// [`Error::Config`] for a configuration that H.264 can't hold.
    pub(super) fn new(config: &EncodeConfig, first_frame: u64) -> Result<Self> {
        config.validate()?;
        Ok(Self {
            inner: openh264_encoder(config).map_err(failed)?,
            config: config.clone(),
            converter: Converter::new(config.size),
            parameter_sets: None,
            next_frame: first_frame,
            is_fresh: true,
        })
    }

    /// Encodes the next picture.
    ///
    /// openh264 gives up on a frame that needs more bytes than the uncompressed picture, as pure noise does. Such a frame
    /// becomes a keyframe with a coarser quantiser, which stays for the rest of the chunk.
    ///
    /// # Errors
    /// [`Error::Video`] for a picture of another size, or when openh264 fails.
    pub(super) fn encode(&mut self, rgb: &RgbImage) -> Result<Sample> {
        let picture = self.converter.convert(rgb)?;
        let sample = loop {
            let has_odd_start = self.next_frame % 2 == 1;
            if std::mem::take(&mut self.is_fresh) && has_odd_start {
                // Two keyframes in a row must differ in idr_pic_id (ITU-T H.264, 7.4.3). A new encoder counts from 0,
                // so chunks of a single frame would collide; one keyframe thrown away makes it count from 1 at odd
                // frames.
                let _ = self.inner.encode(picture);
                self.inner.force_intra_frame();
            }
            match self.inner.encode(picture) {
                Ok(stream) => break read_stream(&stream, &mut self.parameter_sets)?,
                Err(error) if self.config.qp >= MAX_QP => return Err(failed(error)),
                Err(_) => {
                    self.config.qp = (self.config.qp + QP_STEP).min(MAX_QP);
                    self.inner = openh264_encoder(&self.config).map_err(failed)?;
                    self.is_fresh = true;
                }
            }
        };
        self.next_frame += 1;
        Ok(sample)
    }

    /// The parameter sets, known once a picture has been encoded.
    pub(super) fn header(&self) -> Option<CodecHeader> {
        self.parameter_sets.clone()
    }
}

fn openh264_encoder(config: &EncodeConfig) -> Result<openh264::encoder::Encoder, openh264::Error> {
    let rate = config.frame_rate;
    // `Bufferbased` moves the parameter within the given range and never drops a frame. With a range of one value its
    // bytes are those of `Quality`, which writes a warning to stderr for each encoder.
    let settings = EncoderConfig::new()
        .rate_control_mode(RateControlMode::Bufferbased)
        .qp(QpRange::new(config.qp, config.qp))
        .skip_frames(false)
        .max_frame_rate(FrameRate::from_hz(rate.num() as f32 / rate.den() as f32))
        .intra_frame_period(IntraFramePeriod::from_num_frames(config.gop_len))
        .usage_type(UsageType::CameraVideoRealTime)
        .complexity(Complexity::Low)
        .profile(Profile::High)
        .sps_pps_strategy(SpsPpsStrategy::ConstantId)
        .scene_change_detect(false)
        .adaptive_quantization(false)
        .background_detection(false)
        .long_term_reference(false)
        .num_threads(1)
        .vui(VuiConfig::bt709());
    openh264::encoder::Encoder::with_api_config(OpenH264API::from_source(), settings)
}

/// Takes a frame's slices, each behind its length in 4 bytes (ISO/IEC 14496-15), and, where they are there, its parameter sets from the encoder's byte stream.
fn read_stream(
    stream: &EncodedBitStream,
    parameter_sets: &mut Option<CodecHeader>,
) -> Result<Sample> {
    let mut sample = Sample {
        data: Vec::new(),
        is_keyframe: false,
    };
    let (mut sps, mut pps) = (None, None);
    for layer in (0..stream.num_layers()).filter_map(|i| stream.layer(i)) {
        for unit in (0..layer.nal_count()).filter_map(|i| layer.nal_unit(i)) {
            let nal = without_start_code(unit);
            match nal.first().map(|byte| byte & 0x1f) {
                Some(NAL_SPS) => sps = Some(nal.to_vec()),
                Some(NAL_PPS) => pps = Some(nal.to_vec()),
                Some(kind @ (NAL_SLICE | NAL_IDR_SLICE)) => {
                    let n_bytes = u32::try_from(nal.len()).unwrap_or(u32::MAX);
                    sample.data.extend_from_slice(&n_bytes.to_be_bytes());
                    sample.data.extend_from_slice(nal);
                    sample.is_keyframe = kind == NAL_IDR_SLICE;
                }
                _ => {}
            }
        }
    }
    if sample.data.is_empty() {
        return Err(Error::Video {
            reason: "openh264 left out a frame".to_owned(),
        });
    }
    if let (Some(sps), Some(pps)) = (sps, pps) {
        let sets = CodecHeader::H264 { sps, pps };
        if parameter_sets.get_or_insert_with(|| sets.clone()) != &sets {
            return Err(Error::Video {
                reason: "openh264 changed its parameter sets within a chunk".to_owned(),
            });
        }
    }
    Ok(sample)
}

// nal_unit_type, ITU-T H.264, table 7-1.
const NAL_SLICE: u8 = 1;
const NAL_IDR_SLICE: u8 = 5;
const NAL_SPS: u8 = 7;
const NAL_PPS: u8 = 8;

/// A NAL unit without the zeros and the one in front of it (ITU-T H.264, Annex B).
fn without_start_code(unit: &[u8]) -> &[u8] {
    let n_zeros = unit.iter().take_while(|byte| **byte == 0).count();
    unit.get(n_zeros + 1..).unwrap_or_default()
}

fn failed(error: openh264::Error) -> Error {
    Error::Video {
        reason: format!("openh264 failed to encode a frame: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use common::hex::hex;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::testing::{config, picture};

    #[test]
    fn noise_is_coarser_but_never_fails() {
        let config = config(128, 128);
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        for first_frame in [0, 1] {
            let mut encoder = Encoder::new(&config, first_frame).unwrap();
            let mut decoder = openh264::decoder::Decoder::new().unwrap();
            for i in 0..6 {
                let mut rgb = picture(config.size, i);
                if i == 2 || i == 3 {
                    rgb.iter_mut()
                        .for_each(|c| *c = 255 * (rng.next_u32() % 2) as u8);
                }
                let sample = encoder.encode(&rgb).unwrap();
                assert_eq!(sample.is_keyframe, i == 0 || i == 2, "frame {i}");
                let Some(CodecHeader::H264 { sps, pps }) = encoder.header() else {
                    panic!("no parameter sets");
                };
                let stream = [
                    &[0, 0, 1],
                    &sps[..],
                    &[0, 0, 1],
                    &pps,
                    &[0, 0, 1],
                    &sample.data[4..],
                ];
                assert!(decoder.decode(&stream.concat()).unwrap().is_some());
            }
            assert!(encoder.config.qp > config.qp);
        }
    }

    #[test]
    fn only_parameters_of_the_film_are_in_the_parameter_sets() {
        let sets = |qp, first_frame| {
            let config = EncodeConfig {
                qp,
                ..config(64, 64)
            };
            let mut encoder = Encoder::new(&config, first_frame).unwrap();
            encoder.encode(&picture(config.size, 0)).unwrap();
            encoder.header().unwrap()
        };
        assert_eq!(sets(22, 0), sets(40, 0));
        assert_eq!(sets(22, 0), sets(22, 1));
    }

    /// Chunks with equal ids must have equal bytes: whoever changes the bytes changes [`ENCODER`] too.
    #[test]
    fn the_encoders_name_stands_for_its_bytes() {
        let config = config(64, 48);
        let mut encoder = Encoder::new(&config, 0).unwrap();
        let mut hash = Sha256::new();
        for idx in 0..5 {
            let sample = encoder.encode(&picture(config.size, idx)).unwrap();
            hash.update(sample.data);
        }
        let known = (
            "openh264 0.9 constant-qp high low-complexity left-chroma 1",
            "76255b50f892a8ed3b83b0b9346f8559b8ca9e28aa4d7733c538dca981819ba4",
        );
        assert_eq!((ENCODER, hex(&hash.finalize()).as_str()), known);
    }
}
