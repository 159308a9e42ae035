//! Compares this program's diffusion with numbers that diffusers computed.
//!
//! `VISUALIZE_PARITY_KIT=DIR cargo test --release --test parity -- --nocapture` runs a whole kit; without the variable, the
//! small one in `tests/parity/kit` is run. A kit holds `manifest.json`, model folders, and for each family a file of tensors
//! with a JSON description beside it; everything that is run (prompts, sizes, steps, schedulers, seeds) is taken from there.
//! One line is printed for each group of tensors: family, group, worst relative L2 error.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod extra;
mod frames;
mod kernels;
mod kit;
mod networks;
mod on_gpu;
mod schedules;
#[path = "../gpu/mod.rs"]
mod test_gpu;
mod trajectories;

use std::path::PathBuf;

use kit::{Expected, Report, json_file};

/// The kit that lies beside this file.
fn small_kit() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/parity/kit")
}

#[test]
fn equals_diffusers() {
    let kit = match std::env::var_os("VISUALIZE_PARITY_KIT") {
        Some(folder) => PathBuf::from(folder),
        None => small_kit(),
    };
    let manifest = json_file(&kit.join("manifest.json"));
    let mut report = Report::default();

    let families = manifest["families"]
        .as_object()
        .expect("manifest.json names families");
    for (family, files) in families {
        let text = |key: &str| files[key].as_str().expect("a path");
        let model = kit.join(text("model"));
        let mut expected = Expected::load(&kit.join(text("expected")), family);
        if model.join("model_index.json").is_file() {
            let pipeline = networks::Pipeline::load(&model, &|weights| weights);
            networks::compare_text(&pipeline, &mut expected, &mut report);
            networks::compare_unet(&pipeline, &mut expected, &mut report);
            networks::compare_rounding(&model, &mut expected, &mut report);
            networks::compare_vae(&pipeline.vae, &mut expected, &mut report);
            trajectories::compare(&pipeline, &mut expected, &mut report);
        } else {
            let vae = networks::Vae::load_bare(&model, &|weights| weights);
            networks::compare_vae(&vae, &mut expected, &mut report);
            trajectories::compare_redecoded(&vae, &mut expected, &kit, &mut report);
        }
        expected.check_all_used(&mut report);
    }
    for file in manifest["unit"].as_array().into_iter().flatten() {
        let path = kit.join(file.as_str().expect("a path"));
        let name = path
            .file_stem()
            .expect("a file name")
            .to_string_lossy()
            .into_owned();
        let mut expected = Expected::load(&path, &name);
        if expected.meta["units"].is_object() {
            schedules::compare(&mut expected, &mut report);
        } else {
            schedules::compare_slerp(&mut expected, &mut report);
        }
        expected.check_all_used(&mut report);
    }
    if kit.join("extra").is_dir() {
        extra::compare(&kit, &mut report);
    }
    report.finish();
}
