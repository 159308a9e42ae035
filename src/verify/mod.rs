//! Proof that a film moves with its music, measured in the finished file: its frames are decoded, its soundtrack is
//! analyzed, and both are held against each other and against the timeline that travels with the film.
//!
//! A *step* is how far the picture goes from one frame to the next ([`Percept::distance`](picture::perception::Percept)),
//! seen when the later frame is shown.
//!
//! | measure | what it is | good |
//! |---|---|---|
//! | correlation | Pearson's, of the steps with those that the timeline asks for | 0.9 or more |
//! | onset lag | how far the visible peak is from each strong onset: median and 95th percentile of the absolute value | below 0.5 and 1.5 frames |
//! | ISTD | standard deviation of the steps over their mean | 1 or less |
//! | largest step | over the median one; in the whole film and in steady passages | 12 or less; 2 or less |
//! | frozen frames | share of steps below a tenth of the median, where there is sound | below 1 % |
//! | section rank correlation | Spearman's, of the sections' energy with their mean visible speed | 0.9 or more |
//! | seam | the step from the last frame to the first over the median one, in a loop | 1 or less |
//! | sound offset | when the sound starts and ends after the picture | within half a frame; within a frame |
//! | lost samples | samples of the song that the film's sound lacks | 0 |
//!
//! A film without sound is held against the song that its timeline names, part by part: a clip may play at another tempo than its
//! song.
//!
//! A strong onset is one of at least [`STRONG`] of the song's. A steady passage is a second or more over which the
//! target speed changes by no more than a factor of [`STEADY`].
//!
//! | file | task |
//! |---|---|
//! | `change.rs` | frames to steps |
//! | `smoothness.rs` | ISTD, largest step, frozen frames, steady passages |
//! | `lag.rs` | onsets and steps to lags |
//! | `sections.rs` | speed by section |
//! | `measures.rs` | [`Measures`]: all of them |
//! | `verdict.rs` | [`Verdict`]: what is good |
//! | `plot.rs` | a picture of it |

mod change;
mod lag;
mod measures;
mod plot;
mod sections;
mod smoothness;
mod verdict;

pub use change::{VisibleChange, visible_change};
pub use lag::{Lag, REACH_SECS, lags};
pub use measures::{Evidence, Measures, STEADY, STRONG, measure};
pub use plot::plot;
pub use sections::{SectionSpeed, section_speeds};
pub use smoothness::{FROZEN, frozen_share, istd, largest_over_median, steady_passages};
pub use verdict::Verdict;

use std::path::Path;

use analysis::{Analysis, AnalysisConfig, analyze};
use audio::Track;
use common::Result;
use common::partial_file::folder_of;
use common::units::samples_to_secs;
use serde::Serialize;
use timeline::{Song, Timeline};
use video::{FilmReader, Probe};

use crate::provenance;

/// What was found in a film.
#[derive(Clone, Debug, Serialize)]
pub struct Verification {
    /// What the file holds.
    #[serde(flatten)]
    pub probe: Probe,
    /// What was measured.
    pub measures: Measures,
    /// What is good and what is poor.
    pub verdicts: Vec<Verdict>,
    /// What couldn't be measured, and why.
    pub missing: Vec<String>,
    /// What the measures were taken from.
    #[serde(skip)]
    pub evidence: Evidence,
}

/// Measures a film. The memory that it takes hardly grows with the film's length. `observe` is called with the number of
/// each decoded frame, and may end the work by an error.
///
/// # Errors
/// [`Error::Input`](common::Error::Input) for a file that isn't an MP4 film or is damaged, [`Error::Io`](common::Error::Io)
/// for one that can't be read, and those of `observe`. What a whole film merely lacks is listed in
/// [`missing`](Verification::missing).
pub fn verify(
    film: impl AsRef<Path>,
    observe: &mut dyn FnMut(u64) -> Result<()>,
) -> Result<Verification> {
    verify_with(film.as_ref(), None, observe)
}

