//! Tensors of a network by the names that diffusers gives them, wherever they come from.
//!
//! A [`Weights`] is a view of one network's tensors below a dotted prefix. [`Weights::tensor`] checks shape, element type
//! and finiteness, so that a network which was built has sound weights; an error names the file and the tensor.

mod bytes;
mod safetensors;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{DType, Device, Shape, Tensor};

pub use bytes::Bytes;
pub use safetensors::{Entry, SafetensorsFile};

use common::{Error, Result};
use kernels::Method;

use crate::device::compute_dtype;

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

/// A low-rank change of one tensor: `scale * up @ down`, with the user's scale and alpha / rank folded into `scale`.
#[derive(Clone, Debug)]
pub struct Delta {
    /// Factor of the product.
    pub scale: f64,
    /// `[rank, in]`, or `[rank, in, k, k]` for a convolution.
    pub down: Located,
    /// `[out, rank]`, or `[out, rank, 1, 1]`.
    pub up: Located,
}

/// The tensors of one network.
#[derive(Clone, Debug)]
pub struct TensorMap {
    /// The folder or file that errors about missing tensors name.
    pub label: PathBuf,
    /// The tensors by the network's own names.
    pub tensors: BTreeMap<String, Located>,
    /// Low-rank changes by the name of the tensor that they change.
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

    fn is_f16(&self) -> bool {
        self.entry().is_some_and(|entry| entry.dtype == "F16")
    }

    /// Refuses element types that networks can't use.
    fn check_dtype(&self) -> Result<()> {
        match self.entry() {
            Some(entry) if entry.float_dtype().is_none() => Err(Error::weights(
                &self.file.path,
                format!(
                    "tensor `{}` has element type {}; F16, BF16 and F32 can be used",
                    self.name, entry.dtype
                ),
            )),
            _ => Ok(()),
        }
    }

