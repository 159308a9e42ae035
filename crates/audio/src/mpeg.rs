//! Headers of MPEG audio frames (ISO 11172-3, section 2.4.2.3; ISO 13818-3).

use symphonia::core::audio::{Channels, layouts};
use symphonia::core::codecs::audio::AudioCodecParameters;

/// Decoded length of a frame in samples; MPEG-2 layer III frames hold half as many as those of MPEG-1.
pub(super) fn frame_samples(frame: &[u8]) -> Option<u32> {
    let bits = *frame.get(1)?;
    let is_mpeg1 = bits & 0b0001_1000 == 0b0001_1000;
    match (bits & 0b0000_0110, is_mpeg1) {
        (0b110, _) => Some(384),
        (0b100, _) | (0b010, true) => Some(1152),
        (0b010, false) => Some(576),
        _ => None,
    }
}

/// What a frame's header says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Frame {
    pub sample_rate_hz: u32,
    pub n_channels: usize,
    pub is_layer_3: bool,
}

impl Frame {
    /// Reads the header; `None` for one that no frame has.
    pub fn read(frame: &[u8]) -> Option<Self> {
        let bits = *frame.get(1)?;
        let is_synced = frame.first() == Some(&0xff) && bits & 0xe0 == 0xe0;
        let (version, rate_bits) = (bits >> 3 & 0b11, frame.get(2)? >> 2 & 0b11);
        let rate = *[44_100, 48_000, 32_000].get(usize::from(rate_bits))?;
        let sample_rate_hz = match version {
            0b11 => rate,
            0b10 => rate / 2,
            0b00 => rate / 4, // MPEG 2.5
            _ => return None,
        };
        let has_layer = bits & 0b110 != 0;
        let has_bit_rate = frame.get(2)? >> 4 != 0b1111;
        (is_synced && has_layer && has_bit_rate).then_some(Self {
            sample_rate_hz,
            n_channels: if frame.get(3)? >> 6 == 0b11 { 1 } else { 2 },
            is_layer_3: bits & 0b110 == 0b010,
        })
    }
}

/// Adds what MP4's headers leave to the first frame: sample rate and channels.
pub(super) fn describe(params: &mut AudioCodecParameters, frame: &[u8]) -> Option<()> {
    let frame = Frame::read(frame)?;
    let channels: Channels = match frame.n_channels {
        1 => layouts::CHANNEL_LAYOUT_MONO,
        _ => layouts::CHANNEL_LAYOUT_STEREO,
    };
    params
        .with_sample_rate(frame.sample_rate_hz)
        .with_channels(channels);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_tell_rate_channels_and_length() {
        for (frame, rate, n_channels, n_samples) in [
            ([0xff, 0xfb, 0x90, 0x64], 44_100, 2, 1152),
            ([0xff, 0xfb, 0x94, 0xc4], 48_000, 1, 1152),
            ([0xff, 0xf3, 0x80, 0xc4], 22_050, 1, 576),
            ([0xff, 0xe3, 0x88, 0x44], 8_000, 2, 576),
        ] {
            let mut params = AudioCodecParameters::new();
            describe(&mut params, &frame).unwrap();
            assert_eq!(params.sample_rate, Some(rate));
            assert_eq!(params.channels.unwrap().count(), n_channels);
            assert_eq!(frame_samples(&frame), Some(n_samples));
        }
        let mut params = AudioCodecParameters::new();
        assert!(describe(&mut params, &[0xff, 0xfb, 0x9c, 0x64]).is_none());
        assert!(describe(&mut params, &[0xff]).is_none());
    }
}
