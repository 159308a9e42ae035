//! Pictures that were looked at and found good: what the bundled model draws and what the plots show today must look the
//! same.
//!
//! A failure leaves `NAME.got.png` and `NAME.diff.png` (golden, drawn, and eightfold difference side by side) in
//! `target/tmp/golden`, and names them. After a change that is meant, look at them, then keep the new pictures with
//! `VISUALIZE_GOLDEN=accept cargo test --test golden`.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod compare;

use std::path::Path;
use std::process::Command;

use candle_core::{DType, Device};
use compare::{Tolerance, check, check_drawing};
use image::RgbImage;
use visualize::diffusion::{ModelSource, Renderer, StableDiffusion};
use visualize::timeline::{FrameInputs, NoiseMix, RenderConfig, Size, View};

/// What fast kernels may change from machine to machine.
const FRAMES: Tolerance = Tolerance {
    levels: 1,
    share: 1e-3,
};
/// Edges of lines and letters, where a number differs in its last digits.
const PLOTS: Tolerance = Tolerance {
    levels: 32,
    share: 5e-3,
};

fn draw(n_steps: u32, frame: FrameInputs) -> RgbImage {
    let config = RenderConfig {
        draw_size: Size::square(512),
        n_steps,
        ..RenderConfig::bundled(Size::square(256))
    };
    let model = ModelSource::open("bundled").unwrap();
    StableDiffusion::load(&model, &config, &Device::Cpu, DType::F32)
        .unwrap()
        .render(&[frame])
        .unwrap()
        .remove(0)
}

fn frame(from: &str, to: &str, prompt_mix: f64, terms: &[(u64, f64)]) -> FrameInputs {
    FrameInputs {
        prompt_to: to.into(),
        prompt_mix,
        noise: NoiseMix {
            terms: terms.to_vec(),
        },
        ..FrameInputs::still(from.into(), 0)
    }
}

#[test]
fn a_sunset_in_one_step() {
    let prompt = "sunset over the ocean, warm";
    check_drawing(
        "sunset",
        &draw(1, frame(prompt, prompt, 0.0, &[(7, 1.0)])),
        FRAMES,
    );
}

#[test]
fn halfway_from_flames_to_an_aurora_in_four_steps() {
    let (flames, aurora) = (
        "burning orange flames",
        "green aurora borealis over mountains",
    );
    check_drawing(
        "halfway",
        &draw(4, frame(flames, aurora, 0.5, &[(1, 0.6), (2, 0.8)])),
        FRAMES,
    );
}

#[test]
fn a_forest_under_a_moving_camera() {
    let prompt = "emerald forest, glowing";
    let camera = View {
        zoom: 1.4,
        rotation: 0.3,
        ..View::default()
    };
    let frame = FrameInputs {
        camera,
        ..frame(prompt, prompt, 0.0, &[(3, 1.0)])
    };
    check_drawing("camera", &draw(1, frame), FRAMES);
}

/// The picture that a command of the program writes with `--plot`, half as large.
fn plot(command: &[&str]) -> RgbImage {
    let folder = tempfile::tempdir().unwrap();
    let song = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/song.flac");
    let done = Command::new(env!("CARGO_BIN_EXE_visualize"))
        .current_dir(folder.path())
        .arg(command[0])
        .arg(song)
        .args(&command[1..])
        .args(["--plot", "plot.png"])
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{stderr}");
    let plot = image::open(folder.path().join("plot.png"))
        .unwrap()
        .to_rgb8();
    image::imageops::thumbnail(&plot, plot.width() / 2, plot.height() / 2)
}

#[test]
fn what_it_hears_in_the_sample() {
    check("heard", &plot(&["analyze"]), PLOTS);
}

#[test]
fn the_plan_of_the_sample() {
    check("plan", &plot(&["plan", "-o", "plan.json"]), PLOTS);
}
