//! Packets of MP4 and MOV files, fragmented ones included (ISO 14496-12, section 8.8).
//!
//! symphonia 0.6.1 reads the first fragment only, takes big-endian samples for little-endian ones, and refuses files over
//! metadata. It is asked for one thing here: what the sample entry says about the codec, in a file of ours that holds
//! nothing else.

mod fragment;
mod sound;

use fragment::*;
use sound::*;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufReader, Cursor, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

use common::{Error, Result};
use symphonia::core::audio::Channels;
use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::{AudioCodecParameters, well_known as ids};
use symphonia::core::formats::Track;
use symphonia::core::formats::probe::Hint;
use symphonia::core::io::MediaSourceStream;
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, TimeBase, Timestamp};

use super::aiff::{u32_at, u64_at};
use super::container::{Opened, PacketResult, Packets, audio_params, is_known, skipped_note};
use super::guard;
use super::mp4::{self, SampleEntry, child, children, descendant};
use super::mp4_table::{Run, Table};
use super::pcm::{Numbers, SampleKind};
use super::source::bytes_at;
use super::stream::Container;

/// Largest movie box and fragment header that are read into memory: ten days of sound.
const MAX_MOOV_BYTES: u64 = 256 << 20;
const MAX_MOOF_BYTES: u64 = 64 << 20;
/// Largest packet that is read.
const MAX_PACKET_BYTES: u64 = 16 << 20;
/// Read at once: the packets of a song mostly follow one another.
const READ_BYTES: usize = 64 * 1024;

/// Whether a file that begins so is made of boxes. MOV files may lack `ftyp`.
pub(super) fn is_mp4(magic: &[u8]) -> bool {
    matches!(
        magic.get(4..8),
        Some(b"ftyp" | b"moov" | b"mdat" | b"wide" | b"free" | b"skip" | b"pnot" | b"styp")
    )
}

/// Opens the file; `None` if there is no movie box or no audio track in it that this reads.
///
/// # Errors
/// [`Error::Io`] if the file can't be read.
pub(super) fn open(path: &Path, file: &mut File, body: &Range<u64>) -> Result<Option<Opened>> {
    let failed = |error| Error::io("read", path)(error);
    let Some(Movie {
        moov,
        first_fragment,
        is_cut,
    }) = read_moov(file, body).map_err(failed)?
    else {
        return Ok(None);
    };
    let Some((chosen, skipped)) = choose(&moov) else {
        return Ok(None);
    };
    if is_cut && !is_known(chosen.params.codec) {
        return Err(Error::input(path, "is truncated within its header")
            .with_hint("the download or copy may have failed; fetch the file again"));
    }
    let sound = &chosen;
    let mut track = Track::new(sound.id);
    track.with_codec_params(CodecParameters::Audio(sound.params.clone()));
    if let Some(base) = TimeBase::try_from_recip(sound.timescale) {
        track.with_time_base(base);
    }
    let table = Table::new(sound.stbl, sound.frame_bytes);
    let is_fragmented = first_fragment.is_some() && child(&moov, b"mvex").is_some();
    if !is_fragmented && sound.params.sample_rate == Some(sound.timescale) {
        track.with_num_frames(table.total_duration());
    }
    let mut notes = Vec::new();
    if let Some(chosen) = skipped {
        notes.push(skipped_note(0, chosen));
    }
    let mut edit = sound.edit;
    if edit.is_scattered {
        notes.push("its edit list has parts that don't join; the sound is taken from the first one on, whole".to_owned());
    }
    if is_fragmented {
        // It was written before the fragments were.
        edit.duration = None;
    }
    let defaults = default_of_fragments(&moov, sound.id);
    let packets = Mp4Packets {
        file: BufReader::with_capacity(READ_BYTES, file.try_clone().map_err(failed)?),
        track_id: sound.id,
        table,
        frame_bytes: sound.frame_bytes,
        defaults,
        runs: VecDeque::new(),
        next_box: first_fragment.filter(|_| is_fragmented),
        end: body.end,
        time: 0,
        file_position: None,
    };
    Ok(Some(Opened {
        packets: Box::new(packets),
        container: Container::Mp4,
        track,
        valid_bits: sound.valid_bits,
        edit: Some(edit),
        body: body.clone(),
        notes,
    }))
}

