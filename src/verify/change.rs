//! What is seen of a film's motion: how far the picture goes from each frame to the next.

use common::{Error, Result};
use picture::perception::Percept;
use video::FilmReader;

/// A film's visible steps, one less than it has frames.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VisibleChange {
    /// When each step is seen: the time of the later of its two frames, in seconds from the picture's start.
    pub times_secs: Vec<f64>,
    /// How far the two frames lie apart; see [`Percept::distance`].
    pub steps: Vec<f64>,
    /// How far the last frame lies from the first: the step that a film played in a loop would show.
    pub seam: f64,
}

/// Decodes a film and measures its steps; of its pictures, three are held at a time. `observe` is called with the number
/// of each decoded frame, and may end the work by an error.
///
/// # Errors
/// Those of decoding and of `observe`; [`Error::Input`] for a film of less than three frames.
pub fn visible_change(
    reader: &FilmReader,
    observe: &mut dyn FnMut(u64) -> Result<()>,
) -> Result<VisibleChange> {
    let mut change = VisibleChange::default();
    let (mut first, mut last) = (None::<Percept>, None::<Percept>);
    for frame in reader.frames()? {
        let frame = frame?;
        observe(frame.frame_idx)?;
        let percept = Percept::of(&frame.picture.to_rgb()?);
        if let Some(last) = &last {
            change.times_secs.push(frame.time_secs);
            change.steps.push(last.distance(&percept));
        }
        if first.is_none() {
            first = Some(percept.clone());
        }
        last = Some(percept);
    }
    if change.steps.len() < 2 {
        return Err(Error::input(
            reader.path(),
            "it has fewer than three frames: nothing moves",
        ));
    }
    if let (Some(first), Some(last)) = (first, last) {
        change.seam = last.distance(&first);
    }
    Ok(change)
}
