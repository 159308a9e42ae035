//! Films, previews and measurements that pages have asked for: the queue, and what a page sees of it.
//!
//! The queue is kept in a file in the folder. What was under way when the program ended goes on when it starts again: finished
//! chunks of a film are found in its run folder, as they are by the command line.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use common::Result;
use common::partial_file::write_whole;
use serde::{Deserialize, Serialize};

use super::Studio;
use super::answer::{Answer, Refused};
use super::wire::{Event, Job, JobKind, JobPhase, NewJob};
use super::{measuring, project};

/// The file of the queue.
const FILE: &str = ".visualize-studio.json";
/// Version of the file.
const SCHEMA_VERSION: u32 = 1;
/// Jobs that are over and still shown.
const MAX_OVER: usize = 50;

/// The queue.
pub struct Jobs {
    entries: Mutex<Vec<Entry>>,
    /// Held while the file is written, so that no older state comes behind a newer one.
    saving: Mutex<()>,
}

/// What somebody wants of a job that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    /// To go on, now or after others.
    GoOn,
    Pause,
    Cancel,
}

struct Entry {
    job: Job,
    wish: Wish,
    /// Ends the work at hand.
    stop: Arc<AtomicBool>,
}

/// A job to carry out now.
pub struct Order {
    pub id: u64,
    pub song: String,
    pub kind: JobKind,
    pub stop: Arc<AtomicBool>,
}

/// The queue as a file.
#[derive(Serialize, Deserialize)]
struct Saved {
    schema_version: u32,
    jobs: Vec<Job>,
}

impl JobPhase {
    fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }

    fn is_under_way(self) -> bool {
        !self.is_over() && !matches!(self, Self::Queued | Self::Paused)
    }
}

impl Entry {
    fn new(job: Job) -> Self {
        Self {
            job,
            wish: Wish::GoOn,
            stop: Arc::new(AtomicBool::new(false)),
        }
    }
}

