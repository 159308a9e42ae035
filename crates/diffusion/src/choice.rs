//! Which device a film is drawn on.

use candle_core::DType;
use common::{Error, Result};
use gpu::{Adapter, Class, Gpu};
use timeline::RenderConfig;

use crate::device::{
    Device, HAS_GPUS, arithmetic, choose_dtype, gpu_of_candle, of_gpu, open_device,
};
use crate::findings::GpuFindings;
use crate::room::GpuRoom;
use crate::source::ModelSource;
use crate::speed::{Clock, picture_secs};

/// What a device is to do.
#[derive(Clone, Copy)]
pub struct Task<'a> {
    /// The model that draws.
    pub model: &'a ModelSource,
    /// How it draws.
    pub config: &'a RenderConfig,
    /// Pictures drawn at once, 1 or more.
    pub n_batch: usize,
    /// The threads in which the CPU draws.
    pub threads: &'a rayon::ThreadPool,
    /// The [`Choice::arithmetic`] of the pictures that the film has already, if it has some.
    pub begun: Option<&'a str>,
}

/// A device that does a task.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The device.
    pub device: Device,
    /// Element type of the weights.
    pub dtype: DType,
    /// How the device rounds: pictures of one arithmetic have the same bytes.
    pub arithmetic: String,
    /// What the device is called, and why it was chosen where it wasn't named.
    pub name: String,
}

impl Choice {
    fn new((device, name): (Device, String), task: &Task<'_>) -> Result<Self> {
        let config = &task.config.diffusion;
        let dtype = choose_dtype(config.dtype.as_deref().unwrap_or("auto"), &device)?;
        Ok(Self {
            arithmetic: arithmetic(&device, &name, dtype, config.kernels),
            device,
            dtype,
            name,
        })
    }

    fn because(mut self, why: &str) -> Self {
        self.name = format!("{} ({why})", self.name);
        self
    }
}

/// The device that the setting `device` names, if it can do the task.
///
/// One that is named is used or refused, never replaced. `auto` stays with the device that the film was begun on. Otherwise it takes
/// an NVIDIA or Apple GPU as far as this program was built for candle's CUDA or Metal, then the first of other GPUs if it passes its
/// test and draws pictures of the task faster than the CPU, then the CPU.
///
/// What takes a while is told to `note` before it is done, and what comes of it is kept in `findings`.
///
/// # Errors
/// As [`open_device`] and [`choose_dtype`]; [`Error::Limit`] for a model that doesn't fit, and [`Error::Device`] for a GPU that
/// computes wrongly; [`Error::Weights`] for an unsound model.
pub fn choose(
    name: &str,
    task: &Task<'_>,
    findings: &GpuFindings,
    note: &mut dyn FnMut(&str),
) -> Result<Choice> {
    let mut chooser = Chooser {
        task,
        findings,
        clock: &picture_secs,
        note,
    };
    if name == "auto" {
        return chooser.automatic(Adapter::all);
    }
    let choice = Choice::new(open_device(name)?, task)?;
    chooser.check(&choice)?;
    Ok(choice)
}

struct Chooser<'a> {
    task: &'a Task<'a>,
    findings: &'a GpuFindings,
    clock: Clock<'a>,
    note: &'a mut dyn FnMut(&str),
}

