//! The command line. Values are read here and checked where they are used.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use visualize::analysis::{AnalysisConfig, StemFile, TimeSignature, TrackerKind};
use visualize::diffusion::ModelStore;
use visualize::diffusion::hub::HubId;
use visualize::mapping::{Fps, Knobs, Looping, Mapping};
use visualize::pipeline::Machine;
use visualize::prompts::Arrive;
use visualize::request::Settings;
use visualize::timeline::{DiffusionConfig, Encoding, Kernels, LoraConfig, Size};
use visualize::units::parse_secs;

/// Turns a song and a list of prompts into a music video made by latent diffusion.
#[derive(Debug, Parser)]
#[command(
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
#[command(
    after_help = "Result on stdout, everything else on stderr. Exit codes: 0 done, 1 failed, 2 bad usage or bad \
                        input, 130 interrupted with finished work kept."
)]
pub struct Cli {
    /// One of the stages alone; without it, the whole film.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The whole film.
    #[command(flatten)]
    pub film: FilmArgs,
    /// How to talk.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// One stage alone.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show what is heard in a song: tempo, beats, onsets, sections, key, loudness.
    Analyze(AnalyzeArgs),
    /// Write the timeline of a film as JSON, without rendering it.
    Plan(Box<PlanArgs>),
    /// Render some or all frames of a timeline into its run folder.
    Render(RenderArgs),
    /// Make the film from rendered frames.
    Mux(MuxArgs),
    /// Measure a finished film: streams, sync of picture and sound, smoothness of its motion.
    Verify(VerifyArgs),
    /// Show, load and remove models: bundled, on disk, on the Hugging Face hub.
    Models(ModelsArgs),
}

/// Flags of every command.
#[derive(Clone, Copy, Debug, Args)]
pub struct OutputArgs {
    /// Print nothing but the result and errors.
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Print the result as JSON.
    #[arg(long, global = true)]
    pub json: bool,
}

/// `visualize SONG`.
#[derive(Debug, Args)]
pub struct FilmArgs {
    /// The song: WAV, FLAC, MP3, AAC/M4A, ALAC, Ogg Vorbis, Opus or AIFF.
    #[arg(value_name = "SONG", required = true)]
    pub song: Option<PathBuf>,
    /// What the timeline depends on.
    #[command(flatten)]
    pub plan: PlanOptions,
    /// What rendering depends on, but no pixel does.
    #[command(flatten)]
    pub machine: MachineOptions,
    /// The film [default: the song's name with .mp4, in the current folder].
    #[arg(short, long, value_name = "FILM.mp4")]
    pub out: Option<PathBuf>,
    /// Replace the film if it exists.
    #[arg(long)]
    pub force: bool,
    /// Make a small film of about 240 frames with the same timing, and a contact sheet, for a first look.
    #[arg(long)]
    pub preview: bool,
}

/// `visualize analyze`.
#[derive(Debug, Args)]
pub struct AnalyzeArgs {
    /// The song.
    #[arg(value_name = "SONG")]
    pub song: PathBuf,
    /// How to listen.
    #[command(flatten)]
    pub listen: ListenOptions,
    /// Draw what is heard: waveform, sections, bars, tempo, onsets, bands, chroma.
    #[arg(long, value_name = "FILE.png|svg")]
    pub plot: Option<PathBuf>,
    /// Write the song with a click on every beat.
    #[arg(long, value_name = "FILE.wav")]
    pub click: Option<PathBuf>,
    /// Write beats and sections as an Audacity label track.
    #[arg(long, value_name = "FILE.txt")]
    pub labels: Option<PathBuf>,
    /// Write beats and sections to SONG.fix.txt beside the song, to correct them by hand; later runs go by it.
    #[arg(long)]
    pub fix: bool,
}

/// Everything that a new timeline follows from.
const PLANNING: [&str; 17] = [
    "song",
    "prompts",
    "model",
    "size",
    "draw_size",
    "fps",
    "seed",
    "steps",
    "guidance",
    "negative",
    "start",
    "duration",
    "qp",
    "gop",
    "ListenOptions",
    "MotionOptions",
    "DiffusionOptions",
];

