//! The decoder of `AutoencoderKL` against the one in candle-transformers, written by other people. The weights are those of the
//! autoencoder that made the bundled model's latents. Theirs has zeros around a picture, so ours is given them, too, instead of a
//! reflection.

#![expect(
    clippy::unwrap_used,
    reason = "a test may panic; helpers here are not inside #[test] functions"
)]

use std::path::Path;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::stable_diffusion::vae::{AutoEncoderKL, AutoEncoderKLConfig};
use diffusion::vae::{Decoder, VaeConfig};
use diffusion::weights::Weights;
use diffusion::{ModelSource, Part};
use kernels::Method;

const FOLDER: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../model/training/milestones/f8c4"
);

/// Smooth, reproducible values of about unit variance, `[1, 4, 8, 12]`. One picture only: of a batch of two, the reference
/// decodes the second one wrongly (PyTorch agrees with ours).
fn latents() -> Tensor {
    let values: Vec<f32> = (0..4 * 8 * 12)
        .map(|i| (i as f32 * 0.37).sin() + (i as f32 * 0.113).cos())
        .collect();
    Tensor::from_vec(values, (1, 4, 8, 12), &Device::Cpu).unwrap()
}

fn theirs(latents: &Tensor) -> Tensor {
    let read = |name| std::fs::read(Path::new(FOLDER).join(name)).unwrap();
    let bytes = read("diffusion_pytorch_model.safetensors");
    let builder = VarBuilder::from_buffered_safetensors(bytes, DType::F32, &Device::Cpu).unwrap();
    let config: serde_json::Value = serde_json::from_slice(&read("config.json")).unwrap();
    let number = |key: &str| config[key].as_u64().unwrap() as usize;
    let channels = config["block_out_channels"].as_array().unwrap();
    let out_channels = number("out_channels");
    let shuffle = config["pixel_shuffle"].as_u64().unwrap_or(1) as usize;
    let config = AutoEncoderKLConfig {
        block_out_channels: channels
            .iter()
            .map(|n| n.as_u64().unwrap() as usize)
            .collect(),
        layers_per_block: number("layers_per_block"),
        latent_channels: number("latent_channels"),
        norm_num_groups: number("norm_num_groups"),
        use_quant_conv: true,
        use_post_quant_conv: true,
    };
    let picture = AutoEncoderKL::new(builder, 3, out_channels, config)
        .unwrap()
        .decode(latents)
        .unwrap();
    candle_nn::ops::pixel_shuffle(&picture, shuffle).unwrap()
}

fn ours(latents: &Tensor, method: Method) -> Tensor {
    let model = ModelSource::open("bundled").unwrap();
    let model = model.with_vae(Path::new(FOLDER)).unwrap();
    let mut config = VaeConfig::read(&model.config(Part::Vae).unwrap()).unwrap();
    if let VaeConfig::Kl(config) = &mut config {
        config.padding_mode = "zeros".to_owned();
    }
    let weights = Weights::new(model.tensors(Part::Vae).unwrap(), &Device::Cpu, DType::F32)
        .with_method(method);
    // The scaling factor is 1, so both take the same latents.
    Decoder::load(&weights, config)
        .unwrap()
        .decode(latents)
        .unwrap()
}

fn relative_error(a: &Tensor, b: &Tensor) -> f32 {
    let norm = |x: &Tensor| {
        x.sqr()
            .unwrap()
            .sum_all()
            .unwrap()
            .to_scalar::<f32>()
            .unwrap()
            .sqrt()
    };
    norm(&(a - b).unwrap()) / norm(b)
}

#[test]
fn decoders_agree() {
    let latents = latents();
    let reference = theirs(&latents);
    for (method, bound) in [(Method::Exact, 1e-5), (Method::Fast, 1e-4)] {
        let error = relative_error(&ours(&latents, method), &reference);
        assert!(error < bound, "{method:?}: {error}");
    }
}
