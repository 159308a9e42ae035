//! Songs that come into the folder: streamed to disk, whole or not at all.

use std::io::Write;
use std::path::Path as FilePath;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use common::partial_file::{PartialFile, write_error};
use futures_util::StreamExt;
use serde::Deserialize;
use tokio::sync::mpsc;

use super::Shared;
use crate::studio::answer::{Answer, Refused, blocking, json};
use crate::studio::project::{self, Name};

/// Largest song: three hours of eight channels in 24 bits at 96 kHz are about 25 GB, an hour of stereo is 2 GB at most.
const MAX_SONG_BYTES: u64 = 4 << 30;
/// Bytes that stay free on the disk.
const RESERVE_BYTES: u64 = 256 << 20;
/// Pieces of a body that wait for a slow disk.
const MAX_WAITING: usize = 8;

/// Name of the sample in the folder.
pub const SAMPLE_SONG: &str = "song.flac";
const SAMPLE_PROMPTS: &str = "prompts.txt";
const SAMPLE: [(&str, &[u8]); 2] = [
    (SAMPLE_SONG, include_bytes!("../../../samples/song.flac")),
    (
        SAMPLE_PROMPTS,
        include_bytes!("../../../samples/prompts.txt"),
    ),
];

/// `?as=other.flac`
#[derive(Deserialize)]
pub struct As {
    #[serde(rename = "as")]
    name: Option<String>,
}

/// `PUT /api/songs/{name}`: the body is the file.
pub async fn song(
    State(studio): Shared,
    Path(name): Path<String>,
    Query(other): Query<As>,
    headers: HeaderMap,
    body: Body,
) -> Answer<Response> {
    let name = Name::of_song(other.name.as_deref().unwrap_or(&name))?;
    let length = headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let limit = limit(length)?;
    if !studio.is_free(&name) {
        return Err(taken(&name));
    }
    let path = name.path().to_owned();
    receive(path, limit, body).await?;
    blocking(move || {
        studio.tell_songs();
        let songs = project::songs()?;
        let song = songs.into_iter().find(|song| song.name == name.as_str());
        song.ok_or_else(|| Refused::missing("the song was removed meanwhile"))
    })
    .await
    .map(json)
}

fn taken(name: &Name) -> Refused {
    Refused::conflict(format!("there is a file {:?} already", name.as_str()))
        .with_hint("open that one, or give the new one another name; a copy over it in the folder is noticed, too")
}

/// Bytes that may come; refused at once where the sender says that there are more.
fn limit(length: Option<u64>) -> Answer<u64> {
    let free = fs4::available_space(".").unwrap_or(u64::MAX); // a file system that doesn't tell may still have room
    let limit = MAX_SONG_BYTES.min(free.saturating_sub(RESERVE_BYTES));
    match length.is_some_and(|length| length > limit) {
        true => Err(too_large(limit)),
        false => Ok(limit),
    }
}

fn too_large(limit: u64) -> Refused {
    let message = match limit < MAX_SONG_BYTES {
        true => format!("the disk has room for {:.0} MB", limit as f64 / 1e6),
        false => format!("songs can have {:.1} GB at most", limit as f64 / 1e9),
    };
    Refused::new(StatusCode::PAYLOAD_TOO_LARGE, message)
        .with_hint("put the file into the project folder by hand, or make it smaller: FLAC holds the same sound")
}

/// Writes a body into a new file. One that breaks off leaves nothing behind.
async fn receive(path: std::path::PathBuf, limit: u64, body: Body) -> Answer<()> {
    let (send, mut pieces) = mpsc::channel::<Option<Bytes>>(MAX_WAITING);
    let writer = tokio::spawn(blocking(move || {
        let partial = PartialFile::create(&path)?;
        let mut n_bytes = 0;
        while let Some(piece) = pieces.blocking_recv() {
            let Some(piece) = piece else {
                return Ok(partial.commit_new()?);
            };
            n_bytes += piece.len() as u64;
            if n_bytes > limit {
                return Err(too_large(limit));
            }
            partial
                .file()
                .write_all(&piece)
                .map_err(write_error(&path, None))?;
        }
        Err(Refused::new(
            StatusCode::BAD_REQUEST,
            "the upload broke off",
        ))
    }));
    let mut body = body.into_data_stream();
    while let Some(Ok(piece)) = body
        .next()
        .await
        .map(|piece| piece.map(Some))
        .or(Some(Ok(None)))
    {
        let is_end = piece.is_none();
        // A writer that is gone has said why.
        if send.send(piece).await.is_err() || is_end {
            break;
        }
    }
    drop(send);
    writer.await.unwrap_or_else(|_| {
        Err(Refused::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the upload failed",
        ))
    })
}

/// `POST /api/sample`: puts the sample into the folder.
pub async fn sample(State(studio): Shared) -> Answer<Response> {
    blocking(move || {
        for (name, bytes) in SAMPLE {
            let path = FilePath::new(name);
            // Prompts that are there already are somebody's own.
            if name == SAMPLE_PROMPTS && path.symlink_metadata().is_ok() {
                continue;
            }
            let partial = PartialFile::create(path)?;
            partial
                .file()
                .write_all(bytes)
                .map_err(write_error(path, Some(bytes.len() as u64)))?;
            partial.commit_new()?;
        }
        studio.tell_songs();
        let songs = project::songs()?;
        let song = songs.into_iter().find(|song| song.name == SAMPLE_SONG);
        song.ok_or_else(|| Refused::missing("the sample was removed meanwhile"))
    })
    .await
    .map(json)
}
