//! Requests to answers. A handler reads the request, calls the studio on a thread that may wait, and answers JSON or bytes.

mod films;
mod jobs;
mod songs;
mod texts;
mod upload;

pub use upload::SAMPLE_SONG;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use common::text_file::MAX_FILE_BYTES;
use futures_util::FutureExt;

use super::Studio;
use super::answer::{Answer, Refused, blocking, json};
use super::assets;
use super::security::{Guard, guard};
use super::wire::Event;

/// Most bytes of a request's body, uploads aside: the longest text, with every letter escaped.
const MAX_BODY: usize = 6 * MAX_FILE_BYTES + 4096;

/// What handlers get.
type Shared = State<Arc<Studio>>;

/// All routes, behind the guard.
pub fn all(studio: Arc<Studio>, who: Arc<Guard>) -> Router {
    Router::new()
        .route("/", get(|| async { assets::serve("index.html") }))
        .route(
            "/assets/{*path}",
            get(|Path(path): Path<String>| async move { assets::serve(&path) }),
        )
        .route("/api/state", get(state))
        .route("/api/events", get(events))
        .route("/api/sample", post(upload::sample))
        .route("/api/songs/{name}", get(songs::song))
        .route("/api/songs/{name}/peaks", get(songs::peaks))
        .route("/api/songs/{name}/hops", get(songs::hops))
        .route("/api/songs/{name}/sound", get(songs::sound))
        .route("/api/songs/{name}/plan", get(songs::plan))
        .route("/api/songs/{name}/picture", get(songs::picture))
        .route("/api/songs/{name}/work", get(songs::work))
        .route("/api/songs/{name}/command", get(songs::command))
        .route("/api/songs/{name}/beats", post(texts::beats))
        .route("/api/songs/{name}/prompts", post(texts::prompts))
        .route("/api/songs/{name}/settings", put(texts::film))
        .route("/api/songs/{name}/undo", post(texts::undo))
        .route("/api/songs/{name}/redo", post(texts::redo))
        .route("/api/jobs", post(jobs::add))
        .route("/api/jobs/{id}/pause", post(jobs::pause))
        .route("/api/jobs/{id}/continue", post(jobs::go_on))
        .route("/api/jobs/{id}/cancel", post(jobs::cancel))
        .route("/api/films/{file}", get(films::film))
        .route("/api/films/{file}/timeline", get(films::timeline))
        .route("/api/films/{file}/verify", get(films::verify))
        .route("/api/films/{file}/plot.svg", get(films::plot))
        .route("/api/films/{file}/sheet.png", get(films::sheet))
        .route("/api/files/{name}", get(films::file))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .route(
            "/api/songs/{name}",
            put(upload::song).layer(DefaultBodyLimit::disable()),
        )
        .fallback(|| async { Refused::missing("there is nothing at this address") })
        .method_not_allowed_fallback(|| async {
            Refused::new(
                axum::http::StatusCode::METHOD_NOT_ALLOWED,
                "this can't be done at this address",
            )
        })
        .layer(from_fn_with_state(who, guard))
        .with_state(studio)
}

async fn state(State(studio): Shared) -> Answer<Response> {
    blocking(move || studio.state()).await.map(json)
}

async fn events(State(studio): Shared) -> Response {
    let shared = Arc::clone(&studio);
    let whole = move || {
        let (studio, shared) = (Arc::clone(&shared), Arc::clone(&shared));
        let state = async move {
            let state = blocking(move || studio.state()).await;
            Event::State {
                state: Box::new(state.unwrap_or_else(|_| shared.empty_state())),
            }
        };
        state.boxed()
    };
    studio.events.stream(Box::new(whole)).into_response()
}
