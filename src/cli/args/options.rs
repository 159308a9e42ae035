//! Flags of the film on paper: what to draw, how it moves, how to listen.

use std::path::PathBuf;

use clap::Args;
use visualize::analysis::{AnalysisConfig, StemFile, TimeSignature, TrackerKind};
use visualize::audio::SoundtrackFormat;
use visualize::mapping::{Conform, Fps, Knobs, Looping, Mapping};
use visualize::prompts::Arrive;
use visualize::request::Settings;
use visualize::timeline::{Encoding, Size};
use visualize::units::parse_secs;

use super::heading;
use super::machine::{EncodingOptions, ModelOptions};
use super::values::{Seed, parse_offset, parse_switch, parse_tracker};

/// What a timeline depends on besides the song.
#[derive(Clone, Debug, Args)]
pub struct PlanOptions {
    /// What to draw.
    #[command(flatten, next_help_heading = heading::DRAW)]
    pub draw: DrawOptions,
    /// How music becomes motion.
    #[command(flatten, next_help_heading = heading::MOVE)]
    pub motion: MotionOptions,
    /// How to listen.
    #[command(flatten, next_help_heading = heading::LISTEN)]
    pub listen: ListenOptions,
    /// What draws.
    #[command(flatten, next_help_heading = heading::MODEL)]
    pub model: ModelOptions,
    /// How frames are compressed.
    #[command(flatten, next_help_heading = heading::OUTPUT)]
    pub encoding: EncodingOptions,
}

impl PlanOptions {
    /// The same as the library names them.
    pub fn to_settings(&self, audio: SoundtrackFormat, preview: bool) -> Settings {
        Settings {
            model: self.model.model.clone(),
            size: self.draw.size,
            draw_size: self.model.draw_size,
            fps: self.draw.fps,
            seed: self.draw.seed.value,
            steps: self.model.steps,
            guidance: self.model.guidance,
            negative: self.draw.negative.clone().unwrap_or_default(),
            start_secs: self.draw.start.unwrap_or(0.0),
            duration_secs: self.draw.duration,
            analysis: self.listen.to_config(),
            no_fix: self.listen.no_fix,
            mapping: self.motion.mapping,
            looping: self.motion.looping(),
            conform: self.motion.conform,
            knobs: self.motion.to_knobs(),
            calibrate: self.motion.movement.calibrate,
            diffusion: self.model.to_config(),
            encoding: Encoding {
                codec: self.encoding.codec,
                qp: self.encoding.qp,
                chunk_len: self.encoding.chunk,
                play_rate: None,
            },
            audio,
            preview,
        }
    }
}

/// What to draw.
#[derive(Clone, Debug, Args)]
pub struct DrawOptions {
    /// Prompts: a file, or words [default: built-in list].
    ///
    /// The file is text with one prompt per line. Anything that isn't a file is read as prompts: "violet smoke | teal ocean
    /// waves" are two. `-` reads them from the standard input. Times, bars, sections and more: visualize help prompts.
    #[arg(short, long, alias = "prompt", value_name = "FILE|TEXT")]
    pub prompts: Option<PathBuf>,
    /// What no frame should show; needs guidance above 1 (in a prompts file: --neg).
    #[arg(
        long,
        alias = "negative-prompt",
        alias = "neg",
        value_name = "WORDS",
        hide_short_help = true
    )]
    pub negative: Option<String>,
    /// Another number gives another film; or `random`.
    ///
    /// The same number gives the same film. `random` draws a number and says which, so that the film can be made again.
    #[arg(
        long,
        value_name = "N",
        default_value = "0",
        allow_negative_numbers = true
    )]
    pub seed: Seed,
    /// Size of the film in pixels.
    ///
    /// Any even size up to 3840x2160, such as 1024x576 for widescreen or 576x1024 for a phone held upright.
    #[arg(
        long,
        alias = "resolution",
        value_name = "WxH",
        default_value = "512x512"
    )]
    pub size: Size,
    /// Frames per second, or per beat (beat:16).
    ///
    /// Above 0, at most 240: whole (24), a fraction (30000/1001), or frames per beat (beat:16).
    #[arg(
        long,
        alias = "framerate",
        alias = "frame-rate",
        value_name = "RATE",
        default_value = "24",
        allow_negative_numbers = true
    )]
    pub fps: Fps,
    /// Start at this time of the song: seconds or m:ss.
    #[arg(long, value_name = "TIME", value_parser = parse_secs, allow_negative_numbers = true)]
    pub start: Option<f64>,
    /// Length of the film [default: to the song's end].
    ///
    /// Seconds or m:ss.
    #[arg(long, alias = "length", value_name = "TIME", value_parser = parse_secs, allow_negative_numbers = true)]
    pub duration: Option<f64>,
}

