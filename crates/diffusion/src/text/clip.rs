use std::ops::RangeInclusive;

use candle_core::{Result as TensorResult, Tensor};
use common::{Error, Result};
use serde::Deserialize;

use crate::layers::{Heads, LayerNorm, Linear, attention_of_tensors};
use crate::model::ConfigFile;
use crate::ops;
use crate::weights::{Located, Weights};

/// `text_encoder/config.json` of a `CLIPTextModel`. What the file leaves out has transformers' default.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct ClipConfig {
    /// Number of tokens known.
    pub vocab_size: usize,
    /// Width of the embeddings.
    pub hidden_size: usize,
    /// Width inside the feed-forward layers.
    pub intermediate_size: usize,
    /// Width of the projected pooled embedding.
    pub projection_dim: usize,
    /// Number of layers.
    pub num_hidden_layers: usize,
    /// Number of heads.
    pub num_attention_heads: usize,
    /// Most tokens of a prompt.
    pub max_position_embeddings: usize,
    /// `quick_gelu` or `gelu`.
    pub hidden_act: String,
    /// Epsilon of the layer normalisations.
    pub layer_norm_eps: f64,
    /// The token at which a prompt ends. The value 2 is a mistake of old files, and means the largest id instead.
    pub eos_token_id: u32,
    /// Class names; `CLIPTextModelWithProjection` projects the pooled embedding.
    pub architectures: Vec<String>,
}

impl Default for ClipConfig {
    fn default() -> Self {
        Self {
            vocab_size: 49408,
            hidden_size: 512,
            intermediate_size: 2048,
            projection_dim: 512,
            num_hidden_layers: 12,
            num_attention_heads: 8,
            max_position_embeddings: 77,
            hidden_act: "quick_gelu".to_owned(),
            layer_norm_eps: 1e-5,
            eos_token_id: 49407,
            architectures: Vec::new(),
        }
    }
}

/// Numbers that a text model can have, generously.
const RANGES: [(&str, RangeInclusive<f64>); 8] = [
    ("hidden_size", 1.0..=65536.0),
    ("intermediate_size", 1.0..=1e6),
    ("layer_norm_eps", 0.0..=1.0),
    ("max_position_embeddings", 3.0..=65536.0),
    ("num_attention_heads", 1.0..=65536.0),
    ("num_hidden_layers", 1.0..=256.0),
    ("projection_dim", 0.0..=65536.0),
    ("vocab_size", 1.0..=1e7),
];

impl ClipConfig {
    /// Reads and checks the file.
    ///
    /// # Errors
    /// [`Error::Weights`] naming the key that is wrong or not supported.
    pub fn read(file: &ConfigFile) -> Result<Self> {
        file.check_ranges(&RANGES)?;
        let config: Self = file.parse()?;
        let wrong = |reason: String| Err(Error::weights(&file.path, reason));
        if config.activation().is_none() {
            return wrong(format!(
                "hidden_act = {} is not supported",
                config.hidden_act
            ));
        }
        let n_heads = config.num_attention_heads;
        if !config.hidden_size.is_multiple_of(n_heads) {
            return wrong(format!(
                "num_attention_heads = {n_heads} must divide hidden_size = {}",
                config.hidden_size
            ));
        }
        Ok(config)
    }

    fn activation(&self) -> Option<fn(&Tensor) -> TensorResult<Tensor>> {
        match self.hidden_act.as_str() {
            "quick_gelu" => Some(ops::quick_gelu),
            "gelu" => Some(ops::gelu),
            _ => None,
        }
    }

    fn has_projection(&self) -> bool {
        let class = self.architectures.first().map(String::as_str);
        class == Some("CLIPTextModelWithProjection")
    }
}

/// The text half of CLIP (Radford et al. 2021, arXiv 2103.00020): `CLIPTextModel`, with or without projection.
#[derive(Debug)]
pub struct ClipTextModel {
    config: ClipConfig,
    token_embedding: Tensor,
    position_embedding: Tensor,
    layers: Vec<ClipLayer>,
    final_layer_norm: LayerNorm,
    text_projection: Option<Linear>,
    /// The lowest id of words that were added to the vocabulary.
    first_added_id: Option<u32>,
}

/// What the text model makes of a batch of prompts.
#[derive(Clone, Debug)]
pub struct ClipOutput {
    /// The embeddings before the first layer and after each: `n_layers + 1` times `[b, tokens, d]`, not normalised.
    pub hidden_states: Vec<Tensor>,
    /// The last of them after the final layer normalisation.
    pub last_hidden_state: Tensor,
    /// `last_hidden_state` at the token that ends the prompt, projected if the model projects; `[b, d]`.
    pub pooled: Tensor,
}

impl ClipTextModel {
    /// Builds the model that `config` describes.
    ///
    /// # Errors
    /// [`Error::Weights`] if a tensor is missing or doesn't fit.
    pub fn load(w: &Weights, config: ClipConfig) -> Result<Self> {
        let width = config.hidden_size;
        let model = w.at("text_model");
        let layers = model.at("encoder.layers");
        let layers = (0..config.num_hidden_layers)
            .map(|idx| ClipLayer::load(&layers.at(idx), &config))
            .collect::<Result<_>>()?;
        let embeddings = model.at("embeddings");
        Ok(Self {
            token_embedding: embeddings
                .tensor("token_embedding.weight", (config.vocab_size, width))?,
            position_embedding: embeddings.tensor(
                "position_embedding.weight",
                (config.max_position_embeddings, width),
            )?,
            layers,
            final_layer_norm: LayerNorm::load(
                model.at("final_layer_norm"),
                width,
                config.layer_norm_eps,
            )?,
            text_projection: config
                .has_projection()
                .then(|| {
                    Linear::load_without_bias(w.at("text_projection"), width, config.projection_dim)
                })
                .transpose()?,
            config,
            first_added_id: None,
        })
    }

