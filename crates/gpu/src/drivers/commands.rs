//! What waits to be run. It is handed to the driver together, but not too much at once: Windows resets a GPU that works on one
//! submission for two seconds.

use std::sync::Arc;

use super::gpu::{Gpu, lock};
use super::kernels::Kernel;
use crate::call::{Call, MAX_GROUPS};
use crate::{Error, Result};

/// Products that are submitted at once: a tenth of a second at 0.5 TFLOP/s, an old laptop's GPU.
const MAX_SUBMITTED: f64 = 2.5e10;
/// Operations that are submitted at once.
const MAX_COMMANDS: usize = 200;

/// What was noted down and isn't submitted yet.
#[derive(Default)]
pub(super) struct Pending {
    commands: Vec<Command>,
    n_products: f64,
}

pub(super) enum Command {
    Run {
        kernel: Arc<Kernel>,
        bindings: wgpu::BindGroup,
        groups: [u32; 3],
    },
    Copy {
        from: wgpu::Buffer,
        from_offset: u64,
        to: wgpu::Buffer,
        to_offset: u64,
        len: u64,
    },
    Clear(wgpu::Buffer),
}

impl Gpu {
    /// Notes a kernel's call down; a long one is cut into parts of some images.
    pub(crate) fn run(&self, call: &Call<'_>) -> Result<()> {
        self.check()?;
        let [x, y, n_images] = call.groups;
        if x > MAX_GROUPS || y > MAX_GROUPS {
            return Err(Error::Shape(format!(
                "{x} x {y} workgroups are more than a GPU takes at once"
            )));
        }
        let kernel = self.kernel(call)?;
        let at_once = (MAX_SUBMITTED / call.n_products.max(1.0)).clamp(1.0, f64::from(MAX_GROUPS));
        let at_once = at_once as u32;
        for first in (0..n_images).step_by(at_once as usize) {
            let mut sizes = call.sizes.to_vec();
            if let Some(image) = sizes.first_mut() {
                *image = first;
            }
            let n = at_once.min(n_images - first);
            let bindings = self.bindings(&kernel, call.buffers, &self.parameters(sizes)?);
            let run = Command::Run {
                kernel: Arc::clone(&kernel),
                bindings,
                groups: [x, y, n],
            };
            self.note(run, call.n_products * f64::from(n))?;
        }
        Ok(())
    }

    pub(super) fn note(&self, command: Command, n_products: f64) -> Result<()> {
        let mut pending = lock(&self.0.pending);
        if pending.n_products + n_products > MAX_SUBMITTED || pending.commands.len() >= MAX_COMMANDS
        {
            self.hand_over(&mut pending);
        }
        pending.commands.push(command);
        pending.n_products += n_products;
        drop(pending);
        self.check()
    }

    /// Hands everything that was noted down to the driver.
    pub(crate) fn submit(&self) -> Result<()> {
        self.hand_over(&mut lock(&self.0.pending));
        self.check()
    }

    fn hand_over(&self, pending: &mut Pending) {
        if pending.commands.is_empty() {
            return;
        }
        let commands = std::mem::take(&mut pending.commands);
        pending.n_products = 0.0;
        let mut encoder = self.0.device.create_command_encoder(&Default::default());
        let mut rest = commands.as_slice();
        while let Some((command, after)) = rest.split_first() {
            match command {
                Command::Run { .. } => {
                    let n_runs = rest
                        .iter()
                        .position(|command| !matches!(command, Command::Run { .. }))
                        .unwrap_or(rest.len());
                    let (runs, after) = rest.split_at(n_runs);
                    record(&mut encoder, runs);
                    rest = after;
                    continue;
                }
                Command::Copy {
                    from,
                    from_offset,
                    to,
                    to_offset,
                    len,
                } => encoder.copy_buffer_to_buffer(from, *from_offset, to, *to_offset, *len),
                Command::Clear(buffer) => encoder.clear_buffer(buffer, 0, None),
            }
            rest = after;
        }
        self.0.queue.submit([encoder.finish()]);
    }
}

/// Records calls of kernels one after another.
fn record(encoder: &mut wgpu::CommandEncoder, runs: &[Command]) {
    let mut pass = encoder.begin_compute_pass(&Default::default());
    for run in runs {
        if let Command::Run {
            kernel,
            bindings,
            groups: [x, y, z],
        } = run
        {
            pass.set_pipeline(&kernel.pipeline);
            pass.set_bind_group(0, bindings, &[]);
            pass.dispatch_workgroups(*x, *y, *z);
        }
    }
}
