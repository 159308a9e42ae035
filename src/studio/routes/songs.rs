//! What is known of a song.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::Shared;
use crate::studio::answer::{Answer, Refused, blocking, json};
use crate::studio::command::{command_line, quoted};
use crate::studio::files::serve;
use crate::studio::pictures::{Missed, to_jpeg};
use crate::studio::song::{Inner, Media, OpenSong, Planned};
use crate::studio::wire::CommandLine;
use crate::studio::{Studio, project, views};

/// Status of requests whose client has lost interest, as nginx has it.
const CLIENT_CLOSED: u16 = 499;

/// `GET /api/songs/{name}`
pub async fn song(State(studio): Shared, Path(name): Path<String>) -> Answer<Response> {
    blocking(move || Ok(studio.open(&name)?.view()))
        .await
        .map(json)
}

/// `GET /api/songs/{name}/peaks`
pub async fn peaks(State(studio): Shared, Path(name): Path<String>) -> Answer<Response> {
    let song = blocking(move || studio.open(&name)).await?;
    let media = decoded(&song).await?;
    Ok(bytes(media.peaks.to_vec()))
}

/// `GET /api/songs/{name}/hops`
pub async fn hops(State(studio): Shared, Path(name): Path<String>) -> Answer<Response> {
    let song = blocking(move || studio.open(&name)).await?;
    let heard = song.wait_for(|inner| inner.heard.clone().map(Ok)).await?;
    blocking(move || Ok(views::hops(&heard)?)).await.map(bytes)
}

/// `GET /api/songs/{name}/sound`, also in parts
pub async fn sound(
    State(studio): Shared,
    Path(name): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Answer<Response> {
    let song = blocking(move || studio.open(&name)).await?;
    let media = decoded(&song).await?;
    let hash = song
        .wait_for(|inner| Some(Ok(inner.track.as_ref()?.source_sha256.clone())))
        .await?;
    serve(
        media.sound,
        "audio/wav",
        &format!("\"{hash}\""),
        &headers,
        method == Method::HEAD,
    )
}

/// `GET /api/songs/{name}/plan`: 204 while there is none.
pub async fn plan(State(studio): Shared, Path(name): Path<String>) -> Answer<Response> {
    let planned = planned(studio, name).await?;
    blocking(move || {
        Ok(match planned {
            Some(planned) => json(views::plan(&planned)),
            None => StatusCode::NO_CONTENT.into_response(),
        })
    })
    .await
}

/// `GET /api/songs/{name}/work`: what a film of the newest plan costs; 204 while there is none.
pub async fn work(State(studio): Shared, Path(name): Path<String>) -> Answer<Response> {
    let Some(planned) = planned(Arc::clone(&studio), name).await? else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    blocking(move || {
        let model = &planned.timeline.render.model;
        Ok(views::work(&planned, studio.drawing.frame_ms(model))?)
    })
    .await
    .map(json)
}

/// `GET /api/songs/{name}/command`
pub async fn command(State(studio): Shared, Path(name): Path<String>) -> Answer<Response> {
    blocking(move || {
        let song = studio.open(&name)?;
        let inner = song.lock();
        let prompts = Some(inner.prompts.path()).filter(|_| inner.prompts.is_there());
        let mut words = command_line(song.name.as_str(), prompts, &inner.film);
        if project::film_of(&song.name).is_some() {
            words.push("--force".to_owned());
        }
        Ok(CommandLine {
            command: quoted(&words),
        })
    })
    .await
    .map(json)
}

/// `?at=SECS&slot=S&rev=R`
#[derive(Deserialize)]
pub struct Wish {
    /// Time in the song, in seconds.
    at: f64,
    /// Who asks; a newer wish of the same slot takes its place.
    #[serde(default)]
    slot: String,
    /// Revision of the plan, so that a browser may keep the picture.
    rev: Option<u64>,
}

/// `GET /api/songs/{name}/picture`: the film's frame at a time, as JPEG.
pub async fn picture(
    State(studio): Shared,
    Path(name): Path<String>,
    Query(wish): Query<Wish>,
) -> Answer<Response> {
    let planned = planned(Arc::clone(&studio), name).await?;
    let planned = planned.ok_or_else(|| Refused::conflict("there is no plan to draw from yet"))?;
    let (frame, key) = {
        let planned = Arc::clone(&planned);
        blocking(move || {
            let frame = views::frame_at(&planned, wish.at)?;
            let key = frame.key()?;
            Ok((frame, key))
        })
        .await?
    };
    let kept = studio.drawing.lock().kept.get(&key);
    let picture = match kept {
        Some(picture) => picture,
        None => {
            let asked = studio.drawing.lock().waiting.ask(&wish.slot, frame);
            studio.drawing.wake();
            let drawn = asked
                .await
                .unwrap_or(Err(Missed::Replaced))
                .map_err(missed)?;
            let studio = Arc::clone(&studio);
            blocking(move || {
                let picture = Arc::new(to_jpeg(&drawn)?);
                studio.drawing.lock().kept.put(key, Arc::clone(&picture));
                Ok(picture)
            })
            .await?
        }
    };
    let is_lasting = wish.rev == Some(planned.revision);
    let lines = [
        (header::CONTENT_TYPE, "image/jpeg"),
        (
            header::CACHE_CONTROL,
            if is_lasting {
                "private, max-age=3600, immutable"
            } else {
                "no-store"
            },
        ),
    ];
    Ok((lines, picture.to_vec()).into_response())
}

fn missed(missed: Missed) -> Refused {
    match missed {
        Missed::Failed(fault) => fault.into(),
        Missed::Replaced => match StatusCode::from_u16(CLIENT_CLOSED) {
            Ok(status) => Refused::new(status, "a newer picture was asked for"),
            Err(_) => Refused::conflict("a newer picture was asked for"),
        },
    }
}

/// The newest plan of a song; none while it is made for the first time.
async fn planned(studio: Arc<Studio>, name: String) -> Answer<Option<Arc<Planned>>> {
    blocking(move || {
        let song = studio.open(&name)?;
        let planned = song.lock().plan.clone();
        Ok(planned)
    })
    .await
}

/// The decoded song, once it is there.
async fn decoded(song: &OpenSong) -> Answer<Media> {
    let find = |inner: &Inner| {
        inner
            .media
            .clone()
            .map(|media| media.map_err(Refused::from))
    };
    song.wait_for(find).await
}

/// Numbers for scripts.
fn bytes(bytes: Vec<u8>) -> Response {
    let lines = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (lines, bytes).into_response()
}
