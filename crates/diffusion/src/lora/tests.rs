//! LoRA files are read in every dialect, and change what they name; `formulas` has the kinds of changes.

mod formulas;

use std::collections::HashMap;
use std::path::PathBuf;

use candle_core::{DType, Device, Tensor};
use proptest::prelude::*;

use super::*;
use crate::model::ModelFolder;
use crate::ops;
use crate::source::ModelSource;
use crate::unet::UNetConfig;
use crate::weights::Weights;

/// A change of one module of the small parity kit's first model, in a file.
fn lora_file(folder: &Path, module: &str, down: &Tensor, up: &Tensor, alpha: f32) -> PathBuf {
    let module = format!("lora_unet_{}", module.replace('.', "_"));
    let alpha = Tensor::new(alpha, &Device::Cpu).unwrap();
    let tensors: HashMap<String, Tensor> = [
        (format!("{module}.lora_down.weight"), down.clone()),
        (format!("{module}.lora_up.weight"), up.clone()),
        (format!("{module}.alpha"), alpha),
    ]
    .into_iter()
    .collect();
    let path = folder.join("lora.safetensors");
    candle_core::safetensors::save(&tensors, &path).unwrap();
    path
}

fn random(seed: u64, shape: &[usize]) -> Tensor {
    let n = shape.iter().product();
    let values = crate::noise::gaussian(seed, 0, n);
    let values: Vec<f32> = values.into_iter().map(|x| x as f32).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Merged into the weight, and as a path of its own beside the layer.
    #[test]
    fn a_merged_change_is_one_at_run_time(
        seed: u64,
        rank in 1usize..5,
        scale in -2.0f64..2.0,
        alpha in 0.25f32..8.0,
        is_conv: bool,
    ) {
        let models = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/parity/kit/models");
        let model = ModelSource::new(ModelFolder::Disk(models.join("plain")));
        let module = match is_conv {
            true => "mid_block.resnets.0.conv1",
            false => "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k",
        };
        let name = format!("{module}.weight");
        let shape = model.tensors(Part::UNet).unwrap().tensors[&name].shape();
        let weight = |model: &ModelSource| {
            let weights = Weights::new(model.tensors(Part::UNet).unwrap(), &Device::Cpu, DType::F32);
            weights.tensor(&name, shape.clone()).unwrap()
        };
        let mut down_shape = shape.clone();
        down_shape[0] = rank;
        let mut up_shape = vec![1; shape.len()];
        (up_shape[0], up_shape[1]) = (shape[0], rank);
        let (down, up) = (random(seed, &down_shape), random(seed ^ 1, &up_shape));
        let folder = tempfile::tempdir().unwrap();
        let path = lora_file(folder.path(), module, &down, &up, alpha);
        let merged = weight(&model.clone().with_lora(&path, scale).unwrap());
        let original = weight(&model);

        let layer = |x: &Tensor, weight: &Tensor| match is_conv {
            true => ops::conv2d(x, weight, None, 1, weight.dim(2).unwrap() / 2).unwrap(),
            false => ops::linear(x, weight, None).unwrap(),
        };
        let x = match is_conv {
            true => random(seed ^ 2, &[1, shape[1], 5, 6]),
            false => random(seed ^ 2, &[1, 7, shape[1]]),
        };
        let factor = scale * f64::from(alpha) / rank as f64;
        let beside = (layer(&layer(&x, &down), &up) * factor).unwrap();
        let at_run_time = (layer(&x, &original) + beside).unwrap();
        let difference = (layer(&x, &merged) - &at_run_time).unwrap();
        let norm = |x: &Tensor| x.sqr().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap().sqrt();
        prop_assert!(norm(&difference) <= 1e-5 * norm(&at_run_time).max(1.0));
    }
}

/// The small parity kit's first model.
fn plain_model() -> ModelSource {
    let models = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/parity/kit/models");
    ModelSource::new(ModelFolder::Disk(models.join("plain")))
}

