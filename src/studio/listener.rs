//! The thread of an open song: decodes it for the player, hears it, plans its film, and again after each change.

use std::sync::Arc;
use std::time::{Duration, Instant};

use analysis::{Hearing, analyze_kept};
use audio::Track;
use common::{Error, Result};
use timeline::RunFolder;

use super::Studio;
use super::answer::fault;
use super::project::stamp_of;
use super::song::{Heard, Inner, Media, OpenSong, Planned};
use super::sound;
use super::views;
use super::wire::{DocumentKind, Event, SongPhase};
use crate::pipeline::{self, Watch};
use crate::request::Request;

/// Time between two messages about progress.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// Starts the thread.
///
/// # Errors
/// [`Error::Limit`] where the system has no more threads.
pub fn start(studio: Arc<Studio>, song: Arc<OpenSong>) -> Result<()> {
    let thread = std::thread::Builder::new().name(format!("hear {}", song.name.as_str()));
    let started = thread.spawn(move || attend(&studio, &song));
    started.map(|_| ()).map_err(|error| Error::Limit {
        reason: format!("can't start a thread for the song: {error}"),
        hint: None,
    })
}

/// Listens to a song, and anew whenever its file is replaced.
fn attend(studio: &Arc<Studio>, song: &Arc<OpenSong>) {
    while !studio.is_over() {
        let file = stamp_of(song.name.path());
        song.update(|inner| inner.forget_sound(file));
        studio.tell_song(song);
        if let Err(error) = listen(studio, song) {
            song.update(|inner| {
                inner.phase = SongPhase::Failed;
                inner.error = Some(fault(&error));
            });
            studio.tell_song(song);
        }
        song.wait_for_another_file(|| studio.is_over());
        studio.stop_films_of(song.name.as_str());
    }
}

/// Opens the song's file, hears it and plans its film, and again after each change, until the file is replaced.
fn listen(studio: &Arc<Studio>, song: &Arc<OpenSong>) -> Result<()> {
    let track = Track::open(song.name.path())?;
    song.update(|inner| {
        inner.track = Some(track.clone());
        inner.check_beats();
    });
    studio.tell_song(song);
    std::thread::scope(|scope| {
        scope.spawn(|| decode(studio, song, &track));
        let mut kept = None;
        while let Some(todo) = song.next_todo(|| studio.is_over()) {
            for kind in todo.changed_outside {
                studio.tell_document(song, kind);
            }
            if todo.hear {
                hear(studio, song, &track, &mut kept)?;
            }
            if todo.plan || todo.hear {
                plan(studio, song, &track);
            }
        }
        Ok(())
    })
}

/// Decodes the song for the player.
fn decode(studio: &Studio, song: &OpenSong, track: &Track) {
    let decoded = sound::decode(track, &mut || match studio.is_over() {
        true => Err(Error::Interrupted),
        false => Ok(()),
    });
    let media = decoded.map(|(sound, peaks)| Media {
        sound: Arc::new(sound),
        peaks: Arc::new(peaks.to_bytes(track.sample_rate_hz)),
    });
    song.update(|inner| inner.media = Some(media.map_err(|error| fault(&error))));
}

