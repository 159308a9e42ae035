//! The model that settings ask for: found once, downloaded where it is of the hub and missing.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use common::Result;
use diffusion::BUNDLED_NAME;
use diffusion::hub::DownloadEvent;
use timeline::DiffusionConfig;

use super::Studio;
use super::answer::{Answer, Refused};
use super::song::{Heard, OpenSong};
use super::wire::Model;
use crate::pipeline::{Event, Watch};
use crate::request::{OpenModel, Request, Settings};

/// Time between two messages about a download.
const INTERVAL: Duration = Duration::from_millis(500);

/// What is asked for: the model's name, and what is put on top of it.
type Asked = (String, DiffusionConfig);

/// The model that was asked for last.
#[derive(Default)]
pub struct Models(Mutex<Option<(Asked, OpenModel)>>);

impl Models {
    fn of(&self, asked: &Asked) -> Option<OpenModel> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = last.as_ref().filter(|(known, _)| known == asked);
        known.map(|(_, model)| model.clone())
    }

    fn put(&self, asked: Asked, model: OpenModel) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((asked, model));
    }

    fn name(&self) -> String {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let name = last.as_ref().map(|((name, _), _)| name.clone());
        name.unwrap_or_else(|| BUNDLED_NAME.to_owned())
    }
}

impl Studio {
    /// What a page sees of the model.
    pub fn model_view(&self) -> Model {
        let name = self.models.name();
        Model {
            is_bundled: name == BUNDLED_NAME,
            frame_ms: self.drawing.frame_ms(&name),
            name,
        }
    }

    /// The model that settings of a song ask for; its page sees the download among the song's notes.
    ///
    /// # Errors
    /// Those of opening it; [`Interrupted`](common::Error::Interrupted) when the studio ends.
    pub fn model_of(&self, song: &OpenSong, settings: &Settings) -> Result<OpenModel> {
        let asked = (settings.model.clone(), settings.diffusion.clone());
        if let Some(model) = self.models.of(&asked) {
            return Ok(model);
        }
        let mut told: Option<Instant> = None;
        let mut watch = Watch {
            observe: &mut |event| {
                let Event::Download(download) = event else {
                    return;
                };
                let is_progress = matches!(download, DownloadEvent::Bytes { .. });
                if !is_progress || told.is_none_or(|told| told.elapsed() >= INTERVAL) {
                    told = Some(Instant::now());
                    song.update(|inner| inner.download = note_of(&download));
                    self.tell_song(song);
                }
            },
            stop: &self.stop,
        };
        let model = OpenModel::open(settings, &self.machine.store, &mut watch);
        song.update(|inner| inner.download = None);
        let model = model?;
        self.models.put(asked, model.clone());
        Ok(model)
    }

    /// What a film of the newest texts is made from, and what was heard.
    ///
    /// # Errors
    /// The error of a text that can't be understood; those of opening the model.
    pub fn request(&self, song: &OpenSong, is_preview: bool) -> Answer<(Request, Arc<Heard>)> {
        let (track, script, settings, heard) = {
            let mut inner = song.lock();
            inner.understood()?;
            if let Some(error) = &inner.error {
                return Err(error.clone().into());
            }
            let parts = (
                inner.track.clone(),
                inner.script.clone(),
                inner.heard.clone(),
            );
            match parts {
                (Some(track), Some(script), Some(heard)) if inner.is_heard() => {
                    (track, script, inner.film.clone(), heard)
                }
                _ => return Err(Refused::conflict("the song is still listened to")),
            }
        };
        let settings = Settings {
            preview: is_preview,
            ..settings
        };
        let model = self.model_of(song, &settings)?;
        let request = Request::of(track, (*script).clone(), &model, &settings)?;
        Ok((request, heard))
    }
}

/// A download in words; none when it is over.
fn note_of(download: &DownloadEvent<'_>) -> Option<String> {
    let megabytes = |n: u64| n as f64 / 1e6;
    match download {
        DownloadEvent::Begin {
            id,
            n_files,
            n_bytes,
        } => Some(format!(
            "loading {id} from the hub: {n_files} files, {:.0} MB",
            megabytes(*n_bytes)
        )),
        DownloadEvent::Bytes {
            name,
            n_done,
            n_bytes,
        } => Some(format!(
            "loading {name}: {:.0} of {:.0} MB",
            megabytes(*n_done),
            megabytes(*n_bytes)
        )),
        DownloadEvent::Waiting { name } => {
            Some(format!("another program is loading {name}; waiting for it"))
        }
        DownloadEvent::Done => None,
    }
}
