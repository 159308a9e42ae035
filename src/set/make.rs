//! Clips to files.

use std::path::Path;

use common::partial_file::write_whole;
use common::units::format_secs;
use common::{Error, Result};
use timeline::{RunFolder, Timeline};

use super::record::FILE;
use super::{ClipRecord, Measured, PlannedClip, PlannedSong, SetPlan, SetRecord, extras};
use crate::pipeline::{ChunkSet, Clips, Event, Machine, Watch, finish_clip};
use crate::provenance;
use crate::verify::verify_with;

/// Plans every clip's frames, and writes its timeline and `set.json` into `out`: what machines need to draw the set.
///
/// # Errors
/// As [`make`].
pub fn save_plan(
    plan: &SetPlan,
    out: &Path,
    machine: &Machine,
    watch: &mut Watch<'_>,
) -> Result<SetRecord> {
    Making::begin(plan, out, machine, false)?.all(watch, &mut |_, _, _, _| Ok(()))
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
    let folder = run_folder(out);
    let record = making.all(watch, &mut |clips, timeline, at, watch| {
        number += 1;
        let kept = made_before(out, at.record, timeline, replaces)?;
        if let Some(measured) = kept {
            at.record.measured = Some(measured);
            return Ok(());
        }
        watch.note(&format!("clip {number} of {n_clips}: {}", at.record.file));
        clips.draw(timeline, &ChunkSet::all(), watch)?;
        let path = out.join(&at.record.file);
        finish_clip(timeline, None, &folder, &path, watch)?;
        let measured = measured(&path, at.song, watch)?;
        save_measured(out, at.record, &measured)?;
        at.record.measured = Some(measured);
        Ok(())
    })?;
    beside(plan, &record, out)?;
    record.save(out)?;
    Ok(record)
}

/// Makes a set whose chunks were drawn by other machines, each clip of them, from what `set.json` says; `out` is its folder.
///
/// # Errors
/// [`Error::Later`] while chunks are missing; those of muxing, and of writing.
pub fn finish(out: &Path, watch: &mut Watch<'_>) -> Result<SetRecord> {
    let mut record = SetRecord::load(out)?;
    let folder = run_folder(out);
    for clip in record.songs.iter_mut().flat_map(|song| &mut song.clips) {
        watch.go_on()?;
        let timeline = Timeline::load(out.join(&clip.timeline))?;
        clip.measured = match made_before(out, clip, &timeline, true)? {
            Some(measured) => Some(measured),
            None => {
                let path = out.join(&clip.file);
                finish_clip(&timeline, None, &folder, &path, watch)?;
                let found = measured_alone(&path, watch)?;
                save_measured(out, clip, &found)?;
                Some(found)
            }
        };
    }
    write_whole(&out.join("cues.csv"), extras::cues_csv(&record).as_bytes())?;
    extras::sheet(&record, out, &out.join("set.png"))?;
    record.save(out)?;
    Ok(record)
}

/// The folder of a set's timelines, calibration and chunks.
pub(super) fn run_folder(out: &Path) -> RunFolder {
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

/// The measures of a clip that was made before from this timeline; `None` if it has to be made.
fn made_before(
    out: &Path,
    record: &ClipRecord,
    timeline: &Timeline,
    replaces: bool,
) -> Result<Option<Measured>> {
    let path = out.join(&record.file);
    if !path.exists() {
        return Ok(None);
    }
    let wanted = provenance::sha256(timeline);
    if is_made(&path, &wanted) {
        let known = std::fs::read(measured_path(out, record)).ok();
        let known: Option<(String, Measured)> =
            known.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let measured = known
            .filter(|(of, _)| *of == wanted)
            .map(|(_, found)| found);
        return Ok(measured);
    }
    match replaces {
        true => Ok(None),
        false => Err(
            Error::input(&path, "exists, and was made with other settings")
                .with_hint("give another folder with `out`, or `force` to replace it"),
        ),
    }
}

/// Whether a file is the clip of a timeline, by its SHA-256.
pub(super) fn is_made(path: &Path, timeline_sha256: &str) -> bool {
    let film = video::probe(path).ok();
    let made = film.and_then(|film| film.tags.facts.get(provenance::TIMELINE_SHA256).cloned());
    made.as_deref() == Some(timeline_sha256)
}

fn measured_path(out: &Path, record: &ClipRecord) -> std::path::PathBuf {
    let folder = run_folder(out);
    folder
        .path()
        .join(&record.file)
        .with_extension("measured.json")
}

fn save_measured(out: &Path, record: &ClipRecord, measured: &Measured) -> Result<()> {
    let json = serde_json::to_vec(&(&record.timeline_sha256, measured))
        .map_err(|error| Error::internal(format!("can't write measures: {error}")))?;
    write_whole(&measured_path(out, record), &json)
}

/// Measures a clip against what is heard in its song.
fn measured(path: &Path, song: &PlannedSong, watch: &mut Watch<'_>) -> Result<Measured> {
    let found = verify_with(path, Some(&song.analysis), &mut |_| watch.go_on())?;
    Ok(measures(&found))
}

/// Measures a clip by itself: its song is heard where it is found.
fn measured_alone(path: &Path, watch: &mut Watch<'_>) -> Result<Measured> {
    let found = crate::verify::verify(path, &mut |_| watch.go_on())?;
    Ok(measures(&found))
}

fn measures(found: &crate::verify::Verification) -> Measured {
    Measured {
        seam_over_median: found.measures.seam_over_median,
        hit_lag_frames: found.measures.onset_lag_median_frames,
        n_hits: found.measures.n_strong_onsets,
        n_bytes: found.probe.n_bytes,
    }
}

/// The sheet, the table of beats, and the songs' cues.
fn beside(plan: &SetPlan, record: &SetRecord, out: &Path) -> Result<()> {
    write_whole(&out.join("cues.csv"), extras::cues_csv(record).as_bytes())?;
    let folder = out.join("cues");
    std::fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
    for song in plan.songs.iter().filter(|song| !song.clips.is_empty()) {
        extras::song_cues(song, &folder)?;
    }
    extras::sheet(record, out, &out.join("set.png"))
}

impl super::Foretold {
    /// In words.
    pub fn text(&self) -> String {
        format!(
            "{} clips take about {} on this machine and {:.0} MB on the disk; each plays at {:.1} MB a second",
            self.n_clips,
            format_secs(self.secs, 0),
            self.n_bytes / 1e6,
            self.bytes_per_sec / 1e6
        )
    }
}