/// `visualize plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// The song.
    #[arg(value_name = "SONG", required_unless_present = "from")]
    pub song: Option<PathBuf>,
    /// Take the timeline out of a film that was made by visualize, byte for byte as it was planned, instead of planning one.
    #[arg(long, value_name = "FILM.mp4", conflicts_with_all = PLANNING)]
    pub from: Option<PathBuf>,
    /// What the timeline depends on.
    #[command(flatten)]
    pub plan: PlanOptions,
    /// Where the calibration's probe frames are drawn.
    #[command(flatten)]
    pub machine: MachineOptions,
    /// The timeline [default: the name of song or film with .json, in the current folder].
    #[arg(short, long, value_name = "TIMELINE.json")]
    pub out: Option<PathBuf>,
    /// Draw velocities, positions, pulse, beats and prompts over time.
    #[arg(long, value_name = "FILE.png|svg")]
    pub plot: Option<PathBuf>,
}

/// `visualize render`.
#[derive(Debug, Args)]
pub struct RenderArgs {
    /// The timeline, as written by `plan`.
    #[arg(value_name = "TIMELINE.json")]
    pub timeline: PathBuf,
    /// Frames to render, from A up to but not including B; clamped to the timeline [default: all].
    #[arg(long, value_name = "A..B", value_parser = parse_frames)]
    pub frames: Option<std::ops::Range<u64>>,
    /// What rendering depends on, but no pixel does.
    #[command(flatten)]
    pub machine: MachineOptions,
}

/// `visualize mux`.
#[derive(Debug, Args)]
pub struct MuxArgs {
    /// The timeline, as written by `plan`.
    #[arg(value_name = "TIMELINE.json")]
    pub timeline: PathBuf,
    /// The film [default: the timeline's name with .mp4, beside it].
    #[arg(short, long, value_name = "FILM.mp4")]
    pub out: Option<PathBuf>,
    /// Replace the film if it exists.
    #[arg(long)]
    pub force: bool,
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
    /// Draw visible change and commanded speed over time, with onsets, sections and lags.
    #[arg(long, value_name = "FILE.png|svg")]
    pub plot: Option<PathBuf>,
}

/// `visualize models`.
#[derive(Debug, Args)]
pub struct ModelsArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: ModelsCommand,
}

/// What to do with models.
#[derive(Debug, Subcommand)]
pub enum ModelsCommand {
    /// Show the models that are on this machine: the bundled one, and those of the hub's cache.
    List,
    /// Load a model from the hub into its cache, as far as it isn't there.
    Pull {
        /// The model: owner/name or owner/name@revision, such as stabilityai/sd-turbo.
        #[arg(value_name = "ID")]
        id: HubId,
    },
    /// Show what a model, LoRA or autoencoder is; only configurations and headers are read.
    Info {
        /// `bundled`, a folder, a .safetensors file, or a model of the hub.
        #[arg(value_name = "WHAT")]
        what: String,
        /// Size of the drawing to tell the memory for [default: the model's native size].
        #[arg(long, value_name = "WxH")]
        size: Option<Size>,
    },
    /// Remove a model from the hub's cache, which Python programs share.
    Rm {
        /// The model: owner/name removes all of it, owner/name@revision that revision.
        #[arg(value_name = "ID")]
        id: HubId,
        /// Remove it without a question.
        #[arg(long)]
        yes: bool,
    },
}

/// How to listen to the song.
#[derive(Clone, Debug, Args)]
pub struct ListenOptions {
    /// Beat tracker: `pulse`, or `aubio` where it is built in.
    #[arg(long, value_name = "NAME", default_value = "pulse")]
    pub tracker: TrackerKind,
    /// The song's tempo in beats per minute, 20 to 400, where you know it: beats are found near it.
    #[arg(long, value_name = "BPM")]
    pub tempo: Option<f64>,
    /// The song's time signature, where you know it: 3/4, 4/4, 6/8 (two beats a bar), 7/8 …; 2 to 7 beats a bar.
    #[arg(long, value_name = "N/D")]
    pub meter: Option<TimeSignature>,
    /// Take beats from a file: an Audacity label track, a CSV (time[,position_in_bar]), or MIDI (its clock, or its tempo map).
    #[arg(long, value_name = "FILE")]
    pub beats: Option<PathBuf>,
    /// A part of the song in a file of its own, for `map: … = stem NAME`; beats follow the one called drums. May be given several
    /// times.
    #[arg(long = "stem", value_name = "NAME=FILE")]
    pub stems: Vec<StemFile>,
    /// Don't go by the corrections beside the song (SONG.fix.txt, written by `analyze --fix`).
    #[arg(long)]
    pub no_fix: bool,
}

