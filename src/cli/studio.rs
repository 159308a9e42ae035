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

#[cfg(test)]
mod tests {
    use clap::Parser;
    use visualize::audio::SoundtrackFormat;
    use visualize::request::Settings;
    use visualize::studio::command_line;

    use crate::cli::Cli;

    /// The page's "copy as command line" means the settings of the page.
    #[track_caller]
    fn check(settings: &Settings) {
        let words = command_line("song.wav", None, settings);
        let read = Cli::try_parse_from(&words).unwrap_or_else(|error| panic!("{error}\n{words:?}"));
        let plan = &read.film.plan;
        assert_eq!(
            plan.to_settings(read.film.sound.audio, false),
            *settings,
            "{words:?}"
        );
    }

    #[test]
    fn copied_commands_mean_the_same_settings() {
        check(&Settings::default());
        let json = r#"{
            "model": "stabilityai/sd-turbo", "size": {"width": 1024, "height": 576},
            "draw_size": {"width": 512, "height": 288}, "fps": "beat:16", "seed": 7, "steps": 3, "guidance": 1.5,
            "negative": "-text, it's fog", "start_secs": 1.25, "duration_secs": 30.5,
            "analysis": {
                "tracker": "aubio", "tempo_bpm": 87.5, "meter": 3, "beats_path": "my beats.csv", "grid_offset_secs": -0.026,
                "stems": [{"name": "drums", "path": "drums.wav"}, {"name": "voice", "path": "a voice.wav"}]
            },
            "no_fix": true, "mapping": "classic",
            "knobs": {
                "energy": 1.5, "pulse": 0.5, "smooth": 2, "arrive": "bar", "dwell": 0.25, "zoom": 0.1, "rotate": 5, "pan": 0.05
            },
            "calibrate": false,
            "diffusion": {
                "scheduler": "euler_a", "clip_skip": 1, "dtype": "f16", "kernels": "exact", "skip_still": 0.02,
                "loras": [{"path": "a.safetensors", "scale": 0.5}], "embeddings": [{"name": "cat", "path": "cat.pt"}],
                "vae": "vae"
            },
            "encoding": {"codec": "hapq", "qp": 20, "chunk_len": 24}, "audio": "alac"
        }"#;
        let mut settings: Settings = serde_json::from_str(json).unwrap();
        check(&settings);
        settings.mapping = Settings::default().mapping;
        for looping in ["\"whole\"", "{\"beats\": 8}"] {
            settings.looping = serde_json::from_str(looping).unwrap();
            check(&settings);
        }
        for tempo in ["\"native\"", "\"127.5\""] {
            settings.conform = serde_json::from_str(tempo).unwrap();
            check(&settings);
        }
        settings.audio = SoundtrackFormat::Flac;
        check(&settings);
    }
}
