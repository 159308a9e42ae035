//! Flags of what draws, on which machine, and how frames are compressed.

use std::path::PathBuf;

use clap::Args;
use visualize::audio::SoundtrackFormat;
use visualize::diffusion::{ModelStore, SCHEDULERS};
use visualize::pipeline::{Machine, PathMap, host_name};
use visualize::timeline::{
    DiffusionConfig, EmbeddingConfig, Encoding, Kernels, LoraConfig, Size, VideoCodec,
};

use super::values::{parse_embedding, parse_kernels, parse_lora, parse_still};

/// What draws.
#[derive(Clone, Debug, Args)]
pub struct ModelOptions {
    /// Folder, file, or owner/name on the hub.
    ///
    /// `bundled` is in the program. Others are a folder in diffusers layout, a .safetensors checkpoint, or owner/name,
    /// owner/name@revision or owner/name/FILE.safetensors on the hub, such as stabilityai/sd-turbo, which is downloaded once; its
    /// web address works too.
    #[arg(
        short,
        long,
        alias = "checkpoint",
        alias = "ckpt",
        default_value = "bundled"
    )]
    pub model: String,
    /// Denoising steps, 1 to 1000 [default: set by the model].
    ///
    /// More steps take longer. How many are needed depends on the model.
    #[arg(
        long,
        alias = "n-steps",
        alias = "num-steps",
        alias = "num-inference-steps",
        value_name = "N",
        allow_negative_numbers = true
    )]
    pub steps: Option<u32>,
    /// How strictly pictures follow their prompts, 0 to 100; 1 or less = freely [default: set by the model].
    ///
    /// The guidance scale, which other programs call CFG. Above 1 each step is computed twice.
    #[arg(
        long,
        alias = "cfg",
        alias = "cfg-scale",
        alias = "guidance-scale",
        value_name = "SCALE",
        allow_negative_numbers = true,
        hide_short_help = true
    )]
    pub guidance: Option<f64>,
    /// LoRA and its weight: a file or a repository on the hub.
    ///
    /// A file, or owner/name or owner/name/FILE on the hub, such as style.safetensors:0.8; may be given several times.
    #[arg(long = "lora", value_name = "FILE[:WEIGHT]", value_parser = parse_lora, hide_short_help = true)]
    pub loras: Vec<LoraConfig>,
    /// Word of the prompts and its embedding (textual inversion): a file or a repository on the hub.
    ///
    /// Such as my-cat=cat.safetensors: my-cat in a prompt then means what the file was trained on. May be given several times.
    #[arg(long = "embedding", alias = "textual-inversion", value_name = "NAME=FILE", value_parser = parse_embedding, hide_short_help = true)]
    pub embeddings: Vec<EmbeddingConfig>,
    /// Autoencoder that replaces the model's own: a folder, a file, or owner/name on the hub.
    ///
    /// TAESD works too.
    #[arg(long, value_name = "PATH", hide_short_help = true)]
    pub vae: Option<PathBuf>,
    // How a picture is drawn in steps.
    #[arg(
        long,
        alias = "sampler",
        value_name = "NAME",
        hide_short_help = true,
        help = format!("Scheduler: {} [default: set by the model]", SCHEDULERS.join(", "))
    )]
    pub scheduler: Option<String>,
    /// How many of the text encoder's last layers to leave out (0 = none).
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        allow_negative_numbers = true,
        hide_short_help = true
    )]
    pub clip_skip: u32,
    /// Size at which the model draws [default: the film's shape at about the model's native area].
    ///
    /// The pictures are then scaled to the film's size.
    #[arg(long, value_name = "WxH", hide_short_help = true)]
    pub draw_size: Option<Size>,
    /// Number format of the weights: `auto`, `f32`, `f16` or `bf16`.
    ///
    /// `auto` is f32 on the CPU and f16 on GPUs. The CPU always computes in f32, so half precision saves memory but is
    /// slower.
    #[arg(long, value_name = "TYPE", default_value = "auto", value_parser = ["auto", "f32", "f16", "bf16"], hide_short_help = true)]
    pub dtype: String,
    /// How the CPU computes: `fast`, or `exact` to compare with.
    ///
    /// `fast` takes the quickest methods that the processor has (Winograd's convolutions, AMX where there is one), and pictures
    /// differ from those of `exact` by rounding; `exact` multiplies everything in f32, which takes longer. The environment variable
    /// VISUALIZE_VECTORS limits the instructions that are used: amx, avx512, avx2 or portable; on ARM neon or portable.
    #[arg(long, value_name = "NAME", default_value = "fast", value_parser = parse_kernels, hide_short_help = true)]
    pub kernels: Kernels,
    /// Repeat the last frame while its inputs change by less than this angle, in radians.
    ///
    /// 0 to 1, written after an equals sign: --skip-still=0.02. Without a value: 0.01. Without the flag: 0 (off). Saves work in
    /// quiet passages.
    #[arg(
        long,
        value_name = "RADIANS",
        num_args = 0..=1,
        require_equals = true,
        default_value_t = 0.0,
        default_missing_value = "0.01",
        value_parser = parse_still,
        hide_short_help = true
    )]
    pub skip_still: f64,
}

