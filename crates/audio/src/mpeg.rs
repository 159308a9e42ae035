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

/// Adds what MP4's headers leave to the first frame: sample rate and channels.
pub(super) fn describe(params: &mut AudioCodecParameters, frame: &[u8]) -> Option<()> {
    let (version, rate_bits) = (frame.get(1)? >> 3 & 0b11, frame.get(2)? >> 2 & 0b11);
    let rate = *[44_100, 48_000, 32_000].get(usize::from(rate_bits))?;
    let rate = match version {
        0b11 => rate,
        0b10 => rate / 2,
        0b00 => rate / 4, // MPEG 2.5
        _ => return None,
    };
    let is_mono = frame.get(3)? >> 6 == 0b11;
    let channels: Channels = if is_mono {
        layouts::CHANNEL_LAYOUT_MONO
    } else {
        layouts::CHANNEL_LAYOUT_STEREO
    };
    params.with_sample_rate(rate).with_channels(channels);
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
