//! The denoiser: `UNet2DConditionModel` of Stable Diffusion 1, 2, XL, Turbo, latent consistency and distilled models.

mod blocks;
mod config;
mod embeddings;
mod position;
mod resnet;
mod transformer;

use candle_core::{Result as TensorResult, Tensor};

pub use config::{PerLevel, UNetConfig};
pub use embeddings::{guidance_embedding, sinusoidal};
pub(super) use resnet::{Downsample, Norm, ResnetBlock};

use common::{Error, Result};

use self::blocks::{DownBlock, LevelSizes, MidBlock, UpBlock};
use self::embeddings::{TextTimeEmbedding, TimestepEmbedding};
use self::position::Position;
use super::layers::{Activation, Conv2d, Fusion, GroupNorm, Place};
use super::ops;
use super::weights::Weights;

/// What the UNet is conditioned on, besides the timestep.
#[derive(Clone, Debug)]
pub struct Conditioning {
    /// Text embeddings, `[b, tokens, d]`.
    pub context: Tensor,
    /// Pooled text embedding, `[b, d]`; SDXL only.
    pub pooled: Option<Tensor>,
    /// `b * 6` numbers: original height and width, crop top and left, target height and width; SDXL only.
    pub time_ids: Vec<f64>,
    /// [`guidance_embedding`], `[b, width]`; latent consistency models only.
    pub guidance: Option<Tensor>,
}

/// The network.
#[derive(Debug)]
pub struct UNet {
    /// Its configuration.
    pub config: UNetConfig,
    place: Place,
    time_embedding: TimestepEmbedding,
    add_embedding: Option<TextTimeEmbedding>,
    conv_in: Conv2d,
    position: Option<Position>,
    down_blocks: Vec<DownBlock>,
    mid_block: Option<MidBlock>,
    up_blocks: Vec<UpBlock>,
    conv_norm_out: GroupNorm,
    conv_out: Conv2d,
}

/// Intermediate results by diffusers' module names, for comparison with a reference.
pub type Probe<'a> = &'a mut dyn FnMut(&str, &Activation);

impl UNet {
    /// Builds the network that `config` describes.
    ///
    /// # Errors
    /// [`Error::Weights`] if a tensor is missing or doesn't fit, or a block's class isn't supported.
    pub fn load(w: &Weights, config: UNetConfig) -> Result<Self> {
        let w = &w.clone().with_border(config.border());
        let on_cpu = w.clone().without_gpu();
        let time_width = config.time_embedding_width();
        let levels = levels(&config)?;
        let channels = |idx: usize| levels.get(idx).map_or(0, |level| level.channels);
        let n_levels = levels.len();
        let first = channels(0);

        let mut down_blocks = Vec::with_capacity(n_levels);
        let mut skip_channels = vec![first]; // what the down path pushes, in order
        for (idx, level) in levels.iter().enumerate() {
            let c_in = if idx == 0 { first } else { channels(idx - 1) };
            let padding = (idx + 1 < n_levels).then_some(config.downsample_padding);
            let name = format!("down_blocks.{idx}");
            down_blocks.push(DownBlock::load(
                &w.at(name),
                c_in,
                level.n_layers,
                &level.down,
                padding,
            )?);
            let n_skips = level.n_layers + usize::from(padding.is_some());
            skip_channels.extend(std::iter::repeat_n(level.channels, n_skips));
        }

        let mid_block = mid_sizes(&config, &levels)?
            .map(|sizes| MidBlock::load(&w.at("mid_block"), &sizes))
            .transpose()?;

        let mut up_blocks = Vec::with_capacity(n_levels);
        let mut c_in = channels(n_levels - 1);
        for (idx, level) in levels.iter().rev().enumerate() {
            let skips = skip_channels.split_off(skip_channels.len() - (level.n_layers + 1));
            let skips: Vec<usize> = skips.into_iter().rev().collect();
            let name = format!("up_blocks.{idx}");
            up_blocks.push(UpBlock::load(
                &w.at(name),
                c_in,
                &skips,
                &level.up,
                idx + 1 < n_levels,
            )?);
            c_in = level.channels;
        }

        let add_embedding = match config.addition_embed_type {
            None => None,
            Some(_) => {
                let missing = || {
                    Error::weights(
                        "unet/config.json",
                        "addition_embed_type needs addition_time_embed_dim and projection_class_embeddings_input_dim",
                    )
                };
                Some(TextTimeEmbedding::load(
                    &on_cpu.at("add_embedding"),
                    config.addition_time_embed_dim.ok_or_else(missing)?,
                    config
                        .projection_class_embeddings_input_dim
                        .ok_or_else(missing)?,
                    time_width,
                    config.flip_sin_to_cos,
                    config.freq_shift,
                )?)
            }
        };
        Ok(Self {
            place: w.place().clone(),
            time_embedding: TimestepEmbedding::load(
                &on_cpu.at("time_embedding"),
                first,
                time_width,
                config.time_cond_proj_dim,
            )?,
            add_embedding,
            conv_in: Conv2d::load(
                w.at("conv_in"),
                config.in_channels,
                first,
                config.conv_in_kernel,
            )?,
            position: (config.position_planes > 0)
                .then(|| Position::load(w.at("position"), first))
                .transpose()?,
            down_blocks,
            mid_block,
            up_blocks,
            conv_norm_out: GroupNorm::load(
                w.at("conv_norm_out"),
                first,
                config.norm_num_groups,
                config.norm_eps,
            )?,
            conv_out: Conv2d::load(
                w.at("conv_out"),
                first,
                config.out_channels,
                config.conv_out_kernel,
            )?,
            config,
        })
    }

