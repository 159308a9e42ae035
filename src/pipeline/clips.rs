//! Many films of one run: clips share the model, the calibration and the folder of chunks.

use std::time::Instant;

use analysis::Analysis;
use audio::{SoundtrackFormat, Track};
use common::Result;
use diffusion::ModelSource;
use mapping::{MappingConfig, Plan};
use picture::perception::Percept;
use timeline::{FrameInputs, PromptText, RunFolder, Timeline};
use video::{EncodeConfig, Video, encoded_bytes};

use super::calibrate::budget;
use super::chunk_set::ChunkSet;
use super::chunks::coverage;
use super::session::{Machine, Session};
use super::watch::Watch;
use super::{analyze, compose, draw, mapping_config, mux_to};
use crate::request::Request;

/// Pictures that are drawn to foretell what clips take.
const N_TRIALS: u64 = 8;
/// Bytes of a frame of H.264 for each pixel, about: measured on clips of the bundled model at the default quality.
const H264_BYTES_PER_PIXEL: f64 = 0.03;
/// What decoding a finished clip takes beside looking at it.
const DECODING: f64 = 1.5;

/// Draws clips on a machine, one after the other.
pub struct Clips {
    session: Session,
    folder: RunFolder,
}

/// How much a clip has to be drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Amount {
    /// Frames.
    pub n_frames: u64,
    /// Sketches for its calibration, at most.
    pub n_probes: u64,
}

/// What frames take on a machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trial {
    /// Seconds of a frame: drawn, encoded and measured.
    pub frame_secs: f64,
    /// Seconds of a sketch.
    pub probe_secs: f64,
    /// Bytes of a frame.
    pub frame_bytes: f64,
}

/// What is heard in a request's song.
///
/// # Errors
/// Those of decoding and analysis.
pub fn hear(request: &Request, watch: &mut Watch<'_>) -> Result<Analysis> {
    analyze(request, watch)
}

/// How much a request has to be drawn.
///
/// # Errors
/// Those of mapping.
pub fn amount(request: &Request, analysis: &Analysis) -> Result<Amount> {
    let config = settings(request, analysis)?;
    let plan = Plan::new(analysis, &request.script, &config)?;
    let budget = budget(&plan);
    let segments = plan.segments().iter();
    let n_probes = segments.map(|segment| budget.of(&segment.span));
    Ok(Amount {
        n_frames: plan.n_frames(),
        n_probes: match request.calibrate {
            true => n_probes.sum::<usize>() as u64,
            false => 0,
        },
    })
}

/// A request's settings with its frame rates, without a word.
fn settings(request: &Request, analysis: &Analysis) -> Result<MappingConfig> {
    let stop = std::sync::atomic::AtomicBool::new(false);
    let mut watch = Watch {
        observe: &mut |_| {},
        stop: &stop,
    };
    mapping_config(analysis, request, &mut watch)
}

impl Clips {
    /// Clips of one model, whose chunks and calibration lie in `folder`.
    pub fn new(machine: &Machine, model: Option<&ModelSource>, folder: RunFolder) -> Self {
        let mut session = Session::new(machine.clone());
        session.set_model(model);
        Self { session, folder }
    }

    /// Draws some pictures of a request's prompts, to find out what frames take.
    ///
    /// # Errors
    /// Those of loading the model and of drawing.
    pub fn trial(&mut self, request: &Request, watch: &mut Watch<'_>) -> Result<Trial> {
        let render = &request.mapping.render;
        let encoding = request.mapping.encoding;
        let config = EncodeConfig::new(render.size, request.mapping.frame_rate, encoding);
        let words = |idx: u64| {
            let prompts = &request.script.prompts;
            let prompt = prompts.get(idx as usize % prompts.len().max(1));
            prompt.map_or_else(PromptText::default, |prompt| PromptText {
                text: prompt.text.clone(),
                negative: prompt.negative.clone(),
            })
        };
        let frames: Vec<FrameInputs> = (0..N_TRIALS)
            .map(|idx| FrameInputs {
                guidance_scale: request.mapping.guidance_scale,
                ..FrameInputs::still(words(idx), request.mapping.seed.wrapping_add(idx))
            })
            .collect();
        let all: Vec<PromptText> = (0..N_TRIALS).map(words).collect();
        let mut drawer = self.session.drawer(render, &all, watch)?;
        // What the first pictures take is the memory's, which is fetched once.
        let warm: Vec<FrameInputs> = frames.iter().take(drawer.n_batch).cloned().collect();
        drawer.render(&warm)?;
        let begun = Instant::now();
        let mut pictures = Vec::new();
        for batch in frames.chunks(drawer.n_batch) {
            watch.go_on()?;
            pictures.extend(drawer.render(batch)?);
        }
        let draw_secs = begun.elapsed().as_secs_f64();
        let begun = Instant::now();
        drawer.sketch(&warm)?;
        let probe_secs = begun.elapsed().as_secs_f64() / warm.len().max(1) as f64;
        let begun = Instant::now();
        let mut n_bytes = 0;
        for picture in &pictures {
            n_bytes += encoded_bytes(&config, picture)?;
        }
        let encode_secs = begun.elapsed().as_secs_f64();
        let begun = Instant::now();
        for picture in &pictures {
            std::hint::black_box(Percept::of(picture));
        }
        let measure_secs = DECODING * begun.elapsed().as_secs_f64();
        let n = pictures.len().max(1) as f64;
        let n_pixels = f64::from(render.size.width) * f64::from(render.size.height);
        Ok(Trial {
            frame_secs: (draw_secs + encode_secs + measure_secs) / n,
            probe_secs,
            frame_bytes: match encoding.codec.is_hap() {
                true => n_bytes as f64 / n,
                false => H264_BYTES_PER_PIXEL * n_pixels,
            },
        })
    }

    /// Plans a clip: its timeline, with its calibration.
    ///
    /// # Errors
    /// As [`plan`](super::plan).
    pub fn plan(
        &mut self,
        request: &Request,
        analysis: &Analysis,
        watch: &mut Watch<'_>,
    ) -> Result<Timeline> {
        compose(analysis, request, &self.folder, &mut self.session, watch)
    }

    /// Draws those chunks of a clip that are missing.
    ///
    /// # Errors
    /// As [`render`](super::render).
    pub fn draw(
        &mut self,
        timeline: &Timeline,
        chunks: &ChunkSet,
        watch: &mut Watch<'_>,
    ) -> Result<()> {
        draw(
            timeline,
            chunks,
            0.0,
            &self.folder,
            &mut self.session,
            watch,
        )
    }
}

/// Makes a silent clip of its chunks, in place of an older one, and removes them.
///
/// # Errors
/// As [`mux`](super::mux).
pub fn finish_clip(
    timeline: &Timeline,
    track: Option<&Track>,
    folder: &RunFolder,
    out: &std::path::Path,
    watch: &mut Watch<'_>,
) -> Result<Video> {
    let used = coverage(folder, timeline)?.chunks;
    let none = SoundtrackFormat::None;
    let video = mux_to(timeline, track, none, folder, out, false, watch)?;
    for chunk in used {
        // A chunk that stays takes room, and nothing else.
        let _ = std::fs::remove_file(chunk.path);
    }
    Ok(video)
}
