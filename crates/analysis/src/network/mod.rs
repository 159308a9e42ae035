//! Two small convolutional networks: one finds onsets, one beats and downbeats.
//!
//! Both look a third of a second to each side of a hop. The one of beats then goes on at half the rate, as a temporal
//! convolutional network (Davies and Böck, EUSIPCO 2019) that looks ten seconds to each side. Onsets have a network of their
//! own, as they need finer bands, and layers shared with beats found fewer of them.
//! They were trained on synthetic music; `training/` has the recipe, `onset.weights` and `beat.weights` their numbers.

mod beat;
mod conv;
mod conv_stack;
mod onset;
mod weights;

use super::inputs::{HOPS_PER_STEP, Inputs};

/// Probabilities.
#[derive(Clone, Debug, Default)]
pub(super) struct Activations {
    /// That a sound starts at a hop.
    pub onset: Vec<f32>,
    /// That a beat falls on a step of [`HOPS_PER_STEP`] hops.
    pub beat: Vec<f32>,
    /// That a beat on this step would be a downbeat.
    pub downbeat: Vec<f32>,
}

impl Activations {
    /// What `steps` has at a hop; between steps by proportion.
    pub fn at_hop(steps: &[f32], hop: usize) -> f32 {
        let (step, odd) = (hop / HOPS_PER_STEP, hop % HOPS_PER_STEP);
        let at = |i: usize| steps.get(i).or(steps.last()).copied().unwrap_or(0.0);
        at(step) + (at(step + 1) - at(step)) * odd as f32 / HOPS_PER_STEP as f32
    }

    /// Lets the drums lead where they play: the song's beats are raised to theirs. Where they pause, the song is all there is.
    pub fn merge_drum_activations(&mut self, drums: &Activations) {
        for (song, drums) in self.beat.iter_mut().zip(&drums.beat) {
            *song = song.max(*drums);
        }
    }
}

/// Activations of all of a song.
pub(super) fn activations(inputs: &Inputs<'_>) -> Activations {
    let (onset, beats) = rayon::join(|| onset::activations(inputs), || beat::activations(inputs));
    let (beat, downbeat) = beats
        .iter()
        .map(|[beat, downbeat]| (*beat, *downbeat))
        .unzip();
    Activations {
        onset,
        beat,
        downbeat,
    }
}
