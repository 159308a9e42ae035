use analysis::{Analysis, SILENCE_DB, Section};
use common::Result;
use common::statistics::{correlation, median, quantile, rank_correlation};
use serde::{Deserialize, Serialize};
use video::Probe;

use super::change::VisibleChange;
use super::lag::{Lag, lags};
use super::sections::{SectionSpeed, section_speeds};
use super::smoothness::{frozen_share, istd, largest_over_median, steady_passages};

/// Strength from which on an onset is strong, 0..=1 over the song.
pub const STRONG: f64 = 0.6;

/// Factor by which the target speed may change within a steady passage.
pub const STEADY: f64 = 1.5;

/// Shortest steady passage in seconds.
const STEADY_SECS: f64 = 1.0;

/// Fewest sections whose order says something.
const LEAST_SECTIONS: usize = 3;

/// What a film is measured by.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// The visible steps.
    pub change: VisibleChange,
    /// Length of a frame in seconds.
    pub frame_secs: f64,
    /// The steps that the timeline asks for, in any unit; absent where there is no timeline.
    pub target: Option<Vec<f64>>,
    /// Whether the film's end leads into its start.
    pub is_loop: bool,
    /// The analysis of the film's sound, or of a silent film's song; absent where there is none.
    pub analysis: Option<Analysis>,
    /// Seconds of the film in which a second of that is seen; 1 where it is heard.
    pub tempo: f64,
    /// When it starts after the picture, in seconds of the film.
    pub offset_secs: f64,
    /// Samples of the song that the film's sound lacks; absent where there is no timeline or no sound.
    pub n_lost_samples: Option<i64>,
}

/// What was measured; absent where something that it takes is missing. Definitions are in the
/// [module](crate::verify).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measures {
    /// Correlation of visible with target steps, -1..=1.
    pub correlation: Option<f64>,
    /// Number of strong onsets whose lag was measured.
    pub n_strong_onsets: u64,
    /// Median of the absolute lags in milliseconds.
    pub onset_lag_median_ms: Option<f64>,
    /// 95th percentile of the absolute lags in milliseconds.
    pub onset_lag_p95_ms: Option<f64>,
    /// Median of the absolute lags in frames.
    pub onset_lag_median_frames: Option<f64>,
    /// 95th percentile of the absolute lags in frames.
    pub onset_lag_p95_frames: Option<f64>,
    /// Median of the lags in milliseconds; positive = seen after it is heard.
    pub onset_lag_bias_ms: Option<f64>,
    /// Standard deviation of the steps over their mean.
    pub istd: Option<f64>,
    /// Largest step over the median one.
    pub largest_over_median: Option<f64>,
    /// The same within the least even steady passage.
    pub largest_over_median_steady: Option<f64>,
    /// Number of steady passages.
    pub n_steady_passages: u64,
    /// Share of frozen frames in the whole film, 0..=1.
    pub frozen_share: Option<f64>,
    /// Share of frozen frames where there is sound, 0..=1.
    pub frozen_share_heard: Option<f64>,
    /// Rank correlation of the sections' energy with their visible speed, -1..=1.
    pub section_rank_correlation: Option<f64>,
    /// The sections.
    pub sections: Vec<SectionSpeed>,
    /// Step from the last frame to the first over the median one, in a loop.
    pub seam_over_median: Option<f64>,
    /// When the sound starts after the picture, in frames.
    pub av_offset_start_frames: Option<f64>,
    /// When the sound ends after the picture, in frames.
    pub av_offset_end_frames: Option<f64>,
    /// Samples of the song that the film's sound lacks; below 0 = has too many.
    pub n_lost_samples: Option<i64>,
}

