//! Decodes the frames of a film one after the other.

use std::collections::{BTreeSet, VecDeque};
use std::path::Path;

use common::Result;
use mp4_atom::{Avcc, Codec, Trak};
use timeline::Size;

use super::colour::Yuv420;
use super::config::MAX_SIDES;
use super::film::{Film, bad};
use super::hap::{self, BLOCK_SIDE};
use super::sample_decoder::SampleDecoder;
use super::sample_table::samples;

/// A decoded frame.
#[derive(Clone, Debug)]
pub struct DecodedFrame {
    /// Index of the frame, from 0.
    pub frame_idx: u64,
    /// When it is shown, in seconds from the start of the track.
    pub time_secs: f64,
    /// Its pixels.
    pub picture: Yuv420,
}

/// A film whose frames can be decoded: H.264, as this program and most others write it, or Hap.
pub struct FilmReader {
    film: Film,
}

impl FilmReader {
    /// Opens a film.
    ///
    /// # Errors
    /// [`Error::Input`](common::Error::Input) for a file that isn't a film that can be decoded here,
    /// [`Error::Io`](common::Error::Io) for one that can't be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let film = Film::read(path.as_ref())?;
        let reader = Self { film };
        reader.track()?;
        Ok(reader)
    }

    /// The film's file.
    pub fn path(&self) -> &Path {
        &self.film.path
    }

    /// Size of the frames in pixels.
    ///
    /// # Errors
    /// None after [`FilmReader::open`] has succeeded.
    pub fn size(&self) -> Result<Size> {
        Ok(self.track()?.1.size)
    }

    /// Decodes the frames in the order in which they are shown, one at a time; may be called again to start over. Ends
    /// after the first error.
    ///
    /// # Errors
    /// When the file can't be opened any more.
    pub fn frames(&self) -> Result<impl Iterator<Item = Result<DecodedFrame>> + '_> {
        self.frames_from(0)
    }

    /// As [`FilmReader::frames`], from frame `first` on. What is decoded before it are the frames from its keyframe on; all of them,
    /// where frames are shown in another order than they are coded.
    ///
    /// # Errors
    /// As [`FilmReader::frames`], and for a film whose tables are damaged before that frame.
    pub fn frames_from(
        &self,
        first: u64,
    ) -> Result<impl Iterator<Item = Result<DecodedFrame>> + '_> {
        let (trak, picture) = self.track()?;
        let path = &self.film.path;
        let is_reordered = is_reordered(trak);
        let begin = match is_reordered {
            true => 0,
            false => self.keyframe(trak, first)?,
        };
        let mut source = SampleDecoder::open(path, picture.size, picture.avcc, is_reordered)?;
        let timescale = f64::from(trak.mdia.mdhd.timescale.max(1));
        let start = start_ticks(trak);
        let mut offsets = composition_offsets(trak).skip(begin);
        let table = (0u64..).zip(samples(&trak.mdia.minf.stbl, self.film.n_bytes));
        let mut table = table.skip(begin);
        // Pictures come in the order of their times, so each has the earliest time that is left.
        let mut times = BTreeSet::new();
        let mut pictures = VecDeque::new();
        let mut shown = begin as u64..;
        let mut is_over = false;
        let decoded = std::iter::from_fn(move || {
            let mut next = || loop {
                if let Some(picture) = pictures.pop_front() {
                    let (ticks, _) = times.pop_first().unwrap_or((0, 0));
                    return Ok(shown.next().map(|frame_idx| DecodedFrame {
                        frame_idx,
                        time_secs: (ticks - start) as f64 / timescale,
                        picture,
                    }));
                }
                if is_over {
                    return Ok(None);
                }
                match table.next() {
                    Some((idx, sample)) => {
                        let sample = sample.map_err(|e| bad(path, &e))?;
                        let offset = offsets.next().unwrap_or_default();
                        times.insert((sample.dts as i64 + offset, idx));
                        let picture = source.decode(&sample, idx)?;
                        if picture.is_none() && !is_reordered {
                            return Err(bad(path, &format!("frame {idx} gives no picture")));
                        }
                        pictures.extend(picture);
                    }
                    None => {
                        is_over = true;
                        pictures.extend(source.rest()?);
                        if pictures.len() != times.len() {
                            return Err(bad(path, "some of its last frames give no picture"));
                        }
                    }
                }
            };
            let frame = next();
            if frame.is_err() {
                is_over = true;
                pictures.clear();
            }
            frame.transpose()
        });
        let is_before = move |frame: &Result<DecodedFrame>| {
            frame.as_ref().is_ok_and(|frame| frame.frame_idx < first)
        };
        Ok(decoded.skip_while(is_before))
    }

    /// Index of the last keyframe up to frame `idx`.
    fn keyframe(&self, trak: &Trak, idx: u64) -> Result<usize> {
        let mut keyframe = 0;
        let table = samples(&trak.mdia.minf.stbl, self.film.n_bytes).enumerate();
        for (at, sample) in table.take_while(|(at, _)| *at as u64 <= idx) {
            if sample.map_err(|e| bad(&self.film.path, &e))?.is_keyframe {
                keyframe = at;
            }
        }
        Ok(keyframe)
    }

    fn track(&self) -> Result<(&Trak, Picture<'_>)> {
        let path = &self.film.path;
        let (trak, codec) = self
            .film
            .track(b"vide")
            .ok_or_else(|| bad(path, "it has no picture"))?;
        let picture = Picture::of(codec)
            .ok_or_else(|| bad(path, "its picture is neither H.264 of kind avc1 nor Hap"))?;
        let Size { width, height } = picture.size;
        if width.max(height) > MAX_SIDES.0 || width.min(height) > MAX_SIDES.1 {
            return Err(bad(
                path,
                &format!("its picture of {width}x{height} is too large"),
            ));
        }
        if picture.avcc.is_none() && (width % BLOCK_SIDE != 0 || height % BLOCK_SIDE != 0) {
            return Err(bad(
                path,
                &format!("a Hap picture can't have {width}x{height} pixels"),
            ));
        }
        Ok((trak, picture))
    }
}

