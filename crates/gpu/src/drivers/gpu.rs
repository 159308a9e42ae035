//! A GPU that is ready to compute, and its memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, mpsc};
use std::time::Duration;

use super::adapter::Adapter;
use super::commands::{Command, Pending};
use super::kernels::Kernel;
use super::memory::{Buffer, Pool};
use crate::template::Names;
use crate::{Bytes, Class, Error, Result};

/// Memory that the threads of a workgroup share, as the kernels need it.
const WORKGROUP_BYTES: u32 = 32 * 1024;

/// Longest wait for results of finished work: it only takes as long as a thread of ours needs to pass them on.
const ANSWER_WAIT: Duration = Duration::from_secs(60);

/// A GPU in use; clones are the same one.
#[derive(Clone)]
pub struct Gpu(pub(super) Arc<Inner>);

pub(super) struct Inner {
    name: String,
    identity: String,
    class: Class,
    has_f16: bool,
    memory_bytes: Option<u64>,
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    fault: Arc<OnceLock<Error>>,
    pub(super) kernels: Mutex<BTreeMap<(&'static str, Names), Arc<Kernel>>>,
    pub(super) parameters: Mutex<BTreeMap<Vec<u32>, wgpu::Buffer>>,
    pub(super) pending: Mutex<Pending>,
    pool: Arc<Pool>,
}

impl Gpu {
    /// Opens an adapter.
    ///
    /// # Errors
    /// [`Error::Unsuitable`] if the driver refuses, or the adapter lacks what the kernels need.
    pub fn open(adapter: &Adapter) -> Result<Self> {
        let unsuitable = |reason: String| Error::Unsuitable {
            name: adapter.name.clone(),
            reason,
        };
        let limits = adapter.handle.limits();
        if limits.max_compute_workgroup_storage_size < WORKGROUP_BYTES
            || limits.max_compute_invocations_per_workgroup < 256
        {
            return Err(unsuitable(
                "its workgroups are too small: 256 threads with 32 KiB of shared memory are needed"
                    .to_owned(),
            ));
        }
        let features = match adapter.has_f16 {
            true => wgpu::Features::SHADER_F16,
            false => wgpu::Features::empty(),
        };
        let request = adapter.handle.request_device(&wgpu::DeviceDescriptor {
            label: None,
            required_features: features,
            required_limits: limits.clone(),
            experimental_features: wgpu::ExperimentalFeatures::disabled(),
            memory_hints: wgpu::MemoryHints::Performance,
            trace: wgpu::Trace::Off,
        });
        let (device, queue) =
            pollster::block_on(request).map_err(|error| unsuitable(error.to_string()))?;
        let fault = Arc::new(OnceLock::new());
        let lost = Arc::clone(&fault);
        device.set_device_lost_callback(move |_, reason| {
            // The first fault counts; those that follow from it don't.
            let _ = lost.set(Error::Lost(reason));
        });
        let refused = Arc::clone(&fault);
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            let _ = refused.set(of_driver("run the kernels", &error));
        }));
        Ok(Self(Arc::new(Inner {
            name: adapter.name.clone(),
            identity: adapter.identity(),
            class: adapter.class,
            has_f16: adapter.has_f16,
            memory_bytes: adapter.memory_bytes,
            pool: Arc::new(Pool::new(
                limits
                    .max_storage_buffer_binding_size
                    .min(limits.max_buffer_size),
            )),
            device,
            queue,
            fault,
            kernels: Mutex::default(),
            parameters: Mutex::default(),
            pending: Mutex::default(),
        })))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// What pixels depend on, see [`Adapter::identity`].
    pub fn identity(&self) -> &str {
        &self.0.identity
    }

    /// What it is.
    pub fn class(&self) -> Class {
        self.0.class
    }

    /// Whether it computes in half precision.
    pub fn has_f16(&self) -> bool {
        self.0.has_f16
    }

    /// Bytes of its memory, where the driver says so.
    pub fn memory_bytes(&self) -> Option<u64> {
        self.0.memory_bytes
    }

    /// The largest buffer that a kernel may see at once.
    pub fn max_buffer_bytes(&self) -> u64 {
        self.0.pool.max_bytes()
    }

    /// Whether both are the same GPU.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The fault that ended its use, if there was one.
    pub(super) fn check(&self) -> Result<()> {
        match self.0.fault.get() {
            Some(fault) => Err(fault.clone()),
            None => Ok(()),
        }
    }

    /// Memory for `len` bytes, which holds anything.
    pub(crate) fn allocate(&self, len: u64) -> Result<Buffer> {
        self.check()?;
        let pool = &self.0.pool;
        let len = pool.size_of(len)?;
        if let Some(buffer) = pool.take(len) {
            return Ok(buffer);
        }
        if let Some(buffer) = self.create(len)? {
            return Ok(buffer);
        }
        // What is kept for later goes back to the driver, once it isn't used any more.
        self.finish()?;
        pool.clear();
        self.finish()?;
        self.create(len)?
            .ok_or(Error::OutOfMemory { wanted: Bytes(len) })
    }

    /// A buffer from the driver; `None` if memory doesn't suffice.
    fn create(&self, len: u64) -> Result<Option<Buffer>> {
        #[cfg(test)]
        if tests::refuses(&self.0.pool.n_refusals) {
            return Ok(None);
        }
        let device = &self.0.device;
        let memory = device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let validity = device.push_error_scope(wgpu::ErrorFilter::Validation);
        let buffer = device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: len,
            usage: wgpu::BufferUsages::STORAGE
                | wgpu::BufferUsages::COPY_SRC
                | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let invalid = pollster::block_on(validity.pop());
        let full = pollster::block_on(memory.pop());
        self.check()?;
        match (invalid, full) {
            (Some(error), _) => Err(of_driver("allocate memory", &error)),
            (None, Some(_)) => Ok(None),
            (None, None) => Ok(Some(Buffer::new(buffer, &self.0.pool))),
        }
    }

    /// Memory for `len` bytes, all of them 0.
    pub(crate) fn allocate_zeros(&self, len: u64) -> Result<Buffer> {
        let buffer = self.allocate(len)?;
        self.note(Command::Clear(buffer.handle().clone()), 0.0)?;
        Ok(buffer)
    }

    /// Memory that holds `bytes`.
    pub(crate) fn upload(&self, bytes: &[u8]) -> Result<Buffer> {
        let buffer = self.allocate(bytes.len() as u64)?;
        // A write comes before what is noted down, which may still read what was in this memory before.
        self.submit()?;
        let padded;
        let bytes = match bytes.len().is_multiple_of(4) {
            true => bytes,
            false => {
                let mut longer = bytes.to_vec();
                longer.resize(bytes.len().next_multiple_of(4), 0);
                padded = longer;
                &padded
            }
        };
        self.0.queue.write_buffer(buffer.handle(), 0, bytes);
        self.check()?;
        Ok(buffer)
    }

    /// The first `len` bytes of `buffer`.
    pub(crate) fn download(&self, buffer: &Buffer, len: u64) -> Result<Vec<u8>> {
        let device = &self.0.device;
        let padded = len.next_multiple_of(4).max(4);
        let memory = device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let target = device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: padded,
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        if pollster::block_on(memory.pop()).is_some() {
            return Err(Error::OutOfMemory {
                wanted: Bytes(padded),
            });
        }
        let copy = Command::Copy {
            from: buffer.handle().clone(),
            from_offset: 0,
            to: target.clone(),
            to_offset: 0,
            len: padded,
        };
        self.note(copy, 0.0)?;
        self.submit()?;
        let (tell, told) = mpsc::channel();
        target
            .slice(..)
            .map_async(wgpu::MapMode::Read, move |result| {
                let _ = tell.send(result);
            });
        self.finish()?;
        let failed = |reason: String| Error::Driver {
            doing: "hand over its results",
            reason,
        };
        // Another thread that waits for the driver may be the one that is told, and be about to pass it on.
        told.recv_timeout(ANSWER_WAIT)
            .map_err(|_| failed("it gives no answer".to_owned()))?
            .map_err(|error| failed(error.to_string()))?;
        let view = target
            .slice(..)
            .get_mapped_range()
            .map_err(|error| failed(error.to_string()))?;
        let mut bytes = view.to_vec();
        bytes.truncate(len as usize);
        Ok(bytes)
    }

    /// Copies `len` bytes, all of these numbers multiples of 4.
    pub(crate) fn copy(
        &self,
        (from, from_offset): (&Buffer, u64),
        (to, to_offset): (&Buffer, u64),
        len: u64,
    ) -> Result<()> {
        if len == 0 {
            return Ok(());
        }
        let copy = Command::Copy {
            from: from.handle().clone(),
            from_offset,
            to: to.handle().clone(),
            to_offset,
            len,
        };
        self.note(copy, 0.0)
    }

    /// Waits until everything that was asked for is done.
    ///
    /// # Errors
    /// When the GPU fails.
    pub fn finish(&self) -> Result<()> {
        self.submit()?;
        let waited = self.0.device.poll(wgpu::PollType::wait_indefinitely());
        self.check()?;
        waited.map(|_| ()).map_err(|error| Error::Driver {
            doing: "finish its work",
            reason: error.to_string(),
        })
    }

    /// Gives the device up, as a driver does that was reset: so that tests see what follows.
    pub fn lose(&self) {
        self.0.device.destroy();
        let _ = self.0.device.poll(wgpu::PollType::Poll);
    }
}

