//! Chunks and a soundtrack become an MP4 film: samples are copied, nothing is encoded again.
//!
//! Only the tables of sample sizes are held in memory. The bytes depend on the chunks, the packets and the tags alone.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;

use audio::{Soundtrack, SoundtrackCodec};
use common::partial_file::{PartialFile, folder_of, write_error};
use common::units::samples_to_secs;
use common::{Error, Result};
use mp4_atom::SttsEntry;

use super::chunk::{ChunkInfo, ChunkReader};
use super::mismatch::mismatch;
use super::moov::{Movie, TrackTable, avc1, frame_ticks};
use super::sound_entry::sound_entry;
use super::spool::{INTERVALS_PER_SEC, Spool, count_in};
use super::tags::Tags;
use super::{Video, attachment};

/// Writes the film of `chunks`, which must follow each other from frame 0 on, with the sound of `soundtrack`.
///
/// `attachment` travels behind the samples, where players pass over it; see [`attachment`](super::attachment()). The
/// picture starts at time 0, and so does sample `skip_samples` of the sound, by an edit list. The file appears at
/// `path` whole or not at all, in place of an older one; while it is written, its folder holds the film and another copy
/// of the sound.
///
/// # Errors
/// [`Error::Video`] for chunks or a soundtrack that don't fit together, [`Error::Input`] for a damaged chunk,
/// [`Error::Limit`] when the disk is full, [`Error::Io`] for other failed reads and writes.
pub fn mux(
    chunks: &[ChunkInfo],
    soundtrack: &dyn Soundtrack,
    tags: &Tags,
    attachment: Option<&[u8]>,
    path: impl AsRef<Path>,
) -> Result<Video> {
    let path = path.as_ref();
    let film = PartialFile::create(path)?;
    let mut spool = Spool::of(soundtrack, folder_of(path))?;
    let movie = plan(chunks, soundtrack, tags, &mut spool)?;
    let head = movie
        .head()
        .map_err(|e| mismatch(&format!("its boxes: {e}")))?;
    let tail = attachment.map(attachment::encode).transpose()?;
    let tail = tail.unwrap_or_default();
    let n_bytes = (head.len() + tail.len()) as u64 + movie.n_sample_bytes();

    let mut samples = Samples {
        chunks: chunks.iter(),
        reader: None,
        packets: BufReader::with_capacity(1 << 16, spool.file),
    };
    let mut out = BufWriter::with_capacity(1 << 18, film.file());
    let failed = |e| write_error(path, Some(n_bytes))(e);
    samples.write(&head, &movie, &mut out, &failed)?;
    out.write_all(&tail)
        .and_then(|()| out.flush())
        .map_err(failed)?;
    drop(out);
    film.commit()?;

    let n_frames = movie.video.sizes.len() as u64;
    let picture_secs = movie.config.frame_rate.frame_time_secs(n_frames);
    let sound_secs = samples_to_secs(movie.n_heard_samples, movie.audio.timescale);
    Ok(Video {
        schema_version: 1,
        path: path.to_owned(),
        n_frames,
        duration_secs: picture_secs.max(sound_secs),
        video_codec: "h264".to_owned(),
        audio_codec: codec_name(soundtrack.codec()).to_owned(),
    })
}

/// Short name of a soundtrack's codec: `flac`, `mp3`, `aac` or `opus`.
pub(super) fn codec_name(codec: &SoundtrackCodec) -> &'static str {
    match codec {
        SoundtrackCodec::Flac { .. } => "flac",
        SoundtrackCodec::Mp3 => "mp3",
        SoundtrackCodec::Aac { .. } => "aac",
        SoundtrackCodec::Opus { .. } => "opus",
    }
}

