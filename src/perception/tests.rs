use image::{Rgb, RgbImage};
use proptest::prelude::*;

use super::ms_ssim::ms_ssim;
use super::*;
use crate::config::{RenderConfig, Size};
use crate::diffusion::{ModelDefaults, ModelSource, Renderer, StableDiffusion};
use crate::mapping::{FrameInputs, NoiseMix};

/// A soft picture with a blob whose centre is at `x`, in pixels.
fn blob(x: f64, light: f64) -> RgbImage {
    RgbImage::from_fn(64, 64, |px, py| {
        let square = (f64::from(px) - x).powi(2) + (f64::from(py) - 30.0).powi(2);
        let value = light * (-square / 100.0).exp();
        Rgb([
            (40.0 + 160.0 * value) as u8,
            (90.0 + 100.0 * value) as u8,
            120,
        ])
    })
}

proptest! {
    #[test]
    fn it_is_a_metric(a in 10.0f64..50.0, b in 10.0f64..50.0, c in 10.0f64..50.0, light in 0.3f64..1.0) {
        let [a, b, c] = [blob(a, 1.0), blob(b, light), blob(c, 0.8)].map(|p| Percept::of(&p));
        let (ab, bc, ac) = (a.distance(&b), b.distance(&c), a.distance(&c));
        prop_assert!(a.distance(&a) <= 0.0 && ab >= 0.0);
        prop_assert!((ab - b.distance(&a)).abs() < 1e-12);
        prop_assert!(ac <= ab + bc + 1e-9);
    }
}

#[test]
fn small_moves_add_up() {
    let [a, b, c] = [20.0, 21.0, 22.0].map(|x| Percept::of(&blob(x, 1.0)));
    let (parts, whole) = (a.distance(&b) + b.distance(&c), a.distance(&c));
    assert!((0.9..1.05).contains(&(whole / parts)), "{whole} {parts}");
}

#[test]
fn a_smaller_copy_lies_as_far_apart() {
    let grown =
        |p: &RgbImage, n| image::imageops::resize(p, n, n, image::imageops::FilterType::Triangle);
    let (a, b) = (blob(20.0, 1.0), blob(27.0, 1.0));
    let at = |n| distance(&grown(&a, n), &grown(&b, n));
    let ratio = at(512) / at(256);
    assert!((0.97..1.03).contains(&ratio), "{ratio}");
}

/// Pictures of the bundled model: walks between two prompts and two noises, with steps from a hundredth of the way on.
fn walks() -> Vec<Vec<RgbImage>> {
    let model = ModelSource::open("bundled").unwrap();
    let defaults = ModelDefaults::of(&model).unwrap();
    let size = Size {
        width: 256,
        height: 256,
    };
    let config = RenderConfig {
        model: "bundled".to_owned(),
        weights_sha256: String::new(),
        size,
        draw_size: Size {
            width: defaults.native_side,
            height: defaults.native_side,
        },
        n_steps: 1,
        diffusion: Default::default(),
    };
    let device = candle_core::Device::Cpu;
    let mut renderer =
        StableDiffusion::load(&model, &config, &device, candle_core::DType::F32).unwrap();
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

/// The numbers that the module's documentation states.
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
