//! What a command writes, checked before it works: no output takes the place of a file that the command reads, or of anything
//! that is no regular file, and each can be written under its name.
//!
//! Files are compared by identity, so that links and other spellings of a path are seen through. An output that is a link is
//! written where the link points.

mod checks;

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use visualize::cues::CueFormat;
use visualize::partial_file::write_whole;
use visualize::timeline::VideoCodec;
use visualize::video::FilmFile;
use visualize::{Error, Result};

use super::inputs::{Inputs, is_same_file};
use super::terminal::has_no_reader;
pub use checks::check_run_folder;
use checks::{
    SHORTER_FILE, SHORTER_FILM, SHORTER_SONG, check_film_name, check_plot_name, check_writable,
    head, is_stdout, metadata, place, refuse_unless_regular, resolved, run_folder_name,
};

/// What an output is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A timeline's JSON.
    Timeline,
    /// A plot, as PNG or SVG.
    Plot,
    /// The song with clicks.
    Clicks,
    /// An Audacity label track.
    Labels,
    /// Beats and sections for another program.
    Cues(CueFormat),
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Timeline => "a timeline",
            Self::Plot => "a plot",
            Self::Clicks => "a WAV file",
            Self::Labels | Self::Cues(CueFormat::Labels) => "a label track",
            Self::Cues(CueFormat::Csv) => "a table of cues",
            Self::Cues(CueFormat::Midi) => "a MIDI file",
            Self::Cues(CueFormat::Rekordbox) => "a collection of rekordbox that visualize wrote",
            Self::Cues(CueFormat::Edl) => "an edit decision list with markers",
            Self::Cues(CueFormat::Fcpxml) => "a timeline in FCPXML that visualize wrote",
        }
    }

    /// Whether it can go through a pipe: text that is written in one go.
    fn is_text(self) -> bool {
        matches!(self, Self::Timeline | Self::Labels | Self::Cues(_))
    }

    /// Whether a file that begins so is of this kind: an output replaces its like unasked, and nothing else.
    fn is_like(self, head: &[u8]) -> bool {
        let holds = |part: &[u8]| head.windows(part.len()).any(|window| window == part);
        match self {
            Self::Timeline => holds(b"\"schema_version\""),
            Self::Plot => head.starts_with(b"\x89PNG") || holds(b"<svg"),
            Self::Clicks => head.starts_with(b"RIFF") || head.starts_with(b"RF64"),
            Self::Cues(CueFormat::Csv) => head.starts_with(b"time_secs,kind,"),
            Self::Cues(CueFormat::Midi) => head.starts_with(b"MThd"),
            Self::Cues(CueFormat::Rekordbox) => holds(b"<PRODUCT Name=\"visualize\""),
            Self::Cues(CueFormat::Edl) => holds(b"|C:ResolveColor"),
            Self::Cues(CueFormat::Fcpxml) => holds(b"<!-- markers by visualize -->"),
            Self::Labels | Self::Cues(CueFormat::Labels) => {
                let line = head.split(|b| *b == b'\n').next().unwrap_or_default();
                let mut fields = line.split(|b| *b == b'\t');
                let mut is_time = || {
                    let text = fields
                        .next()
                        .and_then(|field| std::str::from_utf8(field).ok());
                    text.is_some_and(|text| text.parse::<f64>().is_ok())
                };
                is_time() && is_time()
            }
        }
    }
}

/// Where an output goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A file, which appears when it is whole.
    File(PathBuf),
    /// A pipe or a device, which is written to.
    Stream(PathBuf),
    /// The standard output.
    Stdout,
}

impl Target {
    /// Writes a text.
    ///
    /// # Errors
    /// Those of writing; a reader of the standard output who has gone is none.
    pub fn write(&self, bytes: &[u8]) -> Result<()> {
        match self {
            Self::File(path) => write_whole(path, bytes),
            Self::Stream(path) => File::options()
                .write(true)
                .open(path)
                .and_then(|mut file| file.write_all(bytes))
                .map_err(Error::io("write", path)),
            Self::Stdout => {
                let mut out = std::io::stdout().lock();
                match out.write_all(bytes).and_then(|()| out.flush()) {
                    Err(error) if has_no_reader(&error) => Ok(()),
                    written => written.map_err(Error::io("write", "the standard output")),
                }
            }
        }
    }
}