/// What an MP4 file says of the part of its first audio track that is to be heard, whoever decodes that; `None` in other
/// files.
pub(super) fn edit_of(path: &Path) -> Option<mp4::Edit> {
    let mut file = File::open(path).ok()?;
    let end = file.metadata().ok()?.len();
    if !is_mp4(&bytes_at(&mut file, 0, 8).ok()?) {
        return None;
    }
    let movie = read_moov(&mut file, &(0..end)).ok()??;
    let moov = movie.moov;
    let is_sound = |trak: &[u8]| {
        descendant(trak, &[b"mdia", b"hdlr"]).and_then(|hdlr| hdlr.get(8..12)) == Some(b"soun")
    };
    let (_, trak) = children(&moov).find(|(kind, trak)| kind == b"trak" && is_sound(trak))?;
    let timescale = descendant(trak, &[b"mdia", b"mdhd"]).and_then(mp4::timescale)?;
    let mut edit = mp4::edit(&moov, trak, timescale);
    if movie.first_fragment.is_some() && child(&moov, b"mvex").is_some() {
        // It was written before the fragments were.
        edit.duration = None;
    }
    Some(edit)
}

struct Movie {
    /// The movie box's body.
    moov: Vec<u8>,
    /// Where the first fragment lies.
    first_fragment: Option<u64>,
    /// Whether the movie box claims to go beyond the file's end.
    is_cut: bool,
}

fn read_moov(file: &mut File, body: &Range<u64>) -> std::io::Result<Option<Movie>> {
    let mut moov = None;
    let mut is_cut = false;
    let mut first_fragment = None;
    let mut at = body.start;
    while let Some(found) = read_header(file, at, body.end)? {
        match &found.kind {
            b"moov" if moov.is_none() => {
                let n_bytes = (found.end - found.start).min(MAX_MOOV_BYTES);
                moov = Some(bytes_at(file, found.start, n_bytes as usize)?);
                is_cut = found.is_cut;
            }
            b"moof" if first_fragment.is_none() => first_fragment = Some(at),
            _ => {}
        }
        if moov.is_some() && first_fragment.is_some() {
            break;
        }
        at = found.end;
    }
    Ok(moov.map(|moov| Movie {
        moov,
        first_fragment,
        is_cut,
    }))
}

/// A box of the file, and where its body lies.
struct Found {
    kind: [u8; 4],
    start: u64,
    end: u64,
    is_cut: bool,
}

fn read_header(file: &mut File, at: u64, end: u64) -> std::io::Result<Option<Found>> {
    if at + 8 > end {
        return Ok(None);
    }
    let Some((kind, n_header, size)) = mp4::header(&bytes_at(file, at, 16)?) else {
        return Ok(None);
    };
    let box_end = size.map_or(end, |size| at.saturating_add(size).min(end));
    Ok(Some(Found {
        kind,
        start: (at + n_header as u64).min(box_end),
        end: box_end,
        is_cut: size.is_some_and(|size| at.saturating_add(size) > end),
    }))
}

/// Duration and size of the samples of fragments that state none themselves.
#[derive(Clone, Copy, Default)]
struct Defaults {
    duration: u32,
    n_bytes: u32,
}

fn default_of_fragments(moov: &[u8], track_id: u32) -> Defaults {
    let mvex = child(moov, b"mvex").unwrap_or_default();
    let trex =
        children(mvex).find(|(kind, trex)| kind == b"trex" && u32_at(trex, 4) == Some(track_id));
    trex.map_or_else(Defaults::default, |(_, trex)| Defaults {
        duration: u32_at(trex, 12).unwrap_or(0),
        n_bytes: u32_at(trex, 16).unwrap_or(0),
    })
}

struct Mp4Packets {
    file: BufReader<File>,
    track_id: u32,
    table: Table,
    frame_bytes: Option<u64>,
    defaults: Defaults,
    /// Of the current fragment.
    runs: VecDeque<Run>,
    /// Where the next fragment is looked for.
    next_box: Option<u64>,
    end: u64,
    time: u64,
    file_position: Option<u64>,
}

