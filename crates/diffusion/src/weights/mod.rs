//! Tensors of a network by the names that diffusers gives them, wherever they come from.
//!
//! A [`Weights`] is a view of one network's tensors below a dotted prefix. [`Weights::tensor`] checks shape, element type
//! and finiteness, so that a network which was built has sound weights; an error names the file and the tensor.

mod bytes;
mod delta;
mod eight_bits;
mod format;
mod safetensors;
mod tensor_map;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{DType, Device, Shape, Tensor};

pub use bytes::Bytes;
pub use delta::{Delta, Factor, Magnitude, Product};
pub use safetensors::{Entry, SafetensorsFile};
pub use tensor_map::{Layout, Located, TensorMap};

use common::{Error, Result};
use gpu::{Element, Gpu};
use kernels::{Border, Method};

use crate::device::compute_dtype;
use crate::layers::Place;
use crate::noise::gaussian;

/// Padding modes of 3x3 convolutions, by PyTorch's names: what they see around a picture.
pub const PADDING_MODES: [&str; 2] = ["zeros", "reflect"];

/// The border of one of [`PADDING_MODES`].
pub fn border_of(padding_mode: &str) -> Border {
    match padding_mode {
        "reflect" => Border::Reflect,
        _ => Border::Zero,
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
    border: Border,
    place: Place,
    mode: Mode,
}

#[derive(Clone, Debug)]
enum Mode {
    /// Tensors are read.
    Load,
    /// Tensors are only checked, and their elements counted.
    Check(Arc<Counts>),
    /// There are no tensors: each that is asked for is made of noise.
    Noise,
    /// There are no tensors: names and shapes that are asked for are recorded.
    Record(Arc<Mutex<BTreeMap<String, Vec<usize>>>>),
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
            border: Border::Zero,
            place: Place::Tensors,
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

    /// No tensors at all: a network that is built from these can't be run, but [`Weights::recorded_shapes`] tells what it needs.
    pub fn recording() -> Self {
        let map = TensorMap {
            label: PathBuf::new(),
            tensors: BTreeMap::new(),
            deltas: BTreeMap::new(),
        };
        Self {
            mode: Mode::Record(Arc::default()),
            ..Self::new(map, &Device::Cpu, DType::F32)
        }
    }

    /// No tensors at all: layers that are built from these have weights of noise, which their input neither grows nor shrinks by.
    pub fn of_noise(device: &Device, dtype: DType) -> Self {
        let map = TensorMap {
            label: PathBuf::new(),
            tensors: BTreeMap::new(),
            deltas: BTreeMap::new(),
        };
        Self {
            mode: Mode::Noise,
            ..Self::new(map, device, dtype)
        }
    }

    /// Names and shapes that were asked for so far, of [`Weights::recording`].
    pub fn recorded_shapes(&self) -> BTreeMap<String, Vec<usize>> {
        match &self.mode {
            Mode::Record(recorded) => recorded
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
            Mode::Load | Mode::Noise | Mode::Check(_) => BTreeMap::new(),
        }
    }

    /// Number of elements that were asked for so far, if tensors are only checked.
    pub fn n_checked(&self) -> u64 {
        match &self.mode {
            Mode::Load | Mode::Noise | Mode::Record(_) => 0,
            Mode::Check(counts) => counts.all.load(Ordering::Relaxed),
        }
    }

    /// How many of them are weights of convolutions that [`Method::Fast`] keeps transformed as well, at any size.
    pub fn n_winograd(&self) -> u64 {
        match &self.mode {
            Mode::Load | Mode::Noise | Mode::Record(_) => 0,
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

    /// The same for 3x3 convolutions that see `border` around a picture; [`Border::Zero`] otherwise.
    #[must_use]
    pub fn with_border(self, border: Border) -> Self {
        Self { border, ..self }
    }

    /// What 3x3 convolutions see around a picture.
    pub fn border(&self) -> Border {
        self.border
    }

    /// The same for layers that compute on a GPU of [`gpu`], in half precision if that is what weights are kept in.
    #[must_use]
    pub fn with_gpu(self, gpu: &Gpu) -> Self {
        let element = match self.half {
            Some(DType::F16) => Element::F16,
            _ => Element::F32,
        };
        Self {
            place: Place::Gpu(gpu.clone(), element),
            ..self
        }
    }

    /// The same for layers that stay on the CPU while others of their network are on a GPU.
    #[must_use]
    pub fn without_gpu(self) -> Self {
        match self.place {
            Place::Tensors => self,
            Place::Gpu(..) => Self {
                place: Place::Tensors,
                half: None,
                ..self
            },
        }
    }

    /// Where layers compute.
    pub fn place(&self) -> &Place {
        &self.place
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
        let on_cpu = self.device.is_cpu() && matches!(self.place, Place::Tensors);
        matches!(self.mode, Mode::Load | Mode::Noise) && on_cpu && self.dtype == DType::F32
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
        if let Mode::Record(recorded) = &self.mode {
            let mut recorded = recorded.lock().unwrap_or_else(PoisonError::into_inner);
            recorded.insert(full_name, shape.dims().to_vec());
            return self.placeholder(shape);
        }
        if matches!(self.mode, Mode::Noise) {
            return self.noise(shape);
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
        let original = located.read()?;
        let mut tensor = original.clone();
        for delta in self.map.deltas.get(&full_name).into_iter().flatten() {
            let change = delta.change(&original, &full_name)?;
            tensor = (tensor + change).map_err(Error::tensor("adding up changes of weights"))?;
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

    /// Noise whose sums over a layer's input are as large as a value of it.
    fn noise(&self, shape: Shape) -> Result<Tensor> {
        let n_summed: usize = shape.dims().iter().skip(1).product();
        let scale = (n_summed.max(1) as f64).powf(-0.5);
        let values = gaussian(2, 0, shape.elem_count());
        let values: Vec<f32> = values.into_iter().map(|x| (x * scale) as f32).collect();
        Tensor::from_vec(values, shape, &self.device)
            .and_then(|tensor| tensor.to_dtype(self.dtype))
            .map_err(Error::tensor("making weights of noise"))
    }

    /// A tensor of this shape that takes no memory.
    fn placeholder(&self, shape: Shape) -> Result<Tensor> {
        Tensor::zeros((), self.dtype, &self.device)
            .and_then(|zero| zero.broadcast_as(shape))
            .map_err(Error::tensor("checking weights"))
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
