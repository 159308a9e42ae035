//! `visualize render`: some or all frames of a timeline.

use visualize::pipeline::{self, Watch};
use visualize::timeline::RunFolder;
use visualize::{Result, Timeline};

use super::args::{OutputArgs, RenderArgs};
use super::outputs::check_run_folder;
use super::progress::Progress;
use super::stop_on_signal;

pub fn run(args: &RenderArgs, output: OutputArgs) -> Result<()> {
    let timeline = Timeline::load(&args.timeline)?;
    let folder = RunFolder::beside(&args.timeline);
    check_run_folder(&args.timeline)?;
    let frames = args.frames.clone().unwrap_or(0..u64::MAX);
    let stop = stop_on_signal()?;
    let mut progress = Progress::new(output);
    let mut watch = Watch {
        observe: &mut |event| progress.event(event),
        stop: &stop,
    };
    pipeline::render(
        &timeline,
        frames,
        &folder,
        &args.machine.to_machine(),
        &mut watch,
    )?;
    super::print_result(output, &folder.path().display().to_string(), &folder.path())
}
