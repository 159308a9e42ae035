//! Flags of the commands that share a film among machines: `render`, and `farm`.

use std::ops::Range;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use visualize::farm::Engine;
use visualize::pipeline::{ChunkSet, PathMap};
use visualize::timeline::{Kernels, RunFolder};
use visualize::{Error, Result};

use super::values::{parse_frames, parse_kernels};
use super::{MachineOptions, heading};

/// What `render --help`, `mux --help` and `farm status --help` end with.
pub const EXIT_CODES: &str = "\
Exit codes: 0 done; 2 never: bad usage, bad input, other weights, a folder that can't be written;
75 try again: frames are missing, the disk is full, the file system failed; 130 stopped, finished
chunks are kept; 1 failed for another reason.";

/// `visualize render`.
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub struct RenderArgs {
    /// The timeline, as written by `plan`.
    #[arg(value_name = "TIMELINE.json")]
    pub timeline: PathBuf,
    /// Chunks to render, counted from 0, such as 7, 4-12 or 3,7-9 [default: all].
    ///
    /// A chunk is 48 frames, or what `--chunk` said when the film was planned. Only these chunks are looked at, and those of
    /// them that are finished aren't drawn again.
    #[arg(long, value_name = "LIST", value_parser = parse_chunks, conflicts_with = "frames", help_heading = heading::DRAW)]
    pub chunks: Option<ChunkSet>,
    /// Frames to render, from A up to but not including B; whole chunks that hold them are drawn.
    ///
    /// Frames past the timeline's end are left out.
    #[arg(long, value_name = "A..B", value_parser = parse_frames, help_heading = heading::DRAW)]
    pub frames: Option<Range<u64>>,
    /// Where chunks and files lie.
    #[command(flatten, next_help_heading = heading::OUTPUT)]
    pub places: PlaceArgs,
    /// Refuse to draw unless this is the program's version, as jobs of `farm` say it: all machines must name chunks alike.
    #[arg(long, value_name = "VERSION", hide_short_help = true, help_heading = heading::OUTPUT)]
    pub require_version: Option<String>,
    /// How progress is told on stderr: `bar` for people, `jsonl` and `openjd` for programs.
    ///
    /// `jsonl` is one JSON object a line; `openjd` is the lines that Open Job Description reads.
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t, help_heading = heading::OUTPUT)]
    pub progress: ProgressFormat,
    /// What rendering depends on, but no pixel does.
    #[command(flatten, next_help_heading = heading::OUTPUT)]
    pub machine: MachineOptions,
}

/// Where a film's chunks lie, and the files that a timeline names.
#[derive(Clone, Debug, Default, Args)]
pub struct PlaceArgs {
    /// Folder of the chunks [default: the timeline's name with .visualize, beside it].
    #[arg(long, value_name = "FOLDER")]
    pub folder: Option<PathBuf>,
    /// Rules for paths that differ on this machine, as render farms write them (pathmapping-1.0).
    #[arg(long, value_name = "FILE.json", hide_short_help = true)]
    pub path_map: Option<PathBuf>,
}

impl PlaceArgs {
    /// The folder of a timeline's chunks.
    pub fn folder(&self, timeline: &std::path::Path) -> RunFolder {
        match &self.folder {
            Some(folder) => RunFolder::at(folder),
            None => RunFolder::beside(timeline),
        }
    }

    /// Where the timeline's paths lie here.
    pub fn path_map(&self) -> Result<PathMap> {
        let map = self.path_map.as_deref().map(PathMap::load);
        Ok(map.transpose()?.unwrap_or_default())
    }
}

/// How progress is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ProgressFormat {
    /// A bar, or a line now and then where there is no terminal.
    #[default]
    Bar,
    /// JSON, one object a line.
    Jsonl,
    /// `openjd_progress:` and `openjd_status:`.
    Openjd,
}

