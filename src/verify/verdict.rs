use serde::{Deserialize, Serialize};

use super::Measures;

/// What a measure says about the film.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Name of the measure, as in [`Measures`].
    pub measure: String,
    /// Its name for people.
    pub name: String,
    /// Its value.
    pub value: f64,
    /// Value and unit as people read them.
    pub text: String,
    /// What counts as good, in words.
    pub wanted: String,
    /// Whether it is good; otherwise it is poor.
    pub is_good: bool,
}

/// A verdict on each measure that is there and has a threshold.
pub(super) fn verdicts(measures: &Measures) -> Vec<Verdict> {
    let m = measures;
    let mut verdicts = Verdicts(Vec::new());
    let plain = |value: f64| format!("{value:.2}");
    let lag = |frames: f64, ms: Option<f64>| {
        format!("{frames:.2} frames, {:.1} ms", ms.unwrap_or_default())
    };
    let share = |value: f64| format!("{:.2} %", 100.0 * value);
    let offset = |value: f64| format!("{value:+.3} frames");
    verdicts.add(
        "correlation",
        "visible and target speed",
        m.correlation,
        plain,
        "at least 0.9",
        |v| v >= 0.9,
    );
    verdicts.add(
        "onset_lag_median_frames",
        "onset to visible peak, median",
        m.onset_lag_median_frames,
        |v| lag(v, m.onset_lag_median_ms),
        "below 0.5 frames",
        |v| v < 0.5,
    );
    verdicts.add(
        "onset_lag_p95_frames",
        "onset to visible peak, 95 %",
        m.onset_lag_p95_frames,
        |v| lag(v, m.onset_lag_p95_ms),
        "below 1.5 frames",
        |v| v < 1.5,
    );
    verdicts.add(
        "istd",
        "unevenness of steps (ISTD)",
        m.istd,
        plain,
        "at most 1",
        |v| v <= 1.0,
    );
    verdicts.add(
        "largest_over_median",
        "largest step over median",
        m.largest_over_median,
        plain,
        "at most 12",
        |v| v <= 12.0,
    );
    verdicts.add(
        "largest_over_median_steady",
        "the same in steady passages",
        m.largest_over_median_steady,
        plain,
        "at most 2",
        |v| v <= 2.0,
    );
    verdicts.add(
        "frozen_share_heard",
        "frozen frames outside silence",
        m.frozen_share_heard,
        share,
        "below 1 %",
        |v| v < 0.01,
    );
    verdicts.add(
        "section_rank_correlation",
        "energy and speed of sections",
        m.section_rank_correlation,
        plain,
        "at least 0.9",
        |v| v >= 0.9,
    );
    verdicts.add(
        "seam_over_median",
        "seam of the loop over median",
        m.seam_over_median,
        plain,
        "at most 1",
        |v| v <= 1.0,
    );
    verdicts.add(
        "av_offset_start_frames",
        "sound starts after picture",
        m.av_offset_start_frames,
        offset,
        "within half a frame",
        |v| v.abs() <= 0.5,
    );
    verdicts.add(
        "av_offset_end_frames",
        "sound ends after picture",
        m.av_offset_end_frames,
        offset,
        "within a frame",
        |v| v.abs() <= 1.0,
    );
    verdicts.add(
        "n_lost_samples",
        "samples of the song lost",
        m.n_lost_samples.map(|n| n as f64),
        |v| format!("{v:.0}"),
        "0",
        |v| v == 0.0,
    );
    verdicts.0
}

struct Verdicts(Vec<Verdict>);

impl Verdicts {
    fn add(
        &mut self,
        measure: &str,
        name: &str,
        value: Option<f64>,
        text: impl Fn(f64) -> String,
        wanted: &str,
        is_good: impl Fn(f64) -> bool,
    ) {
        self.0.extend(value.map(|value| Verdict {
            measure: measure.to_owned(),
            name: name.to_owned(),
            value,
            text: text(value),
            wanted: wanted.to_owned(),
            is_good: is_good(value),
        }));
    }
}