/// The outputs of a command, checked one by one.
pub struct Outputs<'a> {
    inputs: &'a Inputs,
    claimed: Vec<PathBuf>,
}

impl<'a> Outputs<'a> {
    /// For a command that reads these files.
    pub fn new(inputs: &'a Inputs) -> Self {
        Self {
            inputs,
            claimed: Vec::new(),
        }
    }

    /// The file to write a film to. It may exist only if it is to be replaced.
    ///
    /// # Errors
    /// [`Error::Input`], [`Error::Io`] for a film that can't or mustn't be written there.
    pub fn film(&mut self, path: &Path, codec: VideoCodec, is_forced: bool) -> Result<FilmFile> {
        let out = resolved(path);
        self.check(path, &out)?;
        check_film_name(path, codec)?;
        if let Some(metadata) = metadata(&out, SHORTER_FILM)? {
            refuse_unless_regular(path, metadata.file_type())?;
            if !is_forced {
                return Err(Error::input(path, "exists already")
                    .with_hint("give --force to replace it, or another name with -o"));
            }
        }
        check_run_folder(&out)?;
        check_writable(&out, SHORTER_FILM)?;
        Ok(FilmFile {
            path: out,
            replaces: is_forced,
        })
    }

    /// Checks the sheet beside a preview. It may exist only if the film is to be replaced.
    ///
    /// # Errors
    /// As [`film`](Self::film).
    pub fn sheet(&mut self, path: &Path, is_forced: bool) -> Result<()> {
        self.check(path, &resolved(path))?;
        if let Some(metadata) = metadata(path, SHORTER_FILM)? {
            refuse_unless_regular(path, metadata.file_type())?;
            if !is_forced {
                let reason = "exists already, and the sheet of the preview's pictures goes there";
                return Err(Error::input(path, reason)
                    .with_hint("give --force to replace it, or name the preview with -o"));
            }
        }
        check_writable(path, SHORTER_FILM)
    }

    /// Where to write something else. A file of the same kind is replaced; text may go to a pipe, and to `-`.
    ///
    /// # Errors
    /// As [`film`](Self::film).
    pub fn other(&mut self, path: &Path, kind: Kind) -> Result<Target> {
        self.named(path, kind, SHORTER_FILE)
    }

    /// Checks the file of corrections, which lies beside the song.
    ///
    /// # Errors
    /// As [`film`](Self::film).
    pub fn corrections(&mut self, path: &Path) -> Result<()> {
        self.named(path, Kind::Labels, SHORTER_SONG).map(drop)
    }

    /// `shorter` is what is said where the name is too long.
    fn named(&mut self, path: &Path, kind: Kind, shorter: &str) -> Result<Target> {
        if kind.is_text() && is_stdout(path) {
            return Ok(Target::Stdout);
        }
        check_plot_name(path, kind)?;
        if path.extension() == Some(OsStr::new("visualize")) {
            return Err(run_folder_name(path));
        }
        let out = resolved(path);
        self.check(path, &out)?;
        if let Some(metadata) = metadata(&out, shorter)? {
            if !metadata.is_file() && !metadata.is_dir() && kind.is_text() {
                return Ok(Target::Stream(out));
            }
            refuse_unless_regular(path, metadata.file_type())?;
            if metadata.len() > 0 && !kind.is_like(&head(&out)) {
                let reason = format!("exists already, and isn't {}", kind.name());
                return Err(Error::input(path, reason)
                    .with_hint("give another name, or remove the file first"));
            }
        }
        if kind == Kind::Timeline {
            check_run_folder(&out)?;
        }
        check_writable(&out, shorter)?;
        Ok(Target::File(out))
    }

    /// Where to draw a plot.
    ///
    /// # Errors
    /// As [`other`](Self::other).
    pub fn plot(&mut self, path: &Path) -> Result<PathBuf> {
        self.file(path, Kind::Plot)
    }

    /// Where to write the song with clicks.
    ///
    /// # Errors
    /// As [`other`](Self::other).
    pub fn clicks(&mut self, path: &Path) -> Result<PathBuf> {
        self.file(path, Kind::Clicks)
    }