impl Chooser<'_> {
    fn automatic(&mut self, adapters: impl FnOnce() -> Vec<Adapter>) -> Result<Choice> {
        let cpu = Choice::new(open_device("cpu")?, self.task)?;
        if let Some(gpu) = gpu_of_candle() {
            return Choice::new(gpu, self.task);
        }
        if !HAS_GPUS {
            return Ok(
                cpu.because(match cfg!(any(feature = "cuda", feature = "metal")) {
                    true => "no GPU was found",
                    false => "built without GPU support; --features gpu brings it",
                }),
            );
        }
        let adapters = adapters();
        if let Some(begun) = self.task.begun {
            let why = "as the film's finished part";
            if begun == cpu.arithmetic {
                return Ok(cpu.because(why));
            }
            let is_meant = |adapter: &&Adapter| begun.ends_with(&adapter.identity());
            if let Some(adapter) = adapters.iter().find(is_meant)
                && let Ok(gpu) = self.usable(adapter)
                && begun == gpu.arithmetic
            {
                return Ok(gpu.because(why));
            }
        }
        let Some(adapter) = adapters.first() else {
            return Ok(cpu.because("no GPU was found"));
        };
        if adapter.class == Class::Software {
            let why = format!("the only GPU, {}, is software on the CPU", adapter.name);
            return Ok(cpu.because(&why));
        }
        let faster = self
            .usable(adapter)
            .and_then(|gpu| self.faster(cpu.clone(), gpu));
        match faster {
            Err(error) => Ok(cpu.because(&format!("{}: {}", adapter.name, hindrance(error)?))),
            choice => choice,
        }
    }

    /// A GPU, if it can do the task.
    fn usable(&mut self, adapter: &Adapter) -> Result<Choice> {
        let gpu = Gpu::open(adapter).map_err(of_gpu)?;
        let name = gpu.identity().to_owned();
        let choice = Choice::new((Device::Gpu(gpu), name), self.task)?;
        self.check(&choice)?;
        Ok(choice)
    }

    /// Refuses a GPU that hasn't enough memory or computes wrongly.
    fn check(&mut self, choice: &Choice) -> Result<()> {
        let Some(gpu) = choice.device.gpu() else {
            return Ok(());
        };
        let Task {
            model,
            config,
            n_batch,
            ..
        } = *self.task;
        GpuRoom::of(gpu).check(model, config, choice.dtype, n_batch)?;
        if !self.findings.has_passed(gpu, choice.dtype) {
            (self.note)("testing the GPU with a small picture: once for each driver");
        }
        self.findings.test(gpu, choice.dtype)
    }

    /// The one that draws the task's pictures faster.
    fn faster(&mut self, cpu: Choice, gpu: Choice) -> Result<Choice> {
        let note = &mut *self.note;
        let mut say =
            || note("timing the GPU and the CPU: once for each model and size of pictures");
        let both = (&cpu, &gpu);
        let speeds = self
            .findings
            .speeds(self.task, both, self.clock, &mut say)?;
        let cpu_takes = format!("{:.3} s a picture", speeds.cpu_secs);
        let gpu_takes = format!("{:.3} s a picture", speeds.gpu_secs);
        Ok(match speeds.gpu_is_faster() {
            true => gpu.because(&format!("{gpu_takes}, the CPU {cpu_takes}")),
            false => {
                let why = format!("{cpu_takes}, {} {gpu_takes}", gpu.name);
                cpu.because(&why)
            }
        })
    }
}

