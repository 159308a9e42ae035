use candle_core::{Result as TensorResult, Tensor};
use common::Result;

use super::config::SchedulerConfig;
use super::prediction::Prediction;
use super::schedule::{AlphaTable, discrete_timesteps};
use super::{Scheduler, Step, at, weighted_sum};

/// Steps that the Runge-Kutta method makes, before there are enough predictions for the multistep method.
const N_PRK_STEPS: usize = 3;
/// Calls of the network in a step of the Runge-Kutta method.
const CALLS_PER_PRK_STEP: usize = 4;

/// Pseudo numerical methods (Liu et al. 2022, arXiv 2202.09778).
///
/// Stable Diffusion uses the linear multistep part alone: the second timestep is visited twice, so a run has one call
/// more than it has steps. Otherwise the first three steps are Runge-Kutta steps of four calls each.
#[derive(Debug)]
pub struct Pndm {
    alphas: AlphaTable,
    timesteps: Vec<f64>,
    timestep_ratio: f64,
    prediction: Prediction,
    /// Number of calls that belong to Runge-Kutta steps.
    n_prk_calls: usize,
    /// The predictions at the steps before, newest last.
    history: Vec<Tensor>,
    /// The latents before the step that takes several calls.
    start: Option<Tensor>,
    /// Predictions within a Runge-Kutta step.
    prk_predictions: Vec<Tensor>,
}

impl Pndm {
    /// Least number of steps with and without the Runge-Kutta method.
    pub fn min_steps(config: &SchedulerConfig) -> usize {
        match config.skip_prk_steps {
            true => 1,
            false => N_PRK_STEPS + 1,
        }
    }

    /// A run of `n_steps`.
    pub fn new(config: &SchedulerConfig, n_steps: usize) -> Result<Self> {
        let timesteps = discrete_timesteps(config, n_steps);
        let ratio = config.num_train_timesteps / n_steps;
        let timesteps = match config.skip_prk_steps {
            true => with_second_twice(timesteps),
            false => with_prk_steps(&timesteps, (ratio / 2) as f64),
        };
        Ok(Self {
            alphas: AlphaTable::new(config)?,
            timesteps,
            timestep_ratio: ratio as f64,
            prediction: config.prediction,
            n_prk_calls: match config.skip_prk_steps {
                true => 0,
                false => N_PRK_STEPS * CALLS_PER_PRK_STEP,
            },
            history: Vec::new(),
            start: None,
            prk_predictions: Vec::new(),
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
        let (a, a_previous) = (self.alphas.at(timestep.max(0.0)), self.alphas.at(previous));
        let (b, b_previous) = (1.0 - a, 1.0 - a_previous);
        let noise = self
            .prediction
            .noise(out, latents, self.alphas.level(timestep.max(0.0)))?;
        let denominator = a * b_previous.sqrt() + (a * b * a_previous).sqrt();
        (latents * (a_previous / a).sqrt())? - (noise * ((a_previous - a) / denominator))?
    }

    /// One of the four calls of a Runge-Kutta step.
    fn prk_step(
        &mut self,
        out: &Tensor,
        latents: &Tensor,
        call_idx: usize,
    ) -> TensorResult<Tensor> {
        let phase = call_idx % CALLS_PER_PRK_STEP;
        let step_begin = at(&self.timesteps, call_idx - phase);
        // Phases 0 and 2 go half a step further down; 1 and 3 stay at the timestep that the network was given.
        let half_step = ((self.timestep_ratio as usize) / 2) as f64;
        let previous = at(&self.timesteps, call_idx)
            - if phase.is_multiple_of(2) {
                half_step
            } else {
                0.0
            };
        if phase == 0 {
            self.history.push(out.clone());
            self.start = Some(latents.clone());
            self.prk_predictions.clear();
        }
        self.prk_predictions.push(out.clone());
        let slope = match phase {
            3 => weighted_sum(
                &self.prk_predictions,
                &[1.0 / 6.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 6.0],
            )?,
            _ => out.clone(),
        };
        let start = self.start.as_ref().unwrap_or(latents);
        self.transfer(start, step_begin, previous, &slope)
    }

    /// A step of the linear multistep method.
    fn plms_step(
        &mut self,
        out: &Tensor,
        latents: &Tensor,
        call_idx: usize,
    ) -> TensorResult<Tensor> {
        let timestep = at(&self.timesteps, call_idx);
        if call_idx == 1 {
            // The second visit repeats the first step with the mean of both predictions.
            let first = self.history.last().unwrap_or(out);
            let mean = ((out + first)? / 2.0)?;
            let start = self.start.take().unwrap_or_else(|| latents.clone());
            return self.transfer(&start, timestep + self.timestep_ratio, timestep, &mean);
        }
        if call_idx == 0 {
            self.start = Some(latents.clone());
        }
        self.history.push(out.clone());
        if self.history.len() > 4 {
            self.history.remove(0);
        }
        // Adams and Bashforth's weights, oldest first.
        let weights: &[f64] = match self.history.len() {
            1 => &[1.0],
            2 => &[-1.0 / 2.0, 3.0 / 2.0],
            3 => &[5.0 / 12.0, -16.0 / 12.0, 23.0 / 12.0],
            _ => &[-9.0 / 24.0, 37.0 / 24.0, -59.0 / 24.0, 55.0 / 24.0],
        };
        let slope = weighted_sum(&self.history, weights)?;
        self.transfer(latents, timestep, timestep - self.timestep_ratio, &slope)
    }
}

fn with_second_twice(mut timesteps: Vec<f64>) -> Vec<f64> {
    if let Some(&second) = timesteps.get(1) {
        timesteps.insert(1, second);
    }
    timesteps
}

/// The first three of the steps visit their end and their middle twice.
fn with_prk_steps(timesteps: &[f64], half_step: f64) -> Vec<f64> {
    let mut calls = Vec::with_capacity(timesteps.len() + N_PRK_STEPS * (CALLS_PER_PRK_STEP - 1));
    for pair in timesteps.windows(2).take(N_PRK_STEPS) {
        if let [begin, end] = *pair {
            calls.extend([begin, end + half_step, end + half_step, end]);
        }
    }
    calls.extend(timesteps.iter().skip(N_PRK_STEPS));
    calls
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
        let latents = match call_idx < self.n_prk_calls {
            true => self.prk_step(prediction, latents, call_idx)?,
            false => self.plms_step(prediction, latents, call_idx)?,
        };
        Ok(Step {
            latents,
            denoised: None,
        })
    }
}
