//! Writes a model folder with the true configuration of a public family and random weights in half precision:
//! `cargo run --release --example random_model -- crates/diffusion/tests/families/sd15.json OUT_FOLDER`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use half::f16;
use safetensors::{Dtype, View};
use serde_json::{Value, json};
use visualize::diffusion::model::ConfigFile;
use visualize::diffusion::{Part, required_tensors};

/// The merges of CLIP's vocabulary, which all families use.
const MERGES: &str = include_str!("../crates/diffusion/src/families/clip_merges.txt");

const PARTS: [(Part, &str, &str); 4] = [
    (Part::UNet, "unet", "diffusion_pytorch_model"),
    (Part::Vae, "vae", "diffusion_pytorch_model"),
    (Part::TextEncoder, "text_encoder", "model"),
    (Part::TextEncoder2, "text_encoder_2", "model"),
];

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let usage = "usage: random_model FAMILY.json OUT_FOLDER";
    let family = args.next().context(usage)?;
    let out = args.next().context(usage)?;
    let out = Path::new(&out);
    let family: Value = serde_json::from_str(&std::fs::read_to_string(family)?)?;
    write_json(&out.join("model_index.json"), &family["model_index"])?;
    write_json(
        &out.join("scheduler/scheduler_config.json"),
        &family["scheduler"],
    )?;
    write_tokenizer(&out.join("tokenizer"), &family["pad_token"])?;
    if family["text_encoder_2"].is_object() {
        write_tokenizer(&out.join("tokenizer_2"), &json!("!"))?;
    }
    for (part, name, stem) in PARTS {
        let Some(values) = family[name].as_object() else {
            continue;
        };
        let folder = out.join(name);
        let config = ConfigFile {
            path: folder.join("config.json"),
            values: values.clone(),
        };
        write_json(&config.path, &family[name])?;
        let file = folder.join(format!("{stem}.safetensors"));
        let mut shapes = required_tensors(part, &config)?;
        if part == Part::UNet && family[name]["use_linear_projection"] != json!(true) {
            as_convolutions(&mut shapes);
        }
        write_weights(&file, shapes)?;
    }
    Ok(())
}

/// The ends of a transformer are 1x1 convolutions in diffusers' files unless `use_linear_projection` says otherwise.
fn as_convolutions(shapes: &mut BTreeMap<String, Vec<usize>>) {
    for (name, shape) in shapes {
        if name.ends_with("proj_in.weight") || name.ends_with("proj_out.weight") {
            shape.extend([1, 1]);
        }
    }
}

fn write_json(path: &Path, value: &Value) -> anyhow::Result<()> {
    std::fs::create_dir_all(path.parent().context("a file in a folder")?)?;
    Ok(std::fs::write(path, serde_json::to_vec_pretty(value)?)?)
}

fn write_tokenizer(folder: &Path, pad: &Value) -> anyhow::Result<()> {
    let config =
        json!({"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "pad_token": pad});
    write_json(&folder.join("tokenizer_config.json"), &config)?;
    Ok(std::fs::write(folder.join("merges.txt"), MERGES)?)
}

fn write_weights(file: &Path, shapes: BTreeMap<String, Vec<usize>>) -> anyhow::Result<()> {
    let tensors = shapes
        .into_iter()
        .map(|(name, shape)| (name.clone(), RandomTensor { name, shape }));
    Ok(safetensors::serialize_to_file(tensors, None, file)?)
}

/// Numbers that keep a signal's size: matrices of deviation `fan_in^-1/2`, scales of 1 and shifts of 0.
struct RandomTensor {
    name: String,
    shape: Vec<usize>,
}

impl View for RandomTensor {
    fn dtype(&self) -> Dtype {
        Dtype::F16
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let n: usize = self.shape.iter().product();
        if self.shape.len() == 1 {
            let value = if self.name.ends_with("weight") {
                1.0
            } else {
                0.0
            };
            return Cow::Owned(f16::from_f32(value).to_le_bytes().repeat(n));
        }
        let fan_in: usize = self.shape.iter().skip(1).product();
        let width = (12.0 / fan_in as f32).sqrt(); // of a uniform distribution with that deviation
        let mut state = n as u64 ^ 0x9e37_79b9_7f4a_7c15;
        let values = (0..n).flat_map(|_| {
            // xorshift (Marsaglia 2003)
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let uniform = (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5;
            f16::from_f32(uniform * width).to_le_bytes()
        });
        Cow::Owned(values.collect())
    }

    fn data_len(&self) -> usize {
        2 * self.shape.iter().product::<usize>()
    }
}
