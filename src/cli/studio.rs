//! `visualize studio`: the page in the browser.

use std::path::{Path, PathBuf};

use serde::Serialize;
use visualize::studio::{Options, serve};
use visualize::{Error, Result};

use super::args::{OutputArgs, StudioArgs};
use super::progress::Progress;
use super::{songs, stop_on_signal};

/// What is printed.
#[derive(Serialize)]
struct Link<'a> {
    link: &'a str,
}

pub fn run(args: &StudioArgs, output: OutputArgs) -> Result<()> {
    let progress = Progress::new(output);
    let (folder, song) = place(args.place.as_deref())?;
    // Files are named by their bare names, as by a command that is run in the folder.
    std::env::set_current_dir(&folder).map_err(Error::io("open", &folder))?;
    let options = Options {
        port: args.port,
        song,
        machine: args.machine.to_machine(),
    };
    let stop = stop_on_signal()?;
    serve(options, stop, |link| {
        super::print_result(output, link, &Link { link })?;
        if args.no_open {
            return Ok(());
        }
        match open::that_detached(link) {
            Ok(()) => progress.line("the page opens in your browser; Ctrl-C ends the studio"),
            Err(error) => progress.line(&format!(
                "no browser could be opened ({error}): open the link yourself; Ctrl-C ends the studio"
            )),
        }
        Ok(())
    })
}

/// The folder, and the song in it that was named.
fn place(given: Option<&Path>) -> Result<(PathBuf, Option<String>)> {
    let Some(given) = given else {
        return Ok((PathBuf::from("."), None));
    };
    if given.is_dir() {
        return Ok((given.to_owned(), None));
    }
    songs::check_name(given)?;
    let song = songs::check(given)?;
    let name = song
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    Ok((visualize::partial_file::folder_of(&song).to_owned(), name))
}
