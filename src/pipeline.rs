//! The only place where stages meet: a song and its prompts become a film.

mod calibrate;
mod chunk_set;
mod chunks;
mod clips;
mod draw;
mod estimate;
mod path_map;
mod pictures;
mod queue;
mod session;
mod trial;
mod watch;

use std::borrow::Cow;
use std::ops::Range;

use analysis::Analysis;
use audio::{SoundtrackFormat, Track};
use calibrate::{calibrate, known_calibration};
use chunks::{check_space, coverage, resumed, sound_bytes};
use common::{Error, Result};
use draw::{Work, draw_and_encode};
use estimate::estimate;
use mapping::calibration::Calibration;
use mapping::{MappingConfig, Plan};
use timeline::{RunFolder, Timeline};
use video::{EncodeConfig, FilmFile, Found, Video};

use crate::provenance;
use crate::request::Request;

pub use chunk_set::{ChunkSet, Piece};
pub use chunks::{DRAWING_VERSION, find_chunks, list_chunks, mixed, needed_bytes};
pub use clips::{Amount, Clips, amount, finish_clip, hear, remove_chunks};
pub use common::host::host_name;
pub use estimate::frame_secs;
pub use path_map::PathMap;
pub use pictures::{PictureSink, pictures};
pub use session::{DrawNow, Guests, Machine, Session};
pub use trial::{TRY_BATCHES, Trial, Try};
pub use watch::{Event, Watch};

/// The whole film: song and script in, MP4 out.
///
/// # Errors
/// Those of every stage; [`Error::Interrupted`] when the watch raised its flag. Finished chunks are kept, and `out` is
/// whole or isn't there. Where it doesn't replace a film that is there by then, that is an [`Error::Input`].
pub fn film(
    request: &Request,
    machine: &Machine,
    out: &FilmFile,
    watch: &mut Watch<'_>,
) -> Result<(Timeline, Video)> {
    let mut session = Session::new(machine.clone());
    film_in(&mut session, request, None, out, watch)
}

/// As [`film`], in a session that other work shares. `analysis` is that of the request's song and settings, where it was heard
/// already.
///
/// # Errors
/// As [`film`].
pub fn film_in(
    session: &mut Session,
    request: &Request,
    analysis: Option<&Analysis>,
    out: &FilmFile,
    watch: &mut Watch<'_>,
) -> Result<(Timeline, Video)> {
    request.track.check_soundtrack(request.audio)?;
    let folder = RunFolder::beside(&out.path);
    session.set_model(Some(&request.model));
    estimate(request, &folder, session, watch)?;
    let analysis = match analysis {
        Some(analysis) => Cow::Borrowed(analysis),
        None => Cow::Owned(analyze(request, watch)?),
    };
    let timeline = compose(&analysis, request, &folder, session, watch)?;
    // What was heard makes room for drawing.
    drop(analysis);
    let (track, audio) = (&request.track, request.audio);
    let sound_bytes = sound_bytes(&timeline, track, audio)?;
    let chunks = ChunkSet::all();
    draw(&timeline, &chunks, sound_bytes, &folder, session, watch)?;
    let video = mux_to(&timeline, Some(track), audio, &folder, out, watch)?;
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
    let analysis = analyze(request, watch)?;
    let mut session = Session::new(machine.clone());
    let timeline = plan_in(&mut session, &analysis, request, folder, watch)?;
    Ok((analysis, timeline))
}

/// Stage 3 alone, in a session that other work shares: the timeline of a song that was heard already.
///
/// # Errors
/// As [`plan`].
pub fn plan_in(
    session: &mut Session,
    analysis: &Analysis,
    request: &Request,
    folder: &RunFolder,
    watch: &mut Watch<'_>,
) -> Result<Timeline> {
    session.set_model(Some(&request.model));
    compose(analysis, request, folder, session, watch)
}

/// Stage 4: draws and encodes those of `chunks` that aren't finished. Of the film's other chunks none is looked at.
///
/// # Errors
/// [`Error::Config`] for chunks that the film doesn't have, [`Error::Weights`] and [`Error::Device`] before the first frame,
/// [`Error::Later`] when the disk doesn't suffice,
/// [`Error::Interrupted`] when the watch raised its flag.
pub fn render(
    timeline: &Timeline,
    chunks: &ChunkSet,
    folder: &RunFolder,
    machine: &Machine,
    watch: &mut Watch<'_>,
) -> Result<()> {
    let mut session = Session::new(machine.clone());
    // The sound is added where the film is muxed.
    draw(timeline, chunks, 0.0, folder, &mut session, watch)
}

