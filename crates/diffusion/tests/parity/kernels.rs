//! The fast kernels against the exact ones, on the bundled model's trained weights.

use candle_core::{DType, Device, Tensor};
use diffusion::unet::{Conditioning, UNet, UNetConfig};
use diffusion::vae::{Decoder, VaeConfig};
use diffusion::{ModelSource, Part, Renderer, StableDiffusion, noise};
use kernels::Method;
use timeline::{DiffusionConfig, FrameInputs, Kernels, RenderConfig, Size};

use crate::kit::relative_error;
use crate::networks::weights;

/// Relative L2 error of one call of a network.
const CALL_BOUND: f64 = 2e-4;
/// Share of a frame's values that may be off by more than 1 of 255.
const MAX_SHARE_OFF: f64 = 1e-4;

fn gaussian(seed: u64, shape: &[usize]) -> Tensor {
    let values = noise::gaussian(seed, 0, shape.iter().product());
    let values: Vec<f32> = values.into_iter().map(|x| x as f32).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

#[test]
fn single_calls_of_fast_kernels_are_close() {
    let model = ModelSource::open("bundled").unwrap();
    let latents = gaussian(1, &[2, 4, 32, 32]);
    let config = UNetConfig::read(&model.config(Part::UNet).unwrap()).unwrap();
    let width = config.cross_attention_dim.level(0).unwrap();
    let conditioning = Conditioning {
        context: gaussian(2, &[2, 77, width]),
        pooled: None,
        time_ids: Vec::new(),
        guidance: None,
    };
    let run = |method: Method| {
        let unet = weights(&model, Part::UNet).with_method(method);
        let unet = UNet::load(&unet, config.clone()).unwrap();
        let vae = VaeConfig::read(&model.config(Part::Vae).unwrap()).unwrap();
        let decoder = Decoder::load(&weights(&model, Part::Vae).with_method(method), vae).unwrap();
        let prediction = unet.forward(&latents, &[999.0, 500.0], &conditioning);
        [prediction.unwrap(), decoder.decode(&latents).unwrap()]
    };
    let (exact, fast) = (run(Method::Exact), run(Method::Fast));
    for (name, (exact, fast)) in ["UNet", "decoder"].iter().zip(exact.iter().zip(&fast)) {
        let error = relative_error(exact, fast);
        println!("bundled {name}: fast kernels {error:.1e}");
        assert!(error > 0.0, "{name}: the fast kernels were not used");
        assert!(error < CALL_BOUND, "{name}: {error:e}");
    }
}

#[test]
fn frames_of_fast_kernels_look_the_same() {
    let model = ModelSource::open("bundled").unwrap();
    let size = Size {
        width: 256,
        height: 256,
    };
    let frames: Vec<FrameInputs> = (0..3)
        .map(|seed| FrameInputs {
            prompt_to: "burning orange flames".into(),
            prompt_mix: 0.4 * seed as f64,
            ..FrameInputs::still("a starry night sky".into(), seed)
        })
        .collect();
    let render = |kernels: Kernels| {
        let config = RenderConfig {
            diffusion: DiffusionConfig {
                kernels,
                ..DiffusionConfig::default()
            },
            ..RenderConfig::bundled(size)
        };
        let renderer = StableDiffusion::load(&model, &config, &Device::Cpu, DType::F32);
        renderer.unwrap().render(&frames).unwrap()
    };
    let (exact, fast) = (render(Kernels::Exact), render(Kernels::Fast));
    let pairs = exact.iter().zip(&fast);
    let values = pairs.flat_map(|(a, b)| a.as_raw().iter().zip(b.as_raw()));
    let (mut n_values, mut n_off, mut worst) = (0, 0, 0);
    for (a, b) in values {
        n_values += 1;
        n_off += usize::from(a.abs_diff(*b) > 1);
        worst = worst.max(a.abs_diff(*b));
    }
    println!("bundled frames: {n_off} of {n_values} values off by more than 1, at most {worst}");
    assert!(n_off as f64 <= MAX_SHARE_OFF * f64::from(n_values));
}
