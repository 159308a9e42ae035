//! Flags become a request: the song and the model are opened.

use std::path::Path;

use visualize::Result;
use visualize::audio::SoundtrackFormat;
use visualize::diffusion::ModelStore;
use visualize::pipeline::Watch;
use visualize::prompts::Script;
use visualize::request::Request;

use super::args::PlanOptions;
use super::progress::Progress;
use super::prompts::{self, Prompts};
use super::songs::check_name;
use super::wording::with_flags;

/// Reads the prompts and says what a person should know of the flags before work begins.
pub fn read_prompts(options: &PlanOptions, progress: &Progress) -> Result<Script> {
    let Prompts { script, note } = prompts::read(options.draw.prompts.as_deref())?;
    for note in note.iter().chain(&script.notes) {
        progress.line(&with_flags(note));
    }
    let seed = options.draw.seed;
    if seed.is_drawn {
        let value = seed.value;
        progress.line(&format!(
            "--seed {value} was drawn: with it, the film comes out the same"
        ));
    }
    Ok(script)
}

/// Refuses files that a timeline couldn't name.
pub fn check_names(songs: &[&Path], options: &PlanOptions) -> Result<()> {
    let stems = options.listen.stems.iter().map(|stem| stem.path.as_path());
    let loras = options.model.loras.iter().map(|lora| lora.path.as_path());
    let embeddings = options.model.embeddings.iter();
    let add_ons = embeddings.map(|embedding| embedding.path.as_path());
    let add_ons = add_ons.chain(loras).chain(options.model.vae.as_deref());
    let files = songs.iter().copied().chain(stems).chain(add_ons);
    files.into_iter().try_for_each(check_name)
}

/// The request for a song's film, or for its preview.
pub fn build(
    song: &Path,
    script: Script,
    options: &PlanOptions,
    audio: SoundtrackFormat,
    is_preview: bool,
    watch: &mut Watch<'_>,
) -> Result<Request> {
    let settings = options.to_settings(audio, is_preview);
    Request::new(song, script, &settings, &ModelStore::from_env(), watch)
}
