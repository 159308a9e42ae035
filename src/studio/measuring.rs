//! Measurements of finished films, one after the other beside the drawing, and what they found.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use common::{Error, Result};

use super::Studio;
use super::answer::Refused;
use super::project::{self, Name, Stamp, stamp_of};
use super::wire::{JobKind, JobPhase};
use crate::verify::{Verification, plot, verify};
use crate::{contact_sheet, provenance};

/// Time between two messages about a measurement.
const INTERVAL: Duration = Duration::from_millis(100);

/// What was found in films, by file name.
#[derive(Default)]
pub struct Measured {
    found: Mutex<BTreeMap<String, (Stamp, Arc<Findings>)>>,
    /// One measurement at a time.
    turn: Mutex<()>,
}

/// What was found in a film.
pub struct Findings {
    /// The measures and verdicts.
    pub json: Vec<u8>,
    /// The plot.
    pub svg: String,
    /// A sheet of the film's pictures, as PNG.
    pub sheet: Vec<u8>,
}

impl Measured {
    /// What was found in the film that has this name now.
    pub fn of(&self, film: &Name) -> Option<Arc<Findings>> {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let (stamp, findings) = found.get(film.as_str())?;
        (stamp_of(film.path())? == *stamp).then(|| Arc::clone(findings))
    }

    fn put(&self, film: &str, stamp: Stamp, findings: Findings) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.insert(film.to_owned(), (stamp, Arc::new(findings)));
    }
}

/// Starts a measurement on a thread of its own.
///
/// # Errors
/// [`Error::Limit`] where the system has no more threads.
pub fn start(studio: Arc<Studio>, id: u64) -> Result<()> {
    let thread = std::thread::Builder::new().name("measuring".to_owned());
    let started = thread.spawn(move || {
        let _turn = studio.measured.turn.lock();
        let Some((job, stop)) = studio.job(id).filter(|(job, _)| is_waiting(job)) else {
            return;
        };
        stop.store(false, Ordering::SeqCst);
        let mut told = Instant::now();
        let mut observe = |frame_idx: u64| {
            if stop.load(Ordering::SeqCst) || studio.is_over() {
                return Err(Error::Interrupted);
            }
            if told.elapsed() >= INTERVAL {
                told = Instant::now();
                studio.update_job(id, |job| job.n_done = frame_idx);
            }
            Ok(())
        };
        studio.update_job(id, |job| job.phase = JobPhase::Measuring);
        let measured = measure(&studio, id, &job.song, &mut observe);
        let is_interrupted = matches!(measured, Err(Error::Interrupted));
        studio.end_job(id, measured.map_err(Refused::from), is_interrupted);
    });
    started.map(|_| ()).map_err(|error| Error::Limit {
        reason: format!("can't start a thread to measure: {error}"),
        hint: None,
    })
}

fn is_waiting(job: &super::wire::Job) -> bool {
    job.kind == JobKind::Verify && job.phase == JobPhase::Queued
}

/// Measures the film of a song; its file name.
fn measure(
    studio: &Studio,
    id: u64,
    song: &str,
    observe: &mut dyn FnMut(u64) -> Result<()>,
) -> Result<String> {
    let none = || {
        Error::input(song, "there is no film of this song yet").with_hint("render the film first")
    };
    let song = Name::new(song).map_err(|_| none())?;
    let film = project::film_of(&song).ok_or_else(none)?;
    let path = Path::new(&film);
    let stamp = stamp_of(path).ok_or_else(none)?;
    if let Some(video) = video::probe(path)?.video {
        studio.update_job(id, |job| job.n_frames = video.n_frames);
    }
    let found = verify(path, observe)?;
    studio.measured.put(&film, stamp, findings(&found, path)?);
    Ok(film)
}

fn findings(found: &Verification, film: &Path) -> Result<Findings> {
    let json = serde_json::to_vec(found)
        .map_err(|error| Error::internal(format!("can't write the measures: {error}")))?;
    let folder =
        tempfile::tempdir().map_err(Error::io("create a folder in", std::env::temp_dir()))?;
    let sheet = folder.path().join("sheet.png");
    contact_sheet::save(&provenance::timeline_of(film)?, film, &sheet)?;
    Ok(Findings {
        json,
        svg: plot(found).svg(),
        sheet: std::fs::read(&sheet).map_err(Error::io("read", &sheet))?,
    })
}