    /// The prediction for `latents` `[b, c, h, w]` at one timestep for each of the batch.
    ///
    /// # Errors
    /// When the device or the memory fails, or shapes don't fit.
    pub fn forward(
        &self,
        latents: &Tensor,
        timesteps: &[f64],
        conditioning: &Conditioning,
    ) -> Result<Tensor> {
        self.forward_probed(latents, timesteps, conditioning, &mut |_, _| {})
    }

    /// [`UNet::forward`] that shows its intermediate results to `probe`.
    ///
    /// # Errors
    /// As [`UNet::forward`].
    pub fn forward_probed(
        &self,
        latents: &Tensor,
        timesteps: &[f64],
        conditioning: &Conditioning,
        probe: Probe<'_>,
    ) -> Result<Tensor> {
        self.run(latents, timesteps, conditioning, probe)
            .map_err(Error::tensor("running the UNet"))
    }

    fn run(
        &self,
        latents: &Tensor,
        timesteps: &[f64],
        conditioning: &Conditioning,
        probe: Probe<'_>,
    ) -> TensorResult<Tensor> {
        let time = self.embed_time(latents, timesteps, conditioning, probe)?;
        let time = self.place.bring(&time)?; // [b, time_width]
        let context = &self.place.bring(&conditioning.context)?;

        let (batch, _, height, width) = latents.dims4()?;
        let shift = self.position.as_ref();
        let shift = shift
            .map(|position| position.forward(batch, (height, width)))
            .transpose()?;
        let begin = Fusion {
            residual: shift.as_ref(),
            ..Fusion::default()
        };
        let mut x = self
            .conv_in
            .forward_fused((&self.place.bring(latents)?).into(), begin)?;
        probe("conv_in", &x);
        let mut skips = vec![x.clone()];
        for (idx, block) in self.down_blocks.iter().enumerate() {
            x = block.forward(x, &time, context, &mut skips)?;
            probe(&format!("down_{idx}"), &x);
        }
        if let Some(block) = &self.mid_block {
            x = block.forward(&x, &time, context)?;
            probe("mid", &x);
        }
        for (idx, block) in self.up_blocks.iter().enumerate() {
            x = block.forward(x, &time, context, &mut skips)?;
            probe(&format!("up_{idx}"), &x);
        }
        let norm = Some(&self.conv_norm_out);
        let fusion = Fusion {
            norm,
            ..Fusion::default()
        };
        self.conv_out
            .forward_fused((&x).into(), fusion)?
            .to_tensor()
    }

    /// The time embedding after the SiLU that every residual layer begins with.
    fn embed_time(
        &self,
        latents: &Tensor,
        timesteps: &[f64],
        conditioning: &Conditioning,
        probe: Probe<'_>,
    ) -> TensorResult<Tensor> {
        let config = &self.config;
        let width = config
            .block_out_channels
            .first()
            .copied()
            .unwrap_or_default();
        let projected = sinusoidal(
            timesteps,
            width,
            config.flip_sin_to_cos,
            config.freq_shift,
            latents.device(),
        )?
        .to_dtype(latents.dtype())?; // [b, c]
        probe("time_proj", &projected.clone().into());
        let mut time = self
            .time_embedding
            .forward(&projected, conditioning.guidance.as_ref())?;
        probe("time_embedding", &time.clone().into());
        if let Some(add_embedding) = &self.add_embedding {
            let pooled = conditioning.pooled.as_ref().ok_or_else(|| {
                candle_core::Error::msg("this UNet needs a pooled text embedding")
            })?;
            let added = add_embedding.forward(pooled, &conditioning.time_ids)?;
            probe("add_embedding", &added.clone().into());
            time = (time + added)?;
        }
        ops::silu(&time)
    }
}

