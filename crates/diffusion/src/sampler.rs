//! From noise to latents: the loop over a scheduler's steps.

use candle_core::{DType, Result as TensorResult, Tensor};
use common::{Error, Result};

use super::schedulers::{Scheduler, Step};
use super::unet::{Conditioning, UNet};

/// A network that predicts the noise in latents, or what its model was trained to predict instead.
pub trait Denoiser: Sync {
    /// The prediction for `latents`, `[b, c, h, w]`, at one timestep for each of the batch: as large as the latents.
    ///
    /// # Errors
    /// When the device or the memory fails, or shapes don't fit.
    fn predict(
        &self,
        latents: &Tensor,
        timesteps: &[f64],
        conditioning: &Conditioning,
    ) -> Result<Tensor>;
}

impl Denoiser for UNet {
    fn predict(
        &self,
        latents: &Tensor,
        timesteps: &[f64],
        conditioning: &Conditioning,
    ) -> Result<Tensor> {
        self.forward(latents, timesteps, conditioning)
    }
}

/// Classifier-free guidance of a batch.
#[derive(Clone, Debug)]
pub struct Guidance {
    /// The prompts.
    pub cond: Conditioning,
    /// The negative prompts and the guidance scale of each of the batch; `None` = a single pass without guidance.
    pub uncond: Option<(Conditioning, Vec<f64>)>,
}

/// What happened at a call of the network.
#[derive(Debug)]
pub struct Call<'a> {
    /// Which call, from 0.
    pub idx: usize,
    /// The prediction after guidance, as the scheduler sees it.
    pub prediction: &'a Tensor,
    /// What the scheduler made of it.
    pub step: &'a Step,
}

/// Runs all steps from unit `noise`, `[b, c, h, w]`, and returns the latents, scaled as the autoencoder wants them.
///
/// `step_noise` gives the unit noise of a call where the scheduler wants some. Latents are kept in f32 whatever the
/// network's element type is. `observe` sees every call.
///
/// # Errors
/// When the device or the memory fails, or shapes don't fit.
pub fn sample(
    denoiser: &dyn Denoiser,
    scheduler: &mut dyn Scheduler,
    noise: &Tensor,
    guidance: &Guidance,
    step_noise: &mut dyn FnMut(usize) -> Result<Tensor>,
    observe: &mut dyn FnMut(Call<'_>),
) -> Result<Tensor> {
    let failed = || Error::tensor("denoising");
    let timesteps = scheduler.timesteps().to_vec();
    let both = guidance.both_passes().map_err(failed())?;
    let mut latents = noise
        .to_dtype(DType::F32)
        .and_then(|noise| noise * scheduler.init_noise_sigma())
        .map_err(failed())?;
    for (call_idx, &timestep) in timesteps.iter().enumerate() {
        let input = scheduler
            .scale_model_input(&latents, call_idx)
            .and_then(|input| input.to_dtype(both.context.dtype()))
            .map_err(failed())?;
        let prediction = guidance.predict(denoiser, &input, timestep, &both)?;
        let noise = match scheduler.needs_noise(call_idx) {
            true => Some(step_noise(call_idx)?),
            false => None,
        };
        let step = scheduler
            .step(&prediction, &latents, call_idx, noise.as_ref())
            .map_err(failed())?;
        observe(Call {
            idx: call_idx,
            prediction: &prediction,
            step: &step,
        });
        latents = step.latents;
    }
    Ok(latents)
}

impl Guidance {
    /// Conditioning of the whole network batch: negative prompts first, then prompts.
    fn both_passes(&self) -> TensorResult<Conditioning> {
        let Some((uncond, _)) = &self.uncond else {
            return Ok(self.cond.clone());
        };
        let cat = |a: &Option<Tensor>, b: &Option<Tensor>| match (a, b) {
            (Some(a), Some(b)) => Tensor::cat(&[a, b], 0).map(Some),
            _ => Ok(None),
        };
        Ok(Conditioning {
            context: Tensor::cat(&[&uncond.context, &self.cond.context], 0)?,
            pooled: cat(&uncond.pooled, &self.cond.pooled)?,
            time_ids: [uncond.time_ids.as_slice(), &self.cond.time_ids].concat(),
            guidance: cat(&uncond.guidance, &self.cond.guidance)?,
        })
    }

    /// The guided prediction in f32 (Ho and Salimans 2022, arXiv 2207.12598).
    fn predict(
        &self,
        denoiser: &dyn Denoiser,
        input: &Tensor,
        timestep: f64,
        both: &Conditioning,
    ) -> Result<Tensor> {
        let n = input.dim(0).map_err(Error::tensor("denoising"))?;
        let Some((_, scales)) = &self.uncond else {
            let prediction = denoiser.predict(input, &vec![timestep; n], both)?;
            return prediction
                .to_dtype(DType::F32)
                .map_err(Error::tensor("denoising"));
        };
        let twice = Tensor::cat(&[input, input], 0).map_err(Error::tensor("denoising"))?;
        let prediction = denoiser.predict(&twice, &vec![timestep; 2 * n], both)?;
        let combine = || -> TensorResult<Tensor> {
            let prediction = prediction.to_dtype(DType::F32)?;
            let (uncond, cond) = (prediction.narrow(0, 0, n)?, prediction.narrow(0, n, n)?);
            let scales: Vec<f32> = scales.iter().map(|scale| *scale as f32).collect();
            let scales = Tensor::from_vec(scales, (n, 1, 1, 1), prediction.device())?;
            &uncond + (cond - &uncond)?.broadcast_mul(&scales)?
        };
        combine().map_err(Error::tensor("denoising"))
    }
}
