//! GPUs through wgpu: Vulkan, Metal and Direct3D 12.

mod adapter;
mod commands;
mod gpu;
mod kernels;
mod memory;

pub use adapter::Adapter;
pub use gpu::Gpu;
pub(crate) use memory::Buffer;
