//! `visualize plan`: the timeline without the pictures, of a song or of a finished film.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use visualize::pipeline::{self, Watch};
use visualize::{Analysis, Result, Timeline, mapping, provenance};

use super::args::{OutputArgs, PlanArgs};
use super::progress::Progress;
use super::request;

pub fn run(args: &PlanArgs, output: OutputArgs) -> Result<()> {
    let mut progress = Progress::new(output);
    let (analysis, timeline, source) = match &args.from {
        Some(film) => (None, provenance::timeline_of(film)?, film.as_path()),
        None => {
            let song = args.song.as_deref().unwrap_or(Path::new("")); // clap asks for it where there is no --from
            let (analysis, timeline) = plan(song, args, &mut progress)?;
            (Some(analysis), timeline, song)
        }
    };
    let out = out_path(source, args);
    timeline.save(&out)?;
    if let Some(plot) = &args.plot {
        mapping::plot(&timeline, analysis.as_ref()).save(plot)?;
        progress.line(&format!("plot: {}", plot.display()));
    }
    super::print_result(output, &out.display().to_string(), &out)
}

fn plan(song: &Path, args: &PlanArgs, progress: &mut Progress) -> Result<(Analysis, Timeline)> {
    let request = request::build(song, &args.plan, progress)?;
    let mut watch = Watch {
        observe: &mut |event| progress.event(event),
        stop: &AtomicBool::new(false),
    };
    pipeline::plan(&request, &mut watch)
}

/// The timeline's path: as asked for, or the source's name with `.json` in the current folder.
fn out_path(source: &Path, args: &PlanArgs) -> PathBuf {
    args.out
        .clone()
        .unwrap_or_else(|| super::beside_here(source, "json"))
}
