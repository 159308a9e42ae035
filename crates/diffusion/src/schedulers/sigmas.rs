//! Noise levels: the training schedule as `clean + sigma * noise`, and the sigmas of a run.

use common::Result;

use super::at;
use super::config::{FinalSigma, Kind, SchedulerConfig, SigmaSpacing};
use super::prediction::Prediction;
use super::schedule::{alphas_cumprod, euler_timesteps, linspace, multistep_timesteps};

/// Smallest signal of a schedule that was stretched to pure noise; keeps sigma finite, as in diffusers.
const MIN_ALPHA_CUMPROD: f64 = 1.0 / 16_777_216.0; // 2^-24

/// Exponent of Karras spacing (arXiv 2206.00364, table 1).
const KARRAS_RHO: f64 = 7.0;

/// Both parameters of the beta distribution (arXiv 2407.12173, section 4).
const BETA_SHAPE: f64 = 0.6;

/// The noise levels before each call of the network and after the last, and what the network is told of them. The levels are
/// f32 numbers, as in diffusers.
#[derive(Clone, Debug)]
pub struct SigmaRun {
    /// One for each call.
    pub timesteps: Vec<f64>,
    /// One more.
    pub sigmas: Vec<f64>,
}

impl SigmaRun {
    /// A run of Euler's method.
    pub fn euler(config: &SchedulerConfig, n_steps: usize) -> Result<Self> {
        let table = SigmaTable::new(config)?;
        let mut timesteps = euler_timesteps(config, n_steps);
        let mut sigmas: Vec<f64> = match config.is_log_linear {
            true => linspace(table.max().ln(), table.min().ln(), n_steps + 1)
                .into_iter()
                .map(f64::exp)
                .collect(),
            false => timesteps.iter().map(|&t| table.at(t)).collect(),
        };
        if config.sigma_spacing != SigmaSpacing::Timesteps {
            let ends = (at(&sigmas, 0), at(&sigmas, sigmas.len().saturating_sub(1)));
            sigmas = spread(config, ends, n_steps);
            timesteps = sigmas.iter().map(|&s| table.timestep_of(s)).collect();
        }
        sigmas.push(table.last(config));
        if config.is_continuous && config.prediction == Prediction::Velocity {
            let levels = sigmas.iter().take(sigmas.len() - 1);
            timesteps = levels.map(|sigma| 0.25 * sigma.ln()).collect();
        }
        Ok(Self::new(timesteps, sigmas))
    }

    fn new(timesteps: Vec<f64>, sigmas: Vec<f64>) -> Self {
        let sigmas = sigmas.into_iter().map(|sigma| f64::from(sigma as f32));
        Self {
            timesteps,
            sigmas: sigmas.collect(),
        }
    }

    /// A run of Euler's method with fresh noise, which has no spacing but that of the timesteps.
    pub fn euler_ancestral(config: &SchedulerConfig, n_steps: usize) -> Result<Self> {
        let table = SigmaTable::new(config)?;
        let timesteps = euler_timesteps(config, n_steps);
        let mut sigmas: Vec<f64> = timesteps.iter().map(|&t| table.at(t)).collect();
        sigmas.push(0.0);
        Ok(Self::new(timesteps, sigmas))
    }

    /// A run of a multistep solver.
    pub fn multistep(config: &SchedulerConfig, n_steps: usize) -> Result<Self> {
        let table = SigmaTable::new(config)?;
        let is_dpm = config.kind == Kind::DpmSolver;
        if config.sigma_spacing == SigmaSpacing::Timesteps {
            let last_timestep = match is_dpm {
                true => table.n_above(config.lambda_min_clipped),
                false => config.num_train_timesteps,
            };
            let timesteps = multistep_timesteps(config, n_steps, last_timestep);
            let mut sigmas: Vec<f64> = timesteps.iter().map(|&t| table.at(t)).collect();
            sigmas.push(table.last(config));
            return Ok(Self::new(timesteps, sigmas));
        }
        let mut sigmas = spread(config, (table.max(), table.min()), n_steps);
        let is_rounded = matches!(
            config.sigma_spacing,
            SigmaSpacing::Karras | SigmaSpacing::Lu
        ) && !(is_dpm && config.beta_schedule == "squaredcos_cap_v2");
        let timesteps = sigmas.iter().map(|&sigma| match is_rounded {
            true => table.timestep_of(sigma).round_ties_even(),
            false => table.timestep_of(sigma).trunc(),
        });
        let timesteps = timesteps.collect();
        sigmas.push(match (is_dpm, config.final_sigma) {
            (false, FinalSigma::SigmaMin) => at(&sigmas, n_steps - 1),
            _ => table.last(config),
        });
        Ok(Self::new(timesteps, sigmas))
    }
}

