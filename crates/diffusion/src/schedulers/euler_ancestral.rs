use candle_core::{Result as TensorResult, Tensor};
use common::Result;

use super::config::SchedulerConfig;
use super::euler::{euler_step, init_noise_sigma, scale_to_unit};
use super::prediction::Prediction;
use super::sigmas::SigmaRun;
use super::{Scheduler, Step, at, required};

/// Euler's method to a lower noise level than wanted, then fresh noise up to the wanted one (k-diffusion's
/// `sample_euler_ancestral`).
#[derive(Debug)]
pub struct EulerAncestral {
    run: SigmaRun,
    init_noise_sigma: f64,
    prediction: Prediction,
}

impl EulerAncestral {
    /// A run of `n_steps`.
    pub fn new(config: &SchedulerConfig, n_steps: usize) -> Result<Self> {
        let run = SigmaRun::euler_ancestral(config, n_steps)?;
        Ok(Self {
            init_noise_sigma: init_noise_sigma(config, &run.sigmas),
            run,
            prediction: config.prediction,
        })
    }
}

impl Scheduler for EulerAncestral {
    fn timesteps(&self) -> &[f64] {
        &self.run.timesteps
    }

    fn sigmas(&self) -> Option<&[f64]> {
        Some(&self.run.sigmas)
    }

    fn init_noise_sigma(&self) -> f64 {
        self.init_noise_sigma
    }

    fn scale_model_input(&self, latents: &Tensor, call_idx: usize) -> TensorResult<Tensor> {
        scale_to_unit(latents, at(&self.run.sigmas, call_idx))
    }

    fn needs_noise(&self, call_idx: usize) -> bool {
        at(&self.run.sigmas, call_idx + 1) > 0.0
    }

    fn step(
        &mut self,
        prediction: &Tensor,
        latents: &Tensor,
        call_idx: usize,
        noise: Option<&Tensor>,
    ) -> TensorResult<Step> {
        let sigmas = &self.run.sigmas;
        let (from, to) = (at(sigmas, call_idx), at(sigmas, call_idx + 1));
        let denoised = self
            .prediction
            .denoised_from_sigma(prediction, latents, from)?;
        let sigma_up = (to.powi(2) * (from.powi(2) - to.powi(2)) / from.powi(2))
            .max(0.0)
            .sqrt();
        let sigma_down = (to.powi(2) - sigma_up.powi(2)).max(0.0).sqrt();
        let mut latents = euler_step(latents, &denoised, from, sigma_down)?;
        if self.needs_noise(call_idx) {
            latents = (latents + (required(noise)? * sigma_up)?)?;
        }
        Ok(Step {
            latents,
            denoised: Some(denoised),
        })
    }
}
