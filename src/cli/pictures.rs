//! `visualize SONG --raw -` and `--png PATTERN`: frames instead of a film.

use std::io::BufWriter;

use serde_json::json;
use visualize::audio::SoundtrackFormat;
use visualize::pictures::{PngFiles, Raw};
use visualize::pipeline::{self, PictureSink, Watch};
use visualize::timeline::RunFolder;
use visualize::{Error, Result};

use super::args::{FilmArgs, OutputArgs};
use super::progress::Progress;
use super::{request, songs, stop_on_signal};

/// Writes the frames of the only song.
pub fn run(args: &FilmArgs, output: OutputArgs) -> Result<()> {
    let songs = songs::find(&args.songs)?;
    let [song] = songs.as_slice() else {
        return Err(Error::Config {
            name: if args.raw.is_some() { "raw" } else { "png" },
            value: format!("used with {} songs", songs.len()),
            allowed: "frames are those of one song; give one".to_owned(),
        });
    };
    let mut files = match &args.png {
        Some(pattern) => Some(PngFiles::new(pattern, args.force)?),
        None => None,
    };
    let mut raw = Raw::new(BufWriter::with_capacity(1 << 18, std::io::stdout()));
    let sink: &mut dyn PictureSink = match &mut files {
        Some(files) => files,
        None => &mut raw,
    };
    let mut progress = Progress::new(output);
    let script = request::read_prompts(&args.plan, &progress)?;
    let stop = stop_on_signal()?;
    let mut watch = Watch {
        observe: &mut |event| progress.event(event),
        stop: &stop,
    };
    let sound = SoundtrackFormat::None;
    let request = request::build(song, script, &args.plan, sound, false, &mut watch)?;
    let folder = RunFolder::beside(&super::beside_here(song, "mp4"));
    let machine = args.machine.to_machine();
    let timeline = pipeline::pictures(&request, &machine, &folder, sink, &mut watch)?;
    match &files {
        // Nothing but frames goes to the standard output.
        None => Ok(()),
        Some(files) => {
            let first = files.path(0);
            let value = json!({
                "first": first,
                "timeline": files.timeline_path(),
                "n_frames": timeline.frames.len(),
                "frame_rate": timeline.play_rate().to_string(),
            });
            super::print_result(output, &first.display().to_string(), &value)
        }
    }
}
