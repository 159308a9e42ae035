//! Sections: the song cut where its sound changes for good, with repeated parts recognised.
//!
//! Each bar is described by its mean spectrum and harmony. The cuts are those of the best piecewise constant description of
//! all bars, found exactly by dynamic programming, where every further section must pay for itself.

mod bar_sounds;
mod cut;

use bar_sounds::BarSounds;
use cut::cut;

use std::ops::Range;

use super::features::{Features, HOPS_PER_CHROMA};
use super::hops::HOP_SECS;
use super::series::Series;
use super::{Beat, Section};
use common::Result;

/// Levels further below the song's loudest bands than this are silence, in dB.
const RANGE_DB: f32 = 55.0;
/// Decibels that count as one unit of difference in a band.
const UNIT_DB: f32 = 6.0;
/// Weight of harmony against spectrum.
const HARMONY_WEIGHT: f32 = 0.8;
/// Length of a bar where there are no beats, in seconds.
const FREE_BAR_SECS: f64 = 2.0;
/// Least distance of a cut from the song's start, in seconds.
const MIN_EDGE_SECS: f64 = 1.5;
/// How far sections with one label may lie apart, over how far bars lie from the mean of their own section.
const ALIKE: f32 = 0.9;
/// Least distance of a section's bars from its mean: sections of one bar, and of bars that are all the same.
const MIN_SPREAD: f32 = 0.1;

/// Sections without gaps over the whole song; at least one.
///
/// # Errors
/// As [`CoarseReader::read`](super::features::CoarseReader::read).
pub(super) fn find(
    features: &Features,
    beats: &[Beat],
    duration_secs: f64,
) -> Result<Vec<Section>> {
    let starts = bar_starts(beats, duration_secs);
    let bars = describe(features, &starts, duration_secs)?;
    let cuts = cut(&bars, &starts, duration_secs)?;
    let labels = name(&bars, &cuts)?;
    let parts: Vec<(f64, String)> = cuts.iter().map(|bar| starts[*bar]).zip(labels).collect();
    between(features, &parts, duration_secs)
}

/// Sections that begin at the given times with the given labels, the first at the song's start; each ends where the next
/// begins.
///
/// # Errors
/// As [`Series::read`].
pub(super) fn between(
    features: &Features,
    parts: &[(f64, String)],
    duration_secs: f64,
) -> Result<Vec<Section>> {
    let loudness = loudness(features)?;
    let sections = parts.iter().enumerate().map(|(i, (start_secs, label))| {
        let start_secs = if i == 0 { 0.0 } else { *start_secs };
        let end_secs = parts.get(i + 1).map_or(duration_secs, |(start, _)| *start);
        Ok(Section {
            start_secs,
            end_secs,
            label: label.clone(),
            energy: mean_between(&loudness, start_secs, end_secs)?,
        })
    });
    sections.collect()
}

/// Where bars start in seconds: at the song's start, at downbeats, and at a steady pace where there are no beats. What
/// precedes the music by less than [`MIN_EDGE_SECS`] belongs to the first bar, a last bar that isn't whole to the one
/// before.
fn bar_starts(beats: &[Beat], duration_secs: f64) -> Vec<f64> {
    let mut starts = vec![0.0];
    let first_beat = beats.first().map(|b| b.time_secs);
    let downbeats = beats
        .iter()
        .filter(|b| b.position_in_bar == 1)
        .map(|b| b.time_secs);
    let mut downbeats: Vec<f64> = downbeats.collect();
    if let (Some(first), Some(downbeat)) = (first_beat, downbeats.first())
        && first < *downbeat
        && first > MIN_EDGE_SECS
    {
        downbeats.insert(0, first);
    }
    let bar_secs = typical_bar(&downbeats);
    // The last beat sounds until the next would.
    let music_end = match beats {
        [.., before, last] => 2.0 * last.time_secs - before.time_secs,
        _ => duration_secs,
    };
    downbeats.retain(|secs| *secs > MIN_EDGE_SECS && *secs + 0.9 * bar_secs < music_end);
    for secs in downbeats.into_iter().chain([duration_secs]) {
        let last = starts.last().copied().unwrap_or(0.0);
        let n_parts = if secs - last > 4.0 * FREE_BAR_SECS {
            ((secs - last) / FREE_BAR_SECS).floor() as usize
        } else {
            1
        };
        starts.extend((1..n_parts).map(|i| last + (secs - last) * i as f64 / n_parts as f64));
        if secs < duration_secs {
            starts.push(secs);
        }
    }
    starts
}

/// Median distance of downbeats in seconds, or that of bars without beats.
fn typical_bar(starts: &[f64]) -> f64 {
    let mut lengths: Vec<f64> = starts.windows(2).map(|w| w[1] - w[0]).collect();
    lengths.sort_by(f64::total_cmp);
    lengths
        .get(lengths.len() / 2)
        .copied()
        .unwrap_or(FREE_BAR_SECS)
}

