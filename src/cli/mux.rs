//! `visualize mux`: the film from finished chunks.

use std::path::Path;

use visualize::manifest::RunFolder;
use visualize::pipeline::{self, Watch};
use visualize::{Result, Timeline};

use super::args::{MuxArgs, OutputArgs};
use super::film::refuse_existing;
use super::progress::Progress;
use super::stop_on_signal;

pub fn run(args: &MuxArgs, output: OutputArgs) -> Result<()> {
    let mut timeline = Timeline::load(&args.timeline)?;
    find_song(&mut timeline, &args.timeline);
    let out = args
        .out
        .clone()
        .unwrap_or_else(|| args.timeline.with_extension("mp4"));
    refuse_existing(&out, args.force)?;
    let stop = stop_on_signal()?;
    let mut progress = Progress::new(output);
    let mut watch = Watch {
        observe: &mut |event| progress.event(event),
        stop: &stop,
    };
    let folder = RunFolder::beside(&args.timeline);
    let video = pipeline::mux(&timeline, &folder, &out, &mut watch)?;
    super::print_result(output, &video.path.display().to_string(), &video)
}

/// A timeline that travelled to another machine may have its song beside it.
fn find_song(timeline: &mut Timeline, path: &Path) {
    if let Some(name) = timeline.song.path.file_name() {
        let beside = path.with_file_name(name);
        if !timeline.song.path.exists() && beside.exists() {
            timeline.song.path = beside;
        }
    }
}