/// `visualize farm`.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    disable_help_subcommand = true,
    after_help = "Nothing is submitted: read the files, change what your site needs, and run the command that is printed. \
                  docs/several-machines.md goes through it."
)]
pub struct FarmArgs {
    /// Something else than a job.
    #[command(subcommand)]
    pub command: Option<FarmCommand>,
    /// The job to write.
    #[command(flatten)]
    pub job: Option<FarmJobArgs>,
}

/// `visualize farm TIMELINE.json`.
#[derive(Debug, Args)]
pub struct FarmJobArgs {
    /// The timeline, as written by `plan`; or the folder of a set, as written by `set --plan`.
    #[arg(value_name = "TIMELINE.json")]
    pub timeline: PathBuf,
    /// What runs the job: slurm, openjd (Deadline Cloud), kubernetes or flamenco.
    #[arg(long, value_name = "ENGINE", value_parser = parse_engine, help_heading = heading::DRAW)]
    pub engine: Engine,
    /// Folder for the job's files, made where it is missing.
    ///
    /// The timeline, the chunks and the film lie in it, too: it must be shared by all machines.
    #[arg(short, long, alias = "output", value_name = "FOLDER", help_heading = heading::OUTPUT)]
    pub out: PathBuf,
    /// Chunks that a task draws [default: so many that there are at most 100 tasks, and none takes less than five seconds].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000), help_heading = heading::DRAW)]
    pub chunks_per_task: Option<u32>,
    /// How CPUs compute: `exact`, so that all of them draw the same bytes, or `fast`. GPUs don't ask.
    #[arg(long, value_name = "NAME", default_value = "exact", value_parser = parse_kernels, help_heading = heading::DRAW)]
    pub kernels: Kernels,
    /// GPUs of a task; 0 = it draws on the CPU.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=64), help_heading = heading::OUTPUT)]
    pub gpus: u32,
    /// CPU cores of a task.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=256), help_heading = heading::OUTPUT)]
    pub cores: u32,
    /// Memory of a task in GB [default: what the model needs, and half as much again].
    #[arg(long, value_name = "GB", value_parser = clap::value_parser!(u32).range(1..=100_000), help_heading = heading::OUTPUT)]
    pub memory: Option<u32>,
    /// Longest time of a task in minutes [default: four times what it takes here, and ten minutes; none where that isn't known].
    #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(u32).range(1..=100_000), help_heading = heading::OUTPUT)]
    pub minutes: Option<u32>,
    /// The song, where it isn't found under the timeline's name for it or beside the timeline.
    #[arg(long, value_name = "SONG", help_heading = heading::OUTPUT)]
    pub song: Option<PathBuf>,
    /// Replace the files of a job that was written before.
    #[arg(long, alias = "overwrite", help_heading = heading::OUTPUT)]
    pub force: bool,
}

/// What else `farm` does.
#[derive(Debug, Subcommand)]
pub enum FarmCommand {
    /// Show which chunks of a film or a set are done, missing or damaged, and who drew them.
    Status(FarmStatusArgs),
}

/// `visualize farm status`.
#[derive(Debug, Args)]
pub struct FarmStatusArgs {
    /// The timeline; or the folder of a set.
    #[arg(value_name = "TIMELINE.json")]
    pub timeline: PathBuf,
    /// Print the chunks that aren't done, as `render --chunks` takes them; nothing if all are.
    #[arg(long, conflicts_with = "json")]
    pub missing: bool,
    /// Folder of the chunks [default: the timeline's name with .visualize, beside it].
    #[arg(long, value_name = "FOLDER")]
    pub folder: Option<PathBuf>,
}

fn parse_chunks(text: &str) -> Result<ChunkSet, String> {
    text.parse().map_err(|error| match error {
        Error::Config { allowed, .. } => allowed,
        other => other.to_string(),
    })
}

fn parse_engine(text: &str) -> Result<Engine, String> {
    text.parse().map_err(|error| match error {
        Error::Config { allowed, .. } => allowed,
        other => other.to_string(),
    })
}