/// Stage 5: joins finished chunks with the soundtrack, which is untouched where `audio` and MP4 allow it. `track` is the
/// timeline's song, wherever it lies by now.
///
/// # Errors
/// [`Error::Later`] that names the missing chunks where some aren't rendered yet, [`Error::Input`] when the song isn't
/// the one that the timeline was made from.
pub fn mux(
    timeline: &Timeline,
    track: &Track,
    audio: SoundtrackFormat,
    folder: &RunFolder,
    out: &FilmFile,
    watch: &mut Watch<'_>,
) -> Result<Video> {
    mux_to(timeline, Some(track), audio, folder, out, watch)
}

/// `track`: the song, which a film without sound does without.
fn mux_to(
    timeline: &Timeline,
    track: Option<&Track>,
    audio: SoundtrackFormat,
    folder: &RunFolder,
    out: &FilmFile,
    watch: &mut Watch<'_>,
) -> Result<Video> {
    let coverage = coverage(folder, timeline)?;
    if !coverage.missing.is_empty() {
        return Err(incomplete(timeline, &coverage.missing));
    }
    if let Some(track) = track.filter(|song| song.source_sha256 != timeline.song.source_sha256) {
        return Err(Error::input(
            &track.path,
            "the song has changed since the timeline was made",
        )
        .with_hint("run the same plan command again, or bring the old file back"));
    }
    let origins = coverage
        .chunks
        .iter()
        .filter_map(|chunk| chunk.origin.as_ref());
    if let Some(note) = mixed(origins.map(|origin| origin.arithmetic.as_str())) {
        watch.note(&note);
    }
    (watch.observe)(Event::Muxing);
    let song = &timeline.song;
    let samples = song.start_sample..song.start_sample + song.n_samples;
    // Sound at the song's tempo doesn't belong to pictures at another.
    let audio = match timeline.encoding.play_rate {
        Some(_) => SoundtrackFormat::None,
        None => audio,
    };
    let soundtrack = track.map(|track| track.soundtrack(samples, audio, folder.path()));
    let soundtrack = soundtrack.transpose()?.flatten();
    if let Some(note) = soundtrack.as_ref().and_then(|sound| sound.note()) {
        watch.note(note);
    }
    let tags = provenance::tags(timeline);
    let attachment = provenance::pack(timeline)?;
    let (chunks, sound) = (&coverage.chunks, soundtrack.as_deref());
    video::mux(chunks, sound, &tags, Some(&attachment), out)
}

/// Stages 1 and 2.
fn analyze(request: &Request, watch: &mut Watch<'_>) -> Result<Analysis> {
    let analysis = analysis::analyze(&request.track, &request.analysis)?;
    for note in request.track.all_notes() {
        watch.note(&note);
    }
    for note in analysis.corrections.notes() {
        watch.note(&note);
    }
    (watch.observe)(Event::Analyzed(&analysis));
    Ok(analysis)
}

/// Stage 3, with the calibration inside it.
fn compose(
    analysis: &Analysis,
    request: &Request,
    folder: &RunFolder,
    session: &mut Session,
    watch: &mut Watch<'_>,
) -> Result<Timeline> {
    let config = mapping_config(analysis, request, watch)?;
    let plan = Plan::new(analysis, &request.script, &config)?;
    let is_measured = request.calibrate && !plan.segments().is_empty();
    let calibration = is_measured
        .then(|| calibrate(&plan, &config.render, folder, session, watch))
        .transpose()?;
    written(&plan, calibration.as_ref(), analysis, watch)
}

/// Stage 3 as far as nothing has to be drawn for it: the timeline, and whether it is the film's. It is where the folder holds what
/// was measured of all segments; otherwise the timeline is that of a film that isn't calibrated.
///
/// # Errors
/// Those of mapping.
pub fn plan_undrawn(
    analysis: &Analysis,
    request: &Request,
    folder: &RunFolder,
    watch: &mut Watch<'_>,
) -> Result<(Timeline, bool)> {
    let config = mapping_config(analysis, request, watch)?;
    let plan = Plan::new(analysis, &request.script, &config)?;
    let is_measured = request.calibrate && !plan.segments().is_empty();
    let calibration = match is_measured {
        true => known_calibration(&plan, &config.render, folder)?,
        false => None,
    };
    let is_final = !is_measured || calibration.is_some();
    let timeline = written(&plan, calibration.as_ref(), analysis, watch)?;
    Ok((timeline, is_final))
}

