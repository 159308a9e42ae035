use candle_core::{Result as TensorResult, Tensor};

use super::config::{Prediction, SchedulerConfig};
use super::schedule::{alphas_cumprod, discrete_timesteps};
use super::{Scheduler, Step, at};
use crate::Result;

/// Pseudo numerical methods (Liu et al. 2022, arXiv 2202.09778): the linear multistep part, as Stable Diffusion uses it.
///
/// The second timestep is visited twice, so a run has one call more than it has steps.
#[derive(Debug)]
pub struct Pndm {
    alphas_cumprod: Vec<f64>,
    final_alpha_cumprod: f64,
    timesteps: Vec<f64>,
    timestep_ratio: f64,
    prediction: Prediction,
    /// The last predictions, newest last.
    history: Vec<Tensor>,
    /// The latents before the first step.
    first_latents: Option<Tensor>,
}

impl Pndm {
    /// A run of `n_steps`.
    pub fn new(config: &SchedulerConfig, n_steps: usize) -> Result<Self> {
        let alphas_cumprod = alphas_cumprod(config)?;
        let mut timesteps = discrete_timesteps(config, n_steps);
        if let Some(&second) = timesteps.get(1) {
            timesteps.insert(1, second);
        }
        Ok(Self {
            final_alpha_cumprod: if config.set_alpha_to_one {
                1.0
            } else {
                at(&alphas_cumprod, 0)
            },
            alphas_cumprod,
            timesteps,
            timestep_ratio: (config.num_train_timesteps / n_steps) as f64,
            prediction: config.prediction,
            history: Vec::new(),
            first_latents: None,
        })
    }

    /// Equation 9 of the paper: from the noise level of `timestep` to that of `previous`.
    fn transfer(
        &self,
        latents: &Tensor,
        timestep: f64,
        previous: f64,
        out: &Tensor,
    ) -> TensorResult<Tensor> {
        let a = at(&self.alphas_cumprod, timestep.max(0.0) as usize);
        let a_previous = if previous >= 0.0 {
            at(&self.alphas_cumprod, previous as usize)
        } else {
            self.final_alpha_cumprod
        };
        let (b, b_previous) = (1.0 - a, 1.0 - a_previous);
        let noise = match self.prediction {
            Prediction::Epsilon => out.clone(),
            other => other.noise(out, latents, a.sqrt(), b.sqrt())?,
        };
        let denominator = a * b_previous.sqrt() + (a * b * a_previous).sqrt();
        (latents * (a_previous / a).sqrt())? - (noise * ((a_previous - a) / denominator))?
    }
}

impl Scheduler for Pndm {
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
        let mut from = timestep;
        let mut to = timestep - self.timestep_ratio;
        if call_idx == 1 {
            // The second visit repeats the first step with the mean of both predictions.
            (from, to) = (timestep + self.timestep_ratio, timestep);
        } else {
            if self.history.len() > 3 {
                self.history.remove(0);
            }
            self.history.push(prediction.clone());
        }
        let newest = self.history.iter().rev().collect::<Vec<_>>();
        let weighted = |weights: &[f64], divisor: f64| -> TensorResult<Tensor> {
            let mut sum: Option<Tensor> = None;
            for (tensor, weight) in newest.iter().zip(weights) {
                let term = (*tensor * (weight / divisor))?;
                sum = Some(match sum {
                    None => term,
                    Some(sum) => (sum + term)?,
                });
            }
            sum.ok_or_else(|| candle_core::Error::msg("no prediction yet"))
        };
        let mut start = latents.clone();
        let out = match (newest.len(), call_idx) {
            (1, 0) => {
                self.first_latents = Some(latents.clone());
                prediction.clone()
            }
            (1, _) => {
                if let Some(first) = self.first_latents.take() {
                    start = first;
                }
                ((prediction + weighted(&[1.0], 1.0)?)? / 2.0)?
            }
            (2, _) => weighted(&[3.0, -1.0], 2.0)?,
            (3, _) => weighted(&[23.0, -16.0, 5.0], 12.0)?,
            _ => weighted(&[55.0, -59.0, 37.0, -9.0], 24.0)?,
        };
        Ok(Step {
            latents: self.transfer(&start, from, to, &out)?,
            foreseen: None,
        })
    }
}
