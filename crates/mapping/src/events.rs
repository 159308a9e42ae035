//! Events that make the picture jump: onsets by what they add to each band, and beats.
//!
//! A kick under a cymbal is one onset, but it lifts the low band as much as a kick alone does. So an onset's strength is
//! the sum of the rises of the bands around it, each in proportion to the song's large rises of that band. How strong it is
//! as an onset counts beside them: a strong one is to be seen whatever band it is in.

use analysis::{Analysis, Beat, Hops, Onset, SILENCE_DB, Series, SeriesReader};
use common::Result;

use crate::prompts::Feature;

/// Something that may hit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Event {
    pub time_secs: f64,
    /// 1 = a strong one.
    pub strength: f64,
    /// Time constant in seconds of its decay.
    pub decay_secs: f64,
}

/// Weight of a large rise of the low, mid and high band, and how long in seconds it shows: a kick moves the picture, a
/// hat lets it glitter. A full hit in all bands reaches the sum.
const BANDS: [(f64, f64); 3] = [(0.75, 0.26), (0.3, 0.18), (0.2, 0.10)];

/// Share of an onset's own strength in that of its event; the rest is what its bands rise.
const ONSET_SHARE: f64 = 0.3;

/// Exponent on a rise. Below 1: a hit half as loud is seen as more than half.
const RISE_POWER: f64 = 0.8;

/// How far around an onset its rise is looked for, in seconds: hops describe some time around them.
const BEFORE_SECS: f64 = 0.05;
const AFTER_SECS: f64 = 0.06;

/// Percentile of rises that counts as a large one, and of levels that it is compared with.
const LARGE_PERCENTILE: f64 = 0.95;

/// A rise below this share of the band's high level isn't large, however steady the band is.
const LEAST_LARGE: f64 = 0.5;

/// Decay in seconds of events on beats.
const BEAT_DECAY_SECS: f64 = 0.26;

/// Factor for an onset on a downbeat, where bars are sure.
const DOWNBEAT_ACCENT: f64 = 1.4;

/// How near an onset has to be to a downbeat to be on it, in seconds (the usual tolerance for beats).
const DOWNBEAT_WINDOW_SECS: f64 = 0.07;

/// The audible events of a feature.
///
/// # Errors
/// As [`Series::read`](analysis::Series::read).
pub(super) fn events(analysis: &Analysis, feature: &Feature) -> Result<Vec<Event>> {
    let all = &[0, 1, 2];
    let song = |bands| {
        onsets(
            &analysis.onsets,
            &analysis.hops,
            &Accent::new(analysis),
            bands,
        )
    };
    let mut hops = &analysis.hops;
    let events = match feature {
        Feature::Low => song(&[0])?,
        Feature::Mid => song(&[1])?,
        Feature::High => song(&[2])?,
        Feature::Beats => beats(analysis, |_| true),
        Feature::Downbeats => beats(analysis, |position| position == 1),
        Feature::Stem { name, .. } => match analysis.stems.iter().find(|stem| stem.name == *name) {
            Some(stem) => {
                hops = &stem.hops;
                onsets(&stem.onsets, hops, &Accent::new(analysis), all)?
            }
            None => Vec::new(),
        },
        // The others have no events; the parser sends none here.
        _ => song(all)?,
    };
    let mut loudness_db = hops.loudness_db.reader();
    let audible = events.into_iter().filter_map(|event| {
        let is_audible = is_audible(&mut loudness_db, hops, event.time_secs);
        is_audible.map(|is| is.then_some(event)).transpose()
    });
    audible.collect()
}

fn beats(analysis: &Analysis, is_event: fn(u32) -> bool) -> Vec<Event> {
    let beats = analysis
        .beats
        .iter()
        .filter(|beat| is_event(beat.position_in_bar));
    let event = |beat: &Beat| Event {
        time_secs: beat.time_secs,
        strength: 1.0,
        decay_secs: BEAT_DECAY_SECS,
    };
    beats.map(event).collect()
}

