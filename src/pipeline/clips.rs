//! Many films of one run: clips share the model, the calibration and the folder of chunks.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use analysis::Analysis;
use audio::SoundtrackFormat;
use common::Result;
use diffusion::ModelSource;
use mapping::{MappingConfig, Plan};
use timeline::{RunFolder, Timeline};
use video::{FilmFile, Video};

use super::calibrate::budget;
use super::chunk_set::ChunkSet;
use super::chunks::coverage;
use super::session::{Machine, Session};
use super::trial::{self, Trial, Try};
use super::watch::Watch;
use super::{analyze, compose, draw, mapping_config, mux_to};
use crate::request::Request;

/// Longest time of a trial, as far as it goes beyond its first clip.
const LONGEST_TRIAL: Duration = Duration::from_secs(10);

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
    /// Probes for its calibration, at most.
    pub n_probes: u64,
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

    /// Draws some frames of clips, as they are drawn for them, to find out what all take. Ends after ten seconds, with one clip
    /// at least.
    ///
    /// # Errors
    /// Those of mapping, of loading the model and of drawing.
    pub fn trial(&mut self, tries: &[Try<'_>], watch: &mut Watch<'_>) -> Result<Trial> {
        let begun = Instant::now();
        let mut tried = Vec::new();
        for one in tries {
            if tried.is_empty() || begun.elapsed() < LONGEST_TRIAL {
                watch.go_on()?;
                tried.push(trial::of(one, &self.folder, &mut self.session, watch)?);
            }
        }
        Ok(trial::mean(&tried))
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

/// Makes a silent clip of its chunks, in place of an older one.
///
/// # Errors
/// As [`mux`](super::mux).
pub fn finish_clip(
    timeline: &Timeline,
    folder: &RunFolder,
    out: PathBuf,
    watch: &mut Watch<'_>,
) -> Result<Video> {
    let none = SoundtrackFormat::None;
    let out = FilmFile::replacing(out);
    mux_to(timeline, None, none, folder, &out, watch)
}

/// Removes the chunks of a clip that is made.
///
/// # Errors
/// As [`find_chunks`](super::find_chunks).
pub fn remove_chunks(timeline: &Timeline, folder: &RunFolder) -> Result<()> {
    for chunk in coverage(folder, timeline)?.chunks {
        // A chunk that stays takes room, and nothing else.
        let _ = std::fs::remove_file(chunk.path);
    }
    Ok(())
}