/// The timeline of a plan, and what to know of it.
fn written(
    plan: &Plan<'_>,
    calibration: Option<&Calibration>,
    analysis: &Analysis,
    watch: &mut Watch<'_>,
) -> Result<Timeline> {
    let timeline = plan.timeline(calibration)?;
    (watch.observe)(Event::Planned(&timeline));
    let measured = calibration.map(|measured| (plan, measured));
    for advice in mapping::advice(&timeline, analysis, measured) {
        watch.note(&advice);
    }
    Ok(timeline)
}

/// The mapping's settings, with the frame rates that the song decides on.
fn mapping_config(
    analysis: &Analysis,
    request: &Request,
    watch: &mut Watch<'_>,
) -> Result<MappingConfig> {
    let mut config = request.mapping.clone();
    match request.conform {
        None => {
            let (frame_rate, note) = request.fps.resolve(analysis, &config)?;
            if let Some(note) = note {
                watch.note(&note);
            }
            config.frame_rate = frame_rate;
        }
        Some(conform) => {
            let conformed = conform.resolve(analysis, request.fps, &config)?;
            watch.note(&conformed.to_string());
            config.frame_rate = conformed.song_rate;
            config.encoding.play_rate = Some(conformed.play_rate);
        }
    }
    // A size that can't be encoded is refused before probes are drawn in it.
    EncodeConfig::new(config.render.size, config.frame_rate, config.encoding).validate()?;
    Ok(config)
}

/// Stage 4. `sound_bytes` are those that the disk must hold besides.
fn draw(
    timeline: &Timeline,
    chunks: &ChunkSet,
    sound_bytes: f64,
    folder: &RunFolder,
    session: &mut Session,
    watch: &mut Watch<'_>,
) -> Result<()> {
    let encoding = EncodeConfig::new(timeline.render.size, timeline.frame_rate, timeline.encoding);
    encoding.validate()?;
    folder.create()?;
    let found = find_chunks(timeline, chunks, folder)?;
    if found.is_empty() && !timeline.frames.is_empty() {
        return Err(no_chunks(timeline, chunks));
    }
    let count = |frames: &Range<u64>| frames.end - frames.start;
    let n_frames = found.iter().map(|(piece, _)| count(&piece.frames)).sum();
    let mut missing = Vec::new();
    let mut finished = Vec::new();
    for (piece, found) in found {
        if let Found::Damaged(error) = &found {
            watch.note(&format!("drawing chunk {} again: {error}", piece.chunk));
        }
        match found {
            Found::Whole(chunk) => finished.extend(chunk.origin),
            Found::Missing | Found::Damaged(_) => missing.push(piece.frames),
        }
    }
    let n_missing: u64 = missing.iter().map(count).sum();
    let n_done = n_frames - n_missing;
    (watch.observe)(Event::Rendering { n_frames, n_done });
    if missing.is_empty() {
        return Ok(());
    }
    check_space(
        folder.path(),
        timeline.render.size,
        timeline.encoding.codec,
        (n_missing, timeline.frames.len() as u64),
        sound_bytes,
    )?;
    let (render, words) = (&timeline.render, &timeline.words_in(&missing));
    let mut drawer = session.drawer(render, words, Some(folder), watch)?;
    if let Some(note) = resumed(&finished, drawer.arithmetic) {
        watch.note(&note);
    }
    let work = Work {
        timeline,
        missing,
        n_done,
        n_frames,
    };
    draw_and_encode(&work, folder, &encoding, &mut drawer, watch)
}

/// The refusal of chunks behind the film's end.
fn no_chunks(timeline: &Timeline, chunks: &ChunkSet) -> Error {
    let last = ChunkSet::all().pieces(timeline).last();
    Error::Config {
        name: "chunks",
        value: chunks.to_string(),
        allowed: format!(
            "the film's chunks are 0 to {}",
            last.map_or(0, |piece| piece.chunk)
        ),
    }
}

/// What is said of a film that isn't all drawn yet.
fn incomplete(timeline: &Timeline, missing: &[Range<u64>]) -> Error {
    let n_missing: u64 = missing.iter().map(|gap| gap.end - gap.start).sum();
    let is_missing = |piece: &Piece| {
        let mut gaps = missing.iter();
        gaps.any(|gap| gap.start < piece.frames.end && piece.frames.start < gap.end)
    };
    let all = ChunkSet::all();
    let pieces = all.pieces(timeline).filter(is_missing);
    let chunks: ChunkSet = pieces.map(|piece| piece.chunk).collect();
    Error::Later {
        reason: format!(
            "{n_missing} of {} frames are not rendered yet",
            timeline.frames.len()
        ),
        hint: Some(format!("visualize render TIMELINE.json --chunks {chunks}")),
    }
}
