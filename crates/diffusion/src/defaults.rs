//! What a model does best: its size, number of steps and guidance, where the user didn't say.

use common::{Error, Result};
use timeline::Size;

use super::family::Family;
use super::part::Part;
use super::schedulers::{Kind, SchedulerConfig, Spacing};
use super::source::ModelSource;
use super::unet::UNetConfig;
use super::vae::VaeConfig;

/// Properties of a model that don't need its weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ModelDefaults {
    /// Side of the square pictures that the model was trained on, in pixels.
    pub native_side: u32,
    /// Width and height of a drawing must be multiples of this.
    pub size_multiple: u32,
    /// Width and height of a default drawing are multiples of this, so that every level of the UNet has whole sizes.
    pub preferred_multiple: u32,
    /// Number of denoising steps.
    pub n_steps: u32,
    /// Guidance scale; 1 = none.
    pub guidance_scale: f64,
}

/// Side of the latents where `unet/config.json` doesn't say; Stable Diffusion 1's.
const DEFAULT_SAMPLE_SIZE: usize = 64;

impl ModelDefaults {
    /// Reads a model's configuration files.
    ///
    /// # Errors
    /// [`Error::Weights`] if one is missing, malformed or not supported.
    pub fn of(model: &ModelSource) -> Result<Self> {
        let family = Family::of(&model.index()?)?;
        let unet = UNetConfig::read(&model.config(Part::UNet)?)?;
        let vae = VaeConfig::read(&model.config(Part::Vae)?)?;
        let scheduler = SchedulerConfig::read(&model.scheduler()?, None)?;
        let side = unet
            .sample_size
            .unwrap_or(DEFAULT_SAMPLE_SIZE)
            .saturating_mul(vae.scale());
        let n_downs = unet.n_levels().saturating_sub(1).min(8) as u32;
        let multiple = vae.scale() as u32;
        let (n_steps, guidance_scale) = steps_and_guidance(family, &scheduler);
        Ok(Self {
            native_side: u32::try_from(side).unwrap_or(u32::MAX).min(1 << 14),
            size_multiple: multiple,
            preferred_multiple: multiple << n_downs,
            n_steps,
            guidance_scale,
        })
    }

    /// The size at which to draw for a film of `size`: its shape, the model's native area.
    pub fn draw_size(&self, size: Size) -> Size {
        let shape = f64::from(size.width.max(1)) / f64::from(size.height.max(1));
        let side = f64::from(self.native_side);
        let multiple = f64::from(self.preferred_multiple);
        let fit = |length: f64| ((length / multiple).round().max(1.0) * multiple) as u32;
        // Extreme shapes end at a side four times the native one.
        let stretch = shape.sqrt().clamp(0.25, 4.0);
        Size {
            width: fit(side * stretch),
            height: fit(side / stretch),
        }
    }

    /// Whether the model can draw at `size`, the value of `setting`.
    ///
    /// # Errors
    /// [`Error::Config`] with the nearest size that it can.
    pub fn check_size(&self, setting: &'static str, size: Size) -> Result<()> {
        let multiple = self.size_multiple.max(1);
        let is_fine = |side: u32| side > 0 && side.is_multiple_of(multiple);
        if is_fine(size.width) && is_fine(size.height) {
            return Ok(());
        }
        let at_least_one = |n: u32| n.max(1).saturating_mul(multiple);
        let below = Size {
            width: at_least_one(size.width / multiple),
            height: at_least_one(size.height / multiple),
        };
        let above = Size {
            width: at_least_one(size.width.div_ceil(multiple)),
            height: at_least_one(size.height.div_ceil(multiple)),
        };
        let nearest = if below == above {
            below.to_string()
        } else {
            format!("{below} or {above}")
        };
        Err(Error::Config {
            name: setting,
            value: size.to_string(),
            allowed: format!(
                "this model draws multiples of {multiple} pixels; the nearest is {nearest}"
            ),
        })
    }
}

/// Steps and guidance of the diffusers pipelines' documentation; few-step models are known by their scheduler.
fn steps_and_guidance(family: Family, scheduler: &SchedulerConfig) -> (u32, f64) {
    let is_distilled = scheduler.spacing == Spacing::Trailing;
    match (family, scheduler.kind) {
        (Family::LatentConsistency, _) | (_, Kind::Lcm) => (4, 8.5),
        (_, Kind::Euler | Kind::EulerAncestral | Kind::Ddim) if is_distilled => (1, 1.0),
        (Family::StableDiffusionXl, _) => (25, 5.0),
        _ => (25, 7.5),
    }
}
