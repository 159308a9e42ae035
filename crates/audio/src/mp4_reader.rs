//! Packets of MP4 and MOV files, fragmented ones included (ISO 14496-12, section 8.8).
//!
//! symphonia 0.6.1 reads the first fragment only, takes big-endian samples for little-endian ones, and refuses files over
//! metadata. It is asked for one thing here: what the sample entry says about the codec, in a file of ours that holds
//! nothing else.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Cursor, Read, Seek, SeekFrom};
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
        file: file.try_clone().map_err(failed)?,
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

/// An audio track.
struct Sound<'a> {
    id: u32,
    is_enabled: bool,
    timescale: u32,
    params: AudioCodecParameters,
    stbl: &'a [u8],
    frame_bytes: Option<u64>,
    valid_bits: Option<u32>,
    edit: mp4::Edit,
}

/// The first audio track that can be decoded, enabled ones first, and its number among all if it isn't the first.
fn choose(moov: &[u8]) -> Option<(Sound<'_>, Option<usize>)> {
    let sounds: Vec<Option<Sound>> = children(moov)
        .filter(|(kind, _)| kind == b"trak")
        .map(|(_, trak)| trak)
        .filter(|trak| {
            descendant(trak, &[b"mdia", b"hdlr"]).and_then(|hdlr| hdlr.get(8..12)) == Some(b"soun")
        })
        .map(|trak| sound_of(moov, trak))
        .collect();
    let is_good = |sound: &Option<Sound>| {
        sound
            .as_ref()
            .is_some_and(|sound| is_known(sound.params.codec))
    };
    let is_enabled = |sound: &Option<Sound>| sound.as_ref().is_some_and(|sound| sound.is_enabled);
    let best = sounds
        .iter()
        .position(|sound| is_good(sound) && is_enabled(sound))
        .or_else(|| sounds.iter().position(is_good))
        .or_else(|| sounds.iter().position(Option::is_some))?;
    let is_first_good = sounds.first().is_some_and(is_good);
    let chosen = sounds.into_iter().nth(best)??;
    Some((chosen, (best > 0 && !is_first_good).then_some(best)))
}

fn sound_of<'a>(moov: &'a [u8], trak: &'a [u8]) -> Option<Sound<'a>> {
    let (id, is_enabled) = mp4::track_id(child(trak, b"tkhd")?)?;
    let mdia = child(trak, b"mdia")?;
    let timescale = child(mdia, b"mdhd").and_then(mp4::timescale)?;
    let stbl = descendant(mdia, &[b"minf", b"stbl"])?;
    let stsd = child(stbl, b"stsd")?;
    let entry = mp4::sample_entry(stsd)?;
    let edit = mp4::edit(moov, trak, timescale);
    let mut sound = Sound {
        id,
        is_enabled,
        timescale,
        params: AudioCodecParameters::new(),
        stbl,
        frame_bytes: None,
        valid_bits: None,
        edit,
    };
    if let Some(kind) = plain_kind(&entry) {
        sound.frame_bytes = Some(u64::from(kind.n_bytes) * u64::from(entry.n_channels.max(1)));
        sound.valid_bits = Some(kind.valid_bits);
        sound
            .params
            .for_codec(kind.codec)
            .with_sample_rate(if entry.sample_rate_hz == 0 {
                timescale
            } else {
                entry.sample_rate_hz
            })
            .with_channels(Channels::Discrete(entry.n_channels));
        return Some(sound);
    }
    // QuickTime's ADPCM packs several samples into one of the tables'; symphonia reads those files by itself.
    if matches!(&entry.kind, b"ima4" | b"ms\0\x02" | b"ms\0\x11") {
        return None;
    }
    sound.params = coded_params(stsd).unwrap_or_default();
    Some(sound)
}