const LINEAR: &str = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k";
const CONV: &str = "mid_block.resnets.0.conv1";

/// A tensor of the UNet, flat.
fn loaded(model: &ModelSource, name: &str) -> Vec<f32> {
    let map = model.tensors(Part::UNet).unwrap();
    let shape = map.tensors[name].shape();
    let weights = Weights::new(map, &Device::Cpu, DType::F32);
    let tensor = weights.tensor(name, shape).unwrap();
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn shape(name: &str) -> Vec<usize> {
    plain_model().tensors(Part::UNet).unwrap().tensors[name].shape()
}

/// A file of tensors in a folder of its own.
fn file(tensors: &[(String, Tensor)]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lora.safetensors");
    let tensors: HashMap<String, Tensor> = tensors.iter().cloned().collect();
    candle_core::safetensors::save(&tensors, &path).unwrap();
    (folder, path)
}

/// What a file of these tensors makes of `MODULE.weight`, less what it was.
fn change(module: &str, tensors: &[(&str, Tensor)], scale: f64) -> Vec<f32> {
    let named = tensors.iter().map(|(ending, tensor)| {
        let module = module.replace('.', "_");
        (format!("lora_unet_{module}.{ending}"), tensor.clone())
    });
    let (_folder, path) = file(&named.collect::<Vec<_>>());
    let name = format!("{module}.weight");
    let before = loaded(&plain_model(), &name);
    let after = loaded(&plain_model().with_lora(&path, scale).unwrap(), &name);
    before.iter().zip(after).map(|(a, b)| b - a).collect()
}

#[track_caller]
fn assert_near(found: &[f32], wanted: &[f64]) {
    assert_eq!(found.len(), wanted.len());
    let largest = wanted.iter().fold(0.0f64, |a, b| a.max(b.abs()));
    assert!(largest > 1e-3, "nothing is changed");
    for (a, b) in found.iter().zip(wanted) {
        assert!(
            (f64::from(*a) - b).abs() < 2e-5 * largest.max(1.0),
            "{a} for {b}"
        );
    }
}

fn number(value: f32) -> Tensor {
    Tensor::new(value, &Device::Cpu).unwrap()
}

fn flat(tensor: &Tensor) -> Vec<f64> {
    let values: Vec<f32> = tensor.flatten_all().unwrap().to_vec1().unwrap();
    values.into_iter().map(f64::from).collect()
}

#[test]
fn whole_changes_of_weights_and_biases_are_added() {
    let (weight, bias) = (
        random(1, &shape(&format!("{CONV}.weight"))),
        random(2, &shape(&format!("{CONV}.bias"))),
    );
    let module = CONV.replace('.', "_");
    let (_folder, path) = file(&[
        (format!("lora_unet_{module}.diff"), weight.clone()),
        (format!("lora_unet_{module}.diff_b"), bias.clone()),
    ]);
    let changed = plain_model().with_lora(&path, 0.5).unwrap();
    for (kind, diff) in [("weight", weight), ("bias", bias)] {
        let name = format!("{CONV}.{kind}");
        let before = loaded(&plain_model(), &name);
        let after = loaded(&changed, &name);
        let found: Vec<f32> = before.iter().zip(after).map(|(a, b)| b - a).collect();
        let wanted: Vec<f64> = flat(&diff).iter().map(|x| 0.5 * x).collect();
        assert_near(&found, &wanted);
    }
    // What has no bias can't be given one.
    let module = LINEAR.replace('.', "_");
    let (_folder, path) = file(&[(format!("lora_unet_{module}.diff_b"), random(3, &[8]))]);
    let error = plain_model()
        .with_lora(&path, 1.0)
        .unwrap()
        .tensors(Part::UNet)
        .unwrap_err();
    assert!(
        error.to_string().contains(&format!("{LINEAR}.bias")),
        "{error}"
    );
}

#[test]
fn adapters_of_every_spelling_change_the_same() {
    let name = format!("{LINEAR}.weight");
    let [n_out, n_in] = shape(&name)[..] else {
        panic!("not a matrix")
    };
    let (down, up) = (random(1, &[2, n_in]), random(2, &[n_out, 2]));
    let config = UNetConfig::read(&plain_model().config(Part::UNet).unwrap()).unwrap();
    let original = NameTable::unet(&config).to_ldm(LINEAR).unwrap();
    let with = |prefix: &str, module: &str, ends: [&str; 2], alpha: Option<Tensor>| {
        let mut tensors = vec![
            (format!("{prefix}{module}{}", ends[0]), down.clone()),
            (format!("{prefix}{module}{}", ends[1]), up.clone()),
        ];
        tensors.extend(alpha.map(|alpha| (format!("{prefix}{module}.alpha"), alpha)));
        let (_folder, path) = file(&tensors);
        loaded(&plain_model().with_lora(&path, 1.0).unwrap(), &name)
    };
    let peft = [".lora_A.weight", ".lora_B.weight"];
    let kohya = [".lora_down.weight", ".lora_up.weight"];
    let wanted = with("unet.", LINEAR, peft, None);
    assert_ne!(wanted, loaded(&plain_model(), &name));
    let default = [".lora_A.default_0.weight", ".lora_B.default_0.weight"];
    assert_eq!(with("unet.", LINEAR, default, None), wanted);
    assert_eq!(with("base_model.model.", LINEAR, peft, None), wanted);
    assert_eq!(with("", LINEAR, peft, None), wanted);
    assert_eq!(with("diffusion_model.", &original, kohya, None), wanted);
    assert_eq!(
        with("model.diffusion_model.", &original, kohya, None),
        wanted
    );
    // Alpha as a whole number.
    let alpha = Tensor::new(&[2i64], &Device::Cpu).unwrap();
    assert_eq!(with("unet.", LINEAR, kohya, Some(alpha)), wanted);

    let (_folder, path) = file(&[
        (format!("unet.{LINEAR}.lora_A.a.weight"), down.clone()),
        (format!("unet.{LINEAR}.lora_A.b.weight"), down),
    ]);
    let error = Lora::open(&path, 1.0).unwrap_err().to_string();
    assert!(error.contains("two LoRAs"), "{error}");
}

#[test]
fn a_header_without_texts_is_one_without_texts() {
    let folder = tempfile::tempdir().unwrap();
    let halves = ["down", "up"].map(|half| format!("lora_unet_conv_in.lora_{half}.weight"));
    for metadata in ["null", "{}", r#"{"ss_steps": 1000, "ss_tags": {"a": 1}}"#] {
        let header = format!(
            r#"{{"__metadata__": {metadata},
            "{}": {{"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}},
            "{}": {{"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}}}"#,
            halves[0], halves[1]
        );
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.extend([0; 8]);
        let path = folder.path().join("lora.safetensors");
        std::fs::write(&path, bytes).unwrap();
        assert!(Lora::open(&path, 1.0).is_ok(), "{metadata}");
    }
}

#[test]
fn a_module_that_lacks_a_tensor_is_named_when_the_file_is_opened() {
    for endings in [
        &["lora_down.weight"][..],
        &["lora_up.weight"],
        &["alpha"],
        &["dora_scale"],
        &["hada_w1_a", "hada_w1_b", "hada_w2_a"],
        &["lokr_w1"],
        &["lokr_w1", "lokr_w2_a"],
    ] {
        let tensors = endings.iter().map(|ending| {
            let one = Tensor::zeros((1, 1), DType::F32, &Device::Cpu).unwrap();
            (format!("lora_unet_conv_in.{ending}"), one)
        });
        let (_folder, path) = file(&tensors.collect::<Vec<_>>());
        let error = Lora::open(&path, 1.0).unwrap_err().to_string();
        assert!(error.contains("`conv_in` has no"), "{endings:?}: {error}");
    }
}
