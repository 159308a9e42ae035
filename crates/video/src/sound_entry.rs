use audio::{Soundtrack, SoundtrackCodec};
use common::{Error, Result};
use mp4_atom::esds::{DecoderConfig, DecoderSpecific, EsDescriptor, SLConfig};
use mp4_atom::{
    Audio, Codec, Decode, Dfla, Dops, Encode, Esds, Flac, FourCC, Mp4a, Opus, OpusChannelMapping,
};

/// How many bytes packets have, for the descriptors that tell it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PacketStatistics {
    /// Bytes of the largest packet.
    pub(super) max_bytes: u32,
    /// Mean bits per second.
    pub(super) mean_bit_rate: u32,
}

/// The sample entry of a soundtrack.
///
/// - FLAC: `fLaC` with `dfLa` (Encapsulation of FLAC in ISO Base Media File Format 0.0.4)
/// - MP3 and AAC: `mp4a` with `esds` (ISO/IEC 14496-14; object types of ISO/IEC 14496-1, table 5)
/// - Opus: `Opus` with `dOps` (Encapsulation of Opus in ISO Base Media File Format 0.6.8)
/// - ALAC: `alac` with a box of that name (Apple, "ALAC Magic Cookie Description"), which mp4-atom doesn't know
///
/// # Errors
/// [`Error::Video`] for a malformed configuration.
pub(super) fn sound_entry(soundtrack: &dyn Soundtrack, packets: PacketStatistics) -> Result<Codec> {
    let rate = soundtrack.sample_rate_hz();
    let mut audio = Audio {
        data_reference_index: 1,
        channel_count: u16::try_from(soundtrack.n_channels()).unwrap_or(u16::MAX),
        sample_size: 16,
        sample_rate: expressible_rate(rate).into(),
    };
    Ok(match soundtrack.codec() {
        SoundtrackCodec::Flac { stream_info } => {
            // One metadata block, the last one, of type 0 and 34 bytes (RFC 9639, section 8.1).
            let block = [&[0x80, 0, 0, 34], &stream_info[..]].concat();
            let size = (12 + block.len() as u32).to_be_bytes();
            let dfla = [&size[..], b"dfLa", &[0; 4], &block].concat();
            // 5 bits of "bits per sample - 1" lie across bytes 12 and 13.
            let bits = (u16::from(stream_info[12] & 1) << 4 | u16::from(stream_info[13] >> 4)) + 1;
            audio.sample_size = bits;
            Flac {
                audio,
                dfla: Dfla::decode(&mut &dfla[..]).map_err(malformed)?,
            }
            .into()
        }
        SoundtrackCodec::Alac { config } => {
            audio.sample_size = u16::from(config[5]);
            let mut body = Vec::new();
            audio.encode(&mut body).map_err(malformed)?;
            let size = (12 + config.len() as u32).to_be_bytes();
            body.extend([&size[..], b"alac", &[0; 4], config].concat());
            Codec::Unknown(FourCC::new(b"alac"), body)
        }
        SoundtrackCodec::Mp3 => {
            // MPEG-1 has 32, 44.1 and 48 kHz; lower rates are MPEG-2's.
            let object_type = if rate >= 32_000 { 0x6b } else { 0x69 };
            mp4a(audio, object_type, None, packets)
        }
        SoundtrackCodec::Aac {
            audio_specific_config,
        } => mp4a(audio, 0x40, Some(audio_specific_config), packets),
        SoundtrackCodec::Opus { opus_head } => Opus {
            audio,
            dops: dops(opus_head)?,
            btrt: None,
        }
        .into(),
    })
}

fn mp4a(
    audio: Audio,
    object_type_indication: u8,
    audio_specific_config: Option<&Vec<u8>>,
    packets: PacketStatistics,
) -> Codec {
    let dec_specific = audio_specific_config.map(|raw| DecoderSpecific {
        raw: raw.clone(),
        ..Default::default()
    });
    Mp4a {
        audio,
        esds: Esds {
            es_desc: EsDescriptor {
                es_id: 2,
                dec_config: DecoderConfig {
                    object_type_indication,
                    stream_type: 5, // audio
                    buffer_size_db: packets.max_bytes.try_into().unwrap_or_default(),
                    max_bitrate: packets.mean_bit_rate,
                    avg_bitrate: packets.mean_bit_rate,
                    dec_specific,
                    ..Default::default()
                },
                sl_config: SLConfig {},
                ..Default::default()
            },
        },
        btrt: None,
        taic: None,
    }
    .into()
}

/// OpusHead (RFC 7845, section 5.1; little-endian) as `dOps` (big-endian).
fn dops(opus_head: &[u8]) -> Result<Dops> {
    let (fields, table) = opus_head
        .split_first_chunk::<11>()
        .ok_or_else(|| malformed("OpusHead is too short"))?;
    let [
        _version,
        output_channel_count,
        skip_low,
        skip_high,
        r0,
        r1,
        r2,
        r3,
        gain_low,
        gain_high,
        family,
    ] = *fields;
    let channel_mapping = match (family, table) {
        (0, _) => None,
        (family, [stream_count, coupled_count, mapping @ ..]) => Some(OpusChannelMapping {
            family,
            stream_count: *stream_count,
            coupled_count: *coupled_count,
            channel_mapping: mapping
                .iter()
                .take(usize::from(output_channel_count))
                .copied()
                .collect(),
        }),
        _ => return Err(malformed("OpusHead lacks its channel mapping")),
    };
    Ok(Dops {
        output_channel_count,
        pre_skip: u16::from_le_bytes([skip_low, skip_high]),
        input_sample_rate: u32::from_le_bytes([r0, r1, r2, r3]),
        output_gain: i16::from_le_bytes([gain_low, gain_high]),
        channel_mapping,
    })
}

/// A sample entry has 16 bits for the rate: a higher one is halved until it fits. Players take the true rate from the
/// codec's own configuration.
fn expressible_rate(mut rate: u32) -> u16 {
    while rate > u32::from(u16::MAX) && rate.is_multiple_of(2) {
        rate /= 2;
    }
    u16::try_from(rate).unwrap_or(u16::MAX)
}

fn malformed(reason: impl std::fmt::Display) -> Error {
    Error::Video {
        reason: format!("the soundtrack's configuration is malformed: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_fit_in_16_bits() {
        for (rate, wanted) in [
            (8000, 8000),
            (48_000, 48_000),
            (96_000, 48_000),
            (192_000, 48_000),
            (65_537, 65_535),
            (88_200, 44_100),
        ] {
            assert_eq!(expressible_rate(rate), wanted);
        }
    }

    #[test]
    fn opus_heads_are_turned_to_big_endian() {
        let head = [1, 2, 0x38, 0x01, 0x80, 0xbb, 0, 0, 0xff, 0xff, 0];
        let dops = dops(&head).unwrap();
        assert_eq!(
            (dops.pre_skip, dops.input_sample_rate, dops.output_gain),
            (312, 48_000, -1)
        );
        for length in 0..head.len() {
            assert!(super::dops(&head[..length]).is_err());
        }
        let surround = [1, 6, 0, 0, 0, 0, 0, 0, 0, 0, 1, 4, 2, 0, 4, 1, 2, 3, 5];
        let mapping = super::dops(&surround).unwrap().channel_mapping.unwrap();
        assert_eq!(mapping.channel_mapping, [0, 4, 1, 2, 3, 5]);
        assert!(super::dops(&surround[..11]).is_err());
    }
}
