//! The thread that draws. It owns the model, of which there is one in memory, and takes what is most urgent first: pictures that a
//! page waits for, previews, films, and, where nothing else is to be done, the calibration of plans.
//!
//! Pictures are also drawn between two batches of longer work. A preview interrupts a film, which then goes on where it stopped.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use common::{Error, Result};
use diffusion::BUNDLED_NAME;
use image::RgbImage;
use timeline::{RunFolder, Timeline};

use super::Studio;
use super::answer::fault;
use super::jobs::Order;
use super::pictures::{Kept, Waiting, Wanted, reply};
use super::song::{OpenSong, Planned};
use super::wire::{Event, Model};
use crate::pipeline::{self, DrawNow, Guests, Session, Watch};

/// Time between two looks for work that nobody announced.
const LOOK: Duration = Duration::from_millis(200);
/// Batches of pictures between two batches of a film, so that both go on.
const MAX_VISITS: usize = 3;
/// A plan is calibrated when its texts have rested for this long.
const REST: Duration = Duration::from_millis(700);

/// What is to be drawn, and what was.
#[derive(Default)]
pub struct Drawing {
    state: Mutex<State>,
    wake: Condvar,
    /// Ends a calibration that nobody waits for.
    background: Arc<AtomicBool>,
}

/// What the thread looks at.
#[derive(Default)]
pub struct State {
    pub waiting: Waiting,
    pub kept: Kept,
    /// How long a picture took last, in milliseconds, and with which model.
    frame_ms: Option<(String, f64)>,
}

/// The most urgent work.
enum Task {
    Pictures(Vec<Wanted>),
    Make(Order),
    Calibrate(Arc<OpenSong>, Arc<Planned>),
}

impl Drawing {
    /// What is to be drawn.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that there is work.
    pub fn wake(&self) {
        self.wake.notify_all();
    }

    /// Ends the calibration of a plan that is older than its texts, or in the way.
    pub fn end_background(&self) {
        self.background.store(true, Ordering::SeqCst);
    }

    /// How long a picture takes in milliseconds, where one was drawn with this model.
    pub fn frame_ms(&self, model: &str) -> Option<f64> {
        let state = self.lock();
        let known = state.frame_ms.as_ref().filter(|(name, _)| name == model);
        known.map(|(_, frame_ms)| *frame_ms)
    }
}

/// Starts the thread; it ends with the studio.
///
/// # Errors
/// [`Error::Limit`] where the system has no more threads.
pub fn start(studio: Arc<Studio>) -> Result<JoinHandle<()>> {
    let thread = std::thread::Builder::new().name("drawing".to_owned());
    thread
        .spawn(move || draw(&studio))
        .map_err(|error| Error::Limit {
            reason: format!("can't start the thread that draws: {error}"),
            hint: None,
        })
}

fn draw(studio: &Arc<Studio>) {
    let guests = Pages(Arc::clone(studio));
    let mut session = Session::new(studio.machine.clone()).with_guests(Box::new(guests));
    while let Some(task) = next(studio) {
        match task {
            Task::Pictures(batch) => draw_pictures(studio, &mut session, batch),
            Task::Make(order) => studio.make(&mut session, &order),
            Task::Calibrate(song, planned) => calibrate(studio, &mut session, &song, &planned),
        }
    }
}

/// Waits for the next work; none when the studio ends.
fn next(studio: &Studio) -> Option<Task> {
    loop {
        if studio.is_over() {
            return None;
        }
        let batch = studio.drawing.lock().waiting.take(studio.n_batch());
        if !batch.is_empty() {
            return Some(Task::Pictures(batch));
        }
        if let Some(order) = studio.next_order() {
            return Some(Task::Make(order));
        }
        if let Some((song, planned)) = uncalibrated(studio) {
            studio.drawing.background.store(false, Ordering::SeqCst);
            return Some(Task::Calibrate(song, planned));
        }
        let state = studio.drawing.lock();
        if state.waiting.is_empty() {
            let waited = studio.drawing.wake.wait_timeout(state, LOOK);
            drop(waited.unwrap_or_else(PoisonError::into_inner));
        }
    }
}

/// A plan that waits to be calibrated, of a model that draws fast enough to do so unasked.
fn uncalibrated(studio: &Studio) -> Option<(Arc<OpenSong>, Arc<Planned>)> {
    studio.songs.all().into_iter().find_map(|song| {
        let inner = song.lock();
        let planned = inner.plan.clone()?;
        let is_rested = planned.made.elapsed() >= REST && !inner.todo.hear && !inner.todo.plan;
        let is_fast = planned.timeline.render.model == BUNDLED_NAME;
        drop(inner);
        (is_rested && is_fast && !planned.is_calibrated && !planned.has_failed())
            .then_some((song, planned))
    })
}

