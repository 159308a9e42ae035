//! The distance of pictures against MS-SSIM, on pictures of the bundled model.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod ms_ssim;

use candle_core::{DType, Device};
use diffusion::{ModelDefaults, ModelSource, Renderer, StableDiffusion};
use image::RgbImage;
use ms_ssim::ms_ssim;
use picture::perception::Percept;
use timeline::{FrameInputs, NoiseMix, RenderConfig, Size};

/// Pictures of the bundled model: walks between two prompts and two noises, with steps from a hundredth of the way on.
fn walks() -> Vec<Vec<RgbImage>> {
    let model = ModelSource::open("bundled").unwrap();
    let defaults = ModelDefaults::of(&model).unwrap();
    let config = RenderConfig {
        draw_size: Size::square(defaults.native_side),
        ..RenderConfig::bundled(Size::square(256))
    };
    let device = Device::Cpu;
    let mut renderer = StableDiffusion::load(&model, &config, &device, DType::F32).unwrap();
    let walk = |(from, to, seed): &(&str, &str, u64)| {
        let shares = [0.0, 0.01, 0.03, 0.06, 0.12, 0.2, 0.35, 0.5, 0.7, 1.0];
        let frames = shares.map(|share: f64| FrameInputs {
            prompt_to: (*to).into(),
            prompt_mix: share,
            noise: NoiseMix {
                terms: vec![(*seed, share.cos()), (seed + 1, share.sin())],
            },
            guidance_scale: defaults.guidance_scale,
            ..FrameInputs::still((*from).into(), *seed)
        });
        renderer.render(&frames).unwrap()
    };
    [
        (
            "soft pastel clouds in the sky",
            "soft pastel clouds in the sky",
            1,
        ),
        ("violet nebula in deep space", "burning orange flames", 5),
        ("a neon city in the rain", "green aurora over mountains", 9),
        ("a black and white mandala", "teal ocean waves", 13),
        ("dark forest, oil painting", "dark forest, oil painting", 17),
    ]
    .iter()
    .map(walk)
    .collect()
}

/// Ranks from 0; equal values in any order.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    for (rank, idx) in order.into_iter().enumerate() {
        ranks[idx] = rank as f64;
    }
    ranks
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        ab += (a - mean_a) * (b - mean_b);
        aa += (a - mean_a).powi(2);
        bb += (b - mean_b).powi(2);
    }
    ab / (aa * bb).sqrt()
}

/// Mean absolute difference of the bytes.
fn mean_absolute(a: &RgbImage, b: &RgbImage) -> f64 {
    let differences = a.as_raw().iter().zip(b.as_raw());
    let sum: f64 = differences.map(|(a, b)| f64::from(a.abs_diff(*b))).sum();
    sum / a.as_raw().len() as f64
}

/// The numbers that `picture::perception`'s documentation states.
#[test]
fn it_ranks_pairs_as_ms_ssim_does() {
    let (mut ours, mut theirs, mut plain) = (Vec::new(), Vec::new(), Vec::new());
    for walk in walks() {
        let percepts: Vec<Percept> = walk.iter().map(Percept::of).collect();
        for second in 1..walk.len() {
            for first in 0..second {
                ours.push(percepts[first].distance(&percepts[second]));
                // 1 - SSIM grows with the square of a small change, its root as a distance does.
                theirs.push((1.0 - ms_ssim(&walk[first], &walk[second])).sqrt());
                plain.push(mean_absolute(&walk[first], &walk[second]));
            }
        }
    }
    let [ours, theirs, plain] = [ours, theirs, plain].map(|values| ranks(&values));
    assert!(ours.len() >= 200);
    let (to_theirs, to_plain) = (correlation(&ours, &theirs), correlation(&ours, &plain));
    assert!(to_theirs > 0.9 && to_plain > 0.98, "{to_theirs} {to_plain}");
    let plain_to_theirs = correlation(&plain, &theirs);
    assert!(to_theirs > plain_to_theirs, "{to_theirs} {plain_to_theirs}");
    println!("{to_theirs} {to_plain} {plain_to_theirs}");
}
