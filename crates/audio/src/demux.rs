//! Coded packets of a song file, each with its place on the timeline of decoded samples.
//!
//! Two timelines are in use. On the *decoded* timeline, sample 0 is the first one that a decoder puts out, encoder delay
//! and all. On the *track's* timeline, sample 0 is the first one of the music; the two differ by
//! [`Extent::skip`](super::extent::Extent). Trimming is done here and never left to a decoder, so that the same numbers
//! serve decoding and the film's edit list.
//!
//! Where packets are missing, gaps of the same length stand in for them. Where another stream follows in the same file, the
//! timeline goes on with its first sample of music.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use common::{Error, Result};
use symphonia::core::audio::layouts;
use symphonia::core::codecs::audio::well_known as codec_ids;
use symphonia::core::errors::Error as SymphoniaError;
use symphonia::core::formats::Track;
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, Timestamp};

use super::container::{self, CONVERT_HINT, Opened, PacketResult, Packets, audio_params};
use super::decode::{PacketDecoder, opus_head};
use super::mp4::Edit;
use super::stream::{Codec, Container, Stream, place};
use super::{ffmpeg, mpeg, opus};

/// Sample rates that are accepted, in Hz.
const SAMPLE_RATES_HZ: std::ops::RangeInclusive<u32> = 1_000..=768_000;
/// Most channels that are accepted.
const MAX_CHANNELS: usize = 8;
/// Longest packet in samples: FLAC's longest block has one less (RFC 9639, section 9.1.1).
const MAX_PACKET_SAMPLES: u32 = 1 << 16;
/// Samples of a gap that are handed on at once.
const GAP_SAMPLES: u64 = 4096;
/// Longest gap that is believed where no header says how long the song is, in seconds.
const MAX_GAP_SECS: u64 = 600;
/// So many errors without a packet between them, and what follows is no sound.
const MAX_ERRORS: usize = 1000;
/// So many MPEG frames of another sample rate are no accident.
const MAX_FOREIGN_FRAMES: usize = 16;

/// A coded packet, or a piece of a gap.
pub(super) struct CodedPacket {
    pub packet: Packet,
    /// First sample on the decoded timeline.
    pub start: u64,
    /// Length on the timeline, in samples.
    pub n_samples: u32,
    /// Decoded samples in front of those that have no place on the timeline: the delay of a stream that follows another.
    pub n_dropped: u32,
    /// Decoded length in samples; 0 for a gap.
    pub n_decoded: u32,
    /// Number of the stream within the file, from 0. Each needs a decoder of its own.
    pub part: usize,
}

impl CodedPacket {
    pub fn end(&self) -> u64 {
        self.start + u64::from(self.n_samples)
    }

    pub fn is_gap(&self) -> bool {
        self.n_decoded == 0 && self.n_samples > 0
    }

    /// Whether a film can take the packet as it is.
    pub fn is_plain(&self) -> bool {
        self.part == 0 && self.n_dropped == 0 && self.n_samples == self.n_decoded
    }
}

/// Reads the packets of a file's audio track from the start.
pub(super) struct Demuxer {
    path: PathBuf,
    packets: Box<dyn Packets>,
    stream: Stream,
    edit: Option<Edit>,
    body: std::ops::Range<u64>,
    /// Decodes to count, where neither packets nor timestamps tell their length in samples (FLAC or Vorbis in Matroska).
    counter: Option<PacketDecoder>,
    position: u64,
    part: usize,
    /// Timestamp of sample 0 of the decoded timeline.
    time_base: Option<i64>,
    gap_left: u64,
    /// Samples of the current part that are still to be dropped.
    drop_left: u64,
    /// What was read ahead.
    ahead: Option<PacketResult>,
    n_foreign: usize,
    /// Bytes of the packets so far.
    n_bytes: u64,
    notes: Vec<String>,
    lacks_sound: bool,
}

impl Demuxer {
    /// Opens the file and reads its headers.
    ///
    /// # Errors
    /// [`Error::Io`] if the file can't be read, [`Error::Input`] if it holds no sound that can be decoded.
    pub fn open(path: &Path) -> Result<Self> {
        Self::new(path, container::open(path)?)
    }

    /// Has `ffmpeg` decode the file.
    ///
    /// # Errors
    /// [`Error::Input`] if there is no `ffmpeg`, or if it can't decode the file either.
    pub fn open_with_ffmpeg(path: &Path) -> Result<Self> {
        Self::new(path, ffmpeg::open(path)?)
    }

