//! Which tensors a network has, where they lie, and what LoRAs add to them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::{Device, Tensor};
use common::{Error, Result};

use super::{Delta, Entry, SafetensorsFile};

/// Where a tensor lies and how the file stores it.
#[derive(Clone, Debug)]
pub struct Located {
    /// The file.
    pub file: Arc<SafetensorsFile>,
    /// The tensor's name inside the file.
    pub name: String,
    /// How the stored tensor differs from the wanted one.
    pub layout: Layout,
}

/// How a stored tensor differs from the one that a network wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// It doesn't, but for axes of length 1 at the end: a linear layer may be stored as a 1x1 convolution.
    AsStored,
    /// A matrix, stored transposed.
    Transposed,
    /// Part `part` of `n_parts` equal parts of the first axis.
    Rows {
        /// Which part, from 0.
        part: usize,
        /// Number of parts.
        n_parts: usize,
    },
}

/// The tensors of one network.
#[derive(Clone, Debug)]
pub struct TensorMap {
    /// The folder or file that errors about missing tensors name.
    pub label: PathBuf,
    /// The tensors by the network's own names.
    pub tensors: BTreeMap<String, Located>,
    /// Changes by the name of the tensor that they change.
    pub deltas: BTreeMap<String, Vec<Delta>>,
}

impl TensorMap {
    /// The tensors of `files` under their own names.
    ///
    /// # Errors
    /// [`Error::Weights`] if two files hold the same tensor.
    pub fn from_files(label: &Path, files: &[Arc<SafetensorsFile>]) -> Result<Self> {
        let mut map = Self {
            label: label.to_owned(),
            tensors: BTreeMap::new(),
            deltas: BTreeMap::new(),
        };
        for file in files {
            for name in file.entries().keys() {
                let located = Located::as_stored(file, name);
                if map.tensors.insert(name.clone(), located).is_some() {
                    return Err(Error::weights(
                        &file.path,
                        format!("tensor `{name}` is in another shard too"),
                    ));
                }
            }
        }
        Ok(map)
    }

    /// Names of the modules that have a weight: tensor names without `.weight`.
    pub fn modules(&self) -> BTreeSet<&str> {
        self.tensors
            .keys()
            .filter_map(|name| name.strip_suffix(".weight"))
            .collect()
    }

    /// Number of parameters, and the bytes that they take in the files.
    pub fn n_parameters(&self) -> u64 {
        let entries = self.tensors.values().filter_map(Located::entry);
        entries
            .filter(|entry| entry.float_dtype().is_some())
            .map(|entry| entry.n_elements() as u64)
            .sum()
    }
}

impl Located {
    /// A tensor that is used as it is stored.
    pub fn as_stored(file: &Arc<SafetensorsFile>, name: &str) -> Self {
        Self {
            file: Arc::clone(file),
            name: name.to_owned(),
            layout: Layout::AsStored,
        }
    }

    /// Its line in the file's header.
    pub fn entry(&self) -> Option<&Entry> {
        self.file.entries().get(&self.name)
    }

    /// The shape that the network sees, before axes of length 1 at the end are dropped or added.
    pub fn shape(&self) -> Vec<usize> {
        let mut shape = self
            .entry()
            .map(|entry| entry.shape.clone())
            .unwrap_or_default();
        match self.layout {
            Layout::AsStored => {}
            Layout::Transposed => shape.reverse(),
            Layout::Rows { n_parts, .. } => {
                if let Some(rows) = shape.first_mut() {
                    *rows /= n_parts.max(1);
                }
            }
        }
        shape
    }

    pub(super) fn is_f16(&self) -> bool {
        self.entry().is_some_and(|entry| entry.dtype == "F16")
    }

    /// Refuses element types that networks can't use.
    pub(super) fn check_dtype(&self) -> Result<()> {
        match self.entry() {
            Some(entry) if entry.float_dtype().is_none() => Err(Error::weights(
                &self.file.path,
                format!(
                    "tensor `{}` has element type {}; F8, F16, BF16 and F32 can be used",
                    self.name, entry.dtype
                ),
            )),
            _ => Ok(()),
        }
    }

    /// The elements in the layout that the network wants, as f32 on the CPU.
    ///
    /// # Errors
    /// As [`SafetensorsFile::read_f32`].
    pub fn read(&self) -> Result<Tensor> {
        let stored = self
            .entry()
            .map(|entry| entry.shape.clone())
            .unwrap_or_default();
        let mut values = self.file.read_f32(&self.name)?;
        self.file.scale_up(&self.name, &mut values)?;
        let rearrange = || -> candle_core::Result<Tensor> {
            let tensor = Tensor::from_vec(values, stored, &Device::Cpu)?;
            match self.layout {
                Layout::AsStored => Ok(tensor),
                Layout::Transposed => tensor.t()?.contiguous(),
                Layout::Rows { part, n_parts } => {
                    let n_rows = tensor.dim(0)? / n_parts.max(1);
                    tensor.narrow(0, part * n_rows, n_rows)?.contiguous()
                }
            }
        };
        rearrange().map_err(Error::tensor("reading weights"))
    }
}
