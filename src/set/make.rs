//! Clips to files.

use std::path::Path;

use analysis::Analysis;
use common::partial_file::write_whole;
use common::rounding::round_micro;
use common::{Error, Result};
use timeline::{RunFolder, Timeline};

use super::record::FILE;
use super::{ClipRecord, Measured, PlannedClip, PlannedSong, SetPlan, SetRecord, extras};
use crate::pipeline::{ChunkSet, Clips, Event, Machine, Watch, finish_clip, remove_chunks};
use crate::provenance;
use crate::verify::{hear_song, verify_with};

/// Plans every clip's frames, and writes its timeline, the songs' cues and `set.json` into `out`: what machines need to make the set.
///
/// # Errors
/// As [`make`].
pub fn save_plan(
    plan: &SetPlan,
    out: &Path,
    machine: &Machine,
    watch: &mut Watch<'_>,
) -> Result<SetRecord> {
    let making = Making::begin(plan, out, machine, false)?;
    let record = making.all(watch, &mut |_, _, _, _| Ok(()))?;
    save_cues(plan, out)?;
    Ok(record)
}

/// Makes the set in `out`: every clip that isn't there yet, and what lies beside them. A run that was stopped goes on with the
/// clip that it was at.
///
/// # Errors
/// Those of every stage; [`Error::Interrupted`] when the watch raised its flag, and finished clips are kept;
/// [`Error::Input`] for a file that is in a clip's place and isn't that clip, unless `replaces`.
pub fn make(
    plan: &SetPlan,
    out: &Path,
    machine: &Machine,
    replaces: bool,
    watch: &mut Watch<'_>,
) -> Result<SetRecord> {
    let making = Making::begin(plan, out, machine, replaces)?;
    let n_clips = plan.clips().count();
    let mut number = 0;
    let record = making.all(watch, &mut |clips, timeline, at, watch| {
        number += 1;
        let note = format!("clip {number} of {n_clips}: {}", at.record.file);
        let draw = |watch: &mut Watch<'_>| {
            watch.note(&note);
            clips.draw(timeline, &ChunkSet::all(), watch)
        };
        let heard = || Some(&at.song.analysis);
        complete(out, at.record, timeline, replaces, draw, heard, watch)
    })?;
    save_cues(plan, out)?;
    conclude(&record, out)?;
    Ok(record)
}

/// Makes a set whose chunks were drawn by other machines, each clip of them, from what `set.json` says; `out` is its folder.
///
/// # Errors
/// [`Error::Later`] while chunks are missing; those of muxing, and of writing.
pub fn finish(out: &Path, watch: &mut Watch<'_>) -> Result<SetRecord> {
    let mut record = SetRecord::load(out)?;
    for song in &mut record.songs {
        let mut heard = None;
        for clip in &mut song.clips {
            watch.go_on()?;
            let timeline = Timeline::load(out.join(&clip.timeline))?;
            let path = out.join(&clip.file);
            // A song that isn't found leaves the hits unmeasured.
            let (known, hear) = (&mut heard, || hear_song(&timeline, &path).ok());
            let draw = |_: &mut Watch<'_>| Ok(());
            complete(
                out,
                clip,
                &timeline,
                true,
                draw,
                move || known.get_or_insert_with(hear).as_ref(),
                watch,
            )?;
        }
    }
    conclude(&record, out)?;
    Ok(record)
}

/// Makes a clip of its chunks, which `draw` draws, where it isn't there yet; and measures it against what is heard in its song, where
/// that wasn't done yet. A run that was killed between the two goes on with the second.
fn complete<'a>(
    out: &Path,
    record: &mut ClipRecord,
    timeline: &Timeline,
    replaces: bool,
    draw: impl FnOnce(&mut Watch<'_>) -> Result<()>,
    heard: impl FnOnce() -> Option<&'a Analysis>,
    watch: &mut Watch<'_>,
) -> Result<()> {
    let folder = run_folder(out);
    record.measured = match is_made(out, record, timeline, replaces)? {
        true => known_measures(out, record),
        false => {
            draw(watch)?;
            finish_clip(timeline, &folder, out.join(&record.file), watch)?;
            None
        }
    };
    if record.measured.is_none() {
        remove_chunks(timeline, &folder)?;
        measure(out, record, heard(), watch)?;
    }
    Ok(())
}

/// The folder of a set's timelines, calibration and chunks.
pub(crate) fn run_folder(out: &Path) -> RunFolder {
    RunFolder::beside(&out.join(FILE))
}

/// A set that is being made.
struct Making<'a> {
    plan: &'a SetPlan,
    out: &'a Path,
    clips: Clips,
}

/// Where it is.
struct At<'a> {
    song: &'a PlannedSong,
    record: &'a mut ClipRecord,
}

/// What is done with each clip.
type Each<'e> = dyn FnMut(&mut Clips, &Timeline, &mut At<'_>, &mut Watch<'_>) -> Result<()> + 'e;

impl<'a> Making<'a> {
    fn begin(
        plan: &'a SetPlan,
        out: &'a Path,
        machine: &'a Machine,
        replaces: bool,
    ) -> Result<Self> {
        for (_, clip) in plan.clips().filter(|_| !replaces) {
            refuse_others(&out.join(&clip.file))?;
        }
        std::fs::create_dir_all(out).map_err(Error::io("create", out))?;
        let folder = run_folder(out);
        folder.create()?;
        let model = plan.clips().next().map(|(_, clip)| &clip.request.model);
        let clips = Clips::new(machine, model, folder);
        Ok(Self { plan, out, clips })
    }

