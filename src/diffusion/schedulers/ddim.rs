use candle_core::{Result as TensorResult, Tensor};

use super::config::{Prediction, SchedulerConfig};
use super::schedule::{alphas_cumprod, discrete_timesteps};
use super::{Scheduler, Step, at};
use crate::Result;

/// Denoising diffusion implicit models (Song et al. 2020, arXiv 2010.02502, eq. 12) with eta 0.
#[derive(Debug)]
pub struct Ddim {
    alphas_cumprod: Vec<f64>,
    final_alpha_cumprod: f64,
    timesteps: Vec<f64>,
    timestep_ratio: f64,
    prediction: Prediction,
    clip_range: Option<f64>,
}

impl Ddim {
    /// A run of `n_steps`.
    pub fn new(config: &SchedulerConfig, n_steps: usize) -> Result<Self> {
        let alphas_cumprod = alphas_cumprod(config)?;
        Ok(Self {
            final_alpha_cumprod: if config.set_alpha_to_one {
                1.0
            } else {
                at(&alphas_cumprod, 0)
            },
            alphas_cumprod,
            timesteps: discrete_timesteps(config, n_steps),
            timestep_ratio: (config.num_train_timesteps / n_steps) as f64,
            prediction: config.prediction,
            clip_range: config.clip_range,
        })
    }
}

impl Scheduler for Ddim {
    fn timesteps(&self) -> &[f64] {
        &self.timesteps
    }

    fn step(
        &mut self,
        prediction: &Tensor,
        latents: &Tensor,
        call_idx: usize,
        _noise: Option<&Tensor>,
    ) -> TensorResult<Step> {
        let timestep = at(&self.timesteps, call_idx);
        let previous = timestep - self.timestep_ratio;
        let alpha_cumprod = at(&self.alphas_cumprod, timestep as usize);
        let alpha_cumprod_previous = if previous >= 0.0 {
            at(&self.alphas_cumprod, previous as usize)
        } else {
            self.final_alpha_cumprod
        };
        let (alpha, sigma) = (alpha_cumprod.sqrt(), (1.0 - alpha_cumprod).sqrt());
        let mut picture = self.prediction.picture(prediction, latents, alpha, sigma)?;
        let noise = self.prediction.noise(prediction, latents, alpha, sigma)?;
        if let Some(range) = self.clip_range {
            picture = picture.clamp(-range, range)?;
        }
        let latents = ((&picture * alpha_cumprod_previous.sqrt())?
            + (noise * (1.0 - alpha_cumprod_previous).sqrt())?)?;
        Ok(Step {
            latents,
            foreseen: Some(picture),
        })
    }
}
