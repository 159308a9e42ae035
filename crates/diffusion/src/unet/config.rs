use std::ops::RangeInclusive;

use common::{Error, Result};
use kernels::Border;
use serde::Deserialize;
use serde_json::Value;

use super::position::N_PLANES;
use crate::model::ConfigFile;
use crate::weights::{PADDING_MODES, border_of};

/// `unet/config.json`. What the file leaves out has diffusers' default.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct UNetConfig {
    /// Side of the latents that the model was trained on.
    pub sample_size: Option<usize>,
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the prediction.
    pub out_channels: usize,
    /// Order of the time embedding: cosines first.
    pub flip_sin_to_cos: bool,
    /// Shift in the frequencies of the time embedding.
    pub freq_shift: f64,
    /// Classes of the down blocks, finest first.
    pub down_block_types: Vec<String>,
    /// Class of the mid block, `None` for none.
    pub mid_block_type: Option<String>,
    /// Classes of the up blocks, coarsest first.
    pub up_block_types: Vec<String>,
    /// Channels of each level.
    pub block_out_channels: Vec<usize>,
    /// Residual layers of each level's down block; up blocks have one more.
    pub layers_per_block: PerLevel<usize>,
    /// Padding of the strided convolutions; 0 pads right and bottom only.
    pub downsample_padding: usize,
    /// Groups of the normalisations.
    pub norm_num_groups: usize,
    /// Epsilon of the residual layers' normalisations.
    pub norm_eps: f64,
    /// Width of the text embeddings.
    pub cross_attention_dim: PerLevel<usize>,
    /// Transformer blocks of each attention: for a level, or for each layer of a level.
    pub transformer_layers_per_block: PerLevel<PerLevel<usize>>,
    /// The same for the up blocks, coarsest first; the down blocks' reversed if absent.
    pub reverse_transformer_layers_per_block: Option<PerLevel<PerLevel<usize>>>,
    /// Number of heads (an old misnomer that diffusers keeps).
    pub attention_head_dim: PerLevel<usize>,
    /// Number of heads, which wins over `attention_head_dim`.
    pub num_attention_heads: Option<PerLevel<usize>>,
    /// `text_time` for SDXL's pooled and size conditioning.
    pub addition_embed_type: Option<String>,
    /// Width of each size's embedding.
    pub addition_time_embed_dim: Option<usize>,
    /// Width of pooled text and sizes together.
    pub projection_class_embeddings_input_dim: Option<usize>,
    /// Width of the time embedding; four times the first level's channels if absent.
    pub time_embedding_dim: Option<usize>,
    /// Width of the guidance embedding of latent consistency models.
    pub time_cond_proj_dim: Option<usize>,
    /// Kernel of the first convolution.
    pub conv_in_kernel: usize,
    /// Kernel of the last convolution.
    pub conv_out_kernel: usize,
    /// What 3x3 convolutions see around a picture: `zeros` or `reflect`; not in diffusers, which has zeros.
    pub padding_mode: String,
    /// Planes that tell where each place lies, added to what the first convolution makes: 4, see
    /// `planes` (`position.rs`), or 0; not in diffusers.
    pub position_planes: usize,
}

impl Default for UNetConfig {
    fn default() -> Self {
        let strings = |names: [&str; 4]| names.map(str::to_owned).to_vec();
        Self {
            sample_size: None,
            in_channels: 4,
            out_channels: 4,
            flip_sin_to_cos: true,
            freq_shift: 0.0,
            down_block_types: strings([
                "CrossAttnDownBlock2D",
                "CrossAttnDownBlock2D",
                "CrossAttnDownBlock2D",
                "DownBlock2D",
            ]),
            mid_block_type: Some("UNetMidBlock2DCrossAttn".to_owned()),
            up_block_types: strings([
                "UpBlock2D",
                "CrossAttnUpBlock2D",
                "CrossAttnUpBlock2D",
                "CrossAttnUpBlock2D",
            ]),
            block_out_channels: vec![320, 640, 1280, 1280],
            layers_per_block: PerLevel::Same(2),
            downsample_padding: 1,
            norm_num_groups: 32,
            norm_eps: 1e-5,
            cross_attention_dim: PerLevel::Same(1280),
            transformer_layers_per_block: PerLevel::Same(PerLevel::Same(1)),
            reverse_transformer_layers_per_block: None,
            attention_head_dim: PerLevel::Same(8),
            num_attention_heads: None,
            addition_embed_type: None,
            addition_time_embed_dim: None,
            projection_class_embeddings_input_dim: None,
            time_embedding_dim: None,
            time_cond_proj_dim: None,
            conv_in_kernel: 3,
            conv_out_kernel: 3,
            padding_mode: "zeros".to_owned(),
            position_planes: 0,
        }
    }
}

/// A value for all levels, or one for each.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)] // the list first: nested, `[1, 2]` means one for each level, not the same list for all
pub enum PerLevel<T> {
    /// One for each.
    Each(Vec<T>),
    /// The same for all.
    Same(T),
}

impl<T: Clone> PerLevel<T> {
    /// The value of level `idx`; `None` past the list's end.
    pub fn level(&self, idx: usize) -> Option<T> {
        match self {
            Self::Same(value) => Some(value.clone()),
            Self::Each(values) => values.get(idx).cloned(),
        }
    }
}

