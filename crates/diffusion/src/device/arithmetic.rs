//! What decides on a frame's pixels besides its inputs: how a device rounds.

use std::collections::BTreeSet;
use std::path::Path;

use candle_core::DType;
use kernels::Isa;
use timeline::Kernels;

use super::Device;

/// How a device computes with weights in `dtype`. Pictures of one arithmetic have the same bytes; those of two differ by rounding.
/// `name` is what a device of candle is called.
pub(crate) fn arithmetic(device: &Device, name: &str, dtype: DType, kernels: Kernels) -> String {
    match device {
        Device::Gpu(gpu) => format!("{dtype:?} on {}", gpu.identity()),
        Device::Tensors(device) if device.is_cpu() => of_cpu(kernels),
        Device::Tensors(_) => {
            let gpu = nvidia(Path::new("/proc/driver/nvidia"));
            let gpu = gpu.filter(|_| name.starts_with("NVIDIA"));
            format!("{dtype:?} on {}", gpu.as_deref().unwrap_or(name))
        }
    }
}

/// How the CPU computes.
///
/// Where products are added in one rounding, as AVX2 and AVX-512 do, the exact method gives the same sums whatever the width of
/// the vectors.
fn of_cpu(kernels: Kernels) -> String {
    match (kernels, Isa::without_bf16x3().name()) {
        (Kernels::Exact, "AVX2" | "AVX-512") => "exact".to_owned(),
        (Kernels::Exact, name) => format!("exact {name}"),
        (Kernels::Fast, _) => Isa::best().name().to_owned(),
    }
}

/// Models of the machine's NVIDIA GPUs, and their driver, from the files that the driver keeps on Linux.
fn nvidia(folder: &Path) -> Option<String> {
    let mut models = BTreeSet::new();
    for gpu in folder.join("gpus").read_dir().ok()?.flatten() {
        let text = std::fs::read_to_string(gpu.path().join("information")).ok()?;
        let model = text.lines().find_map(|line| line.strip_prefix("Model:"));
        models.extend(model.map(|model| model.trim().to_owned()));
    }
    let version = std::fs::read_to_string(folder.join("version")).ok()?;
    let is_version =
        |word: &&str| word.contains('.') && word.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let driver = version
        .lines()
        .next()?
        .split_whitespace()
        .find(is_version)?;
    let models: Vec<String> = models.into_iter().collect();
    (!models.is_empty()).then(|| format!("{}, driver {driver}", models.join(" + ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gpu_and_its_driver_are_named() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(nvidia(folder.path()), None);
        for bus in ["0000:19:00.0", "0000:3b:00.0"] {
            let gpu = folder.path().join("gpus").join(bus);
            std::fs::create_dir_all(&gpu).unwrap();
            let text = "Model: \t\t NVIDIA L4\nIRQ:   \t\t 129\n";
            std::fs::write(gpu.join("information"), text).unwrap();
        }
        for kind in [
            "UNIX x86_64 Kernel Module ",
            "UNIX Open Kernel Module for x86_64 ",
        ] {
            let text = format!(
                "NVRM version: NVIDIA {kind} 550.54.15  Tue Mar  5\nGCC version:  gcc 12.2.0\n"
            );
            std::fs::write(folder.path().join("version"), text).unwrap();
            let named = nvidia(folder.path());
            assert_eq!(named.as_deref(), Some("NVIDIA L4, driver 550.54.15"));
        }
    }
}
