//! The training schedule, and the timesteps and sigmas of a run.

use super::config::{FinalSigma, SchedulerConfig, Spacing};
use crate::{Error, Result};

/// Smallest signal of a schedule that was stretched to pure noise; keeps sigma finite, as in diffusers.
const MIN_ALPHA_CUMPROD: f64 = 1.0 / 16_777_216.0; // 2^-24

/// Exponent of Karras spacing (arXiv 2206.00364, table 1).
const KARRAS_RHO: f64 = 7.0;

/// Products of `1 - beta` up to each timestep: how much of the picture's variance is left.
///
/// # Errors
/// [`Error::Config`] for an unknown schedule.
pub fn alphas_cumprod(config: &SchedulerConfig) -> Result<Vec<f64>> {
    let n = config.num_train_timesteps;
    let betas = match (&config.trained_betas, config.beta_schedule.as_str()) {
        (Some(betas), _) => betas.clone(),
        (None, "linear") => linspace(config.beta_start, config.beta_end, n),
        (None, "scaled_linear") => linspace(config.beta_start.sqrt(), config.beta_end.sqrt(), n)
            .into_iter()
            .map(|root| root * root)
            .collect(),
        (None, "squaredcos_cap_v2") => squared_cosine_betas(n),
        (None, other) => {
            return Err(Error::Config {
                name: "beta_schedule",
                value: other.to_owned(),
                allowed: "linear, scaled_linear and squaredcos_cap_v2 are supported".to_owned(),
            });
        }
    };
    let betas = if config.rescale_betas_zero_snr {
        rescale_to_zero_snr(&betas)
    } else {
        betas
    };
    let mut product = 1.0;
    Ok(betas
        .iter()
        .map(|beta| {
            product *= 1.0 - beta;
            product
        })
        .collect())
}

/// The cosine schedule (Nichol and Dhariwal 2021, arXiv 2102.09672, eq. 17), with betas of at most 0.999.
fn squared_cosine_betas(n: usize) -> Vec<f64> {
    let alpha_bar = |t: f64| {
        ((t + 0.008) / 1.008 * std::f64::consts::FRAC_PI_2)
            .cos()
            .powi(2)
    };
    (0..n)
        .map(|i| {
            let (from, to) = (i as f64 / n as f64, (i + 1) as f64 / n as f64);
            (1.0 - alpha_bar(to) / alpha_bar(from)).min(0.999)
        })
        .collect()
}

/// Shifts and scales the square roots of the cumulative products so that the last is 0 and the first stays
/// (arXiv 2305.08891, algorithm 1).
fn rescale_to_zero_snr(betas: &[f64]) -> Vec<f64> {
    let mut product = 1.0;
    let roots: Vec<f64> = betas
        .iter()
        .map(|beta| {
            product *= 1.0 - beta;
            f64::sqrt(product)
        })
        .collect();
    let first = roots.first().copied().unwrap_or(1.0);
    let last = roots.last().copied().unwrap_or(0.0);
    let mut previous = 1.0;
    roots
        .iter()
        .map(|root| {
            let bar = ((root - last) * first / (first - last)).powi(2);
            let beta = 1.0 - bar / previous;
            previous = bar;
            beta
        })
        .collect()
}

/// `n` values from `from` to `to`, both included.
pub fn linspace(from: f64, to: f64, n: usize) -> Vec<f64> {
    let step = (to - from) / (n.saturating_sub(1).max(1)) as f64;
    (0..n)
        .map(|i| {
            if i > 0 && i + 1 == n {
                to
            } else {
                from + step * i as f64
            }
        })
        .collect()
}

/// `from, from - step, ...` down to above 0, as `numpy.arange` counts and rounds.
fn count_down(from: f64, step: f64) -> impl DoubleEndedIterator<Item = f64> {
    let n = (from / step).ceil() as usize;
    (0..n).map(move |i| from - step * i as f64)
}

/// Timesteps of DDIM and PNDM, noisiest first.
pub fn discrete_timesteps(config: &SchedulerConfig, n_steps: usize) -> Vec<f64> {
    let n_train = config.num_train_timesteps;
    match config.spacing {
        Spacing::Linspace => linspace(0.0, n_train as f64 - 1.0, n_steps)
            .into_iter()
            .rev()
            .map(f64::round_ties_even)
            .collect(),
        Spacing::Leading => leading(n_train / n_steps, n_steps, config.steps_offset),
        Spacing::Trailing => trailing(n_train, n_train, n_steps),
    }
}

/// Timesteps of Euler and Euler ancestral, noisiest first; fractional with linspace spacing.
pub fn euler_timesteps(config: &SchedulerConfig, n_steps: usize) -> Vec<f64> {
    let n_train = config.num_train_timesteps;
    match config.spacing {
        Spacing::Linspace => linspace(0.0, n_train as f64 - 1.0, n_steps)
            .into_iter()
            .rev()
            .map(|t| f64::from(t as f32))
            .collect(),
        Spacing::Leading => leading(n_train / n_steps, n_steps, config.steps_offset),
        Spacing::Trailing => trailing(n_train, n_train, n_steps),
    }
}

