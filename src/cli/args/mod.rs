//! The command line. Values are read here and checked where they are used.
//!
//! The first line of a flag's comment is its line in `-h`, which shows the flags that most films need; `--help` shows all
//! flags with all of their text.

mod bench;
mod farm;
mod machine;
mod models;
mod options;
mod set;
mod values;

use std::path::PathBuf;

pub use bench::BenchArgs;
use clap::{ArgAction, Args, Parser, Subcommand};
pub use farm::{
    FarmArgs, FarmCommand, FarmJobArgs, FarmStatusArgs, PlaceArgs, ProgressFormat, RenderArgs,
};
pub use machine::{MachineOptions, SoundOptions};
pub use models::{ModelsArgs, ModelsCommand};
use options::PLANNING;
pub use options::{ListenOptions, PlanOptions};
pub use set::SetArgs;
pub use values::Seed;
use visualize::units::FrameRate;

/// Headings of the groups of flags, in the order in which help shows them.
mod heading {
    pub const DRAW: &str = "What to draw";
    pub const MOVE: &str = "How it moves";
    pub const LISTEN: &str = "Listening";
    pub const MODEL: &str = "Model";
    pub const OUTPUT: &str = "Output and machine";
}

/// Width of help, where the terminal is wider or there is none.
const HELP_WIDTH: usize = 100;

/// What `--help` ends with.
const EXAMPLES: &str = "\
Examples:
  visualize song.flac -p prompts.txt --preview
      a small film and a sheet of its pictures, for a first look
  visualize song.flac -p prompts.txt --size 1024x576
      the film in widescreen
  visualize song.flac -p \"violet smoke | teal ocean waves\" --zoom 0.1
      prompts without a file, and a camera that moves in and out
  visualize *.flac -p prompts.txt
      a film for each song, one after the other
  visualize analyze song.flac --click heard.wav
      what is heard in the song, and the song with a click on each beat

How prompts are written: visualize help prompts
For packagers: visualize completions SHELL, visualize man FOLDER

The result goes to stdout, everything else to stderr. Exit codes: 0 done, 1 failed, 2 bad usage or
bad input, 75 try again later (a full disk, missing frames), 130 interrupted with finished work kept.";

/// What `-h` ends with.
const SHORT_EXAMPLE: &str = "\
Example: visualize song.flac -p prompts.txt --size 1024x576 -o film.mp4

More flags: visualize --help. How prompts are written: visualize help prompts";

/// Makes a music video from a song and a list of prompts, by latent diffusion.
#[derive(Debug, Parser)]
#[command(
    name = "visualize",
    version,
    args_conflicts_with_subcommands = true,
    args_override_self = true,
    arg_required_else_help = true,
    disable_help_flag = true,
    disable_help_subcommand = true,
    disable_version_flag = true,
    subcommand_negates_reqs = true,
    max_term_width = HELP_WIDTH,
    after_help = SHORT_EXAMPLE,
    after_long_help = EXAMPLES
)]
pub struct Cli {
    /// One of the stages alone; without it, the whole film.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The whole film.
    #[command(flatten)]
    pub film: FilmArgs,
    /// How to talk.
    #[command(flatten, next_help_heading = heading::OUTPUT)]
    pub output: OutputArgs,
    /// Print the version.
    #[arg(short = 'V', long, action = ArgAction::Version, help_heading = heading::OUTPUT)]
    pub version: Option<bool>,
}

