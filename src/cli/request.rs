//! Flags become settings: what only the model knows is asked of it.

use std::path::Path;

use visualize::config::{DiffusionConfig, Encoding, RenderConfig};
use visualize::diffusion::hub::Loading;
use visualize::diffusion::{ModelDefaults, ModelSource, ModelStore, Vocabulary};
use visualize::mapping::{Fps, MappingConfig, NoiseKind};
use visualize::pipeline::{Event, Request};
use visualize::prompts::Script;
use visualize::units::FrameRate;
use visualize::{Error, Result, Track};

use super::args::PlanOptions;
use super::progress::Progress;

/// Most denoising steps: the length of the noise schedules that models are trained with.
const MAX_STEPS: u32 = 1000;
/// Most unknown words that are named in a note.
const MAX_NAMED_WORDS: usize = 12;
/// Number of frames of a preview, about.
const N_PREVIEW_FRAMES: f64 = 240.0;
/// Highest frame rate of a preview.
const MAX_PREVIEW_RATE: f64 = 8.0;

/// Settings for a song's film.
pub fn build(song: &Path, options: &PlanOptions, progress: &mut Progress) -> Result<Request> {
    let script = match &options.prompts {
        Some(path) => Script::read(path)?,
        None => {
            progress.line("no --prompts FILE: a built-in list of prompts is used");
            Script::built_in()?
        }
    };
    let diffusion = options.diffusion.to_config();
    let store = ModelStore::from_env();
    let watch = &mut |loading: Loading<'_>| {
        progress.event(Event::Loading(loading));
        Ok(())
    };
    let (model, diffusion) = store.open_with(&options.model, &diffusion, watch)?;
    if let Some(vocabulary) = model.vocabulary()?
        && let Some(note) = unknown_words(&options.model, &vocabulary, &script)
    {
        progress.line(&note);
    }
    let defaults = ModelDefaults::of(&model)?;
    let sha256 = model.sha256(&store.digests)?;
    let render = render_config(options, &model, sha256, &defaults, diffusion)?;
    let mapping = MappingConfig {
        frame_rate: FrameRate::default(),
        start_secs: options.start.unwrap_or(0.0),
        duration_secs: options.duration,
        seed: options.seed,
        guidance_scale: options.guidance.unwrap_or(defaults.guidance_scale),
        negative: options.negative.clone().unwrap_or_default(),
        mapping: options.motion.mapping,
        noise: NoiseKind::default(),
        looping: options.motion.looping(),
        knobs: options.motion.to_knobs(),
        render,
        encoding: Encoding {
            qp: options.qp,
            gop_len: options.gop,
        },
    };
    Ok(Request {
        song: song.to_owned(),
        script,
        analysis: options.listen.to_config(song)?,
        fps: options.fps,
        mapping,
        calibrate: options.motion.calibrate,
    })
}

/// A note on the words of a script that the model has never seen; none if it knows them all.
fn unknown_words(model: &str, vocabulary: &Vocabulary, script: &Script) -> Option<String> {
    let prompts = script.prompts.iter().map(|prompt| prompt.text.as_str());
    let unknown = vocabulary.unknown_words(prompts.chain([script.style.as_str()]));
    let mut words: Vec<String> = unknown
        .iter()
        .take(MAX_NAMED_WORDS)
        .map(|word| match vocabulary.near(word).as_slice() {
            [] => word.clone(),
            near => format!("{word} (near: {})", near.join(", ")),
        })
        .collect();
    if unknown.len() > words.len() {
        words.push(format!("and {} more", unknown.len() - words.len()));
    }
    (!words.is_empty()).then(|| {
        format!(
            "the {model} model has never seen these words and draws something abstract for them: {}",
            words.join(", ")
        )
    })
}

fn render_config(
    options: &PlanOptions,
    model: &ModelSource,
    weights_sha256: String,
    defaults: &ModelDefaults,
    diffusion: DiffusionConfig,
) -> Result<RenderConfig> {
    defaults.check_size("--size", options.size)?;
    let draw_size = options
        .draw_size
        .unwrap_or_else(|| defaults.draw_size(options.size));
    defaults.check_size("--draw-size", draw_size)?;
    let n_steps = options.steps.unwrap_or(defaults.n_steps);
    if !(1..=MAX_STEPS).contains(&n_steps) {
        return Err(Error::Config {
            name: "--steps",
            value: n_steps.to_string(),
            allowed: format!("give a number from 1 to {MAX_STEPS}"),
        });
    }
    Ok(RenderConfig {
        model: model.name().unwrap_or(&options.model).to_owned(),
        weights_sha256,
        size: options.size,
        draw_size,
        n_steps,
        diffusion,
    })
}

/// Turns a film into its preview: the same timing in about 240 frames, drawn at the model's own size in one step.
pub fn make_preview(request: &mut Request) -> Result<()> {
    let track = Track::open(&request.song)?;
    let mapping = &mut request.mapping;
    let whole_secs = (track.duration_secs - mapping.start_secs).max(0.1);
    let secs = mapping
        .duration_secs
        .map_or(whole_secs, |secs| secs.min(whole_secs));
    let per_1000_secs = (1000.0 * (N_PREVIEW_FRAMES / secs).min(MAX_PREVIEW_RATE)).round() as u32;
    request.fps = Fps::Rate(FrameRate::new(per_1000_secs.max(1), 1000)?);
    mapping.render.n_steps = 1;
    mapping.render.size = mapping.render.draw_size;
    Ok(())
}