impl ListenOptions {
    /// The same as the analysis stage names it; corrections beside a song are added where it is opened.
    pub fn to_config(&self) -> AnalysisConfig {
        AnalysisConfig {
            tracker: self.tracker,
            tempo_bpm: self.tempo,
            meter: self.meter.map(TimeSignature::beats_per_bar),
            beats_path: self.beats.clone(),
            fix_path: None,
            stems: self.stems.clone(),
        }
    }
}

/// What a timeline depends on besides the song.
#[derive(Clone, Debug, Args)]
pub struct PlanOptions {
    /// Text file with one prompt a line; see the README for times, bars, seeds [default: a built-in list].
    #[arg(short, long, value_name = "FILE")]
    pub prompts: Option<PathBuf>,
    /// `bundled`, a folder in diffusers layout, a .safetensors checkpoint, or a model of the Hugging Face hub such as
    /// stabilityai/sd-turbo (owner/name or owner/name@revision), which is loaded once.
    #[arg(short, long, default_value = "bundled")]
    pub model: String,
    /// Size of the film in pixels.
    #[arg(long, value_name = "WxH", default_value = "512x512")]
    pub size: Size,
    /// Size at which the model draws [default: the film's shape at about the model's native area].
    #[arg(long, value_name = "WxH")]
    pub draw_size: Option<Size>,
    /// Frames a second, above 0 up to 240: whole (24), a fraction (30000/1001), or frames per beat (beat:16).
    #[arg(long, value_name = "RATE", default_value = "24")]
    pub fps: Fps,
    /// First seed of the noise path.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Denoising steps, 1 to 1000 [default: the model's].
    #[arg(long, value_name = "N")]
    pub steps: Option<u32>,
    /// Guidance scale, 0 to 100; 1 or less = none [default: the model's].
    #[arg(long, value_name = "SCALE")]
    pub guidance: Option<f64>,
    /// What no frame should show; used where guidance is above 1.
    #[arg(long, value_name = "WORDS")]
    pub negative: Option<String>,
    /// Start at this time of the song: seconds or m:ss.
    #[arg(long, value_name = "TIME", value_parser = parse_secs)]
    pub start: Option<f64>,
    /// Length of the film: seconds or m:ss [default: to the song's end].
    #[arg(long, value_name = "TIME", value_parser = parse_secs)]
    pub duration: Option<f64>,
    /// How to listen.
    #[command(flatten)]
    pub listen: ListenOptions,
    /// How music becomes motion.
    #[command(flatten)]
    pub motion: MotionOptions,
    /// What the model draws with.
    #[command(flatten)]
    pub diffusion: DiffusionOptions,
    /// Quality of the picture: H.264 quantisation parameter, 12 (best, large) to 51.
    #[arg(long, value_name = "QP", default_value_t = Encoding::default().qp)]
    pub qp: u8,
    /// Frames from one keyframe to the next, which is also what a killed run can lose: 1 to 1000.
    #[arg(long, value_name = "N", default_value_t = Encoding::default().gop_len, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub gop: u32,
}

