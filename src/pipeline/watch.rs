use std::sync::atomic::{AtomicBool, Ordering};

use analysis::Analysis;
use common::{Error, Result};
use diffusion::hub::DownloadEvent;
use serde::Serialize;
use timeline::{FrameInputs, Timeline};

/// Whoever watches a run, and may end it.
pub struct Watch<'a> {
    /// Called with everything that happens.
    pub observe: &'a mut dyn FnMut(Event<'_>),
    /// Raised by whoever wants the run to end; finished chunks are kept.
    pub stop: &'a AtomicBool,
}

impl Watch<'_> {
    /// Tells the watcher something that the user should know.
    pub fn note(&mut self, text: &str) {
        (self.observe)(Event::Note(text));
    }

    /// Ends the run where the flag is raised.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when the run has to end.
    pub fn go_on(&self) -> Result<()> {
        if self.stop.load(Ordering::SeqCst) {
            return Err(Error::Interrupted);
        }
        Ok(())
    }
}

/// What happens during a run, for whoever shows it. As JSON: `{"event": name, "data": value}`.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(tag = "event", content = "data", rename_all = "snake_case")]
pub enum Event<'a> {
    /// Something that the user should know: what was chosen, what has no effect.
    Note(&'a str),
    /// A model is being downloaded from the hub.
    Download(DownloadEvent<'a>),
    /// The song was analysed.
    Analyzed(&'a Analysis),
    /// Probe frames were drawn, to measure how far the picture moves.
    Probes {
        /// Probes drawn so far.
        n_done: usize,
        /// Probes that may be drawn.
        n_probes: usize,
    },
    /// The timeline stands.
    Planned(&'a Timeline),
    /// Rendering begins; `n_done` of `n_frames` frames are finished already.
    Rendering {
        /// Frames asked for.
        n_frames: u64,
        /// Frames found finished.
        n_done: u64,
    },
    /// How long rendering will take, after the first batch.
    Estimate {
        /// Seconds left.
        secs: f64,
        /// Speed.
        frames_per_second: f64,
    },
    /// Frames were drawn.
    Frames {
        /// Frames finished or in flight so far, those found finished included.
        n_done: u64,
        /// Index of the last frame drawn.
        frame_idx: u64,
        /// The last frame drawn.
        inputs: &'a FrameInputs,
    },
    /// All frames are finished; the film is being written.
    Muxing,
}
