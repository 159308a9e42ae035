use candle_core::{Result as TensorResult, Tensor};
use common::Result;

use super::bands::{self, Rows};
use super::config::AutoencoderKlConfig;
use crate::layers::{
    Activation, Conv2d, Fusion, GroupNorm, Heads, Linear, UpsampleConv, attention, pixel_shuffle,
    to_picture, to_tokens,
};
use crate::unet::{Downsample, Norm, ResnetBlock};
use crate::weights::{Weights, border_of};

/// Epsilon of every normalisation; fixed in diffusers' `AutoencoderKL`.
const NORM_EPS: f64 = 1e-6;

/// Decoder half of `AutoencoderKL`, with its 1x1 convolution in front.
#[derive(Debug)]
pub struct KlDecoder {
    post_quant_conv: Option<Conv2d>,
    conv_in: Conv2d,
    mid_block: MidBlock,
    up_blocks: Vec<UpDecoderBlock>,
    conv_norm_out: GroupNorm,
    conv_out: Conv2d,
    pixel_shuffle: usize,
}

impl KlDecoder {
    /// Loads the decoder of the whole autoencoder's weights.
    pub fn load(w: &Weights, config: &AutoencoderKlConfig) -> Result<Self> {
        let border = border_of(&config.padding_mode);
        let decoder = w.at("decoder").with_border(border);
        let norm = norm(config);
        let latent_channels = config.latent_channels;
        let widest = config
            .block_out_channels
            .last()
            .copied()
            .unwrap_or_default();
        let n_levels = config.block_out_channels.len();
        let mut c_in = widest;
        let mut up_blocks = Vec::with_capacity(n_levels);
        for (idx, &channels) in config.block_out_channels.iter().rev().enumerate() {
            up_blocks.push(UpDecoderBlock::load(
                &decoder.at("up_blocks").at(idx),
                c_in,
                channels,
                config.layers_per_block + 1,
                norm,
                idx + 1 < n_levels,
            )?);
            c_in = channels;
        }
        Ok(Self {
            post_quant_conv: config
                .use_post_quant_conv
                .then(|| Conv2d::load(w.at("post_quant_conv"), latent_channels, latent_channels, 1))
                .transpose()?,
            conv_in: Conv2d::load(decoder.at("conv_in"), latent_channels, widest, 3)?,
            mid_block: MidBlock::load(&decoder.at("mid_block"), widest, config)?,
            up_blocks,
            conv_norm_out: GroupNorm::load(
                decoder.at("conv_norm_out"),
                c_in,
                norm.n_groups,
                norm.eps,
            )?,
            conv_out: Conv2d::load(decoder.at("conv_out"), c_in, config.out_channels, 3)?,
            pixel_shuffle: config.pixel_shuffle,
        })
    }

    /// `[b, latent_channels, h, w]`, already divided by the scaling factor, to `[b, 3, h * scale, w * scale]`.
    pub fn forward(&self, latents: &Activation) -> TensorResult<Activation> {
        let mut x = self.middle(latents)?;
        for block in &self.up_blocks {
            x = block.forward(x)?;
        }
        let norm = Some(&self.conv_norm_out);
        let fusion = Fusion {
            norm,
            ..Fusion::default()
        };
        self.shuffled(self.conv_out.forward_fused((&x).into(), fusion)?)
    }

    /// Channels laid out as squares of pixels, where the model has that.
    fn shuffled(&self, picture: Activation) -> TensorResult<Activation> {
        match self.pixel_shuffle {
            1 => Ok(picture),
            side => pixel_shuffle(&picture, side, None),
        }
    }
}

impl KlDecoder {
    /// Everything at the size of the latents: `[b, widest, h, w]`.
    fn middle(&self, latents: &Activation) -> TensorResult<Activation> {
        let x = match &self.post_quant_conv {
            Some(conv) => conv.forward(latents)?,
            None => latents.clone(),
        };
        self.mid_block.forward(&self.conv_in.forward(&x)?)
    }