    fn new(path: &Path, opened: Opened) -> Result<Self> {
        let stream = stream_of(path, &opened)?;
        let counter = if stream.length_of_packets_is_known() {
            None
        } else {
            Some(PacketDecoder::new(path, &stream)?)
        };
        Ok(Self {
            path: path.to_owned(),
            packets: opened.packets,
            stream,
            edit: opened.edit,
            body: opened.body,
            counter,
            position: 0,
            part: 0,
            time_base: None,
            gap_left: 0,
            drop_left: 0,
            ahead: None,
            n_foreign: 0,
            n_bytes: 0,
            notes: opened.notes,
            lacks_sound: false,
        })
    }

    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    pub fn edit(&self) -> Option<Edit> {
        self.edit
    }

    /// Bytes of the file between the tags.
    pub fn body(&self) -> std::ops::Range<u64> {
        self.body.clone()
    }

    /// End of the last packet on the decoded timeline.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Bytes of the packets so far.
    pub fn n_bytes(&self) -> u64 {
        self.n_bytes
    }

    /// What was found so far.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Whether a part of the sound was left out that another decoder may read.
    pub fn lacks_sound(&self) -> bool {
        self.lacks_sound
    }

    /// The next packet; `None` at the end. What is damaged is passed over.
    ///
    /// # Errors
    /// [`Error::Io`] if the file can't be read.
    pub fn next_packet(&mut self) -> Result<Option<CodedPacket>> {
        loop {
            if self.gap_left > 0 && self.ahead.is_some() {
                return Ok(Some(self.gap_piece()));
            }
            let Some(packet) = self.read()? else {
                return Ok(None);
            };
            if packet.track_id != self.stream.track_id || !self.is_of_this_stream(&packet) {
                continue;
            }
            if let Some(missing) = self.missing_before(&packet) {
                self.note_gap(missing);
                self.gap_left = missing;
                self.ahead = Some(Ok(Some(packet)));
                continue;
            }
            let Some(n_decoded) = self.decoded_length(&packet) else {
                let at = place(&self.stream, self.position);
                self.note(format!("a damaged packet at {at} is left out"));
                continue;
            };
            if self.is_first_of_part(&packet) {
                self.drop_left = self.delay_of_part(&packet);
            }
            let n_dropped = u64::from(n_decoded).min(self.drop_left) as u32;
            self.drop_left -= u64::from(n_dropped);
            let n_padding = self.padding_of_part(&packet).min(n_decoded - n_dropped);
            self.n_bytes += packet.data.len() as u64;
            let start = self.position;
            let n_samples = n_decoded - n_dropped - n_padding;
            self.position += u64::from(n_samples);
            return Ok(Some(CodedPacket {
                packet,
                start,
                n_samples,
                n_dropped,
                n_decoded,
                part: self.part,
            }));
        }
    }

    /// The next packet of any track; `None` at the end.
    fn read(&mut self) -> Result<Option<Packet>> {
        for _ in 0..MAX_ERRORS {
            let result = self
                .ahead
                .take()
                .unwrap_or_else(|| self.packets.next_packet());
            match result {
                Ok(packet) => return Ok(packet),
                Err(SymphoniaError::ResetRequired) => {
                    if !self.begin_part() {
                        return Ok(None);
                    }
                }
                // What is missing is told by what was counted.
                Err(SymphoniaError::IoError(source))
                    if source.kind() == ErrorKind::UnexpectedEof =>
                {
                    return Ok(None);
                }
                Err(SymphoniaError::IoError(source)) => {
                    return Err(Error::io("read", &self.path)(source));
                }
                Err(_) => {
                    let at = place(&self.stream, self.position);
                    self.note(format!("the file is damaged at {at}"));
                }
            }
        }
        Ok(None)
    }

    /// Goes on with a stream that is chained on, as Ogg allows (RFC 3533, section 4). Whether it can be joined.
    fn begin_part(&mut self) -> bool {
        let at = place(&self.stream, self.position);
        let joined = self
            .packets
            .next_track()
            .and_then(|track| self.joined_params(track));
        let Some((track_id, params)) = joined else {
            self.note(format!(
                "another stream is chained on at {at}, which doesn't fit and is left out"
            ));
            self.lacks_sound = true;
            return false;
        };
        self.stream.track_id = track_id;
        self.stream.params = params;
        self.part += 1;
        self.time_base = None;
        self.drop_left = 0;
        true
    }

