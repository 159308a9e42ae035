//! Opens a file: finds out what it is, keeps from its reader what the reader stumbles over, and chooses the audio track.

use std::fs::File;
use std::ops::Range;
use std::path::Path;

use common::{Error, Result};
use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::{AudioCodecId, AudioCodecParameters, well_known as codec_ids};
use symphonia::core::errors::Error as SymphoniaError;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::well_known as format_ids;
use symphonia::core::formats::{FormatReader, Track, TrackFlags};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::packet::Packet;
use symphonia::core::units::TimeBase;

use super::aiff;
use super::flac_head;
use super::guard;
use super::joined_flac;
use super::layout::Layout;
use super::matroska;
use super::mp4::Edit;
use super::mp4_reader;
use super::pcm::{Pcm, PcmPackets};
use super::source::{Source, bytes_at};
use super::stream::{Container, codec_name};
use super::tags;
use super::wave::{self, Wave};

pub(super) const CONVERT_HINT: &str =
    "convert it to FLAC or WAV first, for example: ffmpeg -i SONG song.flac";

pub(super) type PacketResult = symphonia::core::errors::Result<Option<Packet>>;

/// Reads the packets of a file one after another; those of all its tracks.
pub(super) trait Packets: Send {
    /// The next packet; `None` at the end.
    fn next_packet(&mut self) -> PacketResult;

    /// The audio track that follows, after an error that asks for a reset.
    fn next_track(&self) -> Option<Track> {
        None
    }
}

impl Packets for Box<dyn FormatReader> {
    fn next_packet(&mut self) -> PacketResult {
        let next = || self.as_mut().next_packet();
        guard::caught(next)
    }

    fn next_track(&self) -> Option<Track> {
        choose_track(self.tracks(), &[]).map(|(track, _)| track)
    }
}

/// An open file.
pub(super) struct Opened {
    pub packets: Box<dyn Packets>,
    pub container: Container,
    /// The track that is read.
    pub track: Track,
    /// Bits of plain samples that carry sound.
    pub valid_bits: Option<u32>,
    /// Of MP4 files: which part is to be heard.
    pub edit: Option<Edit>,
    /// Bytes of the file between the tags.
    pub body: Range<u64>,
    /// What a person should know of the file.
    pub notes: Vec<String>,
}

/// Opens a file, of which the layout says what its headers don't tell.
///
/// # Errors
/// [`Error::Io`] if the file can't be read, [`Error::Input`] if it holds no sound.
pub(super) fn open(path: &Path, layout: &Layout) -> Result<Opened> {
    let mut file = File::open(path).map_err(Error::io("read", path))?;
    let metadata = file.metadata().map_err(Error::io("read", path))?;
    if metadata.is_dir() {
        return Err(Error::input(path, "is a folder, not a song"));
    }
    if metadata.len() == 0 {
        return Err(Error::input(path, "is empty (0 bytes)")
            .with_hint("the download or copy may have failed; fetch the file again"));
    }
    let failed = |error| Error::io("read", path)(error);
    let body = tags::without_front(&mut file, metadata.len()).map_err(failed)?;
    let magic = bytes_at(&mut file, body.start, 12).map_err(failed)?;
    let start = bytes_at(&mut file, body.start, 1024).map_err(failed)?;
    let kind = unreadable_kind(&start)
        .or(is_transport_stream(&start).then_some("an MPEG transport stream"));
    if let Some(name) = kind {
        return Err(
            Error::input(path, format!("is {name}, which can't be read here"))
                .with_hint(CONVERT_HINT),
        );
    }
    match magic.get(..4) {
        Some(b"RIFF" | b"RF64" | b"BW64" | b"riff") => {
            match wave::read(&mut file, &body).map_err(failed)? {
                Some(Wave::Pcm(pcm)) => return open_pcm(file, &pcm, body).map_err(failed),
                Some(Wave::Coded {
                    format,
                    data,
                    notes,
                }) => {
                    let opened = open_coded(path, file, &format, data)?;
                    return Ok(Opened {
                        notes: [notes, opened.notes].concat(),
                        ..opened
                    });
                }
                None => {}
            }
        }
        Some(b"FORM" | b"caff" | b".snd") => {
            if let Some(pcm) = aiff::read(&mut file, &body).map_err(failed)? {
                return open_pcm(file, &pcm, body).map_err(failed);
            }
        }
        Some(b"fLaC") if !layout.joined_at.is_empty() => {
            return joined_flac::open(path, &mut file, &body, &layout.joined_at);
        }
        Some(b"fLaC") => {
            let tagless = tags::without_behind(&mut file, body.clone()).map_err(failed)?;
            if let Some((head, frames)) = flac_head::read(&mut file, &tagless).map_err(failed)? {
                let end = layout.flac_end.unwrap_or(frames.end);
                let source = Source::new(head, file, frames.start..end);
                return open_with_symphonia(path, source, "flac", frames);
            }
        }
        Some([0x1a, 0x45, 0xdf, 0xa3]) => {
            const TRACKS_WITHIN: usize = 64 * 1024;
            let start = bytes_at(&mut file, body.start, TRACKS_WITHIN).map_err(failed)?;
            let (head, rest) = matroska::open_ended_head(&start, &body)
                .unwrap_or_else(|| (Vec::new(), body.clone()));
            let source = Source::new(head, file, rest);
            let defaults = matroska::default_flags(&start);
            return open_choosing(path, source, "mkv", body, &defaults);
        }
        _ if mp4_reader::is_mp4(&magic) => {
            if let Some(opened) = mp4_reader::open(path, &mut file, &body)? {
                return Ok(opened);
            }
        }
        _ => {}
    }
    let body = tags::without_behind(&mut file, body).map_err(failed)?;
    let extension = path.extension().and_then(|text| text.to_str());
    let source = Source::new(Vec::new(), file, body.clone());
    open_with_symphonia(path, source, extension.unwrap_or_default(), body)
}

