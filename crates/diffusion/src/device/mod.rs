//! Where models draw.

mod arithmetic;
mod fault;
mod list;

use candle_core::{DType, Device as TensorDevice};
use common::{Error, Result};
use gpu::{Adapter, Gpu};
use kernels::Isa;

pub(crate) use arithmetic::arithmetic;
pub(crate) use fault::{explained, of_gpu};
pub use list::{DeviceDescription, devices};

/// Whether this program was built for GPUs through Vulkan, Metal or Direct3D 12.
pub const HAS_GPUS: bool = gpu::HAS_DRIVERS;

/// Where a model draws.
#[derive(Clone, Debug)]
pub enum Device {
    /// Where candle computes: on the CPU, whose layers are our kernels', or on an NVIDIA or Apple GPU.
    Tensors(TensorDevice),
    /// On any GPU, through Vulkan, Metal or Direct3D 12. Text encoders, schedulers and noise stay on the CPU.
    Gpu(Gpu),
}

impl Device {
    /// Whether it is the CPU.
    pub fn is_cpu(&self) -> bool {
        matches!(self, Self::Tensors(device) if device.is_cpu())
    }

    /// The GPU that is driven by [`gpu`], if it is one.
    pub fn gpu(&self) -> Option<&Gpu> {
        match self {
            Self::Gpu(gpu) => Some(gpu),
            Self::Tensors(_) => None,
        }
    }

    /// Where tensors are.
    pub fn tensors(&self) -> &TensorDevice {
        match self {
            Self::Tensors(device) => device,
            Self::Gpu(_) => &TensorDevice::Cpu,
        }
    }

    /// Whether layers compute in f16 with weights of `dtype`.
    pub(crate) fn computes_in_f16(&self, dtype: DType) -> bool {
        let computes = match self {
            Self::Tensors(device) => compute_dtype(device, dtype),
            Self::Gpu(_) => dtype,
        };
        computes == DType::F16
    }
}

impl From<&Device> for Device {
    fn from(device: &Self) -> Self {
        device.clone()
    }
}

impl From<&TensorDevice> for Device {
    fn from(device: &TensorDevice) -> Self {
        Self::Tensors(device.clone())
    }
}

/// The device that has this name (`cpu`, `gpu`, `gpu:1`, `cuda`, `cuda:1` or `metal`), and what it is called. It is used or refused,
/// never replaced.
///
/// # Errors
/// [`Error::Device`] for an unknown name, for a device that this program wasn't built for (with the feature to build
/// with), for one that isn't there, and for a limit of the CPU's instruction sets ([`kernels::LIMIT`]) that isn't known.
pub fn open_device(name: &str) -> Result<(Device, String)> {
    Isa::check_limit().map_err(|reason| Error::Device { reason, hint: None })?;
    let (kind, ordinal) = name.split_once(':').unwrap_or((name, "0"));
    let ordinal: usize = ordinal.parse().map_err(|_| unknown(name))?;
    let (device, what) = match kind {
        "cpu" if kind == name => (TensorDevice::Cpu, cpu()),
        "gpu" => {
            needs(gpu::HAS_DRIVERS, "gpu", "GPUs")?;
            let gpu = Adapter::numbered(ordinal).and_then(|adapter| Gpu::open(&adapter));
            let gpu = gpu.map_err(of_gpu)?;
            let what = gpu.identity().to_owned();
            return Ok((Device::Gpu(gpu), what));
        }
        "cuda" => {
            needs(
                candle_core::utils::cuda_is_available(),
                "cuda",
                "CUDA, the way to NVIDIA GPUs that NVIDIA gives",
            )?;
            let device = TensorDevice::new_cuda(ordinal).map_err(|error| absent(name, &error))?;
            (device, format!("NVIDIA GPU {ordinal}"))
        }
        "metal" => {
            needs(
                candle_core::utils::metal_is_available(),
                "metal",
                "candle's Metal backend",
            )?;
            let device = TensorDevice::new_metal(ordinal).map_err(|error| absent(name, &error))?;
            (device, format!("Apple GPU {ordinal}"))
        }
        _ => return Err(unknown(name)),
    };
    Ok((Device::Tensors(device), what))
}

