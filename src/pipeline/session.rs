//! Where frames are drawn: the machine's threads and device, and the model on it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::host::host_name;
use common::{Error, Result};
use diffusion::{
    Choice, HAS_GPUS, ModelSource, ModelStore, NotFinite, Renderer, StableDiffusion, Task, choose,
};
use image::RgbImage;
use picture::camera;
use timeline::{FrameInputs, PromptText, RenderConfig, RunFolder};

use super::path_map::PathMap;
use super::watch::{Event, Watch};

/// A batch that takes less is timed a second time.
const SHORT_BATCH: Duration = Duration::from_secs(2);

/// What rendering depends on, but no pixel does.
#[derive(Clone, Debug)]
pub struct Machine {
    /// `auto`, `cpu`, `gpu`, `gpu:N`, `cuda`, `cuda:N` or `metal`.
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

/// A machine at work. Threads and model come when they are first needed and stay as long as the session does; there is one model
/// in memory at a time.
pub struct Session {
    machine: Machine,
    /// The model, where it is known already.
    model: Option<ModelSource>,
    open: Option<Open>,
    /// Seconds that a frame takes, where some were drawn to find out.
    frame_secs: Option<(RenderConfig, f64)>,
    guests: Option<Box<dyn Guests>>,
}

/// Those who want pictures while other work goes on, such as a page that is looked at while a film is drawn.
pub trait Guests: Send {
    /// Called before each batch of the work: draws what is wanted now, or nothing. Work goes on when this returns.
    fn visit(&mut self, draw: DrawNow<'_>);
}

/// Draws pictures as the film of a configuration shows them; `None` where that needs another model than the work at hand.
pub type DrawNow<'a> =
    &'a mut dyn FnMut(&RenderConfig, &[FrameInputs]) -> Option<Result<Vec<RgbImage>>>;

struct Open {
    config: RenderConfig,
    renderer: StableDiffusion,
    threads: Arc<rayon::ThreadPool>,
    arithmetic: String,
    /// How the film was drawn that it was opened for, if that was begun.
    begun: Option<String>,
}

/// A model that is ready to draw.
pub(super) struct Drawer<'a> {
    config: &'a RenderConfig,
    renderer: &'a mut StableDiffusion,
    threads: &'a rayon::ThreadPool,
    frame_secs: &'a mut Option<(RenderConfig, f64)>,
    guests: Option<&'a mut Box<dyn Guests>>,
    /// Frames drawn at once, 1 or more.
    pub n_batch: usize,
    /// Name of the machine.
    pub host: &'a str,
    /// How it computes.
    pub arithmetic: &'a str,
}

impl Session {
    /// A session without a model.
    pub fn new(machine: Machine) -> Self {
        Self {
            machine,
            model: None,
            open: None,
            frame_secs: None,
            guests: None,
        }
    }

    /// The same with guests.
    #[must_use]
    pub fn with_guests(mut self, guests: Box<dyn Guests>) -> Self {
        self.guests = Some(guests);
        self
    }

    /// The model that films are planned with from now on; it is found by its name where it is left out.
    pub(super) fn set_model(&mut self, model: Option<&ModelSource>) {
        self.model = model.cloned();
    }

    /// Draws frames as the film of a configuration shows them. `model` is the configuration's.
    ///
    /// # Errors
    /// As [`render`](super::render).
    pub fn pictures(
        &mut self,
        model: &ModelSource,
        config: &RenderConfig,
        frames: &[FrameInputs],
        watch: &mut Watch<'_>,
    ) -> Result<Vec<RgbImage>> {
        self.set_model(Some(model));
        let mut drawer = self.drawer(config, &[], None, watch)?;
        let drawn = drawer
            .render(frames)
            .map_err(|error| NotFinite::explain(error, |_| None))?;
        Ok(seen(drawn, frames))
    }

    /// The model that a film is planned with, ready for some prompts. `folder` is where the film's chunks lie: where the device is left
    /// to us, it stays the one that has drawn there.
    ///
    /// # Errors
    /// [`Error::Weights`], [`Error::Device`]; [`Error::Limit`] where threads can't be started.
    pub(super) fn drawer(
        &mut self,
        config: &RenderConfig,
        words: &[PromptText],
        folder: Option<&RunFolder>,
        watch: &mut Watch<'_>,
    ) -> Result<Drawer<'_>> {
        let begun = folder.filter(|_| HAS_GPUS && self.machine.device == "auto");
        let begun = begun.and_then(|folder| video::latest_origin(folder.path()));
        let begun = begun.map(|origin| origin.arithmetic);
        // One that draws otherwise goes before the next one comes: there is memory for one.
        let open = self.open.take().filter(|open| {
            has_same_model(&open.config, config) && open.goes_on_with(begun.as_deref())
        });
        let mut open = match open {
            Some(open) => open,
            None => load(config, &self.machine, self.model.as_ref(), begun, watch)?,
        };
        if open.config != *config {
            open.renderer.set_sizes(config)?;
            open.config = config.clone();
        }
        let open = self.open.insert(open);
        open.threads
            .clone()
            .install(|| open.renderer.prepare(words))?;
        Ok(Drawer {
            config: &open.config,
            renderer: &mut open.renderer,
            threads: &open.threads,
            frame_secs: &mut self.frame_secs,
            guests: self.guests.as_mut(),
            n_batch: self.machine.n_batch.max(1),
            host: &self.machine.host,
            arithmetic: &open.arithmetic,
        })
    }
}

