//! Opus: identification header, packet durations and decoding.

use ropus::OpusMSDecoder;

/// Opus always counts time at 48 kHz (RFC 7845, section 4).
pub(super) const OPUS_RATE_HZ: u32 = 48_000;

/// Longest packet in samples: 120 ms (RFC 6716, section 3.2.5, rule 5).
const MAX_PACKET_SAMPLES: u32 = 5760;

const MAGIC: &[u8] = b"OpusHead";

/// The identification header (RFC 7845, section 5.1).
#[derive(Clone, Debug, PartialEq)]
pub(super) struct OpusHead {
    pub n_channels: u8,
    /// Decoded samples before the first one to be heard.
    pub pre_skip: u16,
    input_rate_hz: u32,
    gain: i16,
    family: u8,
    n_streams: u8,
    n_coupled: u8,
    mapping: Vec<u8>,
}

impl OpusHead {
    /// Reads the header packet, magic included. `None` if it is malformed.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let body = bytes.strip_prefix(MAGIC)?;
        let n_channels = *body.get(1)?;
        let pre_skip = [*body.get(2)?, *body.get(3)?];
        let input_rate_hz: [u8; 4] = body.get(4..8)?.try_into().ok()?;
        let gain: [u8; 2] = body.get(8..10)?.try_into().ok()?;
        // MP4 keeps the same fields big-endian, as version 0 (Opus in ISOBMFF, section 4.3.2).
        let (pre_skip, input_rate_hz, gain) = match body.first()? {
            0 => (
                u16::from_be_bytes(pre_skip),
                u32::from_be_bytes(input_rate_hz),
                i16::from_be_bytes(gain),
            ),
            _ => (
                u16::from_le_bytes(pre_skip),
                u32::from_le_bytes(input_rate_hz),
                i16::from_le_bytes(gain),
            ),
        };
        let family = *body.get(10)?;
        let (n_streams, n_coupled, mapping) = if family == 0 {
            let n_coupled = n_channels.checked_sub(1)?;
            (1, n_coupled, (0..n_channels).collect())
        } else {
            let mapping = body.get(13..13 + usize::from(n_channels))?;
            (*body.get(11)?, *body.get(12)?, mapping.to_vec())
        };
        let n_decoded = u16::from(n_streams) + u16::from(n_coupled);
        let is_valid = n_channels > 0
            && (family != 0 || n_channels <= 2)
            && n_streams > 0
            && n_coupled <= n_streams
            && n_decoded <= 255
            && mapping
                .iter()
                .all(|&slot| slot == 255 || u16::from(slot) < n_decoded);
        is_valid.then_some(Self {
            n_channels,
            pre_skip,
            input_rate_hz,
            gain,
            family,
            n_streams,
            n_coupled,
            mapping,
        })
    }

    /// The header from its version byte on, as Ogg has it.
    pub fn to_body(&self) -> Vec<u8> {
        let mut body = vec![1, self.n_channels];
        body.extend(self.pre_skip.to_le_bytes());
        body.extend(self.input_rate_hz.to_le_bytes());
        body.extend(self.gain.to_le_bytes());
        body.push(self.family);
        if self.family != 0 {
            body.extend([self.n_streams, self.n_coupled]);
            body.extend(&self.mapping);
        }
        body
    }
}

/// Decoded length of a packet in samples at 48 kHz, from its table-of-contents byte (RFC 6716, section 3.1). `None` if the
/// packet breaks the format's rules.
pub(super) fn packet_samples(packet: &[u8]) -> Option<u32> {
    let toc = *packet.first()?;
    let config = toc >> 3;
    let frame_samples = match config {
        0..12 => [480, 960, 1920, 2880][usize::from(config % 4)],
        12..16 => [480, 960][usize::from(config % 2)],
        _ => [120, 240, 480, 960][usize::from(config % 4)],
    };
    let n_frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(packet.get(1)? & 0x3f),
    };
    let n_samples = frame_samples * n_frames;
    (1..=MAX_PACKET_SAMPLES)
        .contains(&n_samples)
        .then_some(n_samples)
}

/// Decodes packets.
pub(super) struct OpusPackets {
    decoder: OpusMSDecoder,
    n_channels: usize,
    /// Factor that the header asks for.
    gain: f32,
    samples: Vec<i16>,
}

impl OpusPackets {
    pub fn new(head: &OpusHead) -> Result<Self, String> {
        let decoder = OpusMSDecoder::new(
            OPUS_RATE_HZ as i32,
            i32::from(head.n_channels),
            i32::from(head.n_streams),
            i32::from(head.n_coupled),
            &head.mapping,
        )
        .map_err(|code| format!("libopus error {code}"))?;
        Ok(Self {
            decoder,
            n_channels: usize::from(head.n_channels),
            // In 256ths of a decibel (RFC 7845, section 5.1).
            gain: 10f32.powf(f32::from(head.gain) / (20.0 * 256.0)),
            samples: Vec::new(),
        })
    }

    /// Decodes one packet and returns its length in samples.
    pub fn decode(&mut self, packet: &[u8]) -> Result<usize, String> {
        let n_samples = packet_samples(packet).ok_or("invalid Opus packet")?;
        let n_bytes = i32::try_from(packet.len()).map_err(|_| "the packet is too long")?;
        self.samples.resize(n_samples as usize * self.n_channels, 0);
        self.decoder
            .decode(
                Some(packet),
                n_bytes,
                &mut self.samples,
                n_samples as i32,
                false,
            )
            .map(|n_decoded| n_decoded as usize)
            .map_err(|code| format!("libopus error {code}"))
    }

    pub fn n_channels(&self) -> usize {
        self.n_channels
    }

    /// The last packet's samples, interleaved, full scale at -1..=1.
    pub fn samples(&self) -> impl Iterator<Item = f32> + '_ {
        let factor = self.gain / 32768.0;
        self.samples
            .iter()
            .map(move |&sample| f32::from(sample) * factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_follow_the_table_of_contents() {
        for (packet, n_samples) in [
            (&[0b0000_0000][..], Some(480)),     // SILK 10 ms, one frame
            (&[0b0001_1000], Some(2880)),        // SILK 60 ms
            (&[0b1111_1000], Some(960)),         // CELT 20 ms
            (&[0b1000_0001], Some(240)),         // CELT 2.5 ms, two frames
            (&[0b1111_1011, 6], Some(5760)),     // CELT 20 ms, six frames
            (&[0b1111_1011, 7], None),           // more than 120 ms
            (&[0b1111_1011, 0b0100_0000], None), // no frame
            (&[0b1111_1011], None),              // count missing
            (&[], None),
        ] {
            assert_eq!(packet_samples(packet), n_samples, "{packet:?}");
        }
    }

    #[test]
    fn headers_are_read() {
        let stereo = b"OpusHead\x01\x02\x38\x01\x80\xbb\x00\x00\x00\x00\x00";
        let head = OpusHead::parse(stereo).unwrap();
        assert_eq!((head.n_channels, head.pre_skip), (2, 312));
        assert_eq!((head.n_streams, head.n_coupled), (1, 1));
        assert_eq!(head.to_body(), stereo[8..]);
        for length in 0..stereo.len() {
            assert!(OpusHead::parse(&stereo[..length]).is_none(), "{length}");
        }
    }
}
