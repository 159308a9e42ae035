use candle_core::{Result as TensorResult, Tensor};
use common::Result;

use super::config::SchedulerConfig;
use super::prediction::{Prediction, Thresholding};
use super::schedule::{AlphaTable, discrete_timesteps};
use super::{Scheduler, Step, at};

/// Denoising diffusion implicit models (Song et al. 2020, arXiv 2010.02502, eq. 12) with eta 0.
#[derive(Debug)]
pub struct Ddim {
    alphas: AlphaTable,
    timesteps: Vec<f64>,
    timestep_ratio: f64,
    prediction: Prediction,
    thresholding: Thresholding,
}

impl Ddim {
    /// A run of `n_steps`.
    pub fn new(config: &SchedulerConfig, n_steps: usize) -> Result<Self> {
        Ok(Self {
            alphas: AlphaTable::new(config)?,
            timesteps: discrete_timesteps(config, n_steps),
            timestep_ratio: (config.num_train_timesteps / n_steps) as f64,
            prediction: config.prediction,
            thresholding: config.thresholding,
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
        let from = self.alphas.level(timestep);
        let to = self.alphas.level(timestep - self.timestep_ratio);
        let denoised = self.prediction.denoised(prediction, latents, from)?;
        let denoised = self.thresholding.apply(&denoised)?;
        let noise = self.prediction.noise(prediction, latents, from)?;
        Ok(Step {
            latents: to.sample(&denoised, &noise)?,
            denoised: Some(denoised),
        })
    }
}