/// Onsets with the strength that they have in some of the bands. One band alone counts in full.
fn onsets(onsets: &[Onset], hops: &Hops, accent: &Accent, bands: &[usize]) -> Result<Vec<Event>> {
    let mut rises = Rises::new(onsets, hops)?;
    let event = |onset: &Onset| {
        let rises = rises.at(onset)?;
        let (mut rise, mut decay) = (0.0, 0.0);
        for &band in bands {
            let (weight, decay_secs) = BANDS[band];
            let weight = if bands.len() == 1 { 1.0 } else { weight };
            let share = weight * rises[band].powf(RISE_POWER);
            rise += share;
            decay += share * decay_secs;
        }
        let own = onset.strength.clamp(0.0, 1.0);
        let strength = if bands.len() == 1 {
            rise
        } else {
            (1.0 - ONSET_SHARE) * rise + ONSET_SHARE * own
        };
        Ok(Event {
            time_secs: onset.time_secs,
            strength: strength * own.sqrt() * accent.at(onset.time_secs),
            decay_secs: if rise > 0.0 {
                decay / rise
            } else {
                BEAT_DECAY_SECS
            },
        })
    };
    onsets.iter().map(event).collect()
}

/// How much each band rises at an onset: looked up again for each, as sets of hours have too many of them to be kept.
struct Rises<'a> {
    /// None without bands.
    bands: Option<SeriesReader<'a, [f32; 3]>>,
    hop_secs: f64,
    /// A large rise of this song in each band.
    large: [f64; 3],
}

impl<'a> Rises<'a> {
    fn new(onsets: &[Onset], hops: &'a Hops) -> Result<Self> {
        let mut large = [0.0; 3];
        for (band, large) in large.iter_mut().enumerate() {
            let mut bands = hops.bands.reader();
            let rise = |onset: &Onset| {
                let rises = rise(&mut bands, hops.hop_secs, onset.time_secs)?;
                Ok(rises[band])
            };
            let rises = Series::of_hops(onsets.iter().map(rise))?;
            let levels = hops.bands.map(|levels| levels[band])?;
            let large_rise = rises.quantile(LARGE_PERCENTILE, |_| true)?;
            let high_level = levels.quantile(LARGE_PERCENTILE, |_| true)?;
            *large = large_rise
                .unwrap_or_default()
                .max(LEAST_LARGE * high_level.unwrap_or_default());
        }
        Ok(Self {
            bands: (!hops.bands.is_empty()).then(|| hops.bands.reader()),
            hop_secs: hops.hop_secs,
            large,
        })
    }

    /// 0..=1: 1 = a large rise of this song. Without bands, the onset's own band has all of its strength.
    fn at(&mut self, onset: &Onset) -> Result<[f64; 3]> {
        let Some(bands) = &mut self.bands else {
            let mut rises = [0.0; 3];
            rises[onset.band as usize] = onset.strength.clamp(0.0, 1.0);
            return Ok(rises);
        };
        let mut rises = rise(bands, self.hop_secs, onset.time_secs)?;
        for (rise, large) in rises.iter_mut().zip(self.large) {
            *rise = match large > 1e-6 {
                true => (*rise / large).clamp(0.0, 1.0),
                false => 0.0,
            };
        }
        Ok(rises)
    }
}

/// How much the amplitude of each band rises around a time.
fn rise(bands: &mut SeriesReader<'_, [f32; 3]>, hop_secs: f64, secs: f64) -> Result<[f64; 3]> {
    let hop = |secs: f64| (secs / hop_secs.max(1e-4)).round().max(0.0) as usize;
    let (first, middle) = (hop(secs - BEFORE_SECS), hop(secs));
    let around = bands.read(first..hop(secs + AFTER_SECS).saturating_add(1))?;
    let before = around.get(..=middle - first).unwrap_or(around);
    let after = around.get(middle - first..).unwrap_or_default();
    let mut rises = [0.0; 3];
    for (band, rise) in rises.iter_mut().enumerate() {
        let level = |bands: &[f32; 3]| Some(f64::from(bands[band])).filter(|l| l.is_finite());
        let before = before
            .iter()
            .filter_map(level)
            .fold(f64::INFINITY, f64::min);
        let after = after.iter().filter_map(level).fold(0.0, f64::max);
        if before.is_finite() {
            *rise = (after - before).max(0.0);
        }
    }
    Ok(rises)
}