/// Hears the song with its corrections. Corrections that can't be understood leave what was heard before; where nothing was, the
/// song is heard without them.
fn hear(studio: &Studio, song: &OpenSong, track: &Track, kept: &mut Option<Hearing>) -> Result<()> {
    let (config, beats_hash, is_first) = {
        let inner = song.lock();
        let mut config = inner.film.analysis_of(&track.path);
        let is_first = inner.heard.is_none();
        if is_first && inner.beats_error.is_some() {
            config.fix_path = None;
        }
        (config, inner.beats.hash().to_owned(), is_first)
    };
    let mut told = Instant::now();
    let found = analyze_kept(track, &config, kept, &mut |share| {
        if studio.is_over() {
            return Err(Error::Interrupted);
        }
        if told.elapsed() >= PROGRESS_INTERVAL {
            told = Instant::now();
            song.lock().progress = Some(share);
            studio.tell_song(song);
        }
        Ok(())
    });
    let analysis = match found {
        Ok(analysis) => analysis,
        Err(error) if is_first => return Err(error),
        Err(error) => {
            song.update(|inner| inner.beats_error = Some(fault(&error)));
            studio.tell_song(song);
            return Ok(());
        }
    };
    let heard = song.update(|inner| {
        let revision = inner.next_revision();
        let heard = Arc::new(Heard {
            revision,
            analysis,
            beats_hash,
            config,
        });
        inner.heard = Some(Arc::clone(&heard));
        inner.phase = SongPhase::Ready;
        inner.progress = None;
        heard
    });
    match is_first {
        true => studio.tell_song(song),
        false => studio.events.send(&Event::Analysis {
            song: song.name.as_str().to_owned(),
            analysis: views::analysis(&heard),
        }),
    }
    Ok(())
}

/// Plans the film of the newest texts. Where that can't be done, the plan before stays, and the pages are told why.
fn plan(studio: &Studio, song: &OpenSong, track: &Track) {
    studio.drawing.end_background();
    let planned = compose(studio, song, track);
    let (revision, is_calibrated, has_other_words) = match planned {
        Ok(planned) => {
            let is_calibrated = planned.is_calibrated;
            let vocabulary = planned
                .request
                .model
                .vocabulary()
                .ok()
                .flatten()
                .map(Arc::new);
            song.update(|inner| {
                let has_other_words = inner.vocabulary.is_some() != vocabulary.is_some();
                let did_not_fit = inner.fit_error.take().is_some();
                inner.vocabulary = vocabulary;
                inner.plan_error = None;
                let revision = inner.next_revision();
                inner.plan = Some(Arc::new(planned.numbered(revision)));
                (revision, is_calibrated, has_other_words || did_not_fit)
            })
        }
        Err(error) => {
            song.update(|inner| put_error(inner, &error));
            return studio.tell_song(song);
        }
    };
    if has_other_words {
        studio.tell_document(song, DocumentKind::Prompts);
    }
    studio.events.send(&Event::Plan {
        song: song.name.as_str().to_owned(),
        revision,
        is_calibrated,
    });
    studio.drawing.wake();
}

/// An error of planning; that of a text is shown in the text.
fn put_error(inner: &mut Inner, error: &Error) {
    let is_of_prompts = matches!(error, Error::Text(text) if text.path == inner.prompts.path());
    inner.fit_error = is_of_prompts.then(|| fault(error));
    inner.plan_error = Some(fault(error));
}

fn compose(studio: &Studio, song: &OpenSong, track: &Track) -> Result<Planned> {
    let (script, script_hash, settings, heard) = {
        let inner = song.lock();
        (
            inner.script.clone(),
            inner.script_hash.clone(),
            inner.film.clone(),
            inner.heard.clone(),
        )
    };
    let (Some(script), Some(heard)) = (script, heard) else {
        return Err(
            Error::input(track.path.clone(), "its prompts can't be understood")
                .with_hint("correct them in the text view"),
        );
    };
    let model = studio.model_of(song, &settings)?;
    let request = Request::of(track.clone(), (*script).clone(), &model, &settings)?;
    let folder = RunFolder::beside(&song.name.film(settings.encoding.codec));
    let mut notes = Vec::new();
    let mut watch = Watch {
        observe: &mut |event| {
            if let pipeline::Event::Note(note) = event {
                notes.push(note.to_owned());
            }
        },
        stop: &studio.stop,
    };
    let planned = pipeline::plan_undrawn(&heard.analysis, &request, &folder, &mut watch)?;
    let arrivals = views::arrivals(&script, &heard, &request, &planned.0)?;
    Ok(Planned::new(
        heard,
        request,
        planned,
        script_hash,
        arrivals,
        notes,
    ))
}