/// One stage alone.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show what is heard in a song: tempo, beats, sections, key, loudness.
    #[command(alias = "analyse")]
    Analyze(AnalyzeArgs),
    /// Write the timeline of a film as JSON, without rendering it.
    Plan(Box<PlanArgs>),
    /// Render some or all frames of a timeline into the folder beside it.
    Render(RenderArgs),
    /// Write a job that draws a film on a render farm, or show how far it is (farm status).
    Farm(Box<FarmArgs>),
    /// Make clips for live sets: a folder of songs becomes seamless loops of one tempo.
    Set(Box<SetArgs>),
    /// Make the film from rendered frames.
    Mux(MuxArgs),
    /// Measure a finished film: streams, sync, and how it moves.
    Verify(VerifyArgs),
    /// Open a page in the browser: see the song, correct beats, place prompts, look, render.
    #[cfg(feature = "studio")]
    Studio(StudioArgs),
    /// Show, download and remove models: bundled, on disk, on the hub.
    #[command(alias = "model")]
    Models(ModelsArgs),
    /// Time operations and networks on the CPU and a GPU.
    Bench(BenchArgs),
    /// Explain a command, or how prompts are written (help prompts).
    Help(HelpArgs),
    /// Print the completions of a shell.
    #[command(hide = true)]
    Completions(CompletionsArgs),
    /// Print the manual page, or write the pages of all commands into a folder.
    #[command(hide = true)]
    Man(ManArgs),
}

/// Flags of every command.
#[derive(Clone, Copy, Debug, Args)]
pub struct OutputArgs {
    /// Print nothing but the result and errors.
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Print the result as JSON.
    ///
    /// With several songs, one line per film.
    #[arg(long, global = true, hide_short_help = true)]
    pub json: bool,
    /// Print help: -h for a summary, --help for everything.
    #[arg(short, long, global = true, action = ArgAction::Help)]
    pub help: Option<bool>,
}

/// `visualize SONG`.
#[derive(Debug, Args)]
pub struct FilmArgs {
    /// The song, or several: each becomes a film.
    ///
    /// WAV, FLAC, MP3, AAC/M4A, ALAC, Ogg Vorbis, Opus or AIFF; other formats if ffmpeg is installed. `-` reads the song from
    /// the standard input.
    #[arg(value_name = "SONG", required = true)]
    pub songs: Vec<PathBuf>,
    /// What the timeline depends on.
    #[command(flatten)]
    pub plan: PlanOptions,
    /// The film [default: SONG.mp4 in the current folder; .mov for Hap].
    #[arg(short, long, alias = "output", value_name = "FILM.mp4", help_heading = heading::OUTPUT)]
    pub out: Option<PathBuf>,
    /// A small film and a sheet of pictures, for a first look.
    ///
    /// About 240 frames with the timing of the film, drawn in one step at the model's native size.
    #[arg(long, help_heading = heading::OUTPUT)]
    pub preview: bool,
    /// Replace the film if it exists.
    #[arg(long, alias = "overwrite", help_heading = heading::OUTPUT)]
    pub force: bool,
    /// Write frames to the standard output as YUV4MPEG2 instead of a film; recipes for ffmpeg are in docs/live-sets.md.
    #[arg(long, value_name = "-", value_parser = ["-"], allow_hyphen_values = true, conflicts_with_all = ["out", "preview", "png", "force"], hide_short_help = true, help_heading = heading::OUTPUT)]
    pub raw: Option<String>,
    /// Write each frame as a file instead of a film, such as frames/song_%06d.png; a run that was stopped goes on.
    #[arg(long, value_name = "PATTERN", conflicts_with_all = ["out", "preview"], hide_short_help = true, help_heading = heading::OUTPUT)]
    pub png: Option<PathBuf>,
    /// What the film's sound is.
    #[command(flatten, next_help_heading = heading::OUTPUT)]
    pub sound: SoundOptions,
    /// What rendering depends on, but no pixel does.
    #[command(flatten, next_help_heading = heading::OUTPUT)]
    pub machine: MachineOptions,
}

