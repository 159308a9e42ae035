use std::ops::RangeInclusive;

use common::{Error, Result};
use serde::Deserialize;
use serde_json::Value;

use crate::model::ConfigFile;
use crate::weights::PADDING_MODES;

/// Numbers that an autoencoder can have, generously.
const RANGES: [(&str, RangeInclusive<f64>); 13] = [
    ("block_out_channels", 1.0..=65536.0),
    ("decoder_block_out_channels", 1.0..=65536.0),
    ("encoder_block_out_channels", 1.0..=65536.0),
    ("in_channels", 1.0..=64.0),
    ("latent_channels", 1.0..=64.0),
    ("layers_per_block", 0.0..=64.0),
    ("norm_num_groups", 1.0..=65536.0),
    ("num_decoder_blocks", 0.0..=64.0),
    ("num_encoder_blocks", 0.0..=64.0),
    ("out_channels", 1.0..=64.0),
    ("scaling_factor", 1e-6..=1e6),
    ("shift_factor", -1e6..=1e6),
    ("upsampling_scaling_factor", 1.0..=8.0),
];
/// Most levels; each but the last halves height and width.
const MAX_LEVELS: usize = 8;

/// `vae/config.json` of an `AutoencoderKL`. What the file leaves out has diffusers' default.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct AutoencoderKlConfig {
    /// Channels of a picture.
    pub in_channels: usize,
    /// Channels of the decoder's last convolution: 3 for every pixel of a [`pixel_shuffle`](Self::pixel_shuffle) square.
    pub out_channels: usize,
    /// Side of the square of pixels into which the decoder's channels are laid out at the end (sub-pixel convolution, Shi et
    /// al. 2016): its pictures are this many times as large as those that the encoder sees. 1 = none; not in diffusers.
    pub pixel_shuffle: usize,
    /// What the decoder's 3x3 convolutions see around a picture: `zeros` or `reflect`; not in diffusers, which has zeros.
    pub padding_mode: String,
    /// Channels of each level, finest first.
    pub block_out_channels: Vec<usize>,
    /// Residual layers of each level of the encoder; the decoder's levels have one more.
    pub layers_per_block: usize,
    /// Channels of the latents.
    pub latent_channels: usize,
    /// Groups of the normalisations.
    pub norm_num_groups: usize,
    /// Latents are divided by this before decoding.
    pub scaling_factor: f64,
    /// Added after the division.
    pub shift_factor: Option<f64>,
    /// Mean of the latents in training, one a channel.
    pub latents_mean: Option<Vec<f64>>,
    /// Deviation of the latents in training, one a channel.
    pub latents_std: Option<Vec<f64>>,
    /// Whether a 1x1 convolution follows the encoder.
    pub use_quant_conv: bool,
    /// Whether a 1x1 convolution precedes the decoder.
    pub use_post_quant_conv: bool,
    /// Whether the middle has attention.
    pub mid_block_add_attention: bool,
    /// Whether it overflows in half precision: SDXL's does.
    pub force_upcast: bool,
}

impl Default for AutoencoderKlConfig {
    fn default() -> Self {
        Self {
            in_channels: 3,
            out_channels: 3,
            pixel_shuffle: 1,
            padding_mode: "zeros".to_owned(),
            block_out_channels: vec![64],
            layers_per_block: 1,
            latent_channels: 4,
            norm_num_groups: 32,
            scaling_factor: 0.18215,
            shift_factor: None,
            latents_mean: None,
            latents_std: None,
            use_quant_conv: true,
            use_post_quant_conv: true,
            mid_block_add_attention: true,
            force_upcast: true,
        }
    }
}

impl AutoencoderKlConfig {
    /// Reads and checks the file.
    ///
    /// # Errors
    /// [`Error::Weights`] naming the key that is wrong or not supported.
    pub fn read(file: &ConfigFile) -> Result<Self> {
        require(file, "act_fn", &["silu", "swish"])?;
        require(file, "padding_mode", &PADDING_MODES)?;
        require_all(file, "down_block_types", "DownEncoderBlock2D")?;
        require_all(file, "up_block_types", "UpDecoderBlock2D")?;
        file.check_ranges(&RANGES)?;
        let config: Self = file.parse()?;
        for (key, values) in [
            ("latents_mean", &config.latents_mean),
            ("latents_std", &config.latents_std),
        ] {
            let n_values = values.as_ref().map(Vec::len);
            if n_values.is_some_and(|n| n != config.latent_channels) {
                return Err(Error::weights(
                    &file.path,
                    format!(
                        "{key} must have latent_channels = {} values",
                        config.latent_channels
                    ),
                ));
            }
        }
        if !(1..=MAX_LEVELS).contains(&config.block_out_channels.len()) {
            return Err(Error::weights(
                &file.path,
                format!("block_out_channels must have 1 to {MAX_LEVELS} entries"),
            ));
        }
        let square = config.pixel_shuffle.saturating_mul(config.pixel_shuffle);
        if config.pixel_shuffle == 0 || config.out_channels != square.saturating_mul(3) {
            return Err(Error::weights(
                &file.path,
                format!(
                    "out_channels = {} must be 3 * pixel_shuffle^2, with pixel_shuffle = {} above 0",
                    config.out_channels, config.pixel_shuffle
                ),
            ));
        }
        check_scale(file, config.scaling_factor)?;
        Ok(config)
    }
}

