//! Schedulers on problems whose solution is known.
//!
//! The data are one Gaussian: mean `MEAN`, deviation `DEVIATION`. Then the best prediction is a linear function of the
//! sample, and so is every algorithm's result; latents are single numbers. A second problem is a single picture, which
//! every first-order step finds exactly.

use candle_core::{Device, Tensor};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::model::ConfigFile;

const MEAN: f64 = 0.7;
const DEVIATION: f64 = 0.6;

const CLASSES: [&str; 9] = [
    "DDIMScheduler",
    "PNDMScheduler",
    "EulerDiscreteScheduler",
    "EulerAncestralDiscreteScheduler",
    "DPMSolverMultistepScheduler",
    "UniPCMultistepScheduler",
    "LCMScheduler",
    "DDPMScheduler",
    "HeunDiscreteScheduler",
];

fn config(class: &str, more: serde_json::Value) -> SchedulerConfig {
    let mut values = json!({
        "_class_name": class, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
        "clip_sample": false, "skip_prk_steps": true, "timestep_spacing": "trailing", "set_alpha_to_one": true,
    });
    let target = values.as_object_mut().unwrap();
    target.extend(more.as_object().unwrap().clone());
    let file = ConfigFile {
        path: "scheduler_config.json".into(),
        values: target.clone(),
    };
    SchedulerConfig::read(&file, None).unwrap()
}

/// The noise level of the latents before a call, and the latents' scale relative to it.
fn level_before(
    scheduler: &dyn Scheduler,
    config: &SchedulerConfig,
    call_idx: usize,
) -> (AlphaSigma, f64) {
    match scheduler.sigmas() {
        Some(sigmas) => {
            let level = AlphaSigma::of_sigma(sigmas[call_idx]);
            // Euler's latents are `clean + sigma * noise`, the others' have variance 1.
            let is_unscaled =
                matches!(config.kind, Kind::Euler | Kind::EulerAncestral | Kind::Heun);
            (level, if is_unscaled { 1.0 / level.alpha } else { 1.0 })
        }
        None => {
            let timestep = scheduler.timesteps()[call_idx] as usize;
            let alphas = config.alphas_cumprod().unwrap();
            (AlphaSigma::of_alpha_cumprod(alphas[timestep]), 1.0)
        }
    }
}

/// Runs from `noise` with the prediction that `picture(level, sample)` implies.
fn run(
    config: &SchedulerConfig,
    n_steps: usize,
    noise: &[f64],
    fresh: &mut dyn FnMut() -> Vec<f64>,
    picture: &dyn Fn(AlphaSigma, f64) -> f64,
) -> Vec<f64> {
    let tensor = |values: &[f64]| {
        Tensor::new(values, &Device::Cpu)
            .unwrap()
            .unsqueeze(0)
            .unwrap()
    };
    let mut scheduler = config.start(n_steps).unwrap();
    let mut latents = (tensor(noise) * scheduler.init_noise_sigma()).unwrap();
    for call_idx in 0..scheduler.timesteps().len() {
        let (level, scale) = level_before(scheduler.as_ref(), config, call_idx);
        let samples: Vec<f64> = latents.squeeze(0).unwrap().to_vec1().unwrap();
        let predictions: Vec<f64> = samples
            .iter()
            .map(|sample| {
                let sample = sample / scale;
                let x = picture(level, sample);
                let noise = (sample - level.alpha * x) / level.sigma;
                match config.prediction {
                    Prediction::Epsilon => noise,
                    Prediction::Sample => x,
                    Prediction::Velocity => level.alpha * noise - level.sigma * x,
                }
            })
            .collect();
        let noise = scheduler.needs_noise(call_idx).then(|| tensor(&fresh()));
        let step = scheduler.step(&tensor(&predictions), &latents, call_idx, noise.as_ref());
        latents = step.unwrap().latents;
    }
    latents.squeeze(0).unwrap().to_vec1().unwrap()
}

/// The expected picture in a sample of the Gaussian.
fn posterior_mean(level: AlphaSigma, sample: f64) -> f64 {
    let variance = level.alpha.powi(2) * DEVIATION.powi(2) + level.sigma.powi(2);
    MEAN + level.alpha * DEVIATION.powi(2) / variance * (sample - level.alpha * MEAN)
}

/// Where the probability flow leads exactly from a sample at one level to another: it keeps the standard score.
fn exact_end(from: AlphaSigma, sample: f64, to: AlphaSigma) -> f64 {
    let deviation =
        |level: AlphaSigma| (level.alpha.powi(2) * DEVIATION.powi(2) + level.sigma.powi(2)).sqrt();
    to.alpha * MEAN + deviation(to) * (sample - from.alpha * MEAN) / deviation(from)
}

