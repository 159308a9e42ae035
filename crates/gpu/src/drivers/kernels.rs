//! Kernels, compiled when they are first called.

use std::sync::Arc;

use super::gpu::{Gpu, lock};
use super::memory::Buffer;
use crate::call::{Call, KernelSource};
use crate::template::{self, Names};
use crate::{Error, Result};

/// Sets of sizes whose buffers are kept.
const MAX_PARAMETERS: usize = 8192;

/// A compiled kernel.
pub(crate) struct Kernel {
    pub(super) pipeline: wgpu::ComputePipeline,
    layout: wgpu::BindGroupLayout,
    template: &'static str,
    n_buffers: usize,
}

impl Gpu {
    /// The kernels that were compiled so far, for who wants to see what compilers make of them.
    ///
    /// # Errors
    /// None: they were written out before.
    pub fn sources(&self) -> Result<Vec<KernelSource>> {
        let kernels = lock(&self.0.kernels);
        let source = |((name, names), kernel): (&(&str, Names), &Arc<Kernel>)| {
            Ok(KernelSource {
                name: format!("{name} {names}").trim_end().to_owned(),
                wgsl: template::expand(kernel.template, names).map_err(Error::Shape)?,
                n_buffers: kernel.n_buffers,
            })
        };
        kernels.iter().map(source).collect()
    }

    pub(super) fn bindings(
        &self,
        kernel: &Kernel,
        buffers: &[&Buffer],
        sizes: &wgpu::Buffer,
    ) -> wgpu::BindGroup {
        let handles = buffers.iter().map(|buffer| buffer.handle()).chain([sizes]);
        let entries: Vec<wgpu::BindGroupEntry<'_>> = handles
            .enumerate()
            .map(|(binding, buffer)| wgpu::BindGroupEntry {
                binding: binding as u32,
                resource: buffer.as_entire_binding(),
            })
            .collect();
        self.0.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &kernel.layout,
            entries: &entries,
        })
    }

    /// A buffer with these sizes, which is kept: networks ask for the same ones frame after frame.
    pub(super) fn parameters(&self, mut sizes: Vec<u32>) -> Result<wgpu::Buffer> {
        sizes.resize(sizes.len().next_multiple_of(4), 0); // as WGSL pads a uniform struct
        let mut kept = lock(&self.0.parameters);
        if let Some(buffer) = kept.get(&sizes) {
            return Ok(buffer.clone());
        }
        if kept.len() >= MAX_PARAMETERS {
            kept.clear();
        }
        let buffer = self.0.device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: (sizes.len() * size_of::<u32>()) as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        self.0
            .queue
            .write_buffer(&buffer, 0, bytemuck::cast_slice(&sizes));
        self.check()?;
        kept.insert(sizes, buffer.clone());
        Ok(buffer)
    }

    /// The kernel of a call, compiled at its first use.
    pub(super) fn kernel(&self, call: &Call<'_>) -> Result<Arc<Kernel>> {
        let (name, text) = call.template;
        let mut kernels = lock(&self.0.kernels);
        let key = (name, call.names.clone());
        if let Some(kernel) = kernels.get(&key) {
            return Ok(Arc::clone(kernel));
        }
        let wrong = |reason: String| Error::Driver {
            doing: "compile a kernel",
            reason: format!("{name}: {reason}"),
        };
        let source = template::expand(text, &call.names).map_err(wrong)?;
        let device = &self.0.device;
        let validity = device.push_error_scope(wgpu::ErrorFilter::Validation);
        let internal = device.push_error_scope(wgpu::ErrorFilter::Internal);
        let kernel = self.compile(call, source);
        let broken = pollster::block_on(internal.pop());
        let invalid = pollster::block_on(validity.pop());
        if let Some(error) = invalid.or(broken) {
            return Err(wrong(error.to_string()));
        }
        self.check()?;
        let kernel = Arc::new(kernel);
        kernels.insert(key, Arc::clone(&kernel));
        Ok(kernel)
    }

    fn compile(&self, call: &Call<'_>, source: String) -> Kernel {
        let device = &self.0.device;
        let (name, template) = call.template;
        let (n_buffers, n_written) = (call.buffers.len(), call.n_written);
        let entry = |binding: usize| {
            let ty = match binding {
                _ if binding == n_buffers => wgpu::BufferBindingType::Uniform,
                _ => wgpu::BufferBindingType::Storage {
                    read_only: binding + n_written < n_buffers,
                },
            };
            wgpu::BindGroupLayoutEntry {
                binding: binding as u32,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty: wgpu::BindingType::Buffer {
                    ty,
                    has_dynamic_offset: false,
                    min_binding_size: None,
                },
                count: None,
            }
        };
        let entries: Vec<wgpu::BindGroupLayoutEntry> = (0..=n_buffers).map(entry).collect();
        let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: None,
            entries: &entries,
        });
        let descriptor = wgpu::ShaderModuleDescriptor {
            label: Some(name),
            source: wgpu::ShaderSource::Wgsl(source.into()),
        };
        #[expect(
            unsafe_code,
            reason = "checks of every index cost a large part of a matrix product's time"
        )]
        // SAFETY: the kernels are ours. Loops run up to sizes that are given, divisors are sizes above 0, and indices stay
        // below what the callers in `ops` allocate by the same sizes.
        let module = unsafe {
            device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked())
        };
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: None,
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(name),
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions {
                zero_initialize_workgroup_memory: false,
                ..wgpu::PipelineCompilationOptions::default()
            },
            cache: None,
        });
        Kernel {
            pipeline,
            layout,
            template,
            n_buffers,
        }
    }
}