    /// Number and parameters of a track that goes on with what was before.
    fn joined_params(
        &self,
        track: Track,
    ) -> Option<(u32, symphonia::core::codecs::audio::AudioCodecParameters)> {
        let mut params = audio_params(&track)?.clone();
        if self.stream.codec == Codec::Opus {
            params.with_sample_rate(opus::OPUS_RATE_HZ);
        }
        let known = PacketDecoder::describe(&self.path, self.stream.codec, &params).ok()?;
        let fits = params.codec == self.stream.params.codec
            && known.sample_rate_hz == self.stream.sample_rate_hz
            && !(self.stream.codec == Codec::Vorbis && known.n_channels > 2);
        fits.then_some((track.id, params))
    }

    /// Leaves out MPEG frames of another layer or sample rate, which are junk that looks like a frame, and makes frames of
    /// another number of channels a part of their own.
    fn is_of_this_stream(&mut self, packet: &Packet) -> bool {
        if self.stream.container != Container::Mpeg {
            return true;
        }
        let Some(frame) = mpeg::Frame::read(&packet.data) else {
            return false;
        };
        if frame.sample_rate_hz != self.stream.sample_rate_hz
            || frame.is_layer_3 != (self.stream.codec == Codec::Mp3)
        {
            self.n_foreign += 1;
            if self.n_foreign == MAX_FOREIGN_FRAMES {
                let at = place(&self.stream, self.position);
                self.note(format!(
                    "sound of another sample rate is joined on at {at} and is left out"
                ));
                self.lacks_sound = true;
            }
            return false;
        }
        let n_channels = self
            .stream
            .params
            .channels
            .as_ref()
            .map(|channels| channels.count());
        if n_channels != Some(frame.n_channels) {
            self.stream.params.with_channels(match frame.n_channels {
                1 => layouts::CHANNEL_LAYOUT_MONO,
                _ => layouts::CHANNEL_LAYOUT_STEREO,
            });
            self.part += 1;
        }
        true
    }

    fn is_first_of_part(&mut self, packet: &Packet) -> bool {
        let is_first = self.time_base.is_none();
        if is_first {
            let start = i64::try_from(self.position).unwrap_or(i64::MAX);
            self.time_base = Some(packet.pts.get().saturating_sub(start));
        }
        is_first && self.part > 0 && self.stream.container == Container::Ogg
    }

    /// Decoded samples in front of the music of a stream that is chained on; see [`super::extent`] for the first one.
    fn delay_of_part(&self, first: &Packet) -> u64 {
        match self.stream.codec {
            Codec::Opus => {
                opus_head(&self.stream.params).map_or(0, |head| u64::from(head.pre_skip))
            }
            _ => first
                .trim_start
                .get()
                .max(first.pts.get().min(0).unsigned_abs()),
        }
    }

    /// Decoded samples behind the music of a stream that another one follows.
    fn padding_of_part(&mut self, packet: &Packet) -> u32 {
        let padding = packet.trim_end.get();
        if padding == 0 || self.stream.container != Container::Ogg {
            return 0;
        }
        let next = self
            .ahead
            .take()
            .unwrap_or_else(|| self.packets.next_packet());
        let is_last = matches!(next, Err(SymphoniaError::ResetRequired));
        self.ahead = Some(next);
        if is_last {
            u32::try_from(padding).unwrap_or(u32::MAX)
        } else {
            0
        }
    }