impl PlanOptions {
    /// The same as the library names them.
    pub fn to_settings(&self, preview: bool) -> Settings {
        Settings {
            model: self.model.clone(),
            size: self.size,
            draw_size: self.draw_size,
            fps: self.fps,
            seed: self.seed,
            steps: self.steps,
            guidance: self.guidance,
            negative: self.negative.clone().unwrap_or_default(),
            start_secs: self.start.unwrap_or(0.0),
            duration_secs: self.duration,
            analysis: self.listen.to_config(),
            no_fix: self.listen.no_fix,
            mapping: self.motion.mapping,
            looping: self.motion.looping(),
            knobs: self.motion.to_knobs(),
            calibrate: self.motion.calibrate,
            diffusion: self.diffusion.to_config(),
            encoding: Encoding {
                qp: self.qp,
                gop_len: self.gop,
            },
            preview,
        }
    }
}

/// What the model draws with, besides itself.
#[derive(Clone, Debug, Args)]
pub struct DiffusionOptions {
    /// `ddim`, `pndm`, `euler`, `euler_a`, `dpmpp_2m`, `unipc` or `lcm` [default: the model's].
    #[arg(long, value_name = "NAME")]
    pub scheduler: Option<String>,
    /// LoRA and its weight: a file, or owner/name or owner/name/FILE of the hub; may be given several times.
    #[arg(long = "lora", value_name = "FILE[:WEIGHT]", value_parser = parse_lora)]
    pub loras: Vec<LoraConfig>,
    /// Autoencoder that replaces the model's own: a folder, a file, or owner/name of the hub; TAESD included.
    #[arg(long, value_name = "PATH")]
    pub vae: Option<PathBuf>,
    /// Last layers of the text encoder to leave out.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub clip_skip: u32,
    /// Element type of the weights: `auto` (f32 on the CPU, f16 on GPUs), `f32`, `f16` or `bf16`. The CPU computes in f32
    /// all the same: half precision saves memory there and takes longer.
    #[arg(long, value_name = "TYPE", default_value = "auto", value_parser = ["auto", "f32", "f16", "bf16"])]
    pub dtype: String,
    /// Arithmetic on the CPU: `fast` (Winograd's convolutions, AMX where there is one), or `exact`: every product of f32.
    #[arg(long, value_name = "NAME", default_value = "fast", value_parser = parse_kernels)]
    pub kernels: Kernels,
    /// Repeat a frame while prompts and noise turn by less than this many radians, 0 to 1; 0.01 without a value.
    #[arg(
        long,
        value_name = "RADIANS",
        num_args = 0..=1,
        require_equals = true,
        default_value_t = 0.0,
        default_missing_value = "0.01",
        value_parser = parse_still
    )]
    pub skip_still: f64,
}

impl DiffusionOptions {
    /// The same as the diffusion stage names it.
    pub fn to_config(&self) -> DiffusionConfig {
        DiffusionConfig {
            scheduler: self.scheduler.clone(),
            clip_skip: self.clip_skip,
            dtype: Some(self.dtype.clone()).filter(|name| name != "auto"),
            kernels: self.kernels,
            skip_still: self.skip_still,
            loras: self.loras.clone(),
            vae: self.vae.clone(),
        }
    }
}

/// How music becomes motion.
#[derive(Clone, Debug, Args)]
pub struct MotionOptions {
    /// How much faster loud parts move than quiet ones, 0 to 10; 0 = all parts drift slowly.
    #[arg(long, value_name = "X", default_value_t = Knobs::default().energy)]
    pub energy: f64,
    /// How hard hits shake the picture, 0 to 4.
    #[arg(long, value_name = "X", default_value_t = Knobs::default().pulse)]
    pub pulse: f64,
    /// How lazily motion follows the energy, 0 to 20; 0 = at once.
    #[arg(long, value_name = "X", default_value_t = Knobs::default().smooth)]
    pub smooth: f64,
    /// Where prompts without a time arrive: `section`, `bar` or `even`.
    #[arg(long, value_name = "WHERE", default_value = "section")]
    pub arrive: Arrive,
    /// Share of the time between two prompts in which the first one stays, 0 to 0.95.
    #[arg(long, value_name = "SHARE", default_value_t = Knobs::default().dwell)]
    pub dwell: f64,
    /// `on` draws some probe frames first, at most a tenth of the work, and moves so that equal energy is equal visible
    /// change; `off` moves evenly in the model's own space, which is uneven on the screen.
    #[arg(long, value_name = "on|off", default_value = "on", action = clap::ArgAction::Set, value_parser = parse_switch)]
    pub calibrate: bool,
    /// How much closer the camera comes and goes, as a share, 0 to 1 (0.1 = up to a tenth) [default: off].
    #[arg(long, value_name = "SHARE")]
    pub zoom: Option<f64>,
    /// How far the camera turns to either side, in degrees, 0 to 45 [default: off].
    #[arg(long, value_name = "DEGREES")]
    pub rotate: Option<f64>,
    /// How far the camera moves to either side, as a share of the frame, 0 to 0.2 [default: off].
    #[arg(long, value_name = "SHARE")]
    pub pan: Option<f64>,
    /// `music`, or `classic`: the walk of stable-diffusion-videos, to compare with.
    #[arg(long, value_name = "NAME", default_value = "music")]
    pub mapping: Mapping,
    /// Close the film: its end leads into its start without a seam.
    #[arg(long = "loop")]
    pub is_loop: bool,
    /// Close the film after this many beats, 1 or more, at a whole number of frames; starts on a downbeat.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub loop_beats: Option<u32>,
}