fn no_noise() -> Vec<f64> {
    panic!("this algorithm draws no noise")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// All of the data is one picture: whatever the steps, that is what comes out.
    #[test]
    fn a_single_picture_is_found(
        class in proptest::sample::select(CLASSES.to_vec()),
        n_steps in proptest::sample::select(vec![1usize, 2, 4, 5, 8, 10, 20]), // steps that end at the schedule's end
        prediction in proptest::sample::select(vec!["epsilon", "v_prediction", "sample"]),
        wanted in -2.0f64..2.0,
        noise in -2.0f64..2.0,
    ) {
        // PNDM averages predictions of different timesteps, which only makes sense of noise.
        let prediction = if class == "PNDMScheduler" { "epsilon" } else { prediction };
        let mut more = json!({"prediction_type": prediction});
        if class == "LCMScheduler" {
            more["timestep_scaling"] = json!(1e6); // no share of the latents in the answer
        }
        let config = config(class, more);
        let ends = run(&config, n_steps, &[noise], &mut || vec![0.3], &|_, _| wanted);
        prop_assert!((ends[0] - wanted).abs() < 1e-6, "{class}: {} for {wanted}", ends[0]);
    }
}

/// Error of a run on the Gaussian, against the flow's exact end.
fn error_on_gaussian(config: &SchedulerConfig, n_steps: usize) -> f64 {
    let noise = [-1.5, 0.4, 1.1];
    let ends = run(config, n_steps, &noise, &mut no_noise, &posterior_mean);
    let scheduler = config.start(n_steps).unwrap();
    let (level, scale) = level_before(scheduler.as_ref(), config, 0);
    let last = scheduler.sigmas().and_then(|sigmas| sigmas.last().copied());
    let end_level = AlphaSigma::of_sigma(last.unwrap_or(0.0));
    let errors = noise.iter().zip(&ends).map(|(noise, end)| {
        let sample = noise * scheduler.init_noise_sigma() / scale;
        (end - exact_end(level, sample, end_level)).abs()
    });
    errors.fold(0.0, f64::max)
}

#[test]
fn deterministic_algorithms_follow_the_flow_of_a_gaussian() {
    let karras = |order: usize| json!({"use_karras_sigmas": true, "solver_order": order});
    for (class, more, bound) in [
        ("DDIMScheduler", json!({}), 4e-2),
        ("PNDMScheduler", json!({}), 1e-2),
        ("PNDMScheduler", json!({"skip_prk_steps": false}), 1e-2),
        ("EulerDiscreteScheduler", karras(1), 4e-2),
        ("DPMSolverMultistepScheduler", karras(1), 3e-2),
        ("DPMSolverMultistepScheduler", karras(2), 2e-3),
        ("DPMSolverMultistepScheduler", karras(3), 2e-3),
        ("UniPCMultistepScheduler", karras(2), 2e-3),
        ("UniPCMultistepScheduler", karras(3), 2e-3),
        ("HeunDiscreteScheduler", karras(1), 2e-2), // its last step is Euler's
        ("DEISMultistepScheduler", karras(1), 3e-2),
        ("DEISMultistepScheduler", karras(2), 2e-3),
        ("DEISMultistepScheduler", karras(3), 2e-3),
    ] {
        let config = config(class, more.clone());
        let (coarse, fine) = (
            error_on_gaussian(&config, 25),
            error_on_gaussian(&config, 100),
        );
        assert!(fine < bound, "{class} {more}: {fine}");
        // What remains at the end is the step from the smallest sigma to 0.
        assert!(
            fine < (0.5 * coarse).max(2e-3),
            "{class} {more}: {coarse} then {fine}"
        );
    }
}

#[test]
fn algorithms_with_fresh_noise_draw_from_the_gaussian() {
    let n = 4_000;
    let mut stream = 0;
    let mut draw = || {
        stream += 1;
        crate::noise::gaussian(9, stream, n)
    };
    for (class, more) in [
        ("EulerAncestralDiscreteScheduler", json!({})),
        ("DDPMScheduler", json!({})),
        (
            "DPMSolverMultistepScheduler",
            json!({"algorithm_type": "sde-dpmsolver++", "use_karras_sigmas": true}),
        ),
        (
            "DPMSolverMultistepScheduler",
            json!({"algorithm_type": "sde-dpmsolver", "final_sigmas_type": "sigma_min"}),
        ),
    ] {
        let config = config(class, more.clone());
        let noise = draw();
        let ends = run(&config, 250, &noise, &mut draw, &posterior_mean);
        let mean = ends.iter().sum::<f64>() / n as f64;
        let variance = ends.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n as f64;
        assert!((mean - MEAN).abs() < 0.05, "{class} {more}: mean {mean}");
        assert!(
            (variance.sqrt() - DEVIATION).abs() < 0.05,
            "{class} {more}: deviation {}",
            variance.sqrt()
        );
    }
}

#[test]
fn what_is_not_supported_is_named() {
    for (class, key, value) in [
        ("UniPCMultistepScheduler", "use_flow_sigmas", json!(true)),
        (
            "DPMSolverMultistepScheduler",
            "variance_type",
            json!("learned"),
        ),
        (
            "DPMSolverMultistepScheduler",
            "solver_type",
            json!("logarithmic"),
        ),
        (
            "DPMSolverMultistepScheduler",
            "algorithm_type",
            json!("dpmsolver"),
        ),
        (
            "EulerDiscreteScheduler",
            "interpolation_type",
            json!("cubic"),
        ),
        (
            "EulerDiscreteScheduler",
            "prediction_type",
            json!("flow_prediction"),
        ),
        ("DDPMScheduler", "variance_type", json!("learned_range")),
        (
            "LMSDiscreteScheduler",
            "_class_name",
            json!("LMSDiscreteScheduler"),
        ),
    ] {
        let values = json!({"_class_name": class, key: value});
        let file = ConfigFile {
            path: "scheduler_config.json".into(),
            values: values.as_object().unwrap().clone(),
        };
        let error = SchedulerConfig::read(&file, None).unwrap_err().to_string();
        assert!(
            error.contains(key) && error.contains(value.as_str().unwrap_or("true")),
            "{error}"
        );
    }
}