impl ModelOptions {
    /// The same as the diffusion stage names it.
    pub fn to_config(&self) -> DiffusionConfig {
        DiffusionConfig {
            scheduler: self.scheduler.clone(),
            clip_skip: self.clip_skip,
            dtype: Some(self.dtype.clone()).filter(|name| name != "auto"),
            kernels: self.kernels,
            skip_still: self.skip_still,
            loras: self.loras.clone(),
            embeddings: self.embeddings.clone(),
            vae: self.vae.clone(),
        }
    }
}

/// How frames are compressed.
#[derive(Clone, Debug, Args)]
pub struct EncodingOptions {
    /// Codec of the picture: h264, hap, hapa or hapq.
    ///
    /// Programs for live visuals play Hap forwards, backwards and in layers; its films are .mov files, and large. `hapq` keeps soft
    /// gradients, `hap` takes half the room, `hapa` lets dark parts be transparent.
    #[arg(long, value_name = "CODEC", default_value_t, hide_short_help = true)]
    pub codec: VideoCodec,
    /// How strongly the picture is compressed, 12 (best picture, largest file) to 51.
    ///
    /// The quantiser (QP) of H.264: the higher it is, the smaller the file and the coarser the picture.
    #[arg(long, value_name = "QP", default_value_t = Encoding::default().qp, allow_negative_numbers = true, hide_short_help = true)]
    pub qp: u8,
    /// Frames per chunk, 1 to 1000.
    ///
    /// A stopped film continues after its last finished chunk. Each chunk starts with a keyframe, to which players can
    /// seek. Smaller chunks lose less work when stopped and make larger files.
    #[arg(
        long,
        alias = "gop",
        value_name = "N",
        default_value_t = Encoding::default().chunk_len,
        value_parser = clap::value_parser!(u32).range(1..=1000),
        hide_short_help = true
    )]
    pub chunk: u32,
}

/// What the film's sound is.
#[derive(Clone, Copy, Debug, Args)]
pub struct SoundOptions {
    /// The film's sound: copy, flac, alac, aac or none.
    ///
    /// `copy` takes the song's own packets, or FLAC where MP4 can't hold them. QuickTime and iPhones play `alac` and `aac`
    /// surely; `alac` is without loss, `aac` needs ffmpeg and takes less room. Which player takes what: docs/formats.md.
    #[arg(long, value_name = "FORMAT", default_value_t, hide_short_help = true)]
    pub audio: SoundtrackFormat,
}

/// What rendering depends on, but no pixel does.
#[derive(Clone, Debug, Args)]
pub struct MachineOptions {
    /// What draws: auto, cpu, gpu, gpu:N, cuda, cuda:N or metal.
    ///
    /// `gpu` is any GPU, through Vulkan, Metal or Direct3D 12; `visualize models devices` lists them. `cuda` and `metal` are candle's. The
    /// program has to be built for each of them. `auto` goes on where a film was begun. Otherwise it takes a GPU if that draws faster
    /// than the CPU, which it finds out once for each model and size, and says what it takes and why.
    #[arg(long, default_value = "auto")]
    pub device: String,
    /// Frames drawn at once, 1 to 64.
    ///
    /// Larger batches need more memory.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 4,
        value_parser = clap::value_parser!(u32).range(1..=64),
        hide_short_help = true
    )]
    pub batch: u32,
    /// Threads that draw, 1 to 256 [default: one for each core].
    ///
    /// The H.264 encoder uses one more. The number doesn't change the film.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256), hide_short_help = true)]
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
            host: host_name().to_owned(),
            path_map: PathMap::default(),
        }
    }
}
