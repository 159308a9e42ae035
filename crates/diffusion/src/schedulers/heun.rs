use candle_core::{Result as TensorResult, Tensor};
use common::Result;

use super::config::SchedulerConfig;
use super::euler::{init_noise_sigma, scale_to_unit};
use super::prediction::{Prediction, Thresholding};
use super::sigmas::SigmaRun;
use super::{Scheduler, Step, at};

/// Heun's method on the probability flow (Karras et al. 2022, arXiv 2206.00364, algorithm 1 without churn): an Euler step, and
/// then the same step with the mean of the slopes at its two ends. The last step, to no noise at all, stays Euler's.
#[derive(Debug)]
pub struct Heun {
    /// The levels of all calls: every one but the first is visited twice.
    run: SigmaRun,
    init_noise_sigma: f64,
    prediction: Prediction,
    thresholding: Thresholding,
    /// Where the step began whose end the next call sees.
    begun: Option<Begun>,
}

#[derive(Debug)]
struct Begun {
    latents: Tensor,
    slope: Tensor,
    /// Change of sigma over the step.
    length: f64,
}

impl Heun {
    /// A run of `n_steps`.
    pub fn new(config: &SchedulerConfig, n_steps: usize) -> Result<Self> {
        let run = SigmaRun::euler(config, n_steps)?;
        let init_noise_sigma = init_noise_sigma(config, &run.sigmas);
        let last = run.sigmas.last().copied();
        let levels = run.sigmas.get(..run.timesteps.len()).unwrap_or_default();
        let mut sigmas = twice_but_the_first(levels);
        sigmas.extend(last);
        Ok(Self {
            run: SigmaRun {
                timesteps: twice_but_the_first(&run.timesteps),
                sigmas,
            },
            init_noise_sigma,
            prediction: config.prediction,
            thresholding: config.thresholding,
            begun: None,
        })
    }
}

fn twice_but_the_first(values: &[f64]) -> Vec<f64> {
    let twice = values.iter().flat_map(|value| [*value, *value]);
    twice.skip(1).collect()
}

impl Scheduler for Heun {
    fn timesteps(&self) -> &[f64] {
        &self.run.timesteps
    }

    fn sigmas(&self) -> Option<&[f64]> {
        Some(&self.run.sigmas)
    }

    fn init_noise_sigma(&self) -> f64 {
        self.init_noise_sigma
    }

    fn scale_model_input(&self, latents: &Tensor, call_idx: usize) -> TensorResult<Tensor> {
        scale_to_unit(latents, at(&self.run.sigmas, call_idx))
    }

    fn step(
        &mut self,
        prediction: &Tensor,
        latents: &Tensor,
        call_idx: usize,
        _noise: Option<&Tensor>,
    ) -> TensorResult<Step> {
        let sigma = at(&self.run.sigmas, call_idx);
        let denoised = self
            .prediction
            .denoised_from_sigma(prediction, latents, sigma)?;
        let denoised = self.thresholding.apply(&denoised)?;
        let slope = ((latents - &denoised)? / sigma)?;
        let next = match self.begun.take() {
            Some(begun) => {
                let mean = ((begun.slope + slope)? / 2.0)?;
                (begun.latents + (mean * begun.length)?)?
            }
            None => {
                let to = at(&self.run.sigmas, call_idx + 1);
                let next = (latents + (&slope * (to - sigma))?)?;
                if to > 0.0 {
                    self.begun = Some(Begun {
                        latents: latents.clone(),
                        slope,
                        length: to - sigma,
                    });
                }
                next
            }
        };
        Ok(Step {
            latents: next,
            denoised: Some(denoised),
        })
    }
}
