use candle_core::{Result as TensorResult, Tensor};
use common::Result;

use super::config::SchedulerConfig;
use super::prediction::{AlphaSigma, Prediction, Thresholding};
use super::sigmas::SigmaRun;
use super::{Scheduler, Step, at, weighted_sum};

/// Runs shorter than this end in steps of lower order, as those of [`DpmSolver`](super::dpm_solver::DpmSolver).
const SHORT_RUN: usize = 15;

/// Highest order.
pub const MAX_ORDER: usize = 3;

/// DEIS (Zhang and Chen 2022, arXiv 2204.13902), multistep, of order 1 to 3: the noise between two levels is a polynomial in the
/// logarithm of sigma through the predictions of the calls before, and is integrated over sigma exactly.
#[derive(Debug)]
pub struct Deis {
    run: SigmaRun,
    prediction: Prediction,
    thresholding: Thresholding,
    order: usize,
    is_short: bool,
    /// Predicted noise of the calls before, newest first.
    history: Vec<Tensor>,
}

impl Deis {
    /// A run of `n_steps`.
    pub fn new(config: &SchedulerConfig, n_steps: usize) -> Result<Self> {
        let run = SigmaRun::multistep(config, n_steps)?;
        Ok(Self {
            is_short: config.lower_order_final && run.timesteps.len() < SHORT_RUN,
            run,
            prediction: config.prediction,
            thresholding: config.thresholding,
            order: config.solver_order,
            history: Vec::new(),
        })
    }

    /// The noise that a prediction means, after the limits on the denoised latents.
    fn noise(&self, out: &Tensor, latents: &Tensor, level: AlphaSigma) -> TensorResult<Tensor> {
        if self.thresholding == Thresholding::None {
            return self.prediction.noise(out, latents, level);
        }
        let denoised = self.prediction.denoised(out, latents, level)?;
        level.noise(latents, &self.thresholding.apply(&denoised)?)
    }

    /// Order of the step after a call.
    fn order_of(&self, call_idx: usize) -> usize {
        let n_left = self.run.timesteps.len() - call_idx;
        let most = match self.is_short {
            true => self.order.min(n_left),
            false => self.order,
        };
        most.min(call_idx + 1)
    }
}

/// Weights of predictions at the sigmas `from`, newest first, in the integral over sigma from the newest to `to`.
fn weights(from: &[f64], to: f64) -> Vec<f64> {
    let start = at(from, 0);
    // In `x`, the logarithm of sigma over its start, the newest prediction lies at 0.
    let x = |sigma: f64| (sigma / start).ln();
    let end = x(to);
    // Integrals of 1, x and x^2 over sigma.
    let i0 = to - start;
    let i1 = to * (end - 1.0) + start;
    let i2 = to * (end * end - 2.0 * end + 2.0) - 2.0 * start;
    match from {
        [_, before] => {
            let a = x(*before);
            vec![i0 - i1 / a, i1 / a]
        }
        [_, before, earlier] => {
            let (a, b) = (x(*before), x(*earlier));
            vec![
                i0 - i1 * (a + b) / (a * b) + i2 / (a * b),
                (i2 - b * i1) / (a * (a - b)),
                (i2 - a * i1) / (b * (b - a)),
            ]
        }
        _ => vec![i0],
    }
}

impl Scheduler for Deis {
    fn timesteps(&self) -> &[f64] {
        &self.run.timesteps
    }

    fn sigmas(&self) -> Option<&[f64]> {
        Some(&self.run.sigmas)
    }

    fn step(
        &mut self,
        prediction: &Tensor,
        latents: &Tensor,
        call_idx: usize,
        _noise: Option<&Tensor>,
    ) -> TensorResult<Step> {
        let sigmas = &self.run.sigmas;
        let from = AlphaSigma::of_sigma(at(sigmas, call_idx));
        let to = AlphaSigma::of_sigma(at(sigmas, call_idx + 1));
        let noise = self.noise(prediction, latents, from)?;
        let order = self.order_of(call_idx);
        let seen: Vec<f64> = sigmas
            .iter()
            .take(call_idx + 1)
            .rev()
            .take(order)
            .copied()
            .collect();
        let weights = weights(&seen, at(sigmas, call_idx + 1));
        self.history.insert(0, noise);
        self.history.truncate(self.order);
        let change = weighted_sum(&self.history, &weights)?;
        let next = (((latents / from.alpha)? + change)? * to.alpha)?;
        Ok(Step {
            latents: next,
            denoised: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Against the trapezoid rule, with the polynomials written down as products.
        #[test]
        fn weights_are_integrals_of_lagrange_polynomials(
            start in 1.0f64..10.0,
            factors in proptest::collection::vec(1.1f64..3.0, 0..3),
            to in 0.2f64..0.95,
        ) {
            let mut from = vec![start];
            for factor in factors {
                from.push(from.last().unwrap() * factor);
            }
            let to = start * to;
            let found = weights(&from, to);
            prop_assert_eq!(found.len(), from.len());
            for (idx, weight) in found.iter().enumerate() {
                let polynomial = |sigma: f64| -> f64 {
                    let others = from.iter().enumerate().filter(|(other, _)| *other != idx);
                    others.map(|(_, other)| (sigma / other).ln() / (from[idx] / other).ln()).product()
                };
                let n = 20_000;
                let width = (to - start) / f64::from(n);
                let inner: f64 = (1..n).map(|i| polynomial(start + width * f64::from(i))).sum();
                let wanted = width * (inner + 0.5 * (polynomial(start) + polynomial(to)));
                prop_assert!((weight - wanted).abs() < 1e-6 * start, "{weight} for {wanted}");
            }
        }
    }
}
