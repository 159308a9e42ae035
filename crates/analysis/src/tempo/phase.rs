//! Whether beats lie where people tap or halfway between, decided once for the whole song.
//!
//! Where what is played between the beats is louder than all that is on them, the network may hear beats there, and go on so from the
//! first bar to the last. Bars still begin on beats, and the sound changes there. A row of beats is compared with the same row half
//! a period later; the weights were fitted to synthetic music, the recipe is in `training/`.

use super::super::novelty;
use super::beats::Beats;
use super::{Heard, MIN_BEATS, Music, pulse};
use common::Result;

/// Numbers that compare two rows of beats.
pub(super) const N_SIGNS: usize = 4;
/// What each adds to the log-odds that beats are not off-beats.
const WEIGHTS: [f32; N_SIGNS] = [4.2, 9.5, 6.7, 7.2];
/// Beats on each side of one between which the sound is compared.
const NOVELTY_BEATS: usize = 1;

/// Log-odds that `beats` are beats, rather than those half a period later. None where there are too few to tell.
///
/// # Errors
/// As [`describe`].
pub(super) fn log_odds(heard: &Heard<'_>, music: &Music, beats: &Beats) -> Result<Option<f32>> {
    let signs = describe(heard, music, beats)?;
    Ok(signs.map(|signs| signs.iter().zip(WEIGHTS).map(|(s, w)| s * w).sum()))
}

/// How much more `beats` sound like beats than those half a period later, each -1..=1: to the network as beats, as downbeats, and
/// as beats of which every fourth is a downbeat; by changes of the sound. None where there are too few beats in the music.
///
/// # Errors
/// As [`Series::read`](super::super::series::Series::read).
pub(super) fn describe(
    heard: &Heard<'_>,
    music: &Music,
    beats: &Beats,
) -> Result<Option<[f32; N_SIGNS]>> {
    let later = beats.half_later();
    let [on, off]: [Beats; 2] = [beats, &later].map(|row| music.extent.trimmed(row.iter()));
    if on.len().min(off.len()) < MIN_BEATS {
        return Ok(None);
    }
    let of = |beats: &Beats| -> Result<_> {
        Ok((
            pulse::describe(heard.activations, &music.worth, beats)?,
            novelty::mean_change(heard.features, beats, NOVELTY_BEATS)?,
        ))
    };
    let ((on, new_on), (off, new_off)) = (of(&on)?, of(&off)?);
    Ok(Some([
        on.on - off.on,
        on.downbeat - off.downbeat,
        on.bar_contrasts[2] - off.bar_contrasts[2],
        (new_on - new_off) / (new_on + new_off).max(1e-6),
    ]))
}

#[cfg(test)]
mod tests {
    use super::super::super::evidence::evidence;
    use super::super::super::features::FeatureExtractor;
    use super::super::super::onset;
    use super::*;

    const SECS: usize = 24;

    /// A tone of another pitch on each beat, twice a second.
    fn melody() -> Vec<f32> {
        let sample = |i: usize| {
            let t = i as f32 / 24_000.0;
            let pitch = 220.0 * [1.0, 1.5, 1.2, 1.8, 1.35][(t * 2.0) as usize % 5];
            0.3 * (t * pitch * std::f32::consts::TAU).sin() * (-(t % 0.5)).exp()
        };
        (0..SECS * 24_000).map(sample).collect()
    }

    /// Probabilities at steps of 20 ms: `on` at beats, a quarter of a second later `off`.
    fn steps(on: impl Fn(usize) -> f32, off: f32) -> Vec<f32> {
        let of_step = |step: usize| match step % 25 {
            0 => on(step / 25),
            12 | 13 => off,
            _ => 0.0,
        };
        (0..SECS * 50).map(of_step).collect()
    }

    #[test]
    fn off_beats_that_the_network_takes_for_beats_are_told_by_bars_and_changes() {
        let mut extractor = FeatureExtractor::new();
        extractor.push(&melody());
        let features = extractor.finish();
        let (strength, mut activations) = evidence(&features).unwrap();
        let onsets = onset::find(&features, &strength, &activations).unwrap();
        activations.beat = steps(|_| 0.5, 0.6).into();
        let is_first = |beat: usize| if beat.is_multiple_of(4) { 0.8 } else { 0.1 };
        activations.downbeat = steps(is_first, 0.2).into();
        let heard = Heard {
            features: &features,
            strength: &strength,
            activations: &activations,
            onsets: &onsets,
        };
        let music = Music::of(&heard).unwrap();
        let odds = |first: usize| {
            let beats: Beats = (first..SECS * 100).step_by(50).collect();
            log_odds(&heard, &music, &beats).unwrap().unwrap()
        };
        assert!(odds(0) > 2.0 && odds(25) < -2.0, "{} {}", odds(0), odds(25));
        let few: Beats = [100, 150].into_iter().collect();
        assert!(log_odds(&heard, &music, &few).unwrap().is_none());
    }
}
