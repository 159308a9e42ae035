use candle_core::{Result as TensorResult, Tensor};

use super::config::{Prediction, SchedulerConfig, Spacing};
use super::schedule::{SigmaTable, alphas_cumprod, euler_timesteps, karras_sigmas};
use super::{Scheduler, Step, at};
use crate::Result;

/// Euler's method on the probability flow (Karras et al. 2022, arXiv 2206.00364, algorithm 2 without churn).
#[derive(Debug)]
pub struct Euler {
    timesteps: Vec<f64>,
    sigmas: Vec<f64>,
    init_noise_sigma: f64,
    prediction: Prediction,
}

impl Euler {
    /// A run of `n_steps`.
    pub fn new(config: &SchedulerConfig, n_steps: usize) -> Result<Self> {
        let table = SigmaTable::new(config, alphas_cumprod(config)?);
        let mut timesteps = euler_timesteps(config, n_steps);
        let mut sigmas: Vec<f64> = timesteps.iter().map(|&t| table.at(t)).collect();
        if config.use_karras_sigmas {
            let (max, min) = (at(&sigmas, 0), at(&sigmas, sigmas.len().saturating_sub(1)));
            sigmas = karras_sigmas(config, min, max, n_steps);
            timesteps = sigmas
                .iter()
                .map(|&sigma| table.timestep_of(sigma))
                .collect();
        }
        sigmas.push(table.last(config));
        Ok(Self {
            init_noise_sigma: init_noise_sigma(config, &sigmas),
            timesteps,
            sigmas,
            prediction: config.prediction,
        })
    }
}

/// The largest sigma; with leading spacing, where the first timestep isn't pure noise, the deviation of noise and picture.
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

/// The picture's latents that follow from a prediction about `sample = picture + sigma * noise`.
pub fn picture(
    prediction: Prediction,
    out: &Tensor,
    sample: &Tensor,
    sigma: f64,
) -> TensorResult<Tensor> {
    let variance = sigma * sigma + 1.0;
    match prediction {
        Prediction::Epsilon => sample - (out * sigma)?,
        Prediction::Velocity => (sample / variance)? - (out * (sigma / variance.sqrt()))?,
        Prediction::Sample => Ok(out.clone()),
    }
}

impl Scheduler for Euler {
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

    fn step(
        &mut self,
        prediction: &Tensor,
        latents: &Tensor,
        call_idx: usize,
        _noise: Option<&Tensor>,
    ) -> TensorResult<Step> {
        let (sigma, sigma_next) = (at(&self.sigmas, call_idx), at(&self.sigmas, call_idx + 1));
        let picture = picture(self.prediction, prediction, latents, sigma)?;
        let derivative = ((latents - &picture)? / sigma)?;
        Ok(Step {
            latents: (latents + (derivative * (sigma_next - sigma))?)?,
            foreseen: Some(picture),
        })
    }
}
