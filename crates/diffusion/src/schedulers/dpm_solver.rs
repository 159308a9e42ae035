use candle_core::{Result as TensorResult, Tensor};
use common::Result;

use super::config::{DpmAlgorithm, FinalSigma, SchedulerConfig};
use super::prediction::{AlphaSigma, Prediction, Thresholding};
use super::sigmas::SigmaRun;
use super::{Scheduler, Step, at, required, weighted_sum};

/// Runs shorter than this end in steps of lower order, since higher orders are unstable there.
const SHORT_RUN: usize = 15;

/// DPM-Solver++ (Lu et al. 2022, arXiv 2211.01095) and DPM-Solver (arXiv 2206.00927), multistep, of order 1 to 3, without
/// and with fresh noise.
#[derive(Debug)]
pub struct DpmSolver {
    run: SigmaRun,
    prediction: Prediction,
    thresholding: Thresholding,
    algorithm: DpmAlgorithm,
    order: usize,
    is_heun: bool,
    is_short: bool,
    last_is_first_order: bool,
    /// Converted predictions of the calls before, newest last.
    history: Vec<Tensor>,
}

impl DpmSolver {
    /// A run of `n_steps`.
    pub fn new(config: &SchedulerConfig, n_steps: usize) -> Result<Self> {
        let run = SigmaRun::multistep(config, n_steps)?;
        let is_short = config.lower_order_final && run.timesteps.len() < SHORT_RUN;
        Ok(Self {
            run,
            prediction: config.prediction,
            thresholding: config.thresholding,
            algorithm: config.algorithm,
            order: config.solver_order,
            is_heun: config.solver_type == "heun",
            is_short,
            last_is_first_order: config.euler_at_final
                || is_short
                || config.final_sigma == FinalSigma::Zero,
            history: Vec::new(),
        })
    }

    /// A prediction as what is integrated: the denoised latents or the noise.
    fn converted(&self, out: &Tensor, latents: &Tensor, level: AlphaSigma) -> TensorResult<Tensor> {
        if self.algorithm.predicts_x0() {
            let denoised = self.prediction.denoised(out, latents, level)?;
            return self.thresholding.apply(&denoised);
        }
        let noise = self.prediction.noise(out, latents, level)?;
        if self.thresholding == Thresholding::None {
            return Ok(noise);
        }
        let denoised = Prediction::Epsilon.denoised(&noise, latents, level)?;
        level.noise(latents, &self.thresholding.apply(&denoised)?)
    }

    /// Order of the step after a call.
    fn order_of(&self, call_idx: usize) -> usize {
        let n_left = self.run.timesteps.len() - call_idx;
        let most = match n_left {
            1 if self.last_is_first_order => 1,
            2 if self.is_short => 2,
            _ => self.order,
        };
        most.min(self.order).min(call_idx + 1)
    }

    /// The newest converted prediction and its first `order - 1` difference quotients, in units of the step `h` ahead.
    fn differences(&self, call_idx: usize, order: usize, h: f64) -> TensorResult<Vec<Tensor>> {
        // Length of the step that ended at a call, relative to the one ahead.
        let ratio = |idx: usize| {
            let lambda = |idx: usize| AlphaSigma::of_sigma(at(&self.run.sigmas, idx)).lambda();
            (lambda(idx) - lambda(idx.saturating_sub(1))) / h
        };
        let newest_first: Vec<&Tensor> = self.history.iter().rev().take(order).collect();
        match newest_first.as_slice() {
            [newest] => Ok(vec![(*newest).clone()]),
            [newest, before] => {
                let first = ((*newest - *before)? / ratio(call_idx))?;
                Ok(vec![(*newest).clone(), first])
            }
            [newest, before, earlier] => {
                let (r0, r1) = (ratio(call_idx), ratio(call_idx.saturating_sub(1)));
                let near = ((*newest - *before)? / r0)?;
                let far = ((*before - *earlier)? / r1)?;
                let second = ((&near - far)? / (r0 + r1))?;
                let first = (near + (&second * r0)?)?;
                Ok(vec![(*newest).clone(), first, second])
            }
            _ => Err(candle_core::Error::msg("no prediction yet")),
        }
    }

    /// The step from one noise level to the next, as factors.
    fn factors(&self, from: AlphaSigma, to: AlphaSigma, order: usize) -> Factors {
        let h = to.lambda() - from.lambda(); // infinite where the last sigma is 0
        let (latents, scale, k) = match self.algorithm {
            DpmAlgorithm::Data => (to.sigma / from.sigma, to.alpha, -h),
            DpmAlgorithm::DataSde => (to.sigma / from.sigma * (-h).exp(), to.alpha, -2.0 * h),
            DpmAlgorithm::Noise => (to.alpha / from.alpha, to.sigma, h),
            DpmAlgorithm::NoiseSde => (to.alpha / from.alpha, 2.0 * to.sigma, h),
        };
        let grown = k.exp_m1();
        let first = match order {
            2 if !self.is_heun => -0.5 * grown,
            _ => 1.0 - grown / k,
        };
        let second = 0.5 - (grown - k) / (k * k);
        Factors {
            latents,
            differences: [-scale * grown, scale * first, scale * second],
            noise: match self.algorithm {
                DpmAlgorithm::DataSde => to.sigma * (-grown).max(0.0).sqrt(),
                DpmAlgorithm::NoiseSde => to.sigma * (2.0 * h).exp_m1().max(0.0).sqrt(),
                DpmAlgorithm::Data | DpmAlgorithm::Noise => 0.0,
            },
        }
    }
}

/// What a step multiplies the latents, the difference quotients and the fresh noise by.
struct Factors {
    latents: f64,
    differences: [f64; 3],
    noise: f64,
}

impl Scheduler for DpmSolver {
    fn timesteps(&self) -> &[f64] {
        &self.run.timesteps
    }

    fn sigmas(&self) -> Option<&[f64]> {
        Some(&self.run.sigmas)
    }

    fn needs_noise(&self, call_idx: usize) -> bool {
        self.algorithm.is_stochastic() && at(&self.run.sigmas, call_idx + 1) > 0.0
    }

    fn step(
        &mut self,
        prediction: &Tensor,
        latents: &Tensor,
        call_idx: usize,
        noise: Option<&Tensor>,
    ) -> TensorResult<Step> {
        let from = AlphaSigma::of_sigma(at(&self.run.sigmas, call_idx));
        let to = AlphaSigma::of_sigma(at(&self.run.sigmas, call_idx + 1));
        let converted = self.converted(prediction, latents, from)?;
        self.history.push(converted.clone());
        if self.history.len() > self.order {
            self.history.remove(0);
        }
        let order = self.order_of(call_idx);
        let factors = self.factors(from, to, order);
        let differences = self.differences(call_idx, order, to.lambda() - from.lambda())?;
        let mut next = (latents * factors.latents)?;
        next = (next + weighted_sum(&differences, &factors.differences)?)?;
        if self.needs_noise(call_idx) {
            next = (next + (required(noise)? * factors.noise)?)?;
        }
        Ok(Step {
            latents: next,
            denoised: self.algorithm.predicts_x0().then_some(converted),
        })
    }
}
