use common::{Error, Result};
use serde::Deserialize;

use super::deis;
use super::prediction::{Prediction, Thresholding};
use crate::model::ConfigFile;

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
    DpmSolver,
    /// `UniPCMultistepScheduler`.
    UniPc,
    /// `LCMScheduler`.
    Lcm,
    /// `DDPMScheduler`.
    Ddpm,
    /// `HeunDiscreteScheduler`.
    Heun,
    /// `DEISMultistepScheduler`.
    Deis,
}

/// The algorithms by the class names of the files.
const CLASSES: [(&str, Kind); 10] = [
    ("DDIMScheduler", Kind::Ddim),
    ("PNDMScheduler", Kind::Pndm),
    ("EulerDiscreteScheduler", Kind::Euler),
    ("EulerAncestralDiscreteScheduler", Kind::EulerAncestral),
    ("DPMSolverMultistepScheduler", Kind::DpmSolver),
    ("UniPCMultistepScheduler", Kind::UniPc),
    ("LCMScheduler", Kind::Lcm),
    ("DDPMScheduler", Kind::Ddpm),
    ("HeunDiscreteScheduler", Kind::Heun),
    ("DEISMultistepScheduler", Kind::Deis),
];

/// The schedulers by the short names that users give; the first of a kind is the kind's own.
const CHOICES: [(&str, Choice); 17] = [
    ("ddim", Choice::of(Kind::Ddim)),
    ("pndm", Choice::of(Kind::Pndm)),
    ("euler", Choice::of(Kind::Euler)),
    ("euler_karras", Choice::of(Kind::Euler).karras()),
    ("euler_a", Choice::of(Kind::EulerAncestral)),
    ("dpmpp_2m", Choice::of(Kind::DpmSolver)),
    ("dpmpp_2m_karras", Choice::of(Kind::DpmSolver).karras()),
    ("dpmpp_2m_sde", Choice::of(Kind::DpmSolver).sde()),
    (
        "dpmpp_2m_sde_karras",
        Choice::of(Kind::DpmSolver).sde().karras(),
    ),
    ("unipc", Choice::of(Kind::UniPc)),
    ("unipc_karras", Choice::of(Kind::UniPc).karras()),
    ("lcm", Choice::of(Kind::Lcm)),
    ("ddpm", Choice::of(Kind::Ddpm)),
    ("heun", Choice::of(Kind::Heun)),
    ("heun_karras", Choice::of(Kind::Heun).karras()),
    ("deis", Choice::of(Kind::Deis)),
    ("deis_karras", Choice::of(Kind::Deis).karras()),
];

/// Short names of the schedulers.
pub const SCHEDULERS: [&str; CHOICES.len()] = {
    let mut names = [""; CHOICES.len()];
    let mut idx = 0;
    while idx < names.len() {
        names[idx] = CHOICES[idx].0;
        idx += 1;
    }
    names
};

/// How timesteps are spread over the training schedule (Lin et al. 2023, arXiv 2305.08891, table 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Spacing {
    /// Both ends are included.
    Linspace,
    /// Multiples of a whole step, counted from the clean end.
    Leading,
    /// Multiples of a step, counted from the noisy end.
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

/// How the sigmas of a run are spread between the largest and the smallest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SigmaSpacing {
    /// Those of the timesteps.
    Timesteps,
    /// Karras et al. 2022 (arXiv 2206.00364, eq. 5).
    Karras,
    /// Evenly in their logarithm.
    Exponential,
    /// Quantiles of a beta distribution (Lee et al. 2024, arXiv 2407.12173).
    Beta,
    /// Evenly in the log signal-to-noise ratio (Lu et al. 2022, arXiv 2206.00927).
    Lu,
}

/// Which integral DPM-Solver approximates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum DpmAlgorithm {
    /// Of the predicted noise (arXiv 2206.00927).
    #[serde(rename = "dpmsolver")]
    Noise,
    /// Of the predicted clean latents (arXiv 2211.01095).
    #[serde(rename = "dpmsolver++", alias = "deis")]
    Data,
    /// Of the predicted noise, with fresh noise at every step.
    #[serde(rename = "sde-dpmsolver")]
    NoiseSde,
    /// Of the predicted clean latents, with fresh noise at every step.
    #[serde(rename = "sde-dpmsolver++")]
    DataSde,
}

impl DpmAlgorithm {
    /// Whether every step wants fresh noise.
    pub fn is_stochastic(self) -> bool {
        matches!(self, Self::NoiseSde | Self::DataSde)
    }

    /// Whether the predicted clean latents ("x0") are integrated, and not the noise.
    pub fn predicts_x0(self) -> bool {
        matches!(self, Self::Data | Self::DataSde)
    }
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
    /// How the values of denoised latents are limited.
    pub thresholding: Thresholding,
    /// Whether the last step ends at no noise at all, or at the first training step's.
    pub set_alpha_to_one: bool,
    /// How sigmas are spread.
    pub sigma_spacing: SigmaSpacing,
    /// Euler's sigmas are spread evenly in their logarithm, whatever the timesteps are.
    pub is_log_linear: bool,
    /// Euler's network is given a quarter of sigma's logarithm, not a timestep.
    pub is_continuous: bool,
    /// Where the last step goes.
    pub final_sigma: FinalSigma,
    /// Smallest sigma, where the spacing isn't that of the timesteps.
    pub sigma_min: Option<f64>,
    /// Largest sigma, where the spacing isn't that of the timesteps.
    pub sigma_max: Option<f64>,
    /// What DPM-Solver integrates.
    pub algorithm: DpmAlgorithm,
    /// Whether UniPC integrates the predicted clean latents ("x0"), and not the noise.
    pub predicts_x0: bool,
    /// Whether PNDM begins with linear multistep steps, and not with Runge-Kutta steps.
    pub skip_prk_steps: bool,
    /// Order of the multistep solvers.
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
    /// Whether DDPM's noise has the variance of the forward step, and not of its posterior.
    pub has_large_variance: bool,
    /// Factor of the timestep in a latent consistency model's boundary conditions.
    pub timestep_scaling: f64,
}

