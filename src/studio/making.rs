//! A film or a preview, made by the same stages as on the command line, with its progress told to the pages.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use common::Error;
use common::units::FrameRate;
use video::FilmFile;

use super::Studio;
use super::answer::{Answer, Refused};
use super::jobs::Order;
use super::project::is_our_film;
use super::song::{OpenSong, Planned};
use super::views::start_secs;
use super::wire::{JobKind, JobPhase};
use crate::pipeline::{self, Event, Session, Watch};

/// Time between two messages about a job.
const INTERVAL: Duration = Duration::from_millis(100);

impl Studio {
    /// Carries a job out, on the thread that draws.
    pub fn make(self: &Arc<Self>, session: &mut Session, order: &Order) {
        let opened = self.open(&order.song).map_err(Stopped::from);
        let made = opened.and_then(|song| self.make_film(session, order, &song));
        let is_interrupted = matches!(&made, Err(Stopped::Interrupted));
        let made = made.map_err(|stopped| match stopped {
            Stopped::Interrupted => Refused::from(Error::Interrupted),
            Stopped::Refused(refused) => refused,
        });
        let is_done = made.is_ok();
        self.end_job(order.id, made, is_interrupted);
        if let (true, Ok(song)) = (is_done, self.open(&order.song)) {
            // Its calibration is known now.
            song.update(|inner| {
                let is_open = |plan: &Arc<Planned>| !plan.is_calibrated;
                inner.todo.plan |= inner.plan.as_ref().is_some_and(is_open);
            });
            self.tell_song(&song);
            self.tell_songs();
        }
    }

    fn make_film(
        &self,
        session: &mut Session,
        order: &Order,
        song: &OpenSong,
    ) -> Result<String, Stopped> {
        let is_preview = order.kind == JobKind::Preview;
        let (request, heard) = self.request(song, is_preview)?;
        let codec = request.mapping.encoding.codec;
        let out = match is_preview {
            true => song.name.preview(codec),
            false => song.name.film(codec),
        };
        let out = film_file(song.name.path(), out)?;
        let mut progress = Progress::new(self, order.id);
        let mut watch = Watch {
            observe: &mut |event| progress.see(event),
            stop: &order.stop,
        };
        pipeline::film_in(session, &request, Some(&heard.analysis), &out, &mut watch)?;
        Ok(out.path.to_string_lossy().into_owned())
    }
}

/// Why a film wasn't made.
pub enum Stopped {
    Interrupted,
    Refused(Refused),
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        match error {
            Error::Interrupted => Self::Interrupted,
            error => Self::Refused(error.into()),
        }
    }
}

impl From<Refused> for Stopped {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

/// Where a film is written: in place of an older one of ours, and of nothing else.
fn film_file(song: &Path, out: PathBuf) -> Answer<FilmFile> {
    if out == song {
        return Err(Refused::new(
            StatusCode::CONFLICT,
            format!(
                "the film would take the place of its song {}",
                song.display()
            ),
        )
        .with_hint("give the song another name"));
    }
    if out.symlink_metadata().is_err() {
        return Ok(FilmFile::new(out));
    }
    if !is_our_film(&out) {
        return Err(Refused::new(
            StatusCode::CONFLICT,
            format!(
                "{} exists already and isn't a film that visualize made",
                out.display()
            ),
        )
        .with_hint("give that file another name"));
    }
    Ok(FilmFile::replacing(out))
}

/// Turns events of the pipeline into what a page sees of a job.
struct Progress<'a> {
    studio: &'a Studio,
    id: u64,
    told: Option<Instant>,
    rate: FrameRate,
    start_secs: f64,
    n_frames: u64,
    /// When drawing began, and what was finished then.
    began: Option<(Instant, u64)>,
}

impl<'a> Progress<'a> {
    fn new(studio: &'a Studio, id: u64) -> Self {
        Self {
            studio,
            id,
            told: None,
            rate: FrameRate::default(),
            start_secs: 0.0,
            n_frames: 0,
            began: None,
        }
    }

    fn see(&mut self, event: Event<'_>) {
        match event {
            Event::Note(note) => self
                .studio
                .update_job(self.id, |job| job.notes.push(note.to_owned())),
            Event::Probes { n_done, n_probes } if self.is_time() => {
                self.studio.update_job(self.id, |job| {
                    job.phase = JobPhase::Calibrating;
                    (job.n_frames, job.n_done) = (n_probes as u64, n_done as u64);
                });
            }
            Event::Planned(timeline) => {
                self.rate = timeline.frame_rate;
                self.start_secs = start_secs(timeline);
            }
            Event::Rendering { n_frames, n_done } => {
                self.n_frames = n_frames;
                self.began = Some((Instant::now(), n_done));
                self.studio.update_job(self.id, |job| {
                    job.phase = JobPhase::Drawing;
                    (job.n_frames, job.n_done) = (n_frames, n_done);
                });
            }
            Event::Frames {
                n_done, frame_idx, ..
            } if self.is_time() || n_done == self.n_frames => self.frames(n_done, frame_idx),
            Event::Muxing => self.studio.update_job(self.id, |job| {
                job.phase = JobPhase::Muxing;
                job.secs_left = None;
            }),
            _ => {}
        }
    }

    fn frames(&mut self, n_done: u64, frame_idx: u64) {
        let Some((began, n_before)) = self.began else {
            return;
        };
        let speed = (n_done - n_before) as f64 / began.elapsed().as_secs_f64().max(1e-9);
        let newest_secs = self.start_secs + self.rate.frame_time_secs(frame_idx);
        let n_left = self.n_frames.saturating_sub(n_done);
        self.studio.update_job(self.id, |job| {
            job.n_done = n_done;
            job.frames_per_second = Some(speed);
            job.secs_left = (speed > 0.0).then(|| n_left as f64 / speed);
            job.newest_secs = Some(newest_secs);
        });
    }

    /// Whether enough time has passed since the last message.
    fn is_time(&mut self) -> bool {
        let is_time = self.told.is_none_or(|told| told.elapsed() >= INTERVAL);
        if is_time {
            self.told = Some(Instant::now());
        }
        is_time
    }
}
