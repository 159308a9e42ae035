use super::motion::{Moment, Motion};
use super::seeds::{pulse_seed, seeds};
use super::{
    Frame, Mapping, MappingConfig, NoiseKind, NoisePath, Prompt, PromptText, SCHEMA_VERSION, Song,
    Timeline,
};
use crate::prompts::Script;
use crate::units::{format_secs, samples_to_secs, secs_to_samples};
use crate::{Analysis, Error, Result};

/// Plans the film: where prompts, noise and pulse are at each frame.
///
/// The number of frames is the ceiling of duration times rate. Seeds count up from `config.seed`; a prompt with a seed of
/// its own puts it on the knot of the noise path that is nearest when the prompt arrives, and the count goes on from there.
///
/// # Errors
/// [`Error::Config`] for a setting out of range, [`Error::Prompts`] for prompts that don't fit the song, [`Error::Input`]
/// for a song without samples.
pub fn timeline(analysis: &Analysis, script: &Script, config: &MappingConfig) -> Result<Timeline> {
    config.check()?;
    let song = excerpt(analysis, config)?;
    let arrivals = script.arrivals(analysis, config.knobs.arrive)?;
    let motion = Motion::new(analysis, arrivals.clone(), config.mapping, &config.knobs);
    let guidance = |idx: usize| {
        let own = script
            .prompts
            .get(idx)
            .and_then(|prompt| prompt.guidance_scale);
        own.unwrap_or(config.guidance_scale)
    };

    let rate = config.frame_rate;
    let start_secs = samples_to_secs(song.start_sample, song.sample_rate_hz);
    let moments = 0..rate.n_frames(song.n_samples, song.sample_rate_hz);
    let frame = |frame_idx: u64| {
        let moment = motion.at(start_secs + rate.frame_time_secs(frame_idx));
        let Moment { prompts, .. } = moment;
        let (from, to) = (guidance(prompts.from), guidance(prompts.to));
        Frame {
            frame_idx,
            pts: frame_idx,
            prompt_from: prompts.from,
            prompt_to: prompts.to,
            prompt_mix: nano(prompts.mix),
            noise_position: nano(moment.noise_position),
            prompt_velocity: nano(prompts.velocity),
            noise_velocity: nano(moment.noise_velocity),
            pulse: nano(moment.pulse),
            guidance_scale: nano(from + prompts.mix * (to - from)),
        }
    };
    let mut frames: Vec<Frame> = moments.map(frame).collect();

    let shown = shown_prompts(&mut frames);
    let words = |idx: usize| prompt_text(script, idx, &config.negative);
    let prompts = shown.map(|idx| Prompt {
        words: words(idx),
        arrival_secs: nano(arrivals.get(idx).copied().unwrap_or_default() - start_secs),
    });
    let last_position = frames.last().map_or(0.0, |frame| frame.noise_position);
    let noise = noise_path(script, config, &motion, &arrivals, last_position);
    Ok(Timeline {
        schema_version: SCHEMA_VERSION,
        duration_secs: nano(samples_to_secs(song.n_samples, song.sample_rate_hz)),
        song,
        frame_rate: rate,
        render: config.render.clone(),
        encoding: config.encoding,
        prompts: prompts.collect(),
        noise,
        frames,
    })
}

/// The part of the song that the film shows.
fn excerpt(analysis: &Analysis, config: &MappingConfig) -> Result<Song> {
    let track = &analysis.track;
    if track.n_samples == 0 {
        return Err(Error::input(&track.path, "the song has no samples"));
    }
    let start_sample = secs_to_samples(config.start_secs, track.sample_rate_hz);
    if start_sample >= track.n_samples {
        return Err(Error::Config {
            name: "--start",
            value: format_secs(config.start_secs, 1),
            allowed: format!("the song ends at {}", format_secs(track.duration_secs, 1)),
        });
    }
    let left = track.n_samples - start_sample;
    let wanted = config
        .duration_secs
        .map(|secs| secs_to_samples(secs, track.sample_rate_hz));
    Ok(Song {
        path: track.path.clone(),
        source_sha256: track.source_sha256.clone(),
        sample_rate_hz: track.sample_rate_hz,
        start_sample,
        n_samples: wanted.map_or(left, |n| n.clamp(1, left)),
    })
}

/// Counts prompts from the first one that is shown; returns the range that is.
fn shown_prompts(frames: &mut [Frame]) -> std::ops::Range<usize> {
    let first = frames
        .iter()
        .map(|frame| frame.prompt_from)
        .min()
        .unwrap_or_default();
    let last = frames
        .iter()
        .map(|frame| frame.prompt_to)
        .max()
        .unwrap_or_default();
    for frame in frames {
        frame.prompt_from -= first;
        frame.prompt_to -= first;
    }
    first..last + 1
}

fn prompt_text(script: &Script, idx: usize, negative: &str) -> PromptText {
    let Some(prompt) = script.prompts.get(idx) else {
        return PromptText::default();
    };
    let join = |parts: &[&str]| {
        let parts: Vec<&str> = parts
            .iter()
            .copied()
            .filter(|part| !part.is_empty())
            .collect();
        parts.join(", ")
    };
    PromptText {
        text: join(&[&prompt.text, &script.style]),
        negative: join(&[&prompt.negative, &script.negative, negative]),
    }
}

fn noise_path(
    script: &Script,
    config: &MappingConfig,
    motion: &Motion,
    arrivals: &[f64],
    last_position: f64,
) -> NoisePath {
    let kind = match config.mapping {
        Mapping::Classic => NoiseKind::Slerp,
        Mapping::Music => config.noise,
    };
    let own_seeds = script.prompts.iter().zip(arrivals);
    let wanted: Vec<(f64, u64)> = own_seeds
        .filter_map(|(prompt, arrival)| Some((motion.at(*arrival).noise_position, prompt.seed?)))
        .collect();
    // A spline looks two knots ahead of a position, slerp one.
    let n_seeds = match kind {
        NoiseKind::Circle => 2,
        _ => last_position as usize + 3,
    };
    let seeds = seeds(config.seed, n_seeds, &wanted);
    NoisePath {
        kind,
        pulse_seed: pulse_seed(config.seed, &seeds),
        seeds,
    }
}

/// A value to nine decimals. Short numbers are read back from JSON exactly, so a film rendered from a saved timeline is
/// the same to the byte, and last-bit differences between machines don't show.
fn nano(value: f64) -> f64 {
    (value * 1e9).round() / 1e9 + 0.0
}