/// One vector for each bar.
fn describe(features: &Features, starts: &[f64], duration_secs: f64) -> Result<BarSounds> {
    let n_bands = features.coarse.n_bands();
    let mut rows = features.coarse.reader();
    let (mut chroma, mut bass) = (features.chroma.reader(), features.bass_chroma.reader());
    let mut levels = vec![0.0f32; n_bands];
    let floor_db = features.coarse.top_db() - RANGE_DB;
    let longest = 1.2 * typical_bar(starts).max(0.1);
    let spectrum_scale = 1.0 / (UNIT_DB * (n_bands as f32).sqrt());
    let mut bars = BarSounds::new(n_bands + 24);
    for bar in 0..starts.len() {
        let end = starts.get(bar + 1).copied().unwrap_or(duration_secs);
        // A song that fades doesn't change for that.
        let end = end.min(starts[bar] + longest);
        let first = (starts[bar] / HOP_SECS) as usize;
        let last = ((end / HOP_SECS) as usize).clamp(first + 1, features.n_hops.max(first + 1));
        let mut vector = vec![0.0f32; n_bands + 24];
        for hop in first..last.min(features.n_hops) {
            rows.read(hop, &mut levels)?;
            for (sum, level) in vector.iter_mut().zip(&levels) {
                *sum += (level - floor_db).max(0.0);
            }
        }
        for value in &mut vector[..n_bands] {
            *value *= spectrum_scale / (last - first) as f32;
        }
        let harmony = first / HOPS_PER_CHROMA..last.div_ceil(HOPS_PER_CHROMA);
        for (rows, offset) in [(&mut chroma, 0), (&mut bass, 12)] {
            let target = &mut vector[n_bands + offset..n_bands + offset + 12];
            for row in rows.read(harmony.clone())? {
                target.iter_mut().zip(row).for_each(|(t, c)| *t += c);
            }
            let norm = target.iter().map(|t| t * t).sum::<f32>().sqrt();
            let scale = if norm > 1e-9 {
                HARMONY_WEIGHT * 0.7 / norm
            } else {
                0.0
            };
            target.iter_mut().for_each(|t| *t *= scale);
        }
        bars.push(&vector);
    }
    Ok(bars)
}

/// Letters; sections that sound alike share one.
fn name(bars: &BarSounds, cuts: &[usize]) -> Result<Vec<String>> {
    let ends = cuts.iter().skip(1).copied().chain([bars.len()]);
    let sounds: Vec<Sound> = cuts
        .iter()
        .zip(ends)
        .map(|(start, end)| Sound::of(bars, *start..end))
        .collect::<Result<_>>()?;
    let mut firsts: Vec<&Sound> = Vec::new();
    let mut labels = Vec::new();
    for sound in &sounds {
        let distances = firsts
            .iter()
            .map(|first| distance(&first.mean, &sound.mean));
        let nearest = distances.enumerate().min_by(|a, b| a.1.total_cmp(&b.1));
        let label = match nearest {
            Some((label, d)) if d < ALIKE * 0.5 * (firsts[label].spread + sound.spread) => label,
            _ => {
                firsts.push(sound);
                firsts.len() - 1
            }
        };
        labels.push(letter(label));
    }
    Ok(labels)
}

/// How a section sounds.
struct Sound {
    /// Of its bars.
    mean: Vec<f32>,
    /// How far its bars lie from that.
    spread: f32,
}

impl Sound {
    fn of(bars: &BarSounds, range: Range<usize>) -> Result<Self> {
        let n = range.len().max(1) as f32;
        let mut mean = vec![0.0f32; bars.n_dims()];
        for bar in bars.over(range.clone()) {
            let values = mean.iter_mut().zip(bar?);
            values.for_each(|(sum, value)| *sum += value);
        }
        mean.iter_mut().for_each(|sum| *sum /= n);
        let squares = bars
            .over(range)
            .map(|bar| Ok(distance(&bar?, &mean).powi(2)));
        let spread = (squares.sum::<Result<f32>>()? / n).sqrt().max(MIN_SPREAD);
        Ok(Self { mean, spread })
    }
}

fn distance(a: &[f32], b: &[f32]) -> f32 {
    let squares = a.iter().zip(b).map(|(a, b)| (a - b).powi(2));
    squares.sum::<f32>().sqrt()
}

/// A, B, … Z, A1, B1, …
fn letter(idx: usize) -> String {
    let letter = char::from(b'A' + (idx % 26) as u8);
    match idx / 26 {
        0 => letter.to_string(),
        round => format!("{letter}{round}"),
    }
}

/// Loudness of each hop between the song's quiet and loud, 0..=1.
fn loudness(features: &Features) -> Result<Series<f32>> {
    let levels_db = &features.loudness_db;
    let loud = levels_db.percentile(0.98, |_| true)?;
    let quiet = levels_db.percentile(0.05, |_| true)?.max(loud - 30.0);
    let range = (loud - quiet).max(6.0);
    levels_db.map(|l| (1.0 + (l - loud) / range).clamp(0.0, 1.0))
}

fn mean_between(values: &Series<f32>, start_secs: f64, end_secs: f64) -> Result<f64> {
    let first = ((start_secs / HOP_SECS) as usize).min(values.len());
    let last = ((end_secs / HOP_SECS) as usize).clamp(first, values.len());
    let mut values = values.over(first..last);
    let sum = values.try_fold(0.0f32, |sum, value| value.map(|value| sum + value))?;
    Ok(f64::from(sum) / (last - first).max(1) as f64)
}