impl std::fmt::Debug for Gpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Gpu").field(&self.0.identity).finish()
    }
}

fn of_driver(doing: &'static str, error: &wgpu::Error) -> Error {
    match error {
        wgpu::Error::OutOfMemory { .. } => Error::OutOfMemory { wanted: Bytes(0) },
        error => Error::Driver {
            doing,
            reason: error.to_string(),
        },
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;
    use std::sync::atomic::Ordering::SeqCst;

    use super::*;
    use crate::{Array, Element, Shape, resize};

    #[test]
    fn a_lost_device_is_an_error_from_then_on() {
        let Ok(adapter) = Adapter::numbered(0) else {
            eprintln!("skipped: no GPU");
            return;
        };
        let gpu = Gpu::open(&adapter).unwrap();
        let shape = Shape::tokens(1, 2, 4);
        let array = Array::from_pixels(&gpu, Element::F32, shape, &[1.0; 8]).unwrap();
        assert!(array.to_pixels().is_ok());
        gpu.lose();
        assert!(matches!(array.to_pixels(), Err(Error::Lost(_))));
        assert!(resize(&array, 3, 3).is_err());
        assert!(Array::from_pixels(&gpu, Element::F32, shape, &[1.0; 8]).is_err());
        // Another one of the same adapter works.
        let gpu = Gpu::open(&adapter).unwrap();
        assert!(Array::from_pixels(&gpu, Element::F32, shape, &[1.0; 8]).is_ok());
    }

    /// Counts a refusal, if there are some left.
    pub(super) fn refuses(n_refusals: &AtomicU32) -> bool {
        let one_less = |n: u32| n.checked_sub(1);
        n_refusals.fetch_update(SeqCst, SeqCst, one_less).is_ok()
    }

    #[test]
    fn memory_that_ran_out_is_an_error_that_can_be_got_over() {
        let Ok(adapter) = Adapter::numbered(0) else {
            eprintln!("skipped: no GPU");
            return;
        };
        let gpu = Gpu::open(&adapter).unwrap();
        let bring = |n_tokens: usize| {
            let values: Vec<f32> = (0..4 * n_tokens).map(|n| n as f32).collect();
            let shape = Shape::tokens(1, n_tokens, 4);
            Array::from_pixels(&gpu, Element::F32, shape, &values)
        };
        let pool = &gpu.0.pool;
        let kept = bring(100).unwrap();
        drop(bring(1000).unwrap());
        let size = pool.size_of(16_000).unwrap();
        assert!(pool.take(size).is_some(), "what is free is kept");
        // A driver that has no memory left gets back what is kept, and is asked once more.
        pool.n_refusals.store(1, SeqCst);
        assert!(bring(500).is_ok());
        assert!(pool.take(size).is_none(), "what is free was given back");
        pool.n_refusals.store(2, SeqCst);
        let error = bring(2000).unwrap_err();
        assert!(matches!(error, Error::OutOfMemory { .. }), "{error}");
        assert!(error.to_string().contains("KiB"), "{error}");
        assert_eq!(kept.to_pixels().unwrap()[399], 399.0);
        assert!(bring(2000).is_ok());
    }

    #[test]
    fn adapters_are_numbered_in_order() {
        let adapters = Adapter::all();
        for (idx, adapter) in adapters.iter().enumerate() {
            assert_eq!(adapter.idx, idx);
            assert!(!adapter.identity().is_empty());
        }
        let error = Adapter::numbered(adapters.len()).unwrap_err();
        assert!(matches!(error, Error::NoAdapter(_)));
    }
}
