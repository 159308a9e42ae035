//! Changes of a song's texts.

use std::sync::Arc;
use std::time::Duration;

use analysis::{BeatsEdit, edit_fix};
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::Response;
use mapping::Looping;
use mapping::prompts::{self, Placing, PromptsEdit};

use super::Shared;
use crate::studio::Studio;
use crate::studio::answer::{Answer, Refused, blocking, json, read_json};
use crate::studio::settings;
use crate::studio::song::Inner;
use crate::studio::views::start_secs;
use crate::studio::wire::{
    ChangeBeats, ChangePrompts, ChangeSettings, Document, DocumentKind, Undo,
};

/// Longest time that an edit waits for the one before to be heard.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// `POST /api/songs/{name}/beats`
pub async fn beats(
    State(studio): Shared,
    Path(name): Path<String>,
    body: Bytes,
) -> Answer<Response> {
    let change: ChangeBeats = read_json(&body)?;
    let is_typing = matches!(change.edit, BeatsEdit::Text { .. });
    if !is_typing {
        heard(&studio, &name).await?;
    }
    let edit = move |inner: &Inner| edit_beats(inner, &change.edit);
    blocking(move || studio.change(&name, DocumentKind::Beats, &change.base, is_typing, edit))
        .await
        .map(json)
}

/// `POST /api/songs/{name}/prompts`
pub async fn prompts(
    State(studio): Shared,
    Path(name): Path<String>,
    body: Bytes,
) -> Answer<Response> {
    let change: ChangePrompts = read_json(&body)?;
    let is_typing = matches!(change.edit, PromptsEdit::Text { .. });
    let edit = move |inner: &Inner| edit_prompts(inner, &change.edit);
    blocking(move || studio.change(&name, DocumentKind::Prompts, &change.base, is_typing, edit))
        .await
        .map(json)
}

/// `PUT /api/songs/{name}/settings`
pub async fn film(
    State(studio): Shared,
    Path(name): Path<String>,
    body: Bytes,
) -> Answer<Response> {
    let change: ChangeSettings = read_json(&body)?;
    let edit = move |inner: &Inner| {
        // What somebody wrote by hand isn't replaced by what was understood before it.
        inner.check(DocumentKind::Settings)?;
        let changed = settings::change(&inner.film, change.settings)?;
        Ok(settings::to_text(&changed))
    };
    blocking(move || studio.change(&name, DocumentKind::Settings, &change.base, true, edit))
        .await
        .map(json)
}

/// `POST /api/songs/{name}/undo`
pub async fn undo(state: Shared, name: Path<String>, body: Bytes) -> Answer<Response> {
    step_back(state, name, body, false).await
}

/// `POST /api/songs/{name}/redo`
pub async fn redo(state: Shared, name: Path<String>, body: Bytes) -> Answer<Response> {
    step_back(state, name, body, true).await
}

/// Waits until the song is heard with its newest corrections.
async fn heard(studio: &Arc<Studio>, name: &str) -> Answer<()> {
    let (opener, name) = (Arc::clone(studio), name.to_owned());
    let song = blocking(move || opener.open(&name)).await?;
    let is_heard = |inner: &Inner| inner.is_settled().then_some(Ok(()));
    let heard = tokio::time::timeout(MAX_WAIT, song.wait_for(is_heard)).await;
    heard.unwrap_or(Ok(())) // the edit says what is missing
}

async fn step_back(
    State(studio): Shared,
    Path(name): Path<String>,
    body: Bytes,
    is_redo: bool,
) -> Answer<Response> {
    let undo: Undo = match body.is_empty() {
        true => Undo::default(),
        false => read_json(&body)?,
    };
    blocking(move || studio.step_back(&name, undo.document, is_redo))
        .await
        .map(json)
}

/// What is heard must be of the text that the edit starts from: indices count in it.
fn edit_beats(inner: &Inner, edit: &BeatsEdit) -> Answer<String> {
    // What somebody types is kept, whether it can be understood or not; the last good text plays.
    if let BeatsEdit::Text { text } = edit {
        return Ok(text.clone());
    }
    inner.check(DocumentKind::Beats)?;
    let heard = inner
        .heard
        .as_ref()
        .filter(|heard| heard.beats_hash == inner.beats.hash());
    let heard = heard.ok_or_else(|| {
        Refused::conflict("the song is still listened to").with_hint("try again in a moment")
    })?;
    Ok(edit_fix(inner.beats.text(), &heard.analysis, edit)?)
}

fn edit_prompts(inner: &Inner, edit: &PromptsEdit) -> Answer<String> {
    if let PromptsEdit::Text { text } = edit {
        return Ok(text.clone());
    }
    let heard = inner.heard.as_ref();
    let heard = heard.ok_or_else(|| Refused::conflict("the song is still listened to"))?;
    let mut placing = Placing::whole(&heard.analysis, inner.film.knobs.arrive);
    if let Some(plan) = inner
        .plan
        .as_ref()
        .filter(|_| inner.film.looping != Looping::Off)
    {
        let start = start_secs(&plan.timeline);
        placing.span = start..start + plan.timeline.duration_secs;
    }
    Ok(prompts::edit_prompts(
        inner.prompts.path(),
        inner.prompts.text(),
        &placing,
        edit,
    )?)
}

impl Studio {
    /// Changes a text of a song and tells the pages; the new one.
    fn change(
        self: &Arc<Self>,
        name: &str,
        kind: DocumentKind,
        base: &str,
        is_typing: bool,
        edit: impl FnOnce(&Inner) -> Answer<String>,
    ) -> Answer<Document> {
        let song = self.open(name)?;
        let changed = song.update(|inner| {
            inner.change(kind, base, is_typing, edit)?;
            Ok(inner.document(kind))
        });
        self.drawing.end_background();
        self.tell_document(&song, kind);
        changed
    }

    /// Takes a change back, or makes it again; the text that it was in.
    fn step_back(
        self: &Arc<Self>,
        name: &str,
        kind: Option<DocumentKind>,
        is_redo: bool,
    ) -> Answer<Document> {
        let song = self.open(name)?;
        let changed = song.update(|inner| inner.step_back(kind, is_redo))?;
        let nothing = match is_redo {
            true => "there is nothing to make again",
            false => "there is nothing to take back",
        };
        let kind = changed.ok_or_else(|| Refused::conflict(nothing))?;
        self.tell_document(&song, kind);
        let document = song.lock().document(kind);
        Ok(document)
    }
}