/// What keeps a GPU from drawing; an error that it isn't to blame for stays one.
fn hindrance(error: Error) -> Result<String> {
    match error {
        Error::Device { reason, .. }
        | Error::Limit { reason, .. }
        | Error::Later { reason, .. }
        | Error::Config {
            allowed: reason, ..
        } => Ok(reason),
        error => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use timeline::Size;

    use super::*;

    /// What is chosen of the CPU and `adapters` for a picture of the bundled model, which takes `secs` on the CPU and on a GPU. Where
    /// there are none, nothing may be timed.
    fn choose(
        findings: &GpuFindings,
        adapters: &[Adapter],
        begun: Option<&str>,
        secs: Option<(f64, f64)>,
    ) -> Choice {
        let task = Task {
            model: &ModelSource::open("bundled").unwrap(),
            config: &RenderConfig::bundled(Size::square(64)),
            n_batch: 1,
            threads: &rayon::ThreadPoolBuilder::new().build().unwrap(),
            begun,
        };
        let clock = |_: &Task<'_>, choice: &Choice| {
            let (cpu, gpu) = secs.unwrap();
            Ok(if choice.device.is_cpu() { cpu } else { gpu })
        };
        let mut chooser = Chooser {
            task: &task,
            findings,
            clock: &clock,
            note: &mut |_| {},
        };
        chooser.automatic(|| adapters.to_vec()).unwrap()
    }

    /// The first GPU of this machine, if there is one.
    fn adapter() -> Option<Adapter> {
        let adapter = Adapter::numbered(0);
        if let Err(error) = &adapter {
            assert!(std::env::var_os("VISUALIZE_NEEDS_GPU").is_none(), "{error}");
            eprintln!("skipped: {error}");
        }
        adapter.ok()
    }

    #[test]
    fn without_a_gpu_the_cpu_draws() {
        let choice = choose(&GpuFindings::default(), &[], None, None);
        assert!(choice.device.is_cpu());
        let why = match HAS_GPUS {
            true => "no GPU was found",
            false => "--features gpu",
        };
        assert!(choice.name.contains(why), "{}", choice.name);
    }

    #[test]
    fn a_gpu_draws_where_it_is_faster() {
        let Some(mut card) = adapter() else { return };
        card.class = Class::Discrete;
        let card = &[card];
        let folder = tempfile::tempdir().unwrap();
        let [quick, slow] = ["quick", "slow"].map(|name| {
            let findings = GpuFindings::new(Some(folder.path().join(name)));
            let gpu = Gpu::open(&card[0]).unwrap();
            findings.pass(&gpu, DType::F32);
            findings.pass(&gpu, DType::F16);
            findings
        });
        let on_gpu = choose(&quick, card, None, Some((0.5, 0.125)));
        assert!(!on_gpu.device.is_cpu());
        let why = "(0.125 s a picture, the CPU 0.500 s a picture)";
        assert!(on_gpu.name.ends_with(why), "{}", on_gpu.name);
        let on_cpu = choose(&slow, card, None, Some((0.125, 0.5)));
        assert!(on_cpu.device.is_cpu());
        assert!(on_cpu.name.contains("(0.125 s"), "{}", on_cpu.name);
        // What was found out once isn't timed again.
        assert_eq!(choose(&quick, card, None, None).name, on_gpu.name);
        assert_eq!(choose(&slow, card, None, None).name, on_cpu.name);
        // A film stays where it was begun, whatever would be faster.
        let stays = choose(&quick, card, Some(&on_cpu.arithmetic), None);
        assert!(stays.device.is_cpu() && stays.name.contains("finished"));
        let stays = choose(&slow, card, Some(&on_gpu.arithmetic), None);
        assert!(!stays.device.is_cpu() && stays.name.contains("finished"));
        // Where that device isn't there, it is chosen as if nothing had been drawn.
        let other = choose(&quick, card, Some("F16 on another card"), None);
        assert_eq!(other.name, on_gpu.name);
    }

    #[test]
    fn a_gpu_in_software_draws_only_what_it_has_begun() {
        let Some(mut software) = adapter() else {
            return;
        };
        software.class = Class::Software;
        let software = &[software];
        let findings = GpuFindings::default();
        let choice = choose(&findings, software, None, None);
        assert!(choice.device.is_cpu());
        assert!(choice.name.contains("software"), "{}", choice.name);
        let gpu = Gpu::open(&software[0]).unwrap();
        let dtype = if gpu.has_f16() {
            DType::F16
        } else {
            DType::F32
        };
        let begun = format!("{dtype:?} on {}", gpu.identity());
        let choice = choose(&findings, software, Some(&begun), None);
        assert!(!choice.device.is_cpu());
    }

    #[test]
    fn a_gpu_is_timed_by_the_film_it_would_draw() {
        let Some(adapter) = adapter() else { return };
        let task = Task {
            model: &ModelSource::open("bundled").unwrap(),
            config: &RenderConfig::bundled(Size::square(64)),
            n_batch: 2,
            threads: &rayon::ThreadPoolBuilder::new().build().unwrap(),
            begun: None,
        };
        let secs = |device: (Device, String)| {
            picture_secs(&task, &Choice::new(device, &task).unwrap()).unwrap()
        };
        let cpu = secs(open_device("cpu").unwrap());
        let gpu = secs(open_device("gpu").unwrap());
        println!("{cpu} s on the CPU, {gpu} s on {}", adapter.name);
        assert!(cpu > 0.0 && gpu > 0.0);
        assert!(adapter.class != Class::Software || gpu > cpu);
    }

    #[test]
    fn a_gpu_without_room_is_left_alone() {
        let Some(mut tiny) = adapter() else { return };
        tiny.class = Class::Discrete;
        tiny.memory_bytes = Some(1 << 20);
        let choice = choose(&GpuFindings::default(), &[tiny.clone()], None, None);
        assert!(choice.device.is_cpu());
        assert!(choice.name.contains(&tiny.name), "{}", choice.name);
        assert!(choice.name.contains("1 MiB"), "{}", choice.name);
    }
}