/// Kinds of files in which a search for frames would find some that are none.
fn unreadable_kind(magic: &[u8]) -> Option<&'static str> {
    const KINDS: [(usize, &[u8], &str); 18] = [
        (0, &[0, 0, 1, 0xba], "an MPEG program stream"),
        (8, b"AVI ", "an AVI film"),
        (0, &[0x30, 0x26, 0xb2, 0x75], "a Windows Media file"),
        (0, b"FLV\x01", "a Flash video"),
        (0, b".RMF", "a RealMedia file"),
        (0, b"#!AMR", "an AMR recording"),
        (0, b"wvpk", "a WavPack file"),
        (0, b"MAC ", "a Monkey's Audio file"),
        (0, b"TTA1", "a True Audio file"),
        (0, b"MPCK", "a Musepack file"),
        (0, b"MP+", "a Musepack file"),
        (0, b"DSD ", "a DSD recording"),
        (0, b"FRM8", "a DSD recording"),
        (0, &[0x0b, 0x77], "an AC-3 stream"),
        (0, &[0x7f, 0xfe, 0x80, 0x01], "a DTS stream"),
        (0, b"OFR ", "an OptimFROG file"),
        (0, b"MThd", "a MIDI file"),
        (0, b"Creative Voice File", "a Creative Voice file"),
    ];
    let found = KINDS
        .iter()
        .find(|(at, bytes, _)| magic.get(*at..).is_some_and(|rest| rest.starts_with(bytes)));
    found.map(|&(_, _, name)| name)
}

/// An MPEG transport stream has its sync byte every 188 bytes (ISO 13818-1, section 2.4.3.2), in Blu-ray's files after 4
/// bytes of time.
fn is_transport_stream(start: &[u8]) -> bool {
    const SYNC: Option<&u8> = Some(&0x47);
    let is_synced = |first: usize, step: usize| (0..4).all(|n| start.get(first + n * step) == SYNC);
    is_synced(0, 188) || is_synced(4, 192)
}

fn open_pcm(file: File, pcm: &Pcm, body: Range<u64>) -> std::io::Result<Opened> {
    let mut track = Track::new(0);
    track.with_codec_params(CodecParameters::Audio(pcm.params()));
    if let Some(base) = TimeBase::try_from_recip(pcm.sample_rate_hz) {
        track.with_time_base(base);
    }
    if let Some(stated) = pcm.missing_of() {
        track.with_num_frames(stated);
    } else {
        track.with_num_frames(pcm.n_samples());
    }
    Ok(Opened {
        packets: Box::new(PcmPackets::new(file, pcm)?),
        container: Container::Plain,
        track,
        valid_bits: Some(pcm.kind.valid_bits),
        edit: None,
        body,
        notes: pcm.notes.clone(),
    })
}

/// Channels that a WAV file with a coded stream may claim: symphonia 0.6.1 computes a mask of so many bits.
const MAX_CODED_CHANNELS: u16 = 32;

/// A WAV file with a coded stream: MPEG audio is read as it is, the rest behind a header of ours with the right sizes.
fn open_coded(path: &Path, file: File, format: &[u8], data: Range<u64>) -> Result<Opened> {
    let n_channels = wave::u16_at(format, 2).unwrap_or_default();
    if n_channels > MAX_CODED_CHANNELS {
        let reason = format!("has {n_channels} channels by its header, which is damaged");
        return Err(Error::input(path, reason).with_hint(CONVERT_HINT));
    }
    let body = data.clone();
    match wave::u16_at(format, 0) {
        Some(0x50 | 0x55) => {
            open_with_symphonia(path, Source::new(Vec::new(), file, data), "mp3", body)
        }
        _ => {
            let head = wave::coded_header(format, &data);
            open_with_symphonia(path, Source::new(head, file, data), "wav", body)
        }
    }
}

