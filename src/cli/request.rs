//! Flags become a request: the prompts are read, the song and the model opened.

use std::path::Path;

use visualize::Result;
use visualize::diffusion::ModelStore;
use visualize::pipeline::Watch;
use visualize::prompts::Script;
use visualize::request::Request;

use super::args::PlanOptions;

/// The request for a song's film, or for its preview.
pub fn build(
    song: &Path,
    options: &PlanOptions,
    is_preview: bool,
    watch: &mut Watch<'_>,
) -> Result<Request> {
    let script = match &options.prompts {
        Some(path) => Script::read(path)?,
        None => {
            watch.note("no `prompts FILE`: a built-in list of prompts is used");
            Script::built_in()?
        }
    };
    let settings = options.to_settings(is_preview);
    Request::new(song, script, &settings, &ModelStore::from_env(), watch)
}
