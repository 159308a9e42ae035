use candle_core::{Result as TensorResult, Tensor};

use super::config::{Prediction, SchedulerConfig};
use super::schedule::alphas_cumprod;
use super::{Scheduler, Step, at, required};
use crate::Result;

/// Deviation of the data in the boundary conditions (Song et al. 2023, arXiv 2303.01469, appendix C).
const SIGMA_DATA: f64 = 0.5;

/// Multistep consistency sampling for latent consistency models (Luo et al. 2023, arXiv 2310.04378, algorithm 3).
#[derive(Debug)]
pub struct Lcm {
    alphas_cumprod: Vec<f64>,
    final_alpha_cumprod: f64,
    timesteps: Vec<f64>,
    timestep_scaling: f64,
    prediction: Prediction,
    clip_range: Option<f64>,
}

impl Lcm {
    /// A run of `n_steps`, chosen evenly among the teacher's.
    pub fn new(config: &SchedulerConfig, n_steps: usize) -> Result<Self> {
        let alphas_cumprod = alphas_cumprod(config)?;
        let n_teacher = config.original_inference_steps.max(1);
        let ratio = config.num_train_timesteps / n_teacher;
        let timesteps = (0..n_steps).map(|i| {
            let idx = i * n_teacher / n_steps; // counted from the noisiest
            ((n_teacher - idx) * ratio) as f64 - 1.0
        });
        Ok(Self {
            final_alpha_cumprod: if config.set_alpha_to_one {
                1.0
            } else {
                at(&alphas_cumprod, 0)
            },
            alphas_cumprod,
            timesteps: timesteps.collect(),
            timestep_scaling: config.timestep_scaling,
            prediction: config.prediction,
            clip_range: config.clip_range,
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
        let alpha_cumprod = at(&self.alphas_cumprod, timestep as usize);
        let (alpha, sigma) = (alpha_cumprod.sqrt(), (1.0 - alpha_cumprod).sqrt());
        let mut picture = self.prediction.picture(prediction, latents, alpha, sigma)?;
        if let Some(range) = self.clip_range {
            picture = picture.clamp(-range, range)?;
        }
        // Near the picture's end, the network's answer counts less and the latents more.
        let scaled = timestep * self.timestep_scaling;
        let c_skip = SIGMA_DATA.powi(2) / (scaled.powi(2) + SIGMA_DATA.powi(2));
        let c_out = scaled / (scaled.powi(2) + SIGMA_DATA.powi(2)).sqrt();
        let picture = ((picture * c_out)? + (latents * c_skip)?)?;
        if !self.needs_noise(call_idx) {
            return Ok(Step {
                latents: picture.clone(),
                foreseen: Some(picture),
            });
        }
        let next = at(&self.timesteps, call_idx + 1);
        let alpha_next = if next >= 0.0 {
            at(&self.alphas_cumprod, next as usize)
        } else {
            self.final_alpha_cumprod
        };
        let latents =
            ((&picture * alpha_next.sqrt())? + (required(noise)? * (1.0 - alpha_next).sqrt())?)?;
        Ok(Step {
            latents,
            foreseen: Some(picture),
        })
    }
}
