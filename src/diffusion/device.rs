use candle_core::{DType, Device};

use crate::{Error, Result};

/// The device that `--device` names, and in words what was chosen and why.
///
/// `auto` takes an NVIDIA GPU, else an Apple one, as far as this program was built for them and they are there, else the
/// CPU. A device that is named is used or refused, never replaced.
///
/// # Errors
/// [`Error::Device`] for an unknown name, for a device that this program wasn't built for (with the feature to build
/// with), and for one that isn't there.
pub fn choose_device(name: &str) -> Result<(Device, String)> {
    if name == "auto" {
        return Ok(automatic());
    }
    let (kind, ordinal) = name.split_once(':').unwrap_or((name, "0"));
    let ordinal: usize = ordinal.parse().map_err(|_| unknown(name))?;
    match kind {
        "cpu" if kind == name => Ok((Device::Cpu, "CPU".to_owned())),
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

/// Element type in which a device computes unless the user says otherwise: half precision on GPUs, single on the CPU.
pub fn default_dtype(device: &Device) -> DType {
    if device.is_cpu() {
        DType::F32
    } else {
        DType::F16
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
    (Device::Cpu, format!("CPU ({why})"))
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
        hint: Some("--device auto takes what is there".to_owned()),
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
