use candle_core::{DType, Device};
use common::{Error, Result};
use kernels::Isa;

/// The device that the setting `device` names, and a description of what was chosen and why.
///
/// `auto` takes an NVIDIA GPU, else an Apple one, as far as this program was built for them and they are there, else the
/// CPU. A device that is named is used or refused, never replaced.
///
/// # Errors
/// [`Error::Device`] for an unknown name, for a device that this program wasn't built for (with the feature to build
/// with), for one that isn't there, and for a limit of the CPU's instruction sets ([`kernels::LIMIT`]) that isn't known.
pub fn choose_device(name: &str) -> Result<(Device, String)> {
    Isa::check_limit().map_err(|reason| Error::Device { reason, hint: None })?;
    if name == "auto" {
        return Ok(automatic());
    }
    let (kind, ordinal) = name.split_once(':').unwrap_or((name, "0"));
    let ordinal: usize = ordinal.parse().map_err(|_| unknown(name))?;
    match kind {
        "cpu" if kind == name => Ok((Device::Cpu, cpu())),
        "cuda" => {
            needs(
                candle_core::utils::cuda_is_available(),
                "cuda",
                "an NVIDIA GPU",
            )?;
            let device = Device::new_cuda(ordinal).map_err(|error| absent(name, &error))?;
            Ok((device, format!("NVIDIA GPU {ordinal}")))
        }
        "metal" => {
            needs(
                candle_core::utils::metal_is_available(),
                "metal",
                "an Apple GPU",
            )?;
            let device = Device::new_metal(ordinal).map_err(|error| absent(name, &error))?;
            Ok((device, format!("Apple GPU {ordinal}")))
        }
        _ => Err(unknown(name)),
    }
}

/// The element type of the weights that the setting `dtype` names: `auto`, `f32`, `f16` or `bf16`. `auto` is f32 on the CPU and f16 on
/// GPUs.
///
/// # Errors
/// [`Error::Config`] for another name.
pub fn choose_dtype(name: &str, device: &Device) -> Result<DType> {
    match name {
        "auto" if device.is_cpu() => Ok(DType::F32),
        "auto" => Ok(DType::F16),
        "f32" => Ok(DType::F32),
        "f16" => Ok(DType::F16),
        "bf16" => Ok(DType::BF16),
        _ => Err(Error::Config {
            name: "dtype",
            value: name.to_owned(),
            allowed: "give auto, f32, f16 or bf16".to_owned(),
        }),
    }
}

/// The element type in which a device computes with weights of `dtype`. The CPU's kernels know f32 alone: weights in half
/// precision are widened for every call there.
pub fn compute_dtype(device: &Device, dtype: DType) -> DType {
    match device.is_cpu() && matches!(dtype, DType::F16 | DType::BF16) {
        true => DType::F32,
        false => dtype,
    }
}

fn automatic() -> (Device, String) {
    if let Ok(device) = Device::new_cuda(0) {
        return (device, "NVIDIA GPU 0".to_owned());
    }
    if let Ok(device) = Device::new_metal(0) {
        return (device, "Apple GPU 0".to_owned());
    }
    let built_for_gpu = cfg!(any(feature = "cuda", feature = "metal"));
    let why = if built_for_gpu {
        "no GPU was found"
    } else {
        "built without GPU support; --features cuda or metal brings it"
    };
    (Device::Cpu, format!("{} ({why})", cpu()))
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
        hint: Some("give auto, cpu, cuda, cuda:1 or metal".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_is_always_there() {
        assert!(choose_device("cpu").unwrap().0.is_cpu());
        assert!(choose_device("auto").is_ok());
    }

    #[test]
    fn element_types_are_named() {
        let named = |name| choose_dtype(name, &Device::Cpu).ok();
        assert_eq!(named("auto"), Some(DType::F32));
        assert_eq!(named("bf16"), Some(DType::BF16));
        assert_eq!(named("f64"), None);
        assert_eq!(compute_dtype(&Device::Cpu, DType::F16), DType::F32);
    }

    #[test]
    fn a_device_that_is_named_is_never_replaced() {
        for name in ["toaster", "cpu:1", "cuda:x", "", "auto:0"] {
            assert!(choose_device(name).is_err(), "{name}");
        }
        if !cfg!(feature = "cuda") {
            let error = choose_device("cuda").unwrap_err();
            assert!(error.hint().unwrap().contains("--features cuda"));
        }
    }
}
