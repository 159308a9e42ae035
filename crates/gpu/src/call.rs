//! Calls of kernels.

use crate::backend::Buffer;
use crate::template::Names;

/// Workgroups along one side of a dispatch: what every interface allows.
pub(crate) const MAX_GROUPS: u32 = 65_535;

/// Changes whenever the kernels may give other values than before; part of what a picture depends on.
pub const KERNELS_VERSION: u32 = 2;

/// A kernel as drivers get it.
#[derive(Clone, Debug)]
pub struct KernelSource {
    /// Its file and its variant.
    pub name: String,
    /// Its text; the entry point is `main`.
    pub wgsl: String,
    /// Buffers that it is bound to, numbered from 0; one with its sizes comes after them.
    pub n_buffers: usize,
}

/// One call of a kernel. Its bindings are the buffers in their order, the last of which is written, and then the sizes.
pub(crate) struct Call<'a> {
    /// File and name of the kernel.
    pub template: (&'static str, &'static str),
    /// Its variant.
    pub names: Names,
    /// What it reads, then the one that it writes.
    pub buffers: &'a [&'a Buffer],
    /// How many of the last ones are written.
    pub n_written: usize,
    /// Sizes. The first is the number of the first image, which is set here.
    pub sizes: &'a [u32],
    /// Workgroups; the third side counts images.
    pub groups: [u32; 3],
    /// Products of one image, about.
    pub n_products: f64,
}
