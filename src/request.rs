//! What a person asks for: [`Settings`] with defaults become a [`Request`] that the pipeline can carry out.

use std::path::Path;
use std::sync::atomic::Ordering;

use analysis::AnalysisConfig;
use audio::{SoundtrackFormat, Track, is_stream};
use common::units::{FrameRate, samples_to_secs};
use common::{Error, Result};
use diffusion::{MAX_STEPS, ModelDefaults, ModelSource, ModelStore, Vocabulary};
use mapping::prompts::Script;
use mapping::{Conform, Fps, Knobs, Looping, Mapping, MappingConfig, samples_of};
use serde::{Deserialize, Serialize};
use timeline::{DiffusionConfig, Encoding, NoiseKind, RenderConfig, Size};
use video::EncodeConfig;

use crate::pipeline::{Event, Watch};

/// Most unknown words that are named in a note.
const MAX_NAMED_WORDS: usize = 12;
/// Number of frames of a preview, about.
const N_PREVIEW_FRAMES: f64 = 240.0;
/// Highest frame rate of a preview.
const MAX_PREVIEW_RATE: f64 = 8.0;

/// All that can be set about a film besides its song and its prompts. The defaults suit most songs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// `bundled`, a folder in diffusers layout, a .safetensors checkpoint, or a model of the Hugging Face hub.
    pub model: String,
    /// Size of the film.
    pub size: Size,
    /// Size at which the model draws; the film's shape at about the model's native area if absent.
    pub draw_size: Option<Size>,
    /// Frames per second, or per beat.
    pub fps: Fps,
    /// First seed of the noise path.
    pub seed: u64,
    /// Denoising steps, 1 to [`MAX_STEPS`]; the model's if absent.
    pub steps: Option<u32>,
    /// Guidance scale, 0 to [`MAX_GUIDANCE_SCALE`](timeline::MAX_GUIDANCE_SCALE), 1 or less = none; the model's if absent.
    pub guidance: Option<f64>,
    /// What no frame should show; used where guidance is above 1.
    pub negative: String,
    /// Where in the song the film starts, in seconds.
    pub start_secs: f64,
    /// Length of the film in seconds; to the song's end if absent.
    pub duration_secs: Option<f64>,
    /// How the song is analysed.
    pub analysis: AnalysisConfig,
    /// Whether corrections beside the song are left out; see [`analysis::fix_path`].
    pub no_fix: bool,
    /// The kind of walk.
    pub mapping: Mapping,
    /// Whether the film's end leads into its start.
    pub looping: Looping,
    /// The tempo at which a loop of beats is played; the song's, with its sound, if absent.
    pub conform: Option<Conform>,
    /// How music becomes motion.
    pub knobs: Knobs,
    /// Whether probe frames are drawn first, so that equal energy is equal visible change.
    pub calibrate: bool,
    /// What the model draws with, besides itself.
    pub diffusion: DiffusionConfig,
    /// How frames are compressed.
    pub encoding: Encoding,
    /// What the film's sound is.
    pub audio: SoundtrackFormat,
    /// A small film of about 240 frames with the same timing, drawn at the model's own size in one step.
    pub preview: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            model: diffusion::BUNDLED_NAME.to_owned(),
            size: Size {
                width: 512,
                height: 512,
            },
            draw_size: None,
            fps: Fps::Rate(FrameRate::default()),
            seed: 0,
            steps: None,
            guidance: None,
            negative: String::new(),
            start_secs: 0.0,
            duration_secs: None,
            analysis: AnalysisConfig::default(),
            no_fix: false,
            mapping: Mapping::default(),
            looping: Looping::default(),
            conform: None,
            knobs: Knobs::default(),
            calibrate: true,
            diffusion: DiffusionConfig::default(),
            encoding: Encoding::default(),
            audio: SoundtrackFormat::default(),
            preview: false,
        }
    }
}

