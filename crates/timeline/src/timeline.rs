use std::collections::BTreeSet;
use std::ops::Range;
use std::path::PathBuf;

use common::units::FrameRate;
use common::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::{Encoding, RenderConfig, View};

/// Highest guidance scale that is taken.
pub const MAX_GUIDANCE_SCALE: f64 = 100.0;

/// Version of [`Timeline`]'s serialised form.
pub const SCHEMA_VERSION: u32 = 1;

/// The film on paper: everything that a renderer needs to draw each frame, and nothing about sound but the file to mux.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timeline {
    /// Version of this type's serialised form.
    pub schema_version: u32,
    /// The soundtrack.
    pub song: Song,
    /// Frames per second of the song; those of the film are the [`play_rate`](Self::play_rate).
    pub frame_rate: FrameRate,
    /// Length of the film's sound in seconds.
    pub duration_secs: f64,
    /// How frames are drawn.
    pub render: RenderConfig,
    /// How frames are compressed.
    pub encoding: Encoding,
    /// The prompts in the order of their arrival.
    pub prompts: Vec<Prompt>,
    /// The seed that was asked for; the path's seeds come from it. For the reader only: frames know but the path.
    #[serde(default)]
    pub seed: u64,
    /// The path through seeds that `noise_position` walks.
    pub noise: NoisePath,
    /// One entry a frame, in order, without gaps.
    pub frames: Vec<Frame>,
}

/// The part of a song that is heard: `start_sample..start_sample + n_samples` of the gapless track.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Song {
    /// The file.
    pub path: PathBuf,
    /// SHA-256 of the file, in lowercase hex.
    pub source_sha256: String,
    /// Samples per second.
    pub sample_rate_hz: u32,
    /// First sample heard.
    pub start_sample: u64,
    /// Number of samples heard.
    pub n_samples: u64,
    /// The stems that the film could follow; none are heard.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stems: Vec<SongStem>,
}

/// A stem of a song.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SongStem {
    /// What routes call it.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// SHA-256 of the file, in lowercase hex.
    pub source_sha256: String,
}

/// Words for the model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromptText {
    /// What to draw.
    pub text: String,
    /// What not to draw; used where the guidance scale is above 1.
    #[serde(default)]
    pub negative: String,
}

impl From<&str> for PromptText {
    /// Something to draw, with nothing to avoid.
    fn from(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            negative: String::new(),
        }
    }
}

/// A prompt and when it has fully arrived.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prompt {
    /// Its words.
    pub words: PromptText,
    /// When the prompt is shown alone, in seconds of the film; below 0 if that was before the film's start.
    pub arrival_secs: f64,
}

/// How the noise moves from seed to seed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NoiseKind {
    /// A variance-preserving cubic B-spline over the seeds: smooth to the second derivative, Gaussian everywhere.
    #[default]
    Spline,
    /// Slerp from each seed to the next: the classic walk, with a corner at every seed.
    Slerp,
    /// The same spline over a ring of seeds; closes after a position of `seeds.len()`.
    Loop,
    /// A great circle through two seeds, z = a cos + b sin; closes after a position of 4.
    Circle,
}

/// A sequence of seeds; a `noise_position` of `k` is at (or, on a spline, nearest to) `seeds[k]`.
///
/// An open spline reaches beyond its ends: to the seed one below the first, and again to the last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoisePath {
    /// The kind of path.
    pub kind: NoiseKind,
    /// Seeds in walking order, enough for the last frame's position.
    pub seeds: Vec<u64>,
    /// Seed of the fixed direction towards which a pulse rotates the noise.
    pub pulse_seed: u64,
}

/// One video frame.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Frame {
    /// Index of the frame, from 0.
    pub frame_idx: u64,
    /// Presentation time in ticks of `frame_rate.den / frame_rate.num` seconds; equals `frame_idx`.
    pub pts: u64,
    /// Index in [`Timeline::prompts`] of the prompt that is being left.
    pub prompt_from: usize,
    /// Index in [`Timeline::prompts`] of the prompt that is being approached.
    pub prompt_to: usize,
    /// 0 = `prompt_from` alone, 1 = `prompt_to` alone.
    pub prompt_mix: f64,
    /// Position on the noise path, in seeds.
    pub noise_position: f64,
    /// Rate of the prompt position that the music asks for, in prompts per second.
    pub prompt_velocity: f64,
    /// Rate of the noise position that the music asks for, in seeds per second; in a film that isn't calibrated, the
    /// position's own.
    pub noise_velocity: f64,
    /// How fast the picture shall change, hits aside, as a perceptual distance per second; absent in a film that isn't
    /// calibrated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<f64>,
    /// Angle in radians by which hits turn the noise.
    pub pulse: f64,
    /// Whether they turn it away from the pulse direction instead of towards it: hits swing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_pulse_back: bool,
    /// How far hits shall push the picture by this turn, as a perceptual distance; absent in a film that isn't calibrated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hit: Option<f64>,
    /// Classifier-free guidance; 1 or less = none.
    pub guidance_scale: f64,
    /// How the finished picture is looked at; left out where that is as it was drawn.
    #[serde(default, skip_serializing_if = "View::is_still")]
    pub camera: View,
}

