//! What the opened file says of its sound, checked.

use symphonia::core::codecs::audio::AudioCodecParameters;

use super::*;
use crate::copied::of_low_complexity_config;
use crate::decode::Described;
use crate::extent::scale;

/// A file's first packet of a track, read apart from everything else.
pub(super) fn first_packet(path: &Path, track_id: u32) -> Result<Option<Packet>> {
    let mut opened = container::open(path, &Layout::default())?;
    while let Ok(Some(packet)) = opened.packets.next_packet() {
        if packet.track_id == track_id {
            return Ok(Some(packet));
        }
    }
    Ok(None)
}

/// What the headers say.
pub(super) fn stream_of(path: &Path, opened: &Opened) -> Result<Stream> {
    let (track, container) = (&opened.track, opened.container);
    let mut params = audio_params(track).cloned().unwrap_or_default();
    let codec = match params.codec {
        codec_ids::CODEC_ID_FLAC => Codec::Flac,
        codec_ids::CODEC_ID_MP1 | codec_ids::CODEC_ID_MP2 => Codec::MpegLayer12,
        codec_ids::CODEC_ID_MP3 => Codec::Mp3,
        codec_ids::CODEC_ID_AAC => Codec::Aac,
        codec_ids::CODEC_ID_OPUS => Codec::Opus,
        codec_ids::CODEC_ID_VORBIS => Codec::Vorbis,
        _ => Codec::Other,
    };
    if codec == Codec::Opus {
        params.with_sample_rate(opus::OPUS_RATE_HZ);
    }
    if (codec, container) == (Codec::Mp3, Container::Mp4)
        && let Some(packet) = first_packet(path, track.id)?
    {
        // A frame that tells nothing leaves the parameters incomplete, which is refused below.
        let _ = mpeg::describe(&mut params, &packet.data);
    }
    // Decoders of plain samples make room for as many channels as the header states: a gigabyte for the most that WAV can.
    if let (Codec::Other, Some(channels)) = (codec, &params.channels) {
        check_channels(path, channels.count())?;
    }
    let (known, undecodable) = match PacketDecoder::describe(path, codec, &params) {
        Ok(known) => (known, None),
        Err(error) => match described_by_headers(codec, &params) {
            Some(known) => (known, Some(error)),
            None => return Err(error),
        },
    };
    let sample_rate_hz = known.sample_rate_hz;
    if !SAMPLE_RATES_HZ.contains(&sample_rate_hz) {
        let (low, high) = (SAMPLE_RATES_HZ.start(), SAMPLE_RATES_HZ.end());
        let reason =
            format!("has a sample rate of {sample_rate_hz} Hz; {low} to {high} Hz are supported");
        return Err(Error::input(path, reason).with_hint(CONVERT_HINT));
    }
    check_channels(path, known.n_channels)?;
    if codec == Codec::Vorbis && known.n_channels > 2 {
        // symphonia 0.6.1 mixes the channels up, whatever their number.
        let reason = format!(
            "is Vorbis with {} channels; mono and stereo are supported",
            known.n_channels
        );
        return Err(Error::input(path, reason).with_hint(CONVERT_HINT));
    }
    let ticks_are_samples = track
        .time_base
        .is_some_and(|base| base.numer.get() == 1 && base.denom.get() == sample_rate_hz);
    let heard_from = match opened.edit.and_then(|edit| Some((edit.media_time?, edit))) {
        Some((ticks, edit)) => scale(
            ticks,
            u64::from(sample_rate_hz),
            u64::from(edit.media_timescale),
        ),
        None => match opus_head(&params) {
            Some(head) if codec == Codec::Opus => u64::from(head.pre_skip),
            _ => u64::from(track.delay.unwrap_or(0)),
        },
    };
    Ok(Stream {
        codec,
        container,
        track_id: track.id,
        sample_rate_hz,
        n_channels: known.n_channels,
        stated_samples: track.num_frames,
        delay: track.delay,
        padding: track.padding,
        params,
        ticks_are_samples,
        heard_from,
        tick_secs: track.time_base.map_or((1, sample_rate_hz), |base| {
            (base.numer.get(), base.denom.get())
        }),
        valid_bits: opened.valid_bits,
        undecodable,
    })
}

/// What a film needs to know of AAC that can't be decoded here, such as more than two channels.
fn described_by_headers(codec: Codec, params: &AudioCodecParameters) -> Option<Described> {
    let config = params
        .extra_data
        .as_deref()
        .filter(|_| codec == Codec::Aac)?;
    let (sample_rate_hz, n_channels) = of_low_complexity_config(config)?;
    Some(Described {
        sample_rate_hz,
        n_channels,
    })
}

fn check_channels(path: &Path, n_channels: usize) -> Result<()> {
    if (1..=MAX_CHANNELS).contains(&n_channels) {
        return Ok(());
    }
    let reason = format!("has {n_channels} channels; 1 to {MAX_CHANNELS} are supported");
    Err(Error::input(path, reason).with_hint(CONVERT_HINT))
}
