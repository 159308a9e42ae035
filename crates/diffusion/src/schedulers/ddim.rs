use candle_core::{Result as TensorResult, Tensor};
use common::Result;

use super::config::SchedulerConfig;
use super::prediction::{Bounds, Prediction};
use super::schedule::{AlphaTable, discrete_timesteps};
use super::{Scheduler, Step, at};

/// Denoising diffusion implicit models (Song et al. 2020, arXiv 2010.02502, eq. 12) with eta 0.
#[derive(Debug)]
pub struct Ddim {
    alphas: AlphaTable,
    timesteps: Vec<f64>,
    timestep_ratio: f64,
    prediction: Prediction,
    bounds: Bounds,
}

impl Ddim {
    /// A run of `n_steps`.
    pub fn new(config: &SchedulerConfig, n_steps: usize) -> Result<Self> {
        Ok(Self {
            alphas: AlphaTable::new(config)?,
            timesteps: discrete_timesteps(config, n_steps),
            timestep_ratio: (config.num_train_timesteps / n_steps) as f64,
            prediction: config.prediction,
            bounds: config.bounds,
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
        let from = self.alphas.mix(timestep);
        let to = self.alphas.mix(timestep - self.timestep_ratio);
        let picture = self.prediction.picture(prediction, latents, from)?;
        let picture = self.bounds.apply(&picture)?;
        let noise = self.prediction.noise(prediction, latents, from)?;
        Ok(Step {
            latents: to.sample(&picture, &noise)?,
            foreseen: Some(picture),
        })
    }
}
