use candle_core::Result as TensorResult;
use common::Result;

use crate::layers::{
    Activation, GroupNorm, Heads, LayerNorm, Linear, attention, to_picture, to_tokens,
};
use crate::weights::Weights;

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
    pub fn forward(&self, x: &Activation, context: &Activation) -> TensorResult<Activation> {
        let tokens = to_tokens(&self.norm.forward(x)?)?; // [b, h * w, c]
        let mut tokens = self.proj_in.forward(&tokens)?;
        for block in &self.blocks {
            tokens = block.forward(&tokens, context)?;
        }
        to_picture(&self.proj_out.forward(&tokens)?, x)
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

    fn forward(&self, x: &Activation, context: &Activation) -> TensorResult<Activation> {
        let x = self.attn1.forward(x, None, &self.norm1)?;
        let x = self.attn2.forward(&x, Some(context), &self.norm2)?;
        self.feed_forward.forward(&x, &self.norm3)
    }
}

/// Attention with projections; queries, keys and values have no bias.
#[derive(Debug)]
struct Attention {
    to_q: Linear,
    to_k: Linear,
    to_v: Linear,
    to_out: Linear,
    heads: Heads,
}

impl Attention {
    fn load(w: &Weights, width: usize, context_width: usize, n_heads: usize) -> Result<Self> {
        if n_heads == 0 || !width.is_multiple_of(n_heads) {
            return Err(w.misfit(format!(
                "attention_head_dim = {n_heads} must divide the level's {width} channels"
            )));
        }
        Ok(Self {
            to_q: Linear::load_without_bias(w.at("to_q"), width, width)?,
            to_k: Linear::load_without_bias(w.at("to_k"), context_width, width)?,
            to_v: Linear::load_without_bias(w.at("to_v"), context_width, width)?,
            to_out: Linear::load(w.at("to_out.0"), width, width)?,
            heads: Heads {
                count: n_heads,
                causal: false,
                method: w.method(),
            },
        })
    }

    /// `x` plus the attention of its normalised self to itself, or to `context` `[b, m, context_width]`.
    fn forward(
        &self,
        x: &Activation,
        context: Option<&Activation>,
        norm: &LayerNorm,
    ) -> TensorResult<Activation> {
        let q = self.to_q.forward_fused(x, Some(norm), None)?;
        let (k, v) = match context {
            Some(context) => (self.to_k.forward(context)?, self.to_v.forward(context)?),
            None => (
                self.to_k.forward_fused(x, Some(norm), None)?,
                self.to_v.forward_fused(x, Some(norm), None)?,
            ),
        };
        let seen = attention(&q, &k, &v, self.heads)?;
        self.to_out.forward_fused(&seen, None, Some(x))
    }
}

/// Four times as wide inside, gated by GELU.
#[derive(Debug)]
struct FeedForward {
    proj: Linear,
    out: Linear,
}

impl FeedForward {
    fn load(w: &Weights, width: usize) -> Result<Self> {
        let inner = 4 * width;
        Ok(Self {
            proj: Linear::load_gated(w.at("0.proj"), width, inner)?,
            out: Linear::load(w.at(2), inner, width)?,
        })
    }

    fn forward(&self, x: &Activation, norm: &LayerNorm) -> TensorResult<Activation> {
        let inner = self.proj.forward_fused(x, Some(norm), None)?;
        self.out.forward_fused(&inner, None, Some(x))
    }
}
