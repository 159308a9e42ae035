//! An open song: its texts, what is heard in it, and the plan of its film.
//!
//! Changes come from requests; listening and planning are done by a thread of the song's own (`listener.rs`), which takes the
//! newest texts each time, so that no number of changes makes a queue.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use analysis::{Analysis, AnalysisConfig};
use audio::Track;
use common::{Error, Result};
use diffusion::Vocabulary;
use mapping::prompts::Script;
use timeline::Timeline;
use tokio::sync::watch;

use super::answer::Answer;
use super::documents::Document;
use super::project::{Name, Stamp};
use super::sound::Sound;
use super::wire::{self, DocumentKind, Fault, SongPhase};
use crate::request::{Request, Settings};

/// Time between two looks for texts that others write.
const LOOK: Duration = Duration::from_millis(300);

/// A song that a page or a job has opened.
pub struct OpenSong {
    /// The song's file.
    pub name: Name,
    inner: Mutex<Inner>,
    /// Wakes the listener.
    wake: Condvar,
    /// Counts up with everything that becomes known, for requests that wait for it.
    version: watch::Sender<u64>,
}

/// What is known of a song. Texts that can't be understood leave the last good values in place.
pub struct Inner {
    /// The song's file when it was opened last.
    pub file: Option<Stamp>,
    pub phase: SongPhase,
    pub progress: Option<f64>,
    pub error: Option<Fault>,
    pub track: Option<Track>,
    /// The song for the player; a fault where it couldn't be decoded or kept.
    pub media: Option<Result<Media, Fault>>,
    pub heard: Option<Arc<Heard>>,
    pub beats: Document,
    pub prompts: Document,
    pub settings: Document,
    pub beats_error: Option<Fault>,
    pub prompts_error: Option<Fault>,
    /// What of the prompts doesn't fit the song.
    pub fit_error: Option<Fault>,
    pub settings_error: Option<Fault>,
    pub script: Option<Arc<Script>>,
    /// Hash of the prompts' text that the script was read from.
    pub script_hash: String,
    pub film: Settings,
    /// What is said of the model's download, while there is one.
    pub download: Option<String>,
    /// Words of the model, where it tells them.
    pub vocabulary: Option<Arc<Vocabulary>>,
    pub plan: Option<Arc<Planned>>,
    pub plan_error: Option<Fault>,
    pub todo: Todo,
    /// The newest revision. Revisions count on from the time at which the song was opened, so that a page and its browser never take
    /// what an earlier run of the program told or drew for the same.
    pub n_revisions: u64,
}

/// What the listener has to do.
#[derive(Clone, Debug, Default)]
pub struct Todo {
    pub hear: bool,
    pub plan: bool,
    /// Texts that others have written, which the pages don't know yet.
    pub changed_outside: Vec<DocumentKind>,
}

/// A decoded song.
#[derive(Clone)]
pub struct Media {
    pub sound: Arc<Sound>,
    pub peaks: Arc<Vec<u8>>,
}

/// What was heard.
pub struct Heard {
    pub revision: u64,
    pub analysis: Analysis,
    /// Hash of the corrections that it goes by.
    pub beats_hash: String,
    /// The settings that it goes by.
    pub config: AnalysisConfig,
}

/// The film on paper.
pub struct Planned {
    pub revision: u64,
    pub heard: Arc<Heard>,
    pub request: Arc<Request>,
    pub timeline: Arc<Timeline>,
    /// Whether its pictures are the film's.
    pub is_calibrated: bool,
    /// Hash of the prompts' text that it is of.
    pub script_hash: String,
    /// When each prompt of the script arrives, in seconds of the song.
    pub arrivals: Vec<f64>,
    pub notes: Vec<String>,
    pub made: Instant,
    /// Whether its calibration failed, so that it isn't tried again.
    failed: AtomicBool,
}

impl Planned {
    /// A plan that was just made.
    pub fn new(
        heard: Arc<Heard>,
        request: Request,
        (timeline, is_calibrated): (Timeline, bool),
        script_hash: String,
        arrivals: Vec<f64>,
        notes: Vec<String>,
    ) -> Self {
        Self {
            revision: 0,
            heard,
            request: Arc::new(request),
            timeline: Arc::new(timeline),
            is_calibrated,
            script_hash,
            arrivals,
            notes,
            made: Instant::now(),
            failed: AtomicBool::new(false),
        }
    }