    /// The elements in the layout that the network wants, as f32 on the CPU.
    fn read(&self) -> Result<Tensor> {
        let stored = self
            .entry()
            .map(|entry| entry.shape.clone())
            .unwrap_or_default();
        let values = self.file.read_f32(&self.name)?;
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

/// A view of a network's tensors below a prefix, with the device and element type to load them to.
#[derive(Clone, Debug)]
pub struct Weights {
    map: Arc<TensorMap>,
    prefix: String,
    device: Device,
    dtype: DType,
    half: Option<DType>,
    method: Method,
    mode: Mode,
}

#[derive(Clone, Debug)]
enum Mode {
    /// Tensors are read.
    Load,
    /// Tensors are only checked, and their elements counted.
    Check(Arc<Counts>),
    /// There are no tensors: what is asked for is noted.
    Note(Arc<Mutex<BTreeMap<String, Vec<usize>>>>),
}

/// Elements of tensors that were checked.
#[derive(Debug, Default)]
struct Counts {
    all: AtomicU64,
    winograd: AtomicU64,
}

impl Weights {
    /// All tensors of `map`, to be loaded as `dtype` on `device`. The CPU computes in f32 all the same, and keeps the large
    /// ones as `dtype`.
    pub fn new(map: TensorMap, device: &Device, dtype: DType) -> Self {
        let compute = compute_dtype(device, dtype);
        Self {
            map: Arc::new(map),
            prefix: String::new(),
            device: device.clone(),
            dtype: compute,
            half: (dtype != compute).then_some(dtype),
            method: Method::Exact,
            mode: Mode::Load,
        }
    }

    /// All tensors of `map`, to be checked for names, shapes and types without reading their elements. Networks that are
    /// built from these can't be run.
    pub fn check_only(map: TensorMap) -> Self {
        Self {
            mode: Mode::Check(Arc::default()),
            ..Self::new(map, &Device::Cpu, DType::F32)
        }
    }

    /// No tensors at all: a network that is built from these can't be run, but [`Weights::noted`] tells what it needs.
    pub fn note_only() -> Self {
        let map = TensorMap {
            label: PathBuf::new(),
            tensors: BTreeMap::new(),
            deltas: BTreeMap::new(),
        };
        Self {
            mode: Mode::Note(Arc::default()),
            ..Self::new(map, &Device::Cpu, DType::F32)
        }
    }

    /// Names and shapes that were asked for so far, if they are noted.
    pub fn noted(&self) -> BTreeMap<String, Vec<usize>> {
        match &self.mode {
            Mode::Note(noted) => noted.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            Mode::Load | Mode::Check(_) => BTreeMap::new(),
        }
    }

    /// Number of elements that were asked for so far, if tensors are only checked.
    pub fn n_checked(&self) -> u64 {
        match &self.mode {
            Mode::Load | Mode::Note(_) => 0,
            Mode::Check(counts) => counts.all.load(Ordering::Relaxed),
        }
    }

    /// How many of them are weights of convolutions that [`Method::Fast`] keeps transformed as well, at any size.
    pub fn n_winograd(&self) -> u64 {
        match &self.mode {
            Mode::Load | Mode::Note(_) => 0,
            Mode::Check(counts) => counts.winograd.load(Ordering::Relaxed),
        }
    }

    /// The same for layers that compute on the CPU by `method`; [`Method::Exact`] otherwise.
    #[must_use]
    pub fn with_method(self, method: Method) -> Self {
        Self { method, ..self }
    }

    /// How layers compute on the CPU.
    pub fn method(&self) -> Method {
        self.method
    }

    /// The tensors below `name`.
    pub fn at(&self, name: impl std::fmt::Display) -> Self {
        Self {
            prefix: format!("{}{name}.", self.prefix),
            ..self.clone()
        }
    }

    /// Where tensors are loaded to.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Element type of loaded tensors.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The narrower element type in which layers keep their weights between calls, if it isn't [`Weights::dtype`].
    pub fn half(&self) -> Option<DType> {
        self.half
    }

    /// The error for a configuration that can't be that of a network.
    pub fn misfit(&self, reason: String) -> Error {
        let place = self.prefix.trim_end_matches('.');
        Error::weights(&self.map.label, format!("`{place}`: {reason}"))
            .with_hint("the configuration may be damaged")
    }

    /// Whether layers keep their weights as the CPU's kernels want them.
    pub(super) fn packs(&self) -> bool {
        matches!(self.mode, Mode::Load) && self.device.is_cpu() && self.dtype == DType::F32
    }

    /// Whether there is a tensor of this name.
    pub fn has(&self, name: &str) -> bool {
        self.map
            .tensors
            .contains_key(&format!("{}{name}", self.prefix))
    }

    /// Loads a tensor.
    ///
    /// # Errors
    /// [`Error::Weights`] if it is missing, of another shape or an unusable element type, or not finite.
    pub fn tensor(&self, name: &str, shape: impl Into<Shape>) -> Result<Tensor> {
        let shape = shape.into();
        let full_name = format!("{}{name}", self.prefix);
        if let Mode::Note(noted) = &self.mode {
            let mut noted = noted.lock().unwrap_or_else(PoisonError::into_inner);
            noted.insert(full_name, shape.dims().to_vec());
            return self.placeholder(shape);
        }
        let located = self.map.tensors.get(&full_name).ok_or_else(|| {
            Error::weights(&self.map.label, format!("tensor `{full_name}` is missing"))
                .with_hint("the configuration and the weights may belong to different models")
        })?;
        let stored = located.shape();
        if !same_but_for_trailing_ones(&stored, shape.dims()) {
            return Err(Error::weights(
                &located.file.path,
                format!(
                    "tensor `{full_name}` has shape {stored:?}, expected {:?}",
                    shape.dims()
                ),
            )
            .with_hint("the configuration and the weights may belong to different models"));
        }
        if let Mode::Check(counts) = &self.mode {
            let n_elements = shape.elem_count() as u64;
            counts.all.fetch_add(n_elements, Ordering::Relaxed);
            if let [c_out, c_in, 3, 3] = shape.dims()
                && kernels::is_always_winograd(*c_in, *c_out)
            {
                counts.winograd.fetch_add(n_elements, Ordering::Relaxed);
            }
            located.check_dtype()?;
            return self.placeholder(shape);
        }
        let mut tensor = located.read()?;
        for delta in self.map.deltas.get(&full_name).into_iter().flatten() {
            tensor = delta.add_to(&tensor, &full_name)?;
        }
        self.check_range(&full_name, located, &tensor)?;
        tensor
            .reshape(shape)
            .and_then(|tensor| tensor.to_device(&self.device)?.to_dtype(self.dtype))
            .map_err(Error::tensor("moving weights to the device"))
    }
}

impl Weights {
    /// Half precision ends at 65504; a weight beyond it would turn pictures black.
    fn check_range(&self, name: &str, located: &Located, tensor: &Tensor) -> Result<()> {
        if self.half.unwrap_or(self.dtype) != DType::F16 || located.is_f16() {
            return Ok(());
        }
        let largest = || tensor.abs()?.flatten_all()?.max(0)?.to_scalar::<f32>();
        let largest = largest().map_err(Error::tensor("checking weights"))?;
        if largest <= half::f16::MAX.to_f32() {
            return Ok(());
        }
        Err(Error::weights(
            &located.file.path,
            format!("tensor `{name}` has the value {largest}, which f16 can't hold"),
        )
        .with_hint("use `dtype bf16` or f32"))
    }

    /// A tensor of this shape that takes no memory.
    fn placeholder(&self, shape: Shape) -> Result<Tensor> {
        Tensor::zeros((), self.dtype, &self.device)
            .and_then(|zero| zero.broadcast_as(shape))
            .map_err(Error::tensor("checking weights"))
    }
}

impl Delta {
    fn add_to(&self, weight: &Tensor, name: &str) -> Result<Tensor> {
        let down = self.down.read()?;
        let up = self.up.read()?;
        let add = || -> candle_core::Result<Tensor> {
            let down = down.flatten_from(1)?; // [rank, in * k * k]
            let up = up.flatten_from(1)?; // [out, rank]
            let product = (up.matmul(&down)? * self.scale)?;
            weight + product.reshape(weight.shape())?
        };
        add().map_err(|error| {
            Error::weights(
                &self.down.file.path,
                format!(
                    "`{}` of shape {:?} and `{}` of shape {:?} don't fit `{name}` of shape {:?}: {error}",
                    self.down.name,
                    self.down.shape(),
                    self.up.name,
                    self.up.shape(),
                    weight.dims(),
                ),
            )
        })
    }
}

fn same_but_for_trailing_ones(a: &[usize], b: &[usize]) -> bool {
    fn trimmed(shape: &[usize]) -> &[usize] {
        let n_axes = shape
            .iter()
            .rposition(|&side| side != 1)
            .map_or(0, |axis| axis + 1);
        shape.get(..n_axes).unwrap_or(shape)
    }
    trimmed(a) == trimmed(b)
}

#[cfg(test)]
mod tests;
