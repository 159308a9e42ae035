use candle_core::{D, Device, Result as TensorResult, Tensor};
use common::Result;

use crate::layers::Linear;
use crate::ops;
use crate::weights::Weights;

/// Sinusoidal embedding of numbers (Vaswani et al. 2017): `[n]` to `[n, width]`, sines first unless `flip_sin_to_cos`.
///
/// The angles are formed in f32, as the models saw them in training: at t = 999 an f64 angle differs by 3e-5.
pub fn sinusoidal(
    values: &[f64],
    width: usize,
    flip_sin_to_cos: bool,
    freq_shift: f64,
    device: &Device,
) -> TensorResult<Tensor> {
    let half = width / 2;
    let log_period = -(10_000f64.ln()) as f32;
    let mut embedding = Vec::with_capacity(values.len() * width);
    for &value in values {
        let angles = (0..half).map(|i| {
            let exponent = log_period * i as f32 / (half as f32 - freq_shift as f32);
            value as f32 * f64::from(exponent).exp() as f32
        });
        let angles: Vec<f64> = angles.map(f64::from).collect();
        let sines = angles.iter().map(|angle| angle.sin() as f32);
        let cosines = angles.iter().map(|angle| angle.cos() as f32);
        if flip_sin_to_cos {
            embedding.extend(cosines.chain(sines));
        } else {
            embedding.extend(sines.chain(cosines));
        }
        embedding.extend(std::iter::repeat_n(0.0, width % 2));
    }
    Tensor::from_vec(embedding, (values.len(), width), device)
}

/// Guidance embedding of latent consistency models (Luo et al. 2023, arXiv 2310.04378): `guidance_scale - 1`, times 1000.
///
/// `[n]` guidance scales to `[n, width]`.
pub fn guidance_embedding(
    guidance_scales: &[f64],
    width: usize,
    device: &Device,
) -> TensorResult<Tensor> {
    let scaled: Vec<f64> = guidance_scales
        .iter()
        .map(|scale| f64::from((scale - 1.0) as f32 * 1000.0))
        .collect();
    sinusoidal(&scaled, width, false, 1.0, device)
}

/// Two linear layers with SiLU between them.
#[derive(Debug)]
pub struct TimestepEmbedding {
    linear_1: Linear,
    linear_2: Linear,
    cond_proj: Option<Linear>,
}

impl TimestepEmbedding {
    /// `cond_width` is the width of the guidance embedding, if the model has one.
    pub fn load(
        w: &Weights,
        width_in: usize,
        width: usize,
        cond_width: Option<usize>,
    ) -> Result<Self> {
        Ok(Self {
            linear_1: Linear::load(w.at("linear_1"), width_in, width)?,
            linear_2: Linear::load(w.at("linear_2"), width, width)?,
            cond_proj: cond_width
                .map(|cond| Linear::load_without_bias(w.at("cond_proj"), cond, width_in))
                .transpose()?,
        })
    }

    /// `x` is `[b, width_in]`, `condition` `[b, cond_width]`.
    pub fn forward(&self, x: &Tensor, condition: Option<&Tensor>) -> TensorResult<Tensor> {
        let x = match (&self.cond_proj, condition) {
            (Some(cond_proj), Some(condition)) => {
                (x + cond_proj.of_tensor(condition, None, None)?)?
            }
            _ => x.clone(),
        };
        let inner = ops::silu(&self.linear_1.of_tensor(&x, None, None)?)?;
        self.linear_2.of_tensor(&inner, None, None)
    }
}

/// SDXL's extra conditioning: pooled text, and picture sizes as the model saw them in training.
#[derive(Debug)]
pub struct TextTimeEmbedding {
    size_width: usize,
    flip_sin_to_cos: bool,
    freq_shift: f64,
    embedding: TimestepEmbedding,
}

impl TextTimeEmbedding {
    /// `size_width` is the width of one number's embedding, `width_in` that of everything together.
    pub fn load(
        w: &Weights,
        size_width: usize,
        width_in: usize,
        width: usize,
        flip_sin_to_cos: bool,
        freq_shift: f64,
    ) -> Result<Self> {
        Ok(Self {
            size_width,
            flip_sin_to_cos,
            freq_shift,
            embedding: TimestepEmbedding::load(w, width_in, width, None)?,
        })
    }

    /// `pooled` is `[b, d]`; `time_ids` holds `b * 6` numbers: original height and width, crop top and left, target height
    /// and width.
    pub fn forward(&self, pooled: &Tensor, time_ids: &[f64]) -> TensorResult<Tensor> {
        let sizes = sinusoidal(
            time_ids,
            self.size_width,
            self.flip_sin_to_cos,
            self.freq_shift,
            pooled.device(),
        )?;
        let sizes = sizes
            .reshape((pooled.dim(0)?, ()))?
            .to_dtype(pooled.dtype())?; // [b, 6 * size_width]
        let x = Tensor::cat(&[pooled, &sizes], D::Minus1)?;
        self.embedding.forward(&x, None)
    }
}
