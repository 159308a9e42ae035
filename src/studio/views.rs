//! What is known, in the form in which it crosses the wire.

use std::path::Path;

use axum::http::StatusCode;
use common::units::samples_to_secs;
use diffusion::Vocabulary;
use mapping::Looping;
use mapping::prompts::{Script, places_of_words};
use timeline::{Frame, RunFolder, Timeline};

use super::answer::{Answer, Refused};
use super::project::Name;
use super::song::{Heard, Planned};
use super::{pictures, wire};
use crate::pipeline::{self, Piece};

/// Most values of a curve.
const MAX_CURVE_POINTS: usize = 4000;
/// Share of hops below which an envelope lies that is shown as 1.
const LOUD_SHARE: f64 = 0.995;
/// Range of the loudness that is shown, in dB below the song's loudest.
const LOUDNESS_RANGE_DB: f32 = 48.0;

/// What was heard.
pub fn analysis(heard: &Heard) -> wire::Analysis {
    let found = &heard.analysis;
    let first_beat = found.beats.first();
    wire::Analysis {
        revision: heard.revision,
        tempo_bpm: found.tempo_bpm,
        tempo_confidence: found.tempo_confidence,
        beat_confidence: found.beat_confidence,
        meter: found.beats_per_bar(),
        // Beats in front of the first downbeat belong to a bar that isn't counted.
        first_bar: u32::from(first_beat.is_some()),
        beats: found
            .beats
            .iter()
            .map(|beat| (beat.time_secs, beat.position_in_bar))
            .collect(),
        sections: found
            .sections
            .iter()
            .map(|section| wire::Section {
                start: section.start_secs,
                end: section.end_secs,
                label: section.label.clone(),
                energy: section.energy,
            })
            .collect(),
        key: found.key.map(|key| key.to_string()),
        loudness_lufs: found.loudness_lufs,
        notes: found.corrections.notes(),
    }
}

/// Envelopes of a song for the waveform's colours. Little-endian: `u32` number of hops, `f32` seconds of a hop; then each hop's low,
/// mid, high, onset strength and loudness, first all of one kind, each 0..=1.
///
/// # Errors
/// As [`Series::read`](analysis::Series::read).
pub fn hops(heard: &Heard) -> common::Result<Vec<u8>> {
    let hops = &heard.analysis.hops;
    let bands = hops.bands.to_vec()?;
    let band = |band: usize| relative(bands.iter().map(|bands| bands[band]).collect());
    let loudness_db = hops.loudness_db.to_vec()?;
    let loudest = loudness_db.iter().copied().fold(f32::MIN, f32::max);
    let loudness = loudness_db.iter();
    let loudness = loudness.map(|db| (1.0 + (db - loudest) / LOUDNESS_RANGE_DB).clamp(0.0, 1.0));
    let onsets = hops.onset_strength.to_vec()?;
    let onsets = onsets.iter().map(|value| value.clamp(0.0, 1.0));
    let curves = [
        band(0),
        band(1),
        band(2),
        onsets.collect(),
        loudness.collect(),
    ];
    let n_hops = hops.loudness_db.len();
    let mut bytes = Vec::with_capacity(8 + 4 * curves.len() * n_hops);
    bytes.extend((n_hops as u32).to_le_bytes());
    bytes.extend((hops.hop_secs as f32).to_le_bytes());
    for value in curves.iter().flatten() {
        bytes.extend(value.to_le_bytes());
    }
    Ok(bytes)
}

/// Values as shares of nearly the highest one.
fn relative(values: Vec<f32>) -> Vec<f32> {
    let mut sorted = values.clone();
    sorted.sort_unstable_by(f32::total_cmp);
    let at = (sorted.len() as f64 * LOUD_SHARE) as usize;
    let high = sorted
        .get(at)
        .or(sorted.last())
        .copied()
        .unwrap_or_default();
    let scale = if high > 0.0 { 1.0 / high } else { 0.0 };
    values
        .into_iter()
        .map(|value| (value * scale).clamp(0.0, 1.0))
        .collect()
}

/// The film on paper.
pub fn plan(planned: &Planned) -> wire::Plan {
    let timeline = &planned.timeline;
    let (rate, size) = (timeline.frame_rate, timeline.render.size);
    let step = timeline.frames.len().div_ceil(MAX_CURVE_POINTS).max(1);
    let steps: Vec<&[Frame]> = timeline.frames.chunks(step).collect();
    let curve = |value: &dyn Fn(&[Frame]) -> f64| -> Vec<f32> {
        steps.iter().map(|frames| value(frames) as f32).collect()
    };
    let first = |of: fn(&Frame) -> f64| move |frames: &[Frame]| frames.first().map_or(0.0, of);
    let mean = |frames: &[Frame]| {
        let speeds = frames
            .iter()
            .map(|frame| frame.speed.unwrap_or(frame.noise_velocity));
        speeds.sum::<f64>() / frames.len().max(1) as f64
    };
    let highest = |frames: &[Frame]| {
        frames
            .iter()
            .map(|frame| frame.pulse.abs())
            .fold(0.0, f64::max)
    };
    wire::Plan {
        revision: planned.revision,
        is_calibrated: planned.is_calibrated,
        frame_rate: f64::from(rate.num()) / f64::from(rate.den()),
        start_secs: start_secs(timeline),
        duration_secs: timeline.duration_secs,
        n_frames: timeline.frames.len() as u64,
        size: [size.width, size.height],
        prompts_hash: planned.script_hash.clone(),
        prompts: prompts(planned),
        curve_step_secs: step as f64 * rate.frame_secs(),
        speed: curve(&mean),
        position: curve(&first(|frame| frame.noise_position)),
        hits: curve(&highest),
        zoom: curve(&first(|frame| frame.camera.zoom - 1.0)),
        rotate: curve(&first(|frame| frame.camera.rotation.to_degrees())),
        pan: curve(&first(|frame| frame.camera.pan_x)),
        notes: planned.notes.clone(),
    }
}

