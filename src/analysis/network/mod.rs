//! Two small convolutional networks: one hears onsets, one beats and downbeats.
//!
//! Both look a third of a second to each side of a hop. The one of beats then goes on at half the rate, as a temporal
//! convolutional network (Davies and Böck, EUSIPCO 2019) that looks ten seconds to each side. Onsets have a network of their
//! own, as they need finer bands, and layers shared with beats heard fewer of them.
//! They were trained on synthetic music; `training/` has the recipe, `onset.weights` and `beat.weights` their numbers.

mod beat;
mod conv;
mod near;
mod numbers;
mod onset;

use super::inputs::Inputs;

/// Probabilities.
#[derive(Clone, Debug, Default)]
pub(super) struct Activations {
    /// That a sound starts at a hop.
    pub onset: Vec<f32>,
    /// That a beat falls on a frame of [`super::inputs::HOPS_PER_FRAME`] hops.
    pub beat: Vec<f32>,
    /// That a beat on this frame would be a downbeat.
    pub downbeat: Vec<f32>,
}

impl Activations {
    /// Lets the drums lead where they play: the song's beats are raised to theirs. Where they pause, the song is all there is.
    pub fn led_by(&mut self, drums: &Activations) {
        for (song, drums) in self.beat.iter_mut().zip(&drums.beat) {
            *song = song.max(*drums);
        }
    }
}

/// Hears all of a song.
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
