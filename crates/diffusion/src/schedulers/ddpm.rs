use candle_core::{Result as TensorResult, Tensor};
use common::Result;

use super::config::SchedulerConfig;
use super::prediction::{Prediction, Thresholding};
use super::schedule::{AlphaTable, discrete_timesteps};
use super::{Scheduler, Step, at, required};

/// Least variance of the noise that a step adds, as in diffusers.
const MIN_VARIANCE: f64 = 1e-20;

/// Denoising diffusion probabilistic models (Ho et al. 2020, arXiv 2006.11239, eq. 6 and 7): the posterior of a step, with
/// fresh noise.
#[derive(Debug)]
pub struct Ddpm {
    alphas: AlphaTable,
    timesteps: Vec<f64>,
    prediction: Prediction,
    thresholding: Thresholding,
    has_large_variance: bool,
}

/// A step's posterior given the clean latents: factors of clean latents and noisy ones, and the noise's deviation.
struct Posterior {
    clean: f64,
    noisy: f64,
    deviation: f64,
}

impl Ddpm {
    /// A run of `n_steps`.
    pub fn new(config: &SchedulerConfig, n_steps: usize) -> Result<Self> {
        Ok(Self {
            alphas: AlphaTable::new(config)?,
            timesteps: discrete_timesteps(config, n_steps),
            prediction: config.prediction,
            thresholding: config.thresholding,
            has_large_variance: config.has_large_variance,
        })
    }

    /// Of the step after a call, which leads to the next call's timestep, and at last to the clean latents.
    fn posterior(&self, call_idx: usize) -> Posterior {
        let all = self.alphas.at(at(&self.timesteps, call_idx));
        let next = self.timesteps.get(call_idx + 1);
        let all_before = self.alphas.at(next.copied().unwrap_or(-1.0));
        let alpha = all / all_before;
        let beta = 1.0 - alpha;
        let variance = match self.has_large_variance {
            true => beta,
            false => (1.0 - all_before) / (1.0 - all) * beta,
        };
        Posterior {
            clean: all_before.sqrt() * beta / (1.0 - all),
            noisy: alpha.sqrt() * (1.0 - all_before) / (1.0 - all),
            deviation: variance.max(MIN_VARIANCE).sqrt(),
        }
    }
}

impl Scheduler for Ddpm {
    fn timesteps(&self) -> &[f64] {
        &self.timesteps
    }

    fn needs_noise(&self, call_idx: usize) -> bool {
        at(&self.timesteps, call_idx) > 0.0
    }

    fn step(
        &mut self,
        prediction: &Tensor,
        latents: &Tensor,
        call_idx: usize,
        noise: Option<&Tensor>,
    ) -> TensorResult<Step> {
        let level = self.alphas.level(at(&self.timesteps, call_idx));
        let denoised = self.prediction.denoised(prediction, latents, level)?;
        let denoised = self.thresholding.apply(&denoised)?;
        let posterior = self.posterior(call_idx);
        let mut next = ((&denoised * posterior.clean)? + (latents * posterior.noisy)?)?;
        if self.needs_noise(call_idx) {
            next = (next + (required(noise)? * posterior.deviation)?)?;
        }
        Ok(Step {
            latents: next,
            denoised: Some(denoised),
        })
    }
}
