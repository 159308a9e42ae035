//! aubio's beat tracker.

use aubio_rs::{OnsetMode, Tempo};
use common::{Error, Result};

use super::tracker::{BeatTracker, Evidence};

/// Window and hop of aubio's own examples, in samples.
const WINDOW: usize = 1024;
const HOP: usize = 512;

/// aubio's `tempo` object with its default settings, fed hop by hop.
pub(super) struct AubioTracker {
    tempo: Tempo,
    pending: Vec<f32>,
    beats: Vec<f64>,
}

impl AubioTracker {
    pub fn new(sample_rate_hz: u32) -> Result<Self> {
        let tempo = Tempo::new(OnsetMode::SpecFlux, WINDOW, HOP, sample_rate_hz)
            .map_err(|e| failed(&e.to_string()))?;
        Ok(Self {
            tempo,
            pending: Vec::new(),
            beats: Vec::new(),
        })
    }

    fn hop(&mut self, samples: &[f32]) -> Result<()> {
        let found = self
            .tempo
            .do_result(samples)
            .map_err(|e| failed(&e.to_string()))?;
        if found > 0.0 {
            self.beats.push(f64::from(self.tempo.get_last_s()));
        }
        Ok(())
    }
}

impl BeatTracker for AubioTracker {
    fn push(&mut self, mono: &[f32]) -> Result<()> {
        let mut pending = std::mem::take(&mut self.pending);
        pending.extend_from_slice(mono);
        let hops = pending.chunks_exact(HOP);
        let rest = hops.remainder().to_vec();
        for samples in hops {
            self.hop(samples)?;
        }
        self.pending = rest;
        Ok(())
    }

    fn finish(mut self: Box<Self>, _: &Evidence<'_>) -> Result<Vec<f64>> {
        if !self.pending.is_empty() {
            let mut last = std::mem::take(&mut self.pending);
            last.resize(HOP, 0.0);
            self.hop(&last)?;
        }
        Ok(self.beats)
    }
}

fn failed(reason: &str) -> Error {
    Error::Config {
        name: "tracker",
        value: "aubio".to_owned(),
        allowed: format!("aubio reports \"{reason}\"; try `tracker neural`"),
    }
}
