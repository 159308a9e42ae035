//! The songs that are open, and what goes on with them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::StatusCode;

use super::Studio;
use super::answer::{Answer, Refused};
use super::listener;
use super::project::{self, Name};
use super::song::OpenSong;
use super::wire::{DocumentKind, Event, State};

/// Most songs that are open at once; each keeps its decoded sound in a file.
const MAX_OPEN: usize = 32;

/// The songs that are open, by name.
#[derive(Default)]
pub struct Songs(Mutex<BTreeMap<String, Arc<OpenSong>>>);

impl Songs {
    /// All of them, by name.
    pub fn all(&self) -> Vec<Arc<OpenSong>> {
        let songs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        songs.values().cloned().collect()
    }
}

impl Studio {
    /// A song of the folder; listening begins where it isn't open yet.
    ///
    /// # Errors
    /// 404 for one that isn't there, 400 for a name that isn't bare; those of reading its texts.
    pub fn open(self: &Arc<Self>, name: &str) -> Answer<Arc<OpenSong>> {
        let name = project::find_song(name)?;
        let mut songs = self.songs.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(song) = songs.get(name.as_str()) {
            return Ok(Arc::clone(song));
        }
        if songs.len() >= MAX_OPEN {
            return Err(Refused::new(
                StatusCode::SERVICE_UNAVAILABLE,
                format!("{MAX_OPEN} songs are open already"),
            )
            .with_hint("end the program and start it again"));
        }
        let song = Arc::new(OpenSong::new(name.clone())?);
        songs.insert(name.as_str().to_owned(), Arc::clone(&song));
        drop(songs);
        listener::start(Arc::clone(self), Arc::clone(&song))?;
        Ok(song)
    }

    /// Everything that a page shows.
    ///
    /// # Errors
    /// Those of reading the folder.
    pub fn state(&self) -> Answer<State> {
        let songs = project::songs()?;
        let is_there = |name: &str| songs.iter().any(|song| song.name == name);
        Ok(State {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            folder: project::folder_name(),
            sample_available: !is_there(super::routes::SAMPLE_SONG),
            songs,
            model: self.model_view(),
            jobs: self.jobs.all(),
            open: self.songs.all().iter().map(|song| song.view()).collect(),
        })
    }

    /// The state where the folder can't be read.
    pub fn empty_state(&self) -> State {
        State {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            folder: project::folder_name(),
            songs: Vec::new(),
            model: self.model_view(),
            jobs: self.jobs.all(),
            open: Vec::new(),
            sample_available: false,
        }
    }

    /// Tells all pages about a song. It stays locked until they are told, so that no older state comes behind a newer one.
    pub fn tell_song(&self, song: &OpenSong) {
        let inner = song.lock();
        self.events.send(&Event::Song {
            song: Box::new(inner.view(&song.name)),
        });
    }

    /// Tells all pages about a text, as [`tell_song`](Self::tell_song) does.
    pub fn tell_document(&self, song: &OpenSong, kind: DocumentKind) {
        let inner = song.lock();
        self.events.send(&Event::Document {
            song: song.name.as_str().to_owned(),
            document: inner.document(kind),
        });
    }

    /// Tells all pages which songs are there.
    pub fn tell_songs(&self) {
        if let Ok(songs) = project::songs() {
            self.events.send(&Event::Songs { songs });
        }
    }

    /// A name that no file in the folder has yet.
    pub fn is_free(&self, name: &Name) -> bool {
        name.path().symlink_metadata().is_err()
    }
}