/// One frame with every reference resolved: all that a renderer sees of a timeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FrameInputs {
    /// The prompt that is being left.
    pub prompt_from: PromptText,
    /// The prompt that is being approached.
    pub prompt_to: PromptText,
    /// 0 = `prompt_from` alone, 1 = `prompt_to` alone.
    pub prompt_mix: f64,
    /// The initial noise.
    pub noise: NoiseMix,
    /// Classifier-free guidance; 1 or less = none.
    pub guidance_scale: f64,
    /// How the finished picture is looked at; left out where that is as it was drawn.
    #[serde(default, skip_serializing_if = "View::is_still")]
    pub camera: View,
}

/// A weighted sum of the Gaussian noises of some seeds; the squared weights add up to 1, so the sum is Gaussian too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoiseMix {
    /// `(seed, weight)`.
    pub terms: Vec<(u64, f64)>,
}

impl FrameInputs {
    /// One prompt and the noise of one seed, without guidance, seen as it is drawn.
    pub fn still(prompt: PromptText, seed: u64) -> Self {
        Self {
            prompt_from: prompt.clone(),
            prompt_to: prompt,
            prompt_mix: 0.0,
            noise: NoiseMix {
                terms: vec![(seed, 1.0)],
            },
            guidance_scale: 1.0,
            camera: View::default(),
        }
    }
}

impl Frame {
    /// A size with the sign of the side to which hits turn the noise.
    pub fn to_side(self, size: f64) -> f64 {
        if self.is_pulse_back { -size } else { size }
    }
}

impl Timeline {
    /// Frames per second at which the film plays.
    pub fn play_rate(&self) -> FrameRate {
        self.encoding.play_rate.unwrap_or(self.frame_rate)
    }

    /// The words of all prompts, in their order.
    pub fn words(&self) -> Vec<PromptText> {
        let prompts = self.prompts.iter();
        prompts.map(|prompt| prompt.words.clone()).collect()
    }

    /// The words of those prompts that some frames show, in their order; `frames` are half-open.
    pub fn words_in(&self, frames: &[Range<u64>]) -> Vec<PromptText> {
        let mut shown = BTreeSet::new();
        for range in frames {
            let n_frames = range.end.saturating_sub(range.start) as usize;
            let frames = self.frames.iter().skip(range.start as usize);
            shown.extend(
                frames
                    .take(n_frames)
                    .flat_map(|f| [f.prompt_from, f.prompt_to]),
            );
        }
        let prompts = shown.into_iter().filter_map(|idx| self.prompts.get(idx));
        prompts.map(|prompt| prompt.words.clone()).collect()
    }

    /// A frame with every reference resolved.
    ///
    /// # Errors
    /// [`Error::Config`] for an index past the last frame, [`Error::Input`] where a hand-edited timeline contradicts
    /// itself; see [`validate`](Self::validate).
    pub fn inputs(&self, frame_idx: u64) -> Result<FrameInputs> {
        let n_frames = self.frames.len();
        let frame = usize::try_from(frame_idx)
            .ok()
            .and_then(|idx| self.frames.get(idx));
        let frame = frame.ok_or_else(|| Error::Config {
            name: "frames",
            value: frame_idx.to_string(),
            allowed: format!("the timeline has the frames 0..{n_frames}"),
        })?;
        let fault = |what: String| {
            Error::input(
                &self.song.path,
                format!("timeline, frame {frame_idx}: {what}"),
            )
        };
        let words = |idx: usize| {
            let prompt = self.prompts.get(idx);
            let prompt = prompt.ok_or_else(|| fault(format!("there is no prompt {idx}")))?;
            Ok(prompt.words.clone())
        };
        Ok(FrameInputs {
            prompt_from: words(frame.prompt_from)?,
            prompt_to: words(frame.prompt_to)?,
            prompt_mix: frame.prompt_mix,
            noise: self
                .noise
                .mix(frame.noise_position, frame.to_side(frame.pulse))
                .map_err(fault)?,
            guidance_scale: frame.guidance_scale,
            camera: frame.camera,
        })
    }
}