impl Kind {
    /// The short name, such as `euler_a`.
    pub fn name(self) -> &'static str {
        let row = CHOICES.iter().find(|(_, choice)| choice.kind == self);
        row.map_or("", |(name, _)| name)
    }

    pub(super) fn of_class(class: &str) -> Option<Self> {
        let row = CLASSES.iter().find(|(name, _)| *name == class);
        row.map(|(_, kind)| *kind)
    }

    /// Keys that change what the class computes and that no supported family sets, with the one value that is supported.
    pub(super) fn unsupported_keys(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::DpmSolver | Self::Deis => &[
                ("use_flow_sigmas", "false"),
                ("use_dynamic_shifting", "false"),
            ],
            Self::UniPc => &[
                ("use_flow_sigmas", "false"),
                ("use_dynamic_shifting", "false"),
                ("solver_p", "null"),
            ],
            _ => &[],
        }
    }
}

/// A scheduler by its short name: one of [`SCHEDULERS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    pub(super) kind: Kind,
    is_karras: bool,
    is_sde: bool,
}

impl Choice {
    const fn of(kind: Kind) -> Self {
        Self {
            kind,
            is_karras: false,
            is_sde: false,
        }
    }

    const fn karras(self) -> Self {
        Self {
            is_karras: true,
            ..self
        }
    }

    const fn sde(self) -> Self {
        Self {
            is_sde: true,
            ..self
        }
    }
}

impl std::str::FromStr for Choice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let row = CHOICES.iter().find(|(name, _)| *name == text);
        let row = row.ok_or_else(|| Error::Config {
            name: "scheduler",
            value: text.to_owned(),
            allowed: format!("use one of {}", SCHEDULERS.join(", ")),
        });
        row.map(|(_, choice)| *choice)
    }
}

impl SchedulerConfig {
    /// What a short name says beside the class.
    pub(super) fn apply(&mut self, choice: Choice, file: &ConfigFile) {
        let is_files_own = file.class_name().and_then(Kind::of_class) == Some(choice.kind);
        if choice.is_karras {
            self.sigma_spacing = SigmaSpacing::Karras;
        } else if !is_files_own {
            self.sigma_spacing = SigmaSpacing::Timesteps;
        }
        self.algorithm = match choice.is_sde {
            true => DpmAlgorithm::DataSde,
            false => DpmAlgorithm::Data,
        };
    }

    pub(super) fn check(&self, file: &ConfigFile) -> Result<()> {
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
        match self.kind {
            Kind::DpmSolver => self.check_dpm_solver(file),
            Kind::UniPc => self.check_unipc(file),
            Kind::Deis => self.check_deis(file),
            _ => Ok(()),
        }
    }

    fn check_dpm_solver(&self, file: &ConfigFile) -> Result<()> {
        let wrong = |reason: &str| Err(Error::weights(&file.path, reason));
        self.check_solver_type(file, &["midpoint", "heun"])?;
        let most = if self.algorithm.is_stochastic() { 2 } else { 3 };
        if !(1..=most).contains(&self.solver_order) {
            return wrong(&format!(
                "solver_order = {} is not supported: this algorithm_type has orders 1 to {most}",
                self.solver_order
            ));
        }
        if !self.algorithm.predicts_x0() && self.final_sigma == FinalSigma::Zero {
            return wrong(
                "algorithm_type dpmsolver and sde-dpmsolver need final_sigmas_type = sigma_min",
            );
        }
        Ok(())
    }

    fn check_unipc(&self, file: &ConfigFile) -> Result<()> {
        let wrong = |reason: &str| Err(Error::weights(&file.path, reason));
        self.check_solver_type(file, &["bh1", "bh2"])?;
        if !(1..=MAX_UNIPC_ORDER).contains(&self.solver_order) {
            return wrong(&format!(
                "solver_order = {} is not supported: UniPC has orders 1 to {MAX_UNIPC_ORDER}",
                self.solver_order
            ));
        }
        let ends_at_zero = self.final_sigma == FinalSigma::Zero;
        if ends_at_zero && !self.predicts_x0 {
            return wrong("predict_x0 = false needs final_sigmas_type = sigma_min");
        }
        if ends_at_zero && !self.lower_order_final && self.solver_order > 1 {
            return wrong("lower_order_final = false needs final_sigmas_type = sigma_min");
        }
        Ok(())
    }

    fn check_deis(&self, file: &ConfigFile) -> Result<()> {
        self.check_solver_type(file, &["logrho"])?;
        if (1..=deis::MAX_ORDER).contains(&self.solver_order) {
            return Ok(());
        }
        let reason = format!(
            "solver_order = {} is not supported: DEIS has orders 1 to {}",
            self.solver_order,
            deis::MAX_ORDER
        );
        Err(Error::weights(&file.path, reason))
    }

    fn check_solver_type(&self, file: &ConfigFile, supported: &[&str]) -> Result<()> {
        if supported.contains(&self.solver_type.as_str()) {
            return Ok(());
        }
        Err(Error::weights(
            &file.path,
            format!("solver_type = {} is not supported", self.solver_type),
        ))
    }
}

/// Highest order of UniPC that is run; its equations grow ill-conditioned.
const MAX_UNIPC_ORDER: usize = 8;