/// All measures that the evidence allows.
///
/// # Errors
/// As [`Series::read`](analysis::Series::read).
pub fn measure(evidence: &Evidence, probe: &Probe) -> Result<Measures> {
    let change = &evidence.change;
    let steps = &change.steps;
    let target = evidence.target.as_deref();
    let frames = |secs: f64| secs / evidence.frame_secs;
    let lags = evidence.lags();
    let off: Vec<f64> = lags.iter().map(|lag| lag.lag_secs.abs()).collect();
    let signed: Vec<f64> = lags.iter().map(|lag| lag.lag_secs).collect();
    let (lag_median, lag_p95) = (median(&off), quantile(&off, 0.95));
    let passages = evidence.steady_passages();
    let uneven = passages
        .iter()
        .filter_map(|passage| largest_over_median(steps.get(passage.clone())?));
    let sections = evidence.section_speeds();
    let of_sections =
        |value: fn(&SectionSpeed) -> f64| sections.iter().map(value).collect::<Vec<_>>();
    let enough = sections.len() >= LEAST_SECTIONS;
    let seam = median(steps).filter(|median| evidence.is_loop && *median > 0.0);
    Ok(Measures {
        correlation: target.and_then(|target| correlation(steps, target)),
        n_strong_onsets: lags.len() as u64,
        onset_lag_median_ms: lag_median.map(|secs| 1000.0 * secs),
        onset_lag_p95_ms: lag_p95.map(|secs| 1000.0 * secs),
        onset_lag_median_frames: lag_median.map(frames),
        onset_lag_p95_frames: lag_p95.map(frames),
        onset_lag_bias_ms: median(&signed).map(|secs| 1000.0 * secs),
        istd: istd(steps),
        largest_over_median: largest_over_median(steps),
        largest_over_median_steady: uneven.reduce(f64::max),
        n_steady_passages: passages.len() as u64,
        frozen_share: frozen_share(steps, |_| true),
        frozen_share_heard: evidence
            .heard_steps()?
            .and_then(|heard| frozen_share(steps, |step| heard.get(step) == Some(&true))),
        section_rank_correlation: enough
            .then(|| rank_correlation(&of_sections(|s| s.energy), &of_sections(|s| s.speed)))
            .flatten(),
        seam_over_median: seam.map(|median| change.seam / median),
        av_offset_start_frames: probe.av_offset_start_secs.map(frames),
        av_offset_end_frames: probe.av_offset_end_secs.map(frames),
        n_lost_samples: evidence.n_lost_samples,
        sections,
    })
}

impl Evidence {
    /// When a time of the sound is seen, in seconds of the picture.
    pub(super) fn seen_secs(&self, secs: f64) -> f64 {
        self.tempo * secs + self.offset_secs
    }

    /// The sections of the sound, in seconds of the picture.
    pub(super) fn seen_sections(&self) -> Vec<Section> {
        let sections = self.analysis.iter().flat_map(|analysis| &analysis.sections);
        sections
            .map(|section| Section {
                start_secs: self.seen_secs(section.start_secs),
                end_secs: self.seen_secs(section.end_secs),
                ..section.clone()
            })
            .collect()
    }

    /// Times of the strong onsets in seconds of the picture.
    pub(super) fn strong_onsets(&self) -> Vec<f64> {
        let onsets = self.analysis.iter().flat_map(|analysis| &analysis.onsets);
        onsets
            .filter(|onset| onset.strength >= STRONG)
            .map(|onset| self.seen_secs(onset.time_secs))
            .collect()
    }

    /// The lag of each strong onset.
    pub(super) fn lags(&self) -> Vec<Lag> {
        let onsets = self.strong_onsets();
        lags(
            &self.change.times_secs,
            &self.change.steps,
            &onsets,
            self.frame_secs,
        )
    }

    /// Runs of steps with a steady target speed.
    pub(super) fn steady_passages(&self) -> Vec<std::ops::Range<usize>> {
        let least = (STEADY_SECS / self.frame_secs).ceil() as usize;
        let target = self.target.as_deref().unwrap_or_default();
        steady_passages(target, least.max(3), STEADY)
    }

    /// Energy and speed of each section.
    pub(super) fn section_speeds(&self) -> Vec<SectionSpeed> {
        section_speeds(
            &self.change.times_secs,
            &self.change.steps,
            &self.seen_sections(),
            self.frame_secs,
        )
    }

    /// Whether there is sound while each step is seen; `None` without sound.
    fn heard_steps(&self) -> Result<Option<Vec<bool>>> {
        let Some(hops) = self.analysis.as_ref().map(|analysis| &analysis.hops) else {
            return Ok(None);
        };
        let mut loudness_db = hops.loudness_db.reader();
        let is_heard = |time: &f64| {
            let heard_secs = (time - self.offset_secs) / self.tempo.max(1e-9);
            let hop = (heard_secs / hops.hop_secs.max(1e-4)).max(0.0) as usize;
            let here = loudness_db.read(hop..hop.saturating_add(1))?;
            Ok(here.first().is_some_and(|db| *db > SILENCE_DB))
        };
        let steps = self.change.times_secs.iter().map(is_heard);
        steps.collect::<Result<_>>().map(Some)
    }
}