/// `visualize analyze`.
#[derive(Debug, Args)]
pub struct AnalyzeArgs {
    /// The song.
    #[arg(value_name = "SONG")]
    pub song: PathBuf,
    /// How to listen.
    #[command(flatten, next_help_heading = heading::LISTEN)]
    pub listen: ListenOptions,
    /// Draw what is heard: waveform, sections, bars, tempo, onsets, bands, chroma.
    #[arg(long, value_name = "FILE.png|svg", help_heading = heading::OUTPUT)]
    pub plot: Option<PathBuf>,
    /// Write the song with a click on every beat.
    #[arg(long, value_name = "FILE.wav", help_heading = heading::OUTPUT)]
    pub click: Option<PathBuf>,
    /// Write beats and sections as an Audacity label track.
    #[arg(long, value_name = "FILE.txt", help_heading = heading::OUTPUT)]
    pub labels: Option<PathBuf>,
    /// Write beats, bars and sections for another program; the ending says in which form.
    ///
    /// .csv: a table; .txt: a label track of Audacity; .mid: MIDI with tempo map and markers; .xml: rekordbox; .edl: markers for
    /// DaVinci Resolve; .fcpxml: markers for Final Cut Pro. May be given several times.
    #[arg(long, value_name = "FILE", help_heading = heading::OUTPUT)]
    pub cues: Vec<PathBuf>,
    /// Frame rate of the editor's timeline, for --cues in .edl and .fcpxml.
    #[arg(long, value_name = "N", default_value = "24", help_heading = heading::OUTPUT)]
    pub fps: FrameRate,
    /// Write beats and sections to SONG.fix.txt, to correct them by hand.
    ///
    /// The file lies beside the song, and later runs go by it.
    #[arg(long, help_heading = heading::OUTPUT)]
    pub fix: bool,
}

/// `visualize plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// The song.
    #[arg(value_name = "SONG", required_unless_present = "from")]
    pub song: Option<PathBuf>,
    /// Take the timeline out of a film that visualize made, instead of planning one.
    ///
    /// It comes out byte for byte as it was planned.
    #[arg(long, value_name = "FILM.mp4", conflicts_with_all = PLANNING, help_heading = heading::DRAW)]
    pub from: Option<PathBuf>,
    /// What the timeline depends on.
    #[command(flatten)]
    pub plan: PlanOptions,
    /// The timeline [default: the name of song or film with .json, in the current folder].
    ///
    /// `-` prints it.
    #[arg(short, long, alias = "output", value_name = "TIMELINE.json", help_heading = heading::OUTPUT)]
    pub out: Option<PathBuf>,
    /// Draw velocities, positions, pulse, beats and prompts over time.
    #[arg(long, value_name = "FILE.png|svg", help_heading = heading::OUTPUT)]
    pub plot: Option<PathBuf>,
    /// Where the calibration's probe frames are drawn.
    #[command(flatten, next_help_heading = heading::OUTPUT)]
    pub machine: MachineOptions,
}

/// `visualize mux`.
#[derive(Debug, Args)]
#[command(after_long_help = farm::EXIT_CODES)]
pub struct MuxArgs {
    /// The timeline, as written by `plan`.
    #[arg(value_name = "TIMELINE.json")]
    pub timeline: PathBuf,
    /// The film [default: the timeline's name with .mp4 or, for Hap, .mov, beside it].
    #[arg(short, long, alias = "output", value_name = "FILM.mp4", help_heading = heading::OUTPUT)]
    pub out: Option<PathBuf>,
    /// Replace the film if it exists.
    #[arg(long, alias = "overwrite", help_heading = heading::OUTPUT)]
    pub force: bool,
    /// The song, where it isn't found under the timeline's name for it or beside the timeline.
    #[arg(long, value_name = "SONG", help_heading = heading::OUTPUT)]
    pub song: Option<PathBuf>,
    /// Where chunks and files lie.
    #[command(flatten, next_help_heading = heading::OUTPUT)]
    pub places: PlaceArgs,
    /// What the film's sound is.
    #[command(flatten, next_help_heading = heading::OUTPUT)]
    pub sound: SoundOptions,
}