/// Keys that change what the network computes and that no supported family uses, with the one value that is supported.
const UNSUPPORTED: [(&str, &str); 22] = [
    ("act_fn", "\"silu\""),
    ("attention_type", "\"default\""),
    ("center_input_sample", "false"),
    ("class_embed_type", "null"),
    ("class_embeddings_concat", "false"),
    ("cross_attention_norm", "null"),
    ("dual_cross_attention", "false"),
    ("encoder_hid_dim", "null"),
    ("encoder_hid_dim_type", "null"),
    ("mid_block_only_cross_attention", "null"),
    ("mid_block_scale_factor", "1"),
    ("num_class_embeds", "null"),
    ("only_cross_attention", "false"),
    ("resnet_out_scale_factor", "1"),
    ("resnet_skip_time_act", "false"),
    ("resnet_time_scale_shift", "\"default\""),
    ("time_embedding_act_fn", "null"),
    ("time_embedding_type", "\"positional\""),
    ("timestep_post_act", "null"),
    ("upcast_attention", "false"),
    ("attention_bias", "false"),
    ("downsample_type", "\"conv\""),
];

/// Numbers that a network can have, generously.
const RANGES: [(&str, RangeInclusive<f64>); 21] = [
    ("addition_time_embed_dim", 2.0..=65536.0),
    ("attention_head_dim", 1.0..=65536.0),
    ("block_out_channels", 1.0..=65536.0),
    ("conv_in_kernel", 1.0..=9.0),
    ("conv_out_kernel", 1.0..=9.0),
    ("cross_attention_dim", 1.0..=65536.0),
    ("downsample_padding", 0.0..=1.0),
    ("freq_shift", -64.0..=1.0),
    ("in_channels", 1.0..=64.0),
    ("layers_per_block", 1.0..=64.0),
    ("norm_eps", 0.0..=1.0),
    ("norm_num_groups", 1.0..=65536.0),
    ("num_attention_heads", 1.0..=65536.0),
    ("out_channels", 1.0..=64.0),
    ("projection_class_embeddings_input_dim", 1.0..=1e6),
    ("reverse_transformer_layers_per_block", 0.0..=64.0),
    ("position_planes", 0.0..=64.0),
    ("sample_size", 1.0..=8192.0),
    ("time_cond_proj_dim", 2.0..=65536.0),
    ("time_embedding_dim", 1.0..=65536.0),
    ("transformer_layers_per_block", 0.0..=64.0),
];

impl UNetConfig {
    /// Reads and checks the file.
    ///
    /// # Errors
    /// [`Error::Weights`] naming the key that is wrong or not supported.
    pub fn read(file: &ConfigFile) -> Result<Self> {
        let unsupported = |key: &str, value: &Value| {
            Error::weights(&file.path, format!("{key} = {value} is not supported"))
                .with_hint("use a Stable Diffusion 1, 2, XL, Turbo or latent consistency model")
        };
        for (key, supported) in UNSUPPORTED {
            // Attention in f32 is what this program does anyway; swish is SiLU's other name.
            let is_harmless = |value: &Value| {
                (key == "upcast_attention" && value.is_boolean())
                    || (key == "act_fn" && value == "swish")
            };
            if let Some(value) = file.get(key)
                && !is_supported(value, supported)
                && !is_harmless(value)
            {
                return Err(unsupported(key, value));
            }
        }
        file.check_ranges(&RANGES)?;
        let config: Self = file.parse()?;
        let n_levels = config.block_out_channels.len();
        let wrong = |reason: &str| Error::weights(&file.path, reason);
        if n_levels == 0
            || config.down_block_types.len() != n_levels
            || config.up_block_types.len() != n_levels
        {
            return Err(wrong(
                "block_out_channels, down_block_types and up_block_types must have one entry a level",
            ));
        }
        if let Some(kind) = &config.addition_embed_type
            && kind != "text_time"
        {
            return Err(unsupported(
                "addition_embed_type",
                &Value::from(kind.as_str()),
            ));
        }
        let mode = config.padding_mode.as_str();
        if !PADDING_MODES.contains(&mode) {
            return Err(unsupported("padding_mode", &Value::from(mode)));
        }
        if ![0, N_PLANES].contains(&config.position_planes) {
            let n_planes = Value::from(config.position_planes);
            return Err(unsupported("position_planes", &n_planes));
        }
        Ok(config)
    }

    /// What 3x3 convolutions see around a picture.
    pub fn border(&self) -> Border {
        border_of(&self.padding_mode)
    }

    /// Number of levels.
    pub fn n_levels(&self) -> usize {
        self.block_out_channels.len()
    }

    /// Width of the time embedding.
    pub fn time_embedding_width(&self) -> usize {
        let first = self.block_out_channels.first().copied().unwrap_or_default();
        self.time_embedding_dim.unwrap_or(4 * first)
    }
}

/// Whether `value` is the supported one; a list of it (one entry a level) is fine too.
fn is_supported(value: &Value, supported: &str) -> bool {
    let equals = |value: &Value| {
        let supported: Option<Value> = serde_json::from_str(supported).ok();
        let number = supported.as_ref().and_then(Value::as_f64); // 1 and 1.0 are the same here
        supported.as_ref() == Some(value) || (number.is_some() && value.as_f64() == number)
    };
    match value {
        Value::Array(values) => values.iter().all(equals),
        Value::Null => true,
        value => equals(value),
    }
}