/// The film's frame at a time of the song; the first or the last one beside the film.
///
/// # Errors
/// 422 for a time that is no number; as [`Timeline::drawn_inputs`].
pub fn frame_at(planned: &Planned, secs: f64) -> Answer<pictures::Frame> {
    let timeline = &planned.timeline;
    if !secs.is_finite() {
        return Err(Refused::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "the time is no number",
        ));
    }
    let n_frames = timeline.frames.len() as u64;
    // A little past the border, so that the time of a frame finds that frame.
    let place = (secs - start_secs(timeline)) / timeline.frame_rate.frame_secs() + 1e-6;
    let frame_idx = (place.max(0.0) as u64).min(n_frames.saturating_sub(1));
    let inputs = timeline.drawn_inputs(frame_idx..frame_idx + 1)?;
    let inputs = inputs.into_iter().next();
    Ok(pictures::Frame {
        model: planned.request.model.clone(),
        render: timeline.render.clone(),
        inputs: inputs.ok_or_else(|| Refused::conflict("the film has no frames"))?,
    })
}

/// What a film of the plan costs, given what a picture took.
///
/// # Errors
/// As [`pipeline::list_chunks`].
pub fn work(planned: &Planned, frame_ms: Option<f64>) -> common::Result<wire::Work> {
    let timeline = &planned.timeline;
    let song = Name::new(&timeline.song.path.to_string_lossy());
    let film = song
        .map(|song| song.film(timeline.encoding.codec))
        .unwrap_or_default();
    let chunks = pipeline::list_chunks(timeline, &RunFolder::beside(&film))?;
    let count = |piece: &Piece| piece.frames.end - piece.frames.start;
    let missing = chunks.iter().filter(|(_, is_there)| !is_there);
    let (n_missing, n_frames_to_draw) = missing.fold((0, 0), |(n, frames), (piece, _)| {
        (n + 1, frames + count(piece))
    });
    let request = &planned.request;
    let (track, audio) = (&request.track, request.audio);
    let needed_bytes = pipeline::needed_bytes(timeline, n_frames_to_draw, track, audio)?;
    Ok(wire::Work {
        plan_revision: planned.revision,
        is_calibrated: planned.is_calibrated,
        n_chunks: chunks.len() as u64,
        n_chunks_to_draw: n_missing,
        n_frames: timeline.frames.len() as u64,
        n_frames_to_draw,
        secs: frame_ms.map(|ms| ms / 1000.0 * n_frames_to_draw as f64),
        bytes: needed_bytes as u64,
    })
}

/// Where in the song the film starts, in seconds.
pub fn start_secs(timeline: &Timeline) -> f64 {
    samples_to_secs(timeline.song.start_sample, timeline.song.sample_rate_hz)
}

fn prompts(planned: &Planned) -> Vec<wire::PlannedPrompt> {
    let prompts = planned.request.script.prompts.iter().zip(&planned.arrivals);
    prompts
        .map(|(prompt, arrival_secs)| wire::PlannedPrompt {
            line: Some(prompt.line()),
            text: prompt.text.clone(),
            arrival_secs: *arrival_secs,
            mark: prompt.mark(),
            seed: prompt.seed,
            negative: Some(prompt.negative.clone()).filter(|text| !text.is_empty()),
            guidance: prompt.guidance_scale,
        })
        .collect()
}

/// When each prompt arrives, in seconds of the song, also those that the film doesn't show.
///
/// # Errors
/// As [`Script::arrivals`].
pub fn arrivals(
    script: &Script,
    heard: &Heard,
    request: &crate::request::Request,
    timeline: &Timeline,
) -> common::Result<Vec<f64>> {
    let analysis = &heard.analysis;
    let start = start_secs(timeline);
    let span = match request.mapping.looping {
        Looping::Off => 0.0..analysis.duration_secs,
        _ => start..start + timeline.duration_secs,
    };
    script.arrivals(analysis, request.mapping.knobs.arrive, span)
}

/// Words of the prompts that the model has never seen, with their places in the text.
pub fn unknown_words(
    vocabulary: &Vocabulary,
    script: &Script,
    path: &Path,
    text: &str,
) -> Vec<wire::UnknownWord> {
    let prompts = script.prompts.iter().map(|prompt| prompt.text.as_str());
    let unknown = vocabulary.unknown_words(prompts.chain([script.style.as_str()]));
    let places = places_of_words(path, text, &unknown);
    let spans = |idx: usize| {
        let places = places.iter().filter(move |place| place.word == idx);
        places.map(|place| [place.line, place.column, place.n_chars].map(|n| n as u32))
    };
    let words = unknown.iter().enumerate();
    words
        .map(|(idx, word)| wire::UnknownWord {
            word: word.clone(),
            near: vocabulary.near(word),
            spans: spans(idx).collect(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envelopes_are_shares_of_nearly_the_highest() {
        let mut values = vec![0.5; 999];
        values.push(100.0);
        assert_eq!(relative(values)[..2], [1.0, 1.0]);
        assert_eq!(relative(vec![0.0; 3]), [0.0; 3]);
        assert_eq!(relative(Vec::new()), [0.0; 0]);
    }
}
