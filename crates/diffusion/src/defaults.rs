//! What a model does best: its size, number of steps and guidance, where the user didn't say.

use common::{Error, Result};
use timeline::Size;

use super::family::Family;
use super::model::ConfigFile;
use super::part::Part;
use super::schedulers::{Kind, Prediction, SchedulerConfig, Spacing};
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
        let unet_file = model.config(Part::UNet)?;
        let unet = UNetConfig::read(&unet_file)?;
        let vae = VaeConfig::read(&model.config(Part::Vae)?)?;
        let scheduler = model.own_scheduler()?;
        let side = unet
            .sample_size
            .unwrap_or(DEFAULT_SAMPLE_SIZE)
            .saturating_mul(vae.scale());
        let n_downs = unet.n_levels().saturating_sub(1).min(8) as u32;
        let multiple = vae.scale() as u32;
        let is_distilled = is_distilled(model, family, &unet_file, side, &scheduler)?;
        let (n_steps, guidance_scale) = steps_and_guidance(family, scheduler.kind, is_distilled);
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
    /// [`Error::Config`] with the nearest size that it can, or the largest.
    pub fn check_size(&self, setting: &'static str, size: Size) -> Result<()> {
        if size.width.max(size.height) > MAX_DRAW_SIDE {
            return Err(Error::Config {
                name: setting,
                value: size.to_string(),
                allowed: format!("models draw up to {MAX_DRAW_SIDE} pixels a side"),
            });
        }
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

/// Longest side that is drawn, in pixels: four times what the largest models were made for. Larger ones are beyond the memory of
/// nearly every machine.
const MAX_DRAW_SIDE: u32 = 4096;

/// Steps and guidance of the diffusers pipelines' documentation.
fn steps_and_guidance(family: Family, scheduler: Kind, is_distilled: bool) -> (u32, f64) {
    match (family, scheduler) {
        (Family::LatentConsistency, _) | (_, Kind::Lcm) => (4, 8.5),
        _ if is_distilled => (1, 1.0),
        (Family::StableDiffusionXl, _) => (25, 5.0),
        _ => (25, 7.5),
    }
}

/// Side of SDXL-Turbo's pictures, in pixels; SDXL itself was trained on 1024.
const XL_TURBO_SIDE: usize = 512;

/// Whether a model was distilled to a single step without guidance. No file says so. Known are, by all that their configurations
/// say: SD-Turbo, SDXL-Turbo, and our own models, whose autoencoder no other program makes. Trailing timesteps alone mean
/// nothing: models that predict velocity over a schedule that ends in pure noise have them, too.
fn is_distilled(
    model: &ModelSource,
    family: Family,
    unet: &ConfigFile,
    side: usize,
    scheduler: &SchedulerConfig,
) -> Result<bool> {
    if scheduler.spacing != Spacing::Trailing || scheduler.rescale_betas_zero_snr {
        return Ok(false);
    }
    let predicts_noise = scheduler.prediction == Prediction::Epsilon;
    let projects_linearly = unet.get("use_linear_projection") == Some(&true.into());
    Ok(match (family, scheduler.kind) {
        // The networks of Stable Diffusion 2 project linearly, those of 1 don't.
        (Family::StableDiffusion, Kind::Euler) => predicts_noise && projects_linearly,
        (Family::StableDiffusionXl, Kind::EulerAncestral) => {
            predicts_noise && side <= XL_TURBO_SIDE
        }
        (Family::StableDiffusion, Kind::Ddim) => has_own_autoencoder(model)?,
        _ => false,
    })
}

/// Whether the model comes with an autoencoder as `model/training` makes it.
fn has_own_autoencoder(model: &ModelSource) -> Result<bool> {
    let vae = VaeConfig::read(&model.folder.config("vae/config.json")?)?;
    Ok(match vae {
        VaeConfig::Kl(config) => config.pixel_shuffle > 1,
        VaeConfig::Tiny(_) => false,
        VaeConfig::Patch(_) => true,
    })
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use serde_json::{Value, json};

    use super::*;
    use crate::model::ModelFolder;

    /// A copy of a model's configuration with some keys of its scheduler replaced.
    fn copy(to: &Path, from: &Path, scheduler: Value) -> ModelSource {
        for part in ["scheduler", "unet", "vae"] {
            std::fs::create_dir_all(to.join(part)).unwrap();
            for entry in std::fs::read_dir(from.join(part)).unwrap() {
                let path = entry.unwrap().path();
                if path.extension().is_some_and(|ending| ending == "json") {
                    std::fs::copy(&path, to.join(part).join(path.file_name().unwrap())).unwrap();
                }
            }
        }
        std::fs::copy(from.join("model_index.json"), to.join("model_index.json")).unwrap();
        let path = to.join("scheduler/scheduler_config.json");
        let mut file: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let keys = scheduler.as_object().unwrap().clone();
        file.as_object_mut().unwrap().extend(keys);
        std::fs::write(path, file.to_string()).unwrap();
        ModelSource::new(ModelFolder::Disk(to.to_owned()))
    }

    #[test]
    fn sizes_beyond_every_memory_are_refused() {
        let to = tempfile::tempdir().unwrap();
        let bundled = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../model");
        let defaults = ModelDefaults::of(&copy(to.path(), &bundled, json!({}))).unwrap();
        let square = Size::square;
        assert!(defaults.check_size("draw_size", square(4096)).is_ok());
        for side in [4160, 1 << 31] {
            let error = defaults.check_size("draw_size", square(side)).unwrap_err();
            assert!(error.to_string().contains("4096"), "{error}");
        }
    }

    #[test]
    fn only_models_that_are_known_to_be_distilled_draw_one_step() {
        let kit = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/parity/kit/models");
        let bundled = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../model");
        let trailing = |class: &str, prediction: &str| json!({"_class_name": class, "prediction_type": prediction, "timestep_spacing": "trailing"});
        let euler = trailing("EulerDiscreteScheduler", "epsilon");
        let mut stretched = trailing("EulerDiscreteScheduler", "v_prediction");
        stretched["rescale_betas_zero_snr"] = json!(true);
        let mut turbo = euler.clone();
        turbo["rescale_betas_zero_snr"] = json!(false);
        let ancestral = trailing("EulerAncestralDiscreteScheduler", "epsilon");
        let ddim = trailing("DDIMScheduler", "v_prediction");
        for (folder, scheduler, wanted) in [
            (bundled, json!({}), (1, 1.0)),
            (kit.join("velocity"), turbo, (1, 1.0)), // as SD-Turbo
            (kit.join("distilled"), json!({}), (25, 7.5)),
            (kit.join("xl"), ancestral.clone(), (1, 1.0)), // as SDXL-Turbo
            (kit.join("xl"), euler.clone(), (25, 5.0)),
            (kit.join("xl"), stretched.clone(), (25, 5.0)),
            (kit.join("plain"), euler, (25, 7.5)),
            (kit.join("plain"), ancestral, (25, 7.5)),
            (kit.join("plain"), ddim, (25, 7.5)),
            (kit.join("velocity"), stretched, (25, 7.5)),
            (kit.join("velocity"), json!({}), (25, 7.5)),
        ] {
            let to = tempfile::tempdir().unwrap();
            let model = copy(to.path(), &folder, scheduler.clone());
            let defaults = ModelDefaults::of(&model).unwrap();
            let found = (defaults.n_steps, defaults.guidance_scale);
            assert_eq!(found, wanted, "{} {scheduler}", folder.display());
        }
    }

    #[test]
    fn a_scheduler_that_is_not_known_is_asked_for() {
        let kit = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/parity/kit/models");
        let to = tempfile::tempdir().unwrap();
        let unknown = json!({"_class_name": "LMSDiscreteScheduler"});
        let model = copy(to.path(), &kit.join("plain"), unknown);
        let error = ModelDefaults::of(&model).unwrap_err();
        assert!(
            error.to_string().contains("LMSDiscreteScheduler"),
            "{error}"
        );
        assert!(error.hint().unwrap().contains("`scheduler`"));
        let model = model.with_scheduler("ddim".parse().unwrap());
        let defaults = ModelDefaults::of(&model).unwrap();
        assert_eq!((defaults.n_steps, defaults.guidance_scale), (25, 7.5));
    }
}
