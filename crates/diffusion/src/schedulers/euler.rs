use candle_core::{Result as TensorResult, Tensor};
use common::Result;

use super::config::{SchedulerConfig, Spacing};
use super::prediction::Prediction;
use super::sigmas::SigmaRun;
use super::{Scheduler, Step, at};

/// Euler's method on the probability flow (Karras et al. 2022, arXiv 2206.00364, algorithm 2 without churn).
#[derive(Debug)]
pub struct Euler {
    run: SigmaRun,
    init_noise_sigma: f64,
    prediction: Prediction,
}

impl Euler {
    /// A run of `n_steps`.
    pub fn new(config: &SchedulerConfig, n_steps: usize) -> Result<Self> {
        let run = SigmaRun::euler(config, n_steps)?;
        Ok(Self {
            init_noise_sigma: init_noise_sigma(config, &run.sigmas),
            run,
            prediction: config.prediction,
        })
    }
}

/// The largest sigma; with leading spacing, where the first timestep isn't pure noise, the deviation of clean latents and noise together.
pub fn init_noise_sigma(config: &SchedulerConfig, sigmas: &[f64]) -> f64 {
    let max = sigmas.iter().copied().fold(0.0, f64::max);
    match config.spacing {
        Spacing::Leading => (max * max + 1.0).sqrt(),
        Spacing::Linspace | Spacing::Trailing => max,
    }
}

/// Latents of deviation `sqrt(sigma^2 + 1)` brought to deviation 1.
pub fn scale_to_unit(latents: &Tensor, sigma: f64) -> TensorResult<Tensor> {
    latents / (sigma * sigma + 1.0).sqrt()
}

/// A straight step from `sigma` to `sigma_next` along the line between clean latents and noise.
///
/// Where sigma is large, most digits cancel: the order of operations is that of diffusers, and the division is one, so that
/// both lose the same digits.
pub fn euler_step(
    latents: &Tensor,
    denoised: &Tensor,
    sigma: f64,
    sigma_next: f64,
) -> TensorResult<Tensor> {
    let divisor = Tensor::new(sigma, latents.device())?.to_dtype(latents.dtype())?;
    let derivative = (latents - denoised)?.broadcast_div(&divisor)?;
    latents + (derivative * (sigma_next - sigma))?
}

impl Scheduler for Euler {
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

    fn step(
        &mut self,
        prediction: &Tensor,
        latents: &Tensor,
        call_idx: usize,
        _noise: Option<&Tensor>,
    ) -> TensorResult<Step> {
        let sigmas = &self.run.sigmas;
        let (from, to) = (at(sigmas, call_idx), at(sigmas, call_idx + 1));
        let denoised = self
            .prediction
            .denoised_from_sigma(prediction, latents, from)?;
        Ok(Step {
            latents: euler_step(latents, &denoised, from, to)?,
            denoised: Some(denoised),
        })
    }
}
