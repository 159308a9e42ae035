//! The GPUs of a machine.

use crate::call::KERNELS_VERSION;
use crate::{Class, Error, Result};

/// A GPU of this machine, or what plays one.
#[derive(Clone, Debug)]
pub struct Adapter {
    /// Its number, by which it is asked for.
    pub idx: usize,
    /// Its name, as the driver gives it.
    pub name: String,
    /// The driver and its version.
    pub driver: String,
    /// Vulkan, Metal or Direct3D 12.
    pub api: &'static str,
    /// What it is.
    pub class: Class,
    /// Bytes of its memory, or of the part of the computer's memory that it may use; `None` where the driver doesn't say.
    pub memory_bytes: Option<u64>,
    /// Whether it computes in half precision.
    pub has_f16: bool,
    pub(crate) handle: wgpu::Adapter,
}

impl Adapter {
    /// All adapters: cards first, then integrated ones, then software; in the driver's order within each class.
    ///
    /// A card that Vulkan and Direct3D 12 both offer is listed once, with Vulkan, which knows half precision without
    /// further libraries.
    pub fn all() -> Vec<Self> {
        let backends = wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12;
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
            backends,
            flags: wgpu::InstanceFlags::empty(),
            ..wgpu::InstanceDescriptor::new_without_display_handle()
        });
        let handles = pollster::block_on(instance.enumerate_adapters(backends));
        let by_vulkan: Vec<(u32, u32)> = handles
            .iter()
            .map(wgpu::Adapter::get_info)
            .filter(|info| info.backend == wgpu::Backend::Vulkan)
            .map(|info| (info.vendor, info.device))
            .collect();
        let mut adapters: Vec<Self> = handles
            .into_iter()
            .filter(|handle| {
                let info = handle.get_info();
                info.backend != wgpu::Backend::Dx12
                    || !by_vulkan.contains(&(info.vendor, info.device))
            })
            .map(Self::of)
            .collect();
        adapters.sort_by_key(|adapter| adapter.class as u8);
        for (idx, adapter) in adapters.iter_mut().enumerate() {
            adapter.idx = idx;
        }
        adapters
    }

    /// The adapter with this number in [`Adapter::all`].
    ///
    /// # Errors
    /// [`Error::NoAdapter`] if there is none.
    pub fn numbered(idx: usize) -> Result<Self> {
        let mut adapters = Self::all();
        let n_adapters = adapters.len();
        if idx < n_adapters {
            return Ok(adapters.swap_remove(idx));
        }
        Err(Error::NoAdapter(match n_adapters {
            0 => "no GPU was found: no driver for Vulkan, Metal or Direct3D 12 answers".to_owned(),
            1 => format!("there is no GPU {idx}: only GPU 0 was found"),
            n => format!("there is no GPU {idx}: GPUs 0 to {} were found", n - 1),
        }))
    }

    fn of(handle: wgpu::Adapter) -> Self {
        let info = handle.get_info();
        let class = match info.device_type {
            wgpu::DeviceType::DiscreteGpu => Class::Discrete,
            wgpu::DeviceType::Cpu => Class::Software,
            _ => Class::Integrated,
        };
        Self {
            idx: 0,
            name: info.name,
            driver: [info.driver, info.driver_info]
                .iter()
                .map(|part| part.trim())
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join(" "),
            api: match info.backend {
                wgpu::Backend::Vulkan => "Vulkan",
                wgpu::Backend::Metal => "Metal",
                wgpu::Backend::Dx12 => "Direct3D 12",
                _ => "unknown",
            },
            class,
            memory_bytes: memory(&handle, class),
            has_f16: handle.features().contains(wgpu::Features::SHADER_F16),
            handle,
        }
    }

    /// What pixels depend on: adapter, interface, driver, and the version of the kernels.
    pub fn identity(&self) -> String {
        let Self {
            name, api, driver, ..
        } = self;
        format!("{name} ({api}, {driver}), kernels {KERNELS_VERSION}")
    }
}

/// The memory heaps that Vulkan lists: a card's own, or all that others share.
#[cfg(not(target_vendor = "apple"))]
fn memory(handle: &wgpu::Adapter, class: Class) -> Option<u64> {
    /// `VK_MEMORY_HEAP_DEVICE_LOCAL_BIT` (Vulkan 1.3, `VkMemoryHeapFlagBits`).
    const DEVICE_LOCAL: u32 = 1;
    #[expect(
        unsafe_code,
        reason = "wgpu doesn't tell how much memory there is; its Vulkan handle does"
    )]
    // SAFETY: the handles are used while `handle` keeps them alive, for a query that changes nothing.
    let properties = unsafe {
        let vulkan = handle.as_hal::<wgpu::hal::api::Vulkan>()?;
        let instance = vulkan.shared_instance().raw_instance();
        instance.get_physical_device_memory_properties(vulkan.raw_physical_device())
    };
    let n_heaps = properties.memory_heap_count as usize;
    let heaps = properties.memory_heaps.iter().take(n_heaps);
    let own = heaps
        .clone()
        .filter(|heap| heap.flags.as_raw() & DEVICE_LOCAL != 0)
        .map(|heap| heap.size);
    match class {
        Class::Discrete => own.max(),
        Class::Integrated | Class::Software => heaps.map(|heap| heap.size).max(),
    }
}

/// Metal's working set isn't reachable through wgpu.
#[cfg(target_vendor = "apple")]
fn memory(_: &wgpu::Adapter, _: Class) -> Option<u64> {
    None
}
