//! Schedulers: how many steps lead from noise to latents, at what timesteps, and what one step does. One file each.
//!
//! A scheduler is started for a run of `n_steps` and then asked to make one step after the other. Latents may be a batch;
//! all of it is at the same step.

mod config;
mod ddim;
mod ddpm;
mod deis;
mod dpm_solver;
mod euler;
mod euler_ancestral;
mod fields;
mod heun;
mod lcm;
mod pndm;
mod prediction;
mod schedule;
mod sigmas;
#[cfg(test)]
mod tests;
mod unipc;

use candle_core::{Result as TensorResult, Tensor};

pub use config::{
    Choice, DpmAlgorithm, FinalSigma, Kind, SCHEDULERS, SchedulerConfig, SigmaSpacing, Spacing,
};
pub use prediction::{AlphaSigma, Prediction, Thresholding};

use common::{Error, Result};

/// Most denoising steps of a frame.
pub const MAX_STEPS: u32 = 1000;

/// What a step returns.
#[derive(Clone, Debug)]
pub struct Step {
    /// The latents with less noise.
    pub latents: Tensor,
    /// The clean latents as the network estimates them at this step ("x0"); not every algorithm forms this estimate.
    pub denoised: Option<Tensor>,
}

/// A run of an algorithm.
pub trait Scheduler {
    /// The value given to the network at each call, noisiest first; may be fractional. Its length is the number of calls,
    /// which for PNDM and Heun is larger than the number of steps.
    fn timesteps(&self) -> &[f64];

    /// Noise levels before each call and after the last, for the algorithms that are defined by them.
    fn sigmas(&self) -> Option<&[f64]> {
        None
    }

    /// Deviation of the first latents.
    fn init_noise_sigma(&self) -> f64 {
        1.0
    }

    /// What the network sees of the latents at a call.
    ///
    /// # Errors
    /// When the device fails.
    fn scale_model_input(&self, latents: &Tensor, call_idx: usize) -> TensorResult<Tensor> {
        let _ = call_idx;
        Ok(latents.clone())
    }

    /// Whether the step after this call wants fresh noise.
    fn needs_noise(&self, call_idx: usize) -> bool {
        let _ = call_idx;
        false
    }

    /// One step from `latents`, with the network's `prediction` (after guidance) and unit noise where it is needed.
    ///
    /// # Errors
    /// When the device fails, or noise is needed and missing.
    fn step(
        &mut self,
        prediction: &Tensor,
        latents: &Tensor,
        call_idx: usize,
        noise: Option<&Tensor>,
    ) -> TensorResult<Step>;
}

impl SchedulerConfig {
    /// Share of the clean latents' variance that is left at each training timestep.
    ///
    /// # Errors
    /// [`Error::Config`] for an unknown schedule.
    pub fn alphas_cumprod(&self) -> Result<Vec<f64>> {
        schedule::alphas_cumprod(self)
    }

    /// A run of `n_steps`.
    ///
    /// # Errors
    /// [`Error::Config`] if the algorithm can't make that many steps.
    pub fn start(&self, n_steps: usize) -> Result<Box<dyn Scheduler>> {
        let most = match self.kind {
            Kind::Lcm => self.original_inference_steps.min(self.num_train_timesteps),
            Kind::DpmSolver | Kind::UniPc | Kind::Deis => self.num_train_timesteps - 1,
            _ => self.num_train_timesteps,
        }
        .min(MAX_STEPS as usize);
        let least = match self.kind {
            Kind::Pndm => pndm::Pndm::min_steps(self),
            _ => 1,
        };
        let wrong = || Error::Config {
            name: "steps",
            value: n_steps.to_string(),
            allowed: format!(
                "the {} scheduler makes {least} to {most} steps",
                self.kind.name()
            ),
        };
        if n_steps < least || n_steps > most {
            return Err(wrong());
        }
        let scheduler: Box<dyn Scheduler> = match self.kind {
            Kind::Ddim => Box::new(ddim::Ddim::new(self, n_steps)?),
            Kind::Pndm => Box::new(pndm::Pndm::new(self, n_steps)?),
            Kind::Euler => Box::new(euler::Euler::new(self, n_steps)?),
            Kind::EulerAncestral => Box::new(euler_ancestral::EulerAncestral::new(self, n_steps)?),
            Kind::DpmSolver => Box::new(dpm_solver::DpmSolver::new(self, n_steps)?),
            Kind::UniPc => Box::new(unipc::UniPc::new(self, n_steps)?),
            Kind::Lcm => Box::new(lcm::Lcm::new(self, n_steps)?),
            Kind::Ddpm => Box::new(ddpm::Ddpm::new(self, n_steps)?),
            Kind::Heun => Box::new(heun::Heun::new(self, n_steps)?),
            Kind::Deis => Box::new(deis::Deis::new(self, n_steps)?),
        };
        // `steps_offset` may lift the first timestep over the end of the table.
        let reads_table = matches!(self.kind, Kind::Ddim | Kind::Pndm | Kind::Lcm | Kind::Ddpm);
        let n_train = self.num_train_timesteps as f64;
        if reads_table && scheduler.timesteps().iter().any(|t| *t >= n_train) {
            return Err(wrong());
        }
        Ok(scheduler)
    }
}

/// Noise that a step must have been given.
fn required(noise: Option<&Tensor>) -> TensorResult<&Tensor> {
    noise.ok_or_else(|| candle_core::Error::msg("this scheduler's step needs noise"))
}

/// The sum of tensors, each times its weight.
fn weighted_sum(tensors: &[Tensor], weights: &[f64]) -> TensorResult<Tensor> {
    let mut sum: Option<Tensor> = None;
    for (tensor, weight) in tensors.iter().zip(weights) {
        let term = (tensor * *weight)?;
        sum = Some(match sum {
            None => term,
            Some(sum) => (sum + term)?,
        });
    }
    sum.ok_or_else(|| candle_core::Error::msg("there is nothing to add up"))
}

/// `values[idx]`, or 0 past the end.
fn at(values: &[f64], idx: usize) -> f64 {
    values.get(idx).copied().unwrap_or_default()
}
