//! Chunks and a soundtrack become an MP4 film: samples are copied, nothing is encoded again.
//!
//! Only the tables of sample sizes are held in memory. The bytes depend on the chunks, the packets and the tags alone.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::PathBuf;

use audio::{Soundtrack, SoundtrackCodec};
use common::partial_file::{PartialFile, folder_of, write_error};
use common::units::samples_to_secs;
use common::{Error, Result};
use mp4_atom::SttsEntry;

use super::chunk::{ChunkInfo, ChunkReader};
use super::mismatch::mismatch;
use super::moov::{Movie, SoundTable, TrackTable, frame_ticks};
use super::sound_entry::sound_entry;
use super::spool::{INTERVALS_PER_SEC, Spool, count_in};
use super::tags::Tags;
use super::{Video, attachment};

/// The file that a film is written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilmFile {
    /// Its path.
    pub path: PathBuf,
    /// Whether it takes the place of a file that is there. Decided once, before work begins: a film of another run may appear
    /// at any moment.
    pub replaces: bool,
}

impl FilmFile {
    /// A file that replaces none.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            replaces: false,
        }
    }

    /// A file that takes the place of an older one.
    pub fn replacing(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            replaces: true,
        }
    }
}

/// Writes the film of `chunks`, which must follow each other from frame 0 on, with the sound of `soundtrack` if it has any.
///
/// `attachment` travels behind the samples, where players pass over it; see [`attachment`](super::attachment()). The
/// picture starts at time 0, and so does sample `skip_samples` of the sound, by an edit list. The file appears whole or
/// not at all; while it is written, its folder holds the film and another copy of the sound.
///
/// # Errors
/// [`Error::Video`] for chunks or a soundtrack that don't fit together, [`Error::Input`] for a damaged chunk and for a file
/// that has appeared and isn't to be replaced, [`Error::Later`] when the disk is full, [`Error::Io`] for other failed reads
/// and writes.
pub fn mux(
    chunks: &[ChunkInfo],
    soundtrack: Option<&dyn Soundtrack>,
    tags: &Tags,
    attachment: Option<&[u8]>,
    film_file: &FilmFile,
) -> Result<Video> {
    let path = &*film_file.path;
    let film = PartialFile::create(path)?;
    let spool = soundtrack.map(|sound| Spool::of(sound, folder_of(path)));
    let mut spool = spool.transpose()?;
    let movie = plan(chunks, soundtrack.zip(spool.as_mut()), tags)?;
    let head = movie
        .head()
        .map_err(|e| mismatch(&format!("its boxes: {e}")))?;
    let tail = attachment.map(attachment::encode).transpose()?;
    let tail = tail.unwrap_or_default();
    let n_bytes = (head.len() + tail.len()) as u64 + movie.n_sample_bytes();

    let mut samples = Samples {
        chunks: chunks.iter(),
        reader: None,
        packets: spool.map(|spool| BufReader::with_capacity(1 << 16, spool.file)),
    };
    let mut out = BufWriter::with_capacity(1 << 18, film.file());
    let failed = |e| write_error(path, Some(n_bytes))(e);
    samples.write(&head, &movie, &mut out, &failed)?;
    out.write_all(&tail)
        .and_then(|()| out.flush())
        .map_err(failed)?;
    drop(out);
    match film_file.replaces {
        true => film.commit()?,
        false => film.commit_new()?,
    }

    let n_frames = movie.video.sizes.len() as u64;
    let picture_secs = movie.config.frame_rate.frame_time_secs(n_frames);
    let sound_secs = movie.sound.as_ref().map_or(0.0, |sound| {
        samples_to_secs(sound.n_heard_samples, sound.table.timescale)
    });
    Ok(Video {
        schema_version: 1,
        path: path.to_owned(),
        n_frames,
        duration_secs: picture_secs.max(sound_secs),
        video_codec: movie.config.codec.to_string(),
        audio_codec: soundtrack.map(|sound| codec_name(sound.codec()).to_owned()),
    })
}

/// Short name of a soundtrack's codec: `flac`, `alac`, `mp3`, `aac` or `opus`.
pub(super) fn codec_name(codec: &SoundtrackCodec) -> &'static str {
    match codec {
        SoundtrackCodec::Flac { .. } => "flac",
        SoundtrackCodec::Alac { .. } => "alac",
        SoundtrackCodec::Mp3 => "mp3",
        SoundtrackCodec::Aac { .. } => "aac",
        SoundtrackCodec::Opus { .. } => "opus",
    }
}

