//! Convolutions and linear layers, with the steps around them fused in.

use super::gemm_shape::{Border, GemmShape};
use super::tiles::Tile;
use super::{ChannelAffine, Pointwise, kernel, misfit, names, sizes, to_u32};
use crate::array::{Array, Element, Shape};
use crate::backend::{Buffer, Gpu};
use crate::call::Call;
use crate::ops::layer_norm::{LayerNorm, Moments};
use crate::{Error, Result};

/// What a product reads: `relu(silu(norm(x)))`, each step where it is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The first channels.
    pub first: &'a Array,
    /// The channels after them.
    pub second: Option<&'a Array>,
    /// Height and width to which the input is enlarged beforehand, by the nearest neighbour.
    pub size: Option<(usize, usize)>,
    /// A normalisation of each image's channels.
    pub affine: Option<&'a ChannelAffine>,
    /// A normalisation of each token; of an input in one part.
    pub layer: Option<&'a LayerNorm>,
    /// Whether SiLU is applied after it.
    pub silu: bool,
    /// Whether negative values become zero.
    pub relu: bool,
}

impl<'a> Input<'a> {
    /// The values as they are.
    pub fn plain(first: &'a Array) -> Self {
        Self {
            first,
            second: None,
            size: None,
            affine: None,
            layer: None,
            silu: false,
            relu: false,
        }
    }

    fn has_prologue(&self) -> bool {
        self.affine.is_some() || self.layer.is_some() || self.silu || self.relu
    }

    /// Whether it takes long to compute, so that it is better done once than for every tap and tile of channels.
    fn is_costly(&self) -> bool {
        self.affine.is_some() || self.silu
    }
}

/// What is done to the output while it is stored, in this order.
#[derive(Clone, Copy, Debug, Default)]
pub struct Epilogue<'a> {
    /// Added to every pixel, one row of `out_channels` for each image.
    pub channel_bias: Option<&'a Array>,
    /// Added value by value; as large as the output.
    pub residual: Option<&'a Array>,
    /// Whether negative values become zero.
    pub relu: bool,
}

/// A convolution or a linear layer, with its weights on the GPU.
#[derive(Debug)]
pub struct Gemm {
    gpu: Gpu,
    shape: GemmShape,
    element: Element,
    weights: Buffer,
    bias: Buffer,
}

/// Channels that a workgroup works on at once.
const DEPTH: usize = 16;
/// The widest tile, in quads of channels.
const WIDEST: usize = 32;

impl Gemm {
    /// Brings `weight`, `[out_channels][in_channels][kernel][kernel]`, to the GPU; an empty bias counts as zeros. Gated layers
    /// have twice as many output channels in both.
    ///
    /// # Errors
    /// [`Error::Shape`] if there aren't as many weights as `shape` says; when memory doesn't suffice or the GPU fails.
    pub fn new(
        gpu: &Gpu,
        shape: GemmShape,
        element: Element,
        weight: &[f32],
        bias: &[f32],
    ) -> Result<Self> {
        let n_out = shape.out_channels * (1 + usize::from(shape.gated));
        let n_taps = shape.kernel * shape.kernel;
        if weight.len() != n_out * shape.in_channels * n_taps
            || !(bias.is_empty() || bias.len() == n_out)
        {
            return misfit(format!("{} weights for {shape:?}", weight.len()));
        }
        if shape.border == Border::Reflect && shape.padding.max(shape.end_padding) > 1 {
            return misfit(format!(
                "a picture is reflected in one pixel only, not in {shape:?}"
            ));
        }
        let columns = 4 * shape.columns();
        let depth = shape.in_channels.next_multiple_of(4);
        // Tiles reach beyond the last row and column: what is behind them is multiplied by zeros, and must be finite.
        let mut rows = vec![0.0; (n_taps * depth + DEPTH) * columns + 4 * WIDEST];
        let mut biases = vec![0.0; columns];
        for (out, weight) in weight
            .chunks_exact((shape.in_channels * n_taps).max(1))
            .enumerate()
        {
            let column = shape.column(out);
            if let (Some(to), Some(from)) = (biases.get_mut(column), bias.get(out)) {
                *to = *from;
            }
            for (channel, taps) in weight.chunks_exact(n_taps).enumerate() {
                for (tap, value) in taps.iter().enumerate() {
                    if let Some(to) = rows.get_mut((tap * depth + channel) * columns + column) {
                        *to = *value;
                    }
                }
            }
        }
        Ok(Self {
            weights: gpu.upload(&element.encode(&rows))?,
            bias: gpu.upload(bytemuck::cast_slice(&biases))?,
            gpu: gpu.clone(),
            shape,
            element,
        })
    }

    /// What it is.
    pub fn shape(&self) -> GemmShape {
        self.shape
    }

    /// How its weights are stored, and its input has to be.
    pub fn element(&self) -> Element {
        self.element
    }