/// Checks that everything fits together, and lays it out. Takes the tables out of `spool`.
fn plan<'a>(
    chunks: &'a [ChunkInfo],
    soundtrack: &dyn Soundtrack,
    tags: &'a Tags,
    spool: &mut Spool,
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
        let (sps, pps) = (&chunk.sps, &chunk.pps);
        let is_alike = (size, rate) == (first.config.size, first.config.frame_rate)
            && (sps, pps) == (&first.sps, &first.pps);
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
        codec: avc1(&first.config, &first.sps, &first.pps)
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
    let statistics = spool.statistics(soundtrack);
    let mut audio = TrackTable {
        codec: sound_entry(soundtrack, statistics)?,
        timescale: soundtrack.sample_rate_hz(),
        sizes: std::mem::take(&mut spool.sizes),
        durations: std::mem::take(&mut spool.durations),
        keyframes: None,
        interval_counts: std::mem::take(&mut spool.interval_counts),
    };
    let n_intervals = video.interval_counts.len().max(audio.interval_counts.len());
    video.interval_counts.resize(n_intervals, 0);
    audio.interval_counts.resize(n_intervals, 0);
    Ok(Movie {
        config: &first.config,
        video,
        audio,
        skip_samples: soundtrack.skip_samples(),
        n_heard_samples: soundtrack.n_samples(),
        tags,
    })
}

