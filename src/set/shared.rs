//! A set that several machines draw: its chunks are counted through all clips, in the order of `set.json`.

use std::path::{Path, PathBuf};

use common::partial_file::folder_of;
use common::{Error, Result};
use timeline::Timeline;

use super::SetRecord;
use super::extras::CUES;
use super::make::{Place, place_of, run_folder};
use crate::pipeline::{ChunkSet, Clips, Machine, Watch};
use crate::provenance;

/// Draws chunks of a planned set, given by its folder or its `set.json`. Clips that are made already aren't drawn again.
///
/// # Errors
/// [`Error::Config`] for chunks that the set doesn't have; as [`render`](crate::pipeline::render).
pub fn render_chunks(
    set: &Path,
    chunks: &ChunkSet,
    machine: &Machine,
    watch: &mut Watch<'_>,
) -> Result<()> {
    let record = SetRecord::load(set)?;
    let folder = folder_of_set(set);
    let mut clips = Clips::new(machine, None, run_folder(&folder));
    let n_chunks = record.n_chunks();
    if chunks.within(&(0..n_chunks)).is_empty() {
        return Err(Error::Config {
            name: "chunks",
            value: chunks.to_string(),
            allowed: format!("the set's chunks are 0 to {}", n_chunks.saturating_sub(1)),
        });
    }
    let mut first = 0;
    for clip in record.clips() {
        let here = chunks.within(&(first..first + clip.n_chunks));
        first += clip.n_chunks;
        if here.is_empty() {
            continue;
        }
        watch.go_on()?;
        let timeline = Timeline::load(folder.join(&clip.timeline))?;
        match place_of(&folder.join(&clip.file), &timeline) {
            Place::Made => {}
            _ => clips.draw(&timeline, &here, watch)?,
        }
    }
    Ok(())
}

/// Writes a set's plan and the songs' cues into another folder, with every timeline changed by `change`.
///
/// # Errors
/// Those of reading and writing.
pub fn copy_plan(
    set: &Path,
    out: &Path,
    change: &dyn Fn(&Timeline) -> Timeline,
) -> Result<SetRecord> {
    let mut record = SetRecord::load(set)?;
    let folder = folder_of_set(set);
    let run_folder = run_folder(out);
    run_folder.create()?;
    for clip in record.songs.iter_mut().flat_map(|song| &mut song.clips) {
        let timeline = change(&Timeline::load(folder.join(&clip.timeline))?);
        timeline.save(out.join(&clip.timeline))?;
        clip.timeline_sha256 = provenance::sha256(&timeline);
        clip.measured = None;
    }
    copy_cues(&folder.join(CUES), &out.join(CUES))?;
    record.save(out)?;
    Ok(record)
}

fn copy_cues(from: &Path, to: &Path) -> Result<()> {
    let Ok(files) = from.read_dir() else {
        return Ok(()); // nobody needs them to draw
    };
    std::fs::create_dir_all(to).map_err(Error::io("create", to))?;
    for file in files {
        let file = file.map_err(Error::io("read", from))?.path();
        let name = file.file_name().unwrap_or_default();
        std::fs::copy(&file, to.join(name)).map_err(Error::io("copy", &file))?;
    }
    Ok(())
}

/// The folder of a set that is given by it or by its `set.json`.
pub fn folder_of_set(set: &Path) -> PathBuf {
    match set.is_dir() {
        true => set.to_owned(),
        false => folder_of(set).to_owned(),
    }
}