/// What a film is made from, and how: the song is opened, the model found and hashed, every setting decided.
#[derive(Clone, Debug)]
pub struct Request {
    /// The song.
    pub track: Track,
    /// What to show.
    pub script: Script,
    /// The model that draws, with everything that settings put on top of it.
    pub model: ModelSource,
    /// How the song is analysed.
    pub analysis: AnalysisConfig,
    /// Frames per second, as a number or by the song's tempo; decides on `mapping.frame_rate`.
    pub fps: Fps,
    /// The tempo at which a loop of beats is played; decides on the film's rate as well.
    pub conform: Option<Conform>,
    /// How music becomes motion, and how frames are drawn.
    pub mapping: MappingConfig,
    /// Whether probe frames are drawn first, so that equal energy is equal visible change.
    pub calibrate: bool,
    /// What the film's sound is.
    pub audio: SoundtrackFormat,
}

/// A model that was found, with what settings put on top of it.
#[derive(Clone, Debug)]
pub struct OpenModel {
    /// The model.
    pub source: ModelSource,
    /// What it does where settings leave it open.
    pub defaults: ModelDefaults,
    /// Hash of its weights.
    pub sha256: String,
    /// What was put on top of it, named for good.
    pub diffusion: DiffusionConfig,
}

impl OpenModel {
    /// Finds the model that settings ask for. The watch sees its download.
    ///
    /// # Errors
    /// Those of [`ModelStore::open_with`].
    pub fn open(settings: &Settings, store: &ModelStore, watch: &mut Watch<'_>) -> Result<Self> {
        let (source, diffusion) =
            store.open_with(&settings.model, &settings.diffusion, &mut |download| {
                (watch.observe)(Event::Download(download));
                watch.go_on()
            })?;
        Ok(Self {
            defaults: ModelDefaults::of(&source)?,
            sha256: source.sha256(&store.digests)?,
            source,
            diffusion,
        })
    }
}

impl Request {
    /// Opens the song and the model and decides every setting that was left open. The song may be a pipe, or `-` for the
    /// standard input. The watch sees the model's download, and is told which words the model doesn't know.
    ///
    /// # Errors
    /// Those of opening the song and the model; [`Error::Config`] for a setting out of range.
    pub fn new(
        song: &Path,
        script: Script,
        settings: &Settings,
        store: &ModelStore,
        watch: &mut Watch<'_>,
    ) -> Result<Self> {
        settings.check()?;
        let model = OpenModel::open(settings, store, watch)?;
        if let Some(vocabulary) = model.source.vocabulary()?
            && let Some(note) = unknown_words(&settings.model, &vocabulary, &script)
        {
            watch.note(&note);
        }
        settings.checked_draw_size(&model.defaults)?;
        for note in notes_on_hap(settings) {
            watch.note(&note);
        }
        if is_stream(song) {
            watch.note("the song comes through a pipe: it is read to its end first");
        }
        let stop = watch.stop;
        let track = Track::open_or_spool(song, &|| stop.load(Ordering::SeqCst))?;
        Self::of(track, script, &model, settings)
    }

    /// As [`new`](Self::new), for a song and a model that are open already; the model is that of the settings.
    ///
    /// # Errors
    /// [`Error::Config`] for a setting out of range.
    pub fn of(
        track: Track,
        script: Script,
        model: &OpenModel,
        settings: &Settings,
    ) -> Result<Self> {
        settings.check()?;
        let defaults = &model.defaults;
        let mut request = Self {
            script,
            analysis: settings.analysis_of(&track.path),
            fps: settings.fps,
            conform: settings.conform,
            mapping: MappingConfig {
                frame_rate: FrameRate::default(),
                start_secs: settings.start_secs,
                duration_secs: settings.duration_secs,
                seed: settings.seed,
                guidance_scale: settings.guidance.unwrap_or(defaults.guidance_scale),
                negative: settings.negative.clone(),
                mapping: settings.mapping,
                noise: NoiseKind::default(),
                looping: settings.looping,
                knobs: settings.knobs,
                render: RenderConfig {
                    model: model.source.name().unwrap_or(&settings.model).to_owned(),
                    weights_sha256: model.sha256.clone(),
                    size: settings.size,
                    draw_size: settings.checked_draw_size(defaults)?,
                    n_steps: settings.steps.unwrap_or(defaults.n_steps),
                    diffusion: model.diffusion.clone(),
                },
                encoding: settings.encoding,
            },
            calibrate: settings.calibrate,
            audio: settings.film_sound(),
            track,
            model: model.source.clone(),
        };
        if settings.preview {
            request.make_preview()?;
        }
        Ok(request)
    }

