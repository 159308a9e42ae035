//! `visualize plan`: the timeline without the pictures, of a song or of a finished film.

use std::path::{Path, PathBuf};

use visualize::pipeline::{self, Watch};
use visualize::timeline::RunFolder;
use visualize::{Analysis, Result, Timeline, mapping, provenance};

use super::args::{OutputArgs, PlanArgs};
use super::progress::Progress;
use super::{request, stop_on_signal};

pub fn run(args: &PlanArgs, output: OutputArgs) -> Result<()> {
    let mut progress = Progress::new(output);
    let source = args.from.as_deref().or(args.song.as_deref());
    let source = source.unwrap_or(Path::new("")); // clap asks for the song where there is no --from
    let out = out_path(source, args);
    let (analysis, timeline) = match &args.from {
        Some(film) => (None, provenance::timeline_of(film)?),
        None => {
            let (analysis, timeline) = plan(source, &out, args, &mut progress)?;
            (Some(analysis), timeline)
        }
    };
    timeline.save(&out)?;
    if let Some(plot) = &args.plot {
        mapping::plot(&timeline, analysis.as_ref()).save(plot)?;
        progress.line(&format!("plot: {}", plot.display()));
    }
    super::print_result(output, &out.display().to_string(), &out)
}

fn plan(
    song: &Path,
    out: &Path,
    args: &PlanArgs,
    progress: &mut Progress,
) -> Result<(Analysis, Timeline)> {
    let stop = stop_on_signal()?;
    let mut watch = Watch {
        observe: &mut |event| progress.event(event),
        stop: &stop,
    };
    let request = request::build(song, &args.plan, false, &mut watch)?;
    let folder = RunFolder::beside(out);
    pipeline::plan(&request, &folder, &args.machine.to_machine(), &mut watch)
}

/// The timeline's path: as asked for, or the source's name with `.json` in the current folder.
fn out_path(source: &Path, args: &PlanArgs) -> PathBuf {
    args.out
        .clone()
        .unwrap_or_else(|| super::beside_here(source, "json"))
}
