//! `visualize studio`: a page in the browser that shows a song, corrects what was heard, places prompts, draws and renders.
//!
//! The page is a view of files that the command line reads as well: corrections, prompts and settings beside the song. The server
//! adds no defaults and no stage. It builds [`Settings`](crate::request::Settings), calls the [`pipeline`](crate::pipeline), and
//! tells every page what happens.
//!
//! ```text
//! page ──changes──▶ documents ──▶ listener: hears, plans ──▶ drawing: pictures, calibrations, films
//!   ▲                                     │                            │
//!   └──────────── events ◀────────────────┴────────────────────────────┘
//! ```
//!
//! | file | task |
//! |---|---|
//! | `wire/` | what crosses the wire; the page's types are generated from it |
//! | `security.rs` | who may talk to the server |
//! | `answer.rs` | what handlers answer |
//! | `events.rs` | what is told to every page |
//! | `project.rs` | the folder and the names in it |
//! | `documents.rs`, `settings.rs` | texts beside a song, with undo |
//! | `song.rs`, `inner.rs`, `listener.rs` | an open song, its texts, and the thread that hears and plans it |
//! | `songs.rs` | the songs that are open |
//! | `drawing.rs`, `pictures.rs` | the thread that draws, and the pictures that pages want |
//! | `jobs.rs`, `making.rs`, `measuring.rs` | the queue of films, previews and measurements, and how they are made |
//! | `models.rs` | the model that settings ask for |
//! | `command.rs` | settings as a command line |
//! | `sound.rs`, `peaks.rs` | the song for the player, and its waveform |
//! | `views.rs` | what is known, as it crosses the wire |
//! | `files.rs` | files in parts |
//! | `assets.rs` | the page's files, in the program |
//! | `routes/` | requests to answers |

mod answer;
mod assets;
mod command;
mod documents;
mod drawing;
mod events;
mod files;
mod inner;
mod jobs;
mod listener;
mod making;
mod measuring;
mod models;
mod peaks;
mod pictures;
mod project;
mod routes;
mod security;
mod settings;
mod song;
mod songs;
mod sound;
mod views;
mod wire;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::{Error, Result};
use tokio::net::TcpListener;

pub use self::command::command_line;
use self::drawing::Drawing;
use self::events::Events;
use self::jobs::Jobs;
use self::measuring::Measured;
use self::models::Models;
use self::security::Guard;
use self::songs::Songs;
use crate::pipeline::Machine;

/// Ports that are tried, from the one that was asked for.
const N_PORTS: u16 = 100;
/// Time between two looks at the flag that ends the server.
const LOOK: Duration = Duration::from_millis(50);
/// Time between two looks at the folder.
const FOLDER_LOOK: Duration = Duration::from_secs(2);
/// Time that open requests get to end once the server ends.
const FAREWELL: Duration = Duration::from_millis(300);

/// What a studio is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Port of the page, or the next free one.
    pub port: u16,
    /// A song of the current folder to open at once.
    pub song: Option<String>,
    /// Where frames are drawn.
    pub machine: Machine,
}

/// All that handlers share.
struct Studio {
    events: Events,
    songs: Songs,
    jobs: Jobs,
    drawing: Drawing,
    measured: Measured,
    machine: Machine,
    models: Models,
    /// Raised when the server ends.
    stop: Arc<AtomicBool>,
}

/// Serves the studio of the current folder until `stop` is raised. `ready` gets the link that opens the page.
///
/// # Errors
/// [`Error::Limit`] where no port is free, or another studio has the folder open; those of `ready`.
pub fn serve(
    options: Options,
    stop: Arc<AtomicBool>,
    ready: impl FnOnce(&str) -> Result<()>,
) -> Result<()> {
    let _lock = project::lock()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("studio")
        .enable_all()
        .build()
        .map_err(Error::io("start", "the threads of the studio"))?;
    let studio = Arc::new(Studio {
        events: Events::new(),
        songs: Songs::default(),
        jobs: Jobs::load(),
        drawing: Drawing::default(),
        measured: Measured::default(),
        models: Models::default(),
        machine: options.machine,
        stop,
    });
    let mut drawing = None;
    let served = runtime.block_on(async {
        let (listener, port) = bind(options.port).await?;
        let guard = Arc::new(Guard::new(port)?);
        if let Some(song) = options.song {
            // A song that can't be opened is shown with its error.
            let _ = studio.open(&song);
        }
        drawing = Some(drawing::start(Arc::clone(&studio))?);
        studio.resume_jobs();
        ready(&guard.link())?;
        run(listener, Arc::clone(&studio), guard).await
    });
    studio.end();
    // The chunk at hand ends with its batch; whoever raised the flag ends the program where that takes long.
    if let Some(drawing) = drawing {
        let _ = drawing.join();
    }
    runtime.shutdown_timeout(FAREWELL);
    served
}

/// The port that was asked for, or the next free one.
async fn bind(first: u16) -> Result<(TcpListener, u16)> {
    for port in (first..=u16::MAX).take(usize::from(N_PORTS)) {
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            return Ok((listener, port));
        }
    }
    Err(Error::Limit {
        reason: format!("none of the {N_PORTS} ports from {first} on is free"),
        hint: Some("give another one with `port`".to_owned()),
    })
}

/// Answers requests until the flag is raised; open streams end then.
async fn run(listener: TcpListener, studio: Arc<Studio>, guard: Arc<Guard>) -> Result<()> {
    let routes = routes::all(Arc::clone(&studio), guard);
    tokio::spawn(watch_folder(Arc::clone(&studio)));
    let until_stopped = {
        let studio = Arc::clone(&studio);
        async move {
            while !studio.is_over() {
                tokio::time::sleep(LOOK).await;
            }
            studio.end();
        }
    };
    let server = axum::serve(listener, routes).with_graceful_shutdown(until_stopped);
    let stopped = async {
        while !studio.is_over() {
            tokio::time::sleep(LOOK).await;
        }
        tokio::time::sleep(FAREWELL).await;
    };
    tokio::select! {
        served = server => served.map_err(Error::io("serve", "the page")),
        () = stopped => Ok(()),
    }
}

/// Tells the pages which songs are there whenever any came or went.
async fn watch_folder(studio: Arc<Studio>) {
    let mut known = None;
    while !studio.is_over() {
        let shared = Arc::clone(&studio);
        let seen = tokio::task::spawn_blocking(move || {
            let stamps = project::stamps();
            if known.as_ref().is_some_and(|known| *known != stamps) {
                shared.tell_songs();
            }
            stamps
        });
        known = seen.await.ok();
        tokio::time::sleep(FOLDER_LOOK).await;
    }
}

impl Studio {
    /// Whether the server ends.
    fn is_over(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    /// Ends everything that goes on.
    fn end(&self) {
        self.stop.store(true, Ordering::SeqCst);
        self.jobs.end();
        self.drawing.end_background();
        self.drawing.wake();
        self.events.end();
    }
}
