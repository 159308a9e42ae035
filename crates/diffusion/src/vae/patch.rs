//! `PatchAutoencoder`, of which the bundled model has the decoder: latents a sixteenth of the picture's sides, 3x3 and 1x1
//! convolutions and ReLU alone. A linear code of patches goes all the way beside the layers. See
//! `model/training/f16c16/autoencoder.py`, whose names the tensors have.

use std::ops::RangeInclusive;

use candle_core::Result as TensorResult;
use common::{Error, Result};
use kernels::Border;
use serde::Deserialize;

use super::bands;
use super::config::require;
use crate::layers::{Activation, Conv2d, Fusion, pixel_shuffle};
use crate::model::ConfigFile;
use crate::weights::Weights;

/// Numbers that such an autoencoder can have, generously.
const RANGES: [(&str, RangeInclusive<f64>); 7] = [
    ("in_channels", 1.0..=64.0),
    ("latent_channels", 1.0..=64.0),
    ("layers", 0.0..=64.0),
    ("out_channels", 1.0..=64.0),
    ("patch", 1.0..=16.0),
    ("refine", 1.0..=65536.0),
    ("widths", 1.0..=65536.0),
];
/// How much smaller a side is where the layers are deepest than where they are shallowest: two halvings.
const SHRINK: usize = 4;

/// `vae/config.json` of a `PatchAutoencoder`. What the file leaves out is as in the training's recipe.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct PatchAutoencoderConfig {
    /// Channels of a picture.
    pub in_channels: usize,
    /// Channels of a picture.
    pub out_channels: usize,
    /// Channels of the latents.
    pub latent_channels: usize,
    /// Side of the squares of pixels that are the channels of the shallowest layers.
    pub patch: usize,
    /// Channels at the latents' size, and at twice that.
    pub widths: [usize; 2],
    /// Residual blocks at the latents' size, and at twice that.
    pub layers: [usize; 2],
    /// Channels inside of the block at four times the latents' size.
    pub refine: usize,
}

impl Default for PatchAutoencoderConfig {
    fn default() -> Self {
        Self {
            in_channels: 3,
            out_channels: 3,
            latent_channels: 16,
            patch: 4,
            widths: [160, 64],
            layers: [2, 1],
            refine: 40,
        }
    }
}

impl PatchAutoencoderConfig {
    /// Reads and checks the file.
    ///
    /// # Errors
    /// [`Error::Weights`] naming the key that is wrong or not supported.
    pub fn read(file: &ConfigFile) -> Result<Self> {
        require(file, "act_fn", &["relu"])?;
        require(file, "padding_mode", &["reflect"])?;
        file.check_ranges(&RANGES)?;
        let config: Self = file.parse()?;
        if (config.in_channels, config.out_channels) != (3, 3) {
            return Err(Error::weights(
                &file.path,
                "in_channels and out_channels must be 3, those of a picture",
            ));
        }
        Ok(config)
    }

    /// Pixels along one side of a latent.
    pub fn scale(&self) -> usize {
        SHRINK * self.patch
    }

    /// Channels of the shallowest layers: the pixels of a square.
    fn flat(&self) -> usize {
        self.out_channels * self.patch * self.patch
    }

    /// Channels of the linear code's patches.
    fn linear(&self) -> usize {
        self.flat() * SHRINK * SHRINK
    }
}

/// `x + conv2(relu(conv1(relu(x))))`, 3x3.
#[derive(Debug)]
struct Residual {
    /// Whether the first ReLU is left out, as where `x` is a picture.
    is_picture: bool,
    conv1: Conv2d,
    conv2: Conv2d,
}

impl Residual {
    fn load(w: &Weights, channels: usize, inner: usize, is_picture: bool) -> Result<Self> {
        Ok(Self {
            is_picture,
            conv1: Conv2d::load(w.at("conv1"), channels, inner, 3)?,
            conv2: Conv2d::load(w.at("conv2"), inner, channels, 3)?,
        })
    }

    fn forward(&self, x: &Activation) -> TensorResult<Activation> {
        let first = Fusion {
            relu_before: !self.is_picture,
            relu: true,
            ..Fusion::default()
        };
        let h = self.conv1.forward_fused(x.into(), first)?;
        let second = Fusion {
            residual: Some(x),
            ..Fusion::default()
        };
        self.conv2.forward_fused((&h).into(), second)
    }
}

/// Blocks one after the other.
fn load_blocks(w: &Weights, count: usize, channels: usize) -> Result<Vec<Residual>> {
    (0..count)
        .map(|idx| Residual::load(&w.at(idx), channels, channels, false))
        .collect()
}

fn run_blocks(blocks: &[Residual], x: Activation) -> TensorResult<Activation> {
    blocks.iter().try_fold(x, |x, block| block.forward(&x))
}

/// ReLU before a convolution.
fn rectified() -> Fusion<'static> {
    Fusion {
        relu_before: true,
        ..Fusion::default()
    }
}

/// Latents to a picture.
#[derive(Debug)]
pub struct PatchDecoder {
    linear: Conv2d,
    conv_in: Conv2d,
    deep: Vec<Residual>,
    up1: Conv2d,
    middle: Vec<Residual>,
    up2: Conv2d,
    refine: Residual,
    patch: usize,
}

