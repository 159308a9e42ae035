use serde::Deserialize;
use serde_json::Value;

use crate::diffusion::model::ConfigFile;
use crate::{Error, Result};

/// The algorithms, by diffusers' class names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `DDIMScheduler`.
    Ddim,
    /// `PNDMScheduler`.
    Pndm,
    /// `EulerDiscreteScheduler`.
    Euler,
    /// `EulerAncestralDiscreteScheduler`.
    EulerAncestral,
    /// `DPMSolverMultistepScheduler`.
    DpmPlusPlus2M,
    /// `UniPCMultistepScheduler`.
    UniPc,
    /// `LCMScheduler`.
    Lcm,
}

/// Short names of the command line, class names of the files.
const KINDS: [(Kind, &str, &str); 7] = [
    (Kind::Ddim, "ddim", "DDIMScheduler"),
    (Kind::Pndm, "pndm", "PNDMScheduler"),
    (Kind::Euler, "euler", "EulerDiscreteScheduler"),
    (
        Kind::EulerAncestral,
        "euler_a",
        "EulerAncestralDiscreteScheduler",
    ),
    (
        Kind::DpmPlusPlus2M,
        "dpmpp_2m",
        "DPMSolverMultistepScheduler",
    ),
    (Kind::UniPc, "unipc", "UniPCMultistepScheduler"),
    (Kind::Lcm, "lcm", "LCMScheduler"),
];

/// What the network predicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Prediction {
    /// The noise.
    #[serde(rename = "epsilon")]
    Epsilon,
    /// The picture.
    #[serde(rename = "sample")]
    Sample,
    /// The velocity (Salimans and Ho 2022, arXiv 2202.00512).
    #[serde(rename = "v_prediction")]
    Velocity,
}

/// How timesteps are spread over the training schedule (Lin et al. 2023, arXiv 2305.08891, table 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Spacing {
    /// Both ends are included.
    Linspace,
    /// Multiples of a whole step, from the picture's end.
    Leading,
    /// Multiples of a step, from the noise's end.
    Trailing,
}

/// What sigma the last step goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinalSigma {
    /// 0.
    Zero,
    /// The smallest of training.
    SigmaMin,
}

/// `scheduler_config.json` with the defaults of its class: a file holds only what was set, and classes differ in the rest.
#[derive(Clone, Debug)]
pub struct SchedulerConfig {
    /// The algorithm.
    pub kind: Kind,
    /// Length of the training schedule.
    pub num_train_timesteps: usize,
    /// First noise variance.
    pub beta_start: f64,
    /// Last noise variance.
    pub beta_end: f64,
    /// How variances run between them.
    pub beta_schedule: String,
    /// Variances that replace the schedule.
    pub trained_betas: Option<Vec<f64>>,
    /// Stretches the schedule so that it ends in pure noise (arXiv 2305.08891, algorithm 1).
    pub rescale_betas_zero_snr: bool,
    /// What the network predicts.
    pub prediction: Prediction,
    /// How timesteps are spread.
    pub spacing: Spacing,
    /// Added to every timestep of leading spacing.
    pub steps_offset: usize,
    /// Bound of the predicted picture's values, if it is clipped.
    pub clip_range: Option<f64>,
    /// Whether the last step ends at no noise at all, or at the first training step's.
    pub set_alpha_to_one: bool,
    /// Karras spacing of the sigmas (Karras et al. 2022, arXiv 2206.00364, eq. 5).
    pub use_karras_sigmas: bool,
    /// Where the last step goes.
    pub final_sigma: FinalSigma,
    /// Smallest sigma of Karras spacing.
    pub sigma_min: Option<f64>,
    /// Largest sigma of Karras spacing.
    pub sigma_max: Option<f64>,
    /// Order of the multistep solvers, 1 or 2.
    pub solver_order: usize,
    /// `midpoint` or `heun` for DPM++, `bh1` or `bh2` for UniPC.
    pub solver_type: String,
    /// Whether short runs end with a step of order 1.
    pub lower_order_final: bool,
    /// Whether the last step is always one of order 1.
    pub euler_at_final: bool,
    /// Smallest log signal-to-noise ratio that is used.
    pub lambda_min_clipped: f64,
    /// Steps of UniPC whose corrector is left out.
    pub disable_corrector: Vec<usize>,
    /// Steps of the teacher of a latent consistency model.
    pub original_inference_steps: usize,
    /// Factor of the timestep in a latent consistency model's boundary conditions.
    pub timestep_scaling: f64,
}

impl Kind {
    /// The short name, such as `euler_a`.
    pub fn name(self) -> &'static str {
        let row = KINDS.iter().find(|(kind, ..)| *kind == self);
        row.map_or("", |(_, name, _)| name)
    }

    fn of_class(class: &str) -> Option<Self> {
        let row = KINDS.iter().find(|(_, _, name)| *name == class);
        row.map(|(kind, ..)| *kind)
    }
}

/// A scheduler by its short name: one of [`SchedulerConfig::NAMES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    kind: Kind,
    karras: bool,
}

impl std::str::FromStr for Choice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, karras) = match text.strip_suffix("_karras") {
            Some(name) => (name, true),
            None => (text, false),
        };
        let can_karras = ["euler", "dpmpp_2m", "unipc"].contains(&name);
        let row = KINDS.iter().find(|(_, short, _)| *short == name);
        match row {
            Some((kind, ..)) if can_karras || !karras => Ok(Self {
                kind: *kind,
                karras,
            }),
            _ => Err(Error::Config {
                name: "--scheduler",
                value: text.to_owned(),
                allowed: format!("use one of {}", SchedulerConfig::NAMES.join(", ")),
            }),
        }
    }
}

