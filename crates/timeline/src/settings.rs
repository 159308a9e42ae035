//! Settings of a render, checked once and then carried by the timeline.

use std::path::PathBuf;

use common::units::FrameRate;
use common::{Error, Result};
use serde::{Deserialize, Serialize};

/// Width and height of a picture in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Size {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

impl Size {
    /// That of a square.
    pub const fn square(side: u32) -> Self {
        Self {
            width: side,
            height: side,
        }
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

impl std::str::FromStr for Size {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts = text.split_once(['x', 'X', '×']);
        let sides = parts.and_then(|(w, h)| Some((w.trim().parse().ok()?, h.trim().parse().ok()?)));
        let (width, height) = sides.ok_or_else(|| Error::Config {
            name: "size",
            value: text.to_owned(),
            allowed: "give width and height in pixels, such as 512x512".to_owned(),
        })?;
        Ok(Self { width, height })
    }
}

/// Everything besides the timeline's entries and the weights that decides on a frame's pixels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RenderConfig {
    /// `bundled`, a folder, a file, or a hub id such as `stabilityai/sd-turbo`.
    pub model: String,
    /// SHA-256 over the model's files, in lowercase hex: other weights make other pictures.
    pub weights_sha256: String,
    /// Size of the film.
    pub size: Size,
    /// Size at which the model draws; frames are then scaled to `size`.
    pub draw_size: Size,
    /// Denoising steps, 1 or more.
    pub n_steps: u32,
    /// What else decides on the pictures; the model's own ways where it is left out.
    #[serde(default)]
    pub diffusion: DiffusionConfig,
}

impl RenderConfig {
    /// Pictures of the bundled model in one step, drawn at their own size: for trials and tests, which keep no hash of its weights.
    pub fn bundled(size: Size) -> Self {
        Self {
            model: "bundled".to_owned(),
            weights_sha256: String::new(),
            size,
            draw_size: size,
            n_steps: 1,
            diffusion: DiffusionConfig::default(),
        }
    }
}

/// Settings of the diffusion model that most films leave alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DiffusionConfig {
    /// Scheduler by its short name, such as `euler_a`; the model's own if absent.
    pub scheduler: Option<String>,
    /// Last layers of the text encoder that are left out.
    pub clip_skip: u32,
    /// Element type of the weights: `f32`, `f16` or `bf16`; what suits the device if absent, so that machines of different
    /// kinds draw a film alike only where it is given.
    pub dtype: Option<String>,
    /// How convolutions, linear layers and attention are computed on the CPU.
    pub kernels: Kernels,
    /// A frame that has moved less than this since the last one that was drawn repeats it; 0 = every frame is drawn. In the
    /// measure of [`Timeline::target_steps`](crate::Timeline::target_steps).
    pub skip_still: f64,
    /// LoRA files and their weights.
    pub loras: Vec<LoraConfig>,
    /// Words of prompts with trained embeddings (textual inversion).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub embeddings: Vec<EmbeddingConfig>,
    /// An autoencoder that replaces the model's own: a folder or a file.
    pub vae: Option<PathBuf>,
}

/// How convolutions, linear layers and attention are computed on the CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kernels {
    /// Every product of f32, in order.
    Exact,
    /// By the fastest method that the processor has; see `kernels::Method::Fast`.
    #[default]
    Fast,
}

/// A LoRA file and how strongly it acts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoraConfig {
    /// The file.
    pub path: PathBuf,
    /// 1 = as trained, 0 = not at all.
    pub scale: f64,
}

/// A word of prompts and the file of its embedding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmbeddingConfig {
    /// The word, as it stands in prompts.
    pub name: String,
    /// The file.
    pub path: PathBuf,
}

/// Codec of the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VideoCodec {
    /// H.264, High profile (ITU-T H.264).
    #[default]
    H264,
    /// Hap: BC1 textures, the smallest of its kind.
    Hap,
    /// Hap Alpha: BC3 textures whose alpha is the picture's brightness.
    #[serde(rename = "hapa")]
    HapAlpha,
    /// Hap Q: textures in scaled YCoCg, which keep soft gradients.
    HapQ,
}

impl VideoCodec {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::H264, Self::Hap, Self::HapAlpha, Self::HapQ];

    /// Whether it is one of Hap's, for programs that play clips live.
    pub fn is_hap(self) -> bool {
        self != Self::H264
    }

    /// Bytes of a pixel before the second packing: the most that a frame takes. 0 where a film is much smaller.
    pub fn bytes_per_pixel(self) -> f64 {
        match self {
            Self::H264 => 0.0,
            Self::Hap => 0.5,
            Self::HapAlpha | Self::HapQ => 1.0,
        }
    }

    /// How the name of a film in it ends.
    pub fn extension(self) -> &'static str {
        if self.is_hap() { "mov" } else { "mp4" }
    }
}

impl std::fmt::Display for VideoCodec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::H264 => "h264",
            Self::Hap => "hap",
            Self::HapAlpha => "hapa",
            Self::HapQ => "hapq",
        })
    }
}

impl std::str::FromStr for VideoCodec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wanted = text.to_ascii_lowercase();
        let found = Self::ALL
            .into_iter()
            .find(|codec| codec.to_string() == wanted);
        found.ok_or_else(|| Error::Config {
            name: "codec",
            value: text.to_owned(),
            allowed: format!(
                "use one of {}",
                Self::ALL.map(|codec| codec.to_string()).join(", ")
            ),
        })
    }
}

/// How frames are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encoding {
    /// Codec of the picture.
    #[serde(default)]
    pub codec: VideoCodec,
    /// H.264 quantisation parameter of every macroblock, 12 (best) to 51; 6 more halve the precision.
    pub qp: u8,
    /// Frames in a chunk, 1 or more: it begins with the only keyframe, and is what a killed run can lose.
    pub chunk_len: u32,
    /// Frames per second at which the film plays, where that isn't the timeline's own rate: a clip at another tempo than its
    /// song's. Such a film has no sound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub play_rate: Option<FrameRate>,
}

impl Default for Encoding {
    fn default() -> Self {
        Self {
            codec: VideoCodec::default(),
            qp: 12, // coarser ones let each keyframe be seen as a jump, which no calibration can even out
            chunk_len: 48,
            play_rate: None,
        }
    }
}
