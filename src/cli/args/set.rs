//! Flags of `set`.

use std::path::PathBuf;

use clap::Args;
use visualize::audio::SoundtrackFormat;
use visualize::mapping::{Conform, Fps};
use visualize::request::Settings;
use visualize::set::{Per, SetSettings};
use visualize::timeline::{Encoding, Size, VideoCodec};

use super::heading;
use super::machine::{MachineOptions, ModelOptions};
use super::options::MovementOptions;
use super::values::Seed;

/// `visualize set`.
#[derive(Debug, Args)]
#[command(
    after_help = "Run it again to go on after a stop: finished clips stay. docs/live-sets.md goes through it."
)]
pub struct SetArgs {
    /// The songs: a folder, a list (.m3u8), rekordbox's XML or Traktor's NML.
    ///
    /// Grids of a DJ program are taken as the songs' beats; its hot cues and loops become sections.
    #[arg(value_name = "FOLDER|LIST")]
    pub songs: PathBuf,
    /// Prompts for all songs, or a folder with a file for each: SONG.txt [default: built-in list].
    ///
    /// A file in the folder is named like a song's file or title; default.txt is for the others. A clip shows a prompt for each 8
    /// beats, one at least; those marked @section go to clips of that section.
    #[arg(short, long, alias = "prompt", value_name = "FILE|TEXT|FOLDER", help_heading = heading::DRAW)]
    pub prompts: Option<PathBuf>,
    /// Lengths of the clips in beats.
    ///
    /// 1 to 1024. Programs that take a clip's tempo from its length expect powers of two.
    #[arg(long, value_name = "N,N", value_delimiter = ',', default_values_t = visualize::set::BEATS, help_heading = heading::DRAW)]
    pub beats: Vec<u32>,
    /// Where clips are taken from: every `section`, the song's best one (`track`), or N places.
    #[arg(long, value_name = "section|track|N", default_value_t, help_heading = heading::DRAW)]
    pub per: Per,
    /// Tempo of all clips: beats a minute, or `native` for each song's own.
    #[arg(long, value_name = "BPM", default_value = "120", help_heading = heading::DRAW)]
    pub conform: Conform,
    /// Size of the clips in pixels; multiples of 4, better of 16.
    #[arg(long, alias = "resolution", value_name = "WxH", default_value = "512x512", help_heading = heading::DRAW)]
    pub size: Size,
    /// Frames per second, or per beat (beat:15).
    #[arg(long, alias = "framerate", alias = "frame-rate", value_name = "RATE", default_value = "30", help_heading = heading::DRAW)]
    pub fps: Fps,
    /// Another number gives other clips; or `random`.
    #[arg(long, value_name = "N", default_value = "0", allow_negative_numbers = true, help_heading = heading::DRAW)]
    pub seed: Seed,
    /// What no frame should show; needs guidance above 1.
    #[arg(long, alias = "negative-prompt", alias = "neg", value_name = "WORDS", hide_short_help = true, help_heading = heading::DRAW)]
    pub negative: Option<String>,
    /// How music becomes motion.
    #[command(flatten, next_help_heading = heading::MOVE)]
    pub motion: MovementOptions,
    /// What draws.
    #[command(flatten, next_help_heading = heading::MODEL)]
    pub model: ModelOptions,
    /// Folder of the clips, made where it is missing.
    #[arg(short, long, alias = "output", value_name = "FOLDER", help_heading = heading::OUTPUT)]
    pub out: PathBuf,
    /// Codec of the clips: hapq, hap, hapa (transparent where dark) or h264.
    #[arg(long, value_name = "CODEC", default_value_t = VideoCodec::HapQ, help_heading = heading::OUTPUT)]
    pub codec: VideoCodec,
    /// How strongly H.264 compresses, 12 (best picture) to 51.
    #[arg(long, value_name = "QP", default_value_t = Encoding::default().qp, hide_short_help = true, help_heading = heading::OUTPUT)]
    pub qp: u8,
    /// Frames per chunk, 1 to 1000: what a stop can lose.
    #[arg(long, value_name = "N", default_value_t = Encoding::default().chunk_len, value_parser = clap::value_parser!(u32).range(1..=1000), hide_short_help = true, help_heading = heading::OUTPUT)]
    pub chunk: u32,
    /// Replace clips that were made with other settings.
    #[arg(long, alias = "overwrite", help_heading = heading::OUTPUT)]
    pub force: bool,
    /// Only plan: write timelines and set.json, so that `farm` can share the set among machines.
    #[arg(long, help_heading = heading::OUTPUT)]
    pub plan: bool,
    /// What rendering depends on, but no pixel does.
    #[command(flatten, next_help_heading = heading::OUTPUT)]
    pub machine: MachineOptions,
}

impl SetArgs {
    /// The same as the library names them.
    pub fn to_settings(&self) -> SetSettings {
        let film = Settings {
            model: self.model.model.clone(),
            size: self.size,
            draw_size: self.model.draw_size,
            fps: self.fps,
            seed: self.seed.value,
            steps: self.model.steps,
            guidance: self.model.guidance,
            negative: self.negative.clone().unwrap_or_default(),
            conform: Some(self.conform),
            knobs: self.motion.to_knobs(),
            calibrate: self.motion.calibrate,
            diffusion: self.model.to_config(),
            encoding: Encoding {
                codec: self.codec,
                qp: self.qp,
                chunk_len: self.chunk,
                play_rate: None,
            },
            audio: SoundtrackFormat::None,
            ..Settings::default()
        };
        SetSettings {
            film,
            beats: self.beats.clone(),
            per: self.per,
        }
    }
}