/// What the film says of its picture.
struct Picture<'a> {
    size: Size,
    /// `None` = Hap.
    avcc: Option<&'a Avcc>,
}

impl<'a> Picture<'a> {
    fn of(codec: &'a Codec) -> Option<Self> {
        match codec {
            Codec::Avc1(avc1) => Some(Self {
                size: Size {
                    width: avc1.visual.width.into(),
                    height: avc1.visual.height.into(),
                },
                avcc: Some(&avc1.avcc),
            }),
            Codec::Unknown(kind, body) => Some(Self {
                size: hap::codec_of(*kind).and_then(|_| hap::size_of(body))?,
                avcc: None,
            }),
            _ => None,
        }
    }
}

/// Whether frames are shown in another order than they are coded.
fn is_reordered(trak: &Trak) -> bool {
    let runs = trak
        .mdia
        .minf
        .stbl
        .ctts
        .iter()
        .flat_map(|ctts| &ctts.entries);
    runs.into_iter().any(|run| run.sample_offset != 0)
}

/// How long after its decoding each sample is shown, in ticks of the track; empty = at once.
fn composition_offsets(trak: &Trak) -> impl Iterator<Item = i64> + '_ {
    let runs = trak
        .mdia
        .minf
        .stbl
        .ctts
        .iter()
        .flat_map(|ctts| &ctts.entries);
    runs.flat_map(|run| std::iter::repeat_n(run.sample_offset, run.sample_count as usize))
}

