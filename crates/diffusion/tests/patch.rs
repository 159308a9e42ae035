//! The networks of `model/training/f16c16` against numbers that torch computed: `patch/make_fixture.py` writes them.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "gpu/mod.rs"]
mod test_gpu;

use std::collections::HashMap;
use std::path::PathBuf;

use candle_core::{DType, Device, Tensor};
use diffusion::model::ModelFolder;
use diffusion::unet::{Conditioning, UNet, UNetConfig};
use diffusion::vae::{Decoder, Encoder, VaeConfig};
use diffusion::weights::Weights;
use kernels::Method;

/// Largest difference in proportion to the expected values' root mean square, for exact and for fast kernels.
const BOUNDS: [(Method, f64); 2] = [(Method::Exact, 1e-5), (Method::Fast, 5e-5)];

fn fixture() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/patch")
}

fn expected() -> HashMap<String, Tensor> {
    candle_core::safetensors::load(fixture().join("expected.safetensors"), &Device::Cpu).unwrap()
}

fn folder(part: &str) -> ModelFolder {
    ModelFolder::Disk(fixture().join(part))
}

fn weights(part: &str, method: Method) -> Weights {
    let tensors = folder(part).tensors("", "diffusion_pytorch_model").unwrap();
    Weights::new(tensors, &Device::Cpu, DType::F32).with_method(method)
}

fn vae_config() -> VaeConfig {
    VaeConfig::read(&folder("vae").config("config.json").unwrap()).unwrap()
}

fn decoder(method: Method) -> Decoder {
    Decoder::load(&weights("vae", method), vae_config()).unwrap()
}

fn unet_config() -> UNetConfig {
    UNetConfig::read(&folder("unet").config("config.json").unwrap()).unwrap()
}

fn unet(method: Method) -> UNet {
    UNet::load(&weights("unet", method), unet_config()).unwrap()
}

/// The U-Net of one or several of a case's pictures.
fn denoise(
    unet: &UNet,
    expected: &HashMap<String, Tensor>,
    case: &str,
    images: &[usize],
) -> Tensor {
    let some = |field: &str| {
        let all = &expected[&format!("unet/{case}/{field}")];
        let chosen: Vec<Tensor> = images.iter().map(|i| all.get(*i).unwrap()).collect();
        Tensor::stack(&chosen, 0).unwrap()
    };
    let conditioning = Conditioning {
        context: some("words"),
        pooled: None,
        time_ids: Vec::new(),
        guidance: None,
    };
    let times: Vec<f64> = images.iter().map(|i| [999.0, 120.0][*i]).collect();
    unet.forward(&some("latents"), &times, &conditioning)
        .unwrap()
}

fn values(x: &Tensor) -> Vec<f32> {
    x.flatten_all().unwrap().to_vec1().unwrap()
}

fn assert_close(expected: &Tensor, found: &Tensor, bound: f64, label: &str) {
    assert_eq!(expected.dims(), found.dims(), "{label}");
    let (expected, found) = (values(expected), values(found));
    let square = |x: &f32| f64::from(*x).powi(2);
    let size = (expected.iter().map(square).sum::<f64>() / expected.len() as f64).sqrt();
    let differences = expected
        .iter()
        .zip(&found)
        .map(|(a, b)| f64::from((a - b).abs()));
    let worst = differences.fold(0.0, f64::max);
    println!("{label}: {:.1e}", worst / size);
    assert!(worst < bound * size, "{label}: {worst} of {size}");
}

#[test]
fn networks_equal_torch() {
    let expected = expected();
    for (method, bound) in BOUNDS {
        let decoder = decoder(method);
        for case in ["small", "large"] {
            let picture = decoder
                .decode(&expected[&format!("decode/{case}/latents")])
                .unwrap();
            let label = format!("{method:?} decode {case}");
            assert_close(
                &expected[&format!("decode/{case}/picture")],
                &picture,
                bound,
                &label,
            );
        }
        let encoder = Encoder::load(&weights("vae", method), &vae_config()).unwrap();
        let latents = encoder.encode(&expected["encode/picture"]).unwrap().mean;
        let label = format!("{method:?} encode");
        assert_close(&expected["encode/latents"], &latents, bound, &label);
        let unet = unet(method);
        for case in ["square", "wide"] {
            let out = denoise(&unet, &expected, case, &[0, 1]);
            let label = format!("{method:?} unet {case}");
            assert_close(&expected[&format!("unet/{case}/out")], &out, bound, &label);
        }
    }
}

#[test]
fn networks_on_a_gpu_equal_torch() {
    let Some(gpu) = test_gpu::gpu() else { return };
    let expected = expected();
    let on_gpu = |part| weights(part, Method::Exact).with_gpu(gpu);
    let decoder = Decoder::load(&on_gpu("vae"), vae_config()).unwrap();
    for case in ["small", "large"] {
        let latents = &expected[&format!("decode/{case}/latents")];
        let wanted = &expected[&format!("decode/{case}/picture")];
        assert_close(
            wanted,
            &decoder.decode(latents).unwrap(),
            2e-5,
            "decode on a GPU",
        );
    }
    let unet = UNet::load(&on_gpu("unet"), unet_config()).unwrap();
    for case in ["square", "wide"] {
        let out = denoise(&unet, &expected, case, &[0, 1]);
        let wanted = &expected[&format!("unet/{case}/out")];
        assert_close(wanted, &out, 2e-5, "unet on a GPU");
    }
}

/// Without packed weights, layers are computed as on a GPU.
#[test]
fn layers_that_are_not_packed_make_the_same() {
    let expected = expected();
    let wide = |part: &str| {
        let tensors = folder(part).tensors("", "diffusion_pytorch_model").unwrap();
        Weights::new(tensors, &Device::Cpu, DType::F64)
    };
    let f64 = |name: &str| expected[name].to_dtype(DType::F64).unwrap();
    let decoder = Decoder::load(&wide("vae"), vae_config()).unwrap();
    let picture = decoder.decode(&f64("decode/large/latents")).unwrap();
    let picture = picture.to_dtype(DType::F32).unwrap();
    assert_close(
        &expected["decode/large/picture"],
        &picture,
        1e-5,
        "decode in f64",
    );
}

#[test]
fn frames_depend_on_no_neighbour_and_on_no_thread() {
    let expected = expected();
    let pool = |n| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(n)
            .build()
            .unwrap()
    };
    let (one, three) = (pool(1), pool(3));
    for method in [Method::Exact, Method::Fast] {
        let (decoder, unet) = (decoder(method), unet(method));
        for case in ["small", "large"] {
            let latents = &expected[&format!("decode/{case}/latents")];
            let both = one.install(|| values(&decoder.decode(latents).unwrap()));
            let second = latents.narrow(0, 1, 1).unwrap();
            let second = three.install(|| values(&decoder.decode(&second).unwrap()));
            assert!(both[both.len() / 2..] == second, "{method:?} decode {case}");
        }
        for case in ["square", "wide"] {
            let both = one.install(|| values(&denoise(&unet, &expected, case, &[0, 1])));
            let second = three.install(|| values(&denoise(&unet, &expected, case, &[1])));
            assert!(both[both.len() / 2..] == second, "{method:?} unet {case}");
        }
    }
}
