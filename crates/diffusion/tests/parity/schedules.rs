//! Schedulers without a network, and interpolation.

use candle_core::Tensor;
use diffusion::interpolate;
use diffusion::schedulers::SchedulerConfig;
use serde_json::{Value, json};

use crate::kit::{Expected, Report, numbers, scheduler_file, to_f64};

pub fn compare(expected: &mut Expected, report: &mut Report) {
    let units = expected.meta["units"].as_object().expect("units").clone();
    let read = |unit: &Value| {
        SchedulerConfig::read(&scheduler_file(&unit["scheduler"], &unit["config"]), None).unwrap()
    };

    let first = units.values().next().expect("a unit");
    let table = read(first).alphas_cumprod().unwrap();
    report.compare(expected, "alphas_cumprod", &numbers(&table));

    let noise = expected.get("unit/init_noise");
    let step_noise = expected.get("unit/step_noise");
    for (name, unit) in &units {
        let n_steps: usize = name
            .rsplit('/')
            .next()
            .and_then(|n| n.parse().ok())
            .expect("steps");
        let mut scheduler = read(unit).start(n_steps).unwrap();
        let key = format!("{name}/latents");
        let sigma = expected.describe[&key]["init_noise_sigma"]
            .as_f64()
            .expect("init_noise_sigma");
        let error = (scheduler.init_noise_sigma() / sigma - 1.0).abs();
        report.add(
            "schedulers",
            &format!("{name}/init_noise_sigma"),
            error,
            1e-4,
        );

        let timesteps = scheduler.timesteps().to_vec();
        let mut latents = (&noise * scheduler.init_noise_sigma()).unwrap();
        let mut states = vec![latents.clone()];
        for (idx, timestep) in timesteps.iter().enumerate() {
            let x = scheduler.scale_model_input(&latents, idx).unwrap();
            let prediction = network(&x, *timestep).unwrap();
            let fresh = step_noise.get(idx).unwrap();
            latents = scheduler
                .step(&prediction, &latents, idx, Some(&fresh))
                .unwrap()
                .latents;
            states.push(latents.clone());
        }
        let n = timesteps.len();
        let kept: Vec<&Tensor> = [1, 2, 3, n - 1, n]
            .iter()
            .map(|idx| &states[*idx])
            .collect();
        report.compare(expected, &key, &Tensor::stack(&kept, 0).unwrap());
    }

    // table/NAME/SPACING/STEPS/timesteps, and sigmas where the algorithm has them
    for case in expected.cases("table/", "/timesteps") {
        let parts: Vec<&str> = case.split('/').collect();
        let [name, spacing, n_steps] = parts[..] else {
            panic!("unknown table {case}")
        };
        let prefix = format!("unit/{name}/");
        let (_, unit) = units
            .iter()
            .find(|(key, _)| key.starts_with(&prefix))
            .expect("a unit of the table");
        let mut unit = unit.clone();
        unit["config"]["timestep_spacing"] = json!(spacing);
        let scheduler = read(&unit).start(n_steps.parse().unwrap()).unwrap();
        report.compare(
            expected,
            &format!("table/{case}/timesteps"),
            &numbers(scheduler.timesteps()),
        );
        let key = format!("table/{case}/sigmas");
        if expected.has(&key) {
            report.compare(
                expected,
                &key,
                &numbers(scheduler.sigmas().expect("sigmas")),
            );
            if let Some(sigma) = expected.describe[&key]["init_noise_sigma"].as_f64() {
                let error = (scheduler.init_noise_sigma() / sigma - 1.0).abs();
                report.add(
                    "schedulers",
                    &format!("table/{case}/init_noise_sigma"),
                    error,
                    1e-4,
                );
            }
        }
    }
}

/// The kit's stand-in for a network: `tanh(0.7 x) (0.5 + t / 2000) + 0.1 sin(3 x)`.
fn network(x: &Tensor, timestep: f64) -> candle_core::Result<Tensor> {
    let first = ((x * 0.7)?.tanh()? * (0.5 + timestep / 2000.0))?;
    first + ((x * 3.0)?.sin()? * 0.1)?
}

pub fn compare_slerp(expected: &mut Expected, report: &mut Report) {
    let ts = to_f64(&expected.get("t"));
    for case in expected.cases("", "/slerp") {
        let (a, b) = (
            expected.get(&format!("{case}/a")),
            expected.get(&format!("{case}/b")),
        );
        let ways: Vec<Tensor> = ts
            .iter()
            .map(|t| interpolate::slerp(&a, &b, *t).unwrap())
            .collect();
        report.compare(
            expected,
            &format!("{case}/slerp"),
            &Tensor::stack(&ways, 0).unwrap(),
        );
    }
}
