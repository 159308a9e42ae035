//! The true configurations of public model families. Their weights aren't here, but their sizes are known: a network that
//! is built from a configuration must have exactly as many parameters as diffusers' own.
//!
//! `cargo run --release --example random_model -- crates/diffusion/tests/families/NAME.json FOLDER` writes such a model with random weights;
//! `VISUALIZE_FAMILIES=FOLDER cargo test --release -p visualize-diffusion --test families -- --ignored` writes and draws with all of them.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};
use std::process::Command;

use diffusion::model::ConfigFile;
use diffusion::schedulers::SchedulerConfig;
use diffusion::{Family, Part, required_tensors};
use serde_json::Value;

const PARTS: [(Part, &str); 4] = [
    (Part::UNet, "unet"),
    (Part::Vae, "vae"),
    (Part::TextEncoder, "text_encoder"),
    (Part::TextEncoder2, "text_encoder_2"),
];

/// Name and description of each family.
fn families() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/families");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert_eq!(paths.len(), 10);
    let read = |path: &PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(path).unwrap();
        (name, serde_json::from_str(&text).unwrap())
    };
    paths.iter().map(read).collect()
}

fn config(family: &Value, part: &str) -> Option<ConfigFile> {
    Some(ConfigFile {
        path: part.into(),
        values: family[part].as_object()?.clone(),
    })
}

#[test]
fn networks_have_the_public_number_of_parameters() {
    for (name, family) in families() {
        for (part, key) in PARTS {
            let Some(config) = config(&family, key) else {
                continue;
            };
            let tensors = required_tensors(part, &config).unwrap();
            let n: usize = tensors
                .values()
                .map(|shape| shape.iter().product::<usize>())
                .sum();
            assert_eq!(
                Some(n as u64),
                family["parameters"][key].as_u64(),
                "{name}: {key}"
            );
        }
    }
}

#[test]
fn pipelines_and_schedulers_are_known() {
    for (name, family) in families() {
        Family::of(&config(&family, "model_index").unwrap()).unwrap();
        let scheduler =
            SchedulerConfig::read(&config(&family, "scheduler").unwrap(), None).unwrap();
        for n_steps in [1, 4, 25] {
            assert!(scheduler.start(n_steps).is_ok(), "{name}: {n_steps} steps");
        }
    }
}

/// Each family draws one small frame through the example programs, so that its memory is given back.
#[test]
#[ignore = "needs weights: writes up to 7 GB, one family after the other, and up to 14 GB of memory"]
fn every_family_draws_a_frame() {
    let out = PathBuf::from(std::env::var_os("VISUALIZE_FAMILIES").unwrap());
    let run = |example: &str, args: &[&str]| {
        let mut cargo = Command::new(env!("CARGO"));
        let done = cargo
            .args([
                "run",
                "--release",
                "--quiet",
                "-p",
                "visualize",
                "--example",
                example,
                "--",
            ])
            .args(args)
            .status();
        assert!(done.unwrap().success(), "{example} {args:?}");
    };
    for (name, _) in families() {
        let json = format!("{}/tests/families/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let model = out.join(&name);
        let picture = out.join(format!("{name}.png"));
        run("random_model", &[&json, &model.to_string_lossy()]);
        run(
            "draw",
            &[
                &model.to_string_lossy(),
                "a red fox",
                &picture.to_string_lossy(),
                "1",
                "256x256",
            ],
        );
        std::fs::remove_dir_all(model).unwrap();
        assert_eq!(image::image_dimensions(picture).unwrap(), (256, 256));
    }
}
