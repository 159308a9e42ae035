use candle_core::{Result as TensorResult, Tensor};

use crate::Result;
use crate::diffusion::layers::{GatedLinear, GroupNorm, LayerNorm, Linear};
use crate::diffusion::ops;
use crate::diffusion::weights::Weights;

/// Epsilon of the transformer's group normalisation; fixed in diffusers' `Transformer2DModel`.
const NORM_EPS: f64 = 1e-6;
/// Epsilon of the layer normalisations; PyTorch's default.
const LAYER_NORM_EPS: f64 = 1e-5;

/// Sizes of a [`Transformer`].
#[derive(Clone, Copy, Debug)]
pub struct TransformerSizes {
    /// Channels of the picture, and width of the tokens.
    pub channels: usize,
    /// Number of heads.
    pub n_heads: usize,
    /// Number of blocks.
    pub n_blocks: usize,
    /// Width of the text embeddings.
    pub context_width: usize,
    /// Groups of the normalisation.
    pub n_groups: usize,
}

/// `Transformer2DModel`: every pixel is a token, which looks at the other pixels and at the prompt.
#[derive(Debug)]
pub struct Transformer {
    norm: GroupNorm,
    proj_in: Linear,
    blocks: Vec<TransformerBlock>,
    proj_out: Linear,
}

impl Transformer {
    /// `proj_in` and `proj_out` are linear layers or 1x1 convolutions in the file: the same numbers, the same result.
    pub fn load(w: &Weights, sizes: TransformerSizes) -> Result<Self> {
        let channels = sizes.channels;
        let blocks = w.at("transformer_blocks");
        Ok(Self {
            norm: GroupNorm::load(w.at("norm"), channels, sizes.n_groups, NORM_EPS)?,
            proj_in: Linear::load(w.at("proj_in"), channels, channels)?,
            blocks: (0..sizes.n_blocks)
                .map(|idx| TransformerBlock::load(&blocks.at(idx), sizes))
                .collect::<Result<_>>()?,
            proj_out: Linear::load(w.at("proj_out"), channels, channels)?,
        })
    }

    /// `x` is `[b, c, h, w]`, `context` `[b, tokens, context_width]`.
    pub fn forward(&self, x: &Tensor, context: &Tensor) -> TensorResult<Tensor> {
        let (batch, channels, height, width) = x.dims4()?;
        let tokens = self.norm.forward(x)?.flatten_from(2)?.transpose(1, 2)?; // [b, h * w, c]
        let mut tokens = self.proj_in.forward(&tokens)?;
        for block in &self.blocks {
            tokens = block.forward(&tokens, context)?;
        }
        let picture = self
            .proj_out
            .forward(&tokens)?
            .transpose(1, 2)?
            .contiguous()?
            .reshape((batch, channels, height, width))?;
        picture + x
    }
}

/// `BasicTransformerBlock`: self-attention, attention to the prompt, feed-forward; each on normalised input, each added.
#[derive(Debug)]
struct TransformerBlock {
    norm1: LayerNorm,
    attn1: Attention,
    norm2: LayerNorm,
    attn2: Attention,
    norm3: LayerNorm,
    feed_forward: FeedForward,
}

impl TransformerBlock {
    fn load(w: &Weights, sizes: TransformerSizes) -> Result<Self> {
        let width = sizes.channels;
        let norm = |name| LayerNorm::load(w.at(name), width, LAYER_NORM_EPS);
        Ok(Self {
            norm1: norm("norm1")?,
            attn1: Attention::load(&w.at("attn1"), width, width, sizes.n_heads)?,
            norm2: norm("norm2")?,
            attn2: Attention::load(&w.at("attn2"), width, sizes.context_width, sizes.n_heads)?,
            norm3: norm("norm3")?,
            feed_forward: FeedForward::load(&w.at("ff.net"), width)?,
        })
    }

    fn forward(&self, x: &Tensor, context: &Tensor) -> TensorResult<Tensor> {
        let x = self.attn1.forward(&self.norm1, x, None)?;
        let x = self.attn2.forward(&self.norm2, &x, Some(context))?;
        self.feed_forward.forward(&self.norm3, &x)
    }
}

/// Attention with projections; queries, keys and values have no bias.
#[derive(Debug)]
struct Attention {
    to_q: Linear,
    to_k: Linear,
    to_v: Linear,
    to_out: Linear,
    n_heads: usize,
}

impl Attention {
    fn load(w: &Weights, width: usize, context_width: usize, n_heads: usize) -> Result<Self> {
        if n_heads == 0 || !width.is_multiple_of(n_heads) {
            return Err(crate::Error::Config {
                name: "attention_head_dim",
                value: n_heads.to_string(),
                allowed: format!("the number of heads must divide the level's {width} channels"),
            });
        }
        Ok(Self {
            to_q: Linear::load_without_bias(w.at("to_q"), width, width)?,
            to_k: Linear::load_without_bias(w.at("to_k"), context_width, width)?,
            to_v: Linear::load_without_bias(w.at("to_v"), context_width, width)?,
            to_out: Linear::load(w.at("to_out.0"), width, width)?,
            n_heads,
        })
    }

    /// `x` plus what `norm(x)`, `[b, n, width]`, sees of `context`, `[b, m, context_width]`, or of itself.
    fn forward(
        &self,
        norm: &LayerNorm,
        x: &Tensor,
        context: Option<&Tensor>,
    ) -> TensorResult<Tensor> {
        let project = |map: &Linear| match context {
            Some(context) => map.forward(context),
            None => map.forward_normed(norm, x),
        };
        let (k, v) = (project(&self.to_k)?, project(&self.to_v)?);
        let q = self.to_q.forward_normed(norm, x)?;
        let seen = ops::attention(&q, &k, &v, self.n_heads, false)?;
        self.to_out.forward_added(&seen, x)
    }
}

/// Four times as wide inside, gated by GELU.
#[derive(Debug)]
struct FeedForward {
    proj: GatedLinear,
    out: Linear,
}

impl FeedForward {
    fn load(w: &Weights, width: usize) -> Result<Self> {
        let inner = 4 * width;
        Ok(Self {
            proj: GatedLinear::load(&w.at("0.proj"), width, inner)?,
            out: Linear::load(w.at(2), inner, width)?,
        })
    }

    /// `x` plus its feed-forward.
    fn forward(&self, norm: &LayerNorm, x: &Tensor) -> TensorResult<Tensor> {
        self.out
            .forward_added(&self.proj.forward_normed(norm, x)?, x)
    }
}
