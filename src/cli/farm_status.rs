//! `visualize farm status`: how far a film or a set of clips is.

use visualize::farm::{ChunkState, ChunkStatus, ClipState, SetStatus, Status};
use visualize::set::SetRecord;
use visualize::timeline::RunFolder;
use visualize::units::format_secs;
use visualize::{Result, Timeline};

use super::args::{FarmStatusArgs, OutputArgs};
use super::render::refuse_with_sets;

pub fn run(args: &FarmStatusArgs, output: OutputArgs) -> Result<()> {
    if SetRecord::is_at(&args.timeline) {
        let given = [("folder", args.folder.is_some())];
        refuse_with_sets(&given, "the chunks of a set lie in its own folder")?;
        let status = SetStatus::of(&args.timeline)?;
        let (missing, table) = (status.chunks.missing.clone(), set_table(&status));
        return print_status(args, output, missing, table, &status);
    }
    let timeline = Timeline::load(&args.timeline)?;
    let folder = match &args.folder {
        Some(folder) => RunFolder::at(folder),
        None => RunFolder::beside(&args.timeline),
    };
    let status = Status::of(&timeline, &folder)?;
    let (missing, table) = (status.missing.clone(), table(&status));
    print_status(args, output, missing, table, &status)
}

/// Prints the table, or only what is missing; nothing if that is nothing.
fn print_status(
    args: &FarmStatusArgs,
    output: OutputArgs,
    missing: String,
    table: String,
    value: &impl serde::Serialize,
) -> Result<()> {
    match args.missing {
        true if missing.is_empty() => Ok(()),
        true => super::print_result(output, &missing, value),
        false => super::print_result(output, &table, value),
    }
}

/// A line for each chunk, and what they add up to.
fn table(status: &Status) -> String {
    let lines = status.chunks.iter().map(chunk_line);
    let lines: Vec<String> = lines.chain(sums(status)).collect();
    lines.join("\n")
}

/// A line for each clip, those of its chunks that were drawn and aren't part of it yet, and what they add up to.
fn set_table(status: &SetStatus) -> String {
    let mut lines = Vec::new();
    for clip in &status.clips {
        let state = match clip.state {
            ClipState::Made => "made",
            ClipState::Drawn => "drawn",
            ClipState::Missing => "missing",
            ClipState::Damaged => "damaged",
        };
        let last = clip.end_chunk.saturating_sub(1);
        let mut line = format!("{}  chunks {}-{last}  {state}", clip.file, clip.first_chunk);
        if !clip.missing.is_empty() {
            line += &format!(" {}", clip.missing);
        }
        if let Some(fault) = &clip.fault {
            line += &format!("  {fault}");
        }
        lines.push(line);
        // Chunks are counted through all clips: a number is a place.
        let own = clip.first_chunk as usize..clip.end_chunk as usize;
        let own = status.chunks.chunks.get(own).unwrap_or_default();
        let drawn = own.iter().filter(|chunk| chunk.host.is_some());
        lines.extend(drawn.map(chunk_line));
    }
    lines.push(format!(
        "{} of {} clips are made",
        status.n_made, status.n_clips
    ));
    lines.extend(sums(&status.chunks));
    lines.join("\n")
}

fn chunk_line(chunk: &ChunkStatus) -> String {
    let state = match chunk.state {
        ChunkState::Done => "done",
        ChunkState::Missing => "missing",
        ChunkState::Damaged => "damaged",
    };
    let mut line = format!(
        "{:>5}  frames {}..{}  {state}",
        chunk.chunk, chunk.first_frame, chunk.end_frame
    );
    if let (Some(host), Some(arithmetic), Some(secs)) = (&chunk.host, &chunk.arithmetic, chunk.secs)
    {
        line += &format!("  {host}  {arithmetic}  {}", format_secs(secs, 1));
    }
    if let Some(fault) = &chunk.fault {
        line += &format!("  {fault}");
    }
    line
}

/// How many chunks are done, and what is left.
fn sums(status: &Status) -> Vec<String> {
    let mut lines = vec![format!(
        "{} of {} chunks are done",
        status.n_done, status.n_chunks
    )];
    if !status.missing.is_empty() {
        lines.push(format!("to draw: --chunks {}", status.missing));
    }
    lines.extend(status.mixed.iter().cloned());
    lines
}
