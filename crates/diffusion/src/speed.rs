//! Which of two devices draws faster, found out by drawing.

use std::time::{Duration, Instant};

use common::Result;
use timeline::{FrameInputs, RenderConfig};

use crate::choice::{Choice, Task};
use crate::findings::GpuFindings;
use crate::not_finite::NotFinite;
use crate::part::Part;
use crate::pipeline::StableDiffusion;
use crate::renderer::Renderer;
use crate::unet::UNetConfig;
use crate::vae::VaeConfig;

/// Steps that are drawn at most: more of them take their multiple on any device.
const MAX_STEPS: u32 = 2;
/// A picture that takes the CPU longer is enough: its layers are long enough to keep all threads busy, however many are drawn.
const LONG: Duration = Duration::from_secs(1);

/// Seconds that a picture takes on two devices.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Speeds {
    pub cpu_secs: f64,
    pub gpu_secs: f64,
}

impl Speeds {
    pub fn gpu_is_faster(&self) -> bool {
        self.gpu_secs < self.cpu_secs
    }

    fn to_text(self) -> String {
        format!("{} {}", self.cpu_secs, self.gpu_secs)
    }

    fn of_text(text: &str) -> Option<Self> {
        let (cpu, gpu) = text.split_once(' ')?;
        Some(Self {
            cpu_secs: cpu.parse().ok()?,
            gpu_secs: gpu.parse().ok()?,
        })
    }
}

/// How speeds are found out: seconds that a picture of the task takes on a device.
pub(crate) type Clock<'a> = &'a dyn Fn(&Task<'_>, &Choice) -> Result<f64>;

impl GpuFindings {
    /// How fast the CPU and a GPU draw a task's pictures, as it was found out before or by `clock`. `say` is called before the clock is.
    ///
    /// # Errors
    /// Those of the clock; [`Error::Weights`](common::Error::Weights) if a configuration is missing or malformed.
    pub(crate) fn speeds(
        &self,
        task: &Task<'_>,
        (cpu, gpu): (&Choice, &Choice),
        clock: Clock<'_>,
        say: &mut dyn FnMut(),
    ) -> Result<Speeds> {
        let question = question(task, (cpu, gpu))?;
        let known = self.answer(&question);
        if let Some(speeds) = known.as_deref().and_then(Speeds::of_text) {
            return Ok(speeds);
        }
        say();
        let speeds = Speeds {
            gpu_secs: clock(task, gpu)?,
            cpu_secs: clock(task, cpu)?,
        };
        self.keep(&question, &speeds.to_text());
        Ok(speeds)
    }
}

/// What the speeds depend on: the devices, the networks' shapes, and what is drawn.
fn question(task: &Task<'_>, (cpu, gpu): (&Choice, &Choice)) -> Result<String> {
    let unet = UNetConfig::read(&task.model.config(Part::UNet)?)?;
    let vae = VaeConfig::read(&task.model.config(Part::Vae)?)?;
    Ok(format!(
        "{} against {} in {} threads, visualize {}, {} pictures of {} at once in {} steps, {unet:?}, {vae:?}",
        gpu.arithmetic,
        cpu.arithmetic,
        task.threads.current_num_threads(),
        env!("CARGO_PKG_VERSION"),
        task.n_batch,
        task.config.draw_size,
        task.config.n_steps.min(MAX_STEPS),
    ))
}

/// Seconds that a picture of the task's model takes on a device, at the task's size and in a batch as large as the task's.
///
/// # Errors
/// As [`StableDiffusion::load`] and [`Renderer::render`].
pub(crate) fn picture_secs(task: &Task<'_>, choice: &Choice) -> Result<f64> {
    let config = RenderConfig {
        n_steps: task.config.n_steps.min(MAX_STEPS),
        ..task.config.clone()
    };
    let mut renderer = StableDiffusion::load(task.model, &config, &choice.device, choice.dtype)?;
    let still = |seed: usize| FrameInputs::still("a starry night sky".into(), seed as u64);
    let frames: Vec<FrameInputs> = (0..task.n_batch.max(1)).map(still).collect();
    let mut timed = |frames: &[FrameInputs]| -> Result<Duration> {
        let begun = Instant::now();
        let drawn = task.threads.install(|| renderer.render(frames));
        drawn.map_err(|error| NotFinite::explain(error, |_| None))?;
        Ok(begun.elapsed())
    };
    let first = frames.get(..1).unwrap_or_default();
    timed(first)?; // loads weights, encodes the prompt and compiles kernels
    let alone = timed(first)?;
    if choice.device.is_cpu() && alone > LONG {
        return Ok(alone.as_secs_f64());
    }
    Ok(timed(&frames)?.as_secs_f64() / frames.len() as f64)
}
