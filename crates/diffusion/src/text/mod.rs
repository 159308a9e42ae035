//! Prompts become embeddings: tokens, one or two CLIP text models, weights of words, and chunks of long prompts.

mod added_words;
mod clip;
mod prompt;
#[cfg(test)]
mod tests;
mod tokenizer;

use candle_core::{D, DType, Device, Result as TensorResult, Tensor};

pub use clip::{ClipConfig, ClipOutput, ClipTextModel};
pub use prompt::{COMMA_BACKTRACK, Chunk, ChunkFormat, Piece, parse};
pub use tokenizer::Tokenizer;

use common::{Error, Result};

use super::part::Part;
use super::source::ModelSource;
use super::weights::{Located, Weights};

/// A prompt as the UNet is conditioned on it.
#[derive(Clone, Debug)]
pub struct TextEmbedding {
    /// `[1, tokens, d]`; the number of tokens is a multiple of the text model's length.
    pub context: Tensor,
    /// `[1, d]`; of two text models only the last one's.
    pub pooled: Option<Tensor>,
}

/// A tokenizer and its text model.
#[derive(Debug)]
pub struct TextEncoder {
    /// Words to ids.
    pub tokenizer: Tokenizer,
    /// Ids to embeddings.
    pub model: ClipTextModel,
}

/// Which hidden state of a text model the UNet was trained on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HiddenState {
    /// The last, after the final layer normalisation; with clip skip `k`, the one `k` layers earlier, normalised too.
    Last {
        /// Layers left out.
        clip_skip: usize,
    },
    /// SDXL: the last but one without normalisation; with clip skip `k`, the one `k` layers earlier.
    Penultimate {
        /// Layers left out.
        clip_skip: usize,
    },
}

impl TextEncoder {
    /// The hidden state that the UNet sees, `[b, tokens, d]`.
    ///
    /// # Errors
    /// [`Error::Config`] if more layers are to be skipped than there are.
    pub fn select(&self, output: &ClipOutput, which: HiddenState) -> Result<Tensor> {
        let n_states = output.hidden_states.len();
        let (clip_skip, n_back) = match which {
            HiddenState::Last { clip_skip: 0 } => return Ok(output.last_hidden_state.clone()),
            HiddenState::Last { clip_skip } => (clip_skip, clip_skip + 1),
            HiddenState::Penultimate { clip_skip } => (clip_skip, clip_skip + 2),
        };
        let state = n_states
            .checked_sub(n_back)
            .and_then(|idx| output.hidden_states.get(idx));
        let state = state.ok_or_else(|| Error::Config {
            name: "clip_skip",
            value: clip_skip.to_string(),
            allowed: format!("this model's text encoder has {} layers", n_states - 1),
        })?;
        match which {
            HiddenState::Last { .. } => self.model.final_layer_norm(state),
            HiddenState::Penultimate { .. } => Ok(state.clone()),
        }
    }

    /// The chunks of a prompt, at least one.
    ///
    /// # Errors
    /// [`Error::Weights`] if the vocabulary can't express the text.
    pub fn chunks(&self, text: &str, comma_backtrack: usize) -> Result<Vec<Chunk>> {
        let len = self.model.config().max_position_embeddings;
        self.tokenizer.chunks(text, len, comma_backtrack)
    }

    /// Embeddings of chunks side by side, `[1, chunks * tokens, d]`, and the first chunk's pooled embedding, `[1, d]`.
    ///
    /// # Errors
    /// When the device or the memory fails.
    pub fn encode(&self, chunks: &[Chunk], which: HiddenState) -> Result<(Tensor, Tensor)> {
        let ids: Vec<Vec<u32>> = chunks.iter().map(|chunk| chunk.ids.clone()).collect();
        let output = self.model.forward(&ids)?;
        let states = self.select(&output, which)?; // [chunks, tokens, d]
        let join = || -> TensorResult<(Tensor, Tensor)> {
            let weighted = chunks.iter().enumerate().map(|(idx, chunk)| {
                let state = states.get(idx)?;
                match chunk
                    .weights
                    .iter()
                    .all(|weight| weight.to_bits() == 1f32.to_bits())
                {
                    true => Ok(state),
                    false => weigh(&state, &chunk.weights),
                }
            });
            let context = Tensor::cat(&weighted.collect::<TensorResult<Vec<_>>>()?, 0)?;
            Ok((context.unsqueeze(0)?, output.pooled.narrow(0, 0, 1)?))
        };
        join().map_err(Error::tensor("encoding the prompts"))
    }
}

/// Multiplies each token's embedding, then scales the chunk back to its mean; `state` is `[tokens, d]`.
fn weigh(state: &Tensor, weights: &[f32]) -> TensorResult<Tensor> {
    let weights = Tensor::new(weights, state.device())?
        .to_dtype(state.dtype())?
        .unsqueeze(1)?;
    let weighted = state.broadcast_mul(&weights)?;
    let mean = |x: &Tensor| x.to_dtype(DType::F32)?.mean_all()?.to_scalar::<f32>();
    let (before, after) = (mean(state)?, mean(&weighted)?);
    if after.abs() < f32::MIN_POSITIVE {
        return Ok(weighted);
    }
    weighted * f64::from(before / after)
}