#[test]
fn a_scheduler_that_is_not_known_gives_way_to_the_one_that_is_asked_for() {
    let values = json!({
        "_class_name": "LMSDiscreteScheduler", "beta_start": 0.00085, "solver_type": "logrho",
        "algorithm_type": "deis", "variance_type": "fixed_small",
    });
    let file = ConfigFile {
        path: "scheduler_config.json".into(),
        values: values.as_object().unwrap().clone(),
    };
    let error = SchedulerConfig::read(&file, None).unwrap_err();
    assert!(error.to_string().contains("LMSDiscreteScheduler"));
    assert!(error.hint().unwrap().contains("`scheduler`"));
    for name in SCHEDULERS {
        let choice: Choice = name.parse().unwrap();
        let config = SchedulerConfig::read(&file, Some(choice)).unwrap();
        assert_eq!(config.kind, choice.kind);
        assert!(config.start(4).is_ok(), "{name}");
    }
}

/// Steps by hand: `timestep` 600 and 200 of the training schedule, with a prediction of the noise that is a constant.
#[test]
fn ddpm_steps_are_those_of_the_posterior() {
    let more = json!({"timestep_spacing": "leading", "steps_offset": 200});
    for (variance, is_large) in [("fixed_small", false), ("fixed_large", true)] {
        let mut more = more.clone();
        more["variance_type"] = json!(variance);
        let config = config("DDPMScheduler", more);
        let mut scheduler = config.start(2).unwrap();
        assert_eq!(scheduler.timesteps(), [700.0, 200.0]);
        let all = config.alphas_cumprod().unwrap();
        let (now, before) = (all[700], all[200]);
        let (x, noise, fresh) = (0.8, 0.3, -1.2);
        let tensor = |x: f64| Tensor::new(&[[x]], &Device::Cpu).unwrap();
        let step = scheduler.step(&tensor(noise), &tensor(x), 0, Some(&tensor(fresh)));
        let found = step
            .unwrap()
            .latents
            .flatten_all()
            .unwrap()
            .to_vec1::<f64>()
            .unwrap()[0];

        let beta = 1.0 - now / before;
        let clean = (x - (1.0 - now).sqrt() * noise) / now.sqrt();
        let mean = (before.sqrt() * beta * clean + (now / before).sqrt() * (1.0 - before) * x)
            / (1.0 - now);
        let variance = if is_large {
            beta
        } else {
            (1.0 - before) / (1.0 - now) * beta
        };
        let wanted = mean + variance.sqrt() * fresh;
        assert!(
            (found - wanted).abs() < 1e-9,
            "{variance}: {found} for {wanted}"
        );
    }
}

/// With the noise as the network's constant answer, every order of DEIS and Heun's mean give the same straight line.
#[test]
fn a_constant_slope_is_followed_exactly() {
    for (class, more) in [
        ("HeunDiscreteScheduler", json!({})),
        ("DEISMultistepScheduler", json!({"solver_order": 3})),
    ] {
        let config = config(class, more);
        let mut scheduler = config.start(6).unwrap();
        let n_calls = scheduler.timesteps().len();
        assert_eq!(n_calls, if class.starts_with("Heun") { 11 } else { 6 });
        let noise = Tensor::new(&[[0.7]], &Device::Cpu).unwrap();
        let sigmas = scheduler.sigmas().unwrap().to_vec();
        let is_scaled = config.kind == Kind::Deis;
        // `clean + sigma * noise`, with a clean part of 2.
        let at_level = |sigma: f64| match is_scaled {
            true => AlphaSigma::of_sigma(sigma).alpha * (2.0 + sigma * 0.7),
            false => 2.0 + sigma * 0.7,
        };
        let mut latents = Tensor::new(&[[at_level(sigmas[0])]], &Device::Cpu).unwrap();
        for call_idx in 0..n_calls {
            latents = scheduler
                .step(&noise, &latents, call_idx, None)
                .unwrap()
                .latents;
        }
        let found = latents.flatten_all().unwrap().to_vec1::<f64>().unwrap()[0];
        let wanted = at_level(sigmas[n_calls]);
        assert!(
            (found - wanted).abs() < 1e-9,
            "{class}: {found} for {wanted}"
        );
    }
}

#[test]
fn timesteps_stay_inside_of_the_schedule() {
    let leading = json!({"timestep_spacing": "leading", "steps_offset": 1});
    let config = config("DDIMScheduler", leading);
    assert!(config.start(1000).is_err());
    assert!(config.start(500).is_ok());
}
