//! A GPU that computes wrongly is found out before it draws a film.

use candle_core::DType;
use common::{Error, Result};
use gpu::{Class, Gpu};
use image::RgbImage;
use timeline::{DiffusionConfig, FrameInputs, Kernels, RenderConfig, Size};

use crate::bundled::BUNDLED_NAME;
use crate::device::Device;
use crate::findings::GpuFindings;
use crate::not_finite::NotFinite;
use crate::pipeline::StableDiffusion;
use crate::renderer::Renderer;
use crate::source::ModelSource;

/// Mean difference of a value from the CPU's, of 255, that is still rounding: in f32 and in f16. A picture of another seed
/// is off by more than 20.
const MAX_MEAN_OFF: (f64, f64) = (0.05, 1.0);

impl GpuFindings {
    /// Whether a GPU has passed the test before.
    pub fn has_passed(&self, gpu: &Gpu, dtype: DType) -> bool {
        self.answer(&question(gpu, dtype)).as_deref() == Some(PASSED)
    }

    /// Tests a GPU, as layers compute with weights in `dtype`, unless it has passed before: it draws a picture with the bundled
    /// model, and so does the CPU.
    ///
    /// # Errors
    /// [`Error::Device`] for a GPU whose picture isn't the CPU's; what drawing fails with.
    pub fn test(&self, gpu: &Gpu, dtype: DType) -> Result<()> {
        if self.has_passed(gpu, dtype) {
            return Ok(());
        }
        let side = match gpu.class() {
            Class::Software => 64,
            // Where the large tiles are used that only large layers fill.
            Class::Discrete | Class::Integrated => 256,
        };
        let on_gpu = match draw(side, Device::Gpu(gpu.clone()), dtype) {
            Err(error) if NotFinite::is_cause_of(&error) => {
                return Err(wrong(gpu, "has values that are no numbers"));
            }
            drawn => drawn?,
        };
        let on_cpu = draw(side, &candle_core::Device::Cpu, DType::F32)?;
        let off = mean_off(&on_gpu, &on_cpu);
        let max_off = match dtype {
            DType::F32 => MAX_MEAN_OFF.0,
            _ => MAX_MEAN_OFF.1,
        };
        if off > max_off {
            return Err(wrong(gpu, &format!("is off by {off:.1} of 255 on average")));
        }
        self.pass(gpu, dtype);
        Ok(())
    }

    /// Keeps that a GPU has passed.
    pub(crate) fn pass(&self, gpu: &Gpu, dtype: DType) {
        self.keep(&question(gpu, dtype), PASSED);
    }
}

/// What is kept of a GPU that passed.
const PASSED: &str = "passed";

/// What is found out once for each GPU, driver, number format and version of this program.
fn question(gpu: &Gpu, dtype: DType) -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!("{dtype:?} on {}, visualize {version}", gpu.identity())
}

/// A picture of the bundled model in one step, computed exactly on the CPU.
fn draw(side: u32, device: impl Into<Device>, dtype: DType) -> Result<RgbImage> {
    let config = RenderConfig {
        diffusion: DiffusionConfig {
            kernels: Kernels::Exact,
            ..DiffusionConfig::default()
        },
        ..RenderConfig::bundled(Size::square(side))
    };
    let model = ModelSource::open(BUNDLED_NAME)?;
    let mut renderer = StableDiffusion::load(&model, &config, device, dtype)?;
    let frame = FrameInputs::still("burning flames".into(), 1);
    let mut drawn = renderer.render(&[frame])?;
    drawn
        .pop()
        .ok_or_else(|| Error::internal("a picture was asked for and none was drawn"))
}

/// Mean difference of two pictures' values, of 255.
fn mean_off(a: &RgbImage, b: &RgbImage) -> f64 {
    let pairs = a.as_raw().iter().zip(b.as_raw());
    let total: u64 = pairs.map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    total as f64 / a.as_raw().len().max(1) as f64
}

fn wrong(gpu: &Gpu, how: &str) -> Error {
    Error::Device {
        reason: format!(
            "{} computes wrongly: a picture that it drew to test it {how}",
            gpu.identity()
        ),
        hint: Some("a newer driver may help; `device cpu` draws without the GPU".to_owned()),
    }
}
