//! Where the music is: without the silence around it, and what rings after it.

use super::Onset;
use super::features::{Features, HOP_SECS};
use super::onset::OnsetStrength;
use super::percentile::percentile;

/// How far below the loudest twentieth of the song a sound still counts, in dB.
const SOUND_DB: f32 = 35.0;
/// Hops further below the song's loudest than this are silence, in dB.
const SILENCE_DB: f32 = 60.0;
/// Onset strength that shows that the music goes on, where pads swell and no onset is sure.
const STRENGTH: f32 = 0.35;
/// Hops at the end of a song that hear it being cut off, which looks like a rise in all bands.
const CUT_HOPS: usize = 10;

/// Leaves out beats before the first sound, and behind the last onset or strong rise. What swells at the start has the pulse in
/// it already; what rings at the end has outlived it.
pub(super) fn trim(
    hops: &mut Vec<usize>,
    onsets: &[Onset],
    features: &Features,
    strength: &OnsetStrength,
) {
    let (Some(first), Some(last)) = (onsets.first(), onsets.last()) else {
        return hops.clear();
    };
    let secs = |hop: usize| hop as f64 * HOP_SECS;
    let levels_db = &features.loudness_db;
    let loudest_db = levels_db.iter().copied().fold(f32::MIN, f32::max);
    // Silence has no say in what is loud.
    let sounding = levels_db.iter().copied();
    let sounding: Vec<f32> = sounding
        .filter(|db| *db > loudest_db - SILENCE_DB)
        .collect();
    let floor_db = percentile(&sounding, 0.95) - SOUND_DB;
    let sound = levels_db.iter().position(|db| *db > floor_db);
    let first = sound.map_or(first.time_secs, |hop| first.time_secs.min(secs(hop)));
    let uncut = strength.full.len().saturating_sub(CUT_HOPS);
    let rise = strength.full[..uncut].iter().rposition(|s| *s > STRENGTH);
    let last = rise.map_or(last.time_secs, |hop| last.time_secs.max(secs(hop)));
    let periods: Vec<f32> = hops.windows(2).map(|w| (w[1] - w[0]) as f32).collect();
    let margin = 0.55 * f64::from(percentile(&periods, 0.5)) * HOP_SECS;
    hops.retain(|hop| (first - margin..last + margin).contains(&secs(*hop)));
}
