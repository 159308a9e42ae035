//! Finished films, what was measured in them, and other files to take away.

use std::fs::File;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use common::percent;
use serde::Deserialize;

use super::Shared;
use crate::provenance;
use crate::studio::Studio;
use crate::studio::answer::{Answer, Refused, blocking};
use crate::studio::files::{FileSource, serve};
use crate::studio::measuring::Findings;
use crate::studio::project::{self, Name, is_our_film};

/// `?download=1`
#[derive(Deserialize)]
pub struct Download {
    #[serde(default)]
    download: u8,
}

/// `GET /api/films/{file}`, also in parts
pub async fn film(
    Path(name): Path<String>,
    Query(query): Query<Download>,
    method: Method,
    headers: HeaderMap,
) -> Answer<Response> {
    let (name, source, etag) = blocking(move || {
        let name = find_film(&name)?;
        let (source, etag) = open(&name)?;
        Ok((name, source, etag))
    })
    .await?;
    let media_type = match name.as_str().to_ascii_lowercase().ends_with(".mov") {
        true => "video/quicktime",
        false => "video/mp4",
    };
    let mut response = serve(
        Arc::new(source),
        media_type,
        &etag,
        &headers,
        method == Method::HEAD,
    )?;
    if query.download > 0 {
        attach(&mut response, name.as_str());
    }
    Ok(response)
}

/// `GET /api/films/{file}/timeline`
pub async fn timeline(Path(name): Path<String>) -> Answer<Response> {
    let (name, json) = blocking(move || {
        let name = find_film(&name)?;
        let mut json = Vec::new();
        provenance::timeline_of(name.path())?
            .write_json(&mut json)
            .map_err(common::Error::io("write", "the timeline"))?;
        Ok((name, json))
    })
    .await?;
    let mut response = ([(header::CONTENT_TYPE, "application/json")], json).into_response();
    let stem = name
        .as_str()
        .rsplit_once('.')
        .map_or(name.as_str(), |(stem, _)| stem);
    attach(&mut response, &format!("{stem}.json"));
    Ok(response)
}

/// `GET /api/films/{file}/verify`: 204 while the film isn't measured.
pub async fn verify(state: Shared, name: Path<String>) -> Answer<Response> {
    measured(state, name, "application/json", |found| found.json.clone()).await
}

/// `GET /api/films/{file}/plot.svg`
pub async fn plot(state: Shared, name: Path<String>) -> Answer<Response> {
    measured(state, name, "image/svg+xml", |found| {
        found.svg.clone().into_bytes()
    })
    .await
}

/// `GET /api/films/{file}/sheet.png`
pub async fn sheet(state: Shared, name: Path<String>) -> Answer<Response> {
    measured(state, name, "image/png", |found| found.sheet.clone()).await
}

async fn measured(
    State(studio): Shared,
    Path(name): Path<String>,
    media_type: &'static str,
    part: fn(&Findings) -> Vec<u8>,
) -> Answer<Response> {
    let found = blocking(move || find_measured(&studio, &name)).await?;
    let lines = [
        (header::CONTENT_TYPE, media_type),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok(match found {
        Some(found) => (lines, part(&found)).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

fn find_measured(studio: &Studio, name: &str) -> Answer<Option<Arc<Findings>>> {
    Ok(studio.measured.of(&find_film(name)?))
}

/// A film in the folder that was made here.
fn find_film(name: &str) -> Answer<Name> {
    let name = Name::new(name)?;
    match is_our_film(name.path()) {
        true => Ok(name),
        false => Err(Refused::missing(format!(
            "there is no film {:?} that visualize made",
            name.as_str()
        ))),
    }
}

/// `GET /api/files/{name}`: prompts, corrections and settings of the songs.
pub async fn file(
    Path(name): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Answer<Response> {
    let (name, source, etag) = blocking(move || {
        let name = Name::new(&name)?;
        let is_ours = |song: &Name| {
            [song.beats_file(), song.prompts_file(), song.settings_file()]
                .iter()
                .any(|path| path == name.path())
        };
        let songs = project::songs()?;
        let is_there = songs
            .iter()
            .filter_map(|song| Name::of_song(&song.name).ok())
            .any(|song| is_ours(&song));
        if !is_there {
            return Err(Refused::missing(format!(
                "no song has a file {:?}",
                name.as_str()
            )));
        }
        let (source, etag) = open(&name)?;
        Ok((name, source, etag))
    })
    .await?;
    let mut response = serve(
        Arc::new(source),
        "text/plain; charset=utf-8",
        &etag,
        &headers,
        method == Method::HEAD,
    )?;
    attach(&mut response, name.as_str());
    Ok(response)
}

/// A file of the folder, and a tag that tells it from the one that takes its place.
fn open(name: &Name) -> Answer<(FileSource, String)> {
    let file = File::open(name.path()).map_err(common::Error::io("read", name.path()))?;
    let metadata = file
        .metadata()
        .map_err(common::Error::io("read", name.path()))?;
    let written = metadata
        .modified()
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let etag = format!(
        "\"{:x}-{:x}\"",
        metadata.len(),
        written.unwrap_or_default().as_nanos()
    );
    let source = FileSource::new(file).map_err(common::Error::io("read", name.path()))?;
    Ok((source, etag))
}

/// Has the browser save an answer under a name.
fn attach(response: &mut Response, name: &str) {
    let text = format!("attachment; filename*=UTF-8''{}", percent::encoded(name));
    if let Ok(value) = HeaderValue::from_str(&text) {
        response
            .headers_mut()
            .insert(header::CONTENT_DISPOSITION, value);
    }
}
