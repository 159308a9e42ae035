//! The queue of films, previews and measurements.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::Response;

use super::Shared;
use crate::studio::answer::{Answer, blocking, json, read_json};
use crate::studio::jobs::Steer;
use crate::studio::wire::NewJob;

/// `POST /api/jobs`
pub async fn add(State(studio): Shared, body: Bytes) -> Answer<Response> {
    let new: NewJob = read_json(&body)?;
    blocking(move || studio.add_job(&new)).await.map(json)
}

/// `POST /api/jobs/{id}/pause`
pub async fn pause(state: Shared, id: Path<u64>) -> Answer<Response> {
    steer(state, id, Steer::Pause).await
}

/// `POST /api/jobs/{id}/continue`
pub async fn go_on(state: Shared, id: Path<u64>) -> Answer<Response> {
    steer(state, id, Steer::Continue).await
}

/// `POST /api/jobs/{id}/cancel`
pub async fn cancel(state: Shared, id: Path<u64>) -> Answer<Response> {
    steer(state, id, Steer::Cancel).await
}

async fn steer(State(studio): Shared, Path(id): Path<u64>, steer: Steer) -> Answer<Response> {
    blocking(move || studio.steer_job(id, steer))
        .await
        .map(json)
}
