use candle_core::{Result as TensorResult, Tensor};
use common::Result;

use super::config::SchedulerConfig;
use super::prediction::{AlphaSigma, Prediction, Thresholding};
use super::sigmas::SigmaRun;
use super::{Scheduler, Step, at, weighted_sum};

/// UniPC (Zhao et al. 2023, arXiv 2302.04867): a predictor of any order, whose result is corrected at the next call, when
/// the network has seen it.
#[derive(Debug)]
pub struct UniPc {
    run: SigmaRun,
    prediction: Prediction,
    thresholding: Thresholding,
    predicts_x0: bool,
    max_order: usize,
    is_bh1: bool,
    lower_order_final: bool,
    disable_corrector: Vec<usize>,
    /// Converted predictions of the calls before, newest last.
    history: Vec<Tensor>,
    /// Latents that the last predictor began from, and its order.
    last: Option<(Tensor, usize)>,
}

impl UniPc {
    /// A run of `n_steps`.
    pub fn new(config: &SchedulerConfig, n_steps: usize) -> Result<Self> {
        Ok(Self {
            run: SigmaRun::multistep(config, n_steps)?,
            prediction: config.prediction,
            thresholding: config.thresholding,
            predicts_x0: config.predicts_x0,
            max_order: config.solver_order,
            is_bh1: config.solver_type == "bh1",
            lower_order_final: config.lower_order_final,
            disable_corrector: config.disable_corrector.clone(),
            history: Vec::new(),
            last: None,
        })
    }

    fn level(&self, idx: usize) -> AlphaSigma {
        AlphaSigma::of_sigma(at(&self.run.sigmas, idx))
    }

    /// A prediction as what is integrated: the denoised latents or the noise.
    fn converted(&self, out: &Tensor, latents: &Tensor, level: AlphaSigma) -> TensorResult<Tensor> {
        match self.predicts_x0 {
            true => {
                let denoised = self.prediction.denoised(out, latents, level)?;
                self.thresholding.apply(&denoised)
            }
            false => self.prediction.noise(out, latents, level),
        }
    }

    /// The step of the given order from noise level `from` to the next. The predictor (`seen` is none) uses the
    /// converted predictions up to `from`; the corrector also that after the step.
    fn advance(
        &self,
        latents: &Tensor,
        from: usize,
        order: usize,
        seen: Option<&Tensor>,
    ) -> TensorResult<Tensor> {
        let [before @ .., newest] = self.history.as_slice() else {
            return Err(candle_core::Error::msg("no prediction yet"));
        };
        let (start, end) = (self.level(from), self.level(from + 1));
        let h = end.lambda() - start.lambda();
        let hh = if self.predicts_x0 { -h } else { h };
        let (kept, scale) = match self.predicts_x0 {
            true => (end.sigma / start.sigma, end.alpha),
            false => (end.alpha / start.alpha, end.sigma),
        };
        let phi_1 = hh.exp_m1();
        let first = ((latents * kept)? - (newest * (scale * phi_1))?)?;

        // Slopes to the calls before, newest first, then to the one after the step.
        let mut ratios = Vec::with_capacity(order);
        let mut slopes = Vec::with_capacity(order);
        for (back, earlier) in before.iter().rev().take(order - 1).enumerate() {
            let ratio = (self.level(from.saturating_sub(back + 1)).lambda() - start.lambda()) / h;
            slopes.push(((earlier - newest)? / ratio)?);
            ratios.push(ratio);
        }
        if let Some(seen) = seen {
            slopes.push((seen - newest)?);
            ratios.push(1.0);
        }
        if slopes.is_empty() {
            return Ok(first);
        }
        let b_h = if self.is_bh1 { hh } else { phi_1 };
        let weights = match ratios.len() {
            1 => vec![0.5], // whatever B(h) is
            n => solve_vandermonde(&ratios, &right_side(hh, b_h, n)),
        };
        first - (weighted_sum(&slopes, &weights)? * (scale * b_h))?
    }
}

/// The paper's `n phi_n(h) / B(h)`, n from 1 up.
fn right_side(hh: f64, b_h: f64, n: usize) -> Vec<f64> {
    let mut phi = hh.exp_m1() / hh - 1.0;
    let mut factorial = 1.0;
    (1..=n)
        .map(|i| {
            let value = phi * factorial / b_h;
            factorial *= (i + 1) as f64;
            phi = phi / hh - 1.0 / factorial;
            value
        })
        .collect()
}

/// The weights with `sum of w_k r_k^i = b_i` for i from 0 up, by Gaussian elimination with pivots.
fn solve_vandermonde(ratios: &[f64], b: &[f64]) -> Vec<f64> {
    let n = ratios.len();
    let mut rows: Vec<Vec<f64>> = b
        .iter()
        .enumerate()
        .map(|(i, b)| {
            let powers = ratios.iter().map(|ratio| ratio.powi(i as i32));
            powers.chain([*b]).collect()
        })
        .collect();
    for column in 0..n {
        let size = |row: &Vec<f64>| at(row, column).abs();
        let pivot = (column..n).max_by(|&a, &b| size(&rows[a]).total_cmp(&size(&rows[b])));
        rows.swap(column, pivot.unwrap_or(column));
        let pivot_row = rows[column].clone();
        for (idx, row) in rows.iter_mut().enumerate() {
            let factor = at(row, column) / at(&pivot_row, column);
            if idx != column {
                for (value, pivot) in row.iter_mut().zip(&pivot_row) {
                    *value -= factor * pivot;
                }
            }
        }
    }
    let solved = rows.iter().enumerate();
    solved.map(|(idx, row)| at(row, n) / at(row, idx)).collect()
}

impl Scheduler for UniPc {
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
        let converted = self.converted(prediction, latents, self.level(call_idx))?;
        let mut latents = latents.clone();
        if let Some((start, order)) = &self.last
            && !self.disable_corrector.contains(&call_idx.saturating_sub(1))
        {
            latents = self.advance(start, call_idx.saturating_sub(1), *order, Some(&converted))?;
        }

        self.history.push(converted.clone());
        if self.history.len() > self.max_order {
            self.history.remove(0);
        }
        let n_left = self.run.timesteps.len() - call_idx;
        let order = match self.lower_order_final {
            true => self.max_order.min(n_left),
            false => self.max_order,
        };
        let order = order.min(call_idx + 1);
        let next = self.advance(&latents, call_idx, order, None)?;
        self.last = Some((latents, order));
        Ok(Step {
            latents: next,
            denoised: self.predicts_x0.then_some(converted),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn weights_solve_their_equations(a in -3.0f64..-2.1, b in -2.0f64..-1.1, c in -1.0f64..-0.1) {
            let ratios = [a, b, c, 1.0];
            let right = [0.4, -0.3, 0.2, 0.7];
            let weights = solve_vandermonde(&ratios, &right);
            for (i, wanted) in right.iter().enumerate() {
                let sum: f64 = ratios.iter().zip(&weights).map(|(r, w)| w * r.powi(i as i32)).sum();
                prop_assert!((sum - wanted).abs() < 1e-9);
            }
        }
    }
}