    /// The same plan with its number.
    #[must_use]
    pub fn numbered(self, revision: u64) -> Self {
        Self { revision, ..self }
    }

    /// The same plan after its pictures were measured.
    #[must_use]
    pub fn calibrated(&self, revision: u64, timeline: Timeline) -> Self {
        Self {
            revision,
            heard: Arc::clone(&self.heard),
            request: Arc::clone(&self.request),
            timeline: Arc::new(timeline),
            is_calibrated: true,
            script_hash: self.script_hash.clone(),
            arrivals: self.arrivals.clone(),
            notes: self.notes.clone(),
            made: Instant::now(),
            failed: AtomicBool::new(false),
        }
    }

    /// Says that its calibration failed.
    pub fn fail(&self) {
        self.failed.store(true, Ordering::SeqCst);
    }

    /// Whether its calibration failed.
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::SeqCst)
    }
}

/// Time since 1970; none on a machine whose clock is before that.
fn since_1970() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

impl OpenSong {
    /// Opens the texts of a song; its sound is opened by the listener.
    ///
    /// # Errors
    /// Those of reading.
    pub fn new(name: Name) -> Result<Self> {
        let substitute = Script::BUILT_IN.to_owned();
        let open = |kind, path, substitute| Document::open(kind, path, substitute);
        let mut inner = Inner {
            file: None,
            phase: SongPhase::Analyzing,
            progress: None,
            error: None,
            track: None,
            media: None,
            heard: None,
            beats: open(DocumentKind::Beats, name.beats_file(), String::new())?,
            prompts: open(DocumentKind::Prompts, name.prompts_file(), substitute)?,
            settings: open(DocumentKind::Settings, name.settings_file(), String::new())?,
            beats_error: None,
            prompts_error: None,
            fit_error: None,
            settings_error: None,
            script: None,
            script_hash: String::new(),
            film: Settings::default(),
            download: None,
            vocabulary: None,
            plan: None,
            plan_error: None,
            todo: Todo::default(),
            n_revisions: since_1970().as_millis() as u64,
        };
        inner.read_settings();
        inner.read_prompts();
        Ok(Self {
            name,
            inner: Mutex::new(inner),
            wake: Condvar::new(),
            version: watch::Sender::new(0),
        })
    }

    /// What is known now.
    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is known and tells those who wait for it.
    pub fn update<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        let changed = change(&mut self.lock());
        self.wake.notify_all();
        self.version.send_modify(|version| *version += 1);
        changed
    }

    /// Waits until there is something to do; takes it. None when the song's file was replaced, or `is_over`. Meanwhile it looks for
    /// texts that others write.
    pub fn next_todo(&self, is_over: impl Fn() -> bool) -> Option<Todo> {
        let mut inner = self.lock();
        loop {
            if is_over() || inner.is_replaced(&self.name) {
                return None;
            }
            let todo = &inner.todo;
            if todo.hear || todo.plan || !todo.changed_outside.is_empty() {
                return Some(std::mem::take(&mut inner.todo));
            }
            let waited = self.wake.wait_timeout(inner, LOOK);
            inner = waited.unwrap_or_else(PoisonError::into_inner).0;
            inner.look_outside();
        }
    }

    /// Waits until the song's file is replaced, or `is_over`.
    pub fn wait_for_another_file(&self, is_over: impl Fn() -> bool) {
        while !is_over() && !self.lock().is_replaced(&self.name) {
            std::thread::sleep(LOOK);
        }
    }

    /// Waits until `find` finds what it looks for, or the song fails.
    ///
    /// # Errors
    /// Why the song failed.
    pub async fn wait_for<T>(&self, find: impl Fn(&Inner) -> Option<Answer<T>>) -> Answer<T> {
        let mut version = self.version.subscribe();
        loop {
            version.mark_unchanged();
            {
                let inner = self.lock();
                if let Some(found) = find(&inner) {
                    return found;
                }
                if inner.phase == SongPhase::Failed {
                    let unknown = || Fault {
                        message: "the song can't be used".to_owned(),
                        hint: None,
                        place: None,
                    };
                    return Err(inner.error.clone().unwrap_or_else(unknown).into());
                }
            }
            if version.changed().await.is_err() {
                return Err(Error::Interrupted.into());
            }
        }
    }

    /// What a page sees of it.
    pub fn view(&self) -> wire::Song {
        self.lock().view(&self.name)
    }
}
