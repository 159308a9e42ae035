//! `scheduler_config.json` key by key.

use common::{Error, Result};
use serde_json::Value;

use super::config::{
    Choice, DpmAlgorithm, FinalSigma, Kind, SCHEDULERS, SchedulerConfig, SigmaSpacing, Spacing,
};
use super::prediction::{Prediction, Thresholding};
use crate::model::ConfigFile;

impl SchedulerConfig {
    /// Reads `scheduler_config.json`. With `choice`, another algorithm runs on the same file, as when diffusers' `from_config`
    /// is called with another class.
    ///
    /// # Errors
    /// [`Error::Weights`] naming the class or key that is wrong or not supported.
    pub fn read(file: &ConfigFile, choice: Option<Choice>) -> Result<Self> {
        let kind = match (choice, file.class_name()) {
            (Some(choice), _) => choice.kind,
            (None, Some(class)) => Kind::of_class(class).ok_or_else(|| {
                Error::weights(
                    &file.path,
                    format!("_class_name = {class} is not supported"),
                )
                .with_hint(format!(
                    "choose another with `scheduler`: {}",
                    SCHEDULERS.join(", ")
                ))
            })?,
            (None, None) => return Err(Error::weights(&file.path, "has no _class_name")),
        };
        for (key, supported) in kind.unsupported_keys() {
            if let Some(value) = file.get(key)
                && !value.is_null()
                && serde_json::from_str(supported).ok().as_ref() != Some(value)
            {
                return Err(Error::weights(
                    &file.path,
                    format!("{key} = {value} is not supported"),
                ));
            }
        }
        let mut config = Fields(file).read(kind)?;
        if let Some(choice) = choice {
            config.apply(choice, file);
        }
        config.check(file)?;
        Ok(config)
    }
}

/// Reads keys with the defaults of a class.
struct Fields<'a>(&'a ConfigFile);

