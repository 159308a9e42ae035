//! Networks and whole pictures on a GPU, small enough for one in software.

use candle_core::{Device, Tensor};
use diffusion::{ModelSource, Renderer, StableDiffusion};
use timeline::{DiffusionConfig, FrameInputs, Kernels, RenderConfig, Size};

use crate::kit::{Expected, Report, json_file};
use crate::networks::{self, Pipeline, Vae};
use crate::small_kit;
use crate::test_gpu::{gpu, open};

#[test]
fn networks_on_a_gpu_equal_diffusers() {
    let Some(gpu) = gpu() else { return };
    let kit = small_kit();
    let manifest = json_file(&kit.join("manifest.json"));
    let mut report = Report::default();
    for (family, files) in manifest["families"].as_object().unwrap() {
        let model = kit.join(files["model"].as_str().unwrap());
        let mut expected = Expected::load(&kit.join(files["expected"].as_str().unwrap()), family);
        if model.join("model_index.json").is_file() {
            let pipeline = Pipeline::load(&model, &|weights| weights.with_gpu(gpu));
            networks::compare_unet(&pipeline, &mut expected, &mut report);
            networks::compare_vae(&pipeline.vae, &mut expected, &mut report);
        } else {
            let vae = Vae::load_bare(&model, &|weights| weights.with_gpu(gpu));
            networks::compare_vae(&vae, &mut expected, &mut report);
        }
    }
    report.finish();
}

#[test]
fn bits_on_a_gpu_depend_on_no_neighbour() {
    let Some(gpu) = gpu() else { return };
    let kit = small_kit();
    let bits = |x: &Tensor| -> Vec<u32> {
        let values: Vec<f32> = x.flatten_all().unwrap().to_vec1().unwrap();
        values.into_iter().map(f32::to_bits).collect()
    };
    let pipeline = Pipeline::load(&kit.join("models/xl"), &|weights| weights.with_gpu(gpu));
    let mut expected = Expected::load(&kit.join("expected/xl.safetensors"), "xl");
    let (latents, times, all) = networks::unet_inputs(&mut expected, "unet/square", "unet/context");
    let n = latents.dim(0).unwrap();
    assert!(n > 1, "the kit's case is no batch");
    let together = pipeline.unet.forward(&latents, &times, &all).unwrap();
    let again = pipeline.unet.forward(&latents, &times, &all).unwrap();
    assert!(bits(&together) == bits(&again), "another run");
    for (idx, time) in times.iter().enumerate() {
        let one = |x: &Tensor| x.narrow(0, idx, 1).unwrap().contiguous().unwrap();
        let n_ids = all.time_ids.len() / n;
        let conditioning = diffusion::unet::Conditioning {
            context: one(&all.context),
            pooled: all.pooled.as_ref().map(one),
            time_ids: all.time_ids[idx * n_ids..][..n_ids].to_vec(),
            guidance: all.guidance.as_ref().map(one),
        };
        let alone = pipeline
            .unet
            .forward(&one(&latents), &[*time], &conditioning);
        assert!(bits(&alone.unwrap()) == bits(&one(&together)), "alone");
    }
}

/// The bundled model at 64x64 in one step, computed exactly.
fn bundled(device: impl Into<diffusion::Device>, dtype: candle_core::DType) -> StableDiffusion {
    let config = RenderConfig {
        diffusion: DiffusionConfig {
            kernels: Kernels::Exact,
            ..DiffusionConfig::default()
        },
        ..RenderConfig::bundled(Size::square(64))
    };
    let model = ModelSource::open("bundled").unwrap();
    StableDiffusion::load(&model, &config, device, dtype).unwrap()
}

fn frames() -> Vec<FrameInputs> {
    let words = ["burning flames", "a starry night sky"];
    let frame = |(seed, words): (usize, &&str)| FrameInputs::still((*words).into(), seed as u64);
    words.iter().enumerate().map(frame).collect()
}

#[test]
fn pictures_of_a_gpu_look_like_the_cpus() {
    let Some(gpu) = gpu() else { return };
    let on_cpu = bundled(&Device::Cpu, candle_core::DType::F32).render(&frames());
    let on_cpu = on_cpu.unwrap();
    let mut types = vec![(candle_core::DType::F32, 0.001)];
    if gpu.has_f16() {
        types.push((candle_core::DType::F16, 0.01));
    }
    for (dtype, max_share_off) in types {
        let mut renderer = bundled(diffusion::Device::Gpu(gpu.clone()), dtype);
        let together = renderer.render(&frames()).unwrap();
        let pairs = on_cpu.iter().zip(&together);
        let values: Vec<u8> = pairs
            .flat_map(|(a, b)| a.as_raw().iter().zip(b.as_raw()))
            .map(|(a, b)| a.abs_diff(*b))
            .collect();
        let n_off = values.iter().filter(|off| **off > 1).count();
        let share_off = n_off as f64 / values.len() as f64;
        let worst = values.iter().max().unwrap();
        println!("{dtype:?}: {share_off:.5} off by more than 1 of 255, at most {worst}");
        assert!(share_off <= max_share_off, "{dtype:?}: {share_off}");
        let alone = renderer.render(&frames()[1..]).unwrap();
        assert!(alone[0] == together[1], "{dtype:?}: depends on its batch");
    }
}

#[test]
fn a_lost_gpu_is_an_error_that_can_be_got_over() {
    let Some(gpu) = open() else { return };
    let on = |gpu: &gpu::Gpu| bundled(diffusion::Device::Gpu(gpu.clone()), candle_core::DType::F32);
    let mut renderer = on(&gpu);
    gpu.lose();
    let error = renderer.render(&frames()[..1]).unwrap_err();
    assert!(matches!(error, common::Error::Later { .. }), "{error}");
    assert!(error.hint().unwrap().contains("same command"), "{error}");
    let gpu = open().unwrap();
    assert!(on(&gpu).render(&frames()[..1]).is_ok());
}

#[test]
fn a_gpu_is_tested_once() {
    let Some(gpu) = gpu() else { return };
    let folder = tempfile::tempdir().unwrap();
    let f32 = candle_core::DType::F32;
    let findings = || diffusion::GpuFindings::new(Some(folder.path().join("gpu")));
    assert!(!findings().has_passed(gpu, f32));
    findings().test(gpu, f32).unwrap();
    assert!(findings().has_passed(gpu, f32));
    if gpu.has_f16() {
        assert!(!findings().has_passed(gpu, candle_core::DType::F16));
    }
    assert!(!diffusion::GpuFindings::new(None).has_passed(gpu, f32));
}