/// As [`verify`]; `song` is the analysis of a silent film's song, where it is known already.
///
/// # Errors
/// As for [`verify`].
pub fn verify_with(
    film: &Path,
    song: Option<&Analysis>,
    observe: &mut dyn FnMut(u64) -> Result<()>,
) -> Result<Verification> {
    let probe = video::probe(film)?;
    let mut missing = Vec::new();
    let timeline = provenance::timeline_of(film);
    let timeline = note(
        timeline,
        "target speed, seam and lost samples",
        &mut missing,
    );
    let heard = match (&probe.audio, &timeline, song) {
        (None, Some(_), Some(song)) => Ok((None, song.clone())),
        (None, Some(timeline), None) => hear_song(timeline, film).map(|heard| (None, heard)),
        _ => analyze_sound(film),
    };
    let heard = note(heard, "everything about the sound", &mut missing);
    let (track, analysis) = heard.map_or((None, None), |(track, analysis)| (track, Some(analysis)));
    let reader = note(
        FilmReader::open(film),
        "everything about the picture",
        &mut missing,
    );
    let change = match &reader {
        Some(reader) => visible_change(reader, observe)?,
        None => VisibleChange::default(),
    };
    let frame_secs = frame_secs(&probe);
    let (tempo, offset_secs) = match &timeline {
        Some(timeline) if probe.audio.is_none() => song_to_film(timeline, frame_secs),
        _ => (1.0, probe.av_offset_start_secs.unwrap_or_default()),
    };
    let evidence = Evidence {
        change,
        frame_secs,
        target: timeline.as_ref().map(Timeline::target_steps).transpose()?,
        is_loop: timeline
            .as_ref()
            .is_some_and(|timeline| timeline.noise.period().is_some()),
        analysis,
        tempo,
        offset_secs,
        n_lost_samples: timeline
            .zip(track)
            .map(|(timeline, track)| n_lost_samples(&timeline.song, &track)),
    };
    let measures = measure(&evidence, &probe)?;
    Ok(Verification {
        verdicts: verdict::verdicts(&measures),
        probe,
        measures,
        missing,
        evidence,
    })
}

/// Samples of the song that the film's sound lacks, also where that has another rate.
fn n_lost_samples(song: &Song, sound: &Track) -> i64 {
    let (from, to) = (sound.sample_rate_hz.max(1), song.sample_rate_hz);
    let heard = u128::from(sound.n_samples) * u128::from(to) + u128::from(from / 2);
    song.n_samples as i64 - (heard / u128::from(from)) as i64
}

fn analyze_sound(film: &Path) -> Result<(Option<Track>, Analysis)> {
    let track = Track::open(film)?;
    let analysis = analyze(&track, &AnalysisConfig::default())?;
    Ok((Some(track), analysis))
}

/// What is heard in the song of a silent film, which is found under its timeline's name for it, or beside the film.
///
/// # Errors
/// [`Error::Input`](common::Error::Input) where it is in neither place; those of decoding and analysis.
pub fn hear_song(timeline: &Timeline, film: &Path) -> Result<Analysis> {
    let song = &timeline.song.path;
    let folder = folder_of(film);
    let beside = song.file_name().map(|name| folder.join(name));
    let places = [song.clone(), folder.join(song)].into_iter().chain(beside);
    for place in places.filter(|place| place.is_file()) {
        let track = Track::open(&place)?;
        if track.source_sha256 == timeline.song.source_sha256 {
            let config = AnalysisConfig::default().with_corrections_beside(&place);
            return analyze(&track, &config);
        }
    }
    Err(common::Error::input(
        song,
        "the film has no sound, and its song is neither there nor beside the film",
    ))
}

/// When a time of the song is seen in a silent film: factor and offset in seconds.
fn song_to_film(timeline: &Timeline, frame_secs: f64) -> (f64, f64) {
    let song = &timeline.song;
    let tempo = frame_secs / timeline.frame_rate.frame_secs();
    let start_secs = samples_to_secs(song.start_sample, song.sample_rate_hz);
    (tempo, -tempo * start_secs)
}

/// Mean length of a frame in seconds.
fn frame_secs(probe: &Probe) -> f64 {
    let video = probe.video.as_ref();
    let mean = video.map(|v| (v.end_secs - v.start_secs) / v.n_frames.max(1) as f64);
    mean.filter(|secs| *secs > 0.0).unwrap_or(1.0)
}

/// What succeeded; what failed is added to the list of what is missing.
fn note<T>(result: Result<T>, what: &str, missing: &mut Vec<String>) -> Option<T> {
    result
        .map_err(|error| missing.push(format!("{what}: {error}")))
        .ok()
}
