//! `set.json`: what a set's clips are.

use std::path::{Path, PathBuf};

use analysis::Analysis;
use common::partial_file::write_whole;
use common::rounding::round_micro;
use common::units::{FrameRate, samples_to_secs};
use common::{Error, Result};
use serde::{Deserialize, Serialize};
use timeline::{Size, Timeline};

use super::{PlannedClip, PlannedSong, SetPlan};
use crate::provenance;

/// Version of [`SetRecord`]'s serialised form.
pub const SCHEMA_VERSION: u32 = 1;
/// Name of the file in the set's folder.
pub(super) const FILE: &str = "set.json";

/// A set's clips.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SetRecord {
    /// Version of this type's serialised form.
    pub schema_version: u32,
    /// Its songs, in order.
    pub songs: Vec<SongRecord>,
    /// Songs that weren't there or couldn't be used, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

/// A song of a set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SongRecord {
    /// Its place in the set, from 1.
    pub number: usize,
    /// Who made it, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artist: Option<String>,
    /// What it is called.
    pub title: String,
    /// The file.
    pub path: PathBuf,
    /// SHA-256 of the file, in lowercase hex.
    pub source_sha256: String,
    /// Median tempo in beats per minute; absent where no beat was found.
    pub native_tempo_bpm: Option<f64>,
    /// What to know of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Its clips.
    pub clips: Vec<ClipRecord>,
}

/// A clip of a set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClipRecord {
    /// Name of its file in the set's folder.
    pub file: String,
    /// Name of its timeline, from the set's folder.
    pub timeline: String,
    /// SHA-256 of the timeline, in lowercase hex.
    pub timeline_sha256: String,
    /// Section of the song that it shows.
    pub section: String,
    /// Length in beats.
    pub n_beats: u32,
    /// Tempo at which it plays, in beats per minute.
    pub tempo_bpm: f64,
    /// Tempo of the song over its beats, in beats per minute.
    pub native_tempo_bpm: f64,
    /// Frames per second at which it plays.
    pub frame_rate: FrameRate,
    /// Number of frames.
    pub n_frames: u64,
    /// Number of chunks in which it is drawn.
    pub n_chunks: u64,
    /// Size in pixels.
    pub size: Size,
    /// Codec of the picture.
    pub codec: String,
    /// Start in the song, in seconds.
    pub start_secs: f64,
    /// End in the song, in seconds.
    pub end_secs: f64,
    /// Its beats.
    pub cues: Vec<Cue>,
    /// What was measured in the finished clip; absent until it is finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<Measured>,
}

/// A beat of a clip.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cue {
    /// When it plays, in seconds of the clip.
    pub time_secs: f64,
    /// Position in its bar, from 1.
    pub position_in_bar: u32,
    /// Where it is in the song, in seconds.
    pub song_secs: f64,
}

/// What was measured in a finished clip; see [`verify`](crate::verify).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Step from the last frame to the first over the median step.
    pub seam_over_median: Option<f64>,
    /// Median distance of visible hits from the song's strong onsets, in frames; absent where there are none.
    pub hit_lag_frames: Option<f64>,
    /// Onsets that this was taken from.
    pub n_hits: u64,
    /// Size of the file in bytes.
    pub n_bytes: u64,
}

impl SetRecord {
    /// Whether a path is that of a set: its folder, or its `set.json`.
    pub fn is_at(path: &Path) -> bool {
        path.join(FILE).is_file() || path.file_name().is_some_and(|name| name == FILE)
    }

    /// Chunks of all clips.
    pub fn n_chunks(&self) -> u64 {
        self.clips().map(|clip| clip.n_chunks).sum()
    }

    /// The file of a set that is given by it or by its folder.
    pub fn path(set: &Path) -> PathBuf {
        match set.is_dir() {
            true => set.join(FILE),
            false => set.to_owned(),
        }
    }

    /// Reads `set.json`, given by itself or by its folder.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Input`] for a file that is no set's.
    pub fn load(set: &Path) -> Result<Self> {
        let path = Self::path(set);
        let bytes = std::fs::read(&path).map_err(Error::io("read", &path))?;
        let refused = |why: String| {
            Error::input(&path, why).with_hint("give the folder that `visualize set` wrote")
        };
        let record: Self = serde_json::from_slice(&bytes)
            .map_err(|error| refused(format!("isn't the record of a set: {error}")))?;
        if record.schema_version != SCHEMA_VERSION {
            return Err(refused(format!(
                "has version {} of the format, and this program reads {SCHEMA_VERSION}",
                record.schema_version
            )));
        }
        let is_inside = |name: &str| {
            let mut parts = Path::new(name).components();
            parts.all(|part| matches!(part, std::path::Component::Normal(_)))
        };
        let mut names = record.clips().flat_map(|clip| [&clip.file, &clip.timeline]);
        if let Some(name) = names.find(|name| !is_inside(name)) {
            let why = format!("names a file outside of its folder: {name}");
            return Err(refused(why));
        }
        drop(names);
        Ok(record)
    }

