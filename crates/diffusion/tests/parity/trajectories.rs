//! Whole runs: noise to latents to picture, and walks between two prompts or noises in batches.

use std::path::Path;

use candle_core::{Device, Tensor};
use diffusion::interpolate::{lerp, slerp, slerp_last_axis};
use diffusion::sampler::{Guidance, sample};
use diffusion::schedulers::SchedulerConfig;
use diffusion::unet::{Conditioning, guidance_embedding};
use serde_json::Value;

use crate::kit::{Expected, Report, numbers, relative_error, scheduler_file, to_f64};
use crate::networks::{Pipeline, Vae};

/// A run of the kit: which scheduler, how many steps, how much guidance.
struct Run<'a> {
    pipeline: &'a Pipeline,
    scheduler: SchedulerConfig,
    n_steps: usize,
    guidance_scale: f64,
    negative: Option<(Tensor, Option<Tensor>)>,
    time_ids: Vec<f64>,
}

impl<'a> Run<'a> {
    fn new(
        pipeline: &'a Pipeline,
        expected: &mut Expected,
        trajectory: &Value,
        n_steps: &Value,
        scale: &Value,
    ) -> Self {
        let text = trajectory["negative"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let (context, pooled) = embeddings(expected);
        let negative = if text.starts_with("none") {
            None
        } else if text.starts_with("zeros") {
            let zeros = |all: &Tensor| all.narrow(0, 0, 1).unwrap().zeros_like().unwrap();
            Some((zeros(&context), pooled.as_ref().map(zeros)))
        } else {
            let digits: String = text.chars().filter(char::is_ascii_digit).collect();
            let idx = digits.parse().expect("the negative prompt's index");
            let row = |all: &Tensor| all.narrow(0, idx, 1).unwrap();
            Some((row(&context), pooled.as_ref().map(row)))
        };
        Self {
            pipeline,
            scheduler: SchedulerConfig::read(
                &scheduler_file(&trajectory["scheduler"], &trajectory["config"]),
                None,
            )
            .unwrap_or_else(|error| panic!("{error}")),
            n_steps: n_steps.as_u64().expect("steps") as usize,
            guidance_scale: scale.as_f64().expect("guidance_scale"),
            negative,
            time_ids: time_ids(expected),
        }
    }

    /// Latents of a batch: `noise` `[b, c, h, w]`, `context` `[b, tokens, d]`.
    fn latents(
        &self,
        noise: &Tensor,
        context: &Tensor,
        pooled: Option<&Tensor>,
        step_noise: Option<&Tensor>,
        observe: &mut dyn FnMut(diffusion::sampler::Call<'_>),
    ) -> Tensor {
        let n = noise.dim(0).unwrap();
        let width = self.pipeline.unet.config.time_cond_proj_dim;
        let cond = Conditioning {
            context: context.clone(),
            pooled: pooled.cloned(),
            time_ids: self.time_ids.repeat(n),
            guidance: width.map(|width| {
                guidance_embedding(&vec![self.guidance_scale; n], width, &Device::Cpu).unwrap()
            }),
        };
        let guided = self.guidance_scale > 1.0 && width.is_none();
        let uncond = self
            .negative
            .as_ref()
            .filter(|_| guided)
            .map(|(context, pooled)| {
                let repeat = |row: &Tensor| Tensor::cat(&vec![row; n], 0).unwrap();
                let uncond = Conditioning {
                    context: repeat(context),
                    pooled: pooled.as_ref().map(repeat),
                    time_ids: self.time_ids.repeat(n),
                    guidance: None,
                };
                (uncond, vec![self.guidance_scale; n])
            });
        let mut scheduler = self.scheduler.start(self.n_steps).unwrap();
        let mut fresh = |idx: usize| {
            let one = step_noise.expect("step noise").get(idx).unwrap();
            Ok(Tensor::cat(&vec![&one; n], 0).unwrap())
        };
        let guidance = Guidance { cond, uncond };
        sample(
            &self.pipeline.unet,
            scheduler.as_mut(),
            noise,
            &guidance,
            &mut fresh,
            observe,
        )
        .unwrap_or_else(|error| panic!("{error}"))
    }
}

/// Embeddings of all prompts as the UNet sees them, and the pooled ones.
fn embeddings(expected: &mut Expected) -> (Tensor, Option<Tensor>) {
    let context = expected.meta["context"]
        .as_str()
        .expect("context")
        .to_owned();
    let has_time_ids = expected.meta["micro_conditioning"].is_object();
    let pooled = has_time_ids.then(|| expected.get("text_2/pooled"));
    (expected.get(&context), pooled)
}

fn time_ids(expected: &Expected) -> Vec<f64> {
    let micro = &expected.meta["micro_conditioning"];
    ["original_size", "crops_coords_top_left", "target_size"]
        .iter()
        .flat_map(|key| micro[*key].as_array().cloned().unwrap_or_default())
        .map(|value| value.as_f64().expect("a size"))
        .collect()
}

pub fn compare(pipeline: &Pipeline, expected: &mut Expected, report: &mut Report) {
    let trajectories = expected.meta["trajectories"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    let noise = expected.get("traj/init_noise");
    for (name, trajectory) in &trajectories {
        compare_trajectory(pipeline, expected, report, &noise, name, trajectory);
    }
    if expected.meta["walk"].is_object() {
        let sampler = expected.meta["walk"]["sampler"]
            .as_str()
            .expect("a sampler")
            .to_owned();
        compare_walk(pipeline, expected, report, &noise, &trajectories[&sampler]);
    }
}

fn compare_trajectory(
    pipeline: &Pipeline,
    expected: &mut Expected,
    report: &mut Report,
    noise: &Tensor,
    name: &str,
    trajectory: &Value,
) {
    let key = |field: &str| format!("traj/{name}/{field}");
    let run = Run::new(
        pipeline,
        expected,
        trajectory,
        &trajectory["steps"],
        &trajectory["guidance_scale"],
    );
    let (context, pooled) = embeddings(expected);
    let idx = trajectory["prompt_index"].as_u64().expect("prompt_index") as usize;
    let row = |all: &Tensor| all.narrow(0, idx, 1).unwrap();
    let step_noise = expected.try_get(&key("step_noise"));

    let scheduler = run.scheduler.start(run.n_steps).unwrap();
    report.compare(expected, &key("timesteps"), &numbers(scheduler.timesteps()));
    if expected.has(&key("sigmas")) {
        report.compare(
            expected,
            &key("sigmas"),
            &numbers(scheduler.sigmas().expect("sigmas")),
        );
    }
    let sigma = trajectory["init_noise_sigma"]
        .as_f64()
        .expect("init_noise_sigma");
    report.add(
        &expected.family.clone(),
        &key("init_noise_sigma"),
        (scheduler.init_noise_sigma() / sigma - 1.0).abs(),
        1e-4,
    );

    let mut states = vec![(noise * scheduler.init_noise_sigma()).unwrap()];
    let (mut predictions, mut denoised) = (Vec::new(), Vec::new());
    let latents = run.latents(
        noise,
        &row(&context),
        pooled.as_ref().map(row).as_ref(),
        step_noise.as_ref(),
        &mut |call| {
            predictions.push(call.prediction.clone());
            states.push(call.step.latents.clone());
            denoised.extend(call.step.denoised.clone());
        },
    );
    report.compare(
        expected,
        &key("latents"),
        &Tensor::stack(&states, 0).unwrap(),
    );
    report.compare(
        expected,
        &key("preds"),
        &Tensor::stack(&predictions, 0).unwrap(),
    );
    if expected.has(&key("x0")) {
        report.compare(expected, &key("x0"), &Tensor::stack(&denoised, 0).unwrap());
    }
    report.compare(
        expected,
        &key("image"),
        &pipeline.vae.decoder.decode(&latents).unwrap(),
    );
}

fn compare_walk(
    pipeline: &Pipeline,
    expected: &mut Expected,
    report: &mut Report,
    noise: &Tensor,
    trajectory: &Value,
) {
    let walk = expected.meta["walk"].clone();
    let run = Run::new(
        pipeline,
        expected,
        trajectory,
        &walk["steps"],
        &walk["guidance_scale"],
    );
    let ts = to_f64(&expected.get("walk/t"));
    let stack = |way: &dyn Fn(f64) -> candle_core::Result<Tensor>| {
        let ways: Vec<Tensor> = ts.iter().map(|t| way(*t).unwrap()).collect();
        Tensor::stack(&ways, 0).unwrap()
    };
    let noise_b = expected.get("walk/noise_b");
    let (a, b) = (expected.get("walk/embed_a"), expected.get("walk/embed_b"));
    let noises = stack(&|t| slerp(noise, &noise_b, t));
    report.compare(expected, "walk/noise_slerp", &noises);
    let straight = stack(&|t| lerp(&a, &b, t));
    report.compare(expected, "walk/embed_lerp", &straight);
    let round = stack(&|t| slerp(&a, &b, t));
    report.compare(expected, "walk/embed_slerp", &round);
    report.compare(
        expected,
        "walk/embed_slerp_token",
        &stack(&|t| slerp_last_axis(&a, &b, t)),
    );
    let mut pooled: [Option<Tensor>; 3] = [None, None, None]; // of the noise walk, straight, round
    if expected.has("walk/pooled_a") {
        let (a, b) = (expected.get("walk/pooled_a"), expected.get("walk/pooled_b"));
        let (straight, round) = (stack(&|t| lerp(&a, &b, t)), stack(&|t| slerp(&a, &b, t)));
        report.compare(expected, "walk/pooled_lerp", &straight);
        report.compare(expected, "walk/pooled_slerp", &round);
        pooled = [Some(stack(&|_| Ok(a.clone()))), Some(straight), Some(round)];
    }

    let step_noise = expected.try_get("walk/step_noise");
    let noises = noises.squeeze(1).unwrap(); // [t, c, h, w]
    let still = Tensor::cat(&vec![noise; ts.len()], 0).unwrap();
    let first = stack(&|_| Ok(a.clone()));
    let [pooled_a, pooled_straight, pooled_round] = pooled;
    for (name, noises, contexts, pooled) in [
        ("noise", &noises, &first, pooled_a),
        ("embed_lerp", &still, &straight, pooled_straight),
        ("embed_slerp", &still, &round, pooled_round),
    ] {
        let mut one_by_one: Option<Tensor> = None;
        for batch in [1, 3, 8] {
            let mut parts = Vec::new();
            for begin in (0..ts.len()).step_by(batch) {
                let n = batch.min(ts.len() - begin);
                let part = |all: &Tensor| all.narrow(0, begin, n).unwrap();
                let pooled = pooled.as_ref().map(part);
                parts.push(run.latents(
                    &part(noises),
                    &part(contexts),
                    pooled.as_ref(),
                    step_noise.as_ref(),
                    &mut |_| {},
                ));
            }
            let latents = Tensor::cat(&parts, 0).unwrap();
            report.compare(expected, &format!("walk/{name}_latents"), &latents);
            report.compare(
                expected,
                &format!("walk/{name}_images"),
                &pipeline.vae.decoder.decode(&latents).unwrap(),
            );
            match &one_by_one {
                None => one_by_one = Some(latents),
                Some(single) => {
                    let error = relative_error(single, &latents);
                    report.add(
                        &expected.family.clone(),
                        &format!("batch/{batch}/{name}"),
                        error,
                        1e-5,
                    );
                }
            }
        }
    }
}

/// Pictures that another autoencoder makes of the latents of a family's runs: `taesd/FAMILY_RUN/image`.
pub fn compare_redecoded(vae: &Vae, expected: &mut Expected, kit: &Path, report: &mut Report) {
    for case in expected.cases("taesd/", "/image") {
        let path = |family: &str| kit.join(format!("expected/{family}.safetensors"));
        let mut splits = case
            .match_indices('_')
            .map(|(at, _)| (&case[..at], &case[at + 1..]));
        let Some((family, run)) = splits.find(|(family, _)| path(family).is_file()) else {
            continue;
        };
        let mut other = Expected::load(&path(family), family);
        let latents = other.get(&format!("traj/{run}/latents"));
        let last = latents.get(latents.dim(0).unwrap() - 1).unwrap();
        report.compare(
            expected,
            &format!("taesd/{case}/image"),
            &vae.decoder.decode(&last).unwrap(),
        );
    }
}
