//! `visualize SONG`: the whole film.

use std::path::{Path, PathBuf};

use visualize::pipeline::{self, Watch};
use visualize::{Error, Result, contact_sheet};

use super::args::{FilmArgs, OutputArgs};
use super::progress::Progress;
use super::{request, stop_on_signal};

pub fn run(args: &FilmArgs, output: OutputArgs) -> Result<()> {
    let song = args.song.as_deref().unwrap_or(Path::new("")); // clap asks for it where no command is given
    let out = out_path(song, args);
    refuse_existing(&out, args.force)?;
    let stop = stop_on_signal()?;
    let mut progress = Progress::new(output);
    let mut watch = Watch {
        observe: &mut |event| progress.event(event),
        stop: &stop,
    };
    let request = request::build(song, &args.plan, args.preview, &mut watch)?;
    let (timeline, video) = pipeline::film(&request, &args.machine.to_machine(), &out, &mut watch)?;
    if args.preview {
        let sheet = out.with_extension("png");
        contact_sheet::save(&timeline, &out, &sheet)?;
        progress.line(&format!("contact sheet: {}", sheet.display()));
    }
    super::print_result(output, &video.path.display().to_string(), &video)
}

/// The film's path: as asked for, or the song's name with `.mp4` in the current folder.
fn out_path(song: &Path, args: &FilmArgs) -> PathBuf {
    let extension = if args.preview { "preview.mp4" } else { "mp4" };
    args.out
        .clone()
        .unwrap_or_else(|| super::beside_here(song, extension))
}

/// Refuses to write over a file unasked, and into a folder that isn't there or can't be written.
pub fn refuse_existing(out: &Path, is_forced: bool) -> Result<()> {
    if out.exists() && !is_forced {
        return Err(Error::input(out, "exists already")
            .with_hint("give --force to replace it, or another name with -o"));
    }
    let folder = out
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return Err(Error::input(folder, "there is no such folder to write to")
            .with_hint(format!("create it first: mkdir -p '{}'", folder.display())));
    }
    tempfile::tempfile_in(folder)
        .map(drop)
        .map_err(Error::io("write to", folder))
}
