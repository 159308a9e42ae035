//! Mesa's Vulkan driver for Radeon cards, as a compiler.

use std::collections::BTreeMap;
use std::ffi::CStr;

use ash::{khr, vk};
use gpu::KernelSource;
use naga::back::spv;
use naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
use naga::valid::{Capabilities, ValidationFlags, Validator};

/// The driver, opened for a card that needn't be there.
pub struct Radv {
    instance: ash::Instance,
    adapter: vk::PhysicalDevice,
    device: ash::Device,
    _entry: ash::Entry,
}

/// What became of a kernel.
pub struct Compiled {
    /// What the driver counts.
    pub statistics: BTreeMap<String, u64>,
    /// Its instructions.
    pub text: String,
}

impl Compiled {
    /// The names of its instructions, block by block: nothing jumps into a block or out of its middle.
    pub fn blocks(&self) -> Vec<Vec<&str>> {
        let lines: Vec<&str> = self.text.lines().collect();
        let blocks = lines.split(|line| line.starts_with("BB"));
        blocks
            .map(|block| {
                let lines = block.iter().filter(|line| line.starts_with('\t'));
                lines
                    .filter_map(|line| line.split_whitespace().next())
                    .collect()
            })
            .collect()
    }
}

#[expect(unsafe_code, reason = "calls of Vulkan")]
impl Radv {
    /// Opens the first card that RADV offers.
    pub fn open() -> Self {
        let application = vk::ApplicationInfo::default().api_version(vk::API_VERSION_1_2);
        let about = vk::InstanceCreateInfo::default().application_info(&application);
        let queues = [vk::DeviceQueueCreateInfo::default().queue_priorities(&[1.0])];
        let extensions = [khr::pipeline_executable_properties::NAME.as_ptr()];
        let mut storage = vk::PhysicalDeviceVulkan11Features::default()
            .storage_buffer16_bit_access(true)
            .uniform_and_storage_buffer16_bit_access(true);
        let mut f16 = vk::PhysicalDeviceVulkan12Features::default().shader_float16(true);
        let mut statistics = vk::PhysicalDevicePipelineExecutablePropertiesFeaturesKHR::default()
            .pipeline_executable_info(true);
        let wanted = vk::DeviceCreateInfo::default()
            .queue_create_infos(&queues)
            .enabled_extension_names(&extensions)
            .push_next(&mut storage)
            .push_next(&mut f16)
            .push_next(&mut statistics);
        // SAFETY: what the structures point to outlives the calls, and the handles come from the calls before.
        unsafe {
            let entry = ash::Entry::load().unwrap();
            let instance = entry.create_instance(&about, None).unwrap();
            let mut adapters = instance.enumerate_physical_devices().unwrap().into_iter();
            let adapter = adapters
                .find(|adapter| name(&instance, *adapter).contains("RADV"))
                .unwrap_or_else(|| panic!("RADV offers no card: set RADV_FORCE_FAMILY=navi21"));
            let device = instance.create_device(adapter, &wanted, None).unwrap();
            Self {
                instance,
                adapter,
                device,
                _entry: entry,
            }
        }
    }

    /// What it calls the card.
    pub fn name(&self) -> String {
        name(&self.instance, self.adapter)
    }

    /// Compiles a kernel as wgpu has it compiled.
    pub fn compile(&self, source: &KernelSource) -> Compiled {
        let words = spirv(&source.wgsl);
        let bindings: Vec<_> = (0..=source.n_buffers)
            .map(|binding| {
                let kind = match binding == source.n_buffers {
                    true => vk::DescriptorType::UNIFORM_BUFFER,
                    false => vk::DescriptorType::STORAGE_BUFFER,
                };
                vk::DescriptorSetLayoutBinding::default()
                    .binding(binding as u32)
                    .descriptor_count(1)
                    .stage_flags(vk::ShaderStageFlags::COMPUTE)
                    .descriptor_type(kind)
            })
            .collect();
        let about = vk::DescriptorSetLayoutCreateInfo::default().bindings(&bindings);
        let module = vk::ShaderModuleCreateInfo::default().code(&words);
        // SAFETY: what the structures point to outlives the calls, and the handles come from the calls before.
        unsafe {
            let set = [self
                .device
                .create_descriptor_set_layout(&about, None)
                .unwrap()];
            let about = vk::PipelineLayoutCreateInfo::default().set_layouts(&set);
            let layout = self.device.create_pipeline_layout(&about, None).unwrap();
            let module = self.device.create_shader_module(&module, None).unwrap();
            let stage = vk::PipelineShaderStageCreateInfo::default()
                .stage(vk::ShaderStageFlags::COMPUTE)
                .module(module)
                .name(c"main");
            let about = [vk::ComputePipelineCreateInfo::default()
                .stage(stage)
                .layout(layout)
                .flags(
                    vk::PipelineCreateFlags::CAPTURE_STATISTICS_KHR
                        | vk::PipelineCreateFlags::CAPTURE_INTERNAL_REPRESENTATIONS_KHR,
                )];
            let cache = vk::PipelineCache::null();
            let pipelines = self.device.create_compute_pipelines(cache, &about, None);
            let compiled = self.look_into(pipelines.unwrap()[0]);
            self.device.destroy_shader_module(module, None);
            compiled
        }
    }

