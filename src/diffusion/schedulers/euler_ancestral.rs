use candle_core::{Result as TensorResult, Tensor};

use super::config::{Prediction, SchedulerConfig};
use super::euler::{init_noise_sigma, picture, scale_to_unit};
use super::schedule::{SigmaTable, alphas_cumprod, euler_timesteps};
use super::{Scheduler, Step, at, required};
use crate::Result;

/// Euler's method to a lower noise level than wanted, then fresh noise up to the wanted one (k-diffusion's
/// `sample_euler_ancestral`).
#[derive(Debug)]
pub struct EulerAncestral {
    timesteps: Vec<f64>,
    sigmas: Vec<f64>,
    init_noise_sigma: f64,
    prediction: Prediction,
}

impl EulerAncestral {
    /// A run of `n_steps`.
    pub fn new(config: &SchedulerConfig, n_steps: usize) -> Result<Self> {
        let table = SigmaTable::new(config, alphas_cumprod(config)?);
        let timesteps = euler_timesteps(config, n_steps);
        let mut sigmas: Vec<f64> = timesteps.iter().map(|&t| table.at(t)).collect();
        sigmas.push(0.0);
        Ok(Self {
            init_noise_sigma: init_noise_sigma(config, &sigmas),
            timesteps,
            sigmas,
            prediction: config.prediction,
        })
    }
}

impl Scheduler for EulerAncestral {
    fn timesteps(&self) -> &[f64] {
        &self.timesteps
    }

    fn sigmas(&self) -> Option<&[f64]> {
        Some(&self.sigmas)
    }

    fn init_noise_sigma(&self) -> f64 {
        self.init_noise_sigma
    }

    fn scale_model_input(&self, latents: &Tensor, call_idx: usize) -> TensorResult<Tensor> {
        scale_to_unit(latents, at(&self.sigmas, call_idx))
    }

    fn needs_noise(&self, call_idx: usize) -> bool {
        at(&self.sigmas, call_idx + 1) > 0.0
    }

    fn step(
        &mut self,
        prediction: &Tensor,
        latents: &Tensor,
        call_idx: usize,
        noise: Option<&Tensor>,
    ) -> TensorResult<Step> {
        let (from, to) = (at(&self.sigmas, call_idx), at(&self.sigmas, call_idx + 1));
        let picture = picture(self.prediction, prediction, latents, from)?;
        let sigma_up = (to.powi(2) * (from.powi(2) - to.powi(2)) / from.powi(2))
            .max(0.0)
            .sqrt();
        let sigma_down = (to.powi(2) - sigma_up.powi(2)).max(0.0).sqrt();
        let derivative = ((latents - &picture)? / from)?;
        let mut latents = (latents + (derivative * (sigma_down - from))?)?;
        if self.needs_noise(call_idx) {
            latents = (latents + (required(noise)? * sigma_up)?)?;
        }
        Ok(Step {
            latents,
            foreseen: Some(picture),
        })
    }
}