/// `n` sigmas between the ends of the schedule, or those that the file gives.
fn spread(config: &SchedulerConfig, (max, min): (f64, f64), n: usize) -> Vec<f64> {
    let (mut low, mut high) = (min, max);
    if config.sigma_spacing != SigmaSpacing::Lu {
        low = config.sigma_min.unwrap_or(min);
        high = config.sigma_max.unwrap_or(max);
    }
    let ramp = linspace(0.0, 1.0, n).into_iter();
    let between = |from: f64, to: f64, t: f64| from + t * (to - from);
    match config.sigma_spacing {
        SigmaSpacing::Karras => {
            let (from, to) = (high.powf(1.0 / KARRAS_RHO), low.powf(1.0 / KARRAS_RHO));
            ramp.map(|t| between(from, to, t).powf(KARRAS_RHO))
                .collect()
        }
        SigmaSpacing::Beta => ramp
            .map(|t| between(low, high, symmetric_beta_quantile(1.0 - t, BETA_SHAPE)))
            .collect(),
        SigmaSpacing::Exponential | SigmaSpacing::Lu | SigmaSpacing::Timesteps => ramp
            .map(|t| between(high.ln(), low.ln(), t).exp())
            .collect(),
    }
}

/// Sigma of each training timestep, rising.
#[derive(Clone, Debug)]
struct SigmaTable {
    sigmas: Vec<f64>,
    log_sigmas: Vec<f64>,
}

impl SigmaTable {
    /// `sqrt((1 - a) / a)` of each cumulative product, in f32 as diffusers forms them.
    fn new(config: &SchedulerConfig) -> Result<Self> {
        let mut alphas_cumprod = alphas_cumprod(config)?;
        if config.rescale_betas_zero_snr
            && let Some(last) = alphas_cumprod.last_mut()
        {
            *last = MIN_ALPHA_CUMPROD;
        }
        let sigma = |a: &f64| ((1.0 - *a as f32) / *a as f32).sqrt();
        let sigmas: Vec<f64> = alphas_cumprod.iter().map(sigma).map(f64::from).collect();
        Ok(Self {
            log_sigmas: sigmas.iter().map(|s| f64::from(s.ln() as f32)).collect(),
            sigmas,
        })
    }

    fn min(&self) -> f64 {
        self.sigmas.first().copied().unwrap_or_default()
    }

    fn max(&self) -> f64 {
        self.sigmas.last().copied().unwrap_or_default()
    }

    /// Number of training timesteps whose log signal-to-noise ratio is at least `lambda_min`.
    fn n_above(&self, lambda_min: f64) -> usize {
        let n_below = self.sigmas.iter().rev();
        let n_below = n_below.take_while(|sigma| -sigma.ln() < lambda_min);
        self.sigmas.len() - n_below.count()
    }

    /// Sigma at a timestep that may lie between two; the ends outside.
    fn at(&self, timestep: f64) -> f64 {
        let last = self.sigmas.len().saturating_sub(1);
        let timestep = timestep.clamp(0.0, last as f64);
        let low = timestep.floor() as usize;
        let value = |idx: usize| at(&self.sigmas, idx.min(last));
        value(low) + (value(low + 1) - value(low)) * (timestep - low as f64)
    }

    /// The timestep of a sigma: linear in the logarithm between neighbours.
    fn timestep_of(&self, sigma: f64) -> f64 {
        let log_sigma = sigma.max(1e-10).ln();
        let n_below = self.log_sigmas.partition_point(|s| *s <= log_sigma);
        let low = n_below
            .saturating_sub(1)
            .min(self.log_sigmas.len().saturating_sub(2));
        let value = |idx: usize| at(&self.log_sigmas, idx);
        let share = (value(low) - log_sigma) / (value(low) - value(low + 1));
        let share = share.clamp(0.0, 1.0);
        (1.0 - share) * low as f64 + share * (low + 1) as f64
    }

    /// What the last step goes to.
    fn last(&self, config: &SchedulerConfig) -> f64 {
        match config.final_sigma {
            FinalSigma::Zero => 0.0,
            FinalSigma::SigmaMin => self.min(),
        }
    }
}

/// The value below which a beta-distributed number of parameters `shape`, `shape` lies with this probability.
fn symmetric_beta_quantile(probability: f64, shape: f64) -> f64 {
    if probability <= 0.0 || probability >= 1.0 {
        return probability.clamp(0.0, 1.0);
    }
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..64 {
        let middle = 0.5 * (low + high);
        if symmetric_beta_cdf(middle, shape) < probability {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// Regularised incomplete beta function `I_x(a, a)`, by its hypergeometric series (DLMF 8.17.8) on the half where that
/// converges quickly.
fn symmetric_beta_cdf(x: f64, shape: f64) -> f64 {
    if x > 0.5 {
        return 1.0 - symmetric_beta_cdf(1.0 - x, shape);
    }
    let log_beta = 2.0 * libm::lgamma(shape) - libm::lgamma(2.0 * shape);
    let (mut term, mut sum) = (1.0, 1.0);
    for i in 0..64 {
        term *= (2.0 * shape + f64::from(i)) / (shape + 1.0 + f64::from(i)) * x;
        sum += term;
    }
    (shape * (x.ln() + (1.0 - x).ln()) - log_beta).exp() / shape * sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beta_quantiles_are_known() {
        // The arcsine distribution has a closed form; 0.6 as scipy 1.17 gives it.
        for p in [0.01, 0.2, 0.5, 0.9] {
            let closed = (std::f64::consts::FRAC_PI_2 * p).sin().powi(2);
            assert!((symmetric_beta_quantile(p, 0.5) - closed).abs() < 1e-12);
        }
        assert_eq!(symmetric_beta_quantile(0.0, 0.6), 0.0);
        assert_eq!(symmetric_beta_quantile(1.0, 0.6), 1.0);
    }
}