/// The element type of the weights that the setting `dtype` names: `auto`, `f32`, `f16` or `bf16`. `auto` is f32 on the CPU and f16 on
/// GPUs that compute in it.
///
/// # Errors
/// [`Error::Config`] for another name, or for one that the device doesn't have.
pub fn choose_dtype(name: &str, device: &Device) -> Result<DType> {
    let has_f16 = device.gpu().is_none_or(Gpu::has_f16);
    let refused = |allowed: &str| {
        Err(Error::Config {
            name: "dtype",
            value: name.to_owned(),
            allowed: allowed.to_owned(),
        })
    };
    match name {
        "auto" if device.is_cpu() || !has_f16 => Ok(DType::F32),
        "auto" => Ok(DType::F16),
        "f32" => Ok(DType::F32),
        "f16" if !has_f16 => refused("this GPU computes in f32 alone"),
        "f16" => Ok(DType::F16),
        "bf16" if device.gpu().is_some() => refused("GPUs compute in f32 or f16"),
        "bf16" => Ok(DType::BF16),
        _ => refused("give auto, f32, f16 or bf16"),
    }
}

/// The element type in which tensors of weights of `dtype` are computed with. The CPU's kernels know f32 alone: weights in half
/// precision are widened for every call there.
pub fn compute_dtype(device: &TensorDevice, dtype: DType) -> DType {
    match device.is_cpu() && matches!(dtype, DType::F16 | DType::BF16) {
        true => DType::F32,
        false => dtype,
    }
}

/// An NVIDIA GPU, else an Apple one, that candle computes on, as far as this program was built for them and they are there.
pub(crate) fn gpu_of_candle() -> Option<(Device, String)> {
    let nvidia = || Some((TensorDevice::new_cuda(0).ok()?, "NVIDIA GPU 0"));
    let apple = || Some((TensorDevice::new_metal(0).ok()?, "Apple GPU 0"));
    let (device, name) = nvidia().or_else(apple)?;
    Some((Device::Tensors(device), name.to_owned()))
}

/// What the CPU is called: with its instruction set where the environment limits that.
fn cpu() -> String {
    match Isa::is_limited() {
        true => format!("CPU with {} at most", Isa::best().name()),
        false => "CPU".to_owned(),
    }
}

fn needs(is_built: bool, feature: &str, what: &str) -> Result<()> {
    if is_built {
        return Ok(());
    }
    Err(Error::Device {
        reason: format!("this program was built without support for {what}"),
        hint: Some(format!(
            "build it with: cargo build --release --features {feature}"
        )),
    })
}

fn absent(name: &str, error: &candle_core::Error) -> Error {
    Error::Device {
        reason: format!("{name} can't be used: {error}"),
        hint: Some("`device auto` takes what is there".to_owned()),
    }
}

fn unknown(name: &str) -> Error {
    Error::Device {
        reason: format!("there is no device \"{name}\""),
        hint: Some("give auto, cpu, gpu, gpu:1, cuda, cuda:1 or metal".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_is_always_there() {
        assert!(open_device("cpu").unwrap().0.is_cpu());
    }

    #[test]
    fn element_types_are_named() {
        let named = |name| choose_dtype(name, &Device::Tensors(TensorDevice::Cpu)).ok();
        assert_eq!(named("auto"), Some(DType::F32));
        assert_eq!(named("bf16"), Some(DType::BF16));
        assert_eq!(named("f64"), None);
        assert_eq!(compute_dtype(&TensorDevice::Cpu, DType::F16), DType::F32);
    }

    #[test]
    fn a_device_that_is_named_is_never_replaced() {
        for name in ["toaster", "cpu:1", "cuda:x", "gpu:-1", "", "auto", "auto:0"] {
            assert!(open_device(name).is_err(), "{name}");
        }
        for (name, is_built) in [
            ("cuda", cfg!(feature = "cuda")),
            ("gpu", cfg!(feature = "gpu")),
        ] {
            if !is_built {
                let error = open_device(name).unwrap_err();
                let feature = format!("--features {name}");
                assert!(error.hint().unwrap().contains(&feature), "{error}");
            }
        }
    }
}