    fn file(&mut self, path: &Path, kind: Kind) -> Result<PathBuf> {
        match self.other(path, kind)? {
            Target::File(path) | Target::Stream(path) => Ok(path),
            Target::Stdout => Err(Error::internal(
                "a picture or a sound was sent to the standard output",
            )),
        }
    }

    /// Refuses a path of an input, and one that another output of the command has.
    fn check(&mut self, path: &Path, out: &Path) -> Result<()> {
        self.inputs.refuse(path, out)?;
        let is_taken = |other: &PathBuf| is_same_file(other, out) || place(other) == place(out);
        if self.claimed.iter().any(is_taken) {
            return Err(Error::input(path, "would be written twice")
                .with_hint("give each output a name of its own"));
        }
        self.claimed.push(out.to_owned());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::TempDir::new().unwrap()
    }

    #[test]
    fn an_output_replaces_its_like_alone() {
        let folder = folder();
        let heads: [(&str, &[u8]); 5] = [
            ("t.json", b"{\n  \"schema_version\": 1"),
            ("p.png", b"\x89PNG\r\n"),
            ("c.wav", b"RIFF\0\0\0\0WAVE"),
            ("l.txt", b"0.5\t0.5\t1.1\n"),
            ("notes.txt", b"a red sunset\n"),
        ];
        for (name, head) in heads {
            std::fs::write(folder.path().join(name), head).unwrap();
        }
        for (kind, like) in [
            (Kind::Timeline, "t.json"),
            (Kind::Clicks, "c.wav"),
            (Kind::Labels, "l.txt"),
        ] {
            for (name, _) in heads {
                let inputs = Inputs::default();
                let path = folder.path().join(name);
                let found = Outputs::new(&inputs).other(&path, kind);
                assert_eq!(found.is_ok(), name == like, "{kind:?} {name}");
            }
        }
    }

    #[test]
    fn names_of_other_formats_are_refused() {
        let folder = folder();
        let inputs = Inputs::default();
        let film = |codec: VideoCodec, name: &str| {
            Outputs::new(&inputs).film(&folder.path().join(name), codec, false)
        };
        let (h264, hap) = (VideoCodec::H264, VideoCodec::HapQ);
        for (codec, name) in [
            (h264, "f.mkv"),
            (h264, "f.WEBM"),
            (h264, "f.visualize"),
            (h264, "f.json"),
            (h264, "f.mov"),
            (hap, "f.mp4"),
            (hap, "f.M4V"),
            (hap, "f.avi"),
        ] {
            let error = film(codec, name).unwrap_err();
            assert!(error.hint().is_some(), "{error}");
        }
        for name in ["f.mp4", "f", "f.final", "f.M4V"] {
            assert!(film(h264, name).is_ok(), "{name}");
        }
        for name in ["f.mov", "f", "f.MOV"] {
            assert!(film(hap, name).is_ok(), "{name}");
        }
        assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none());
    }

    #[test]
    fn a_name_that_is_too_long_is_shortened_where_it_is_given() {
        let folder = folder();
        let inputs = Inputs::default();
        let path = folder.path().join("n".repeat(250));
        let hint = |error: Error| error.hint().unwrap_or_default().to_owned();
        let mut outputs = Outputs::new(&inputs);
        let film = outputs.film(&path, VideoCodec::H264, false).unwrap_err();
        assert!(hint(film).contains("-o"));
        let labels = Outputs::new(&inputs).other(&path, Kind::Labels);
        assert_eq!(hint(labels.unwrap_err()), SHORTER_FILE);
        let corrections = Outputs::new(&inputs).corrections(&path);
        assert!(hint(corrections.unwrap_err()).contains("song"));
    }

    #[test]
    fn two_outputs_need_two_names() {
        let folder = folder();
        let inputs = Inputs::default();
        let mut outputs = Outputs::new(&inputs);
        outputs
            .other(&folder.path().join("a.txt"), Kind::Labels)
            .unwrap();
        let other = folder.path().join(".").join("a.txt");
        assert!(outputs.other(&other, Kind::Clicks).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn links_are_written_through() {
        let folder = folder();
        let link = folder.path().join("link.txt");
        std::os::unix::fs::symlink("there.txt", &link).unwrap();
        let inputs = Inputs::default();
        let target = Outputs::new(&inputs).other(&link, Kind::Labels).unwrap();
        assert_eq!(target, Target::File(folder.path().join("there.txt")));
    }
}
