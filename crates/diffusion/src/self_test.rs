//! A GPU that computes wrongly is found out before it draws a film.

use std::path::{Path, PathBuf};

use candle_core::DType;
use common::hex::hex;
use common::partial_file::write_whole;
use common::{Error, Result};
use gpu::{Class, Gpu};
use image::RgbImage;
use sha2::{Digest, Sha256};
use timeline::{DiffusionConfig, FrameInputs, Kernels, RenderConfig, Size};

use crate::bundled::BUNDLED_NAME;
use crate::device::Device;
use crate::not_finite::NotFinite;
use crate::pipeline::StableDiffusion;
use crate::renderer::Renderer;
use crate::source::ModelSource;

/// Mean difference of a value from the CPU's, of 255, that is still rounding: in f32 and in f16. A picture of another seed
/// is off by more than 20.
const MAX_MEAN_OFF: (f64, f64) = (0.05, 1.0);

/// Draws a picture with the bundled model on GPUs and on the CPU, once for each GPU, driver, number format and version of
/// this program.
#[derive(Clone, Debug, Default)]
pub struct GpuTests {
    folder: Option<PathBuf>,
}

impl GpuTests {
    /// Remembers what passed in `folder`, which is made when there is something to remember; without one, nothing is remembered.
    pub fn new(folder: Option<PathBuf>) -> Self {
        Self { folder }
    }

    /// Whether a GPU has passed before.
    pub fn has_passed(&self, gpu: &Gpu, dtype: DType) -> bool {
        let place = self.place(gpu, dtype);
        place.is_some_and(|(path, text)| {
            std::fs::read_to_string(path).is_ok_and(|known| known == text)
        })
    }

    /// Tests a GPU, as layers compute with weights in `dtype`, unless it has passed before.
    ///
    /// # Errors
    /// [`Error::Device`] for a GPU whose picture isn't the CPU's; what drawing fails with. A folder that can't be written is no
    /// error.
    pub fn check(&self, gpu: &Gpu, dtype: DType) -> Result<()> {
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
        if let Some((path, text)) = self.place(gpu, dtype)
            && let Some(folder) = path.parent()
            && std::fs::create_dir_all(folder).is_ok()
        {
            // What can't be remembered is tested again.
            let _ = write_whole(&path, text.as_bytes());
        }
        Ok(())
    }
}

impl GpuTests {
    /// The file that says that a GPU has passed, and what is in it.
    fn place(&self, gpu: &Gpu, dtype: DType) -> Option<(PathBuf, String)> {
        let folder: &Path = self.folder.as_deref()?;
        let version = env!("CARGO_PKG_VERSION");
        let text = format!("{dtype:?} on {}, visualize {version}\n", gpu.identity());
        let name = hex(&Sha256::digest(&text));
        Some((folder.join(name), text))
    }
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
