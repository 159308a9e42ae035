//! What there is to draw with.

use gpu::Adapter;
use kernels::Isa;
use serde::Serialize;

/// A device that [`choose`](crate::choose) knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeviceDescription {
    /// By what it is asked for: `cpu`, `gpu:0`.
    pub device: String,
    /// What it is called: of the CPU its instruction set, of a GPU what its driver calls it.
    pub name: String,
    /// `processor`; `discrete`, `integrated` or `software` GPU.
    pub kind: &'static str,
    /// Bytes of a GPU's memory, where its driver says so.
    pub memory_bytes: Option<u64>,
    /// In which numbers it computes.
    pub dtypes: Vec<&'static str>,
    /// The interface to a GPU, and its driver.
    pub driver: Option<String>,
}

/// The CPU and, in a program that was built for them, the GPUs that drivers for Vulkan, Metal and Direct3D 12 offer.
pub fn devices() -> Vec<DeviceDescription> {
    let cpu = DeviceDescription {
        device: "cpu".to_owned(),
        name: Isa::best().name().to_owned(),
        kind: "processor",
        memory_bytes: None,
        dtypes: vec!["f32"],
        driver: None,
    };
    let gpus = Adapter::all().into_iter().map(|adapter| DeviceDescription {
        device: format!("gpu:{}", adapter.idx),
        name: adapter.name,
        kind: adapter.class.name(),
        memory_bytes: adapter.memory_bytes,
        dtypes: match adapter.has_f16 {
            true => vec!["f32", "f16"],
            false => vec!["f32"],
        },
        driver: Some(format!("{}, {}", adapter.api, adapter.driver)),
    });
    std::iter::once(cpu).chain(gpus).collect()
}