/// What plain samples a sample entry stands for (QuickTime File Format, "Sound Sample Descriptions"; ISO 23003-5).
fn plain_kind(entry: &SampleEntry) -> Option<SampleKind> {
    let n_bytes = u16::try_from(entry.sample_bits.div_ceil(8)).ok()?;
    let is_little = is_little_endian(entry);
    match &entry.kind {
        b"raw " => SampleKind::of(Numbers::Unsigned, if n_bytes == 2 { 2 } else { 1 }, true),
        b"NONE" | b"twos" => SampleKind::of(Numbers::Signed, n_bytes.max(1), !is_little),
        b"sowt" => SampleKind::of(Numbers::Signed, n_bytes.max(1), false),
        b"in24" => SampleKind::of(Numbers::Signed, 3, !is_little),
        b"in32" => SampleKind::of(Numbers::Signed, 4, !is_little),
        b"fl32" => SampleKind::of(Numbers::Float, 4, !is_little),
        b"fl64" => SampleKind::of(Numbers::Float, 8, !is_little),
        b"alaw" => Some(SampleKind::g711(ids::CODEC_ID_PCM_ALAW)),
        b"ulaw" => Some(SampleKind::g711(ids::CODEC_ID_PCM_MULAW)),
        b"ipcm" => SampleKind::of(Numbers::Signed, n_bytes, !is_little),
        b"fpcm" => SampleKind::of(Numbers::Float, n_bytes, !is_little),
        b"lpcm" => {
            let flags = entry.lpcm_flags.unwrap_or(4 | 2);
            let numbers = match flags & 5 {
                4 => Numbers::Signed,
                0 => Numbers::Unsigned,
                _ => Numbers::Float,
            };
            SampleKind::of(numbers, n_bytes, flags & 2 != 0)
        }
        _ => None,
    }
}

/// QuickTime's `enda`, in `wave`, and `pcmC` of ISO 23003-5 say that the lowest byte comes first.
fn is_little_endian(entry: &SampleEntry) -> bool {
    let wave = child(entry.boxes, b"wave").unwrap_or_default();
    let enda = child(wave, b"enda").or_else(|| child(entry.boxes, b"enda"));
    let pcm = child(entry.boxes, b"pcmC");
    enda.is_some_and(|enda| enda.get(1) == Some(&1))
        || pcm.is_some_and(|pcm| pcm.get(4).is_some_and(|flags| flags & 1 == 1))
}

/// Has symphonia read a sample entry, in a movie that has nothing but one track without samples.
fn coded_params(stsd: &[u8]) -> Option<AudioCodecParameters> {
    let boxed = |kind: &[u8; 4], bodies: &[&[u8]]| {
        let body = bodies.concat();
        let size = u32::try_from(body.len() + 8).unwrap_or(u32::MAX);
        [&size.to_be_bytes()[..], kind, &body].concat()
    };
    let zeros = [0u8; 100];
    let number = |n: u32| n.to_be_bytes();
    let times = [&zeros[..12], &number(1000), &zeros[..4]].concat(); // version 0, a timescale of 1000
    let empty = &zeros[..8];
    let stbl = boxed(
        b"stbl",
        &[
            &boxed(b"stsd", &[stsd]),
            &boxed(b"stts", &[empty]),
            &boxed(b"stsc", &[empty]),
            &boxed(b"stsz", &[&zeros[..12]]),
            &boxed(b"stco", &[empty]),
        ],
    );
    let minf = boxed(b"minf", &[&boxed(b"smhd", &[empty]), &stbl]);
    let hdlr = boxed(b"hdlr", &[empty, b"soun", &zeros[..13]]);
    let mdhd = boxed(b"mdhd", &[&times, &zeros[..4]]);
    let mdia = boxed(b"mdia", &[&mdhd, &hdlr, &minf]);
    let tkhd = boxed(b"tkhd", &[&zeros[..12], &number(1), &zeros[..68]]);
    let mvhd = boxed(b"mvhd", &[&times, &zeros[..80]]);
    let moov = boxed(b"moov", &[&mvhd, &boxed(b"trak", &[&tkhd, &mdia])]);
    let ftyp = boxed(b"ftyp", &[b"isom", &zeros[..4], b"isom"]);
    let movie = [ftyp, moov, boxed(b"mdat", &[])].concat();
    let source = MediaSourceStream::new(Box::new(Cursor::new(movie)), Default::default());
    let mut hint = Hint::new();
    hint.with_extension("mp4");
    let reader = symphonia::default::get_probe()
        .probe(&hint, source, Default::default(), Default::default())
        .ok()?;
    reader.tracks().iter().find_map(audio_params).cloned()
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
    file: File,
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
        if run.n_bytes > MAX_PACKET_BYTES || run.offset.saturating_add(run.n_bytes) > self.end {
            return self.cut(run);
        }
        if self.file_position != Some(run.offset) {
            self.file.seek(SeekFrom::Start(run.offset))?;
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
                    &mut self.file,
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
            let Some(found) = read_header(&mut self.file, at, self.end)? else {
                self.next_box = None;
                return Ok(None);
            };
            self.file_position = None;
            self.next_box = Some(found.end);
            if &found.kind == b"moof" {
                let n_bytes = (found.end - found.start).min(MAX_MOOF_BYTES);
                let moof = bytes_at(&mut self.file, found.start, n_bytes as usize)?;
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
            next_offset = at;
        }
    }
}

