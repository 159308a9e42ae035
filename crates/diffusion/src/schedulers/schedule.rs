//! The training schedule, and the timesteps of a run.

use common::{Error, Result};

use super::config::{SchedulerConfig, Spacing};
use super::prediction::AlphaSigma;

/// Products of `1 - beta` up to each timestep: how much of the clean latents' variance is left.
///
/// Formed in f32 with products in f64, as PyTorch does: where timesteps are cut off to whole numbers, the last bit counts.
///
/// # Errors
/// [`Error::Config`] for an unknown schedule.
pub fn alphas_cumprod(config: &SchedulerConfig) -> Result<Vec<f64>> {
    let n = config.num_train_timesteps;
    let (begin, end) = (config.beta_start, config.beta_end);
    let betas: Vec<f32> = match (&config.trained_betas, config.beta_schedule.as_str()) {
        (Some(betas), _) => betas.iter().map(|beta| *beta as f32).collect(),
        (None, "linear") => linspace_f32(begin as f32, end as f32, n),
        (None, "scaled_linear") => linspace_f32(begin.sqrt() as f32, end.sqrt() as f32, n)
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
    Ok(products(&betas).map(f64::from).collect())
}

fn products(betas: &[f32]) -> impl Iterator<Item = f32> {
    betas.iter().scan(1f64, |product, beta| {
        *product *= f64::from(1.0 - beta);
        Some(*product as f32)
    })
}

/// The cosine schedule (Nichol and Dhariwal 2021, arXiv 2102.09672, eq. 17), with betas of at most 0.999.
fn squared_cosine_betas(n: usize) -> Vec<f32> {
    let alpha_bar = |t: f64| {
        ((t + 0.008) / 1.008 * std::f64::consts::FRAC_PI_2)
            .cos()
            .powi(2)
    };
    (0..n)
        .map(|i| {
            let (from, to) = (i as f64 / n as f64, (i + 1) as f64 / n as f64);
            (1.0 - alpha_bar(to) / alpha_bar(from)).min(0.999) as f32
        })
        .collect()
}

/// Shifts and scales the square roots of the cumulative products so that the last is 0 and the first stays
/// (arXiv 2305.08891, algorithm 1).
fn rescale_to_zero_snr(betas: &[f32]) -> Vec<f32> {
    let roots: Vec<f32> = products(betas).map(f32::sqrt).collect();
    let first = roots.first().copied().unwrap_or(1.0);
    let last = roots.last().copied().unwrap_or(0.0);
    let scale = first / (first - last);
    let bars = roots.iter().map(|root| ((root - last) * scale).powi(2));
    bars.scan(1f32, |previous, bar| {
        let beta = 1.0 - bar / *previous;
        *previous = bar;
        Some(beta)
    })
    .collect()
}

/// `n` values from `from` to `to`, both included, counted from the nearer end and rounded once, as PyTorch does.
fn linspace_f32(from: f32, to: f32, n: usize) -> Vec<f32> {
    let step = (to - from) / (n.saturating_sub(1).max(1)) as f32;
    let value = |i: usize| match i < n / 2 {
        true => step.mul_add(i as f32, from),
        false => (-step).mul_add((n - 1 - i) as f32, to),
    };
    (0..n).map(value).collect()
}

/// The training schedule of the algorithms that step from timestep to timestep.
#[derive(Clone, Debug)]
pub struct AlphaTable {
    alphas_cumprod: Vec<f64>,
    last: f64,
}

impl AlphaTable {
    /// The table that `config` describes.
    pub fn new(config: &SchedulerConfig) -> Result<Self> {
        let alphas_cumprod = alphas_cumprod(config)?;
        let first = alphas_cumprod.first().copied().unwrap_or(1.0);
        Ok(Self {
            last: if config.set_alpha_to_one { 1.0 } else { first },
            alphas_cumprod,
        })
    }

    /// The cumulative product at a timestep; below 0, that of the clean latents.
    pub fn at(&self, timestep: f64) -> f64 {
        if timestep < 0.0 {
            return self.last;
        }
        let value = self.alphas_cumprod.get(timestep as usize);
        value.copied().unwrap_or_default()
    }

    /// The noise level of a timestep.
    pub fn level(&self, timestep: f64) -> AlphaSigma {
        AlphaSigma::of_alpha_cumprod(self.at(timestep))
    }
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
    match config.spacing {
        Spacing::Linspace => linspace(0.0, config.num_train_timesteps as f64 - 1.0, n_steps)
            .into_iter()
            .rev()
            .map(f64::round_ties_even)
            .collect(),
        Spacing::Leading | Spacing::Trailing => euler_timesteps(config, n_steps),
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