/// Time of the track at which its presentation begins, in ticks, by its edit list.
fn start_ticks(trak: &Trak) -> i64 {
    let edits = trak.edts.iter().flat_map(|edts| &edts.elst);
    let mut edits = edits.flat_map(|elst| &elst.entries);
    let start = edits.find_map(|edit| edit.media_time);
    start
        .and_then(|ticks| i64::try_from(ticks).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, FakeSound, config};
    use timeline::VideoCodec;

    use crate::EncodeConfig;

    #[test]
    fn pictures_survive_at_any_size() {
        let folder = tempfile::tempdir().unwrap();
        // Whole macroblocks, and sizes that are cropped.
        for (width, height) in [(16, 16), (128, 128), (90, 58), (130, 34)] {
            let config = config(width, height);
            let n_frames = 30;
            let chunk = testing::chunk(folder.path(), "aa", 0..n_frames, &config);
            let path = folder.path().join("film.mp4");
            let sound = FakeSound::each(1.2).remove(0);
            testing::write_film(&[chunk], Some(&sound), &path).unwrap();
            let reader = FilmReader::open(&path).unwrap();
            assert_eq!(reader.size().unwrap(), config.size);
            let mut converter = crate::colour::Converter::new(config.size);
            let mut next = 0;
            for frame in reader.frames().unwrap() {
                let frame = frame.unwrap();
                assert_eq!(frame.frame_idx, next);
                let wanted = converter.convert(&testing::picture(config.size, next));
                let psnr = testing::psnr(wanted.unwrap().luma(), frame.picture.luma());
                assert!(psnr > 40.0, "{}: {psnr:.1} dB", config.size);
                next += 1;
            }
            assert_eq!(next, n_frames);
        }
    }

    #[test]
    fn decoding_begins_at_any_frame() {
        let folder = tempfile::tempdir().unwrap();
        let config = EncodeConfig {
            gop_len: 4,
            ..config(64, 48)
        };
        let chunks = [0..6, 6..11].map(|f| testing::chunk(folder.path(), "aa", f, &config));
        let path = folder.path().join("film.mp4");
        testing::write_film(&chunks, None, &path).unwrap();
        let b_frames = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/video/b_frames.mp4");
        for path in [&*path, Path::new(b_frames)] {
            let reader = FilmReader::open(path).unwrap();
            let row = |frame: Result<DecodedFrame>| {
                let frame = frame.unwrap();
                let luma = frame.picture.luma().to_vec();
                (frame.frame_idx, frame.time_secs.to_bits(), luma)
            };
            let all: Vec<_> = reader.frames().unwrap().map(row).collect();
            for first in 0..=all.len() {
                let rest: Vec<_> = reader.frames_from(first as u64).unwrap().map(row).collect();
                assert!(rest == all[first..], "from frame {first}");
            }
        }
    }

    #[test]
    fn hap_films_are_read_and_said_to_be_hap() {
        let folder = tempfile::tempdir().unwrap();
        for codec in VideoCodec::ALL.into_iter().filter(|codec| codec.is_hap()) {
            let config = EncodeConfig {
                codec,
                ..config(128, 68)
            };
            let chunks = [0..3, 3..5].map(|f| testing::chunk(folder.path(), "aa", f, &config));
            let path = folder.path().join("clip.mov");
            let sound = FakeSound::each(0.2).remove(0);
            testing::write_film(&chunks, Some(&sound), &path).unwrap();
            let reader = FilmReader::open(&path).unwrap();
            assert_eq!(reader.size().unwrap(), config.size);
            let mut n_frames = 0;
            for frame in reader.frames().unwrap() {
                let rgb = frame.unwrap().picture.to_rgb().unwrap();
                let psnr = testing::psnr(&rgb, &testing::picture(config.size, n_frames));
                assert!(psnr > 33.0, "{codec}: {psnr:.1} dB");
                n_frames += 1;
            }
            assert_eq!(n_frames, 5);
            let film = crate::probe(&path).unwrap();
            let picture = film.video.unwrap();
            assert_eq!(
                (picture.codec, picture.size),
                (codec.to_string(), config.size)
            );
            assert_eq!((picture.n_frames, picture.n_keyframes), (5, 5));
            assert!(film.audio.is_some());
        }
    }

    /// `tests/video/README.md` says how the film was made: each frame is a little brighter than the one before.
    #[test]
    fn frames_of_another_encoder_come_in_the_order_of_their_times() {
        let reader = FilmReader::open(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/video/b_frames.mp4"
        ))
        .unwrap();
        let frames: Vec<_> = reader.frames().unwrap().map(Result::unwrap).collect();
        assert_eq!(frames.len(), 48);
        for (idx, frame) in frames.iter().enumerate() {
            let luma = frame.picture.luma();
            let mean = luma.iter().map(|v| f64::from(*v)).sum::<f64>() / luma.len() as f64;
            assert!(
                (mean - (16.0 + 4.0 * idx as f64)).abs() < 1.5,
                "{idx}: {mean}"
            );
            assert!((frame.time_secs - idx as f64 / 24.0).abs() < 1e-9);
        }
    }

    #[test]
    fn damaged_frames_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let chunk = testing::chunk(folder.path(), "aa", 0..4, &config(64, 64));
        let path = folder.path().join("film.mp4");
        let sound = FakeSound::each(0.1).remove(0);
        testing::write_film(&[chunk], Some(&sound), &path).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let mdat = bytes.windows(4).position(|w| w == b"mdat").unwrap() + 4;
        let mut lengthened = bytes.clone();
        lengthened[mdat] = 0x7f; // the length of the first NAL unit
        std::fs::write(&path, &lengthened).unwrap();
        let reader = FilmReader::open(&path).unwrap();
        let frames: Vec<_> = reader.frames().unwrap().collect();
        assert_eq!(frames.len(), 1);
        assert!(frames[0].is_err());
        std::fs::write(&path, b"no film at all").unwrap();
        assert!(FilmReader::open(&path).is_err());
    }
}