impl MotionOptions {
    /// How the film closes.
    pub fn looping(&self) -> Looping {
        match self.loop_beats {
            Some(n_beats) => Looping::Beats(n_beats),
            None if self.is_loop => Looping::Whole,
            None => Looping::Off,
        }
    }

    /// The same as the mapping stage names them.
    pub fn to_knobs(&self) -> Knobs {
        Knobs {
            energy: self.energy,
            pulse: self.pulse,
            smooth: self.smooth,
            arrive: self.arrive,
            dwell: self.dwell,
            zoom: self.zoom,
            rotate: self.rotate,
            pan: self.pan,
        }
    }
}

/// What rendering depends on, but no pixel does.
#[derive(Clone, Debug, Args)]
pub struct MachineOptions {
    /// `auto`, `cpu`, `cuda`, `cuda:N` or `metal`.
    #[arg(long, default_value = "auto")]
    pub device: String,
    /// Frames drawn at once, 1 to 64.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub batch: u32,
    /// Threads that draw, 1 to 256; the H.264 encoder has one of its own beside them [default: one for each core].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub threads: Option<u32>,
}

impl MachineOptions {
    /// The same as the pipeline names it.
    pub fn to_machine(&self) -> Machine {
        Machine {
            device: self.device.clone(),
            n_batch: self.batch as usize,
            store: ModelStore::from_env(),
            n_threads: self.threads.map(|n| n as usize),
        }
    }
}

fn parse_switch(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("give on or off".to_owned()),
    }
}

fn parse_kernels(name: &str) -> Result<Kernels, String> {
    match name {
        "fast" => Ok(Kernels::Fast),
        "exact" => Ok(Kernels::Exact),
        _ => Err("give fast or exact".to_owned()),
    }
}

fn parse_still(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(radians) if (0.0..=1.0).contains(&radians) => Ok(radians),
        _ => Err("give radians from 0 to 1".to_owned()),
    }
}

fn parse_lora(text: &str) -> Result<LoraConfig, String> {
    let number = |(path, scale): (&str, &str)| Some((path.to_owned(), scale.parse::<f64>().ok()?));
    let (path, scale) = text
        .rsplit_once(':')
        .and_then(number)
        .unwrap_or((text.to_owned(), 1.0));
    if !scale.is_finite() {
        return Err("give a finite weight, such as FILE:0.8".to_owned());
    }
    Ok(LoraConfig {
        path: PathBuf::from(path),
        scale,
    })
}

fn parse_frames(text: &str) -> Result<std::ops::Range<u64>, String> {
    let form = "give first frame and end, such as 0..48 (the end is not included)";
    let (start, end) = text.split_once("..").ok_or(form)?;
    let number = |part: &str| part.trim().parse::<u64>().map_err(|_| form.to_owned());
    let range = number(start)?..number(end)?;
    if range.is_empty() {
        Err(format!("{text} holds no frame; {form}"))
    } else {
        Ok(range)
    }
}