    /// The same timing in about 240 frames, drawn at the model's own size in one step.
    fn make_preview(&mut self) -> Result<()> {
        let mapping = &mut self.mapping;
        let (start_secs, duration_secs) = (mapping.start_secs, mapping.duration_secs);
        let rate_hz = self.track.sample_rate_hz;
        let part = samples_of(start_secs, duration_secs, self.track.n_samples, rate_hz);
        let secs = samples_to_secs(part.end - part.start, rate_hz).max(0.1);
        let per_1000_secs = (1000.0 * (N_PREVIEW_FRAMES / secs).min(MAX_PREVIEW_RATE)).round();
        self.fps = Fps::Rate(FrameRate::new((per_1000_secs as u32).max(1), 1000)?);
        mapping.render.n_steps = 1;
        mapping.render.size = mapping.render.draw_size;
        Ok(())
    }
}

impl Settings {
    /// What the film's sound is: none where it is played at another tempo than the song.
    fn film_sound(&self) -> SoundtrackFormat {
        match self.conform {
            Some(_) => SoundtrackFormat::None,
            None => self.audio,
        }
    }

    /// How a song is analysed: with the corrections beside it, unless they are left out.
    pub fn analysis_of(&self, song: &Path) -> AnalysisConfig {
        match self.no_fix {
            true => self.analysis.clone(),
            false => self.analysis.clone().with_corrections_beside(song),
        }
    }

    /// Refuses what can be told to be out of range before anything is opened.
    fn check(&self) -> Result<()> {
        EncodeConfig::new(self.size, FrameRate::default(), self.encoding).validate()?;
        let steps = self.steps.unwrap_or(1);
        if (1..=MAX_STEPS).contains(&steps) {
            return Ok(());
        }
        Err(Error::Config {
            name: "steps",
            value: steps.to_string(),
            allowed: format!("give a number from 1 to {MAX_STEPS}"),
        })
    }

    /// The size to draw at, where the model can draw it. The film may have any size that its codec takes.
    fn checked_draw_size(&self, defaults: &ModelDefaults) -> Result<Size> {
        let draw_size = self
            .draw_size
            .unwrap_or_else(|| defaults.draw_size(self.size));
        defaults.check_size("draw_size", draw_size)?;
        Ok(draw_size)
    }
}

/// What to know of films in Hap before they are made.
fn notes_on_hap(settings: &Settings) -> Vec<String> {
    let codec = settings.encoding.codec;
    if !codec.is_hap() {
        return Vec::new();
    }
    let n_pixels = f64::from(settings.size.width) * f64::from(settings.size.height);
    let frame_mb = n_pixels * codec.bytes_per_pixel() / 1e6;
    let rate = match settings.fps {
        Fps::Rate(rate) => f64::from(rate.num()) / f64::from(rate.den()) * frame_mb,
        Fps::PerBeat(n) => f64::from(n) * 2.0 * frame_mb, // at 120 beats a minute
    };
    let size =
        format!("a film in {codec} takes up to {rate:.0} MB a second; play it from a fast disk");
    let sound = "programs that play Hap seldom read FLAC or Opus; `audio` \"alac\" is read by more";
    match settings.film_sound() {
        SoundtrackFormat::Copy | SoundtrackFormat::Flac => vec![size, sound.to_owned()],
        SoundtrackFormat::Alac | SoundtrackFormat::Aac | SoundtrackFormat::None => vec![size],
    }
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