    /// The product of `input`: `[batch][height'][width'][out_channels]`.
    ///
    /// # Errors
    /// [`Error::Shape`] if inputs don't fit; when memory doesn't suffice or the GPU fails.
    pub fn forward(&self, input: &Input<'_>, epilogue: &Epilogue<'_>) -> Result<Array> {
        let stored = self.check(input)?;
        let (in_height, in_width) = input.size.unwrap_or((stored.height, stored.width));
        let shape = Shape {
            batch: stored.batch,
            height: self.shape.output(in_height)?,
            width: self.shape.output(in_width)?,
            channels: self.shape.out_channels,
        };
        check_epilogue(epilogue, shape, self.element)?;
        let n_out = 4 * self.shape.columns();
        let tile = Tile::of(
            self.gpu.class(),
            self.element,
            (shape.plane(), n_out),
            self.shape.gated,
        );
        let n_tiles = n_out.div_ceil(16 * tile.channels);
        if input.is_costly() && input.layer.is_none() && self.shape.kernel > 1 && n_tiles > 1 {
            let prepared = Pointwise {
                second: input.second,
                affine: input.affine,
                silu: input.silu,
                ..Pointwise::default()
            }
            .forward(input.first)?;
            let prepared = Input {
                size: input.size,
                relu: input.relu,
                ..Input::plain(&prepared)
            };
            return self.run(&prepared, epilogue, shape, tile);
        }
        if input.second.is_some() && !input.first.shape().channels.is_multiple_of(4) {
            let joined = Pointwise {
                second: input.second,
                ..Pointwise::default()
            }
            .forward(input.first)?;
            let joined = Input {
                first: &joined,
                second: None,
                ..*input
            };
            return self.run(&joined, epilogue, shape, tile);
        }
        self.run(input, epilogue, shape, tile)
    }

    /// The shape of the input with all its channels.
    fn check(&self, input: &Input<'_>) -> Result<Shape> {
        let first = input.first.shape();
        let second = input.second.map_or(0, |second| second.shape().channels);
        let all = first.with_channels(first.channels + second);
        if all.channels != self.shape.in_channels {
            return misfit(format!(
                "{} channels go into a layer for {}",
                all.channels, self.shape.in_channels
            ));
        }
        if input
            .second
            .is_some_and(|x| x.shape().with_channels(0) != first.with_channels(0))
        {
            return misfit("two inputs of different sizes");
        }
        let arrays = [Some(input.first), input.second];
        if arrays
            .into_iter()
            .flatten()
            .any(|x| x.element() != self.element || !x.gpu().is(&self.gpu))
        {
            return misfit("an input of another element type, or on another GPU");
        }
        if input.layer.is_some() && (second > 0 || input.size.is_some()) {
            return misfit("a layer normalisation is for tokens in one part");
        }
        if let Some(affine) = input.affine {
            affine.check(all)?;
        }
        Ok(all)
    }

    fn run(
        &self,
        input: &Input<'_>,
        epilogue: &Epilogue<'_>,
        shape: Shape,
        tile: Tile,
    ) -> Result<Array> {
        let stored = input.first.shape();
        let y = Array::allocate(&self.gpu, self.element, shape)?;
        let moments = match input.layer {
            Some(layer) => Some(Moments::of(layer, input.first)?),
            None => None,
        };
        let mut buffers = vec![input.first.buffer()];
        buffers.extend(input.second.map(Array::buffer));
        buffers.extend([&self.weights, &self.bias]);
        buffers.extend(input.affine.map(ChannelAffine::buffer));
        if let (Some(layer), Some(moments)) = (input.layer, &moments) {
            buffers.extend([moments.buffer(), layer.weights()]);
        }
        buffers.extend(epilogue.channel_bias.map(Array::buffer));
        buffers.extend(epilogue.residual.map(Array::buffer));
        buffers.push(y.buffer());

        let columns = self.shape.columns();
        let second = input.second.map_or(0, |second| second.shape().quads());
        let (in_height, in_width) = input.size.unwrap_or((stored.height, stored.width));
        let n_products = shape.plane()
            * 4
            * columns
            * self.shape.kernel
            * self.shape.kernel
            * self.shape.in_channels;
        self.gpu.run(&Call {
            template: kernel!("gemm"),
            names: names(self.element)
                .number("TM", to_u32(tile.pixels)?)
                .number("TN", to_u32(tile.channels)?)
                .number("X_ROW", to_u32(4 * tile.pixels + 1)?)
                .number("W_ROW", to_u32(4 * tile.channels)?)
                .choice("SECOND", input.second.is_some())
                .choice("RESIZED", input.size.is_some())
                .choice("AFFINE", input.affine.is_some())
                .choice("LAYER", input.layer.is_some())
                .choice("SILU", input.silu)
                .choice("RELU_BEFORE", input.relu)
                .choice("REFLECT", self.shape.border == Border::Reflect)
                .choice("PROLOGUE", input.has_prologue())
                .choice("CHANNEL_BIAS", epilogue.channel_bias.is_some())
                .choice("RESIDUAL", epilogue.residual.is_some())
                .choice("RELU", epilogue.relu)
                .choice("GATED", self.shape.gated),
            buffers: &buffers,
            n_written: 1,
            sizes: &sizes([
                0,
                shape.height,
                shape.width,
                in_height,
                in_width,
                stored.height,
                stored.width,
                stored.quads(),
                second,
                shape.quads(),
                columns,
                self.shape.kernel,
                self.shape.stride,
                self.shape.padding,
            ])?,
            groups: [
                to_u32(shape.plane().div_ceil(16 * tile.pixels))?,
                to_u32(columns.div_ceil(4 * tile.channels))?,
                to_u32(shape.batch)?,
            ],
            n_products: n_products as f64,
        })?;
        Ok(y)
    }
}

fn check_epilogue(epilogue: &Epilogue<'_>, shape: Shape, element: Element) -> Result<()> {
    let fits =
        |array: &Array, expected: Shape| array.shape() == expected && array.element() == element;
    let row = Shape {
        height: 1,
        width: 1,
        ..shape
    };
    let bias_fits = epilogue.channel_bias.is_none_or(|bias| fits(bias, row));
    let residual_fits = epilogue
        .residual
        .is_none_or(|residual| fits(residual, shape));
    match bias_fits && residual_fits {
        true => Ok(()),
        false => Err(Error::Shape(format!(
            "what is added to an output doesn't have its shape {shape:?}"
        ))),
    }
}