    /// [`KlDecoder::forward`] in bands of about `band_pixels` of the picture, for pictures that are too large for it: the same
    /// result, since normalisations see the whole picture. Takes about one and a half times as long.
    pub fn forward_in_bands(
        &self,
        latents: &Activation,
        band_pixels: usize,
    ) -> TensorResult<Activation> {
        let mut x = Rows::stored(self.middle(latents)?);
        for block in &self.up_blocks {
            for resnet in &block.resnets {
                x = Rows::stored(bands::resnet(resnet, &x, band_pixels)?);
            }
            if let Some(upsample) = &block.upsample {
                x = x.enlarged(upsample);
            }
        }
        self.shuffled(bands::norm_conv(
            &self.conv_norm_out,
            &self.conv_out,
            &x,
            band_pixels,
        )?)
    }
}

/// Encoder half of `AutoencoderKL`, with its 1x1 convolution after.
#[derive(Debug)]
pub struct KlEncoder {
    conv_in: Conv2d,
    down_blocks: Vec<(Vec<ResnetBlock>, Option<Downsample>)>,
    mid_block: MidBlock,
    conv_norm_out: GroupNorm,
    conv_out: Conv2d,
    quant_conv: Option<Conv2d>,
}

impl KlEncoder {
    /// Loads the encoder of the whole autoencoder's weights.
    pub fn load(w: &Weights, config: &AutoencoderKlConfig) -> Result<Self> {
        let encoder = w.at("encoder");
        let norm = norm(config);
        let first = config
            .block_out_channels
            .first()
            .copied()
            .unwrap_or_default();
        let n_levels = config.block_out_channels.len();
        let mut c_in = first;
        let mut down_blocks = Vec::with_capacity(n_levels);
        for (idx, &channels) in config.block_out_channels.iter().enumerate() {
            let block = encoder.at("down_blocks").at(idx);
            let resnets = load_resnets(&block, c_in, channels, config.layers_per_block, norm)?;
            // The picture is padded at the right and the bottom only.
            let downsample = (idx + 1 < n_levels)
                .then(|| Downsample::load(&block.at("downsamplers.0"), channels, 0))
                .transpose()?;
            down_blocks.push((resnets, downsample));
            c_in = channels;
        }
        let moments = 2 * config.latent_channels;
        Ok(Self {
            conv_in: Conv2d::load(encoder.at("conv_in"), config.in_channels, first, 3)?,
            down_blocks,
            mid_block: MidBlock::load(&encoder.at("mid_block"), c_in, config)?,
            conv_norm_out: GroupNorm::load(
                encoder.at("conv_norm_out"),
                c_in,
                norm.n_groups,
                norm.eps,
            )?,
            conv_out: Conv2d::load(encoder.at("conv_out"), c_in, moments, 3)?,
            quant_conv: config
                .use_quant_conv
                .then(|| Conv2d::load(w.at("quant_conv"), moments, moments, 1))
                .transpose()?,
        })
    }

    /// A picture in -1..=1, `[b, 3, h, w]`, to the mean and log variance of its latents, not yet scaled.
    pub fn forward(&self, picture: &Activation) -> TensorResult<(Tensor, Tensor)> {
        let mut x = self.conv_in.forward(picture)?;
        for (resnets, downsample) in &self.down_blocks {
            for resnet in resnets {
                x = resnet.forward(&x, None)?;
            }
            if let Some(downsample) = downsample {
                x = downsample.forward(&x)?;
            }
        }
        let x = self.mid_block.forward(&x)?;
        let mut moments = self
            .conv_out
            .forward(&self.conv_norm_out.forward_silu(&x)?)?;
        if let Some(conv) = &self.quant_conv {
            moments = conv.forward(&moments)?;
        }
        let moments = moments.to_tensor()?;
        let n_channels = moments.dim(1)? / 2;
        let mean = moments.narrow(1, 0, n_channels)?;
        let log_variance = moments
            .narrow(1, n_channels, n_channels)?
            .clamp(-30f64, 20f64)?;
        Ok((mean, log_variance))
    }
}

fn norm(config: &AutoencoderKlConfig) -> Norm {
    Norm {
        n_groups: config.norm_num_groups,
        eps: NORM_EPS,
    }
}

