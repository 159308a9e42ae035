//! The only place where stages meet: a song and its prompts become a film.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Instant;

use image::RgbImage;

use sha2::{Digest, Sha256};

use crate::analysis::{AnalysisConfig, analyze};
use crate::audio::Track;
use crate::calibration::{self, Calibration, Scale, Stretch};
use crate::config::RenderConfig;
use crate::diffusion::hub::Loading;
use crate::diffusion::{ModelStore, Renderer, StableDiffusion, choose_device, choose_dtype};
use crate::hex::hex;
use crate::manifest::{RunFolder, chunk_id, encode_config, inputs};
use crate::mapping::{Fps, FrameInputs, Leg, MappingConfig, Plan, PromptText, SCALE_SEEDS};
use crate::perception::Percept;
use crate::prompts::Script;
use crate::video::{ChunkWriter, EncodeConfig, Video, grid_pieces};
use crate::{Analysis, Error, Result, Timeline, camera, mapping, provenance, video};

/// Even probes for each seed of a leg, as far as they are affordable.
const PROBES_PER_SEED: usize = 3;

/// What rendering depends on, but no pixel does.
#[derive(Clone, Debug)]
pub struct Machine {
    /// `auto`, `cpu`, `cuda`, `cuda:N` or `metal`.
    pub device: String,
    /// Frames drawn at once, 1 or more.
    pub n_batch: usize,
    /// Where models are.
    pub store: ModelStore,
    /// Threads that draw; one for each core where it is left out. The encoder has one of its own beside them.
    pub n_threads: Option<usize>,
}

impl Machine {
    fn threads(&self) -> Result<rayon::ThreadPool> {
        rayon::ThreadPoolBuilder::new()
            .num_threads(self.n_threads.unwrap_or(0)) // 0 = one for each core
            .thread_name(|idx| format!("draw {idx}"))
            .build()
            .map_err(|error| Error::Limit {
                reason: format!("can't start the threads that draw: {error}"),
                hint: Some("ask for fewer with --threads".to_owned()),
            })
    }
}

/// Whoever watches a run, and may end it.
pub struct Watch<'a> {
    /// Called with everything that happens.
    pub observe: &'a mut dyn FnMut(Event<'_>),
    /// Raised by whoever wants the run to end; finished chunks are kept.
    pub stop: &'a AtomicBool,
}

