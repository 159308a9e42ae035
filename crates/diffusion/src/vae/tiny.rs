use candle_core::Result as TensorResult;
use common::Result;

use super::bands;
use super::config::AutoencoderTinyConfig;
use crate::layers::{Activation, Conv2d, ConvSizes, Fusion, UpsampleConv, upsample_nearest};
use crate::weights::Weights;

/// Half of an `AutoencoderTiny` (TAESD): convolutions in a row, numbered through in the file.
#[derive(Debug)]
pub struct TinyNet {
    layers: Vec<Layer>,
    /// Number of the next layer in the file, where resizing and ReLU count too.
    next_idx: usize,
}

#[derive(Debug)]
enum Layer {
    Conv { conv: Conv2d, relu: bool },
    Block(Box<TinyBlock>),
    Doubled(Box<UpsampleConv>),
    Enlarged { factor: usize, conv: Conv2d },
}

impl TinyNet {
    /// Loads the decoder.
    pub fn load_decoder(w: &Weights, config: &AutoencoderTinyConfig) -> Result<Self> {
        let w = w.at("decoder.layers");
        let mut net = Self::empty();
        let first = config.decoder_block_out_channels.first().copied();
        let first = first.unwrap_or_default();
        let conv = Conv2d::load(w.at(net.skip(2)), config.latent_channels, first, 3)?;
        net.layers.push(Layer::Conv { conv, relu: true });
        let levels = config
            .num_decoder_blocks
            .iter()
            .zip(&config.decoder_block_out_channels);
        for (idx, (&n_blocks, &channels)) in levels.enumerate() {
            net.push_blocks(&w, n_blocks, channels)?;
            if idx + 1 < config.num_decoder_blocks.len() {
                net.skip(1);
                let w = w.at(net.skip(1));
                net.layers.push(match config.upsampling_scaling_factor {
                    2 => Layer::Doubled(Box::new(UpsampleConv::load_without_bias(w, channels)?)),
                    factor => {
                        let sizes = ConvSizes::same(channels, channels, 3);
                        let conv = Conv2d::load_without_bias(w, sizes)?;
                        Layer::Enlarged { factor, conv }
                    }
                });
            } else {
                let conv = Conv2d::load(w.at(net.skip(1)), channels, config.out_channels, 3)?;
                net.layers.push(Layer::Conv { conv, relu: false });
            }
        }
        Ok(net)
    }

    /// Loads the encoder.
    pub fn load_encoder(w: &Weights, config: &AutoencoderTinyConfig) -> Result<Self> {
        let w = w.at("encoder.layers");
        let mut net = Self::empty();
        let levels = config
            .num_encoder_blocks
            .iter()
            .zip(&config.encoder_block_out_channels);
        let mut last = config.in_channels;
        for (idx, (&n_blocks, &channels)) in levels.enumerate() {
            let w_conv = w.at(net.skip(1));
            let conv = if idx == 0 {
                Conv2d::load(w_conv, config.in_channels, channels, 3)?
            } else {
                let sizes = ConvSizes {
                    stride: 2,
                    ..ConvSizes::same(channels, channels, 3)
                };
                Conv2d::load_without_bias(w_conv, sizes)?
            };
            net.layers.push(Layer::Conv { conv, relu: false });
            net.push_blocks(&w, n_blocks, channels)?;
            last = channels;
        }
        let conv = Conv2d::load(w.at(net.skip(1)), last, config.latent_channels, 3)?;
        net.layers.push(Layer::Conv { conv, relu: false });
        Ok(net)
    }

    /// [`TinyNet::forward`] of a decoder in bands of about `band_pixels` of the picture: the same result.
    pub fn forward_in_bands(&self, x: &Activation, band_pixels: usize) -> TensorResult<Activation> {
        let (scale, reach) = self.scale_and_reach();
        bands::local(x, scale, reach, band_pixels, &|x| self.forward(x))
    }

    /// How much a decoder enlarges, and how many rows of its input a pixel's colour depends on above and below.
    fn scale_and_reach(&self) -> (usize, usize) {
        let mut scale = 1;
        let mut reach = 0.0;
        for layer in &self.layers {
            match layer {
                Layer::Conv { .. } => reach += 1.0 / scale as f64,
                Layer::Block(_) => reach += 3.0 / scale as f64,
                Layer::Doubled(_) => {
                    scale *= 2;
                    reach += 1.0 / scale as f64;
                }
                Layer::Enlarged { factor, .. } => {
                    scale *= factor;
                    reach += 1.0 / scale as f64;
                }
            }
        }
        (scale, reach.ceil() as usize + 1)
    }

    fn empty() -> Self {
        Self {
            layers: Vec::new(),
            next_idx: 0,
        }
    }

    /// The next layer's number, of `n` that are used up.
    fn skip(&mut self, n: usize) -> usize {
        self.next_idx += n;
        self.next_idx - n
    }

    fn push_blocks(&mut self, w: &Weights, n_blocks: usize, channels: usize) -> Result<()> {
        for _ in 0..n_blocks {
            let block = TinyBlock::load(&w.at(self.skip(1)), channels)?;
            self.layers.push(Layer::Block(Box::new(block)));
        }
        Ok(())
    }

    /// `[b, c, h, w]` through all layers.
    pub fn forward(&self, x: &Activation) -> TensorResult<Activation> {
        let mut x = x.clone();
        for layer in &self.layers {
            let (height, width) = x.size()?;
            x = match layer {
                Layer::Conv { conv, relu } => conv.forward_fused((&x).into(), fusion(*relu))?,
                Layer::Block(block) => block.forward(&x)?,
                Layer::Doubled(conv) => conv.forward(&x, 2 * height, 2 * width)?,
                Layer::Enlarged { factor, conv } => {
                    let x = upsample_nearest(&x, factor * height, factor * width)?;
                    conv.forward(&x)?
                }
            };
        }
        Ok(x)
    }
}

/// `AutoencoderTinyBlock`: three convolutions with a shortcut.
#[derive(Debug)]
struct TinyBlock {
    convs: [Conv2d; 3],
}

impl TinyBlock {
    fn load(w: &Weights, channels: usize) -> Result<Self> {
        let conv = |idx: usize| Conv2d::load(w.at("conv").at(idx), channels, channels, 3);
        Ok(Self {
            convs: [conv(0)?, conv(2)?, conv(4)?],
        })
    }

    fn forward(&self, x: &Activation) -> TensorResult<Activation> {
        let [first, second, third] = &self.convs;
        let h = first.forward_fused(x.into(), fusion(true))?;
        let h = second.forward_fused((&h).into(), fusion(true))?;
        let fusion = Fusion {
            residual: Some(x),
            ..fusion(true)
        };
        third.forward_fused((&h).into(), fusion)
    }
}

fn fusion(relu: bool) -> Fusion<'static> {
    Fusion {
        relu,
        ..Fusion::default()
    }
}