/// Makes onsets on downbeats stronger, as far as bars are sure.
struct Accent {
    downbeats: Vec<f64>,
    factor: f64,
}

impl Accent {
    fn new(analysis: &Analysis) -> Self {
        let downbeats = analysis
            .beats
            .iter()
            .filter(|beat| beat.position_in_bar == 1);
        let confidence = analysis.beat_confidence.clamp(0.0, 1.0);
        let is_sure = analysis.has_reliable_beats();
        Self {
            downbeats: downbeats.map(|beat| beat.time_secs).collect(),
            factor: 1.0 + (DOWNBEAT_ACCENT - 1.0) * if is_sure { confidence } else { 0.0 },
        }
    }

    fn at(&self, secs: f64) -> f64 {
        let idx = self
            .downbeats
            .partition_point(|d| *d < secs - DOWNBEAT_WINDOW_SECS);
        let is_on = self
            .downbeats
            .get(idx)
            .is_some_and(|d| *d <= secs + DOWNBEAT_WINDOW_SECS);
        if is_on { self.factor } else { 1.0 }
    }
}

/// Whether there is sound within a tenth of a second after a time.
fn is_audible(loudness_db: &mut SeriesReader<'_, f32>, hops: &Hops, secs: f64) -> Result<bool> {
    if !secs.is_finite() || hops.loudness_db.is_empty() || hops.hop_secs <= 0.0 {
        return Ok(secs.is_finite());
    }
    let first = (secs.max(0.0) / hops.hop_secs) as usize;
    let n = (0.1 / hops.hop_secs).ceil() as usize + 1;
    let after = loudness_db.read(first..first.saturating_add(n))?;
    Ok(after.iter().any(|db| *db > SILENCE_DB))
}

#[cfg(test)]
mod tests {
    use analysis::Band;

    use super::super::test_songs::{Song, onset};
    use super::*;

    /// Strength of the events of a song whose bands jump to the given levels at its onsets, a second apart.
    fn strengths(levels: &[[f32; 3]], feature: Feature) -> Vec<f64> {
        let time = |i: usize| 10.25 + i as f64;
        let onsets = (0..levels.len())
            .map(|i| onset(time(i), 1.0, Band::High))
            .collect();
        let mut song = Song {
            onsets,
            loudness_db: |_| -10.0,
            ..Song::default()
        }
        .analysis();
        let mut bands = vec![[0.0; 3]; song.hops.bands.len()];
        for (i, level) in levels.iter().enumerate() {
            let hop = (time(i) * 100.0).round() as usize;
            bands[hop..hop + 20].fill(*level);
        }
        song.hops.bands = bands.into();
        let events = events(&song, &feature).unwrap();
        events.iter().map(|event| event.strength).collect()
    }

    #[test]
    fn a_kick_counts_as_much_under_a_cymbal() {
        let found = strengths(
            &[[0.4, 0.0, 0.0], [0.4, 0.0, 0.3], [0.0, 0.0, 0.3]],
            Feature::Onsets,
        );
        assert!((found[0] - (0.7 * 0.75 + 0.3)).abs() < 1e-9, "{found:?}");
        assert!(found[1] > found[0], "{found:?}");
        assert!(found[2] < 0.6 * found[0], "{found:?}");
        let low = strengths(
            &[[0.4, 0.0, 0.0], [0.4, 0.0, 0.3], [0.0, 0.0, 0.3]],
            Feature::Low,
        );
        assert!((low[0] - low[1]).abs() < 1e-9 && low[2] < 1e-9, "{low:?}");
    }

    #[test]
    fn broken_bands_are_no_hits() {
        let found = strengths(
            &[[f32::NAN; 3], [f32::INFINITY; 3], [0.1; 3]],
            Feature::Onsets,
        );
        assert!(
            found.iter().all(|strength| strength.is_finite()),
            "{found:?}"
        );
    }
}