/// `visualize verify`.
#[derive(Debug, Args)]
#[command(
    after_help = "A verdict is good or poor, with its threshold behind it; it doesn't change the exit code, which is 0 for \
                  every film that could be read. Films of other programs are measured, too, as far as they can be."
)]
pub struct VerifyArgs {
    /// The film.
    #[arg(value_name = "FILM")]
    pub film: PathBuf,
    /// Draw visible change and target speed over time, with onsets, sections and lags.
    #[arg(long, value_name = "FILE.png|svg", help_heading = heading::OUTPUT)]
    pub plot: Option<PathBuf>,
}

/// `visualize studio`.
#[cfg(feature = "studio")]
#[derive(Debug, Args)]
#[command(
    after_help = "The page is served to this machine alone, and opens by the printed link only. Ctrl-C ends it; finished work is kept."
)]
pub struct StudioArgs {
    /// The folder of songs, or a song in it [default: the current folder].
    #[arg(value_name = "SONG|FOLDER")]
    pub place: Option<PathBuf>,
    /// Port of the page; the next free one is taken where it is in use.
    #[arg(long, value_name = "N", default_value = "4173", value_parser = clap::value_parser!(u16).range(1024..), help_heading = heading::OUTPUT)]
    pub port: u16,
    /// Print the link without opening the browser.
    #[arg(long, help_heading = heading::OUTPUT)]
    pub no_open: bool,
    /// What rendering depends on, but no pixel does.
    #[command(flatten, next_help_heading = heading::OUTPUT)]
    pub machine: MachineOptions,
}

/// `visualize help`.
#[derive(Debug, Args)]
pub struct HelpArgs {
    /// A command, such as `analyze` or `models info`, or `prompts`; without it, all flags of films.
    #[arg(value_name = "TOPIC")]
    pub topic: Vec<String>,
}

/// `visualize completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell.
    #[arg(value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

/// `visualize man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Folder for the pages of all commands, made where it is missing [default: print the main page].
    #[arg(value_name = "FOLDER")]
    pub folder: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_last_of_a_repeated_flag_counts_and_lists_grow() {
        let args = [
            "visualize",
            "a.wav",
            "b.wav",
            "--seed",
            "1",
            "--seed",
            "2",
            "--lora",
            "x",
            "--lora",
            "y",
            "--force",
            "--force",
        ];
        let cli = Cli::try_parse_from(args).unwrap();
        assert_eq!(cli.film.songs.len(), 2);
        assert_eq!(cli.film.plan.draw.seed.value, 2);
        assert_eq!(cli.film.plan.model.loras.len(), 2);
        assert!(cli.film.force);
    }

    #[test]
    fn other_programs_names_of_flags_are_understood() {
        let args = "visualize s.wav --cfg 3 --bpm 120 --n-steps 2 --output f.mp4 --gop 8 --negative-prompt fog --overwrite";
        let cli = Cli::try_parse_from(args.split(' ')).unwrap();
        let plan = &cli.film.plan;
        assert_eq!(plan.model.guidance, Some(3.0));
        assert_eq!(plan.listen.tempo, Some(120.0));
        assert_eq!(plan.model.steps, Some(2));
        assert_eq!(plan.encoding.chunk, 8);
        assert_eq!(plan.draw.negative.as_deref(), Some("fog"));
        assert_eq!(cli.film.out, Some(PathBuf::from("f.mp4")));
        assert!(cli.film.force);
    }

    #[test]
    fn a_film_that_is_taken_apart_takes_no_new_settings() {
        for flags in [
            "--seed 3",
            "--zoom 1",
            "--tempo 120",
            "--steps 1",
            "--qp 20",
            "s.wav",
        ] {
            let args = format!("visualize plan --from f.mp4 {flags}");
            assert!(Cli::try_parse_from(args.split(' ')).is_err(), "{flags}");
        }
        assert!(Cli::try_parse_from("visualize plan --from f.mp4 --plot p.png".split(' ')).is_ok());
    }
}
