//! Coded packets of a song file, each with its place on the timeline of decoded samples.
//!
//! Two timelines are in use. On the *decoded* timeline, sample 0 is the first one that a decoder puts out, encoder delay
//! and all. On the *track's* timeline, sample 0 is the first one of the music; the two differ by
//! [`Extent::skip`](super::extent::Extent). Trimming is done here and never left to a decoder, so that the same numbers
//! serve decoding and the film's edit list.
//!
//! Where packets are missing, gaps of the same length stand in for them. Where another stream follows in the same file, the
//! timeline goes on with its first sample of music.

mod gaps;
mod parts;
mod stream_of;

use std::collections::VecDeque;
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
use super::layout::Layout;
use super::mp4::Edit;
use super::stream::{Codec, Container, Stream, place};
use super::{ffmpeg, mpeg, opus};
use stream_of::stream_of;

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
    /// Whether FLAC's frames began to count anew.
    goes_back: bool,
    /// What the layout says is missing from here on: where, without the gaps before, and how much.
    known_gaps: VecDeque<(u64, u64)>,
    knows_gaps: bool,
    /// Lengths of the gaps so far.
    gaps: Vec<u64>,
    /// Timestamp of sample 0 of the decoded timeline of the first stream.
    first_base: i64,
}

impl Demuxer {
    /// Opens the file and reads its headers.
    ///
    /// # Errors
    /// [`Error::Io`] if the file can't be read, [`Error::Input`] if it holds no sound that can be decoded.
    pub fn open(path: &Path, layout: &Layout) -> Result<Self> {
        let mut demuxer = Self::new(path, container::open(path, layout)?)?;
        demuxer.known_gaps = layout.gaps.iter().copied().collect();
        demuxer.knows_gaps = !layout.gaps.is_empty();
        Ok(demuxer)
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
            lacks_sound: opened.edit.is_some_and(|edit| edit.is_scattered),
            goes_back: false,
            known_gaps: VecDeque::new(),
            knows_gaps: false,
            gaps: Vec::new(),
            first_base: 0,
        })
    }

    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// This, if its packets can be decoded here.
    pub fn decodable(mut self) -> Result<Self> {
        match self.stream.undecodable.take() {
            Some(error) => Err(error),
            None => Ok(self),
        }
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

    /// Streams so far, one after another.
    pub fn n_parts(&self) -> usize {
        self.part + 1
    }

    /// What was found so far.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Whether a part of the sound was left out that another decoder may read.
    pub fn lacks_sound(&self) -> bool {
        self.lacks_sound
    }

    /// Lengths of the gaps so far.
    pub fn gaps(&self) -> &[u64] {
        &self.gaps
    }

    /// The place of a timestamp of the first stream on the decoded timeline.
    pub fn position_of(&self, ticks: i64) -> u64 {
        let samples = self.stream.samples_of_ticks(ticks);
        u64::try_from(samples.saturating_sub(self.first_base)).unwrap_or(0)
    }

    /// Whether the file may hold several FLAC streams, or something else behind one: not all of it is frames that count on.
    pub fn may_be_joined(&self) -> bool {
        let n_body = self.body.end.saturating_sub(self.body.start);
        let is_flac = self.stream.codec == Codec::Flac && self.stream.container == Container::Other;
        is_flac && (self.goes_back || self.n_bytes < n_body)
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
