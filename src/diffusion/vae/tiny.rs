use candle_core::{Result as TensorResult, Tensor};

use super::bands;
use super::config::AutoencoderTinyConfig;
use crate::Result;
use crate::diffusion::layers::{Around, Conv2d, ConvSizes};
use crate::diffusion::ops;
use crate::diffusion::weights::Weights;

/// Half of an `AutoencoderTiny` (TAESD): convolutions in a row, numbered through in the file.
#[derive(Debug)]
pub struct TinyNet {
    layers: Vec<Layer>,
}

#[derive(Debug)]
enum Layer {
    Conv(Conv2d),
    Relu,
    Block(Box<TinyBlock>),
    Upsample(usize),
}

impl TinyNet {
    /// Loads the decoder.
    pub fn load_decoder(w: &Weights, config: &AutoencoderTinyConfig) -> Result<Self> {
        let w = w.at("decoder.layers");
        let mut net = Self { layers: Vec::new() };
        let first = config.decoder_block_out_channels.first().copied();
        let first = first.unwrap_or_default();
        let conv = Conv2d::load(w.at(net.next_idx()), config.latent_channels, first, 3)?;
        net.layers.push(Layer::Conv(conv));
        net.layers.push(Layer::Relu);
        let levels = config
            .num_decoder_blocks
            .iter()
            .zip(&config.decoder_block_out_channels);
        for (idx, (&n_blocks, &channels)) in levels.enumerate() {
            net.push_blocks(&w, n_blocks, channels)?;
            if idx + 1 < config.num_decoder_blocks.len() {
                net.layers
                    .push(Layer::Upsample(config.upsampling_scaling_factor));
                let conv = Conv2d::load_without_bias(
                    w.at(net.next_idx()),
                    ConvSizes::same(channels, channels, 3),
                )?;
                net.layers.push(Layer::Conv(conv));
            } else {
                let conv = Conv2d::load(w.at(net.next_idx()), channels, config.out_channels, 3)?;
                net.layers.push(Layer::Conv(conv));
            }
        }
        Ok(net)
    }

    /// Loads the encoder.
    pub fn load_encoder(w: &Weights, config: &AutoencoderTinyConfig) -> Result<Self> {
        let w = w.at("encoder.layers");
        let mut net = Self { layers: Vec::new() };
        let levels = config
            .num_encoder_blocks
            .iter()
            .zip(&config.encoder_block_out_channels);
        let mut last = config.in_channels;
        for (idx, (&n_blocks, &channels)) in levels.enumerate() {
            let conv = if idx == 0 {
                Conv2d::load(w.at(net.next_idx()), config.in_channels, channels, 3)?
            } else {
                {
                    let sizes = ConvSizes {
                        stride: 2,
                        ..ConvSizes::same(channels, channels, 3)
                    };
                    Conv2d::load_without_bias(w.at(net.next_idx()), sizes)?
                }
            };
            net.layers.push(Layer::Conv(conv));
            net.push_blocks(&w, n_blocks, channels)?;
            last = channels;
        }
        let conv = Conv2d::load(w.at(net.next_idx()), last, config.latent_channels, 3)?;
        net.layers.push(Layer::Conv(conv));
        Ok(net)
    }

    /// [`TinyNet::forward`] of a decoder in bands of about `band_pixels` of the picture: the same result.
    pub fn forward_in_bands(&self, x: &Tensor, band_pixels: usize) -> TensorResult<Tensor> {
        let (scale, reach) = self.scale_and_reach();
        bands::local(x, scale, reach, band_pixels, &|x| self.forward(x))
    }

    /// How much a decoder enlarges, and how many rows of its input a pixel's colour depends on above and below.
    fn scale_and_reach(&self) -> (usize, usize) {
        let mut scale = 1;
        let mut reach = 0.0;
        for layer in &self.layers {
            match layer {
                Layer::Conv(_) => reach += 1.0 / scale as f64,
                Layer::Block(_) => reach += 3.0 / scale as f64,
                Layer::Relu => {}
                Layer::Upsample(factor) => scale *= factor,
            }
        }
        (scale, reach.ceil() as usize + 1)
    }

    fn next_idx(&self) -> usize {
        self.layers.len()
    }

    fn push_blocks(&mut self, w: &Weights, n_blocks: usize, channels: usize) -> Result<()> {
        for _ in 0..n_blocks {
            let block = TinyBlock::load(&w.at(self.next_idx()), channels)?;
            self.layers.push(Layer::Block(Box::new(block)));
        }
        Ok(())
    }

    /// `[b, c, h, w]` through all layers.
    pub fn forward(&self, x: &Tensor) -> TensorResult<Tensor> {
        let mut x = x.clone();
        for layer in &self.layers {
            x = match layer {
                Layer::Conv(conv) => conv.forward(&x)?,
                Layer::Relu => x.relu()?,
                Layer::Block(block) => block.forward(&x)?,
                Layer::Upsample(factor) => {
                    let (_, _, height, width) = x.dims4()?;
                    ops::upsample_nearest(&x, factor * height, factor * width)?
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

    fn forward(&self, x: &Tensor) -> TensorResult<Tensor> {
        let [first, second, third] = &self.convs;
        let h = second.forward(&first.forward(x)?.relu()?)?.relu()?;
        let residual = Some(x);
        let around = Around {
            residual,
            ..Around::default()
        };
        third.forward_around((&h).into(), around)?.relu()
    }
}
