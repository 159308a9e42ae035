//! `visualize models devices`: what there is to draw on.

use visualize::Result;
use visualize::diffusion::{DeviceDescription, HAS_GPUS, devices};

use super::args::OutputArgs;
use super::models::table;
use super::progress::{Progress, format_bytes};

pub fn run(output: OutputArgs) -> Result<()> {
    let devices = devices();
    let rows: Vec<_> = devices.iter().map(row).collect();
    if !HAS_GPUS {
        Progress::new(output).line(
            "this program was built without support for GPUs: cargo build --release --features gpu brings it",
        );
    } else if devices.len() == 1 {
        Progress::new(output).line(
            "no GPU was found; on Linux, AMD and Intel GPUs need the package mesa-vulkan-drivers",
        );
    }
    super::print_result(output, &table(&rows), &devices)
}

fn row(device: &DeviceDescription) -> [String; 6] {
    [
        device.device.clone(),
        device.name.clone(),
        device.kind.to_owned(),
        device.memory_bytes.map(format_bytes).unwrap_or_default(),
        device.dtypes.join(" and "),
        device.driver.clone().unwrap_or_default(),
    ]
}