    /// The same model with more tokens, whose embeddings are `[n, width]` or `[width]`; their ids follow those of the vocabulary.
    /// `first_added_id` is the lowest id that isn't of the plain vocabulary.
    ///
    /// # Errors
    /// [`Error::Weights`] if the vectors can't be read.
    pub fn with_words(mut self, vectors: &[Located], first_added_id: Option<u32>) -> Result<Self> {
        self.first_added_id = first_added_id;
        for vectors in vectors {
            let rows = vectors.read()?;
            let table = &self.token_embedding;
            let joined = rows
                .reshape(((), self.config.hidden_size))
                .and_then(|rows| rows.to_device(table.device())?.to_dtype(table.dtype()))
                .and_then(|rows| Tensor::cat(&[table, &rows], 0));
            self.token_embedding =
                joined.map_err(Error::tensor("adding words to the vocabulary"))?;
        }
        Ok(self)
    }

    /// The model's configuration.
    pub fn config(&self) -> &ClipConfig {
        &self.config
    }

    /// The final layer normalisation, which clip skip applies to earlier hidden states.
    ///
    /// # Errors
    /// When the device or the memory fails.
    pub fn final_layer_norm(&self, x: &Tensor) -> Result<Tensor> {
        self.final_layer_norm
            .of_tensor(x)
            .map_err(Error::tensor("encoding the prompts"))
    }

    /// Encodes prompts of equal length: token ids `[b][tokens]`.
    ///
    /// # Errors
    /// When the device or the memory fails, or ids are out of range.
    pub fn forward(&self, ids: &[Vec<u32>]) -> Result<ClipOutput> {
        self.run(ids).map_err(Error::tensor("encoding the prompts"))
    }

    fn run(&self, ids: &[Vec<u32>]) -> TensorResult<ClipOutput> {
        let n_tokens = ids.first().map_or(0, Vec::len);
        let device = self.token_embedding.device();
        let flat = Tensor::from_vec(ids.concat(), ids.len() * n_tokens, device)?;
        let tokens =
            self.token_embedding
                .index_select(&flat, 0)?
                .reshape((ids.len(), n_tokens, ()))?;
        let positions = self.position_embedding.narrow(0, 0, n_tokens)?;
        let mut x = tokens.broadcast_add(&positions)?; // [b, tokens, d]

        let mut hidden_states = vec![x.clone()];
        for layer in &self.layers {
            x = layer.forward(&x)?;
            hidden_states.push(x.clone());
        }
        let last_hidden_state = self.final_layer_norm.of_tensor(&x)?;
        let ends = ids
            .iter()
            .enumerate()
            .map(|(row, ids)| last_hidden_state.get(row)?.get(self.end_position(ids)));
        let mut pooled = Tensor::stack(&ends.collect::<TensorResult<Vec<_>>>()?, 0)?; // [b, d]
        if let Some(projection) = &self.text_projection {
            pooled = projection.of_tensor(&pooled, None, None)?;
        }
        Ok(ClipOutput {
            hidden_states,
            last_hidden_state,
            pooled,
        })
    }

    /// Where the prompt ends: at the first end token, or for old files at the first of the largest id, words that were added
    /// left aside.
    fn end_position(&self, ids: &[u32]) -> usize {
        let is_plain = |id: &u32| self.first_added_id.is_none_or(|added| *id < added);
        let end = match self.config.eos_token_id {
            2 => ids.iter().copied().filter(is_plain).max(),
            id => Some(id),
        };
        let position = ids.iter().position(|id| Some(*id) == end);
        position.unwrap_or(0)
    }
}

/// `CLIPEncoderLayer`: self-attention and feed-forward, each on normalised input, each added.
#[derive(Debug)]
struct ClipLayer {
    layer_norm1: LayerNorm,
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    out_proj: Linear,
    layer_norm2: LayerNorm,
    fc1: Linear,
    fc2: Linear,
    heads: Heads,
    activation: fn(&Tensor) -> TensorResult<Tensor>,
}

impl ClipLayer {
    fn load(w: &Weights, config: &ClipConfig) -> Result<Self> {
        let (width, inner) = (config.hidden_size, config.intermediate_size);
        let attn = w.at("self_attn");
        let norm = |name| LayerNorm::load(w.at(name), width, config.layer_norm_eps);
        let proj = |name| Linear::load(attn.at(name), width, width);
        Ok(Self {
            layer_norm1: norm("layer_norm1")?,
            q_proj: proj("q_proj")?,
            k_proj: proj("k_proj")?,
            v_proj: proj("v_proj")?,
            out_proj: proj("out_proj")?,
            layer_norm2: norm("layer_norm2")?,
            fc1: Linear::load(w.at("mlp.fc1"), width, inner)?,
            fc2: Linear::load(w.at("mlp.fc2"), inner, width)?,
            heads: Heads {
                count: config.num_attention_heads,
                causal: true,
                method: w.method(),
            },
            activation: config.activation().unwrap_or(ops::gelu),
        })
    }

    fn forward(&self, x: &Tensor) -> TensorResult<Tensor> {
        let project = |proj: &Linear| proj.of_tensor(x, Some(&self.layer_norm1), None);
        let q = project(&self.q_proj)?;
        let k = project(&self.k_proj)?;
        let v = project(&self.v_proj)?;
        let seen = attention_of_tensors(&q, &k, &v, self.heads)?;
        let x = self.out_proj.of_tensor(&seen, None, Some(x))?;
        let inner = self.fc1.of_tensor(&x, Some(&self.layer_norm2), None)?;
        self.fc2
            .of_tensor(&(self.activation)(&inner)?, None, Some(&x))
    }
}