    /// Writes `set.json` into a folder.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Later`] when the disk is full.
    pub fn save(&self, folder: &Path) -> Result<()> {
        let path = folder.join(FILE);
        let json = serde_json::to_vec_pretty(self)
            .map_err(|error| Error::internal(format!("can't write a set: {error}")))?;
        write_whole(&path, &[json, b"\n".to_vec()].concat())
    }

    /// All clips, in order.
    pub fn clips(&self) -> impl Iterator<Item = &ClipRecord> {
        self.songs.iter().flat_map(|song| &song.clips)
    }

    pub(super) fn new(plan: &SetPlan, clips: &mut dyn Iterator<Item = ClipRecord>) -> Self {
        let song = |song: &PlannedSong| {
            let track = &song.analysis.track;
            SongRecord {
                number: song.number,
                artist: song.artist.clone(),
                title: song.title.clone(),
                path: track.path.clone(),
                source_sha256: track.source_sha256.clone(),
                native_tempo_bpm: song.analysis.tempo_bpm.map(round_micro),
                notes: song.notes.clone(),
                clips: (&mut *clips).take(song.clips.len()).collect(),
            }
        };
        Self {
            schema_version: SCHEMA_VERSION,
            songs: plan.songs.iter().map(song).collect(),
            missing: plan.missing.clone(),
        }
    }
}

impl ClipRecord {
    pub(super) fn new(
        clip: &PlannedClip,
        timeline: &Timeline,
        timeline_name: String,
        analysis: &Analysis,
    ) -> Self {
        let song = &timeline.song;
        let start_secs = samples_to_secs(song.start_sample, song.sample_rate_hz);
        let length_secs = samples_to_secs(song.n_samples, song.sample_rate_hz);
        let n_frames = timeline.frames.len() as u64;
        let frame_rate = timeline.play_rate();
        let play_secs = frame_rate.frame_time_secs(n_frames);
        let n_beats = clip.part.n_beats;
        Self {
            file: clip.file.clone(),
            timeline: timeline_name,
            timeline_sha256: provenance::sha256(timeline),
            section: clip.part.section.clone(),
            n_beats,
            tempo_bpm: round_micro(60.0 * f64::from(n_beats) / play_secs),
            native_tempo_bpm: round_micro(60.0 * f64::from(n_beats) / length_secs),
            frame_rate,
            n_frames,
            n_chunks: n_frames.div_ceil(u64::from(timeline.encoding.chunk_len).max(1)),
            size: timeline.render.size,
            codec: timeline.encoding.codec.to_string(),
            start_secs: round_micro(start_secs),
            end_secs: round_micro(start_secs + length_secs),
            cues: cues(clip, analysis, (start_secs, length_secs), play_secs),
            measured: None,
        }
    }
}

/// The beats of a clip: the song's own, or even ones where it has none.
fn cues(
    clip: &PlannedClip,
    analysis: &Analysis,
    (start_secs, length_secs): (f64, f64),
    play_secs: f64,
) -> Vec<Cue> {
    let n_beats = clip.part.n_beats;
    let even = (0..n_beats).map(|idx| {
        let song_secs = start_secs + length_secs * f64::from(idx) / f64::from(n_beats.max(1));
        (song_secs, idx % 4 + 1)
    });
    let own = analysis.beats.iter();
    let own = own.filter(|beat| beat.time_secs >= start_secs - 1e-3);
    let own = own.map(|beat| (beat.time_secs, beat.position_in_bar));
    let beats: Vec<(f64, u32)> = match clip.part.has_beats {
        true => own.take(n_beats as usize).collect(),
        false => even.collect(),
    };
    let cue = |(song_secs, position_in_bar): (f64, u32)| {
        let share = (song_secs - start_secs) / length_secs.max(1e-9);
        Cue {
            time_secs: round_micro(share * play_secs).max(0.0),
            position_in_bar,
            song_secs: round_micro(song_secs),
        }
    };
    beats.into_iter().map(cue).collect()
}