/// One level of the UNet: its down block and the up block of the same size.
struct Level {
    channels: usize,
    n_layers: usize,
    down: LevelSizes,
    up: LevelSizes,
}

fn levels(config: &UNetConfig) -> Result<Vec<Level>> {
    let n_levels = config.n_levels();
    let missing = |key: &str| {
        Error::weights(
            CONFIG,
            format!("{key} must have one entry for each of the {n_levels} levels"),
        )
    };
    let heads = config.num_attention_heads.as_ref();
    let heads = heads.unwrap_or(&config.attention_head_dim);
    let transformers_key = "transformer_layers_per_block";
    let build = |idx: usize| {
        let up_idx = n_levels - 1 - idx; // up blocks are listed coarsest first
        let channels = config.block_out_channels.get(idx).copied();
        let channels = channels.unwrap_or_default();
        let n_layers = config.layers_per_block.level(idx);
        let n_layers = n_layers.ok_or_else(|| missing("layers_per_block"))?;
        let plain = LevelSizes {
            channels,
            transformer_layers: Vec::new(),
            n_heads: heads
                .level(idx)
                .ok_or_else(|| missing("attention_head_dim"))?,
            context_width: config
                .cross_attention_dim
                .level(idx)
                .ok_or_else(|| missing("cross_attention_dim"))?,
            time_width: config.time_embedding_width(),
            norm: Norm {
                n_groups: config.norm_num_groups,
                eps: config.norm_eps,
            },
        };
        let with_transformers = |per_layer: PerLevel<usize>, n_layers: usize| {
            let counts = (0..n_layers).map(|layer| per_layer.level(layer));
            let counts = counts.collect::<Option<Vec<usize>>>();
            Ok(LevelSizes {
                transformer_layers: counts.ok_or_else(|| missing(transformers_key))?,
                ..plain.clone()
            })
        };
        let down_layers = config.transformer_layers_per_block.level(idx);
        let down_layers = down_layers.ok_or_else(|| missing(transformers_key))?;
        let up_layers = match &config.reverse_transformer_layers_per_block {
            Some(reversed) => reversed
                .level(up_idx)
                .ok_or_else(|| missing("reverse_transformer_layers_per_block"))?,
            None => down_layers.clone(),
        };
        let down = match config.down_block_types.get(idx).map(String::as_str) {
            Some("DownBlock2D") => plain.clone(),
            Some("CrossAttnDownBlock2D") => with_transformers(down_layers, n_layers)?,
            other => return Err(unsupported("down_block_types", other)),
        };
        let up = match config.up_block_types.get(up_idx).map(String::as_str) {
            Some("UpBlock2D") => plain.clone(),
            Some("CrossAttnUpBlock2D") => with_transformers(up_layers, n_layers + 1)?,
            other => return Err(unsupported("up_block_types", other)),
        };
        Ok(Level {
            channels,
            n_layers,
            down,
            up,
        })
    };
    (0..n_levels).map(build).collect()
}

/// Sizes of the mid block; `None` if the model has none.
fn mid_sizes(config: &UNetConfig, levels: &[Level]) -> Result<Option<LevelSizes>> {
    let Some(last) = levels.last() else {
        return Ok(None);
    };
    let transformer_layers = match config.mid_block_type.as_deref() {
        None => return Ok(None),
        Some("UNetMidBlock2D") => Vec::new(),
        Some("UNetMidBlock2DCrossAttn") => {
            let layers = config.transformer_layers_per_block.level(levels.len() - 1);
            vec![layers.and_then(|layers| layers.level(0)).unwrap_or(1)]
        }
        other => return Err(unsupported("mid_block_type", other)),
    };
    Ok(Some(LevelSizes {
        transformer_layers,
        ..last.down.clone()
    }))
}

/// The file that the errors below name.
const CONFIG: &str = "unet/config.json";

fn unsupported(key: &str, class: Option<&str>) -> Error {
    let class = class.unwrap_or("nothing");
    Error::weights(CONFIG, format!("{key}: {class} is not supported"))
}
