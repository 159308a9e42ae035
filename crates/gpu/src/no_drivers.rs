//! What stands in for GPUs in a program that was built without wgpu: there are none, and so there is nothing to run on them.

use crate::call::{Call, KernelSource};
use crate::{Class, Error, Result};

/// No GPU of this machine: no value of it exists.
#[derive(Clone, Debug)]
pub struct Adapter {
    /// Its number, by which it is asked for.
    pub idx: usize,
    /// Its name.
    pub name: String,
    /// The driver and its version.
    pub driver: String,
    /// Vulkan, Metal or Direct3D 12.
    pub api: &'static str,
    /// What it is.
    pub class: Class,
    /// Bytes of its memory.
    pub memory_bytes: Option<u64>,
    /// Whether it computes in half precision.
    pub has_f16: bool,
    never: Never,
}

#[derive(Clone, Debug)]
enum Never {}

impl Adapter {
    /// No adapters.
    pub fn all() -> Vec<Self> {
        Vec::new()
    }

    /// No adapter.
    ///
    /// # Errors
    /// [`Error::NotBuilt`] always.
    pub fn numbered(_: usize) -> Result<Self> {
        Err(Error::NotBuilt)
    }

    /// What pixels depend on.
    pub fn identity(&self) -> String {
        match self.never {}
    }
}

/// No GPU in use: no value of it exists.
#[derive(Clone, Debug)]
pub struct Gpu(Never);

impl Gpu {
    /// Opens an adapter.
    ///
    /// # Errors
    /// None: there is no adapter to open.
    pub fn open(adapter: &Adapter) -> Result<Self> {
        match adapter.never {}
    }

    /// Its name.
    pub fn name(&self) -> &str {
        match self.0 {}
    }

    /// What pixels depend on.
    pub fn identity(&self) -> &str {
        match self.0 {}
    }

    /// What it is.
    pub fn class(&self) -> Class {
        match self.0 {}
    }

    /// Whether it computes in half precision.
    pub fn has_f16(&self) -> bool {
        match self.0 {}
    }

    /// Bytes of its memory.
    pub fn memory_bytes(&self) -> Option<u64> {
        match self.0 {}
    }

    /// The largest buffer that a kernel may see at once.
    pub fn max_buffer_bytes(&self) -> u64 {
        match self.0 {}
    }

    /// Waits until everything is done.
    ///
    /// # Errors
    /// None: there is nothing to do.
    pub fn finish(&self) -> Result<()> {
        match self.0 {}
    }

    /// The kernels that were compiled so far.
    ///
    /// # Errors
    /// None: there are none.
    pub fn sources(&self) -> Result<Vec<KernelSource>> {
        match self.0 {}
    }

    /// Gives the device up.
    pub fn lose(&self) {
        match self.0 {}
    }

    pub(crate) fn is(&self, _: &Self) -> bool {
        match self.0 {}
    }

    pub(crate) fn allocate(&self, _: u64) -> Result<Buffer> {
        match self.0 {}
    }

    pub(crate) fn allocate_zeros(&self, _: u64) -> Result<Buffer> {
        match self.0 {}
    }

    pub(crate) fn upload(&self, _: &[u8]) -> Result<Buffer> {
        match self.0 {}
    }

    pub(crate) fn download(&self, _: &Buffer, _: u64) -> Result<Vec<u8>> {
        match self.0 {}
    }

    pub(crate) fn copy(&self, _: (&Buffer, u64), _: (&Buffer, u64), _: u64) -> Result<()> {
        match self.0 {}
    }

    pub(crate) fn run(&self, _: &Call<'_>) -> Result<()> {
        match self.0 {}
    }
}

/// No memory of a GPU.
#[derive(Debug)]
pub(crate) enum Buffer {}
