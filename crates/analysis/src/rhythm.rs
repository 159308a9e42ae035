//! From the times that a tracker found to beats with positions in bars, a tempo and how sure they are.

use common::Result;
use common::rounding::rounded;

use super::bars;
use super::confidence;
use super::extent::Extent;
use super::hops::HOP_SECS;
use super::series::SeriesReader;
use super::tracker::Evidence;
use super::{Beat, Onset};

/// Fewest beats that make a rhythm.
const MIN_BEATS: usize = 4;
/// Least probability of music with a beat: noise, tones and held chords lie at .026 to .029, the quietest music at .05.
const MIN_MUSIC: f64 = 0.035;
/// Farthest that a beat is moved to an onset, in seconds.
const SNAP_SECS: f64 = 0.04;

/// Beats and tempo of a song.
#[derive(Clone, Debug, Default)]
pub(super) struct Rhythm {
    pub beats: Vec<Beat>,
    pub tempo_bpm: Option<f64>,
    pub tempo_confidence: f64,
    pub beat_confidence: f64,
}

/// Beats as hops and positions in bars, within the music.
///
/// # Errors
/// As [`bars::positions`].
pub(super) fn kept(
    secs: &[f64],
    evidence: &Evidence<'_>,
    onsets: &[Onset],
) -> Result<Vec<(usize, u32)>> {
    let hops = secs.iter().map(|secs| (secs / HOP_SECS).round() as usize);
    let music = Extent::of(onsets, evidence.features, evidence.strength)?;
    let hops: Vec<usize> = music.trimmed(hops);
    let positions = bars::positions(&hops, evidence)?;
    Ok(hops.into_iter().zip(positions).collect())
}

/// Beats with bars, refined to onsets. Empty where there is no rhythm.
///
/// # Errors
/// As [`bars::positions`].
pub(super) fn choose(tracked: &[f64], evidence: &Evidence<'_>, onsets: &[Onset]) -> Result<Rhythm> {
    let kept = kept(tracked, evidence, onsets)?;
    let confidence = confidence::of(&kept, evidence)?;
    // Where the tempo is given, there is a beat.
    let is_music = confidence.music >= MIN_MUSIC || evidence.config.tempo_bpm.is_some();
    if kept.len() < MIN_BEATS || !is_music {
        return Ok(Rhythm::default());
    }
    let mut strength = evidence.strength.full.reader();
    let beat = |(hop, position): &(usize, u32)| {
        Ok(Beat {
            time_secs: rounded(snapped(*hop as f64 * HOP_SECS, onsets), 1e6),
            position_in_bar: *position,
            strength: rounded(strongest(&mut strength, *hop)?, 1e4),
        })
    };
    let beats: Vec<Beat> = kept.iter().map(beat).collect::<Result<_>>()?;
    Ok(Rhythm {
        tempo_bpm: tempo(&beats),
        tempo_confidence: confidence.tempo,
        beat_confidence: confidence.beat,
        beats,
    })
}

/// Onset strength around a beat, 0..=1.
///
/// # Errors
/// As [`SeriesReader::read`].
pub(super) fn strongest(strength: &mut SeriesReader<'_, f32>, hop: usize) -> Result<f64> {
    let around = strength.read(hop.saturating_sub(3)..hop + 4)?;
    Ok(f64::from(
        around.iter().copied().fold(0.0, f32::max).min(1.0),
    ))
}

/// The time of the nearest strong onset, where one is close.
fn snapped(secs: f64, onsets: &[Onset]) -> f64 {
    let first = onsets.partition_point(|o| o.time_secs < secs - SNAP_SECS);
    let near = onsets[first..]
        .iter()
        .take_while(|o| o.time_secs <= secs + SNAP_SECS);
    let value = |o: &Onset| o.strength * (-((o.time_secs - secs) / 0.025).powi(2)).exp();
    near.max_by(|a, b| value(a).total_cmp(&value(b)))
        .map_or(secs, |o| o.time_secs)
}

/// Median tempo in beats per minute.
pub(super) fn tempo(beats: &[Beat]) -> Option<f64> {
    let mut intervals: Vec<f64> = beats
        .windows(2)
        .map(|w| w[1].time_secs - w[0].time_secs)
        .collect();
    intervals.sort_by(f64::total_cmp);
    intervals
        .get(intervals.len() / 2)
        .filter(|i| **i > 0.0)
        .map(|i| 60.0 / i)
}