pub(super) fn open_with_symphonia(
    path: &Path,
    source: Source,
    extension: &str,
    body: Range<u64>,
) -> Result<Opened> {
    open_choosing(path, source, extension, body, &[])
}

/// `defaults` says of the audio tracks which are default ones, if it has as many entries.
fn open_choosing(
    path: &Path,
    source: Source,
    extension: &str,
    body: Range<u64>,
    defaults: &[bool],
) -> Result<Opened> {
    let mut hint = Hint::new();
    hint.with_extension(extension);
    let source = MediaSourceStream::new(Box::new(source), Default::default());
    let probe = || {
        symphonia::default::get_probe().probe(&hint, source, Default::default(), Default::default())
    };
    let reader = guard::caught(probe).map_err(|error| unreadable(path, &error))?;
    let container = match reader.format_info().format {
        format_ids::FORMAT_ID_ISOMP4 => Container::Mp4,
        format_ids::FORMAT_ID_OGG => Container::Ogg,
        format_ids::FORMAT_ID_CAF => Container::Caf,
        format_ids::FORMAT_ID_WAVE => Container::Wave,
        format_ids::FORMAT_ID_MKV => Container::Matroska,
        format_ids::FORMAT_ID_MP1 | format_ids::FORMAT_ID_MP2 | format_ids::FORMAT_ID_MP3 => {
            Container::Mpeg
        }
        format_ids::FORMAT_ID_ADTS => Container::Adts,
        _ => Container::Other,
    };
    let Some((track, notes)) = choose_track(reader.tracks(), defaults) else {
        return Err(Error::input(path, "has no audio track").with_hint(CONVERT_HINT));
    };
    Ok(Opened {
        packets: Box::new(reader),
        container,
        track,
        valid_bits: None,
        edit: None,
        body,
        notes,
    })
}

/// The audio parameters of a track.
pub(super) fn audio_params(track: &Track) -> Option<&AudioCodecParameters> {
    track
        .codec_params
        .as_ref()
        .and_then(|params| params.audio())
}

/// Whether a codec can be decoded here.
pub(super) fn is_known(codec: AudioCodecId) -> bool {
    codec == codec_ids::CODEC_ID_OPUS
        || symphonia::default::get_codecs()
            .get_audio_decoder(codec)
            .is_some()
}

/// The audio track to read, and what to say about the choice: the default one, or else the first, among those that can be
/// decoded; the first of all where none can.
fn choose_track(tracks: &[Track], defaults: &[bool]) -> Option<(Track, Vec<String>)> {
    let audio: Vec<&Track> = tracks
        .iter()
        .filter(|track| audio_params(track).is_some())
        .collect();
    let is_default = |(idx, track): (usize, &&Track)| match defaults.get(idx) {
        Some(&is_default) if defaults.len() == audio.len() => is_default,
        _ => track.flags.contains(TrackFlags::DEFAULT),
    };
    let is_decodable =
        |track: &Track| audio_params(track).is_some_and(|params| is_known(params.codec));
    let preferred = audio.iter().enumerate().position(is_default).unwrap_or(0);
    let chosen = if audio
        .get(preferred)
        .is_some_and(|track| is_decodable(track))
    {
        preferred
    } else {
        audio
            .iter()
            .position(|track| is_decodable(track))
            .unwrap_or(preferred)
    };
    let mut notes = Vec::new();
    if chosen != preferred {
        notes.push(skipped_note(preferred, chosen));
    }
    audio.get(chosen).map(|&track| (track.clone(), notes))
}

/// What is said when audio track `skipped` can't be decoded and `chosen` is taken; both counted from 0.
pub(super) fn skipped_note(skipped: usize, chosen: usize) -> String {
    format!(
        "audio track {} can't be decoded here; audio track {} is used",
        skipped + 1,
        chosen + 1
    )
}

/// An error about a codec that can't be decoded.
pub(super) fn undecodable(path: &Path, codec: AudioCodecId, why: &str) -> Error {
    let reason = format!("can't be decoded: {} ({why})", codec_name(codec));
    Error::input(path, reason).with_hint("convert it first, for example: ffmpeg -i SONG song.flac")
}

fn unreadable(path: &Path, error: &SymphoniaError) -> Error {
    let formats = "WAV, AIFF, FLAC, MP3, AAC, ALAC, Ogg Vorbis and Opus can be read; with an `ffmpeg` on the PATH, all that \
                   it reads";
    match error {
        SymphoniaError::IoError(source) if source.kind() != std::io::ErrorKind::UnexpectedEof => {
            Error::io("read", path)(std::io::Error::new(source.kind(), source.to_string()))
        }
        SymphoniaError::IoError(_) => {
            Error::input(path, "is not audio, or it is truncated within its header")
                .with_hint(formats)
        }
        other => Error::input(path, format!("is not audio that can be read ({other})"))
            .with_hint(formats),
    }
}
