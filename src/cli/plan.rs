//! `visualize plan`: the timeline without the pictures, of a song or of a finished film.

use std::path::{Path, PathBuf};

use visualize::audio::SoundtrackFormat;
use visualize::pipeline::{self, Watch};
use visualize::timeline::RunFolder;
use visualize::{Analysis, Error, Result, Timeline, mapping, provenance};

use super::args::{OutputArgs, PlanArgs};
use super::inputs::Inputs;
use super::outputs::{Kind, Outputs, Target};
use super::progress::Progress;
use super::{request, songs, stop_on_signal};

pub fn run(args: &PlanArgs, output: OutputArgs) -> Result<()> {
    let mut progress = Progress::new(output);
    let source = args.from.as_deref().or(args.song.as_deref());
    let source = source.unwrap_or(Path::new("")); // clap asks for the song where there is no --from
    let beside = super::beside_here(source, "json");
    let inputs = inputs(source, args)?;
    let mut outputs = Outputs::new(&inputs);
    let target = outputs.other(args.out.as_deref().unwrap_or(&beside), Kind::Timeline)?;
    let plot = args.plot.as_deref();
    let plot = plot.map(|path| outputs.plot(path)).transpose()?;
    let (analysis, timeline) = match &args.from {
        Some(film) => (None, provenance::timeline_of(film)?),
        None => {
            // What is measured for a timeline that goes to a pipe is kept where its file would be.
            let out = match &target {
                Target::File(path) => path.as_path(),
                Target::Stream(_) | Target::Stdout => beside.as_path(),
            };
            let (analysis, timeline) = plan(source, out, args, &mut progress)?;
            (Some(analysis), timeline)
        }
    };
    match &target {
        Target::File(path) => timeline.save(path)?,
        Target::Stream(_) | Target::Stdout => target.write(&json_of(&timeline)?)?,
    }
    if let Some(plot) = &plot {
        mapping::plot(&timeline, analysis.as_ref()).save(plot)?;
        progress.line(&format!("plot: {}", plot.display()));
    }
    match &target {
        Target::Stdout => Ok(()),
        Target::File(path) | Target::Stream(path) => {
            super::print_result(output, &path.display().to_string(), path)
        }
    }
}

/// What the command reads.
fn inputs(source: &Path, args: &PlanArgs) -> Result<Inputs> {
    let mut inputs = Inputs::default();
    if args.from.is_some() {
        inputs.add("the film", source);
        return Ok(inputs);
    }
    songs::check(source)?;
    request::check_names(&[source], &args.plan)?;
    inputs.add_song(source);
    inputs.add_planning(&args.plan);
    Ok(inputs)
}

fn plan(
    song: &Path,
    out: &Path,
    args: &PlanArgs,
    progress: &mut Progress,
) -> Result<(Analysis, Timeline)> {
    let script = request::read_prompts(&args.plan, progress)?;
    let stop = stop_on_signal()?;
    let mut watch = Watch {
        observe: &mut |event| progress.event(event),
        stop: &stop,
    };
    let request = request::build(
        song,
        script,
        &args.plan,
        SoundtrackFormat::default(),
        false,
        &mut watch,
    )?;
    let folder = RunFolder::beside(out);
    pipeline::plan(&request, &folder, &args.machine.to_machine(), &mut watch)
}

fn json_of(timeline: &Timeline) -> Result<Vec<u8>> {
    let mut json = Vec::new();
    timeline
        .write_json(&mut json)
        .map_err(Error::io("write", PathBuf::from("the timeline")))?;
    Ok(json)
}
