use candle_core::{Result as TensorResult, Tensor};

use super::config::{FinalSigma, Prediction, SchedulerConfig};
use super::schedule::{SigmaTable, alphas_cumprod, karras_sigmas, multistep_timesteps};
use super::{Scheduler, Step, at};
use crate::Result;

/// Runs shorter than this end in a step of order 1, since order 2 is unstable there.
const SHORT_RUN: usize = 15;

/// DPM-Solver++ (Lu et al. 2022, arXiv 2211.01095), multistep, of order 2 or 1.
#[derive(Debug)]
pub struct DpmPlusPlus2M {
    timesteps: Vec<f64>,
    sigmas: Vec<f64>,
    prediction: Prediction,
    order: usize,
    is_heun: bool,
    last_is_first_order: bool,
    /// The picture foreseen at the call before.
    previous: Option<Tensor>,
}

impl DpmPlusPlus2M {
    /// A run of `n_steps`.
    pub fn new(config: &SchedulerConfig, n_steps: usize) -> Result<Self> {
        let table = SigmaTable::new(config, alphas_cumprod(config)?);
        let last_timestep = table.n_above(config.lambda_min_clipped);
        let (timesteps, mut sigmas) = if config.use_karras_sigmas {
            let sigmas = karras_sigmas(config, table.min(), table.max(), n_steps);
            let timesteps = sigmas
                .iter()
                .map(|&sigma| table.timestep_of(sigma).round_ties_even());
            (timesteps.collect(), sigmas)
        } else {
            let timesteps = multistep_timesteps(config, n_steps, last_timestep);
            let sigmas = timesteps.iter().map(|&t| table.at(t)).collect();
            (timesteps, sigmas)
        };
        sigmas.push(table.last(config));
        let is_short = config.lower_order_final && timesteps.len() < SHORT_RUN;
        Ok(Self {
            timesteps,
            sigmas,
            prediction: config.prediction,
            order: config.solver_order,
            is_heun: config.solver_type == "heun",
            last_is_first_order: config.euler_at_final
                || is_short
                || config.final_sigma == FinalSigma::Zero,
            previous: None,
        })
    }
}

/// `alpha` and `sigma` of `alpha * picture + sigma * noise` with variance 1, and half the log signal-to-noise ratio.
pub fn alpha_sigma_lambda(sigma: f64) -> (f64, f64, f64) {
    let alpha = 1.0 / (sigma * sigma + 1.0).sqrt();
    (alpha, sigma * alpha, -sigma.ln())
}

impl Scheduler for DpmPlusPlus2M {
    fn timesteps(&self) -> &[f64] {
        &self.timesteps
    }

    fn sigmas(&self) -> Option<&[f64]> {
        Some(&self.sigmas)
    }

    fn step(
        &mut self,
        prediction: &Tensor,
        latents: &Tensor,
        call_idx: usize,
        _noise: Option<&Tensor>,
    ) -> TensorResult<Step> {
        let (alpha_s, sigma_s, lambda_s) = alpha_sigma_lambda(at(&self.sigmas, call_idx));
        let (alpha_t, sigma_t, lambda_t) = alpha_sigma_lambda(at(&self.sigmas, call_idx + 1));
        let picture = self
            .prediction
            .picture(prediction, latents, alpha_s, sigma_s)?;

        let h = lambda_t - lambda_s; // infinite where the last sigma is 0
        let decay = (-h).exp() - 1.0;
        let mut next = ((latents * (sigma_t / sigma_s))? - (&picture * (alpha_t * decay))?)?;
        let is_last = call_idx + 1 == self.timesteps.len();
        if let Some(previous) = &self.previous
            && self.order == 2
            && !(is_last && self.last_is_first_order)
        {
            let lambda_before = alpha_sigma_lambda(at(&self.sigmas, call_idx.saturating_sub(1))).2;
            let ratio = (lambda_s - lambda_before) / h;
            let slope = ((&picture - previous)? / ratio)?;
            let weight = if self.is_heun {
                alpha_t * (decay / h + 1.0)
            } else {
                -0.5 * alpha_t * decay
            };
            next = (next + (slope * weight)?)?;
        }
        self.previous = Some(picture.clone());
        Ok(Step {
            latents: next,
            foreseen: Some(picture),
        })
    }
}