/// Everything that a new timeline follows from.
pub const PLANNING: [&str; 7] = [
    "song",
    "DrawOptions",
    "MotionOptions",
    "MovementOptions",
    "ListenOptions",
    "ModelOptions",
    "EncodingOptions",
];

/// How strongly music moves the picture: what films and clips have in common.
#[derive(Clone, Debug, Args)]
pub struct MovementOptions {
    /// How much faster loud parts move than quiet ones, 0 to 10.
    ///
    /// At 0, all parts drift slowly.
    #[arg(long, value_name = "X", default_value_t = Knobs::default().energy, allow_negative_numbers = true)]
    pub energy: f64,
    /// How hard hits shake the picture, 0 to 4; 0 = not at all.
    #[arg(long, value_name = "X", default_value_t = Knobs::default().pulse, allow_negative_numbers = true)]
    pub pulse: f64,
    /// How slowly motion follows the energy, 0 to 20; 0 = at once.
    #[arg(long, value_name = "X", default_value_t = Knobs::default().smooth, allow_negative_numbers = true, hide_short_help = true)]
    pub smooth: f64,
    /// How far the camera zooms, 0 to 1 [default: off].
    ///
    /// 0.1 = comes up to 10 % closer and goes back. In a prompts file, a line such as `map: zoom = downbeats` works
    /// without this flag.
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    pub zoom: Option<f64>,
    /// How far the camera turns to either side, in degrees, 0 to 45 [default: off].
    ///
    /// A `map: rotate` line in a prompts file works without this flag.
    #[arg(long, value_name = "DEGREES", allow_negative_numbers = true)]
    pub rotate: Option<f64>,
    /// How far the camera moves to either side, as a share of the frame, 0 to 0.2 [default: off].
    ///
    /// A `map: pan` line in a prompts file works without this flag.
    #[arg(
        long,
        value_name = "SHARE",
        allow_negative_numbers = true,
        hide_short_help = true
    )]
    pub pan: Option<f64>,
    /// Draw probe frames first, so that equally loud music changes the picture equally.
    ///
    /// `on` usually adds less than a tenth of the work. `off` skips this; motion then looks less even.
    #[arg(
        long,
        value_name = "on|off",
        default_value = "on",
        action = clap::ArgAction::Set,
        value_parser = parse_switch,
        hide_short_help = true
    )]
    pub calibrate: bool,
}

