//! A film's frames for other programs: through a pipe, or as files.

use std::io::Write;
use std::path::{Path, PathBuf};

use common::partial_file::{PartialFile, folder_of, write_error};
use common::{Error, Result};
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder, RgbImage};
use timeline::Timeline;
use video::Y4mWriter;

use crate::pipeline::PictureSink;

/// Most digits of a frame's number in a file's name.
const MAX_DIGITS: usize = 12;

/// Frames as YUV4MPEG2 into a pipe.
pub struct Raw<W: Write> {
    /// Before the first frame.
    out: Option<W>,
    writer: Option<Y4mWriter<W>>,
}

impl<W: Write> Raw<W> {
    /// Frames will go to `out`.
    pub fn new(out: W) -> Self {
        Self {
            out: Some(out),
            writer: None,
        }
    }
}

fn failed(error: std::io::Error) -> Error {
    Error::io("write frames to", "the standard output")(error)
}

impl<W: Write + Send> PictureSink for Raw<W> {
    fn begin(&mut self, timeline: &Timeline) -> Result<()> {
        if let Some(out) = self.out.take() {
            let writer = Y4mWriter::new(out, timeline.render.size, timeline.play_rate());
            self.writer = Some(writer.map_err(failed)?);
        }
        Ok(())
    }

    fn lacks(&self, _frame: u64) -> bool {
        true
    }

    fn put(&mut self, _frame: u64, picture: &RgbImage) -> Result<()> {
        match &mut self.writer {
            Some(writer) => writer.push(picture).map_err(failed),
            None => Err(Error::internal("a frame came before the film began")),
        }
    }

    fn finish(&mut self) -> Result<()> {
        let finished = self.writer.take().map(Y4mWriter::finish);
        finished.transpose().map_err(failed).map(|_| ())
    }
}

/// Each frame as a PNG file. Frames that are there already, of the same timeline, aren't drawn again.
pub struct PngFiles {
    /// What stands before and behind a frame's number.
    around: [String; 2],
    n_digits: usize,
    folder: PathBuf,
    /// Whether files of other frames are replaced.
    replaces: bool,
    is_known: bool,
}

impl PngFiles {
    /// Files named by a pattern such as `frames/song_%06d.png`: `%06d` becomes the frame's number, from 0. Frames that are there,
    /// and aren't of this film, are replaced only if `replaces`.
    ///
    /// # Errors
    /// [`Error::Input`] for a pattern of another form.
    pub fn new(pattern: &Path, replaces: bool) -> Result<Self> {
        let refused = || {
            Error::input(pattern, "isn't a pattern for names of frames")
                .with_hint("give a place for the number, such as frames/song_%06d.png")
        };
        let name = pattern.file_name().and_then(|name| name.to_str());
        let (before, rest) = name
            .and_then(|name| name.split_once('%'))
            .ok_or_else(refused)?;
        let (digits, behind) = rest.split_once('d').ok_or_else(refused)?;
        let n_digits = match digits {
            "" => Some(1),
            digits => digits.strip_prefix('0').and_then(|n| n.parse().ok()),
        };
        let n_digits = n_digits
            .filter(|n| (1..=MAX_DIGITS).contains(n))
            .ok_or_else(refused)?;
        if behind.contains('%') || !behind.to_ascii_lowercase().ends_with(".png") {
            return Err(refused());
        }
        Ok(Self {
            around: [before.to_owned(), behind.to_owned()],
            n_digits,
            folder: folder_of(pattern).to_owned(),
            replaces,
            is_known: false,
        })
    }

    /// The file of a frame.
    pub fn path(&self, frame: u64) -> PathBuf {
        let [before, behind] = &self.around;
        let n_digits = self.n_digits;
        self.folder
            .join(format!("{before}{frame:0n_digits$}{behind}"))
    }

    /// The timeline whose frames these are, beside them.
    pub fn timeline_path(&self) -> PathBuf {
        self.folder.join(format!("{}timeline.json", self.around[0]))
    }
}

impl PictureSink for PngFiles {
    fn begin(&mut self, timeline: &Timeline) -> Result<()> {
        std::fs::create_dir_all(&self.folder).map_err(Error::io("create", &self.folder))?;
        let path = self.timeline_path();
        self.is_known = Timeline::load(&path).is_ok_and(|known| known == *timeline);
        let n_frames = timeline.frames.len() as u64;
        if !self.is_known && !self.replaces {
            let others = (0..n_frames)
                .map(|frame| self.path(frame))
                .chain([path.clone()]);
            if let Some(other) = others.into_iter().find(|path| path.exists()) {
                return Err(
                    Error::input(&other, "is there already, and isn't of this film")
                        .with_hint("write to another folder, or give `force` to replace it"),
                );
            }
        }
        timeline.save(&path)
    }

    fn lacks(&self, frame: u64) -> bool {
        !self.is_known || !self.path(frame).exists()
    }

    fn put(&mut self, frame: u64, picture: &RgbImage) -> Result<()> {
        let path = self.path(frame);
        let file = PartialFile::create(&path)?;
        let (width, height) = picture.dimensions();
        let mut bytes = Vec::new();
        PngEncoder::new(&mut bytes)
            .write_image(picture.as_raw(), width, height, ExtendedColorType::Rgb8)
            .map_err(|error| Error::internal(format!("can't write a PNG: {error}")))?;
        file.file()
            .write_all(&bytes)
            .map_err(write_error(&path, Some(bytes.len() as u64)))?;
        file.commit()
    }

    fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_name_frames() {
        for (pattern, frame, name) in [
            ("a/b_%06d.png", 7, "a/b_000007.png"),
            ("%d.PNG", 12, "12.PNG"),
            ("x%03d_y.png", 1234, "x1234_y.png"),
        ] {
            let files = PngFiles::new(Path::new(pattern), false).unwrap();
            let path = files.path(frame);
            assert_eq!(path.strip_prefix(".").unwrap_or(&path), Path::new(name));
        }
        for pattern in [
            "a.png",
            "%s.png",
            "%06d.jpg",
            "%06d%d.png",
            "%99d.png",
            "%0x3d.png",
            "a/",
        ] {
            assert!(
                PngFiles::new(Path::new(pattern), false).is_err(),
                "{pattern}"
            );
        }
    }
}
