use std::collections::HashMap;
use std::path::PathBuf;

use candle_core::{DType, Device, Tensor};

use super::*;
use crate::model::ModelFolder;
use crate::required_tensors;
use crate::source::ModelSource;
use crate::weights::Weights;

/// A file with tensors of one element, but for those whose shape is given.
fn open(names: &[&str], metadata: &[(&str, &str)]) -> Result<Checkpoint> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let mut header = Map::new();
    let mut data = Vec::new();
    for name in names {
        let (name, shape) = name.split_once(' ').unwrap_or((*name, "1"));
        let n: usize = shape.parse().unwrap();
        let (dtype, bytes) = match name {
            "global_step" => ("I64", (n as i64).to_le_bytes().to_vec()),
            _ => ("F16", vec![0; 2 * n]),
        };
        let shape = if name == "global_step" {
            vec![]
        } else {
            vec![1, n]
        };
        let begin = data.len();
        data.extend(bytes);
        header.insert(
            name.to_owned(),
            serde_json::json!({"dtype": dtype, "shape": shape, "data_offsets": [begin, data.len()]}),
        );
    }
    let metadata: Map<String, Value> = metadata
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).into()))
        .collect();
    header.insert("__metadata__".to_owned(), metadata.into());
    let header = serde_json::to_vec(&header).unwrap();
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header);
    bytes.extend(data);
    std::fs::write(&path, bytes).unwrap();
    Checkpoint::open(&path)
}

const SD1: &str = "cond_stage_model.transformer.text_model.final_layer_norm.weight";
const SD2: &str = "cond_stage_model.model.ln_final.weight";
const TURBO: &str = "conditioner.embedders.0.model.ln_final.weight";
const XL: &str = "conditioner.embedders.1.model.ln_final.weight";
const CONV_IN: &str = "model.diffusion_model.input_blocks.0.0.weight";

#[test]
fn what_the_network_predicts_is_found_out() {
    for (names, metadata, prediction) in [
        (vec![SD1], vec![], None),
        (vec![SD2], vec![], None), // velocity, by the family's configuration
        (vec![SD2, "global_step 875000"], vec![], Some("epsilon")),
        (vec![SD2, "global_step 140000"], vec![], None),
        (
            vec![SD2],
            vec![("modelspec.prediction_type", "epsilon")],
            Some("epsilon"),
        ),
        (
            vec![SD1],
            vec![("modelspec.prediction_type", "v")],
            Some("v_prediction"),
        ),
        (vec![TURBO], vec![], Some("epsilon")),
        (vec![XL], vec![], None),
        (vec![XL, "v_pred", "ztsnr"], vec![], Some("v_prediction")),
    ] {
        let checkpoint = open(&names, &metadata).unwrap();
        let keys = checkpoint.scheduler_keys().unwrap();
        let found = keys.get("prediction_type").and_then(Value::as_str);
        assert_eq!(found, prediction, "{names:?} {metadata:?}");
        let is_stretched = keys.contains_key("rescale_betas_zero_snr");
        assert_eq!(is_stretched, names.contains(&"ztsnr"));
    }
    let base = open(&[SD2, "global_step 875000"], &[]).unwrap();
    assert_eq!(
        base.unet_keys().unwrap().get("sample_size"),
        Some(&64.into())
    );
    assert!(open(&[SD2], &[]).unwrap().unet_keys().unwrap().is_empty());
}