/// A track fragment's header (section 8.8.7).
struct Fragment {
    track_id: u32,
    base: Option<u64>,
    base_is_moof: bool,
    defaults: Defaults,
}

impl Fragment {
    fn read(tfhd: &[u8], mut defaults: Defaults) -> Option<Self> {
        let flags = u32_at(tfhd, 0)?;
        let mut at = 8;
        let mut take = |is_there: bool, n_bytes: usize| {
            let from = at;
            at += if is_there { n_bytes } else { 0 };
            is_there.then_some(from)
        };
        let base = take(flags & 1 != 0, 8).and_then(|at| u64_at(tfhd, at));
        take(flags & 2 != 0, 4);
        if let Some(duration) = take(flags & 8 != 0, 4).and_then(|at| u32_at(tfhd, at)) {
            defaults.duration = duration;
        }
        if let Some(n_bytes) = take(flags & 0x10 != 0, 4).and_then(|at| u32_at(tfhd, at)) {
            defaults.n_bytes = n_bytes;
        }
        Some(Self {
            track_id: u32_at(tfhd, 4)?,
            base,
            base_is_moof: flags & 0x02_0000 != 0,
            defaults,
        })
    }
}

/// Queues the samples of a `trun` box (section 8.8.8), and returns where they end.
fn queue_trun(
    trun: &[u8],
    base: u64,
    follows_at: u64,
    fragment: &Fragment,
    mut runs: Option<&mut VecDeque<Run>>,
    frame_bytes: Option<u64>,
) -> u64 {
    let flags = u32_at(trun, 0).unwrap_or(0);
    let n_samples = u32_at(trun, 4).unwrap_or(0);
    let mut field = 8;
    let mut offset = follows_at;
    if flags & 1 != 0 {
        let relative = u32_at(trun, field).unwrap_or(0) as i32;
        offset = base.saturating_add_signed(i64::from(relative));
        field += 4;
    }
    field += if flags & 4 != 0 { 4 } else { 0 };
    let entry_bytes = 4 * [0x100, 0x200, 0x400, 0x800]
        .iter()
        .filter(|&&flag| flags & flag != 0)
        .count();
    let mut entries = trun.get(field..).unwrap_or_default();
    // A count without entries may be any number.
    const MOST_WITHOUT_ENTRIES: u32 = 1 << 20;
    let n_samples = if entry_bytes == 0 {
        n_samples.min(MOST_WITHOUT_ENTRIES)
    } else {
        n_samples
    };
    for _ in 0..n_samples {
        let Some((entry, rest)) = entries.split_at_checked(entry_bytes) else {
            break;
        };
        entries = rest;
        let mut duration = fragment.defaults.duration;
        let mut n_bytes = fragment.defaults.n_bytes;
        if flags & 0x100 != 0 {
            duration = u32_at(entry, 0).unwrap_or(duration);
        }
        if flags & 0x200 != 0 {
            let at = if flags & 0x100 != 0 { 4 } else { 0 };
            n_bytes = u32_at(entry, at).unwrap_or(n_bytes);
        }
        if n_bytes == 0 && entry_bytes == 0 {
            break; // a count without any size
        }
        if let Some(runs) = runs.as_mut() {
            push_run(
                runs,
                offset,
                u64::from(n_bytes),
                u64::from(duration),
                frame_bytes,
            );
        }
        offset = offset.saturating_add(u64::from(n_bytes));
    }
    offset
}

/// Queues a sample; plain ones that follow one another become one run.
fn push_run(
    runs: &mut VecDeque<Run>,
    offset: u64,
    n_bytes: u64,
    duration: u64,
    frame_bytes: Option<u64>,
) {
    const LONGEST_PCM_RUN: u64 = 64 * 1024;
    if let Some(frame_bytes) = frame_bytes {
        let n_samples = n_bytes / frame_bytes.max(1);
        if let Some(last) = runs.back_mut()
            && last.offset + last.n_bytes == offset
            && last.n_bytes < LONGEST_PCM_RUN
        {
            last.n_bytes += n_bytes;
            last.duration += n_samples;
            return;
        }
        runs.push_back(Run {
            offset,
            n_bytes,
            duration: n_samples,
        });
        return;
    }
    runs.push_back(Run {
        offset,
        n_bytes,
        duration,
    });
}
