//! LoRA files (Hu et al. 2021, arXiv 2106.09685): low-rank changes of a model's weights, in kohya's and diffusers' dialects.
//!
//! A change is `scale * alpha / rank * up @ down`, added to the weight when it is loaded. Rank and alpha belong to each
//! module by itself; where a file has no alpha, it equals the rank.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use common::{Error, Result};
use serde_json::Value;

use super::ldm::NameTable;
use super::part::Part;
use super::weights::{Delta, Located, SafetensorsFile, TensorMap};

/// A LoRA file and how strongly it acts.
#[derive(Clone, Debug)]
pub struct Lora {
    file: Arc<SafetensorsFile>,
    scale: f64,
    modules: BTreeMap<(Part, String), LoraModule>,
}

/// The tensors of one module, by their names in the file.
#[derive(Clone, Debug, Default)]
struct LoraModule {
    down: Option<String>,
    up: Option<String>,
    alpha: Option<String>,
}

/// What a tensor is to its module.
#[derive(Clone, Copy)]
enum Role {
    Down,
    Up,
    Alpha,
}

/// Ends of tensor names in all dialects; longer ones before those that they end in.
const ENDINGS: [(&str, Role); 13] = [
    (".lora_down.weight", Role::Down),
    (".lora_up.weight", Role::Up),
    (".alpha", Role::Alpha),
    (".lora_A.weight", Role::Down),
    (".lora_B.weight", Role::Up),
    (".lora_A.default.weight", Role::Down),
    (".lora_B.default.weight", Role::Up),
    (".lora.down.weight", Role::Down),
    (".lora.up.weight", Role::Up),
    (".lora_linear_layer.down.weight", Role::Down),
    (".lora_linear_layer.up.weight", Role::Up),
    ("_lora.down.weight", Role::Down),
    ("_lora.up.weight", Role::Up),
];

/// Beginnings of module names in all dialects; longer ones before those that they begin with.
const BEGINNINGS: [(&str, Part); 7] = [
    ("lora_unet_", Part::UNet),
    ("lora_te1_", Part::TextEncoder),
    ("lora_te2_", Part::TextEncoder2),
    ("lora_te_", Part::TextEncoder),
    ("unet.", Part::UNet),
    ("text_encoder_2.", Part::TextEncoder2),
    ("text_encoder.", Part::TextEncoder),
];

impl Lora {
    /// Opens a file that is to act with `scale`: 1 = as trained.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Weights`] if it can't be read, has a tensor of an unknown kind or a module without one
    /// of its halves; [`Error::Config`] for a scale that isn't finite.
    pub fn open(path: &Path, scale: f64) -> Result<Self> {
        if !scale.is_finite() {
            return Err(Error::Config {
                name: "lora",
                value: scale.to_string(),
                allowed: "give a finite weight, such as 0.8".to_owned(),
            });
        }
        let file = Arc::new(SafetensorsFile::open(path)?);
        let mut modules: BTreeMap<(Part, String), LoraModule> = BTreeMap::new();
        for name in file.entries().keys() {
            let (key, role) = parse(name).ok_or_else(|| {
                Error::weights(path, format!("tensor `{name}` is of no known kind of LoRA"))
                    .with_hint(
                        "LoRA and LoCon files of kohya's scripts, diffusers and PEFT can be used",
                    )
            })?;
            let module = modules.entry(key).or_default();
            let slot = match role {
                Role::Down => &mut module.down,
                Role::Up => &mut module.up,
                Role::Alpha => &mut module.alpha,
            };
            *slot = Some(name.clone());
        }
        if modules.is_empty() {
            return Err(Error::weights(path, "holds no LoRA"));
        }
        Ok(Self {
            file,
            scale,
            modules,
        })
    }

    /// The file.
    pub fn file(&self) -> &SafetensorsFile {
        &self.file
    }

    /// How strongly it acts.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// The parts of a model that the file changes.
    pub fn parts(&self) -> Vec<Part> {
        let mut parts: Vec<Part> = self.modules.keys().map(|(part, _)| *part).collect();
        parts.dedup();
        parts
    }

    /// Number of modules that the file changes in a part.
    pub fn n_modules(&self, part: Part) -> usize {
        self.modules.keys().filter(|(of, _)| *of == part).count()
    }

    /// Ranks of the changes, each once.
    pub fn ranks(&self) -> BTreeSet<usize> {
        let downs = self
            .modules
            .values()
            .filter_map(|module| module.down.as_ref());
        let entries = downs.filter_map(|name| self.file.entries().get(name));
        entries
            .filter_map(|entry| entry.shape.first().copied())
            .collect()
    }

    /// Adds the changes of one part to its tensors. `ldm` has the original names of the part's modules, if there are any.
    ///
    /// # Errors
    /// [`Error::Weights`] for a module that the part doesn't have, so that nothing is silently without effect.
    pub fn apply(&self, part: Part, map: &mut TensorMap, ldm: &NameTable) -> Result<()> {
        let mut targets: BTreeMap<String, String> = BTreeMap::new(); // spelling in the file to module name
        for module in map.modules() {
            targets.insert(module.to_owned(), module.to_owned());
            targets.insert(module.replace('.', "_"), module.to_owned());
            if let Some(original) = ldm.to_ldm(module) {
                targets.insert(original.replace('.', "_"), module.to_owned());
            }
        }
        let modules = self.modules.iter().filter(|((of, _), _)| *of == part);
        for ((_, spelled), module) in modules {
            let target = targets.get(spelled).ok_or_else(|| {
                Error::weights(
                    &self.file.path,
                    format!(
                        "has a LoRA for `{spelled}`, which the model's {} doesn't have",
                        part.folder()
                    ),
                )
                .with_hint("the LoRA may be made for another family of models")
            })?;
            let delta = self.delta(part, spelled, target, module)?;
            map.deltas
                .entry(format!("{target}.weight"))
                .or_default()
                .push(delta);
        }
        Ok(())
    }