impl Tokenizer {
    /// The chunks of `len` tokens of a prompt, at least one.
    ///
    /// # Errors
    /// [`Error::Weights`] if the vocabulary can't express the text.
    pub fn chunks(&self, text: &str, len: usize, comma_backtrack: usize) -> Result<Vec<Chunk>> {
        let pieces = parse(text)
            .into_iter()
            .map(|piece| match piece {
                Piece::Break => Ok(None),
                Piece::Text(text, weight) => Ok(Some((self.encode(&text)?, weight))),
            })
            .collect::<Result<Vec<_>>>()?;
        let format = ChunkFormat {
            bos: self.bos,
            eos: self.eos,
            pad: self.pad,
            len,
            comma_backtrack,
        };
        Ok(format.chunks(&pieces, |id| self.is_comma(id), |id| self.n_of_word(id)))
    }
}

/// A text model's part and its tokenizer's folder, in the order in which their embeddings are joined.
const TEXT_PARTS: [(Part, &str); 2] = [
    (Part::TextEncoder, "tokenizer"),
    (Part::TextEncoder2, "tokenizer_2"),
];

/// The tokenizer of a text model with the words that embeddings give it, and their vectors in the order of their ids, which
/// follow those of the vocabulary.
fn tokenizer(
    model: &ModelSource,
    part: Part,
    folder: &str,
    config: &ClipConfig,
) -> Result<(Tokenizer, Vec<Located>)> {
    let mut tokenizer = Tokenizer::load(&model.folder, folder)?;
    let mut first_id = config.vocab_size;
    let mut vectors = Vec::new();
    for embedding in model.embeddings() {
        let n_ids = embedding.n_vectors(part);
        tokenizer.add_word(&embedding.name, first_id as u32, n_ids as u32);
        vectors.push(embedding.vectors(part, config.hidden_size)?.clone());
        first_id += n_ids;
    }
    Ok((tokenizer, vectors))
}

/// The tokenizers of a pipeline, which tell how long a prompt is without its text models.
#[derive(Debug)]
pub struct PromptReader {
    tokenizers: Vec<(Tokenizer, usize)>,
}

impl PromptReader {
    /// Reads the tokenizers and the length that each text model reads.
    ///
    /// # Errors
    /// [`Error::Weights`] if a file is missing or malformed.
    pub fn load(model: &ModelSource) -> Result<Self> {
        let tokenizers = TEXT_PARTS
            .into_iter()
            .filter(|(part, _)| model.has(*part))
            .map(|(part, folder)| {
                let config = ClipConfig::read(&model.config(part)?)?;
                let (tokenizer, _) = tokenizer(model, part, folder, &config)?;
                Ok((tokenizer, config.max_position_embeddings))
            })
            .collect::<Result<Vec<_>>>()?;
        if tokenizers.is_empty() {
            return Err(Error::weights(
                model.folder.path_of("text_encoder"),
                "is missing",
            ));
        }
        Ok(Self { tokenizers })
    }

    /// Number of chunks that a prompt needs.
    ///
    /// # Errors
    /// [`Error::Weights`] if the vocabulary can't express the text.
    pub fn n_chunks(&self, text: &str) -> Result<usize> {
        let mut n_chunks = 1;
        for (tokenizer, len) in &self.tokenizers {
            n_chunks = n_chunks.max(tokenizer.chunks(text, *len, COMMA_BACKTRACK)?.len());
        }
        Ok(n_chunks)
    }
}

/// The text models of a pipeline, in order.
#[derive(Debug)]
pub struct TextEncoders {
    /// One, or two for SDXL.
    pub encoders: Vec<TextEncoder>,
    /// Which hidden state is used.
    pub hidden_state: HiddenState,
}

impl TextEncoders {
    /// Loads a model's text models.
    ///
    /// # Errors
    /// [`Error::Weights`] if a file is missing, unsound or doesn't fit.
    pub fn load(
        model: &ModelSource,
        hidden_state: HiddenState,
        device: &Device,
        dtype: DType,
    ) -> Result<Self> {
        let encoders = TEXT_PARTS
            .into_iter()
            .filter(|(part, _)| model.has(*part))
            .map(|(part, folder)| {
                let config = ClipConfig::read(&model.config(part)?)?;
                let (tokenizer, vectors) = tokenizer(model, part, folder, &config)?;
                let weights = Weights::new(model.tensors(part)?, device, dtype);
                let text_model = ClipTextModel::load(&weights, config)?;
                Ok(TextEncoder {
                    model: text_model.with_words(&vectors, tokenizer.first_added_id())?,
                    tokenizer,
                })
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            encoders,
            hidden_state,
        })
    }

    /// The embedding of a prompt, filled up with empty chunks to at least `n_chunks`.
    ///
    /// # Errors
    /// When the device or the memory fails.
    pub fn embed(&self, text: &str, n_chunks: usize) -> Result<TextEmbedding> {
        let mut contexts = Vec::with_capacity(self.encoders.len());
        let mut pooled = None;
        for encoder in &self.encoders {
            let mut chunks = encoder.chunks(text, COMMA_BACKTRACK)?;
            while chunks.len() < n_chunks {
                chunks.extend(encoder.chunks("", COMMA_BACKTRACK)?);
            }
            let (context, last_pooled) = encoder.encode(&chunks, self.hidden_state)?;
            contexts.push(context);
            pooled = Some(last_pooled);
        }
        let context = Tensor::cat(&contexts, D::Minus1)
            .map_err(Error::tensor("joining the text encoders' embeddings"))?;
        Ok(TextEmbedding { context, pooled })
    }
}
