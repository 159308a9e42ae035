//! Where frames are drawn: the machine's threads and device, and the model on it.

use std::sync::Arc;
use std::time::Instant;

use common::host::host_name;
use common::{Error, Result};
use diffusion::{
    ModelSource, ModelStore, NotFinite, Renderer, StableDiffusion, choose_device, choose_dtype,
};
use image::RgbImage;
use timeline::{FrameInputs, PromptText, RenderConfig};

use super::origin::{arithmetic_of_cpu, arithmetic_of_gpu};
use super::path_map::PathMap;
use super::watch::{Event, Watch};

/// What rendering depends on, but no pixel does.
#[derive(Clone, Debug)]
pub struct Machine {
    /// `auto`, `cpu`, `cuda`, `cuda:N` or `metal`.
    pub device: String,
    /// Frames drawn at once, 1 or more.
    pub n_batch: usize,
    /// Where models are.
    pub store: ModelStore,
    /// Threads that draw; one for each core where it is left out. The encoder has one of its own beside them.
    pub n_threads: Option<usize>,
    /// Its name, which finished chunks keep.
    pub host: String,
    /// Where the paths of a timeline lie on this machine.
    pub path_map: PathMap,
}

impl Default for Machine {
    /// The best device and all cores of this machine, with the models of this process's environment.
    fn default() -> Self {
        Self {
            device: "auto".to_owned(),
            n_batch: 4,
            store: ModelStore::from_env(),
            n_threads: None,
            host: host_name().to_owned(),
            path_map: PathMap::default(),
        }
    }
}

/// A machine at work. Threads and model come when they are first needed and stay for all of a run.
pub(super) struct Session<'a> {
    machine: &'a Machine,
    /// The model, where it is known already.
    model: Option<&'a ModelSource>,
    open: Option<Open>,
    /// Seconds that a frame takes, where some were drawn to find out.
    frame_secs: Option<f64>,
}

struct Open {
    config: RenderConfig,
    renderer: StableDiffusion,
    threads: Arc<rayon::ThreadPool>,
    arithmetic: String,
}

/// A model that is ready to draw.
pub(super) struct Drawer<'a> {
    renderer: &'a mut StableDiffusion,
    threads: &'a rayon::ThreadPool,
    frame_secs: &'a mut Option<f64>,
    /// Frames drawn at once, 1 or more.
    pub n_batch: usize,
    /// Name of the machine.
    pub host: &'a str,
    /// How it computes.
    pub arithmetic: &'a str,
}

impl<'a> Session<'a> {
    /// `model` is the one that films are planned with; it is found by its name where it is left out.
    pub fn new(machine: &'a Machine, model: Option<&'a ModelSource>) -> Self {
        Self {
            machine,
            model,
            open: None,
            frame_secs: None,
        }
    }

    /// The model that a film is planned with, ready for some prompts.
    ///
    /// # Errors
    /// [`Error::Weights`], [`Error::Device`]; [`Error::Limit`] where threads can't be started.
    pub fn drawer(
        &mut self,
        config: &RenderConfig,
        words: &[PromptText],
        watch: &mut Watch<'_>,
    ) -> Result<Drawer<'_>> {
        let open = match self.open.take().filter(|open| open.config == *config) {
            Some(open) => open,
            None => {
                let threads = Arc::new(threads(self.machine)?);
                let (renderer, arithmetic) = load(config, self.machine, self.model, watch)?;
                Open {
                    config: config.clone(),
                    renderer,
                    threads,
                    arithmetic,
                }
            }
        };
        let open = self.open.insert(open);
        open.threads
            .clone()
            .install(|| open.renderer.prepare(words))?;
        Ok(Drawer {
            renderer: &mut open.renderer,
            threads: &open.threads,
            frame_secs: &mut self.frame_secs,
            n_batch: self.machine.n_batch.max(1),
            host: &self.machine.host,
            arithmetic: &open.arithmetic,
        })
    }
}

impl Drawer<'_> {
    /// Draws frames in the machine's threads.
    ///
    /// # Errors
    /// As [`Renderer::render`].
    pub fn render(&mut self, frames: &[FrameInputs]) -> Result<Vec<RgbImage>> {
        self.threads.install(|| self.renderer.render(frames))
    }

    /// Seconds that a frame takes in a batch of its like. The first call draws one to find out.
    ///
    /// # Errors
    /// As [`Renderer::render`].
    pub fn frame_secs(&mut self, inputs: &FrameInputs) -> Result<f64> {
        if let Some(secs) = *self.frame_secs {
            return Ok(secs);
        }
        let batch = vec![inputs.clone(); self.n_batch];
        let started = Instant::now();
        // Whoever asks hands in what the film begins with.
        self.render(&batch)
            .map_err(|error| NotFinite::explain(error, |_| Some(0)))?;
        let secs = started.elapsed().as_secs_f64() / batch.len() as f64;
        Ok(*self.frame_secs.insert(secs))
    }

    /// Sketches frames in the machine's threads.
    ///
    /// # Errors
    /// As [`Renderer::sketch`].
    pub fn sketch(&mut self, frames: &[FrameInputs]) -> Result<Vec<RgbImage>> {
        self.threads
            .install(|| self.renderer.sketch(frames))
            .map_err(|error| NotFinite::explain(error, |_| None))
    }
}

fn threads(machine: &Machine) -> Result<rayon::ThreadPool> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(machine.n_threads.unwrap_or(0)) // 0 = one for each core
        .thread_name(|idx| format!("draw {idx}"))
        .build()
        .map_err(|error| Error::Limit {
            reason: format!("can't start the threads that draw: {error}"),
            hint: Some("ask for fewer with `threads`".to_owned()),
        })
}

fn load(
    config: &RenderConfig,
    machine: &Machine,
    model: Option<&ModelSource>,
    watch: &mut Watch<'_>,
) -> Result<(StableDiffusion, String)> {
    let config = &machine.path_map.of_render(config);
    let model = match model {
        Some(model) => model,
        None => &find(config, machine, watch)?,
    };
    let (device, name) = choose_device(&machine.device)?;
    let dtype = choose_dtype(config.diffusion.dtype.as_deref().unwrap_or("auto"), &device)?;
    watch.note(&format!("drawing on {name}, weights in {dtype:?}"));
    let arithmetic = match device.is_cpu() {
        true => arithmetic_of_cpu(config.diffusion.kernels),
        false => arithmetic_of_gpu(&format!("{dtype:?}"), &name),
    };
    let renderer = StableDiffusion::load(model, config, &device, dtype)?;
    Ok((renderer, arithmetic))
}

/// The model of a timeline, if it still has the weights that the timeline was planned with.
fn find(config: &RenderConfig, machine: &Machine, watch: &mut Watch<'_>) -> Result<ModelSource> {
    let model = machine.store.open_for(config, &mut |download| {
        (watch.observe)(Event::Download(download));
        watch.go_on()
    })?;
    if model.sha256(&machine.store.digests)? != config.weights_sha256 {
        return Err(Error::weights(
            &config.model,
            "the weights are not those that the timeline was planned with",
        )
        .with_hint("plan again with these weights, or bring the old ones back"));
    }
    Ok(model)
}
