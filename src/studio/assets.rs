//! The page's files, which the program carries.
//!
//! A test compares this table with the folder: a file that isn't listed here fails it.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::answer::Refused;

/// A file of the page.
struct Asset {
    /// Its path in the folder `page`, and behind `/assets/`.
    path: &'static str,
    bytes: &'static [u8],
}

macro_rules! assets {
    ($($path:literal),* $(,)?) => {
        &[$(Asset { path: $path, bytes: include_bytes!(concat!("page/", $path)) }),*]
    };
}

const ASSETS: &[Asset] = assets![
    "icon.svg",
    "index.html",
    "js/api.js",
    "js/dom.js",
    "js/edits.js",
    "js/events.js",
    "js/grid.js",
    "js/hops.js",
    "js/hues.js",
    "js/keep-selection.js",
    "js/keys.js",
    "js/lane-names.js",
    "js/listbox.js",
    "js/locked.js",
    "js/main.js",
    "js/notices.js",
    "js/panel/beats.js",
    "js/panel/fault.js",
    "js/panel/fields.js",
    "js/panel/film.js",
    "js/panel/job.js",
    "js/panel/meter.js",
    "js/panel/motion.js",
    "js/panel/prompt-draft.js",
    "js/panel/prompt-form.js",
    "js/panel/prompts.js",
    "js/panel/proof.js",
    "js/panel/routes.js",
    "js/panel/sections.js",
    "js/panel/song.js",
    "js/panel/tabs.js",
    "js/panel/tap-pad.js",
    "js/panel/text-marks.js",
    "js/panel/text-view.js",
    "js/panel/views.js",
    "js/peaks.js",
    "js/pictures.js",
    "js/player.js",
    "js/prompt-line.js",
    "js/search.js",
    "js/session.js",
    "js/signal.js",
    "js/snap.js",
    "js/stage.js",
    "js/store.js",
    "js/stream.js",
    "js/strip-times.js",
    "js/tap.js",
    "js/time.js",
    "js/timeline/colours.js",
    "js/timeline/draw-beats.js",
    "js/timeline/draw-curves.js",
    "js/timeline/draw-prompts.js",
    "js/timeline/draw-ruler.js",
    "js/timeline/draw-sections.js",
    "js/timeline/draw-strip.js",
    "js/timeline/draw-top.js",
    "js/timeline/hit.js",
    "js/timeline/lanes.js",
    "js/timeline/pointer.js",
    "js/timeline/scene.js",
    "js/timeline/series.js",
    "js/timeline/text.js",
    "js/timeline/timeline.js",
    "js/timeline/wave.js",
    "js/topbar.js",
    "js/transport.js",
    "js/view.js",
    "js/welcome.js",
    "style/base.css",
    "style/controls.css",
    "style/layout.css",
    "style/panel-columns.css",
    "style/panel-film.css",
    "style/panel-music.css",
    "style/panel-text.css",
    "style/panels.css",
    "style/timeline.css",
    "style/welcome.css",
];

/// Answers `/assets/PATH`.
pub fn serve(path: &str) -> Response {
    match ASSETS.iter().find(|asset| asset.path == path) {
        Some(asset) => {
            let lines = [
                (header::CONTENT_TYPE, media_type(asset.path)),
                // The next version of the program may have another file of this name.
                (header::CACHE_CONTROL, "no-cache"),
            ];
            (StatusCode::OK, lines, asset.bytes).into_response()
        }
        None => Refused::missing("the page has no such file").into_response(),
    }
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("webmanifest") => "application/manifest+json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Files that editors and checkers of types need, but no browser.
    fn is_for_the_browser(path: &str) -> bool {
        !path.ends_with(".d.ts") && !path.ends_with(".md") && !path.ends_with("jsconfig.json")
    }

    fn files_in(folder: &Path, prefix: &str, files: &mut Vec<String>) {
        for entry in folder.read_dir().unwrap() {
            let entry = entry.unwrap();
            let path = format!("{prefix}{}", entry.file_name().into_string().unwrap());
            match entry.path().is_dir() {
                true => files_in(&entry.path(), &format!("{path}/"), files),
                false => files.push(path),
            }
        }
    }

    #[test]
    fn every_file_of_the_page_is_in_the_program() {
        let mut files = Vec::new();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/studio/page");
        files_in(&folder, "", &mut files);
        files.retain(|path| is_for_the_browser(path));
        files.sort();
        let mut listed: Vec<&str> = ASSETS.iter().map(|asset| asset.path).collect();
        listed.sort_unstable();
        assert_eq!(
            listed, files,
            "list the files of src/studio/page in assets.rs"
        );
        assert!(
            listed
                .iter()
                .all(|path| media_type(path) != "application/octet-stream"),
            "{listed:?}"
        );
    }
}
