//! `visualize mux`: the film from finished chunks.

use std::path::{Path, PathBuf};

use visualize::pipeline::{self, Watch};
use visualize::timeline::RunFolder;
use visualize::{Result, Timeline, Track};

use super::args::{MuxArgs, OutputArgs};
use super::inputs::Inputs;
use super::outputs::Outputs;
use super::progress::Progress;
use super::stop_on_signal;

pub fn run(args: &MuxArgs, output: OutputArgs) -> Result<()> {
    let timeline = Timeline::load(&args.timeline)?;
    let song = song_of(&timeline, &args.timeline);
    let out = args
        .out
        .clone()
        .unwrap_or_else(|| args.timeline.with_extension("mp4"));
    let mut inputs = Inputs::default();
    inputs.add_timeline(&timeline, &args.timeline);
    inputs.add_song(&song);
    let out = Outputs::new(&inputs).film(&out, args.force)?;
    let stop = stop_on_signal()?;
    let mut progress = Progress::new(output);
    let mut watch = Watch {
        observe: &mut |event| progress.event(event),
        stop: &stop,
    };
    let folder = RunFolder::beside(&args.timeline);
    let video = pipeline::mux(&timeline, &Track::open(&song)?, &folder, &out, &mut watch)?;
    super::print_result(output, &video.path.display().to_string(), &video)
}

/// The timeline's song, or the file of its name beside a timeline that travelled to another machine.
fn song_of(timeline: &Timeline, path: &Path) -> PathBuf {
    let song = &timeline.song.path;
    let beside = song.file_name().map(|name| path.with_file_name(name));
    beside
        .filter(|beside| !song.exists() && beside.exists())
        .unwrap_or_else(|| song.clone())
}