impl PatchDecoder {
    /// Loads the decoder of the whole autoencoder's weights.
    pub fn load(w: &Weights, config: &PatchAutoencoderConfig) -> Result<Self> {
        let w = &w.clone().with_border(Border::Reflect);
        let ([deep, middle], [n_deep, n_middle]) = (config.widths, config.layers);
        let (flat, latents) = (config.flat(), config.latent_channels);
        let linear = w.at("linear").at("decode");
        let w = w.at("decoder");
        Ok(Self {
            linear: Conv2d::load(linear, latents, config.linear(), 3)?,
            conv_in: Conv2d::load(w.at("conv_in"), latents, deep, 3)?,
            deep: load_blocks(&w.at("deep"), n_deep, deep)?,
            up1: Conv2d::load(w.at("up1"), deep, 4 * middle, 1)?,
            middle: load_blocks(&w.at("middle"), n_middle, middle)?,
            up2: Conv2d::load(w.at("up2"), middle, 4 * flat, 1)?,
            refine: Residual::load(&w.at("refine"), flat, config.refine, true)?,
            patch: config.patch,
        })
    }

    /// `[b, latent_channels, h, w]` to `[b, 3, h * scale, w * scale]`.
    pub fn forward(&self, latents: &Activation) -> TensorResult<Activation> {
        let x = run_blocks(&self.deep, self.conv_in.forward(latents)?)?;
        let x = self.up1.forward_fused((&x).into(), rectified())?;
        let x = run_blocks(&self.middle, pixel_shuffle(&x, 2, None)?)?;
        let x = self.up2.forward_fused((&x).into(), rectified())?;
        let line = pixel_shuffle(&self.linear.forward(latents)?, SHRINK, None)?;
        let x = self.refine.forward(&pixel_shuffle(&x, 2, Some(&line))?)?;
        pixel_shuffle(&x, self.patch, None)
    }

    /// [`PatchDecoder::forward`] in bands of about `band_pixels` of the picture: the same result.
    pub fn forward_in_bands(
        &self,
        latents: &Activation,
        band_pixels: usize,
    ) -> TensorResult<Activation> {
        let scale = SHRINK * self.patch;
        bands::local(latents, scale, self.reach(), band_pixels, &|x| {
            self.forward(x)
        })
    }

    /// How many rows of latents a pixel's colour depends on above and below.
    fn reach(&self) -> usize {
        // In rows of a quarter latent: a convolution sees one row of its own size.
        let quarters = SHRINK * (1 + 2 * self.deep.len()) + 2 * 2 * self.middle.len() + 2;
        quarters.div_ceil(SHRINK)
    }
}

/// A picture to latents.
#[derive(Debug)]
pub struct PatchEncoder {
    linear: Conv2d,
    refine: Residual,
    down1: Conv2d,
    middle: Vec<Residual>,
    down2: Conv2d,
    deep: Vec<Residual>,
    out: Conv2d,
    patch: usize,
}

impl PatchEncoder {
    /// Loads the encoder of the whole autoencoder's weights.
    pub fn load(w: &Weights, config: &PatchAutoencoderConfig) -> Result<Self> {
        let w = &w.clone().with_border(Border::Reflect);
        let ([deep, middle], [n_deep, n_middle]) = (config.widths, config.layers);
        let (flat, latents) = (config.flat(), config.latent_channels);
        let linear = w.at("linear").at("encode");
        let w = w.at("encoder");
        Ok(Self {
            linear: Conv2d::load(linear, config.linear(), latents, 1)?,
            refine: Residual::load(&w.at("refine"), flat, config.refine, true)?,
            down1: Conv2d::load(w.at("down1"), 4 * flat, middle, 1)?,
            middle: load_blocks(&w.at("middle"), n_middle, middle)?,
            down2: Conv2d::load(w.at("down2"), 4 * middle, deep, 1)?,
            deep: load_blocks(&w.at("deep"), n_deep, deep)?,
            out: Conv2d::load(w.at("out"), deep, latents, 3)?,
            patch: config.patch,
        })
    }

    /// Pictures in -1..=1, `[b, 3, h * scale, w * scale]`, to latents `[b, latent_channels, h, w]`.
    pub fn forward(&self, pictures: &Activation) -> TensorResult<Activation> {
        let squares = |x: &Activation, side| {
            let squares = candle_nn::ops::pixel_unshuffle(&x.to_tensor()?, side)?;
            squares.contiguous().map(Activation::Tensor)
        };
        let line = self
            .linear
            .forward(&squares(pictures, SHRINK * self.patch)?)?;
        let x = self.refine.forward(&squares(pictures, self.patch)?)?;
        let x = run_blocks(&self.middle, self.down1.forward(&squares(&x, 2)?)?)?;
        let x = run_blocks(&self.deep, self.down2.forward(&squares(&x, 2)?)?)?;
        let fusion = Fusion {
            residual: Some(&line),
            ..rectified()
        };
        self.out.forward_fused((&x).into(), fusion)
    }
}