impl Open {
    /// Whether it is the one to go on with a film that was begun with some arithmetic.
    fn goes_on_with(&self, begun: Option<&str>) -> bool {
        begun.is_none_or(|begun| begun == self.arithmetic) || begun == self.begun.as_deref()
    }
}

/// Whether two configurations differ in sizes and steps at most.
fn has_same_model(a: &RenderConfig, b: &RenderConfig) -> bool {
    let of = |config: &RenderConfig| {
        (
            config.model.clone(),
            config.weights_sha256.clone(),
            config.diffusion.clone(),
        )
    };
    of(a) == of(b)
}

/// Pictures as the camera sees them.
fn seen(pictures: Vec<RgbImage>, frames: &[FrameInputs]) -> Vec<RgbImage> {
    let pictures = pictures.into_iter().zip(frames);
    pictures
        .map(|(picture, frame)| camera::look(picture, &frame.camera))
        .collect()
}

impl Drawer<'_> {
    /// Draws frames in the machine's threads.
    ///
    /// # Errors
    /// As [`Renderer::render`].
    pub fn render(&mut self, frames: &[FrameInputs]) -> Result<Vec<RgbImage>> {
        self.threads.install(|| self.renderer.render(frames))
    }

    /// Draws what guests want. Between two batches, so that neither waits for long.
    ///
    /// # Errors
    /// Where the renderer can't go back to its work.
    pub fn receive_guests(&mut self) -> Result<()> {
        let Some(guests) = &mut self.guests else {
            return Ok(());
        };
        let (work, renderer, threads) = (self.config, &mut *self.renderer, self.threads);
        let mut draw = |config: &RenderConfig, frames: &[FrameInputs]| {
            has_same_model(work, config).then(|| {
                renderer.set_sizes(config)?;
                let drawn = threads.install(|| renderer.render(frames));
                let drawn = drawn.map_err(|error| NotFinite::explain(error, |_| None))?;
                Ok(seen(drawn, frames))
            })
        };
        guests.visit(&mut draw);
        self.renderer.set_sizes(self.config)
    }

    /// Seconds that a frame takes in a batch of its like. The first call draws some to find out.
    ///
    /// # Errors
    /// As [`Renderer::render`].
    pub fn frame_secs(&mut self, inputs: &FrameInputs) -> Result<f64> {
        if let Some((config, secs)) = &*self.frame_secs
            && config == self.config
        {
            return Ok(*secs);
        }
        let batch = vec![inputs.clone(); self.n_batch];
        let mut time_batch = || -> Result<Duration> {
            let started = Instant::now();
            // Whoever asks hands in what the film begins with.
            self.render(&batch)
                .map_err(|error| NotFinite::explain(error, |_| Some(0)))?;
            Ok(started.elapsed())
        };
        let mut elapsed = time_batch()?;
        // A small model's first batch takes up to twice as long as the others: memory comes, and weights are read.
        if elapsed < SHORT_BATCH {
            elapsed = time_batch()?;
        }
        let secs = elapsed.as_secs_f64() / batch.len() as f64;
        *self.frame_secs = Some((self.config.clone(), secs));
        Ok(secs)
    }

    /// Draws frames as large as the model does, in the machine's threads.
    ///
    /// # Errors
    /// As [`Renderer::probe`].
    pub fn probe(&mut self, frames: &[FrameInputs]) -> Result<Vec<RgbImage>> {
        self.threads
            .install(|| self.renderer.probe(frames))
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
    begun: Option<String>,
    watch: &mut Watch<'_>,
) -> Result<Open> {
    let here = &machine.path_map.of_render(config);
    let model = match model {
        Some(model) => model,
        None => &find(here, machine, watch)?,
    };
    let threads = threads(machine)?;
    let task = Task {
        model,
        config: here,
        n_batch: machine.n_batch,
        threads: &threads,
        begun: begun.as_deref(),
    };
    let Choice {
        device,
        dtype,
        arithmetic,
        name,
    } = choose(&machine.device, &task, &machine.store.gpus, &mut |text| {
        watch.note(text);
    })?;
    watch.note(&format!("drawing on {name}, weights in {dtype:?}"));
    Ok(Open {
        config: config.clone(),
        renderer: StableDiffusion::load(model, here, device, dtype)?,
        threads: Arc::new(threads),
        arithmetic,
        begun,
    })
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