    /// Plans clip after clip and does `each` with it; then writes `set.json`.
    fn all(mut self, watch: &mut Watch<'_>, each: &mut Each<'_>) -> Result<SetRecord> {
        let mut records = Vec::new();
        for (song, clip) in self.plan.clips() {
            watch.go_on()?;
            let timeline = self.planned(song, clip, watch)?;
            let mut record = self.record(song, clip, &timeline)?;
            let mut at = At {
                song,
                record: &mut record,
            };
            each(&mut self.clips, &timeline, &mut at, watch)?;
            records.push(record);
        }
        let record = SetRecord::new(self.plan, &mut records.into_iter());
        record.save(self.out)?;
        Ok(record)
    }

    /// Plans a clip. What is noted of films would be noted of each clip again, and is left out.
    fn planned(
        &mut self,
        song: &PlannedSong,
        clip: &PlannedClip,
        watch: &mut Watch<'_>,
    ) -> Result<Timeline> {
        let observe = &mut watch.observe;
        let mut quiet = Watch {
            observe: &mut |event| match event {
                Event::Note(_) | Event::Planned(_) => {}
                event => observe(event),
            },
            stop: watch.stop,
        };
        self.clips.plan(&clip.request, &song.analysis, &mut quiet)
    }

    /// Writes a clip's timeline.
    fn record(
        &self,
        song: &PlannedSong,
        clip: &PlannedClip,
        timeline: &Timeline,
    ) -> Result<ClipRecord> {
        let folder = run_folder(self.out);
        let path = folder.path().join(&clip.file).with_extension("json");
        timeline.save(&path)?;
        let name = path.strip_prefix(self.out).unwrap_or(&path);
        let name = name.to_string_lossy().replace('\\', "/");
        Ok(ClipRecord::new(clip, timeline, name, &song.analysis))
    }
}

/// Refuses a file in a clip's place that isn't ours.
fn refuse_others(path: &Path) -> Result<()> {
    if !path.exists() {
        return Ok(());
    }
    let is_ours = video::probe(path)
        .is_ok_and(|film| film.tags.facts.contains_key(provenance::TIMELINE_SHA256));
    match is_ours {
        true => Ok(()),
        false => Err(
            Error::input(path, "exists, and isn't a clip that visualize made")
                .with_hint("give another folder with `out`, or `force` to replace it"),
        ),
    }
}

/// Whether the clip of a timeline is there. Another file in its place is an error, unless it may be replaced.
fn is_made(out: &Path, record: &ClipRecord, timeline: &Timeline, replaces: bool) -> Result<bool> {
    let path = out.join(&record.file);
    match place_of(&path, timeline) {
        Place::Made => Ok(true),
        Place::Other | Place::Unreadable(_) if !replaces => Err(Error::input(
            &path,
            "exists, and was made with other settings",
        )
        .with_hint("give another folder with `out`, or `force` to replace it")),
        Place::Empty | Place::Other | Place::Unreadable(_) => Ok(false),
    }
}

/// What is in a clip's place.
pub(crate) enum Place {
    /// Nothing.
    Empty,
    /// The clip.
    Made,
    /// Another film.
    Other,
    /// No film that can be read whole.
    Unreadable(Error),
}

/// What is in the place of a timeline's clip: a film says by a SHA-256 what it was made of.
pub(crate) fn place_of(path: &Path, timeline: &Timeline) -> Place {
    if !path.exists() {
        return Place::Empty;
    }
    match video::probe(path) {
        Err(error) => Place::Unreadable(error),
        Ok(film) => {
            let made_of = film.tags.facts.get(provenance::TIMELINE_SHA256);
            match made_of == Some(&provenance::sha256(timeline)) {
                true => Place::Made,
                false => Place::Other,
            }
        }
    }
}

fn measured_path(out: &Path, record: &ClipRecord) -> std::path::PathBuf {
    let folder = run_folder(out);
    folder
        .path()
        .join(&record.file)
        .with_extension("measured.json")
}

/// What was measured in a clip before.
fn known_measures(out: &Path, record: &ClipRecord) -> Option<Measured> {
    let bytes = std::fs::read(measured_path(out, record)).ok()?;
    let (of, measured): (String, Measured) = serde_json::from_slice(&bytes).ok()?;
    (of == record.timeline_sha256).then_some(measured)
}

/// Measures a clip against what is heard in its song, and keeps what was measured.
fn measure(
    out: &Path,
    record: &mut ClipRecord,
    heard: Option<&Analysis>,
    watch: &mut Watch<'_>,
) -> Result<()> {
    let found = verify_with(&out.join(&record.file), heard, &mut |_| watch.go_on())?;
    let measured = Measured {
        seam_over_median: found.measures.seam_over_median.map(round_micro),
        hit_lag_frames: found.measures.onset_lag_median_frames.map(round_micro),
        n_hits: found.measures.n_strong_onsets,
        n_bytes: found.probe.n_bytes,
    };
    let json = serde_json::to_vec(&(&record.timeline_sha256, measured))
        .map_err(|error| Error::internal(format!("can't write measures: {error}")))?;
    write_whole(&measured_path(out, record), &json)?;
    record.measured = Some(measured);
    Ok(())
}

/// The songs' cues, which don't depend on how clips are made.
fn save_cues(plan: &SetPlan, out: &Path) -> Result<()> {
    let folder = out.join(extras::CUES);
    std::fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
    let mut songs = plan.songs.iter().filter(|song| !song.clips.is_empty());
    songs.try_for_each(|song| extras::song_cues(song, &folder))
}

/// The sheet and the table of beats, and at last `set.json`, which says that the set is made.
fn conclude(record: &SetRecord, out: &Path) -> Result<()> {
    write_whole(&out.join("cues.csv"), extras::cues_csv(record).as_bytes())?;
    extras::sheet(record, out, &out.join("set.png"))?;
    record.save(out)
}