/// How music becomes motion.
#[derive(Clone, Debug, Args)]
pub struct MotionOptions {
    /// How strongly.
    #[command(flatten)]
    pub movement: MovementOptions,
    /// Where prompts without a time arrive: `section`, `bar` or `even`.
    ///
    /// Prompts without a time are spread evenly, then moved to the nearest section or bar. `bar` moves them to bars only, and
    /// `even` leaves them where they are.
    #[arg(
        long,
        value_name = "WHERE",
        default_value = "section",
        hide_short_help = true
    )]
    pub arrive: Arrive,
    /// How long a prompt stays before it turns into the next, as a share of the time between them, 0 to 0.95.
    #[arg(long, value_name = "SHARE", default_value_t = Knobs::default().dwell, allow_negative_numbers = true, hide_short_help = true)]
    pub dwell: f64,
    /// Make a loop: the end leads back into the start.
    #[arg(long = "loop")]
    pub is_loop: bool,
    /// Make a loop of this many beats.
    ///
    /// At least 1. The loop starts on the first downbeat, and its length is rounded to whole frames.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub loop_beats: Option<u32>,
    /// Play a loop of beats at this tempo, without sound: beats a minute, or `native`.
    ///
    /// For programs that take a clip's tempo from its length. At 120, N beats are N/2 seconds, whatever the song's tempo;
    /// motion and hits stay on the song's beats. `native` keeps the song's tempo, with whole frames on each beat at the rate that
    /// is nearest to --fps.
    #[arg(
        long,
        value_name = "BPM",
        requires = "loop_beats",
        hide_short_help = true
    )]
    pub conform: Option<Conform>,
    /// `music`, or `classic`: the walk of stable-diffusion-videos, to compare with.
    #[arg(
        long,
        value_name = "NAME",
        default_value = "music",
        hide_short_help = true
    )]
    pub mapping: Mapping,
}

impl MovementOptions {
    /// The same as the mapping stage names them; all others are the defaults.
    pub fn to_knobs(&self) -> Knobs {
        Knobs {
            energy: self.energy,
            pulse: self.pulse,
            smooth: self.smooth,
            zoom: self.zoom,
            rotate: self.rotate,
            pan: self.pan,
            ..Knobs::default()
        }
    }
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
            arrive: self.arrive,
            dwell: self.dwell,
            ..self.movement.to_knobs()
        }
    }
}

/// How to listen to the song.
#[derive(Clone, Debug, Args)]
pub struct ListenOptions {
    /// The song's tempo in beats per minute, where you know it.
    ///
    /// 20 to 400. Beats are sought near this tempo. This usually cures half or double tempo.
    #[arg(long, alias = "bpm", value_name = "BPM", allow_negative_numbers = true)]
    pub tempo: Option<f64>,
    /// The song's time signature, where you know it: 3/4, 4/4, 6/8, 7/8
    ///
    /// 2 to 7 beats per bar. 6/8 counts as two beats, 7/8 as seven.
    #[arg(long, value_name = "N/D", hide_short_help = true)]
    pub meter: Option<TimeSignature>,
    /// Take beats from a file: Audacity labels, CSV, MIDI, rekordbox or Traktor.
    ///
    /// An Audacity label track, a CSV (time[,position_in_bar]), MIDI (its clock, or its tempo map), the collection that
    /// rekordbox exports as XML, or Traktor's collection.nml. In a collection the song is found by its name, and cues and
    /// loops become sections.
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub beats: Option<PathBuf>,
    /// Move the beats and sections of --beats: 26ms is later, -26ms earlier.
    ///
    /// DJ programs disagree about where some MP3 files start. Where beats lie beside what is heard, a note says by how much.
    #[arg(long, value_name = "TIME", value_parser = parse_offset, allow_hyphen_values = true, hide_short_help = true)]
    pub grid_offset: Option<f64>,
    /// A part of the song in a file of its own, such as drums=drums.wav.
    ///
    /// A prompts file can use it: `map: zoom = stem NAME`. Beats are taken from the stem named drums. May be given
    /// several times.
    #[arg(long = "stem", value_name = "NAME=FILE", hide_short_help = true)]
    pub stems: Vec<StemFile>,
    /// Beat tracker: `neural`, our own network, or `aubio`, if built in.
    #[arg(long, value_name = "NAME", default_value = "neural", value_parser = parse_tracker, hide_short_help = true)]
    pub tracker: TrackerKind,
    /// Ignore the corrections beside the song (SONG.fix.txt, written by `analyze --fix`).
    #[arg(long, hide_short_help = true)]
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
            grid_offset_secs: self.grid_offset,
            fix_path: None,
            stems: self.stems.clone(),
        }
    }
}
