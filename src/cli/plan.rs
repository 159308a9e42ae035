//! `visualize plan`: the timeline without the pictures.

use visualize::manifest::RunFolder;
use visualize::pipeline::{self, Watch};
use visualize::{Result, mapping};

use super::args::{OutputArgs, PlanArgs};
use super::progress::Progress;
use super::{request, stop_on_signal};

pub fn run(args: &PlanArgs, output: OutputArgs) -> Result<()> {
    let out = args
        .out
        .clone()
        .unwrap_or_else(|| super::beside_here(&args.song, "json"));
    let stop = stop_on_signal()?;
    let mut progress = Progress::new(output);
    let request = request::build(&args.song, &args.plan, &progress)?;
    let mut watch = Watch {
        observe: &mut |event| progress.event(event),
        stop: &stop,
    };
    let folder = RunFolder::beside(&out);
    let machine = args.machine.to_machine();
    let (analysis, timeline) = pipeline::plan(&request, &folder, &machine, &mut watch)?;
    timeline.save(&out)?;
    if let Some(plot) = &args.plot {
        mapping::plot(&timeline, Some(&analysis)).save(plot)?;
        progress.line(&format!("plot: {}", plot.display()));
    }
    super::print_result(output, &out.display().to_string(), &out)
}
