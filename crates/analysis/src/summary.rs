//! The analysis in a few lines of a terminal.

use std::fmt::Write as _;

use common::units::format_secs;

use super::series::{Series, Value};
use super::{Analysis, Band};
use common::Result;

const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Width of the names in front of the rows.
const N_NAME: usize = 10;

/// An analysis in words and rows of block characters at most `width` characters wide (at least 30), without colour
/// codes, each line ended.
///
/// # Errors
/// As [`Series::read`].
pub fn summary(analysis: &Analysis, width: usize) -> Result<String> {
    let n_columns = width.max(30) - N_NAME;
    let mut text = String::new();
    let mut line = |name: &str, content: &str| {
        // Writing to a string can't fail.
        let _ = writeln!(text, "{name:<N_NAME$}{}", content.trim_end());
    };
    let track = &analysis.track;
    let channels = match track.n_channels {
        1 => "mono".to_owned(),
        2 => "stereo".to_owned(),
        n => format!("{n} channels"),
    };
    let duration = format_secs(analysis.duration_secs, 1);
    let loudness = analysis.loudness_lufs;
    let loudness = loudness.map_or(String::new(), |lufs| format!(", {lufs:.1} LUFS"));
    line(
        "song",
        &format!(
            "{duration}, {}, {} Hz, {channels}{loudness}",
            track.codec, track.sample_rate_hz
        ),
    );
    line("tempo", &tempo(analysis));
    line("beats", &beats(analysis));
    line("onsets", &onsets(analysis));
    line("key", &key(analysis));
    line("", "");
    line("sections", &sections(analysis, n_columns));
    let levels = columns(&analysis.hops.loudness_db, n_columns, |level| level)?;
    let loudest = levels.iter().copied().fold(f32::MIN, f32::max);
    line("loudness", &row(&levels, |l| (l - loudest + 40.0) / 40.0));
    for (band, name) in [(2, "high"), (1, "mid"), (0, "low")] {
        let levels = columns(&analysis.hops.bands, n_columns, |bands| bands[band])?;
        let top = levels.iter().copied().fold(1e-9, f32::max);
        line(name, &row(&levels, |level| (level / top).sqrt()));
    }
    line("bars", &downbeats(analysis, n_columns));
    let end = format_secs(analysis.duration_secs, 0);
    let n_left = n_columns - 4;
    line("", &format!("0:00{end:>n_left$}"));
    Ok(text)
}

fn tempo(analysis: &Analysis) -> String {
    let Some(bpm) = analysis.tempo_bpm else {
        return "no beat found; motion will follow energy alone".to_owned();
    };
    let mut local: Vec<f64> = analysis
        .beats
        .windows(5)
        .map(|w| 240.0 / (w[4].time_secs - w[0].time_secs).max(1e-3))
        .collect();
    local.sort_by(f64::total_cmp);
    let at = |share: f64| {
        local
            .get((local.len().saturating_sub(1) as f64 * share) as usize)
            .copied()
            .unwrap_or(bpm)
    };
    let (slow, fast) = (at(0.05), at(0.95));
    let range = if fast > slow * 1.05 {
        format!(", from {slow:.0} to {fast:.0}")
    } else {
        String::new()
    };
    format!(
        "{bpm:.1} bpm{range} ({:.0} % sure)",
        analysis.tempo_confidence * 100.0
    )
}

fn beats(analysis: &Analysis) -> String {
    let n_bars = analysis
        .beats
        .iter()
        .filter(|b| b.position_in_bar == 1)
        .count();
    let Some(first) = analysis.beats.first() else {
        return "none".to_owned();
    };
    format!(
        "{} in {n_bars} bars of {}, the first at {:.2} s ({:.0} % sure)",
        analysis.beats.len(),
        analysis.beats_per_bar(),
        first.time_secs,
        analysis.beat_confidence * 100.0
    )
}

fn key(analysis: &Analysis) -> String {
    let Some(key) = &analysis.key else {
        return "none".to_owned();
    };
    let cents = analysis.tuning_cents;
    let tuning = match cents {
        ..=-5.0 => format!(", {:.0} cents below 440 Hz", -cents),
        5.0.. => format!(", {cents:.0} cents above 440 Hz"),
        _ => String::new(),
    };
    format!("{key} ({:.0} % sure){tuning}", key.confidence * 100.0)
}

fn onsets(analysis: &Analysis) -> String {
    let of = |band: Band| analysis.onsets.iter().filter(|o| o.band == band).count();
    format!(
        "{} ({} low, {} mid, {} high)",
        analysis.onsets.len(),
        of(Band::Low),
        of(Band::Mid),
        of(Band::High)
    )
}

/// Labels at the columns where sections start, with a dash to each one's end.
fn sections(analysis: &Analysis, n_columns: usize) -> String {
    let mut row = vec!['─'; n_columns];
    for section in &analysis.sections {
        let column =
            (section.start_secs / analysis.duration_secs.max(1e-9) * n_columns as f64) as usize;
        let end = (section.end_secs / analysis.duration_secs.max(1e-9) * n_columns as f64) as usize;
        let text = std::iter::once('├').chain(section.label.chars());
        for (cell, c) in row
            .iter_mut()
            .take(end.max(column + 2))
            .skip(column)
            .zip(text)
        {
            *cell = c;
        }
    }
    row.into_iter().collect()
}

/// Each column shows how many downbeats lie in it: a dot for one, a colon for more.
fn downbeats(analysis: &Analysis, n_columns: usize) -> String {
    let mut counts = vec![0; n_columns];
    for beat in analysis.beats.iter().filter(|b| b.position_in_bar == 1) {
        let column = beat.time_secs / analysis.duration_secs.max(1e-9) * n_columns as f64;
        if let Some(count) = counts.get_mut(column as usize) {
            *count += 1;
        }
    }
    counts
        .into_iter()
        .map(|n| match n {
            0 => ' ',
            1 => '·',
            _ => ':',
        })
        .collect()
}

/// The highest in each column of what `of` makes of the values.
fn columns<T: Value>(
    values: &Series<T>,
    n_columns: usize,
    of: impl Fn(T) -> f32,
) -> Result<Vec<f32>> {
    let column = |column: usize| {
        let start = column * values.len() / n_columns;
        let end = ((column + 1) * values.len() / n_columns).max(start + 1);
        let part = values.read(start..end)?.into_iter().map(&of);
        Ok(part.fold(f32::MIN, f32::max))
    };
    (0..n_columns).map(column).collect()
}

/// Block characters for columns, of which `share` makes 0..=1.
fn row(columns: &[f32], share: impl Fn(f32) -> f32) -> String {
    let block = |column: &f32| BLOCKS[((share(*column).max(0.0) * 8.0) as usize).min(7)];
    columns.iter().map(block).collect()
}
