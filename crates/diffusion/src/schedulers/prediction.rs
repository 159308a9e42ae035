//! What a network's prediction says about the clean latents and the noise in a sample.

use candle_core::{DType, Device, Result as TensorResult, Tensor};
use common::statistics::quantile;
use serde::Deserialize;

/// What the network predicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Prediction {
    /// The noise.
    #[serde(rename = "epsilon")]
    Epsilon,
    /// The clean latents.
    #[serde(rename = "sample")]
    Sample,
    /// The velocity (Salimans and Ho 2022, arXiv 2202.00512).
    #[serde(rename = "v_prediction")]
    Velocity,
}

/// A noise level: the factors of clean latents and noise in `alpha * clean + sigma * noise`, whose squares add up to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AlphaSigma {
    /// Of the clean latents.
    pub alpha: f64,
    /// Of the noise.
    pub sigma: f64,
}

impl AlphaSigma {
    /// The factors at a cumulative product of the training schedule.
    pub fn of_alpha_cumprod(alpha_cumprod: f64) -> Self {
        Self {
            alpha: alpha_cumprod.sqrt(),
            sigma: (1.0 - alpha_cumprod).sqrt(),
        }
    }

    /// The factors where noise is `sigma` times as strong as the clean latents.
    pub fn of_sigma(sigma: f64) -> Self {
        let alpha = 1.0 / (sigma * sigma + 1.0).sqrt();
        Self {
            alpha,
            sigma: sigma * alpha,
        }
    }

    /// Half the log signal-to-noise ratio; infinite without noise.
    pub fn lambda(self) -> f64 {
        self.alpha.ln() - self.sigma.ln()
    }

    /// The sample made of clean latents and noise.
    pub fn sample(self, clean: &Tensor, noise: &Tensor) -> TensorResult<Tensor> {
        (clean * self.alpha)? + (noise * self.sigma)?
    }

    /// The noise in a sample of these clean latents.
    pub fn noise(self, sample: &Tensor, clean: &Tensor) -> TensorResult<Tensor> {
        (sample - (clean * self.alpha)?)? / self.sigma
    }
}

impl Prediction {
    /// The denoised latents that follow from a prediction about a sample.
    pub fn denoised(
        self,
        out: &Tensor,
        sample: &Tensor,
        level: AlphaSigma,
    ) -> TensorResult<Tensor> {
        match self {
            Self::Epsilon => (sample - (out * level.sigma)?)? / level.alpha,
            Self::Velocity => (sample * level.alpha)? - (out * level.sigma)?,
            Self::Sample => Ok(out.clone()),
        }
    }

    /// The noise that follows from a prediction about a sample.
    pub fn noise(self, out: &Tensor, sample: &Tensor, level: AlphaSigma) -> TensorResult<Tensor> {
        match self {
            Self::Epsilon => Ok(out.clone()),
            Self::Velocity => (out * level.alpha)? + (sample * level.sigma)?,
            Self::Sample => level.noise(sample, out),
        }
    }

    /// The denoised latents that follow from a prediction about a sample that isn't scaled: `clean + sigma * noise`.
    pub fn denoised_from_sigma(
        self,
        out: &Tensor,
        sample: &Tensor,
        sigma: f64,
    ) -> TensorResult<Tensor> {
        let variance = sigma * sigma + 1.0;
        match self {
            Self::Epsilon => sample - (out * sigma)?,
            Self::Velocity => (sample / variance)? - (out * (sigma / variance.sqrt()))?,
            Self::Sample => Ok(out.clone()),
        }
    }
}

/// How the values of denoised latents are limited.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Thresholding {
    /// Not at all.
    None,
    /// Cut off at plus and minus this.
    Clip(f64),
    /// Dynamic thresholding (Saharia et al. 2022, arXiv 2205.11487, section 2.3): cut off at the given quantile of each
    /// sample's absolute values, which lies between 1 and `max`, and divided by it.
    Dynamic {
        /// The quantile, 0..=1.
        ratio: f64,
        /// Largest threshold.
        max: f64,
    },
}

impl Thresholding {
    /// The limited latents, `[b, ...]`.
    pub fn apply(self, clean: &Tensor) -> TensorResult<Tensor> {
        let (ratio, max) = match self {
            Self::None => return Ok(clean.clone()),
            Self::Clip(range) => return clean.clamp(-range, range),
            Self::Dynamic { ratio, max } => (ratio, max),
        };
        let values = clean.flatten_from(1)?.to_dtype(DType::F32)?;
        let mut rows: Vec<Vec<f32>> = values.to_device(&Device::Cpu)?.to_vec2()?;
        for row in &mut rows {
            let threshold = quantile(
                &row.iter().map(|x| f64::from(x.abs())).collect::<Vec<_>>(),
                ratio,
            )
            .unwrap_or_default() as f32;
            // Below 1 this is plain clipping; a `max` below 1 wins, as in PyTorch's clamp.
            let threshold = threshold.max(1.0).min(max as f32);
            for x in row {
                *x = x.max(-threshold).min(threshold) / threshold;
            }
        }
        Tensor::from_vec(rows.concat(), clean.shape(), &Device::Cpu)?
            .to_device(clean.device())?
            .to_dtype(clean.dtype())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bright_pictures_are_pulled_in() {
        let thresholding = Thresholding::Dynamic {
            ratio: 1.0,
            max: 8.0,
        };
        let pictures = Tensor::new(&[[0.5f32, -0.25], [4.0, -2.0]], &Device::Cpu).unwrap();
        let bounded: Vec<Vec<f32>> = thresholding.apply(&pictures).unwrap().to_vec2().unwrap();
        assert_eq!(bounded, [[0.5, -0.25], [1.0, -0.5]]);
    }
}