impl Packets for Mp4Packets {
    fn next_packet(&mut self) -> PacketResult {
        let run = match self.table.next_run() {
            Some(run) => run,
            None => match self.next_fragment_run()? {
                Some(run) => run,
                None => return Ok(None),
            },
        };
        // Time goes on where a fragment says nothing, or goes back.
        self.time = self.time.max(run.start.unwrap_or(0));
        if run.n_bytes > MAX_PACKET_BYTES || run.offset.saturating_add(run.n_bytes) > self.end {
            return self.cut(run);
        }
        match self.file_position {
            Some(position) => {
                let distance = run.offset.wrapping_sub(position) as i64;
                self.file.seek_relative(distance)?;
            }
            None => _ = self.file.seek(SeekFrom::Start(run.offset))?,
        }
        let mut data = vec![0; run.n_bytes as usize];
        self.file.read_exact(&mut data)?;
        self.file_position = Some(run.offset + run.n_bytes);
        Ok(Some(self.packet(data, run.duration)))
    }
}

impl Mp4Packets {
    /// What is there of a run that the file's end cuts: whole plain samples, or else nothing.
    fn cut(&mut self, run: Run) -> PacketResult {
        let there = self.end.saturating_sub(run.offset);
        match self.frame_bytes {
            Some(frame_bytes) if run.n_bytes <= MAX_PACKET_BYTES && there >= frame_bytes => {
                let n_samples = there / frame_bytes;
                let data = bytes_at(
                    self.file.get_mut(),
                    run.offset,
                    (n_samples * frame_bytes) as usize,
                )?;
                self.file_position = None;
                Ok(Some(self.packet(data, n_samples)))
            }
            _ => Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into()),
        }
    }

    fn packet(&mut self, data: Vec<u8>, duration: u64) -> Packet {
        let start = Timestamp::new(i64::try_from(self.time).unwrap_or(i64::MAX));
        self.time = self.time.saturating_add(duration);
        Packet::new(self.track_id, start, Duration::new(duration), data)
    }

    fn next_fragment_run(&mut self) -> std::io::Result<Option<Run>> {
        loop {
            if let Some(run) = self.runs.pop_front() {
                return Ok(Some(run));
            }
            let Some(at) = self.next_box else {
                return Ok(None);
            };
            let Some(found) = read_header(self.file.get_mut(), at, self.end)? else {
                self.next_box = None;
                return Ok(None);
            };
            self.file_position = None;
            self.next_box = Some(found.end);
            if &found.kind == b"moof" {
                let n_bytes = (found.end - found.start).min(MAX_MOOF_BYTES);
                let moof = bytes_at(self.file.get_mut(), found.start, n_bytes as usize)?;
                self.queue(&moof, at);
            }
        }
    }

    /// Queues the runs of a fragment that begins at `moof_start`.
    fn queue(&mut self, moof: &[u8], moof_start: u64) {
        let mut next_offset = moof_start;
        for (_, traf) in children(moof).filter(|(kind, _)| kind == b"traf") {
            let Some(tfhd) = child(traf, b"tfhd") else {
                continue;
            };
            let Some(fragment) = Fragment::read(tfhd, self.defaults) else {
                continue;
            };
            let base = match fragment.base {
                Some(base) => base,
                None if fragment.base_is_moof => moof_start,
                None => next_offset,
            };
            let mut at = base;
            let n_before = self.runs.len();
            for (_, trun) in children(traf).filter(|(kind, _)| kind == b"trun") {
                let is_wanted = fragment.track_id == self.track_id;
                at = queue_trun(
                    trun,
                    base,
                    at,
                    &fragment,
                    is_wanted.then_some(&mut self.runs),
                    self.frame_bytes,
                );
            }
            if let Some(first) = self.runs.get_mut(n_before) {
                first.start = child(traf, b"tfdt").and_then(start_of_fragment);
            }
            next_offset = at;
        }
    }
}
