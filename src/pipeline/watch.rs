use std::sync::atomic::{AtomicBool, Ordering};

use crate::diffusion::hub::Loading;
use crate::mapping::FrameInputs;
use crate::{Analysis, Error, Result, Timeline};

/// Whoever watches a run, and may end it.
pub struct Watch<'a> {
    /// Called with everything that happens.
    pub observe: &'a mut dyn FnMut(Event<'_>),
    /// Raised by whoever wants the run to end; finished chunks are kept.
    pub stop: &'a AtomicBool,
}

impl Watch<'_> {
    pub(super) fn note(&mut self, text: &str) {
        (self.observe)(Event::Note(text));
    }

    /// # Errors
    /// [`Error::Interrupted`] when the run has to end.
    pub(super) fn go_on(&self) -> Result<()> {
        if self.stop.load(Ordering::SeqCst) {
            return Err(Error::Interrupted);
        }
        Ok(())
    }
}

/// What happens during a run, for whoever shows it.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// Something that the user should know: what was chosen, what has no effect.
    Note(&'a str),
    /// A model is being loaded from the hub.
    Loading(Loading<'a>),
    /// The song was analysed.
    Heard(&'a Analysis),
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
        /// The last frame drawn.
        inputs: &'a FrameInputs,
    },
    /// All frames are finished; the film is being written.
    Muxing,
}