    /// Samples that a packet's timestamp says are missing before it. symphonia passes over frames and pages whose check sum
    /// is wrong.
    fn missing_before(&mut self, packet: &Packet) -> Option<u64> {
        let stream = &self.stream;
        let slack = match (stream.container, stream.codec) {
            (Container::Ogg, Codec::Vorbis) => u64::from(longest_vorbis_block(stream)),
            // Files that were cut from others have rounded positions.
            (Container::Ogg, _) => u64::from(stream.sample_rate_hz / 100),
            (Container::Other, Codec::Flac) => 0,
            _ => return None,
        };
        let base = self.time_base.filter(|_| stream.ticks_are_samples)?;
        let start = packet.pts.get().saturating_sub(base);
        let position = i64::try_from(self.position).ok()?;
        let missing = u64::try_from(start.saturating_sub(position)).unwrap_or(0);
        let is_back = stream.codec == Codec::Flac && start < position;
        let most = match stream.stated_samples {
            Some(stated) if stream.codec == Codec::Flac && stated > 0 => {
                stated.saturating_sub(self.position)
            }
            _ => u64::from(stream.sample_rate_hz) * MAX_GAP_SECS,
        };
        if missing > most.max(slack) || is_back {
            // Another file is joined on, or the timestamp can't be meant: time goes on from here.
            self.time_base = Some(packet.pts.get().saturating_sub(position));
            return None;
        }
        (missing > slack).then_some(missing)
    }

    fn gap_piece(&mut self) -> CodedPacket {
        let n_samples = self.gap_left.min(GAP_SAMPLES) as u32;
        let start = self.position;
        self.gap_left -= u64::from(n_samples);
        self.position += u64::from(n_samples);
        CodedPacket {
            packet: Packet::new(
                self.stream.track_id,
                Timestamp::ZERO,
                Duration::ZERO,
                Vec::new(),
            ),
            start,
            n_samples,
            n_dropped: 0,
            n_decoded: 0,
            part: self.part,
        }
    }

    fn note_gap(&mut self, missing: u64) {
        let from = place(&self.stream, self.position);
        let to = place(&self.stream, self.position + missing);
        self.note(format!(
            "part of the sound is missing: silent from {from} to {to}"
        ));
    }

    fn note(&mut self, text: String) {
        const MAX_NOTES: usize = 20;
        if self.notes.len() < MAX_NOTES && !self.notes.contains(&text) {
            self.notes.push(text);
        }
    }

    fn decoded_length(&mut self, packet: &Packet) -> Option<u32> {
        let stated = packet.dur.get() + packet.trim_start.get() + packet.trim_end.get();
        let length = match (self.stream.codec, &mut self.counter) {
            (Codec::MpegLayer12 | Codec::Mp3, _) => mpeg::frame_samples(&packet.data),
            (Codec::Aac, _) => Some(1024),
            (Codec::Opus, _) => opus::packet_samples(&packet.data),
            (_, Some(counter)) => counter
                .decode(packet)
                .ok()
                .and_then(|n_samples| u32::try_from(n_samples).ok()),
            _ => u32::try_from(stated).ok(),
        };
        length.filter(|&n| n <= MAX_PACKET_SAMPLES)
    }
}

/// Samples of a Vorbis stream's long blocks, from its identification header (Vorbis I, section 4.2.2). Timestamps may step
/// by as much where blocks of the two sizes meet.
fn longest_vorbis_block(stream: &Stream) -> u32 {
    const LONGEST: u32 = 8192;
    let header = stream.params.extra_data.as_deref();
    let exponents = header.and_then(|header| header.get(28)).copied();
    exponents.map_or(LONGEST, |exponents| (1u32 << (exponents >> 4)).min(LONGEST))
}

/// A file's first packet of a track, read apart from everything else.
fn first_packet(path: &Path, track_id: u32) -> Result<Option<Packet>> {
    let mut opened = container::open(path)?;
    while let Ok(Some(packet)) = opened.packets.next_packet() {
        if packet.track_id == track_id {
            return Ok(Some(packet));
        }
    }
    Ok(None)
}

/// What the headers say.
fn stream_of(path: &Path, opened: &Opened) -> Result<Stream> {
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
    let known = PacketDecoder::describe(path, codec, &params)?;
    let sample_rate_hz = known.sample_rate_hz;
    if !SAMPLE_RATES_HZ.contains(&sample_rate_hz) {
        let (low, high) = (SAMPLE_RATES_HZ.start(), SAMPLE_RATES_HZ.end());
        let reason =
            format!("has a sample rate of {sample_rate_hz} Hz; {low} to {high} Hz are supported");
        return Err(Error::input(path, reason).with_hint(CONVERT_HINT));
    }
    if !(1..=MAX_CHANNELS).contains(&known.n_channels) {
        let reason = format!(
            "has {} channels; 1 to {MAX_CHANNELS} are supported",
            known.n_channels
        );
        return Err(Error::input(path, reason).with_hint(CONVERT_HINT));
    }
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
        valid_bits: opened.valid_bits,
    })
}