impl Fields<'_> {
    fn or<T: serde::de::DeserializeOwned>(&self, key: &str, default: T) -> Result<T> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(default),
            Some(value) => serde_json::from_value(value.clone()).map_err(|error| {
                Error::weights(&self.0.path, format!("{key} = {value} is wrong: {error}"))
            }),
        }
    }

    /// The whole configuration of a class.
    fn read(&self, kind: Kind) -> Result<SchedulerConfig> {
        let is_lcm = kind == Kind::Lcm;
        let is_latent = is_lcm || kind == Kind::Heun; // classes with the betas of latent diffusion
        let spacing = match kind {
            Kind::Ddim | Kind::Pndm | Kind::Lcm | Kind::Ddpm => Spacing::Leading,
            _ => Spacing::Linspace,
        };
        Ok(SchedulerConfig {
            kind,
            num_train_timesteps: self.or("num_train_timesteps", 1000)?,
            beta_start: self.or("beta_start", if is_latent { 0.00085 } else { 0.0001 })?,
            beta_end: self.or("beta_end", if is_latent { 0.012 } else { 0.02 })?,
            beta_schedule: self.or(
                "beta_schedule",
                if is_lcm { "scaled_linear" } else { "linear" }.to_owned(),
            )?,
            trained_betas: self.or("trained_betas", None)?,
            rescale_betas_zero_snr: !matches!(kind, Kind::Pndm | Kind::Heun | Kind::Deis)
                && self.or("rescale_betas_zero_snr", false)?,
            prediction: self.or("prediction_type", Prediction::Epsilon)?,
            spacing: self.or("timestep_spacing", spacing)?,
            steps_offset: self.or("steps_offset", 0)?,
            thresholding: self.thresholding(kind)?,
            set_alpha_to_one: kind == Kind::Ddpm
                || self.or("set_alpha_to_one", kind != Kind::Pndm)?,
            sigma_spacing: self.sigma_spacing(kind)?,
            is_log_linear: self.is_log_linear(kind)?,
            is_continuous: kind == Kind::Euler
                && self.or("timestep_type", "discrete".to_owned())? == "continuous",
            final_sigma: match kind {
                Kind::Heun => FinalSigma::Zero,
                Kind::Deis => FinalSigma::SigmaMin,
                _ => self.or("final_sigmas_type", FinalSigma::Zero)?,
            },
            sigma_min: match kind {
                Kind::Heun | Kind::Deis => None,
                _ => self.or("sigma_min", None)?,
            },
            sigma_max: match kind {
                Kind::Heun | Kind::Deis => None,
                _ => self.or("sigma_max", None)?,
            },
            has_large_variance: self.has_large_variance(kind)?,
            algorithm: match kind {
                Kind::DpmSolver => self.or("algorithm_type", DpmAlgorithm::Data)?,
                _ => DpmAlgorithm::Data,
            },
            predicts_x0: self.or("predict_x0", true)?,
            skip_prk_steps: self.or("skip_prk_steps", false)?,
            solver_order: self.or("solver_order", 2)?,
            solver_type: self.solver_type(kind)?,
            lower_order_final: self.or("lower_order_final", true)?,
            euler_at_final: self.or("euler_at_final", false)?,
            lambda_min_clipped: self.lambda_min_clipped()?,
            disable_corrector: self.or("disable_corrector", Vec::new())?,
            original_inference_steps: self.or("original_inference_steps", 50)?,
            timestep_scaling: self.or("timestep_scaling", 10.0)?,
        })
    }

    /// Dynamic thresholding wins over clipping; not every class knows both.
    fn thresholding(&self, kind: Kind) -> Result<Thresholding> {
        let is_clipping = matches!(kind, Kind::Ddim | Kind::Lcm | Kind::Ddpm | Kind::Heun);
        let is_thresholding = kind != Kind::Heun
            && (is_clipping || matches!(kind, Kind::DpmSolver | Kind::UniPc | Kind::Deis));
        let is_clipped = matches!(kind, Kind::Ddim | Kind::Ddpm);
        Ok(if is_thresholding && self.or("thresholding", false)? {
            Thresholding::Dynamic {
                ratio: self.or("dynamic_thresholding_ratio", 0.995)?,
                max: self.or("sample_max_value", 1.0)?,
            }
        } else if is_clipping && self.or("clip_sample", is_clipped)? {
            Thresholding::Clip(self.or("clip_sample_range", 1.0)?)
        } else {
            Thresholding::None
        })
    }

    fn sigma_spacing(&self, kind: Kind) -> Result<SigmaSpacing> {
        let keys = [
            ("use_karras_sigmas", SigmaSpacing::Karras),
            ("use_exponential_sigmas", SigmaSpacing::Exponential),
            ("use_beta_sigmas", SigmaSpacing::Beta),
            ("use_lu_lambdas", SigmaSpacing::Lu),
        ];
        let n_keys = match kind {
            Kind::Euler | Kind::UniPc | Kind::Heun | Kind::Deis => 3,
            Kind::DpmSolver => 4,
            _ => 0,
        };
        let mut chosen: Option<(&str, SigmaSpacing)> = None;
        for (key, spacing) in keys.into_iter().take(n_keys) {
            if !self.or(key, false)? {
                continue;
            }
            if let Some((other, _)) = chosen {
                return Err(Error::weights(
                    &self.0.path,
                    format!("{other} and {key} exclude each other"),
                ));
            }
            chosen = Some((key, spacing));
        }
        Ok(chosen.map_or(SigmaSpacing::Timesteps, |(_, spacing)| spacing))
    }

    fn is_log_linear(&self, kind: Kind) -> Result<bool> {
        if kind != Kind::Euler {
            return Ok(false);
        }
        match self.or("interpolation_type", "linear".to_owned())?.as_str() {
            "linear" => Ok(false),
            "log_linear" => Ok(true),
            other => Err(Error::weights(
                &self.0.path,
                format!("interpolation_type = {other} is not supported"),
            )),
        }
    }

    /// Variances that the network learned aren't among those that it predicts here.
    fn has_large_variance(&self, kind: Kind) -> Result<bool> {
        let variance = self.or("variance_type", "fixed_small".to_owned())?;
        match (kind, variance.as_str()) {
            (_, "learned" | "learned_range") => {}
            (Kind::Ddpm, "fixed_small" | "fixed_small_log") => return Ok(false),
            (Kind::Ddpm, "fixed_large") => return Ok(true),
            (Kind::Ddpm, _) => {}
            _ => return Ok(false),
        }
        Err(Error::weights(
            &self.0.path,
            format!("variance_type = {variance} is not supported"),
        ))
    }

    /// Each of the multistep solvers takes the others' names as its own default.
    fn solver_type(&self, kind: Kind) -> Result<String> {
        let (default, others): (&str, &[&str]) = match kind {
            Kind::UniPc => ("bh2", &["midpoint", "heun", "logrho"]),
            Kind::Deis => ("logrho", &["midpoint", "heun", "bh1", "bh2"]),
            _ => ("midpoint", &["bh1", "bh2", "logrho"]),
        };
        let value = self.or("solver_type", default.to_owned())?;
        Ok(if others.contains(&value.as_str()) {
            default.to_owned()
        } else {
            value
        })
    }

    /// Minus infinity is not JSON; diffusers writes it as a string or as a bare word, which is read as absent.
    fn lambda_min_clipped(&self) -> Result<f64> {
        match self.0.get("lambda_min_clipped") {
            Some(Value::String(_)) => Ok(f64::NEG_INFINITY),
            _ => self.or("lambda_min_clipped", f64::NEG_INFINITY),
        }
    }
}