    fn delta(&self, part: Part, spelled: &str, target: &str, module: &LoraModule) -> Result<Delta> {
        let half = |name: &Option<String>, which: &str| {
            let name = name.as_ref().ok_or_else(|| {
                Error::weights(
                    &self.file.path,
                    format!("the LoRA for `{spelled}` has no {which} matrix"),
                )
            })?;
            Ok(Located::as_stored(&self.file, name))
        };
        let (down, up) = (half(&module.down, "down")?, half(&module.up, "up")?);
        let rank = down.shape().first().copied().unwrap_or(0).max(1) as f64;
        let alpha = match &module.alpha {
            Some(name) => self.file.read_f32(name)?.first().copied().map(f64::from),
            None => self.alpha_in_header(part, target),
        };
        Ok(Delta {
            scale: self.scale * alpha.unwrap_or(rank) / rank,
            down,
            up,
        })
    }

    /// diffusers keeps alpha in a JSON text in the header: one for a part, and exceptions by the ends of module names.
    fn alpha_in_header(&self, part: Part, target: &str) -> Option<f64> {
        let text = self.file.metadata().get("lora_adapter_metadata")?;
        let values: Value = serde_json::from_str(text).ok()?;
        let key = |field: &str| values.get(format!("{}.{field}", part.folder()));
        let fits = |pattern: &str| {
            target == pattern
                || target
                    .strip_suffix(pattern)
                    .is_some_and(|rest| rest.ends_with('.'))
        };
        let exceptions = key("alpha_pattern").and_then(Value::as_object);
        let exception = exceptions.and_then(|map| map.iter().find(|(pattern, _)| fits(pattern)));
        exception
            .map(|(_, alpha)| alpha)
            .or_else(|| key("lora_alpha"))?
            .as_f64()
    }
}

/// The part, the module as it is spelled, and what the tensor is to it.
fn parse(name: &str) -> Option<((Part, String), Role)> {
    let (module, role, is_processor) = ENDINGS.iter().find_map(|(ending, role)| {
        Some((name.strip_suffix(ending)?, *role, ending.starts_with('_')))
    })?;
    let beginning = BEGINNINGS
        .iter()
        .find_map(|(beginning, part)| Some((*part, module.strip_prefix(beginning)?)));
    let is_bare = ["down_blocks.", "mid_block.", "up_blocks."]
        .iter()
        .any(|block| module.starts_with(block));
    let (part, module) = match beginning {
        Some(found) => found,
        None if is_bare => (Part::UNet, module),
        None => return None,
    };
    let module = match is_processor {
        true => processor_module(part, module)?,
        false => module.to_owned(),
    };
    Some(((part, module), role))
}

/// Old diffusers files name a projection after the attention's processor: `attn1.processor.to_q`, `self_attn.to_q`.
fn processor_module(part: Part, module: &str) -> Option<String> {
    let (attention, projection) = module.rsplit_once('.')?;
    let attention = attention.strip_suffix(".processor").unwrap_or(attention);
    let projection = match (part, projection) {
        (Part::UNet, "to_out") => "to_out.0",
        (Part::UNet, other) => other,
        (_, "to_q") => "q_proj",
        (_, "to_k") => "k_proj",
        (_, "to_v") => "v_proj",
        (_, "to_out") => "out_proj",
        _ => return None,
    };
    Some(format!("{attention}.{projection}"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::path::PathBuf;

    use candle_core::{DType, Device, Tensor};
    use proptest::prelude::*;

    use super::*;
    use crate::model::ModelFolder;
    use crate::ops;
    use crate::source::ModelSource;
    use crate::weights::Weights;

    #[test]
    fn every_dialect_is_understood() {
        let q = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q";
        let te = "text_model.encoder.layers.0.self_attn.out_proj";
        for (name, part, module) in [
            (format!("unet.{q}.lora_A.weight"), Part::UNet, q.to_owned()),
            (
                format!("unet.{q}.lora.down.weight"),
                Part::UNet,
                q.to_owned(),
            ),
            (
                format!(
                    "{}.processor.to_q_lora.down.weight",
                    q.trim_end_matches(".to_q")
                ),
                Part::UNet,
                q.to_owned(),
            ),
            (
                format!("lora_unet_{}.lora_down.weight", q.replace('.', "_")),
                Part::UNet,
                q.replace('.', "_"),
            ),
            (
                format!("text_encoder.{te}.lora_linear_layer.down.weight"),
                Part::TextEncoder,
                te.to_owned(),
            ),
            (
                "text_encoder_2.text_model.encoder.layers.0.self_attn.to_out_lora.down.weight"
                    .to_owned(),
                Part::TextEncoder2,
                te.to_owned(),
            ),
        ] {
            let (key, role) = parse(&name).unwrap();
            assert_eq!(key, (part, module), "{name}");
            assert!(matches!(role, Role::Down), "{name}");
        }
        assert!(parse("lora_unet_mid_block_attentions_0_proj_in.hada_w1_a").is_none());
        assert!(parse("something.lora_A.weight").is_none());
    }

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
}