#[test]
fn what_cannot_be_used_says_why() {
    let inpainting = format!("{CONV_IN} 9");
    let editing = format!("{CONV_IN} 8");
    for (names, word) in [
        (vec![SD1, inpainting.as_str()], "inpainting"),
        (vec![SD1, editing.as_str()], "editing"),
        (
            vec![TURBO, "model.diffusion_model.label_emb.0.0.weight"],
            "refiner",
        ),
        (vec![XL, "edm_mean"], "Playground"),
        (vec![CONV_IN], "no text encoder"),
        (vec!["down_blocks.0.resnets.0.conv1.weight"], "one part"),
        (vec!["lora_unet_mid_block.alpha"], "is a LoRA, not a model"),
        (vec!["decoder.conv_in.weight"], "is an autoencoder"),
        (
            vec!["model.diffusion_model.double_blocks.0.x"],
            "is a Flux model",
        ),
        (
            vec!["model.diffusion_model.joint_blocks.0.x"],
            "Stable Diffusion 3",
        ),
        (vec!["transformer.wte"], "not a Stable Diffusion"),
    ] {
        let error = open(&names, &[]).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
    let config = VaeConfig::Kl(Default::default());
    let error = open(&[SD1], &[]).unwrap().vae(&config).unwrap_err();
    assert!(error.to_string().contains("no autoencoder"));
    assert!(error.hint().unwrap().contains("`vae`"));
}

#[test]
fn old_names_of_clip_are_known() {
    assert_eq!(
        clip_to_transformers("embeddings.x"),
        "text_model.embeddings.x"
    );
    assert_eq!(clip_to_transformers("text_model.x"), "text_model.x");
}

/// A model of the small parity kit.
fn kit(family: &str) -> ModelSource {
    let models = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/parity/kit/models");
    ModelSource::new(ModelFolder::Disk(models.join(family)))
}

/// All tensors of a part, as they are loaded.
fn loaded(model: &ModelSource, part: Part) -> BTreeMap<String, Tensor> {
    let weights = Weights::new(model.tensors(part).unwrap(), &Device::Cpu, DType::F32);
    let required = required_tensors(part, &model.config(part).unwrap()).unwrap();
    let load = |(name, shape): (String, Vec<usize>)| {
        let old = [
            (".to_q.", ".query."),
            (".to_k.", ".key."),
            (".to_v.", ".value."),
            (".to_out.0.", ".proj_attn."),
        ];
        let stored = old.iter().map(|(new, old)| name.replace(new, old));
        let stored = stored
            .chain([name.clone()])
            .find(|name| weights.has(name))
            .unwrap();
        let tensor = weights.tensor(&stored, shape).unwrap();
        (name, tensor)
    };
    required.into_iter().map(load).collect()
}

/// A text model's tensors in OpenCLIP's names: queries, keys and values in one, the projection transposed.
fn to_open_clip(tensors: &BTreeMap<String, Tensor>) -> Vec<(String, Tensor)> {
    let mut renamed = Vec::new();
    for (name, tensor) in tensors {
        let name = match name.as_str() {
            "text_model.embeddings.position_embedding.weight" => "positional_embedding".to_owned(),
            "text_projection.weight" => {
                renamed.push((
                    "text_projection".to_owned(),
                    tensor.t().unwrap().contiguous().unwrap(),
                ));
                continue;
            }
            name => name
                .replace("text_model.embeddings.", "")
                .replace("text_model.final_layer_norm", "ln_final")
                .replace("text_model.encoder.layers", "transformer.resblocks")
                .replace("layer_norm1", "ln_1")
                .replace("layer_norm2", "ln_2")
                .replace("mlp.fc1", "mlp.c_fc")
                .replace("mlp.fc2", "mlp.c_proj")
                .replace("self_attn.out_proj", "attn.out_proj"),
        };
        if name.contains("k_proj") || name.contains("v_proj") {
            continue;
        }
        if !name.contains("q_proj") {
            renamed.push((name, tensor.clone()));
            continue;
        }
        let all = ["q_proj", "k_proj", "v_proj"].map(|proj| {
            let name = name.replace("transformer.resblocks", "text_model.encoder.layers");
            tensors[&name.replace("q_proj", proj)].clone()
        });
        let name = name.replace("self_attn.q_proj.", "attn.in_proj_");
        renamed.push((name, Tensor::cat(&all, 0).unwrap()));
    }
    renamed
}

#[test]
fn a_single_file_is_its_folder_bit_for_bit() {
    const PARTS: [Part; 4] = [Part::UNet, Part::Vae, Part::TextEncoder, Part::TextEncoder2];
    for (family, prefixes) in [
        ("plain", vec![("cond_stage_model.transformer.", false)]),
        ("velocity", vec![(OPEN_CLIP_PREFIXES[0], true)]),
        ("velocity", vec![(OPEN_CLIP_PREFIXES[1], true)]),
        (
            "xl",
            vec![
                ("conditioner.embedders.0.transformer.", false),
                ("conditioner.embedders.1.model.", true),
            ],
        ),
    ] {
        let model = kit(family);
        let parts: Vec<Part> = PARTS.into_iter().filter(|part| model.has(*part)).collect();
        let unet = UNetConfig::read(&model.config(Part::UNet).unwrap()).unwrap();
        let VaeConfig::Kl(vae) = VaeConfig::read(&model.config(Part::Vae).unwrap()).unwrap() else {
            panic!("not an AutoencoderKL");
        };
        let mut stored: HashMap<String, Tensor> = HashMap::new();
        for &part in &parts {
            let tensors = loaded(&model, part);
            match part {
                Part::UNet => {
                    let table = NameTable::unet(&unet);
                    for (name, tensor) in tensors {
                        stored.insert(
                            format!("{UNET_PREFIX}{}", table.to_ldm(&name).unwrap()),
                            tensor,
                        );
                    }
                }
                Part::Vae => {
                    let table = NameTable::vae(vae.block_out_channels.len(), vae.layers_per_block);
                    for (name, tensor) in tensors {
                        stored.insert(
                            format!("{VAE_PREFIX}{}", table.to_ldm(&name).unwrap()),
                            tensor,
                        );
                    }
                }
                _ => {
                    let (prefix, is_open_clip) = prefixes[usize::from(part == Part::TextEncoder2)];
                    let tensors = match is_open_clip {
                        true => to_open_clip(&tensors),
                        false => tensors.into_iter().collect(),
                    };
                    stored.extend(
                        tensors
                            .into_iter()
                            .map(|(name, tensor)| (format!("{prefix}{name}"), tensor)),
                    );
                }
            }
        }
        let unused = Tensor::new(&[1f32, 2.0], &Device::Cpu).unwrap();
        stored.insert("model_ema.decay".to_owned(), unused.clone());
        stored.insert("alphas_cumprod".to_owned(), unused);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("single.safetensors");
        candle_core::safetensors::save(&stored, &path).unwrap();

        let single = ModelSource::checkpoint(&path, model.folder.clone()).unwrap();
        for &part in &parts {
            let (ours, theirs) = (loaded(&single, part), loaded(&model, part));
            assert!(!ours.is_empty() && ours.len() == theirs.len());
            for ((name, a), (other, b)) in ours.iter().zip(&theirs) {
                assert_eq!((name, a.dims()), (other, b.dims()));
                let bits = |tensor: &Tensor| -> Vec<u32> {
                    let values: Vec<f32> = tensor.flatten_all().unwrap().to_vec1().unwrap();
                    values.into_iter().map(f32::to_bits).collect()
                };
                assert!(bits(a) == bits(b), "{family}: {name} differs");
            }
        }
    }
}
