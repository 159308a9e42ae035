//! A film's pictures for something else than the encoder.

use std::ops::Range;

use common::Result;
use image::RgbImage;
use timeline::{RunFolder, Timeline};

use super::draw::{Work, draw_to};
use super::session::{Machine, Session};
use super::watch::{Event, Watch};
use super::{analyze, compose};
use crate::request::Request;

/// Takes a film's pictures in order.
pub trait PictureSink: Send {
    /// Called first.
    ///
    /// # Errors
    /// Where the film can't be taken.
    fn begin(&mut self, timeline: &Timeline) -> Result<()>;
    /// Whether a frame is wanted.
    fn lacks(&self, frame: u64) -> bool;
    /// Takes a frame.
    ///
    /// # Errors
    /// Those of writing it.
    fn put(&mut self, frame: u64, picture: &RgbImage) -> Result<()>;
    /// Called last, when all frames were taken.
    ///
    /// # Errors
    /// Those of writing.
    fn finish(&mut self) -> Result<()>;
}

/// Draws a film's pictures for `sink`, instead of encoding them. `folder` keeps the calibration.
///
/// # Errors
/// Those of every stage and of the sink; [`Error::Interrupted`](common::Error::Interrupted) when the watch raised its flag.
pub fn pictures(
    request: &Request,
    machine: &Machine,
    folder: &RunFolder,
    sink: &mut dyn PictureSink,
    watch: &mut Watch<'_>,
) -> Result<Timeline> {
    let analysis = analyze(request, watch)?;
    let mut session = Session::new(machine.clone());
    session.set_model(Some(&request.model));
    let timeline = compose(&analysis, request, folder, &mut session, watch)?;
    sink.begin(&timeline)?;
    let n_frames = timeline.frames.len() as u64;
    let missing = runs(n_frames, timeline.encoding.chunk_len, |frame| {
        sink.lacks(frame)
    });
    let n_missing: u64 = missing.iter().map(|run| run.end - run.start).sum();
    let n_done = n_frames - n_missing;
    (watch.observe)(Event::Rendering { n_frames, n_done });
    if missing.is_empty() {
        sink.finish()?;
        return Ok(timeline);
    }
    let words = timeline.words_in(&missing);
    let mut drawer = session.drawer(&timeline.render, &words, None, watch)?;
    let work = Work {
        timeline: &timeline,
        missing,
        n_done,
        n_frames,
    };
    draw_to(&work, &mut drawer, sink, watch)?;
    Ok(timeline)
}

/// Runs of frames that are lacking, each within a chunk.
fn runs(n_frames: u64, chunk_len: u32, lacks: impl Fn(u64) -> bool) -> Vec<Range<u64>> {
    let chunk_len = u64::from(chunk_len).max(1);
    let mut runs: Vec<Range<u64>> = Vec::new();
    for frame in (0..n_frames).filter(|frame| lacks(*frame)) {
        match runs.last_mut() {
            Some(run) if run.end == frame && frame % chunk_len != 0 => run.end += 1,
            _ => runs.push(frame..frame + 1),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lacking_frames_are_drawn_in_runs_of_a_chunk() {
        assert_eq!(runs(5, 2, |_| true), [0..2, 2..4, 4..5]);
        assert_eq!(runs(6, 4, |frame| frame != 1), [0..1, 2..4, 4..6]);
        assert!(runs(6, 4, |_| false).is_empty());
    }
}