/// Checks that everything fits together, and lays it out. Takes the tables out of the spool.
fn plan<'a>(
    chunks: &'a [ChunkInfo],
    sound: Option<(&dyn Soundtrack, &mut Spool)>,
    tags: &'a Tags,
) -> Result<Movie<'a>> {
    let first = chunks.first().ok_or_else(|| mismatch("it has no frames"))?;
    let mut n_frames = 0;
    for chunk in chunks {
        if chunk.first_frame != n_frames {
            return Err(mismatch(&format!(
                "frames {n_frames} to {} are missing or there twice",
                chunk.first_frame
            )));
        }
        let (size, rate) = (chunk.config.size, chunk.config.frame_rate);
        let is_alike = (size, rate) == (first.config.size, first.config.frame_rate)
            && chunk.codec_header == first.codec_header;
        if !is_alike {
            return Err(mismatch(&format!(
                "{} was encoded otherwise than the first chunk",
                chunk.path.display()
            )));
        }
        n_frames = chunk.frames().end;
    }
    let (timescale, ticks_per_frame) = frame_ticks(first.config.frame_rate);
    let n_frames =
        u32::try_from(n_frames).map_err(|_| mismatch("it has too many frames for MP4"))?;
    let samples = || chunks.iter().flat_map(|chunk| &chunk.samples);
    let keyframes = (1..).zip(samples());
    let keyframes: Vec<u32> = keyframes
        .filter_map(|(number, sample)| sample.is_keyframe.then_some(number))
        .collect();
    let mut video = TrackTable {
        codec: first
            .codec_header
            .sample_entry(&first.config)
            .map_err(|e| mismatch(&format!("its parameter sets: {e}")))?,
        timescale,
        sizes: samples().map(|sample| sample.n_bytes).collect(),
        durations: vec![SttsEntry {
            sample_count: n_frames,
            sample_delta: ticks_per_frame,
        }],
        keyframes: (keyframes.len() < n_frames as usize).then_some(keyframes),
        interval_counts: Vec::new(),
    };
    for frame_idx in 0..u64::from(n_frames) {
        let ticks = frame_idx * u64::from(ticks_per_frame);
        let interval = ticks * INTERVALS_PER_SEC / u64::from(timescale);
        count_in(&mut video.interval_counts, interval);
    }
    let sound = sound.map(|(soundtrack, spool)| sound_table(soundtrack, spool));
    let mut sound = sound.transpose()?;
    if let Some(sound) = &mut sound {
        let (pictures, packets) = (&mut video.interval_counts, &mut sound.table.interval_counts);
        let n_intervals = pictures.len().max(packets.len());
        pictures.resize(n_intervals, 0);
        packets.resize(n_intervals, 0);
    }
    Ok(Movie {
        config: &first.config,
        video,
        sound,
        tags,
    })
}

fn sound_table(soundtrack: &dyn Soundtrack, spool: &mut Spool) -> Result<SoundTable> {
    let statistics = spool.statistics(soundtrack);
    Ok(SoundTable {
        table: TrackTable {
            codec: sound_entry(soundtrack, statistics)?,
            timescale: soundtrack.sample_rate_hz(),
            sizes: std::mem::take(&mut spool.sizes),
            durations: std::mem::take(&mut spool.durations),
            keyframes: None,
            interval_counts: std::mem::take(&mut spool.interval_counts),
        },
        skip_samples: soundtrack.skip_samples(),
        n_heard_samples: soundtrack.n_samples(),
    })
}

/// Frames and packets in order, read from where they are.
struct Samples<'a> {
    chunks: std::slice::Iter<'a, ChunkInfo>,
    reader: Option<ChunkReader>,
    /// The sound's; none in a film without sound.
    packets: Option<BufReader<File>>,
}

impl Samples<'_> {
    /// Writes the film: its head, then all samples, interleaved as planned.
    fn write(
        &mut self,
        head: &[u8],
        movie: &Movie,
        out: &mut impl Write,
        failed: &dyn Fn(std::io::Error) -> Error,
    ) -> Result<()> {
        out.write_all(head).map_err(failed)?;
        let mut data = Vec::new();
        let sound = movie.sound.as_ref().map(|sound| &sound.table);
        let mut packet_sizes = sound.map_or(&[][..], |table| &table.sizes).iter();
        let mut packet_counts = sound.map_or(&[][..], |table| &table.interval_counts).iter();
        for n_frames in &movie.video.interval_counts {
            for _ in 0..*n_frames {
                self.read_frame(&mut data)?;
                out.write_all(&data).map_err(failed)?;
            }
            let (Some(packets), Some(n_packets)) = (&mut self.packets, packet_counts.next()) else {
                continue;
            };
            let sizes = packet_sizes.by_ref().take(*n_packets as usize);
            let n_bytes = sizes.map(|size| u64::from(*size)).sum();
            let n_copied = copy_all(packets.by_ref().take(n_bytes), out, failed)?;
            if n_copied != n_bytes {
                return Err(mismatch("its temporary copy of the sound was cut short"));
            }
        }
        Ok(())
    }

    fn read_frame(&mut self, data: &mut Vec<u8>) -> Result<()> {
        loop {
            if let Some(reader) = &mut self.reader
                && reader.read_sample(data)?
            {
                return Ok(());
            }
            let chunk = self.chunks.next();
            let chunk = chunk.ok_or_else(|| mismatch("its chunks have too few frames"))?;
            let reader = ChunkReader::open(&chunk.path)?;
            if !reader.info().has_frames_of(chunk) {
                return Err(mismatch(&format!(
                    "{} has changed meanwhile",
                    chunk.path.display()
                )));
            }
            self.reader = Some(reader);
        }
    }
}

/// As [`std::io::copy`], but only a failed write is a failure of `out`.
fn copy_all(
    mut from: impl Read,
    out: &mut impl Write,
    failed: &dyn Fn(std::io::Error) -> Error,
) -> Result<u64> {
    let mut buffer = vec![0; 1 << 16];
    let mut n_copied = 0;
    loop {
        let n_read = from.read(&mut buffer).map_err(|e| Error::Video {
            reason: format!("can't read the temporary copy of the sound again: {e}"),
        })?;
        if n_read == 0 {
            return Ok(n_copied);
        }
        let read = buffer.get(..n_read).unwrap_or_default();
        out.write_all(read).map_err(failed)?;
        n_copied += n_read as u64;
    }
}

#[cfg(test)]
mod tests;