    /// # Safety
    /// The pipeline must be one of this device.
    unsafe fn look_into(&self, pipeline: vk::Pipeline) -> Compiled {
        let about = vk::PipelineExecutableInfoKHR::default().pipeline(pipeline);
        let extension =
            khr::pipeline_executable_properties::Device::new(&self.instance, &self.device);
        // SAFETY: as promised; texts are asked for twice, first for their lengths, and have room then.
        unsafe {
            let statistics = extension
                .get_pipeline_executable_statistics(&about)
                .unwrap();
            let statistics = statistics
                .iter()
                .map(|one| (text(&one.name), one.value.u64))
                .collect();
            let mut forms = extension
                .get_pipeline_executable_internal_representations(&about)
                .unwrap();
            let mut texts: Vec<Vec<u8>> =
                forms.iter().map(|form| vec![0; form.data_size]).collect();
            for (form, text) in forms.iter_mut().zip(&mut texts) {
                form.p_data = text.as_mut_ptr().cast();
            }
            let mut n_forms = forms.len() as u32;
            let read = extension
                .fp()
                .get_pipeline_executable_internal_representations_khr;
            read(
                self.device.handle(),
                &about,
                &mut n_forms,
                forms.as_mut_ptr(),
            )
            .result()
            .unwrap();
            let last = forms.iter().position(|form| text(&form.name) == "Assembly");
            Compiled {
                statistics,
                text: String::from_utf8_lossy(&texts[last.unwrap()]).into_owned(),
            }
        }
    }
}

#[expect(unsafe_code, reason = "a call of Vulkan")]
fn name(instance: &ash::Instance, adapter: vk::PhysicalDevice) -> String {
    // SAFETY: the adapter is one of the instance.
    let properties = unsafe { instance.get_physical_device_properties(adapter) };
    text(&properties.device_name)
}

/// A text of Vulkan, which ends with a zero.
fn text(chars: &[std::ffi::c_char]) -> String {
    let bytes: Vec<u8> = chars.iter().map(|c| *c as u8).collect();
    let text = CStr::from_bytes_until_nul(&bytes).unwrap();
    text.to_string_lossy().into_owned()
}

/// WGSL as SPIR-V, without checks of indices, as [`gpu::Gpu`] has it.
fn spirv(wgsl: &str) -> Vec<u32> {
    let module = naga::front::wgsl::parse_str(wgsl).unwrap();
    let info = Validator::new(ValidationFlags::all(), Capabilities::all())
        .validate(&module)
        .unwrap();
    let unchecked = BoundsCheckPolicies {
        index: BoundsCheckPolicy::Unchecked,
        buffer: BoundsCheckPolicy::Unchecked,
        image_load: BoundsCheckPolicy::Unchecked,
        binding_array: BoundsCheckPolicy::Unchecked,
    };
    let options = spv::Options {
        lang_version: (1, 3),
        zero_initialize_workgroup_memory: spv::ZeroInitializeWorkgroupMemoryMode::None,
        bounds_check_policies: unchecked,
        force_loop_bounding: false,
        ..spv::Options::default()
    };
    let entry = spv::PipelineOptions {
        shader_stage: naga::ShaderStage::Compute,
        entry_point: "main".to_owned(),
    };
    spv::write_vec(&module, &info, &options, Some(&entry)).unwrap()
}
