use common::Result;
use serde::Serialize;
use timeline::Size;

use super::part::Part;
use super::sizes::ModelSizes;
use super::source::ModelSource;
use super::unet::UNetConfig;
use super::vae::VaeConfig;

/// Bytes of a number on the CPU, where everything is computed in f32.
const NUMBER: u64 = 4;
/// Transformed weights of a convolution in proportion to its plain ones: 36 places instead of 9.
const WINOGRAD: u64 = 4;
/// Pixels that are decoded in one piece at most; larger pictures are decoded in tiles.
pub(super) const MAX_DECODED: u64 = 1 << 20;
/// Pictures of the decoder's finest level that exist at once: a layer's input and output, the residual that is added, and
/// what is copied on the way.
pub(super) const N_DECODED: u64 = 4;
/// Layers of a denoiser's level whose outputs exist at once, besides the skip connections.
const N_DENOISED: u64 = 6;

/// Memory that drawing one frame on the CPU needs, about: the larger of the text encoders' and the denoiser's phase, since
/// text encoders are unloaded before the denoiser is loaded. A GPU computes in half precision and needs about half.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MemoryNeed {
    /// Size of the drawing.
    pub size: Size,
    /// Weights of the denoiser and the decoder as the kernels want them, or of the text models where those are larger.
    pub weights_bytes: u64,
    /// Weights, and what exists beside them at the highest moment.
    pub peak_bytes: u64,
}

impl MemoryNeed {
    /// What `model`, whose parts have `sizes`, needs for a drawing of `size`.
    ///
    /// # Errors
    /// [`common::Error::Weights`] if a configuration is missing or malformed.
    pub fn of(model: &ModelSource, sizes: &ModelSizes, size: Size) -> Result<Self> {
        let unet = UNetConfig::read(&model.config(Part::UNet)?)?;
        let vae = VaeConfig::read(&model.config(Part::Vae)?)?;
        let drawing = sizes.n_unet_parameters
            + sizes.n_decoder_parameters
            + WINOGRAD * sizes.n_winograd_parameters;
        let n_pixels = u64::from(size.width) * u64::from(size.height);
        let scale = vae.scale() as u64;
        let values =
            denoised(&unet, n_pixels / (scale * scale).max(1)).max(decoded(&vae, n_pixels));
        let weights_bytes = NUMBER.saturating_mul(drawing.max(sizes.n_text_parameters));
        let peak = NUMBER.saturating_mul(drawing.saturating_add(values));
        Ok(Self {
            size,
            weights_bytes,
            peak_bytes: peak.max(NUMBER.saturating_mul(sizes.n_text_parameters)),
        })
    }
}

/// Values that exist at once while the denoiser runs over `n_latents` places: the outputs of all layers on the way down, and
/// those of some layers of the level that takes most.
pub(super) fn denoised(unet: &UNetConfig, n_latents: u64) -> u64 {
    let levels = unet.block_out_channels.iter().enumerate();
    let level = |(idx, channels): (usize, &usize)| {
        let n_layers = unet.layers_per_block.level(idx).unwrap_or(1) as u64 + 1;
        let layer = (*channels as u64).saturating_mul(n_latents >> (2 * idx).min(63));
        (layer, layer.saturating_mul(n_layers))
    };
    let (mut highest, mut waiting) = (0, 0u64);
    for (layer, all) in levels.map(level) {
        highest = layer.max(highest);
        waiting = waiting.saturating_add(all);
    }
    waiting.saturating_add(highest.saturating_mul(N_DENOISED))
}

/// Values that exist at once while a picture of `n_pixels` is decoded: the finest level's, whose input still has the
/// channels of the level below.
fn decoded(vae: &VaeConfig, n_pixels: u64) -> u64 {
    decoded_layer(vae, n_pixels.min(MAX_DECODED)).saturating_mul(N_DECODED)
}

/// Values of the largest layer while pictures of `n_pixels` together are decoded in one piece.
pub(super) fn decoded_layer(vae: &VaeConfig, n_pixels: u64) -> u64 {
    let channels = match vae {
        VaeConfig::Kl(config) => config.block_out_channels.iter().take(2).max(),
        VaeConfig::Tiny(config) => config.decoder_block_out_channels.last(),
        // Nothing is as large as the picture itself, with its squares of pixels as channels.
        VaeConfig::Patch(config) => Some(&config.out_channels),
    };
    let channels = channels.copied().unwrap_or_default() as u64;
    channels.saturating_mul(n_pixels)
}