/// `vae/config.json` of an `AutoencoderTiny`. What the file leaves out has diffusers' default.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct AutoencoderTinyConfig {
    /// Channels of a picture.
    pub in_channels: usize,
    /// Channels of a picture.
    pub out_channels: usize,
    /// Channels of the encoder's levels, finest first.
    pub encoder_block_out_channels: Vec<usize>,
    /// Channels of the decoder's levels, coarsest first.
    pub decoder_block_out_channels: Vec<usize>,
    /// Channels of the latents.
    pub latent_channels: usize,
    /// Growth of height and width at every level.
    pub upsampling_scaling_factor: usize,
    /// Blocks of the encoder's levels.
    pub num_encoder_blocks: Vec<usize>,
    /// Blocks of the decoder's levels.
    pub num_decoder_blocks: Vec<usize>,
    /// Latents are divided by this before decoding.
    pub scaling_factor: f64,
    /// Whether it overflows in half precision.
    pub force_upcast: bool,
}

impl Default for AutoencoderTinyConfig {
    fn default() -> Self {
        Self {
            in_channels: 3,
            out_channels: 3,
            encoder_block_out_channels: vec![64; 4],
            decoder_block_out_channels: vec![64; 4],
            latent_channels: 4,
            upsampling_scaling_factor: 2,
            num_encoder_blocks: vec![1, 3, 3, 3],
            num_decoder_blocks: vec![3, 3, 3, 1],
            scaling_factor: 1.0,
            force_upcast: false,
        }
    }
}

impl AutoencoderTinyConfig {
    /// Reads and checks the file.
    ///
    /// # Errors
    /// [`Error::Weights`] naming the key that is wrong or not supported.
    pub fn read(file: &ConfigFile) -> Result<Self> {
        require(file, "act_fn", &["relu"])?;
        require(file, "upsample_fn", &["nearest"])?;
        file.check_ranges(&RANGES)?;
        let config: Self = file.parse()?;
        let same_levels = |blocks: &[usize], channels: &[usize]| {
            (1..=MAX_LEVELS).contains(&blocks.len()) && blocks.len() == channels.len()
        };
        if !same_levels(
            &config.num_decoder_blocks,
            &config.decoder_block_out_channels,
        ) || !same_levels(
            &config.num_encoder_blocks,
            &config.encoder_block_out_channels,
        ) {
            return Err(Error::weights(
                &file.path,
                "the lists of blocks and channels must have one entry a level",
            ));
        }
        check_scale(file, config.scaling_factor)?;
        Ok(config)
    }
}

fn check_scale(file: &ConfigFile, scaling_factor: f64) -> Result<()> {
    if scaling_factor.is_finite() && scaling_factor > 0.0 {
        return Ok(());
    }
    Err(Error::weights(
        &file.path,
        format!("scaling_factor = {scaling_factor} must be above 0"),
    ))
}

fn unsupported(file: &ConfigFile, key: &str, value: &Value) -> Error {
    Error::weights(&file.path, format!("{key} = {value} is not supported"))
}

/// Refuses a value of `key` that isn't one of those that are supported.
pub(super) fn require(file: &ConfigFile, key: &str, supported: &[&str]) -> Result<()> {
    match file.get(key) {
        Some(value) if !value.as_str().is_some_and(|text| supported.contains(&text)) => {
            Err(unsupported(file, key, value))
        }
        _ => Ok(()),
    }
}

fn require_all(file: &ConfigFile, key: &str, supported: &str) -> Result<()> {
    let Some(value) = file.get(key) else {
        return Ok(());
    };
    let kinds = value.as_array().map(Vec::as_slice).unwrap_or_default();
    if kinds.iter().all(|kind| kind.as_str() == Some(supported)) {
        Ok(())
    } else {
        Err(unsupported(file, key, value))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::vae::VaeConfig;

    fn read(values: Value) -> Result<VaeConfig> {
        let Value::Object(values) = values else {
            panic!("an object")
        };
        let path = "vae/config.json".into();
        VaeConfig::read(&ConfigFile { path, values })
    }

    #[test]
    fn pixel_shuffle_enlarges() {
        let levels = [8, 16, 32, 64];
        let plain = json!({ "block_out_channels": levels });
        assert_eq!(read(plain).unwrap().scale(), 8);
        let shuffled =
            json!({ "block_out_channels": levels, "out_channels": 12, "pixel_shuffle": 2 });
        assert_eq!(read(shuffled).unwrap().scale(), 16);
    }

    #[test]
    fn channels_must_fill_the_squares() {
        for (out_channels, pixel_shuffle) in [(12, 1), (3, 2), (3, 0), (0, 0), (12, usize::MAX)] {
            let values = json!({ "out_channels": out_channels, "pixel_shuffle": pixel_shuffle });
            let error = read(values).unwrap_err().to_string();
            assert!(error.contains("out_channels"), "{error}");
        }
    }
}