/// Keys that no supported family sets to anything else.
const UNSUPPORTED: [(&str, &str); 10] = [
    ("thresholding", "false"),
    ("use_exponential_sigmas", "false"),
    ("use_beta_sigmas", "false"),
    ("use_lu_lambdas", "false"),
    ("use_flow_sigmas", "false"),
    ("use_dynamic_shifting", "false"),
    ("interpolation_type", "\"linear\""),
    ("timestep_type", "\"discrete\""),
    ("predict_x0", "true"),
    ("solver_p", "null"),
];

impl SchedulerConfig {
    /// Short names of the schedulers.
    pub const NAMES: [&'static str; 10] = [
        "ddim",
        "pndm",
        "euler",
        "euler_karras",
        "euler_a",
        "dpmpp_2m",
        "dpmpp_2m_karras",
        "unipc",
        "unipc_karras",
        "lcm",
    ];

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
                    "choose another with --scheduler: {}",
                    Self::NAMES.join(", ")
                ))
            })?,
            (None, None) => return Err(Error::weights(&file.path, "has no _class_name")),
        };
        for (key, supported) in UNSUPPORTED {
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
            config.use_karras_sigmas =
                choice.karras || (config.use_karras_sigmas && choice.kind == kind_of(file));
        }
        config.check(file)?;
        Ok(config)
    }

    fn check(&self, file: &ConfigFile) -> Result<()> {
        let wrong = |reason: &str| Err(Error::weights(&file.path, reason));
        if !(1..=100_000).contains(&self.num_train_timesteps) {
            return wrong("num_train_timesteps must be from 1 to 100000");
        }
        if self
            .trained_betas
            .as_ref()
            .is_some_and(|betas| betas.len() != self.num_train_timesteps)
        {
            return wrong("trained_betas must have num_train_timesteps values");
        }
        if !(1..=2).contains(&self.solver_order) {
            return wrong("solver_order must be 1 or 2");
        }
        let solver_types: &[&str] = match self.kind {
            Kind::DpmPlusPlus2M => &["midpoint", "heun"],
            Kind::UniPc => &["bh1", "bh2"],
            _ => return Ok(()),
        };
        if solver_types.contains(&self.solver_type.as_str()) {
            Ok(())
        } else {
            wrong(&format!(
                "solver_type = {} is not supported",
                self.solver_type
            ))
        }
    }
}

fn kind_of(file: &ConfigFile) -> Kind {
    file.class_name()
        .and_then(Kind::of_class)
        .unwrap_or(Kind::Ddim)
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

    fn read(&self, kind: Kind) -> Result<SchedulerConfig> {
        let is_lcm = kind == Kind::Lcm;
        let spacing = match kind {
            Kind::Ddim | Kind::Pndm | Kind::Lcm => Spacing::Leading,
            _ => Spacing::Linspace,
        };
        let clips =
            self.or("clip_sample", kind == Kind::Ddim)? && matches!(kind, Kind::Ddim | Kind::Lcm);
        let clip_range = self.or("clip_sample_range", 1.0)?;
        if kind == Kind::Pndm && !self.or("skip_prk_steps", false)? {
            return Err(Error::weights(
                &self.0.path,
                "PNDM with skip_prk_steps = false is not supported",
            ));
        }
        if kind == Kind::DpmPlusPlus2M {
            let algorithm = self.or("algorithm_type", "dpmsolver++".to_owned())?;
            if algorithm != "dpmsolver++" {
                return Err(Error::weights(
                    &self.0.path,
                    format!("algorithm_type = {algorithm} is not supported"),
                ));
            }
        }
        Ok(SchedulerConfig {
            kind,
            num_train_timesteps: self.or("num_train_timesteps", 1000)?,
            beta_start: self.or("beta_start", if is_lcm { 0.00085 } else { 0.0001 })?,
            beta_end: self.or("beta_end", if is_lcm { 0.012 } else { 0.02 })?,
            beta_schedule: self.or(
                "beta_schedule",
                if is_lcm { "scaled_linear" } else { "linear" }.to_owned(),
            )?,
            trained_betas: self.or("trained_betas", None)?,
            rescale_betas_zero_snr: kind != Kind::Pndm
                && self.or("rescale_betas_zero_snr", false)?,
            prediction: self.or("prediction_type", Prediction::Epsilon)?,
            spacing: self.or("timestep_spacing", spacing)?,
            steps_offset: self.or("steps_offset", 0)?,
            clip_range: clips.then_some(clip_range),
            set_alpha_to_one: self.or("set_alpha_to_one", kind != Kind::Pndm)?,
            use_karras_sigmas: self.or("use_karras_sigmas", false)?,
            final_sigma: self.or("final_sigmas_type", FinalSigma::Zero)?,
            sigma_min: self.or("sigma_min", None)?,
            sigma_max: self.or("sigma_max", None)?,
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

    /// Each of the two multistep solvers takes the other's names as its own default.
    fn solver_type(&self, kind: Kind) -> Result<String> {
        let (default, others): (&str, &[&str]) = match kind {
            Kind::UniPc => ("bh2", &["midpoint", "heun", "logrho"]),
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
