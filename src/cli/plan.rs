//! `visualize plan`: the timeline without the pictures.

use std::sync::atomic::AtomicBool;

use visualize::pipeline::{self, Watch};
use visualize::{Result, mapping};

use super::args::{OutputArgs, PlanArgs};
use super::progress::Progress;
use super::request;

pub fn run(args: &PlanArgs, output: OutputArgs) -> Result<()> {
    let out = args
        .out
        .clone()
        .unwrap_or_else(|| super::beside_here(&args.song, "json"));
    let mut progress = Progress::new(output);
    let request = request::build(&args.song, &args.plan, &mut progress)?;
    let mut watch = Watch {
        observe: &mut |event| progress.event(event),
        stop: &AtomicBool::new(false),
    };
    let (analysis, timeline) = pipeline::plan(&request, &mut watch)?;
    timeline.save(&out)?;
    if let Some(plot) = &args.plot {
        mapping::plot(&timeline, Some(&analysis)).save(plot)?;
        progress.line(&format!("plot: {}", plot.display()));
    }
    super::print_result(output, &out.display().to_string(), &out)
}