fn load_resnets(
    w: &Weights,
    c_in: usize,
    channels: usize,
    n_layers: usize,
    norm: Norm,
) -> Result<Vec<ResnetBlock>> {
    (0..n_layers)
        .map(|layer| {
            let c_in = if layer == 0 { c_in } else { channels };
            ResnetBlock::load(&w.at("resnets").at(layer), c_in, channels, None, norm)
        })
        .collect()
}

/// Two residual layers around attention over all pixels.
#[derive(Debug)]
struct MidBlock {
    first: ResnetBlock,
    attention: Option<VaeAttention>,
    second: ResnetBlock,
}

impl MidBlock {
    fn load(w: &Weights, channels: usize, config: &AutoencoderKlConfig) -> Result<Self> {
        let norm = norm(config);
        let resnet = |idx: usize| {
            ResnetBlock::load(&w.at("resnets").at(idx), channels, channels, None, norm)
        };
        Ok(Self {
            first: resnet(0)?,
            attention: config
                .mid_block_add_attention
                .then(|| VaeAttention::load(&w.at("attentions.0"), channels, norm))
                .transpose()?,
            second: resnet(1)?,
        })
    }

    fn forward(&self, x: &Activation) -> TensorResult<Activation> {
        let mut x = self.first.forward(x, None)?;
        if let Some(attention) = &self.attention {
            x = attention.forward(&x)?;
        }
        self.second.forward(&x, None)
    }
}

/// Attention with a single head.
#[derive(Debug)]
struct VaeAttention {
    group_norm: GroupNorm,
    to_q: Linear,
    to_k: Linear,
    to_v: Linear,
    to_out: Linear,
    heads: Heads,
}

impl VaeAttention {
    fn load(w: &Weights, channels: usize, norm: Norm) -> Result<Self> {
        // Files from before diffusers 0.17 have other names.
        let load = |name: &str, old_name: &str| {
            let is_old = w.has(&format!("{old_name}.weight"));
            Linear::load(
                w.at(if is_old { old_name } else { name }),
                channels,
                channels,
            )
        };
        Ok(Self {
            group_norm: GroupNorm::load(w.at("group_norm"), channels, norm.n_groups, norm.eps)?,
            to_q: load("to_q", "query")?,
            to_k: load("to_k", "key")?,
            to_v: load("to_v", "value")?,
            to_out: load("to_out.0", "proj_attn")?,
            heads: Heads {
                count: 1,
                causal: false,
                method: w.method(),
            },
        })
    }

    fn forward(&self, x: &Activation) -> TensorResult<Activation> {
        let tokens = to_tokens(&self.group_norm.forward(x)?)?; // [b, h * w, c]
        let q = self.to_q.forward(&tokens)?;
        let k = self.to_k.forward(&tokens)?;
        let v = self.to_v.forward(&tokens)?;
        to_picture(
            &self.to_out.forward(&attention(&q, &k, &v, self.heads)?)?,
            x,
        )
    }
}

/// `UpDecoderBlock2D`.
#[derive(Debug)]
struct UpDecoderBlock {
    resnets: Vec<ResnetBlock>,
    upsample: Option<UpsampleConv>,
}

impl UpDecoderBlock {
    fn load(
        w: &Weights,
        c_in: usize,
        channels: usize,
        n_layers: usize,
        norm: Norm,
        upsamples: bool,
    ) -> Result<Self> {
        Ok(Self {
            resnets: load_resnets(w, c_in, channels, n_layers, norm)?,
            upsample: upsamples
                .then(|| UpsampleConv::load(w.at("upsamplers.0.conv"), channels))
                .transpose()?,
        })
    }

    fn forward(&self, x: Activation) -> TensorResult<Activation> {
        let mut x = x;
        for resnet in &self.resnets {
            x = resnet.forward(&x, None)?;
        }
        match &self.upsample {
            Some(upsample) => {
                let (height, width) = x.size()?;
                upsample.forward(&x, 2 * height, 2 * width)
            }
            None => Ok(x),
        }
    }
}
