//! Every operation on this machine's GPU against the CPU's kernels, on small and odd shapes.
//!
//! `VISUALIZE_NEEDS_GPU=1 cargo test -p visualize-gpu --features wgpu` fails where no GPU is; without the variable, the tests say
//! that they are skipped, and pass. Mesa's lavapipe, a GPU in software, will do.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod arrays;
mod attention;
mod convolutions;
mod linear;
mod normalisations;
mod pictures;

use std::sync::OnceLock;

use gpu::{Adapter, Array, Element, Gpu, Shape};

/// The GPU to test on: the first, or the one numbered by `VISUALIZE_TEST_GPU`.
fn gpu() -> Option<&'static Gpu> {
    static GPU: OnceLock<Option<Gpu>> = OnceLock::new();
    let opened = GPU.get_or_init(|| {
        let idx = std::env::var("VISUALIZE_TEST_GPU").map_or(0, |idx| idx.parse().unwrap());
        match Adapter::numbered(idx) {
            Ok(adapter) => Some(Gpu::open(&adapter).unwrap()),
            Err(error) => {
                assert!(std::env::var_os("VISUALIZE_NEEDS_GPU").is_none(), "{error}");
                eprintln!("skipped: {error}");
                None
            }
        }
    });
    opened.as_ref()
}

/// The element types that the GPU has.
fn elements(gpu: &Gpu) -> Vec<Element> {
    match gpu.has_f16() {
        true => vec![Element::F32, Element::F16],
        false => vec![Element::F32],
    }
}

/// Numbers that look random, about normally distributed.
fn noise(seed: u64, len: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut uniform = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
    };
    (0..len)
        .map(|_| 1.4 * (0..6).map(|_| uniform()).sum::<f32>())
        .collect()
}

/// [`noise`] as an element type holds it, times `scale`.
fn stored_noise(element: Element, seed: u64, len: usize, scale: f32) -> Vec<f32> {
    let values = noise(seed, len).into_iter().map(|x| x * scale);
    match element {
        Element::F32 => values.collect(),
        Element::F16 => values.map(|x| half::f16::from_f32(x).to_f32()).collect(),
    }
}

/// How far results may lie from the CPU's, as a part of their norm.
fn bound(element: Element) -> f64 {
    match element {
        Element::F32 => 1e-5,
        Element::F16 => 2e-3,
    }
}

/// Fails unless `got` is as near to `expected` as it has to be; `what` names the case.
fn assert_near(element: Element, got: &[f32], expected: &[f32], what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let square = |x: f64| x * x;
    let norm: f64 = expected.iter().map(|x| square(f64::from(*x))).sum();
    let off: f64 = got
        .iter()
        .zip(expected)
        .map(|(a, b)| square(f64::from(*a) - f64::from(*b)))
        .sum();
    let error = (off / norm.max(1e-30)).sqrt();
    assert!(
        error <= bound(element),
        "{what}, {element:?}: relative error {error:.2e}"
    );
}

/// Pictures of noise on the GPU, and the same as planes for the CPU.
fn picture(gpu: &Gpu, element: Element, seed: u64, shape: Shape) -> (Array, Vec<f32>) {
    let len = shape.batch * shape.plane() * shape.channels;
    let planes = stored_noise(element, seed, len, 1.0);
    let array = Array::from_planes(gpu, element, shape, &planes).unwrap();
    (array, planes)
}

/// Tokens of noise on the GPU, and the same for the CPU.
fn tokens(gpu: &Gpu, element: Element, seed: u64, shape: Shape) -> (Array, Vec<f32>) {
    let values = stored_noise(
        element,
        seed,
        shape.batch * shape.plane() * shape.channels,
        1.0,
    );
    let array = Array::from_pixels(gpu, element, shape, &values).unwrap();
    (array, values)
}

/// Values of one image of a batch.
fn image(values: &[f32], batch: usize, idx: usize) -> &[f32] {
    let len = values.len() / batch;
    &values[idx * len..][..len]
}

/// Equal bits: NaN equals itself, zeros of different signs differ.
fn assert_same_bits(a: &[f32], b: &[f32], what: &str) {
    let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert!(bits(a) == bits(b), "{what}: other bits");
}
