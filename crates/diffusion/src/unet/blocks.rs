use candle_core::Result as TensorResult;
use common::Result;

use super::resnet::{Downsample, Norm, ResnetBlock};
use super::transformer::{Transformer, TransformerSizes};
use crate::layers::{Activation, Concat, UpsampleConv};
use crate::weights::Weights;

/// What the blocks of a level have in common.
#[derive(Clone, Debug)]
pub struct LevelSizes {
    /// Channels of the level.
    pub channels: usize,
    /// Transformer blocks after each residual layer; empty in blocks without attention.
    pub transformer_layers: Vec<usize>,
    /// Number of heads.
    pub n_heads: usize,
    /// Width of the text embeddings.
    pub context_width: usize,
    /// Width of the time embedding.
    pub time_width: usize,
    /// Normalisation of the residual layers.
    pub norm: Norm,
}

impl LevelSizes {
    fn transformer(&self, w: &Weights, layer: usize) -> Result<Option<Transformer>> {
        let Some(&n_blocks) = self.transformer_layers.get(layer) else {
            return Ok(None);
        };
        let sizes = TransformerSizes {
            channels: self.channels,
            n_heads: self.n_heads,
            n_blocks,
            context_width: self.context_width,
            n_groups: self.norm.n_groups,
        };
        Transformer::load(&w.at("attentions").at(layer), sizes).map(Some)
    }

    fn resnet(&self, w: &Weights, layer: usize, c_in: usize) -> Result<ResnetBlock> {
        ResnetBlock::load(
            &w.at("resnets").at(layer),
            c_in,
            self.channels,
            Some(self.time_width),
            self.norm,
        )
    }
}

/// `DownBlock2D` and `CrossAttnDownBlock2D`.
#[derive(Debug)]
pub struct DownBlock {
    layers: Vec<(ResnetBlock, Option<Transformer>)>,
    downsample: Option<Downsample>,
}

impl DownBlock {
    /// A block of `n_layers` from `c_in` channels; with `downsample_padding`, it ends in half the size.
    pub fn load(
        w: &Weights,
        c_in: usize,
        n_layers: usize,
        sizes: &LevelSizes,
        downsample_padding: Option<usize>,
    ) -> Result<Self> {
        let layers = (0..n_layers).map(|layer| {
            let c_in = if layer == 0 { c_in } else { sizes.channels };
            Ok((sizes.resnet(w, layer, c_in)?, sizes.transformer(w, layer)?))
        });
        Ok(Self {
            layers: layers.collect::<Result<_>>()?,
            downsample: downsample_padding
                .map(|padding| Downsample::load(&w.at("downsamplers.0"), sizes.channels, padding))
                .transpose()?,
        })
    }

    /// The output; every layer's output is pushed on `skips` for the up block of the level.
    pub fn forward(
        &self,
        x: Activation,
        time: &Activation,
        context: &Activation,
        skips: &mut Vec<Activation>,
    ) -> TensorResult<Activation> {
        let mut x = x;
        for (resnet, transformer) in &self.layers {
            x = resnet.forward(&x, Some(time))?;
            if let Some(transformer) = transformer {
                x = transformer.forward(&x, context)?;
            }
            skips.push(x.clone());
        }
        if let Some(downsample) = &self.downsample {
            x = downsample.forward(&x)?;
            skips.push(x.clone());
        }
        Ok(x)
    }
}

/// `UNetMidBlock2DCrossAttn`, and `UNetMidBlock2D` without attention, which has a single residual layer here.
#[derive(Debug)]
pub struct MidBlock {
    first: ResnetBlock,
    rest: Vec<(Transformer, ResnetBlock)>,
}

impl MidBlock {
    /// One transformer and residual layer more for each entry of `sizes.transformer_layers`.
    pub fn load(w: &Weights, sizes: &LevelSizes) -> Result<Self> {
        let mut rest = Vec::new();
        for layer in 0..sizes.transformer_layers.len() {
            if let Some(transformer) = sizes.transformer(w, layer)? {
                rest.push((transformer, sizes.resnet(w, layer + 1, sizes.channels)?));
            }
        }
        Ok(Self {
            first: sizes.resnet(w, 0, sizes.channels)?,
            rest,
        })
    }

    /// `[b, c, h, w]`, same shape out.
    pub fn forward(
        &self,
        x: &Activation,
        time: &Activation,
        context: &Activation,
    ) -> TensorResult<Activation> {
        let mut x = self.first.forward(x, Some(time))?;
        for (transformer, resnet) in &self.rest {
            x = resnet.forward(&transformer.forward(&x, context)?, Some(time))?;
        }
        Ok(x)
    }
}

/// `UpBlock2D` and `CrossAttnUpBlock2D`.
#[derive(Debug)]
pub struct UpBlock {
    layers: Vec<(ResnetBlock, Option<Transformer>)>,
    upsample: Option<UpsampleConv>,
}

impl UpBlock {
    /// A block of as many layers as there are `skip_channels`, the channels that each layer takes from the down path.
    pub fn load(
        w: &Weights,
        c_in: usize,
        skip_channels: &[usize],
        sizes: &LevelSizes,
        upsamples: bool,
    ) -> Result<Self> {
        let layers = skip_channels.iter().enumerate().map(|(layer, c_skip)| {
            let c_in = if layer == 0 { c_in } else { sizes.channels };
            Ok((
                sizes.resnet(w, layer, c_in + c_skip)?,
                sizes.transformer(w, layer)?,
            ))
        });
        Ok(Self {
            layers: layers.collect::<Result<_>>()?,
            upsample: upsamples
                .then(|| UpsampleConv::load(w.at("upsamplers.0.conv"), sizes.channels))
                .transpose()?,
        })
    }

    /// The output; the level's outputs of the down path are popped off `skips`.
    pub fn forward(
        &self,
        x: Activation,
        time: &Activation,
        context: &Activation,
        skips: &mut Vec<Activation>,
    ) -> TensorResult<Activation> {
        let mut x = x;
        for (resnet, transformer) in &self.layers {
            let skip = skips.pop().ok_or_else(|| {
                candle_core::Error::msg("the up path has more layers than the down path")
            })?;
            let concat = Concat {
                first: &x,
                second: Some(&skip),
            };
            x = resnet.forward(concat, Some(time))?;
            if let Some(transformer) = transformer {
                x = transformer.forward(&x, context)?;
            }
        }
        match (&self.upsample, skips.last()) {
            // To the size of the next skip, which is not twice the size where that was odd.
            (Some(upsample), Some(skip)) => {
                let (height, width) = skip.size()?;
                upsample.forward(&x, height, width)
            }
            _ => Ok(x),
        }
    }
}