/// What happens during a run, for whoever shows it.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// Something that the user should know: what was chosen, what has no effect.
    Note(&'a str),
    /// A model is being loaded from the hub.
    Loading(Loading<'a>),
    /// The song was analysed.
    Heard(&'a Analysis),
    /// Probe frames were drawn, to measure how far the picture moves.
    Probes {
        /// Probes drawn so far.
        n_done: usize,
        /// Probes that may be drawn.
        n_probes: usize,
    },
    /// The timeline stands.
    Planned(&'a Timeline),
    /// Rendering begins; `n_done` of `n_frames` frames are finished already.
    Rendering {
        /// Frames asked for.
        n_frames: u64,
        /// Frames found finished.
        n_done: u64,
    },
    /// How long rendering will take, after the first batch.
    Estimate {
        /// Seconds left.
        secs: f64,
        /// Speed.
        frames_per_second: f64,
    },
    /// Frames were drawn.
    Frames {
        /// Frames finished or in flight so far, those found finished included.
        n_done: u64,
        /// The last frame drawn.
        inputs: &'a FrameInputs,
    },
    /// All frames are finished; the film is being written.
    Muxing,
}

/// What a film is made from, and how.
#[derive(Clone, Debug)]
pub struct Request {
    /// The song's file.
    pub song: PathBuf,
    /// What to show.
    pub script: Script,
    /// How to listen.
    pub analysis: AnalysisConfig,
    /// Frames per second, as a number or by the song's tempo; decides on `mapping.frame_rate`.
    pub fps: Fps,
    /// How music becomes motion, and how frames are drawn.
    pub mapping: MappingConfig,
    /// Whether probe frames are drawn first, so that equal energy is equal visible change.
    pub calibrate: bool,
}

/// The whole film: song and script in, MP4 out.
///
/// # Errors
/// Those of every stage; [`Error::Interrupted`] when the watch raised its flag. Finished chunks are kept, and `out` is
/// whole or isn't there.
pub fn film(
    request: &Request,
    machine: &Machine,
    out: &Path,
    watch: &mut Watch<'_>,
) -> Result<(Timeline, Video)> {
    let folder = RunFolder::beside(out);
    let (_, timeline) = plan(request, &folder, machine, watch)?;
    render(&timeline, 0..u64::MAX, &folder, machine, watch)?;
    let video = mux(&timeline, &request.song, &folder, out, watch)?;
    Ok((timeline, video))
}

/// Stages 1 to 3: what is heard, and the timeline made of it. Where the request asks for a calibration, probe frames are
/// drawn on the machine, and what they tell is kept in the folder.
///
/// # Errors
/// Those of decoding, analysis and mapping; with a calibration, those of [`render`] as well.
pub fn plan(
    request: &Request,
    folder: &RunFolder,
    machine: &Machine,
    watch: &mut Watch<'_>,
) -> Result<(Analysis, Timeline)> {
    let track = Track::open(&request.song)?;
    let analysis = analyze(&track, &request.analysis)?;
    for note in analysis.corrections.notes() {
        (watch.observe)(Event::Note(&note));
    }
    (watch.observe)(Event::Heard(&analysis));
    let (frame_rate, note) = request.fps.resolve(&analysis, &request.mapping)?;
    if let Some(note) = note {
        (watch.observe)(Event::Note(&note));
    }
    let config = MappingConfig {
        frame_rate,
        ..request.mapping.clone()
    };
    let plan = Plan::new(&analysis, &request.script, &config)?;
    let calibration = if request.calibrate && !plan.legs().is_empty() {
        Some(calibrate(&plan, &config.render, folder, machine, watch)?)
    } else {
        None
    };
    let timeline = plan.timeline(calibration.as_ref());
    (watch.observe)(Event::Planned(&timeline));
    for advice in mapping::advice(
        &timeline,
        &analysis,
        calibration.as_ref().map(|c| (&plan, c)),
    ) {
        (watch.observe)(Event::Note(&advice));
    }
    Ok((analysis, timeline))
}

/// Between stages 3 and 4: measures how far the picture moves on each leg of the plan's course that the folder doesn't
/// know yet.
///
/// # Errors
/// As [`render`]. What was measured before an error is kept.
fn calibrate(
    plan: &Plan<'_>,
    render: &RenderConfig,
    folder: &RunFolder,
    machine: &Machine,
    watch: &mut Watch<'_>,
) -> Result<Calibration> {
    folder.create()?;
    let known = calibration::load_pool(folder.path());
    let mut found: Vec<(String, Option<Stretch>)> = Vec::new();
    for leg in plan.legs() {
        let key = stretch_key(plan, leg, render)?;
        let stretch = known.iter().find(|stretch| stretch.key == key).cloned();
        found.push((key, stretch));
    }
    let mut calibration = Calibration {
        schema_version: calibration::SCHEMA_VERSION,
        stretches: Vec::new(),
    };
    if found.iter().all(|(_, stretch)| stretch.is_some()) {
        calibration.stretches = found.into_iter().filter_map(|(_, found)| found).collect();
        return Ok(calibration);
    }
    let budget = calibration::Budget::new(plan.secs(), plan.n_frames());
    let missing = plan
        .legs()
        .iter()
        .zip(&found)
        .filter(|(_, (_, found))| found.is_none());
    let n_probes: usize = missing.map(|(leg, _)| budget.of(leg.span.clone())).sum();
    let n_frames = plan.n_frames();
    (watch.observe)(Event::Note(&format!(
        "calibrating: at most {n_probes} probe pictures for {n_frames} frames ({:.1} % of them), each cheaper than a frame",
        100.0 * n_probes as f64 / n_frames.max(1) as f64
    )));
    let mut renderer = load(render, &plan.words(), machine, watch)?;
    let mut n_done = 0;
    let mut result = Ok(());
    for (leg, (key, known)) in plan.legs().iter().zip(found) {
        let stretch = match known {
            Some(stretch) => Ok(stretch),
            None => {
                let mut sketch = |inputs: &[FrameInputs]| -> Result<Vec<Percept>> {
                    let mut seen = Vec::with_capacity(inputs.len());
                    for batch in inputs.chunks(machine.n_batch.max(1)) {
                        if watch.stop.load(Ordering::SeqCst) {
                            return Err(Error::Interrupted);
                        }
                        seen.extend(renderer.sketch(batch)?.iter().map(Percept::of));
                        n_done += batch.len();
                        (watch.observe)(Event::Probes { n_done, n_probes });
                    }
                    Ok(seen)
                };
                measure_leg(plan, leg, key, budget.of(leg.span.clone()), &mut sketch)
            }
        };
        match stretch {
            Ok(stretch) => calibration.stretches.push(stretch),
            Err(error) => {
                result = Err(error);
                break;
            }
        }
    }
    calibration::save(&calibration, folder.path())?;
    result.map(|()| calibration)
}

/// Scale and length of a leg, with at most `n_probes` sketches.
fn measure_leg(
    plan: &Plan<'_>,
    leg: &Leg,
    key: String,
    n_probes: usize,
    sketch: &mut dyn FnMut(&[FrameInputs]) -> Result<Vec<Percept>>,
) -> Result<Stretch> {
    // A leg whose number of seeds is given, or with hardly a probe, does without.
    let n_noises = if leg.has_fixed_seeds() {
        0
    } else {
        (n_probes / 12).min(2)
    };
    let scale = if n_noises == 0 {
        Scale::default()
    } else {
        let inputs = plan.scale_inputs(leg, n_noises as u64);
        calibration::measure_scale(&sketch(&inputs)?, SCALE_SEEDS)
    };
    let mut draw = |times: &[f64]| {
        let inputs: Result<Vec<_>> = times
            .iter()
            .map(|secs| plan.course_inputs(leg, scale, *secs))
            .collect();
        sketch(&inputs?)
    };
    calibration::measure(
        key,
        scale,
        leg.span.clone(),
        n_probes - 4 * n_noises,
        PROBES_PER_SEED * leg.n_seeds(scale),
        &mut draw,
    )
}

/// Hash of everything that determines the pictures of a leg: what it shows, and the model with its settings, but not the
/// film's size, rate and hits.
fn stretch_key(plan: &Plan<'_>, leg: &Leg, render: &RenderConfig) -> Result<String> {
    let determined_by = (
        calibration::SCHEMA_VERSION,
        plan.signature(leg)?,
        &render.weights_sha256,
        render.draw_size,
        render.n_steps,
        &render.diffusion,
    );
    let json = serde_json::to_vec(&determined_by).map_err(|error| Error::Limit {
        reason: format!("can't name a calibration: {error}"),
        hint: None,
    })?;
    Ok(hex(&Sha256::digest(&json)))
}

/// Stage 4: draws and encodes the frames of `frames` (half-open, clamped) that no finished chunk holds.
///
/// # Errors
/// [`Error::Weights`] and [`Error::Device`] before the first frame, [`Error::Limit`] when the disk doesn't suffice,
/// [`Error::Interrupted`] when the watch raised its flag.
pub fn render(
    timeline: &Timeline,
    frames: Range<u64>,
    folder: &RunFolder,
    machine: &Machine,
    watch: &mut Watch<'_>,
) -> Result<()> {
    let encoding = encode_config(timeline);
    encoding.validate()?;
    folder.create()?;
    let frames = frames.start..frames.end.min(timeline.frames.len() as u64);
    let missing = missing_pieces(timeline, &frames, folder)?;
    let n_missing: u64 = missing.iter().map(|piece| piece.end - piece.start).sum();
    let n_frames = frames.end.saturating_sub(frames.start);
    let n_done = n_frames - n_missing;
    (watch.observe)(Event::Rendering { n_frames, n_done });
    if missing.is_empty() {
        return Ok(());
    }
    folder.check_space(timeline, n_missing)?;
    let threads = machine.threads()?;
    let words: Vec<_> = timeline
        .prompts
        .iter()
        .map(|prompt| prompt.words.clone())
        .collect();
    let mut renderer = load(&timeline.render, &words, machine, watch)?;
    let work = Work {
        timeline,
        threads: &threads,
        missing,
        n_done,
        n_frames,
        n_batch: machine.n_batch.max(1),
    };
    draw_and_encode(&work, folder, &encoding, &mut renderer, watch)
}

/// Stage 5: joins finished chunks with the untouched soundtrack. `song` is the timeline's song, wherever it lies by now.
///
/// # Errors
/// [`Error::Limit`] that names the missing frames where some aren't rendered yet, [`Error::Input`] when the song isn't
/// the one that the timeline was made from.
pub fn mux(
    timeline: &Timeline,
    song: &Path,
    folder: &RunFolder,
    out: &Path,
    watch: &mut Watch<'_>,
) -> Result<Video> {
    let coverage = folder.coverage(timeline)?;
    if let Some(gap) = coverage.missing.first() {
        let n_missing: u64 = coverage.missing.iter().map(|gap| gap.end - gap.start).sum();
        return Err(Error::Limit {
            reason: format!(
                "{n_missing} of {} frames are not rendered yet",
                timeline.frames.len()
            ),
            hint: Some(format!(
                "visualize render TIMELINE.json --frames {}..{}",
                gap.start, gap.end
            )),
        });
    }
    let track = Track::open(song)?;
    if track.source_sha256 != timeline.song.source_sha256 {
        return Err(Error::input(
            &track.path,
            "the song has changed since the timeline was made",
        )
        .with_hint("run the same plan command again, or bring the old file back"));
    }
    (watch.observe)(Event::Muxing);
    let song = &timeline.song;
    let heard = song.start_sample..song.start_sample + song.n_samples;
    let soundtrack = track.soundtrack(heard, folder.path())?;
    if let Some(note) = soundtrack.note() {
        (watch.observe)(Event::Note(note));
    }
    let tags = provenance::tags(timeline);
    let attachment = provenance::pack(timeline)?;
    video::mux(
        &coverage.chunks,
        soundtrack.as_ref(),
        &tags,
        Some(&attachment),
        out,
    )
}

/// The model that a film is planned with, on the machine's device, ready for some prompts.
fn load(
    config: &RenderConfig,
    words: &[PromptText],
    machine: &Machine,
    watch: &mut Watch<'_>,
) -> Result<StableDiffusion> {
    let model = machine.store.open_for(config, &mut |loading| {
        (watch.observe)(Event::Loading(loading));
        match watch.stop.load(Ordering::SeqCst) {
            true => Err(Error::Interrupted),
            false => Ok(()),
        }
    })?;
    if model.sha256(&machine.store.digests)? != config.weights_sha256 {
        return Err(Error::weights(
            &config.model,
            "the weights are not those that the timeline was planned with",
        )
        .with_hint("plan again with these weights, or bring the old ones back"));
    }
    let (device, name) = choose_device(&machine.device)?;
    let dtype = choose_dtype(config.diffusion.dtype.as_deref().unwrap_or("auto"), &device)?;
    (watch.observe)(Event::Note(&format!(
        "drawing on {name}, weights in {dtype:?}"
    )));
    let mut renderer = StableDiffusion::load(&model, config, &device, dtype)?;
    renderer.prepare(words)?;
    Ok(renderer)
}

/// The grid's pieces of `frames` that no finished chunk holds.
fn missing_pieces(
    timeline: &Timeline,
    frames: &Range<u64>,
    folder: &RunFolder,
) -> Result<Vec<Range<u64>>> {
    let gaps = folder.coverage(timeline)?.missing;
    let chunk_len = u64::from(timeline.encoding.gop_len);
    let wanted = gaps
        .iter()
        .map(|gap| gap.start.max(frames.start)..gap.end.min(frames.end));
    Ok(wanted
        .filter(|gap| !gap.is_empty())
        .flat_map(|gap| grid_pieces(gap, chunk_len))
        .collect())
}

/// Frames to draw.
struct Work<'a> {
    timeline: &'a Timeline,
    threads: &'a rayon::ThreadPool,
    missing: Vec<Range<u64>>,
    n_done: u64,
    n_frames: u64,
    n_batch: usize,
}

/// From the drawing to the encoding thread.
enum Message {
    Begin { id: String, first_frame: u64 },
    Picture(RgbImage),
    Finish,
}

/// Draws on this thread and encodes on another. The channel holds two batches: a slow encoder stalls the drawing rather
/// than filling the memory.
fn draw_and_encode(
    work: &Work<'_>,
    folder: &RunFolder,
    encoding: &EncodeConfig,
    renderer: &mut (dyn Renderer + Send),
    watch: &mut Watch<'_>,
) -> Result<()> {
    std::thread::scope(|scope| {
        let (send, receive) = sync_channel(2 * work.n_batch);
        let encoder = scope.spawn(move || encode(&receive, folder, encoding));
        let drawn = draw(work, renderer, watch, |message| send.send(message).is_ok());
        drop(send);
        let encoded = encoder.join().unwrap_or_else(|_| {
            Err(Error::Video {
                reason: "the encoder panicked; please report this".to_owned(),
            })
        });
        // A failed encoder closes the channel, which ends the drawing: its error is the cause.
        encoded.and(drawn)
    })
}

fn draw(
    work: &Work<'_>,
    renderer: &mut (dyn Renderer + Send),
    watch: &mut Watch<'_>,
    send: impl Fn(Message) -> bool,
) -> Result<()> {
    let mut n_done = work.n_done;
    let mut is_first = true;
    let mut last = None;
    for piece in &work.missing {
        let id = chunk_id(work.timeline, piece.clone())?;
        if !send(Message::Begin {
            id,
            first_frame: piece.start,
        }) {
            return Ok(());
        }
        for batch in grid_pieces(0..piece.end - piece.start, work.n_batch as u64) {
            if watch.stop.load(Ordering::SeqCst) {
                return Err(Error::Interrupted);
            }
            let started = Instant::now();
            let batch = inputs(
                work.timeline,
                piece.start + batch.start..piece.start + batch.end,
            )?;
            let pictures = work
                .threads
                .install(|| draw_batch(renderer, &batch, &mut last))?;
            for (picture, frame) in pictures.into_iter().zip(&batch) {
                let seen = camera::look(picture, &frame.camera);
                if !send(Message::Picture(seen)) {
                    return Ok(());
                }
            }
            n_done += batch.len() as u64;
            if std::mem::take(&mut is_first) {
                let frames_per_second =
                    batch.len() as f64 / started.elapsed().as_secs_f64().max(1e-9);
                let secs = (work.n_frames - n_done) as f64 / frames_per_second;
                (watch.observe)(Event::Estimate {
                    secs,
                    frames_per_second,
                });
            }
            if let Some(inputs) = batch.last() {
                (watch.observe)(Event::Frames { n_done, inputs });
            }
        }
        if !send(Message::Finish) {
            return Ok(());
        }
    }
    Ok(())
}

/// Draws a batch, as it is before the camera looks at it. A frame whose inputs are those of the one before repeats it; `last`
/// is the last of the batch before.
fn draw_batch(
    renderer: &mut (dyn Renderer + Send),
    frames: &[FrameInputs],
    last: &mut Option<(FrameInputs, RgbImage)>,
) -> Result<Vec<RgbImage>> {
    let mut distinct: Vec<FrameInputs> = Vec::new();
    for frame in frames {
        let before = distinct.last().or(last.as_ref().map(|(inputs, _)| inputs));
        if before.is_none_or(|before| !before.draws_like(frame)) {
            distinct.push(frame.clone());
        }
    }
    let drawn = renderer.render(&distinct)?;
    let mut drawn = distinct.into_iter().zip(drawn);
    let mut pictures = Vec::with_capacity(frames.len());
    for frame in frames {
        if last
            .as_ref()
            .is_none_or(|(inputs, _)| !inputs.draws_like(frame))
        {
            *last = drawn.next();
        }
        pictures.extend(last.as_ref().map(|(_, picture)| picture.clone()));
    }
    Ok(pictures)
}

fn encode(messages: &Receiver<Message>, folder: &RunFolder, encoding: &EncodeConfig) -> Result<()> {
    let mut chunk = None;
    for message in messages {
        match (message, &mut chunk) {
            (Message::Begin { id, first_frame }, _) => {
                chunk = Some(ChunkWriter::new(folder.path(), &id, first_frame, encoding)?);
            }
            (Message::Picture(picture), Some(chunk)) => chunk.push(&picture)?,
            (Message::Finish, _) => {
                chunk.take().map(ChunkWriter::finish).transpose()?;
            }
            (Message::Picture(_), None) => {}
        }
    }
    Ok(())
}
