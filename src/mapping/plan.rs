use super::excerpt::excerpt;
use super::motion::Motion;
use super::seeds::{pulse_seed, seeds};
use super::{
    Frame, Looping, Mapping, MappingConfig, NoiseKind, NoisePath, Prompt, PromptText,
    SCHEMA_VERSION, Song, Timeline,
};
use crate::camera::View;
use crate::prompts::{MAX_GUIDANCE_SCALE, Script, ScriptPrompt};
use crate::units::samples_to_secs;
use crate::{Analysis, Result};

/// Plans the film: where prompts, noise and pulse are at each frame.
///
/// The number of frames is the ceiling of duration times rate. Seeds count up from `config.seed`; a prompt with a seed of
/// its own puts it on the knot of the noise path that is nearest when the prompt arrives, and the count goes on from there.
///
/// # Errors
/// [`Error::Config`](crate::Error::Config) for a setting out of range, [`Error::Text`](crate::Error::Text) for
/// prompts that don't fit the song, [`Error::Input`](crate::Error::Input) for a song without samples.
pub fn timeline(analysis: &Analysis, script: &Script, config: &MappingConfig) -> Result<Timeline> {
    config.check()?;
    let song = excerpt(analysis, config)?;
    let plan = Plan::new(analysis, script, config, &song)?;
    let n_frames = config
        .frame_rate
        .n_frames(song.n_samples, song.sample_rate_hz);
    let mut frames: Vec<Frame> = (0..n_frames).map(|idx| plan.frame(idx)).collect();
    let shown = shown_prompts(&mut frames);
    Ok(Timeline {
        schema_version: SCHEMA_VERSION,
        duration_secs: nano(samples_to_secs(song.n_samples, song.sample_rate_hz)),
        song,
        frame_rate: config.frame_rate,
        render: config.render.clone(),
        encoding: config.encoding,
        prompts: shown.map(|idx| plan.prompt(idx)).collect(),
        noise: plan.noise_path(frames.last().map_or(0.0, |frame| frame.noise_position)),
        frames,
    })
}

/// Everything that a frame follows from.
struct Plan<'a> {
    script: &'a Script,
    config: &'a MappingConfig,
    motion: Motion,
    /// Of each prompt, in seconds of the song; in a loop, once more of the first.
    arrivals: Vec<f64>,
    /// The film's start and end in seconds of the song.
    start_secs: f64,
    end_secs: f64,
}

impl<'a> Plan<'a> {
    fn new(
        analysis: &Analysis,
        script: &'a Script,
        config: &'a MappingConfig,
        song: &Song,
    ) -> Result<Self> {
        let rate = config.frame_rate;
        let start_secs = samples_to_secs(song.start_sample, song.sample_rate_hz);
        let n_frames = rate.n_frames(song.n_samples, song.sample_rate_hz);
        let end_secs = start_secs + rate.frame_time_secs(n_frames);
        let is_loop = config.looping != Looping::Off;
        // A film of a part of the song is a window of the whole film, but a loop is a film of its own.
        let span = if is_loop {
            start_secs..end_secs
        } else {
            0.0..analysis.duration_secs
        };
        script.check_routes(analysis)?;
        let mut arrivals = script.arrivals(analysis, config.knobs.arrive, span)?;
        let mut motion = Motion::new(analysis, arrivals.clone(), &script.routes, config);
        if is_loop {
            let period = (config.noise == NoiseKind::Circle).then_some(NoisePath::CIRCLE_PERIOD);
            motion = motion.closed(start_secs, end_secs - start_secs, period);
            arrivals.push(end_secs);
        }
        Ok(Self {
            script,
            config,
            motion,
            arrivals,
            start_secs,
            end_secs,
        })
    }

    fn frame(&self, frame_idx: u64) -> Frame {
        let secs = self.start_secs + self.config.frame_rate.frame_time_secs(frame_idx);
        let moment = self.motion.at(secs);
        let prompts = moment.prompts;
        let guidance = |idx: usize| {
            let own = self.written(idx).and_then(|prompt| prompt.guidance_scale);
            own.unwrap_or(self.config.guidance_scale)
        };
        let (from, to) = (guidance(prompts.from), guidance(prompts.to));
        let guidance_scale = from + prompts.mix * (to - from) + moment.guidance;
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
            guidance_scale: nano(guidance_scale.clamp(0.0, MAX_GUIDANCE_SCALE)),
            camera: View {
                zoom: nano(moment.camera.zoom),
                rotation: nano(moment.camera.rotation),
                pan_x: nano(moment.camera.pan_x),
                pan_y: nano(moment.camera.pan_y),
            },
        }
    }

    /// A prompt as it was written; in a loop the first comes back behind the last.
    fn written(&self, idx: usize) -> Option<&ScriptPrompt> {
        let prompts = &self.script.prompts;
        prompts.get(idx).or(prompts.first())
    }

    fn prompt(&self, idx: usize) -> Prompt {
        let (text, negative) = self
            .written(idx)
            .map_or(("", ""), |prompt| (&prompt.text, &prompt.negative));
        let arrival_secs = self.arrivals.get(idx).copied().unwrap_or_default();
        Prompt {
            words: PromptText {
                text: joined(&[text, &self.script.style]),
                negative: joined(&[negative, &self.script.negative, &self.config.negative]),
            },
            arrival_secs: nano(arrival_secs - self.start_secs),
        }
    }

    fn noise_path(&self, last_position: f64) -> NoisePath {
        let kind = match (self.config.mapping, self.config.looping, self.config.noise) {
            (Mapping::Classic, ..) => NoiseKind::Slerp,
            (_, _, NoiseKind::Circle) => NoiseKind::Circle,
            (_, Looping::Off, kind) => kind,
            _ => NoiseKind::Loop,
        };
        let n_seeds = match kind {
            NoiseKind::Circle => 2,
            NoiseKind::Loop => self.motion.at(self.end_secs).noise_position.round() as usize,
            // A spline looks two knots ahead of a position, slerp one.
            NoiseKind::Spline | NoiseKind::Slerp => last_position as usize + 3,
        };
        let own_seeds = self.script.prompts.iter().zip(&self.arrivals);
        let wanted: Vec<(f64, u64)> = own_seeds
            .filter_map(|(prompt, arrival)| {
                Some((self.motion.at(*arrival).noise_position, prompt.seed?))
            })
            .collect();
        let seeds = seeds(self.config.seed, n_seeds, &wanted);
        NoisePath {
            kind,
            pulse_seed: pulse_seed(self.config.seed, &seeds),
            seeds,
        }
    }
}

/// Counts prompts from the first one that is shown; returns the range that is.
fn shown_prompts(frames: &mut [Frame]) -> std::ops::Range<usize> {
    let first = frames
        .iter()
        .map(|f| f.prompt_from)
        .min()
        .unwrap_or_default();
    let last = frames.iter().map(|f| f.prompt_to).max().unwrap_or_default();
    for frame in frames {
        frame.prompt_from -= first;
        frame.prompt_to -= first;
    }
    first..last + 1
}

/// The parts that aren't empty, with commas between.
fn joined(parts: &[&str]) -> String {
    let parts: Vec<&str> = parts
        .iter()
        .copied()
        .filter(|part| !part.is_empty())
        .collect();
    parts.join(", ")
}

/// A value to nine decimals. Short numbers are read back from JSON exactly, so a film rendered from a saved timeline is
/// the same to the byte, and last-bit differences between machines don't show.
fn nano(value: f64) -> f64 {
    (value * 1e9).round() / 1e9 + 0.0
}
