use candle_core::{Result as TensorResult, Tensor};
use common::Result;

use super::config::SchedulerConfig;
use super::prediction::{Prediction, Thresholding};
use super::schedule::AlphaTable;
use super::{Scheduler, Step, at, required};

/// Deviation of the data in the boundary conditions (Song et al. 2023, arXiv 2303.01469, appendix C).
const SIGMA_DATA: f64 = 0.5;

/// Multistep consistency sampling for latent consistency models (Luo et al. 2023, arXiv 2310.04378, algorithm 3).
#[derive(Debug)]
pub struct Lcm {
    alphas: AlphaTable,
    timesteps: Vec<f64>,
    timestep_scaling: f64,
    prediction: Prediction,
    thresholding: Thresholding,
}

impl Lcm {
    /// A run of `n_steps`, chosen evenly among the teacher's.
    pub fn new(config: &SchedulerConfig, n_steps: usize) -> Result<Self> {
        let n_teacher = config.original_inference_steps.max(1);
        let ratio = config.num_train_timesteps / n_teacher;
        let timesteps = (0..n_steps).map(|i| {
            let idx = i * n_teacher / n_steps; // counted from the noisiest
            ((n_teacher - idx) * ratio) as f64 - 1.0
        });
        Ok(Self {
            alphas: AlphaTable::new(config)?,
            timesteps: timesteps.collect(),
            timestep_scaling: config.timestep_scaling,
            prediction: config.prediction,
            thresholding: config.thresholding,
        })
    }
}

impl Scheduler for Lcm {
    fn timesteps(&self) -> &[f64] {
        &self.timesteps
    }

    fn needs_noise(&self, call_idx: usize) -> bool {
        call_idx + 1 < self.timesteps.len()
    }

    fn step(
        &mut self,
        prediction: &Tensor,
        latents: &Tensor,
        call_idx: usize,
        noise: Option<&Tensor>,
    ) -> TensorResult<Step> {
        let timestep = at(&self.timesteps, call_idx);
        let level = self.alphas.level(timestep);
        let denoised = self.prediction.denoised(prediction, latents, level)?;
        let denoised = self.thresholding.apply(&denoised)?;
        // At low noise, the network's prediction counts less and the latents more.
        let scaled = timestep * self.timestep_scaling;
        let c_skip = SIGMA_DATA.powi(2) / (scaled.powi(2) + SIGMA_DATA.powi(2));
        let c_out = scaled / (scaled.powi(2) + SIGMA_DATA.powi(2)).sqrt();
        let denoised = ((denoised * c_out)? + (latents * c_skip)?)?;
        let latents = match self.needs_noise(call_idx) {
            true => {
                let next = self.alphas.level(at(&self.timesteps, call_idx + 1));
                next.sample(&denoised, required(noise)?)?
            }
            false => denoised.clone(),
        };
        Ok(Step {
            latents,
            denoised: Some(denoised),
        })
    }
}
