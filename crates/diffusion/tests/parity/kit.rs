//! Reading a kit, comparing tensors, and the report.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use diffusion::model::{ConfigFile, parse_json};
use serde_json::Value;

/// Bound for everything.
const BOUND: f64 = 1e-4;
/// Bound for a single call of a network.
pub const CALL_BOUND: f64 = 1e-5;

/// Reads a JSON file, with the bare infinities that Python writes.
pub fn json_file(path: &Path) -> Value {
    let text =
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    parse_json(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The tensors of a family and their description.
pub struct Expected {
    pub family: String,
    pub meta: Value,
    pub describe: Value,
    tensors: BTreeMap<String, Tensor>,
    used: BTreeSet<String>,
}

impl Expected {
    pub fn load(path: &Path, family: &str) -> Self {
        let json = json_file(&path.with_extension("json"));
        let tensors = candle_core::safetensors::load(path, &Device::Cpu)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self {
            family: family.to_owned(),
            meta: json["meta"].clone(),
            describe: json["tensors"].clone(),
            tensors: tensors.into_iter().collect(),
            used: BTreeSet::new(),
        }
    }

    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// A tensor; it counts as used from now on.
    pub fn get(&mut self, name: &str) -> Tensor {
        self.used.insert(name.to_owned());
        let tensor = self.tensors.get(name);
        tensor
            .unwrap_or_else(|| panic!("{} has no tensor {name}", self.family))
            .clone()
    }

    pub fn try_get(&mut self, name: &str) -> Option<Tensor> {
        self.has(name).then(|| self.get(name))
    }

    /// Integers as rows.
    pub fn ids(&mut self, name: &str) -> Vec<Vec<u32>> {
        let ids = self.get(name).to_dtype(DType::U32).unwrap();
        ids.to_vec2().unwrap()
    }

    pub fn skip(&mut self, name: &str) {
        self.used.insert(name.to_owned());
    }

    pub fn strings(&self, key: &str) -> Vec<String> {
        let list = self.meta[key].as_array().cloned().unwrap_or_default();
        list.iter()
            .map(|text| text.as_str().expect("a string").to_owned())
            .collect()
    }

    /// The first part of every name that has `prefix` in front and `suffix` behind.
    pub fn cases(&self, prefix: &str, suffix: &str) -> Vec<String> {
        let middle =
            |name: &String| Some(name.strip_prefix(prefix)?.strip_suffix(suffix)?.to_owned());
        self.tensors.keys().filter_map(middle).collect()
    }

    /// Nothing in a kit may go unnoticed.
    pub fn check_all_used(&self, report: &mut Report) {
        for name in self
            .tensors
            .keys()
            .filter(|name| !self.used.contains(*name))
        {
            report
                .failures
                .push(format!("{}: {name} was not compared", self.family));
        }
    }
}

/// Worst errors by family and group.
#[derive(Default)]
pub struct Report {
    groups: Vec<((String, String), Group)>,
    pub failures: Vec<String>,
}

struct Group {
    worst: f64,
    worst_name: String,
    n_tensors: usize,
    bound: f64,
}

impl Report {
    /// Compares under the general bound; the group is the name's first two parts.
    pub fn compare(&mut self, expected: &mut Expected, name: &str, actual: &Tensor) {
        self.compare_within(expected, name, actual, BOUND);
    }

    pub fn compare_within(
        &mut self,
        expected: &mut Expected,
        name: &str,
        actual: &Tensor,
        bound: f64,
    ) {
        let error = relative_error(&expected.get(name), actual);
        let family = expected.family.clone();
        self.add(&family, name, error, bound);
    }

    /// Compares whole numbers, which must be equal.
    pub fn compare_ids(&mut self, expected: &mut Expected, name: &str, actual: &[Vec<u32>]) {
        let wanted = expected.ids(name);
        let error = if wanted == actual { 0.0 } else { f64::INFINITY };
        let family = expected.family.clone();
        self.add(&family, name, error, 0.0);
    }

    pub fn add(&mut self, family: &str, name: &str, error: f64, bound: f64) {
        let mut parts = name.split('/');
        let group = match (parts.next(), parts.next(), parts.next()) {
            (Some(first), _, Some("timestep_cond")) => format!("{first}/timestep_cond"),
            (Some(first), Some(second), Some(_)) => format!("{first}/{second}"),
            (Some(first), ..) => first.to_owned(),
            _ => String::new(),
        };
        if error.is_nan() || error > bound {
            self.failures.push(format!(
                "{family}: {name} is off by {error:.2e} (bound {bound:.0e})"
            ));
        }
        let key = (family.to_owned(), group);
        let new = || Group {
            worst: -1.0,
            worst_name: String::new(),
            n_tensors: 0,
            bound,
        };
        let position = self.groups.iter().position(|(known, _)| *known == key);
        let position = position.unwrap_or_else(|| {
            self.groups.push((key, new()));
            self.groups.len() - 1
        });
        let group = &mut self.groups[position].1;
        group.n_tensors += 1;
        if error.is_nan() || error > group.worst {
            group.worst = error;
            group.worst_name = name.to_owned();
        }
    }

    /// Prints the lines; fails if anything was outside of its bound, or nothing was compared.
    pub fn finish(self) {
        println!(
            "{:<16} {:<28} {:>9}  bound  worst tensor (tensors)",
            "family", "group", "error"
        );
        for ((family, group), row) in &self.groups {
            println!(
                "{family:<16} {group:<28} {:>9.1e}  {:<5.0e}  {} ({})",
                row.worst, row.bound, row.worst_name, row.n_tensors
            );
        }
        assert!(!self.groups.is_empty(), "the kit holds nothing to compare");
        assert!(self.failures.is_empty(), "{}", self.failures.join("\n"));
    }
}

/// `|actual - expected| / |expected|`; infinite for another shape.
pub fn relative_error(expected: &Tensor, actual: &Tensor) -> f64 {
    if expected.dims() != actual.dims() {
        println!("shape {:?}, expected {:?}", actual.dims(), expected.dims());
        return f64::INFINITY;
    }
    let wide = |tensor: &Tensor| tensor.to_dtype(DType::F64).unwrap().flatten_all().unwrap();
    let norm = |tensor: &Tensor| {
        tensor
            .sqr()
            .unwrap()
            .sum_all()
            .unwrap()
            .to_scalar::<f64>()
            .unwrap()
            .sqrt()
    };
    let (expected, actual) = (wide(expected), wide(actual));
    let difference = norm(&(actual - &expected).unwrap());
    let size = norm(&expected);
    if size == 0.0 {
        difference
    } else {
        difference / size
    }
}

/// A scheduler's description in a kit as the file that diffusers would have written.
pub fn scheduler_file(class: &Value, config: &Value) -> ConfigFile {
    let mut values = config
        .as_object()
        .expect("a scheduler's configuration")
        .clone();
    values.insert("_class_name".to_owned(), class.clone());
    ConfigFile {
        path: "the kit's scheduler".into(),
        values,
    }
}

pub fn numbers(values: &[f64]) -> Tensor {
    let values: Vec<f32> = values.iter().map(|value| *value as f32).collect();
    Tensor::new(values, &Device::Cpu).unwrap()
}

pub fn to_f64(tensor: &Tensor) -> Vec<f64> {
    tensor
        .to_dtype(DType::F64)
        .unwrap()
        .flatten_all()
        .unwrap()
        .to_vec1()
        .unwrap()
}
