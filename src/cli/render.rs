//! `visualize render`: some or all chunks of a timeline.

use visualize::pipeline::{self, ChunkSet, Event, Machine, Watch};
use visualize::set::{self, SetRecord};
use visualize::{Error, Result, Timeline, farm};

use super::args::{OutputArgs, ProgressFormat, RenderArgs};
use super::outputs::check_run_folder;
use super::progress::Progress;
use super::progress_lines::ProgressLines;
use super::stop_on_signal;

pub fn run(args: &RenderArgs, output: OutputArgs) -> Result<()> {
    check_version(args)?;
    if SetRecord::is_at(&args.timeline) {
        return run_set(args, output);
    }
    let timeline = Timeline::load(&args.timeline)?;
    let folder = args.places.folder(&args.timeline);
    if args.places.folder.is_none() {
        check_run_folder(&args.timeline)?;
    }
    let machine = machine(args)?;
    let stop = stop_on_signal()?;
    let mut observe = observer(args.progress, output);
    let mut watch = Watch {
        observe: &mut *observe,
        stop: &stop,
    };
    let chunks = chunks(args, &timeline, &mut watch)?;
    pipeline::render(&timeline, &chunks, &folder, &machine, &mut watch)?;
    super::print_result(output, &folder.path().display().to_string(), &folder.path())
}

/// Draws chunks of a set's clips.
fn run_set(args: &RenderArgs, output: OutputArgs) -> Result<()> {
    let given = [
        ("frames", args.frames.is_some()),
        ("folder", args.places.folder.is_some()),
    ];
    let allowed = "the clips of a set are drawn by `chunks`, into its own folder";
    refuse_with_sets(&given, allowed)?;
    let machine = machine(args)?;
    let stop = stop_on_signal()?;
    let mut observe = observer(args.progress, output);
    let mut watch = Watch {
        observe: &mut *observe,
        stop: &stop,
    };
    let chunks = args.chunks.clone().unwrap_or_else(ChunkSet::all);
    set::render_chunks(&args.timeline, &chunks, &machine, &mut watch)?;
    let folder = set::folder_of_set(&args.timeline);
    super::print_result(output, &folder.display().to_string(), &folder)
}

/// Refuses flags that are given, each by its name, and have no meaning for a set.
pub(super) fn refuse_with_sets(flags: &[(&'static str, bool)], allowed: &str) -> Result<()> {
    match flags.iter().find(|(_, is_given)| *is_given) {
        None => Ok(()),
        Some((name, _)) => Err(Error::Config {
            name,
            value: "used with a set".to_owned(),
            allowed: allowed.to_owned(),
        }),
    }
}

fn machine(args: &RenderArgs) -> Result<Machine> {
    Ok(Machine {
        path_map: args.places.path_map()?,
        ..args.machine.to_machine()
    })
}

fn observer(format: ProgressFormat, output: OutputArgs) -> Box<dyn FnMut(Event<'_>)> {
    match format {
        ProgressFormat::Bar => {
            let mut progress = Progress::new(output);
            Box::new(move |event| progress.event(event))
        }
        format => {
            let mut lines = ProgressLines::new(format, output);
            Box::new(move |event| lines.event(event))
        }
    }
}

/// Another version would draw chunks that no other machine looks for.
fn check_version(args: &RenderArgs) -> Result<()> {
    match &args.require_version {
        Some(required) if *required != farm::version() => Err(Error::Config {
            name: "require_version",
            value: required.clone(),
            allowed: format!(
                "this program is {}; install the job's version here",
                farm::version()
            ),
        }),
        _ => Ok(()),
    }
}

/// The chunks asked for; those of frames that don't begin and end with a chunk are rounded, which is said.
///
/// # Errors
/// [`Error::Config`] for frames behind the film's end.
fn chunks(args: &RenderArgs, timeline: &Timeline, watch: &mut Watch<'_>) -> Result<ChunkSet> {
    let Some(frames) = &args.frames else {
        return Ok(args.chunks.clone().unwrap_or_else(ChunkSet::all));
    };
    let n_frames = timeline.frames.len() as u64;
    let asked = frames.start..frames.end.min(n_frames);
    if asked.is_empty() {
        return Err(Error::Config {
            name: "frames",
            value: format!("{}..{}", frames.start, frames.end),
            allowed: format!("the film's frames are 0..{n_frames}"),
        });
    }
    let chunks = ChunkSet::of_frames(&asked, u64::from(timeline.encoding.chunk_len));
    let pieces: Vec<_> = chunks.pieces(timeline).collect();
    if let (Some(first), Some(last)) = (pieces.first(), pieces.last()) {
        let drawn = first.frames.start..last.frames.end;
        if drawn != asked {
            watch.note(&format!(
                "frames are drawn in whole chunks: {}..{}, which are `chunks {chunks}`",
                drawn.start, drawn.end
            ));
        }
    }
    Ok(chunks)
}
