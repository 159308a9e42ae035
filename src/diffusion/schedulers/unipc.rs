use candle_core::{Result as TensorResult, Tensor};

use super::config::{FinalSigma, Prediction, SchedulerConfig};
use super::dpmpp_2m::alpha_sigma_lambda;
use super::schedule::{SigmaTable, alphas_cumprod, karras_sigmas, multistep_timesteps};
use super::{Scheduler, Step, at};
use crate::Result;

/// UniPC (Zhao et al. 2023, arXiv 2302.04867) on predicted pictures: a predictor of order 1 or 2, whose result is corrected
/// at the next call, when the network has seen it.
#[derive(Debug)]
pub struct UniPc {
    timesteps: Vec<f64>,
    sigmas: Vec<f64>,
    prediction: Prediction,
    max_order: usize,
    is_bh1: bool,
    lower_order_final: bool,
    disable_corrector: Vec<usize>,
    /// Pictures foreseen at the calls before, newest last.
    pictures: Vec<Tensor>,
    /// Latents that the last predictor began from, and its order.
    last: Option<(Tensor, usize)>,
}

impl UniPc {
    /// A run of `n_steps`.
    pub fn new(config: &SchedulerConfig, n_steps: usize) -> Result<Self> {
        let table = SigmaTable::new(config, alphas_cumprod(config)?);
        let (timesteps, mut sigmas) = if config.use_karras_sigmas {
            let sigmas = karras_sigmas(config, table.min(), table.max(), n_steps);
            let timesteps = sigmas
                .iter()
                .map(|&sigma| table.timestep_of(sigma).round_ties_even());
            (timesteps.collect(), sigmas)
        } else {
            let timesteps = multistep_timesteps(config, n_steps, config.num_train_timesteps);
            let sigmas = timesteps.iter().map(|&t| table.at(t)).collect();
            (timesteps, sigmas)
        };
        sigmas.push(match (config.use_karras_sigmas, config.final_sigma) {
            (true, FinalSigma::SigmaMin) => at(&sigmas, n_steps - 1),
            _ => table.last(config),
        });
        Ok(Self {
            timesteps,
            sigmas,
            prediction: config.prediction,
            max_order: config.solver_order,
            is_bh1: config.solver_type == "bh1",
            lower_order_final: config.lower_order_final,
            disable_corrector: config.disable_corrector.clone(),
            pictures: Vec::new(),
            last: None,
        })
    }

    fn lambda(&self, idx: usize) -> f64 {
        alpha_sigma_lambda(at(&self.sigmas, idx)).2
    }

    /// The step from `sigmas[from]` to the next: order 1 exactly, plus `correction(h, B(h))` times alpha.
    fn advance(
        &self,
        latents: &Tensor,
        picture: &Tensor,
        from: usize,
        correction: impl FnOnce(&Coefficients) -> TensorResult<Option<Tensor>>,
    ) -> TensorResult<Tensor> {
        let (_, sigma_s, lambda_s) = alpha_sigma_lambda(at(&self.sigmas, from));
        let (alpha_t, sigma_t, lambda_t) = alpha_sigma_lambda(at(&self.sigmas, from + 1));
        let coefficients = Coefficients::new(lambda_t - lambda_s, self.is_bh1);
        let base =
            ((latents * (sigma_t / sigma_s))? - (picture * (alpha_t * coefficients.phi_1))?)?;
        match correction(&coefficients)? {
            None => Ok(base),
            Some(slopes) => base - (slopes * (alpha_t * coefficients.b_h))?,
        }
    }

    /// UniP: from `latents` at call `idx`.
    fn predict(&self, latents: &Tensor, idx: usize, order: usize) -> TensorResult<Tensor> {
        let [before @ .., newest] = self.pictures.as_slice() else {
            return Err(candle_core::Error::msg("no prediction yet"));
        };
        self.advance(latents, newest, idx, |coefficients| {
            let Some(previous) = before.last().filter(|_| order == 2) else {
                return Ok(None);
            };
            let ratio = (self.lambda(idx.saturating_sub(1)) - self.lambda(idx)) / coefficients.h();
            // Order 2 has a single slope, whose weight is 1/2 whatever B(h) is.
            Ok(Some((((previous - newest)? / ratio)? * 0.5)?))
        })
    }

    /// UniC: the step to call `idx` once more, now that `picture` was foreseen there.
    fn correct(
        &self,
        start: &Tensor,
        picture: &Tensor,
        idx: usize,
        order: usize,
    ) -> TensorResult<Tensor> {
        let from = idx.saturating_sub(1);
        let [before @ .., newest] = self.pictures.as_slice() else {
            return Err(candle_core::Error::msg("no prediction yet"));
        };
        self.advance(start, newest, from, |coefficients| {
            let now = (picture - newest)?;
            let Some(previous) = before.last().filter(|_| order == 2) else {
                return Ok(Some((now * 0.5)?));
            };
            let ratio =
                (self.lambda(from.saturating_sub(1)) - self.lambda(from)) / coefficients.h();
            let (weight_before, weight_now) = coefficients.corrector_weights(ratio);
            let slope = ((previous - newest)? / ratio)?;
            Ok(Some(((slope * weight_before)? + (now * weight_now)?)?))
        })
    }
}

/// The paper's functions of the step `h` in half log signal-to-noise ratio, for predicted pictures.
struct Coefficients {
    /// `-h`.
    hh: f64,
    /// `exp(-h) - 1`.
    phi_1: f64,
    /// `B(h)`.
    b_h: f64,
}

impl Coefficients {
    fn new(h: f64, is_bh1: bool) -> Self {
        let hh = -h;
        let phi_1 = hh.exp_m1();
        Self {
            hh,
            phi_1,
            b_h: if is_bh1 { hh } else { phi_1 },
        }
    }

    fn h(&self) -> f64 {
        -self.hh
    }

    /// Weights of the slopes to the call before and to the new one: the solution of `[[1, 1], [ratio, 1]] w = b`.
    fn corrector_weights(&self, ratio: f64) -> (f64, f64) {
        let phi_2 = self.phi_1 / self.hh - 1.0;
        let phi_3 = phi_2 / self.hh - 0.5;
        let (b_1, b_2) = (phi_2 / self.b_h, 2.0 * phi_3 / self.b_h);
        let before = (b_1 - b_2) / (1.0 - ratio);
        (before, b_1 - before)
    }
}

impl Scheduler for UniPc {
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
        let (alpha, sigma, _) = alpha_sigma_lambda(at(&self.sigmas, call_idx));
        let picture = self.prediction.picture(prediction, latents, alpha, sigma)?;
        let mut latents = latents.clone();
        if let Some((start, order)) = &self.last
            && call_idx > 0
            && !self.disable_corrector.contains(&(call_idx - 1))
        {
            latents = self.correct(start, &picture, call_idx, *order)?;
        }

        self.pictures.push(picture.clone());
        if self.pictures.len() > 2 {
            self.pictures.remove(0);
        }
        let n_left = self.timesteps.len() - call_idx;
        let order = match self.lower_order_final {
            true => self.max_order.min(n_left),
            false => self.max_order,
        };
        let order = order.min(call_idx + 1);
        let next = self.predict(&latents, call_idx, order)?;
        self.last = Some((latents, order));
        Ok(Step {
            latents: next,
            foreseen: Some(picture),
        })
    }
}
