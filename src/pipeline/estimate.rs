//! Before anything else: what the film will take on this machine.

use std::ops::Range;

use common::Result;
use common::partial_file::folder_of;
use common::units::{FrameRate, format_secs};
use diffusion::BUNDLED_NAME;
use mapping::Fps;
use timeline::{FrameInputs, PromptText, RunFolder, Timeline};
use video::EncodeConfig;

use super::chunks::check_space;
use super::session::{Machine, Session};
use super::watch::Watch;
use crate::request::Request;

/// Draws a batch and says what the whole film will take.
///
/// Only with the bundled model, which is there at once: others take longer to load than the song takes to be heard, and what is
/// wrong with a script shows first then. A run that goes on says what is left when it gets there.
///
/// # Errors
/// Those of loading the model and of drawing.
pub(super) fn estimate(
    request: &Request,
    folder: &RunFolder,
    session: &mut Session,
    watch: &mut Watch<'_>,
) -> Result<()> {
    let (render, track) = (&request.mapping.render, &request.track);
    let Some(prompt) = request.script.prompts.first() else {
        return Ok(());
    };
    let n_frames = n_frames(request);
    // A night's film isn't begun on a disk that can't hold it. How much a run that goes on has found is known later.
    if !folder.path().exists() {
        // Clips of another tempo have no sound.
        let sound_bytes = match request.conform {
            Some(_) => 0.0,
            None => track.soundtrack_disk_bytes(&samples(request), request.audio)?,
        };
        check_space(
            folder_of(folder.path()),
            render.size,
            request.mapping.encoding.codec,
            (n_frames, n_frames),
            sound_bytes,
        )?;
    }
    if render.model != BUNDLED_NAME || folder.path().exists() || n_frames == 0 {
        return Ok(());
    }
    // A size that can't be encoded is refused before anything is drawn in it.
    EncodeConfig::new(render.size, rate(request), request.mapping.encoding).validate()?;
    let words = PromptText {
        text: prompt.text.clone(),
        negative: prompt.negative.clone(),
    };
    let inputs = FrameInputs {
        guidance_scale: request.mapping.guidance_scale,
        ..FrameInputs::still(words.clone(), request.mapping.seed)
    };
    let mut drawer = session.drawer(render, &[words], Some(folder), watch)?;
    let frame_secs = drawer.frame_secs(&inputs)?;
    watch.note(&format!(
        "{n_frames} frames of {} take about {} on this machine",
        render.size,
        format_secs(frame_secs * n_frames as f64, 0),
    ));
    Ok(())
}

/// Seconds that a frame of a planned film takes on a machine, in a batch of its like: some are drawn to find out.
///
/// # Errors
/// Those of loading the model and of drawing.
pub fn frame_secs(timeline: &Timeline, machine: &Machine, watch: &mut Watch<'_>) -> Result<f64> {
    let Some(inputs) = timeline.drawn_inputs(0..1)?.pop() else {
        return Ok(0.0);
    };
    let words = timeline.words_in(std::slice::from_ref(&(0..1)));
    let mut session = Session::new(machine.clone());
    let mut drawer = session.drawer(&timeline.render, &words, None, watch)?;
    drawer.frame_secs(&inputs)
}

fn n_frames(request: &Request) -> u64 {
    let samples = samples(request);
    rate(request).n_frames(samples.end - samples.start, request.track.sample_rate_hz)
}

/// The part of the song, as far as that is known before the song is heard: a loop of beats isn't.
fn samples(request: &Request) -> Range<u64> {
    let (config, track) = (&request.mapping, &request.track);
    let (start_secs, duration_secs) = (config.start_secs, config.duration_secs);
    mapping::samples_of(
        start_secs,
        duration_secs,
        track.n_samples,
        track.sample_rate_hz,
    )
}

/// A rate by beats isn't known before the song is heard.
fn rate(request: &Request) -> FrameRate {
    match request.fps {
        Fps::Rate(rate) => rate,
        Fps::PerBeat(_) => request.mapping.frame_rate,
    }
}
