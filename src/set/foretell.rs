//! What a set takes, before it is made.

use std::path::Path;

use common::partial_file::folder_of;
use common::units::format_secs;
use common::{Error, Result};
use timeline::RunFolder;

use super::{PlannedClip, PlannedSong, SetPlan, extras};
use crate::pipeline::{Clips, Machine, TRY_BATCHES, Trial, Try, Watch};

/// Room on the disk for timelines and tables, as a share of the clips'.
const ROOM_BESIDES: f64 = 0.02;
/// Share of the frames that are drawn to foretell what all take.
const TRIED: f64 = 0.05;
/// Places at which some are drawn, at most.
const MAX_TRIES: f64 = 24.0;

/// What a set takes on a machine.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Foretold {
    /// Clips that aren't there yet.
    pub n_clips: usize,
    /// Seconds.
    pub secs: f64,
    /// Bytes on the disk, those of the sheet included.
    pub n_bytes: f64,
    /// Bytes a second that a clip needs while it plays.
    pub bytes_per_sec: f64,
}

impl SetPlan {
    /// What those clips take that aren't in the folder `out` yet, by some pictures that are drawn to find out.
    ///
    /// # Errors
    /// Those of loading the model and of drawing; [`Error::Later`] where the disk hasn't the room.
    pub fn foretell(
        &self,
        out: &Path,
        machine: &Machine,
        watch: &mut Watch<'_>,
    ) -> Result<Foretold> {
        let is_lacking = |(_, clip): &(&PlannedSong, &PlannedClip)| !out.join(&clip.file).exists();
        let lacking: Vec<(&PlannedSong, &PlannedClip)> = self.clips().filter(is_lacking).collect();
        let Some((_, first)) = lacking.first() else {
            return Ok(Foretold::default());
        };
        let size = first.request.mapping.render.size;
        let sheet_bytes = extras::sheet_bytes(self.clips().count(), size);
        let mut clips = Clips::new(machine, Some(&first.request.model), RunFolder::at(out));
        let trial = clips.trial(&tries(&lacking, machine.n_batch), watch)?;
        let lacking: Vec<&PlannedClip> = lacking.into_iter().map(|(_, clip)| clip).collect();
        let foretold = foretold(&lacking, &trial, sheet_bytes);
        check_room(out, &foretold, &lacking, &trial)?;
        Ok(foretold)
    }
}

impl Foretold {
    /// In words.
    pub fn text(&self) -> String {
        format!(
            "{} clips take about {} on this machine and {:.1} MB on the disk; each plays at {:.1} MB a second",
            self.n_clips,
            format_secs(self.secs, 0),
            self.n_bytes / 1e6,
            self.bytes_per_sec / 1e6
        )
    }
}

/// Frames to try, evenly spread over all.
fn tries<'a>(clips: &[(&'a PlannedSong, &'a PlannedClip)], n_batch: usize) -> Vec<Try<'a>> {
    let n_frames: u64 = clips.iter().map(|(_, clip)| clip.amount.n_frames).sum();
    let try_frames = (TRY_BATCHES * n_batch) as f64;
    let n = (TRIED * n_frames as f64 / try_frames.max(1.0)).clamp(1.0, MAX_TRIES) as u64;
    let place = |idx: u64| {
        let mut frame = (2 * idx + 1) * n_frames / (2 * n);
        for (song, clip) in clips {
            if frame < clip.amount.n_frames {
                return Some(Try {
                    request: &clip.request,
                    analysis: &song.analysis,
                    frame,
                });
            }
            frame -= clip.amount.n_frames;
        }
        None
    };
    (0..n).filter_map(place).collect()
}

fn foretold(clips: &[&PlannedClip], trial: &Trial, sheet_bytes: f64) -> Foretold {
    let n_frames: u64 = clips.iter().map(|clip| clip.amount.n_frames).sum();
    let n_probes: u64 = clips.iter().map(|clip| clip.amount.n_probes).sum();
    let n_bytes: f64 = clips.iter().map(|clip| clip_bytes(clip, trial)).sum();
    let rate = clips.first().map_or(0.0, |clip| clip.frames_per_sec());
    Foretold {
        n_clips: clips.len(),
        secs: n_frames as f64 * trial.frame_secs + n_probes as f64 * trial.probe_secs,
        n_bytes: n_bytes + sheet_bytes,
        bytes_per_sec: rate * n_bytes / n_frames.max(1) as f64,
    }
}

fn clip_bytes(clip: &PlannedClip, trial: &Trial) -> f64 {
    let chunk_len = clip.request.mapping.encoding.chunk_len;
    trial.clip_bytes(clip.amount.n_frames, chunk_len)
}

/// Refuses to begin what the disk can't hold: the clips, and once more the largest of them while it is made.
fn check_room(
    out: &Path,
    foretold: &Foretold,
    clips: &[&PlannedClip],
    trial: &Trial,
) -> Result<()> {
    let folder = match out.exists() {
        true => out,
        false => folder_of(out),
    };
    let Ok(free) = fs4::available_space(folder) else {
        return Ok(()); // a file system that doesn't tell may still have room
    };
    let sizes = clips.iter().map(|clip| clip_bytes(clip, trial));
    let largest = sizes.fold(0.0, f64::max);
    let needed = (1.0 + ROOM_BESIDES) * foretold.n_bytes + largest;
    if free as f64 >= needed {
        return Ok(());
    }
    Err(Error::Later {
        reason: format!(
            "the disk of {} has {:.0} MB left, and the {} clips need about {:.0} MB",
            folder.display(),
            free as f64 / 1e6,
            foretold.n_clips,
            needed / 1e6
        ),
        hint: Some("free some space, write to another disk with -o, or ask for fewer clips with `per` or `beats`".to_owned()),
    })
}

impl PlannedClip {
    /// Frames a second as it plays, about.
    fn frames_per_sec(&self) -> f64 {
        match self.request.fps {
            mapping::Fps::Rate(rate) => 1.0 / rate.frame_secs(),
            mapping::Fps::PerBeat(n) => f64::from(n) * 2.0,
        }
    }
}