/// Draws pictures while nothing else is drawn.
fn draw_pictures(studio: &Studio, session: &mut Session, batch: Vec<Wanted>) {
    let Some(first) = batch.first() else {
        return;
    };
    let (model, render) = (first.frame.model.clone(), first.frame.render.clone());
    let inputs: Vec<_> = batch
        .iter()
        .map(|wanted| wanted.frame.inputs.clone())
        .collect();
    let mut watch = Watch {
        observe: &mut |_| (),
        stop: &studio.stop,
    };
    let started = Instant::now();
    let drawn = session.pictures(&model, &render, &inputs, &mut watch);
    studio.took(&render.model, started.elapsed(), &drawn);
    reply(batch, drawn);
}

/// Pages that want pictures while a film is drawn.
struct Pages(Arc<Studio>);

impl Guests for Pages {
    fn visit(&mut self, draw: DrawNow<'_>) {
        let studio = &self.0;
        for _ in 0..MAX_VISITS {
            let batch = studio.drawing.lock().waiting.take(studio.n_batch());
            let Some(render) = batch.first().map(|wanted| wanted.frame.render.clone()) else {
                return;
            };
            let inputs: Vec<_> = batch
                .iter()
                .map(|wanted| wanted.frame.inputs.clone())
                .collect();
            let started = Instant::now();
            match draw(&render, &inputs) {
                Some(drawn) => {
                    studio.took(&render.model, started.elapsed(), &drawn);
                    reply(batch, drawn);
                }
                None => {
                    studio.drawing.lock().waiting.put_back(batch);
                    return;
                }
            }
        }
    }
}

/// Measures the plan of a song, so that its pictures are the film's.
fn calibrate(studio: &Studio, session: &mut Session, song: &OpenSong, planned: &Arc<Planned>) {
    let folder = RunFolder::beside(&song.name.film(planned.timeline.encoding.codec));
    let mut watch = Watch {
        observe: &mut |_| (),
        stop: &studio.drawing.background,
    };
    let (analysis, request) = (&planned.heard.analysis, &planned.request);
    match pipeline::plan_in(session, analysis, request, &folder, &mut watch) {
        Ok(timeline) => put_calibrated(studio, song, planned, timeline),
        Err(Error::Interrupted) => {}
        Err(error) => {
            planned.fail();
            song.update(|inner| inner.plan_error = Some(fault(&error)));
            studio.tell_song(song);
        }
    }
}

/// Takes the calibrated plan, if its song has no newer one.
fn put_calibrated(studio: &Studio, song: &OpenSong, planned: &Arc<Planned>, timeline: Timeline) {
    let revision = song.update(|inner| {
        let is_newest = inner
            .plan
            .as_ref()
            .is_some_and(|plan| plan.revision == planned.revision);
        is_newest.then(|| {
            let revision = inner.next_revision();
            inner.plan = Some(Arc::new(planned.calibrated(revision, timeline)));
            revision
        })
    });
    if let Some(revision) = revision {
        studio.events.send(&Event::Plan {
            song: song.name.as_str().to_owned(),
            revision,
            is_calibrated: true,
        });
    }
}

impl Studio {
    /// Pictures that are drawn at once: one for each core, since a small network's layers are too short to be divided.
    fn n_batch(&self) -> usize {
        let n_cores = std::thread::available_parallelism().map_or(1, usize::from);
        let n_threads = self.machine.n_threads.unwrap_or(n_cores);
        n_threads.min(self.machine.n_batch).max(1)
    }

    /// Notes how long each of some pictures took that were drawn at once, and tells the pages where that is new.
    fn took(&self, model: &str, time: Duration, drawn: &Result<Vec<RgbImage>>) {
        let Ok(pictures) = drawn else {
            return;
        };
        let frame_ms = time.as_secs_f64() * 1000.0 / pictures.len().max(1) as f64;
        let before = self.drawing.frame_ms(model);
        self.drawing.lock().frame_ms = Some((model.to_owned(), frame_ms));
        let is_new = before.is_none_or(|before| !(0.5..2.0).contains(&(frame_ms / before)));
        if is_new {
            self.events.send(&Event::Model {
                model: Model {
                    name: model.to_owned(),
                    is_bundled: model == BUNDLED_NAME,
                    frame_ms: Some(frame_ms),
                },
            });
        }
    }
}