impl Jobs {
    /// The queue of the folder. A file that can't be read is of another version or damaged; the films are in their run folders.
    pub fn load() -> Self {
        let read = || -> Option<Vec<Job>> {
            let saved: Saved = serde_json::from_slice(&std::fs::read(FILE).ok()?).ok()?;
            (saved.schema_version == SCHEMA_VERSION).then_some(saved.jobs)
        };
        let mut jobs = read().unwrap_or_default();
        for job in &mut jobs {
            if job.phase.is_under_way() {
                job.phase = JobPhase::Queued;
            }
        }
        Self {
            entries: Mutex::new(jobs.into_iter().map(Entry::new).collect()),
            saving: Mutex::new(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All jobs, oldest first.
    pub fn all(&self) -> Vec<Job> {
        self.lock().iter().map(|entry| entry.job.clone()).collect()
    }

    /// Ends the work at hand, which goes on when the program starts again.
    pub fn end(&self) {
        for entry in self.lock().iter() {
            entry.stop.store(true, Ordering::SeqCst);
        }
    }

    /// The job of this kind that isn't over, or a new one; whether it was there.
    fn find_or_add(&self, new: &NewJob) -> (Job, bool) {
        let mut jobs = self.lock();
        let is_same =
            |job: &&Job| job.song == new.song && job.kind == new.kind && !job.phase.is_over();
        if let Some(known) = jobs.iter().map(|entry| &entry.job).find(is_same) {
            return (known.clone(), true);
        }
        let id = jobs.iter().map(|entry| entry.job.id).max().unwrap_or(0) + 1;
        let job = Job {
            id,
            song: new.song.clone(),
            kind: new.kind,
            phase: JobPhase::Queued,
            n_frames: 0,
            n_done: 0,
            frames_per_second: None,
            secs_left: None,
            file: None,
            error: None,
            newest_secs: None,
            notes: Vec::new(),
        };
        jobs.push(Entry::new(job.clone()));
        let is_over = |entry: &Entry| entry.job.phase.is_over();
        if jobs.iter().filter(|entry| is_over(entry)).count() > MAX_OVER
            && let Some(oldest) = jobs.iter().position(is_over)
        {
            jobs.remove(oldest);
        }
        (job, false)
    }

    /// Writes the file.
    fn save(&self) -> Result<()> {
        let _turn = self.saving.lock();
        let saved = Saved {
            schema_version: SCHEMA_VERSION,
            jobs: self.all(),
        };
        let json = serde_json::to_vec_pretty(&saved)
            .map_err(|error| common::Error::internal(format!("can't save the jobs: {error}")))?;
        write_whole(Path::new(FILE), &json)
    }
}

impl Studio {
    /// Puts a job into the queue. The same one that waits, rests or is under way goes on instead, also where it was about to end.
    ///
    /// # Errors
    /// 404 for a song that isn't there; those of writing the queue's file.
    pub fn add_job(self: &Arc<Self>, new: &NewJob) -> Answer<Job> {
        let song = project::find_song(&new.song)?;
        self.open(song.as_str())?;
        let (job, is_known) = self.jobs.find_or_add(new);
        if is_known {
            return self.steer_job(job.id, Steer::Continue);
        }
        self.begin(&job)?;
        Ok(job)
    }

    /// Has a job carried out that waits.
    fn begin(self: &Arc<Self>, job: &Job) -> Answer<()> {
        self.jobs.save()?;
        self.tell_job(job.id);
        match job.kind {
            JobKind::Verify => measuring::start(Arc::clone(self), job.id)?,
            JobKind::Preview => {
                // A first look is wanted at once; the film goes on behind it.
                self.stop_work(|job| job.kind == JobKind::Film);
            }
            JobKind::Film => {}
        }
        if job.kind != JobKind::Verify {
            self.drawing.end_background();
            self.drawing.wake();
        }
        Ok(())
    }

    /// Tells all pages about a job. The queue stays locked until they are told, so that no older state comes behind a newer one.
    fn tell_job(&self, id: u64) {
        let jobs = self.jobs.lock();
        if let Some(entry) = jobs.iter().find(|entry| entry.job.id == id) {
            let job = entry.job.clone();
            self.events.send(&Event::Job { job });
        }
    }

    /// Ends the work at hand for a song's films, which are made anew of what the song is by then.
    pub fn stop_films_of(&self, song: &str) {
        self.stop_work(|job| job.song == song && job.kind != JobKind::Verify);
    }

    /// Ends work at hand, which waits again then.
    fn stop_work(&self, is_meant: impl Fn(&Job) -> bool) {
        for entry in self.jobs.lock().iter() {
            if entry.job.phase.is_under_way() && is_meant(&entry.job) {
                entry.stop.store(true, Ordering::SeqCst);
            }
        }
    }

    /// Opens the songs of jobs that wait since the program ran last, and has measurements carried out.
    pub fn resume_jobs(self: &Arc<Self>) {
        for job in self.jobs.all() {
            if job.phase != JobPhase::Queued {
                continue;
            }
            if let Err(refused) = self.open(&job.song) {
                self.update_job(job.id, |job| {
                    job.phase = JobPhase::Failed;
                    job.error = Some(refused.fault().clone());
                });
            } else if job.kind == JobKind::Verify {
                let _ = measuring::start(Arc::clone(self), job.id);
            }
        }
    }

    /// The film to draw next: previews first, then in the order in which they were asked for. Those whose song is still listened
    /// to wait.
    pub fn next_order(&self) -> Option<Order> {
        let settled: Vec<String> = self
            .songs
            .all()
            .iter()
            .filter(|song| song.lock().is_settled())
            .map(|song| song.name.as_str().to_owned())
            .collect();
        let is_heard = |job: &Job| settled.contains(&job.song);
        let mut jobs = self.jobs.lock();
        let is_due = |entry: &&mut Entry| {
            let job = &entry.job;
            job.phase == JobPhase::Queued && job.kind != JobKind::Verify && is_heard(job)
        };
        let next = jobs
            .iter_mut()
            .filter(is_due)
            .min_by_key(|entry| (entry.job.kind != JobKind::Preview, entry.job.id))?;
        next.job.phase = JobPhase::Preparing;
        next.job.error = None;
        next.job.notes.clear();
        next.wish = Wish::GoOn;
        next.stop.store(false, Ordering::SeqCst);
        let order = Order {
            id: next.job.id,
            song: next.job.song.clone(),
            kind: next.job.kind,
            stop: Arc::clone(&next.stop),
        };
        drop(jobs);
        self.tell_job(order.id);
        Some(order)
    }

    /// The flag that ends a job, and its song.
    pub fn job(&self, id: u64) -> Option<(Job, Arc<AtomicBool>)> {
        let jobs = self.jobs.lock();
        let entry = jobs.iter().find(|entry| entry.job.id == id)?;
        Some((entry.job.clone(), Arc::clone(&entry.stop)))
    }

    /// Changes what is shown of a job and tells the pages.
    pub fn update_job(&self, id: u64, change: impl FnOnce(&mut Job)) {
        let is_new_phase = {
            let mut jobs = self.jobs.lock();
            let Some(entry) = jobs.iter_mut().find(|entry| entry.job.id == id) else {
                return;
            };
            let before = entry.job.phase;
            change(&mut entry.job);
            entry.job.phase != before
        };
        if is_new_phase {
            // A queue that can't be saved is one that a restart doesn't know; the work itself goes on.
            let _ = self.jobs.save();
        }
        self.tell_job(id);
    }

    /// Says how the work on a job ended: done, failed, or interrupted by whoever wanted that.
    pub fn end_job(&self, id: u64, result: Answer<String>, is_interrupted: bool) {
        let jobs = self.jobs.lock();
        let wish = jobs
            .iter()
            .find(|entry| entry.job.id == id)
            .map(|entry| entry.wish);
        drop(jobs);
        self.update_job(id, |job| {
            job.secs_left = None;
            match (result, is_interrupted, wish) {
                (Ok(file), ..) => {
                    job.phase = JobPhase::Done;
                    job.n_done = job.n_frames;
                    job.file = Some(file);
                }
                (Err(_), true, Some(Wish::Pause)) => job.phase = JobPhase::Paused,
                (Err(_), true, Some(Wish::Cancel)) => job.phase = JobPhase::Cancelled,
                (Err(_), true, _) => job.phase = JobPhase::Queued,
                (Err(refused), false, _) => {
                    job.phase = JobPhase::Failed;
                    job.error = Some(refused.fault().clone());
                }
            }
        });
    }

    /// Pauses, continues or cancels a job.
    ///
    /// # Errors
    /// 404 where there is none, 409 where it is over already.
    pub fn steer_job(self: &Arc<Self>, id: u64, steer: Steer) -> Answer<Job> {
        let (job, is_new) = {
            let mut jobs = self.jobs.lock();
            let entry = jobs.iter_mut().find(|entry| entry.job.id == id);
            let entry = entry.ok_or_else(|| Refused::missing(format!("there is no job {id}")))?;
            let phase = entry.job.phase;
            match steer {
                Steer::Pause | Steer::Cancel if phase.is_over() => {
                    return Err(Refused::conflict("the job is over already"));
                }
                Steer::Pause | Steer::Cancel => {
                    let (wish, rests) = match steer {
                        Steer::Pause => (Wish::Pause, JobPhase::Paused),
                        _ => (Wish::Cancel, JobPhase::Cancelled),
                    };
                    entry.wish = wish;
                    entry.stop.store(true, Ordering::SeqCst);
                    if !phase.is_under_way() {
                        entry.job.phase = rests;
                    }
                }
                Steer::Continue if phase == JobPhase::Done => {
                    return Err(Refused::conflict("the job is done already"));
                }
                Steer::Continue => {
                    entry.wish = Wish::GoOn;
                    if phase.is_over() || phase == JobPhase::Paused {
                        entry.job.phase = JobPhase::Queued;
                        entry.job.error = None;
                    }
                }
            }
            (
                entry.job.clone(),
                steer == Steer::Continue && entry.job.phase == JobPhase::Queued,
            )
        };
        if is_new {
            self.open(&job.song)?;
            self.begin(&job)?;
        } else {
            self.jobs.save()?;
            self.tell_job(id);
        }
        Ok(job)
    }
}

/// What a page can do with a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Steer {
    Pause,
    Continue,
    Cancel,
}