/// Frames and packets in order, read from where they are.
struct Samples<'a> {
    chunks: std::slice::Iter<'a, ChunkInfo>,
    reader: Option<ChunkReader>,
    packets: BufReader<File>,
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
        let mut packet_sizes = movie.audio.sizes.iter();
        let intervals = movie
            .video
            .interval_counts
            .iter()
            .zip(&movie.audio.interval_counts);
        for (n_frames, n_packets) in intervals {
            for _ in 0..*n_frames {
                self.read_frame(&mut data)?;
                out.write_all(&data).map_err(failed)?;
            }
            let sizes = packet_sizes.by_ref().take(*n_packets as usize);
            let n_bytes = sizes.map(|size| u64::from(*size)).sum();
            let packets = self.packets.by_ref().take(n_bytes);
            let n_copied = copy_all(packets, out, failed)?;
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
            if reader.info() != chunk {
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
mod tests {
    use common::units::FrameRate;

    use super::*;
    use crate::film::Film;
    use crate::sample_table::samples;
    use crate::testing::{self, FakeSound, config};
    use crate::{EncodeConfig, FilmReader, probe};

    fn tags() -> Tags {
        Tags {
            title: "Nachtlied".to_owned(),
            encoder: "visualize test".to_owned(),
            comment: "made up".to_owned(),
            facts: [("seed".to_owned(), "7".to_owned())].into(),
        }
    }

    /// Chunks of 10, 1, 1 and 8 frames.
    fn chunks(folder: &Path, config: &EncodeConfig) -> Vec<ChunkInfo> {
        [0..10, 10..11, 11..12, 12..20]
            .map(|frames| testing::chunk(folder, "aa", frames, config))
            .to_vec()
    }

    /// Bytes of all samples of a track, by its tables.
    fn track_bytes(path: &Path, handler: &[u8; 4]) -> Vec<Vec<u8>> {
        let film = Film::read(path).unwrap();
        let bytes = std::fs::read(path).unwrap();
        let (trak, _) = film.track(handler).unwrap();
        samples(&trak.mdia.minf.stbl, film.n_bytes)
            .map(|sample| {
                let sample = sample.unwrap();
                bytes[sample.offset as usize..][..sample.n_bytes as usize].to_vec()
            })
            .collect()
    }

    #[test]
    fn a_film_says_what_was_put_in() {
        let folder = tempfile::tempdir().unwrap();
        let config = EncodeConfig {
            frame_rate: FrameRate::new(30_000, 1001).unwrap(),
            ..config(96, 64)
        };
        let chunks = chunks(folder.path(), &config);
        for sound in FakeSound::each(0.65) {
            let name = codec_name(&sound.codec);
            let path = folder.path().join(format!("{name}.mp4"));
            let video = mux(&chunks, &sound, &tags(), None, &path).unwrap();
            assert_eq!((video.n_frames, &*video.audio_codec), (20, name));

            let probe = probe(&path).unwrap();
            assert_eq!(probe.tags, tags());
            assert!(probe.has_fast_start);
            let picture = probe.video.unwrap();
            assert_eq!((&*picture.codec, picture.profile), ("h264", 100));
            assert_eq!((picture.n_frames, picture.n_keyframes), (20, 4));
            assert_eq!(picture.size, config.size);
            assert_eq!(picture.frame_rate, Some(config.frame_rate));
            assert_eq!(
                (picture.colour, picture.is_full_range),
                (Some([1, 1, 1]), false)
            );
            assert!((picture.end_secs - 20.0 * 1001.0 / 30_000.0).abs() < 1e-12);
            let heard = probe.audio.unwrap();
            assert_eq!(heard.codec, name);
            assert_eq!(heard.sample_rate_hz, sound.sample_rate_hz);
            assert_eq!(heard.skip_samples, sound.skip_samples);
            assert_eq!(heard.n_samples, sound.n_samples);
            assert_eq!(heard.n_packets as usize, sound.all_packets().len());
            assert_eq!(probe.av_offset_start_secs, Some(0.0));
            let end = probe.av_offset_end_secs.unwrap();
            assert!(end <= 0.0 && -end < config.frame_rate.frame_secs(), "{end}");

            let packets: Vec<_> = sound.all_packets().into_iter().map(|p| p.data).collect();
            assert_eq!(track_bytes(&path, b"soun"), packets);
        }
    }

    #[test]
    fn frames_are_copied_and_play_across_chunks() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(96, 64);
        let chunks = chunks(folder.path(), &config);
        let sound = FakeSound::each(0.8).remove(0);
        let path = folder.path().join("film.mp4");
        mux(&chunks, &sound, &tags(), None, &path).unwrap();

        let mut copied = Vec::new();
        for chunk in &chunks {
            let mut reader = ChunkReader::open(&chunk.path).unwrap();
            let mut data = Vec::new();
            while reader.read_sample(&mut data).unwrap() {
                copied.push(data.clone());
            }
        }
        assert_eq!(track_bytes(&path, b"vide"), copied);

        let reader = FilmReader::open(&path).unwrap();
        let frames: Vec<_> = reader.frames().unwrap().map(Result::unwrap).collect();
        assert_eq!(frames.len(), 20);
        for (i, frame) in frames.iter().enumerate() {
            assert_eq!(frame.frame_idx, i as u64);
            assert!((frame.time_secs - i as f64 / 24.0).abs() < 1e-12);
            let wanted = testing::picture(config.size, i as u64);
            let psnr = testing::psnr(&wanted, &frame.picture.to_rgb().unwrap());
            assert!(psnr > 36.0, "frame {i}: {psnr:.1} dB");
        }
    }

    #[test]
    fn the_same_input_gives_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let chunks = chunks(folder.path(), &config(64, 64));
        let sound = FakeSound::each(0.8).remove(1);
        let path = folder.path().join("film.mp4");
        let mut films = (0..2).map(|_| {
            mux(&chunks, &sound, &tags(), None, &path).unwrap();
            std::fs::read(&path).unwrap()
        });
        assert_eq!(films.next(), films.next());
        let partial = folder.path().read_dir().unwrap().flatten();
        let partial = partial.filter(|e| e.file_name().to_string_lossy().contains("partial"));
        assert_eq!(partial.count(), 0);
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let good = chunks(folder.path(), &config(64, 64));
        let other = testing::chunk(folder.path(), "bb", 12..20, &config(64, 48));
        let sound = || FakeSound::each(0.8).remove(2);
        let path = folder.path().join("film.mp4");
        let refused = |chunks: &[ChunkInfo], sound: &FakeSound, words: &str| {
            let error = mux(chunks, sound, &tags(), None, &path)
                .unwrap_err()
                .to_string();
            assert!(error.contains(words), "{error}");
            assert!(!path.exists());
        };
        refused(&[], &sound(), "no frames");
        refused(&good[1..], &sound(), "frames 0 to 10");
        refused(
            &[&good[..2], &good[3..]].concat(),
            &sound(),
            "frames 11 to 12",
        );
        refused(
            &[&good[..3], &[other]].concat(),
            &sound(),
            "encoded otherwise",
        );
        refused(
            &good,
            &FakeSound {
                n_samples: 0,
                ..sound()
            },
            "samples",
        );
        let mut endless = sound();
        endless.packet_samples = u32::MAX;
        endless.n_samples = 1 << 40;
        refused(&good, &endless, "month");
        std::fs::write(&good[2].path, b"damaged").unwrap();
        refused(&good, &sound(), "damaged");
        let missing = folder.path().join("missing").join("film.mp4");
        let error = mux(&good, &sound(), &tags(), None, missing).unwrap_err();
        assert_eq!(error.exit_code(), 2);
    }

    struct FullDisk {
        room: usize,
    }

    impl Write for FullDisk {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            if self.room == 0 {
                return Err(std::io::ErrorKind::StorageFull.into());
            }
            let n_written = bytes.len().min(self.room);
            self.room -= n_written;
            Ok(n_written)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_is_noticed_wherever_it_happens() {
        let folder = tempfile::tempdir().unwrap();
        let chunks = chunks(folder.path(), &config(64, 64));
        let sound = FakeSound::each(0.8).remove(0);
        let path = folder.path().join("film.mp4");
        let n_bytes = mux(&chunks, &sound, &tags(), None, &path)
            .map(|_| std::fs::metadata(&path).unwrap().len() as usize)
            .unwrap();
        for room in (0..n_bytes).step_by(997).chain([n_bytes - 1, n_bytes]) {
            let mut spool = Spool::of(&sound, folder.path()).unwrap();
            let tags = tags();
            let movie = plan(&chunks, &sound, &tags, &mut spool).unwrap();
            let mut samples = Samples {
                chunks: chunks.iter(),
                reader: None,
                packets: BufReader::new(spool.file),
            };
            let failed = |e| write_error(&path, Some(n_bytes as u64))(e);
            let head = movie.head().unwrap();
            let result = samples.write(&head, &movie, &mut FullDisk { room }, &failed);
            match result {
                Ok(()) => assert_eq!(room, n_bytes),
                Err(error) => {
                    assert!(room < n_bytes);
                    assert!(matches!(error, Error::Limit { .. }), "{error}");
                    assert!(error.to_string().contains("MB"), "{error}");
                }
            }
        }
    }

    #[test]
    fn offsets_beyond_4_gib_are_wide() {
        let folder = tempfile::tempdir().unwrap();
        let mut chunks = chunks(folder.path(), &config(64, 64));
        let sound = FakeSound::each(0.8).remove(0);
        let mut spool = Spool::of(&sound, folder.path()).unwrap();
        for sample in &mut chunks[0].samples {
            sample.n_bytes = 500_000_000; // 10 of them
        }
        let tags = tags();
        let movie = plan(&chunks, &sound, &tags, &mut spool).unwrap();
        let head = movie.head().unwrap();
        let path = folder.path().join("sparse.mp4");
        std::fs::write(&path, &head).unwrap();
        let n_bytes = head.len() as u64 + movie.n_sample_bytes();
        let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(n_bytes).unwrap();
        let film = Film::read(&path).unwrap();
        let mut places = Vec::new();
        for handler in [b"vide", b"soun"] {
            let stbl = &film.track(handler).unwrap().0.mdia.minf.stbl;
            assert!(stbl.co64.is_some() && stbl.stco.is_none());
            for sample in samples(stbl, n_bytes) {
                let sample = sample.unwrap();
                places.push((sample.offset, u64::from(sample.n_bytes)));
            }
        }
        // Samples fill the rest of the file, without a gap.
        places.sort_unstable();
        let mut next = head.len() as u64;
        for (offset, length) in places {
            assert_eq!(offset, next);
            next += length;
        }
        assert_eq!(next, n_bytes);
    }
}
