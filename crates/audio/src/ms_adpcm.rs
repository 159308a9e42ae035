//! Microsoft's ADPCM (Microsoft, "New Multimedia Data Types and Data Techniques", 1994; RFC 2361, tag 2): four bits a sample,
//! the difference from a prediction in steps that adapt.
//!
//! symphonia decodes it too, but a damaged block lets its steps grow until a product overflows. Here they stop where FFmpeg's
//! do.

use symphonia::core::codecs::audio::{AudioCodecParameters, well_known as ids};

/// How the steps grow with each number, in 1/256.
const ADAPTATION: [i32; 16] = [
    230, 230, 230, 230, 307, 409, 512, 614, 768, 614, 512, 409, 307, 230, 230, 230,
];
/// Weights of the last sample and the one before in the prediction, in 1/256.
const WEIGHTS: [[i32; 2]; 7] = [
    [256, 0],
    [512, -256],
    [0, 0],
    [192, 64],
    [240, 0],
    [460, -208],
    [392, -232],
];
/// Least and largest step.
const STEPS: (i32, i32) = (16, i32::MAX / 768);
/// Bytes of a block's head for each channel.
const HEAD_BYTES: usize = 7;

/// Decodes packets of whole blocks.
pub(super) struct MsAdpcm {
    n_channels: usize,
    block_bytes: usize,
    /// Interleaved.
    samples: Vec<i16>,
}

/// A channel within a block.
struct Channel {
    weights: [i32; 2],
    step: i32,
    /// The last sample and the one before.
    last: [i32; 2],
}

impl MsAdpcm {
    /// For a stream of this codec, of one or two channels.
    pub fn new(params: &AudioCodecParameters) -> Option<Self> {
        let n_channels = params.channels.as_ref()?.count();
        let n_coded = usize::try_from(params.frames_per_block?.checked_sub(2)?).ok()?;
        let is_known = params.codec == ids::CODEC_ID_ADPCM_MS && (1..=2).contains(&n_channels);
        is_known.then_some(Self {
            n_channels,
            block_bytes: HEAD_BYTES * n_channels + n_coded.checked_mul(n_channels)? / 2,
            samples: Vec::new(),
        })
    }

    pub fn n_channels(&self) -> usize {
        self.n_channels
    }

    /// The last packet's samples, interleaved.
    pub fn samples(&self) -> &[i16] {
        &self.samples
    }

    /// Decodes a packet and returns its length in samples.
    ///
    /// # Errors
    /// What is wrong with the packet, in words.
    pub fn decode(&mut self, packet: &[u8]) -> Result<usize, String> {
        self.samples.clear();
        for block in packet.chunks(self.block_bytes) {
            self.decode_block(block)
                .ok_or("the head of an ADPCM block is damaged")?;
        }
        Ok(self.samples.len() / self.n_channels)
    }

    fn decode_block(&mut self, block: &[u8]) -> Option<()> {
        let n = self.n_channels;
        let (head, coded) = block.split_at_checked(HEAD_BYTES * n)?;
        // Of each value in the head, that of the left channel comes first.
        let number = |value: usize, channel: usize| {
            let at = n + 2 * (value * n + channel);
            let bytes = head.get(at..at + 2)?.first_chunk()?;
            Some(i32::from(i16::from_le_bytes(*bytes)))
        };
        let channel = |channel: usize| {
            Some(Channel {
                weights: *WEIGHTS.get(usize::from(*head.get(channel)?))?,
                step: number(0, channel)?,
                last: [number(1, channel)?, number(2, channel)?],
            })
        };
        let mut channels: Vec<Channel> = (0..n).map(channel).collect::<Option<_>>()?;
        for age in [1, 0] {
            let first = channels.iter().map(|channel| channel.last[age] as i16);
            self.samples.extend(first);
        }
        let numbers = coded.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
        for (turn, number) in numbers.enumerate() {
            let channel = channels.get_mut(turn % n)?;
            self.samples.push(channel.next(number));
        }
        Some(())
    }
}

impl Channel {
    fn next(&mut self, number: u8) -> i16 {
        let difference = i32::from(number) - if number < 8 { 0 } else { 16 };
        let [last, before] = self.last;
        let predicted = (last * self.weights[0] + before * self.weights[1]) / 256;
        let sample = predicted + difference * self.step;
        let sample = sample.clamp(i32::from(i16::MIN), i32::from(i16::MAX));
        self.last = [sample, last];
        let step = ADAPTATION[usize::from(number & 0xf)] * self.step / 256;
        self.step = step.clamp(STEPS.0, STEPS.1);
        sample as i16
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use symphonia::core::audio::Channels;
    use symphonia::core::codecs::audio::AudioDecoderOptions;
    use symphonia::core::packet::Packet;
    use symphonia::core::units::{Duration, Timestamp};

    fn params(n_channels: u16, frames_per_block: u64) -> AudioCodecParameters {
        let mut params = AudioCodecParameters::new();
        params
            .for_codec(ids::CODEC_ID_ADPCM_MS)
            .with_sample_rate(44_100)
            .with_channels(Channels::Discrete(n_channels))
            .with_frames_per_block(frames_per_block)
            .with_max_frames_per_packet(2 * frames_per_block);
        params
    }

    /// Two blocks of steps that neither grow nor shrink much.
    fn packet(n_channels: usize, n_coded: usize) -> Vec<u8> {
        let mut packet = Vec::new();
        for block in 0..2u8 {
            packet.extend((0..n_channels).map(|channel| block + 1 + 2 * channel as u8));
            for value in [40i16, 300, -200] {
                for channel in 0..n_channels as i16 {
                    packet.extend((value + 7 * channel).to_le_bytes());
                }
            }
            packet.extend((0..n_coded * n_channels / 2).map(|i| [0x1f, 0x2e, 0xf0, 0x3d][i % 4]));
        }
        packet
    }

    #[test]
    fn whole_blocks_are_decoded_as_symphonia_does() {
        for n_channels in [1, 2] {
            let params = params(n_channels, 102);
            let packet = packet(usize::from(n_channels), 100);
            let mut ours = MsAdpcm::new(&params).unwrap();
            assert_eq!(ours.decode(&packet), Ok(204));
            let mut other = symphonia::default::get_codecs()
                .make_audio_decoder(&params, &AudioDecoderOptions::default())
                .unwrap();
            let packet = Packet::new(0, Timestamp::new(0), Duration::new(204), packet);
            let mut expected: Vec<i16> = Vec::new();
            other
                .decode(&packet)
                .unwrap()
                .copy_to_vec_interleaved(&mut expected);
            assert_eq!(ours.samples(), expected, "{n_channels}");
        }
    }

    #[test]
    fn steps_stop_growing() {
        let mut ours = MsAdpcm::new(&params(1, 2002)).unwrap();
        let mut block = vec![1, 0xff, 0x7f, 0, 0x80, 0, 0x80];
        block.resize(7 + 1000, 0x88);
        assert_eq!(ours.decode(&block), Ok(2002));
        assert_eq!(ours.samples().last(), Some(&i16::MIN));
    }

    #[test]
    fn damaged_blocks_are_errors_and_short_ones_are_shorter() {
        let mut ours = MsAdpcm::new(&params(2, 102)).unwrap();
        assert!(ours.decode(&[7; 114]).is_err());
        assert!(ours.decode(&[0; 13]).is_err());
        assert_eq!(ours.decode(&[0; 24]), Ok(12));
        assert!(MsAdpcm::new(&params(3, 102)).is_none());
        assert!(MsAdpcm::new(&params(1, 1)).is_none());
    }
}
