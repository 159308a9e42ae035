//! Every family of the small kit draws frames through [`Renderer`], and a frame doesn't depend on its batch.

use std::path::PathBuf;

use candle_core::{DType, Device};
use diffusion::{ModelDefaults, ModelFolder, ModelSource, Renderer, StableDiffusion};
use timeline::{FrameInputs, NoiseMix, PromptText, RenderConfig, Size};

fn config(model: &str, n_steps: u32) -> RenderConfig {
    RenderConfig {
        model: model.to_owned(),
        weights_sha256: String::new(),
        size: Size {
            width: 40,
            height: 24,
        },
        draw_size: Size {
            width: 32,
            height: 16,
        },
        n_steps,
        diffusion: Default::default(),
    }
}

fn frames() -> Vec<FrameInputs> {
    let words = |text: &str, negative: &str| PromptText {
        text: text.to_owned(),
        negative: negative.to_owned(),
    };
    let long = "the sea and the fox, ".repeat(20);
    let frame = |from: PromptText, to: PromptText, mix: f64, guidance_scale: f64| FrameInputs {
        prompt_to: to,
        prompt_mix: mix,
        noise: NoiseMix {
            terms: vec![(3, 0.8), (4, 0.6)],
        },
        guidance_scale,
        ..FrameInputs::still(from, 3)
    };
    vec![
        frame(words("a red fox", ""), words("the (sea:1.3)", ""), 0.3, 5.0),
        frame(words("a red fox", "blur"), words("snow", ""), 1.0, 1.0),
        frame(words(&long, ""), words("snow", "fox"), 0.5, 3.0),
        frame(words("", ""), words("snow", ""), 0.0, 5.0),
    ]
}

#[test]
fn every_family_draws_frames_that_do_not_depend_on_their_batch() {
    let models = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/parity/kit/models");
    let mut n_families = 0;
    for entry in models.read_dir().unwrap() {
        let folder = entry.unwrap().path();
        if !folder.join("model_index.json").is_file() {
            continue;
        }
        let model = ModelSource::new(ModelFolder::Disk(folder.clone()));
        let config = config(&folder.to_string_lossy(), 2);
        ModelDefaults::of(&model).unwrap();
        let mut renderer =
            StableDiffusion::load(&model, &config, &Device::Cpu, DType::F32).unwrap();
        let together = renderer.render(&frames()).unwrap();
        assert_eq!(together.len(), frames().len());
        for (idx, frame) in frames().into_iter().enumerate() {
            let alone = renderer.render(&[frame]).unwrap().remove(0);
            assert_eq!(alone.dimensions(), (40, 24));
            assert!(
                alone == together[idx],
                "{}: frame {idx} depends on its batch",
                folder.display()
            );
        }
        n_families += 1;
    }
    assert_eq!(n_families, 5);
}

#[test]
fn the_bundled_model_draws_frames_that_do_not_depend_on_their_batch() {
    let model = ModelSource::open("bundled").unwrap();
    let config = RenderConfig {
        size: Size {
            width: 128,
            height: 128,
        },
        draw_size: Size {
            width: 128,
            height: 128,
        },
        ..config("bundled", 2)
    };
    let mut renderer = StableDiffusion::load(&model, &config, &Device::Cpu, DType::F32).unwrap();
    let frame = |seed: u64| FrameInputs {
        noise: NoiseMix {
            terms: vec![(seed, 1.0)],
        },
        guidance_scale: 1.0,
        ..frames().remove(0)
    };
    let batch: Vec<FrameInputs> = (0..5).map(frame).collect();
    let together = renderer.render(&batch).unwrap();
    for (idx, frame) in batch.iter().enumerate() {
        let alone = renderer
            .render(std::slice::from_ref(frame))
            .unwrap()
            .remove(0);
        assert!(alone == together[idx], "frame {idx} depends on its batch");
    }
    assert!(together[0] != together[1]);
}