/// Timesteps of the multistep solvers, noisiest first: one more is spaced out and the last dropped. `last_timestep` is the
/// number of training timesteps that may be used.
pub fn multistep_timesteps(
    config: &SchedulerConfig,
    n_steps: usize,
    last_timestep: usize,
) -> Vec<f64> {
    match config.spacing {
        Spacing::Linspace => linspace(0.0, last_timestep as f64 - 1.0, n_steps + 1)
            .into_iter()
            .rev()
            .take(n_steps)
            .map(f64::round_ties_even)
            .collect(),
        Spacing::Leading => {
            let step = last_timestep / (n_steps + 1);
            let mut timesteps = leading(step, n_steps + 1, config.steps_offset);
            timesteps.truncate(n_steps);
            timesteps
        }
        Spacing::Trailing => trailing(config.num_train_timesteps, last_timestep, n_steps),
    }
}

fn leading(step: usize, n_steps: usize, offset: usize) -> Vec<f64> {
    (0..n_steps)
        .rev()
        .map(|i| (i * step + offset) as f64)
        .collect()
}

fn trailing(n_train: usize, last_timestep: usize, n_steps: usize) -> Vec<f64> {
    count_down(last_timestep as f64, n_train as f64 / n_steps as f64)
        .map(|t| t.round_ties_even() - 1.0)
        .collect()
}

/// Noise levels of a variance-exploding view of the schedule.
#[derive(Clone, Debug)]
pub struct SigmaTable {
    /// Sigma of each training timestep, rising.
    sigmas: Vec<f64>,
}

impl SigmaTable {
    /// `sqrt((1 - a) / a)` of each cumulative product.
    pub fn new(config: &SchedulerConfig, mut alphas_cumprod: Vec<f64>) -> Self {
        if config.rescale_betas_zero_snr
            && let Some(last) = alphas_cumprod.last_mut()
        {
            *last = MIN_ALPHA_CUMPROD;
        }
        Self {
            sigmas: alphas_cumprod
                .iter()
                .map(|a| ((1.0 - a) / a).sqrt())
                .collect(),
        }
    }

    /// Smallest sigma of training.
    pub fn min(&self) -> f64 {
        self.sigmas.first().copied().unwrap_or_default()
    }

    /// Largest sigma of training.
    pub fn max(&self) -> f64 {
        self.sigmas.last().copied().unwrap_or_default()
    }

    /// Number of training timesteps whose log signal-to-noise ratio is at least `lambda_min`.
    pub fn n_above(&self, lambda_min: f64) -> usize {
        let n_below = self
            .sigmas
            .iter()
            .rev()
            .take_while(|sigma| -sigma.ln() < lambda_min);
        self.sigmas.len() - n_below.count()
    }

    /// Sigma at a timestep that may lie between two; the ends outside.
    pub fn at(&self, timestep: f64) -> f64 {
        let last = self.sigmas.len().saturating_sub(1);
        let timestep = timestep.clamp(0.0, last as f64);
        let low = timestep.floor() as usize;
        let value = |idx: usize| self.sigmas.get(idx.min(last)).copied().unwrap_or_default();
        value(low) + (value(low + 1) - value(low)) * (timestep - low as f64)
    }

    /// The timestep of a sigma: linear in the logarithm between neighbours.
    pub fn timestep_of(&self, sigma: f64) -> f64 {
        let log_sigma = sigma.max(1e-10).ln();
        let n_below = self.sigmas.partition_point(|s| s.ln() <= log_sigma);
        let low = n_below
            .saturating_sub(1)
            .min(self.sigmas.len().saturating_sub(2));
        let value = |idx: usize| self.sigmas.get(idx).map_or(0.0, |s| s.ln());
        let share = (value(low) - log_sigma) / (value(low) - value(low + 1));
        low as f64 + share.clamp(0.0, 1.0)
    }

    /// What the last step goes to.
    pub fn last(&self, config: &SchedulerConfig) -> f64 {
        match config.final_sigma {
            FinalSigma::Zero => 0.0,
            FinalSigma::SigmaMin => self.min(),
        }
    }
}

/// `n` sigmas from `max` to `min` in Karras spacing.
pub fn karras_sigmas(config: &SchedulerConfig, min: f64, max: f64, n: usize) -> Vec<f64> {
    let low = config.sigma_min.unwrap_or(min).powf(1.0 / KARRAS_RHO);
    let high = config.sigma_max.unwrap_or(max).powf(1.0 / KARRAS_RHO);
    linspace(0.0, 1.0, n)
        .into_iter()
        .map(|ramp| (high + ramp * (low - high)).powf(KARRAS_RHO))
        .collect()
}
