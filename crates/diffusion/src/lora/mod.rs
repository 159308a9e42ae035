//! LoRA files (Hu et al. 2021, arXiv 2106.09685) and their relatives LoHa, LoKr and DoRA: changes of a model's weights, in the
//! dialects of kohya, LyCORIS, diffusers, PEFT and ComfyUI.
//!
//! A change is added to the weight when it is loaded. Rank and alpha belong to each module by itself; where a file has no
//! alpha, it equals the rank.
//!
//! | file | what |
//! |---|---|
//! | `names` | what a tensor's name means |
//! | `module` | a module's tensors as a change |

mod module;
mod names;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use common::{Error, Result};
use serde_json::Value;

use self::module::{Module, Reader, kind, rank_tensor};
use super::embedding::{self, Embedding};
use super::file_kind::FileKind;
use super::ldm::NameTable;
use super::part::Part;
use super::weights::{SafetensorsFile, TensorMap};

pub use names::is_tensor;
use names::parse;

/// A LoRA file and how strongly it acts.
#[derive(Clone, Debug)]
pub struct Lora {
    file: Arc<SafetensorsFile>,
    scale: f64,
    modules: BTreeMap<(Part, String), Module>,
    embeddings: Vec<Embedding>,
}

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
        Self::of_file(Arc::new(SafetensorsFile::open(path)?), scale)
    }

    /// The same of a file that is open.
    ///
    /// # Errors
    /// As [`Lora::open`].
    pub fn of_file(file: Arc<SafetensorsFile>, scale: f64) -> Result<Self> {
        FileKind::of(&file).expect(FileKind::Lora, &file.path)?;
        let mut modules: BTreeMap<(Part, String), Module> = BTreeMap::new();
        for name in file.entries().keys() {
            if name.starts_with(embedding::BUNDLED) {
                continue;
            }
            let (key, role) = parse(name).ok_or_else(|| {
                Error::weights(
                    &file.path,
                    format!("tensor `{name}` is of no known kind of LoRA"),
                )
                .with_hint("LoRA, LoCon, LoHa, LoKr and DoRA files can be used")
            })?;
            let spelled = key.1.clone();
            let module = modules.entry(key).or_default();
            if let Some(other) = module.insert(role, name.clone()) {
                return Err(Error::weights(
                    &file.path,
                    format!("has two LoRAs for `{spelled}`: `{other}` and `{name}`"),
                )
                .with_hint("save each adapter to a file of its own"));
            }
        }
        if modules.is_empty() {
            return Err(Error::weights(&file.path, "holds no LoRA"));
        }
        let lora = Self {
            embeddings: Embedding::bundled(&file)?,
            file,
            scale,
            modules,
        };
        for ((_, spelled), module) in &lora.modules {
            lora.reader(spelled, module).check()?;
        }
        Ok(lora)
    }

    fn reader<'a>(&'a self, spelled: &'a str, module: &'a Module) -> Reader<'a> {
        Reader {
            file: &self.file,
            spelled,
            module,
            scale: self.scale,
        }
    }

    /// Embeddings that the file brings along, by their names in it.
    pub fn embeddings(&self) -> &[Embedding] {
        &self.embeddings
    }

    /// The algorithms of its modules, each once.
    pub fn kinds(&self) -> BTreeSet<&'static str> {
        self.modules.values().map(kind).collect()
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
        let tensors = self.modules.values().filter_map(rank_tensor);
        let entries = tensors.filter_map(|name| self.file.entries().get(name));
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
                targets.insert(original, module.to_owned());
            }
        }
        let modules = self.modules.iter().filter(|((of, _), _)| *of == part);
        for ((_, spelled), module) in modules {
            let lacking = |what: &str| {
                Error::weights(
                    &self.file.path,
                    format!(
                        "has a LoRA for {what}, which the model's {} doesn't have",
                        part.folder()
                    ),
                )
                .with_hint("the LoRA may be made for another family of models")
            };
            let target = targets
                .get(spelled)
                .ok_or_else(|| lacking(&format!("`{spelled}`")))?;
            let reader = self.reader(spelled, module);
            let changes = reader.changes(self.alpha_in_header(part, target))?;
            for (kind, deltas) in [("weight", changes.weight), ("bias", changes.bias)] {
                let name = format!("{target}.{kind}");
                if !deltas.is_empty() && !map.tensors.contains_key(&name) {
                    return Err(lacking(&format!("`{name}`")));
                }
                map.deltas.entry(name).or_default().extend(deltas);
            }
        }
        Ok(())
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
