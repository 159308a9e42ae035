//! `visualize analyze`: what is heard in a song.

use std::path::Path;
use std::sync::atomic::Ordering;

use visualize::cues::CueFormat;
use visualize::partial_file::write_whole;
use visualize::{Error, Result, Track, analysis};

use super::args::{AnalyzeArgs, OutputArgs};
use super::inputs::Inputs;
use super::outputs::{Kind, Outputs, Target};
use super::progress::Progress;
use super::wording::with_flags;
use super::{songs, stop_on_signal};

/// Width of the summary in letters: a terminal of the usual width.
const SUMMARY_WIDTH: usize = 80;

pub fn run(args: &AnalyzeArgs, output: OutputArgs) -> Result<()> {
    let progress = Progress::new(output);
    songs::check(&args.song)?;
    if output.json {
        songs::check_name(&args.song)?;
    }
    let fix_path = analysis::fix_path(&args.song);
    if args.fix && args.song == Path::new("-") {
        let reason = "the standard input has no place beside which corrections could lie";
        return Err(Error::input(&args.song, reason).with_hint("give the song as a file"));
    }
    if args.fix && fix_path.symlink_metadata().is_ok() {
        return Err(
            Error::input(&fix_path, "exists already, and may hold your corrections")
                .with_hint("edit it, or delete it to have the song heard anew"),
        );
    }
    let mut inputs = Inputs::default();
    inputs.add_song(&args.song);
    inputs.add_listening(&args.listen);
    let mut outputs = Outputs::new(&inputs);
    if args.fix {
        outputs.corrections(&fix_path)?;
    }
    let plot = args
        .plot
        .as_deref()
        .map(|path| outputs.plot(path))
        .transpose()?;
    let click = args
        .click
        .as_deref()
        .map(|path| outputs.clicks(path))
        .transpose()?;
    let labels = args
        .labels
        .as_deref()
        .map(|path| outputs.other(path, Kind::Labels))
        .transpose()?;
    let mut cues = Vec::new();
    for path in &args.cues {
        let format = CueFormat::of(path)?;
        cues.push((path, format, outputs.other(path, Kind::Cues(format))?));
    }

    let mut config = args.listen.to_config();
    if !args.listen.no_fix {
        config = config.with_corrections_beside(&args.song);
    }
    let stop = stop_on_signal()?;
    let track = Track::open_or_spool(&args.song, &|| stop.load(Ordering::SeqCst))?;
    let heard = analysis::analyze(&track, &config)?;
    for note in track
        .all_notes()
        .into_iter()
        .chain(heard.corrections.notes())
    {
        progress.line(&with_flags(&note));
    }
    if args.fix {
        write_whole(&fix_path, analysis::fix_text(&heard).as_bytes())?;
        progress.line(&format!("corrections: {}", fix_path.display()));
    }
    if let Some(path) = &plot {
        analysis::plot(&heard)?.save(path)?;
        progress.line(&format!("plot: {}", path.display()));
    }
    if let Some(path) = &click {
        analysis::write_clicks(&heard, path)?;
        progress.line(&format!("clicks: {}", path.display()));
    }
    for (path, format, target) in &cues {
        target.write(&format.bytes(&heard, args.fps)?)?;
        progress.line(&format!("cues: {}", path.display()));
    }
    if let (Some(target), Some(path)) = (&labels, &args.labels) {
        target.write(analysis::labels(&heard).as_bytes())?;
        if *target == Target::Stdout {
            return Ok(()); // labels that are read by a program are all that is printed
        }
        progress.line(&format!("labels: {}", path.display()));
    }
    let summary = analysis::summary(&heard, SUMMARY_WIDTH)?;
    super::print_result(output, &summary, &heard)
}
