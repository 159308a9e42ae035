//! Which metrical level is the beat as people tap it.
//!
//! Each candidate is described by some seventy numbers, most of them free of any tempo; their weighted sum is its score. The weights
//! were fitted to synthetic music only, so that the candidate with the best beats scores most; the recipe is in `training/`, the
//! weights in `judge.weights`. The usual tempo, which the synthetic music doesn't follow, is added to the sum.

use std::sync::LazyLock;

use super::scorer::Scorer;
use super::{Level, strength};

/// Numbers that describe a candidate.
pub(super) const N_INPUTS: usize = 69;
/// Tempo at which people tap by themselves, in beats per minute, and the log-odds that an octave from it costs (van Noorden and
/// Moelants 1999, "Resonance in the perception of musical pulse"). Levels an octave apart are often as good as each other.
const USUAL_TEMPO: (f32, f32) = (118.0, 1.75);
/// Inputs that lie farther from their mean than this, in standard deviations, tell nothing more.
const FAR: f32 = 3.0;
/// Where the network hears this many times more between beats than at them, the beats are taken for off-beats.
const OFF_BEATS: f32 = 1.3;

/// Beats that keep their place may lose this much of their mean log-odds by it.
const PLACED_ODDS: f32 = 0.5;
/// Scores are that many times surer than they turn out to be on pieces that the weights weren't fitted to.
const OVERSURE: f32 = 2.0;
/// How far tempi of one level lie apart, as a logarithm.
const SAME_TEMPO: f32 = 0.04;
/// Share of beats from which on two candidates mean the same beat.
const SAME_SHARE: f32 = 0.75;

/// What is compared with the highest among all levels.
const COMPARED: [fn(&Level) -> f32; 8] = [
    |l| l.pulse.on,
    |l| l.pulse.odds,
    |l| l.pulse.odds_per_sec,
    |l| l.drums.share[0],
    |l| l.drums.struck,
    |l| l.harmony.harmony,
    |l| l.harmony.repetition[0],
    |l| l.harmony.bars.iter().copied().fold(0.0, f32::max),
];

/// Index of the best level, and the probability that it is meant; with bars of `wanted` beats where that is given. None without
/// levels.
pub(super) fn best(levels: &[Level], wanted: Option<u32>) -> Option<(usize, f32)> {
    let inputs = inputs(levels, wanted);
    let score = |(level, inputs): (&Level, &[f32; N_INPUTS])| {
        let octaves = (level.bpm / USUAL_TEMPO.0).log2();
        let off_beats = match level.pulse.half > OFF_BEATS * level.pulse.on {
            true => -1e3,
            false => 0.0,
        };
        JUDGE.score(inputs) - USUAL_TEMPO.1 * octaves * octaves + off_beats
    };
    let scores: Vec<f32> = levels.iter().zip(&inputs).map(score).collect();
    let level = (0..scores.len()).max_by(|a, b| scores[*a].total_cmp(&scores[*b]))?;
    let best = best_path(levels, level);
    let odds = scores
        .iter()
        .map(|s| ((s - scores[level]) / OVERSURE).exp());
    let odds: Vec<f32> = odds.collect();
    let same = levels.iter().zip(&odds);
    let same = same.filter(|(level, _)| level.beats.share(&levels[best].beats) > SAME_SHARE);
    let certainty = same.map(|(_, odds)| odds).sum::<f32>() / odds.iter().sum::<f32>();
    Some((best, certainty))
}

/// Of all candidates with the tempo of `level`, the index of the one whose beats the network hears best. Some change over to the
/// off-beats for a while: those that keep their place are worth more.
fn best_path(levels: &[Level], level: usize) -> usize {
    let worth = |i: usize| {
        let kept = if levels[i].is_placed {
            PLACED_ODDS
        } else {
            0.0
        };
        levels[i].pulse.odds + kept
    };
    let has_tempo = |i: &usize| (levels[*i].bpm / levels[level].bpm).ln().abs() < SAME_TEMPO;
    let paths = (0..levels.len()).filter(has_tempo);
    let best = paths.max_by(|a, b| worth(*a).total_cmp(&worth(*b)));
    best.unwrap_or(level)
}

/// What is weighed of each level: its own numbers, how it compares with the highest among all levels, and its score by onset strength
/// alone.
pub(super) fn inputs(levels: &[Level], wanted: Option<u32>) -> Vec<[f32; N_INPUTS]> {
    let highest = |of: fn(&Level) -> f32| levels.iter().map(of).fold(f32::MIN, f32::max);
    let highest_of = COMPARED.map(highest);
    let described: Vec<_> = levels.iter().map(|l| (&l.profile, &l.harmony)).collect();
    let by_strength = strength::scores(&described, wanted);
    let of_level = |(level, by_strength): (&Level, f32)| {
        let mut inputs = [0.0; N_INPUTS];
        let compared = COMPARED.iter().zip(highest_of);
        let compared = compared.map(|(of, highest)| of(level) - highest);
        let own = describe(level)
            .into_iter()
            .chain(compared)
            .chain([by_strength]);
        inputs.iter_mut().zip(own).for_each(|(i, own)| *i = own);
        inputs
    };
    levels.iter().zip(by_strength).map(of_level).collect()
}

/// A level's own numbers.
fn describe(level: &Level) -> Vec<f32> {
    let Level {
        bpm,
        pulse: p,
        drums: d,
        harmony: h,
        ..
    } = level;
    let octaves = (bpm / 110.0).log2();
    let mut numbers = vec![
        octaves,
        octaves * octaves,
        p.on,
        p.half,
        p.thirds,
        p.quarters,
        p.odds,
        p.odds_per_sec,
        p.sure,
        p.downbeat,
        p.spread.min(0.3),
        p.on - p.half,
        p.thirds - p.half,
        d.backbeat,
        d.off_backbeat,
        d.double_backbeat,
        d.density.min(6.0),
        d.struck,
        d.off_struck,
        h.harmony,
        h.bass,
    ];
    numbers.extend(p.beat_contrasts);
    numbers.extend(p.bar_contrasts);
    for bands in [
        d.over_half,
        d.over_thirds,
        d.over_quarters,
        d.share,
        d.two,
        d.off_two,
    ] {
        numbers.extend(bands);
    }
    numbers.extend(d.low_groups);
    for [two, _, four] in [h.harmony_contrasts, h.bass_contrasts] {
        numbers.extend([two, four]);
    }
    // Bars of 2, 3 and 4; beats 1, 2, 3, 4, 6 and 8 apart.
    numbers.extend(h.bars.iter().take(3));
    numbers.extend([0, 1, 2, 3, 5, 7].map(|lag| h.repetition.get(lag).copied().unwrap_or(0.0)));
    numbers
}

static JUDGE: LazyLock<Scorer> =
    LazyLock::new(|| Scorer::read(include_str!("judge.weights"), N_INPUTS, FAR));

#[cfg(test)]
mod tests {
    use audio::Track;

    use super::super::super::evidence::evidence;
    use super::super::super::features::Features;
    use super::super::super::hops::HOP_SECS;
    use super::super::super::onset;
    use super::super::{Heard, Music, levels, phase};
    use super::*;

    #[test]
    fn the_weights_are_whole() {
        assert_eq!(JUDGE.n_units(), Some(0));
    }

    /// For each song a `.levels` file: JSON with the beats of each candidate in seconds, the judge's inputs for it, and the
    /// signs of its phase.
    #[test]
    #[ignore = "writes what the judge is trained on; see training/README.md"]
    fn training_levels() {
        let folder = std::env::var("TRAINING_MUSIC").unwrap();
        let songs = std::env::var("TRAINING_LEVELS").unwrap_or(folder.clone());
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let output = std::path::Path::new(&songs).join(path.file_stem().unwrap());
            let output = output.with_extension("levels");
            let is_song = path.extension().is_some_and(|e| e != "json" && e != "md");
            if !is_song || output.exists() {
                continue;
            }
            let Ok(track) = Track::open(&path) else {
                continue;
            };
            let features = Features::of(&track).unwrap();
            let (strength, activations) = evidence(&features).unwrap();
            let onsets = onset::find(&features, &strength, &activations).unwrap();
            let heard = Heard {
                features: &features,
                strength: &strength,
                activations: &activations,
                onsets: &onsets,
            };
            let music = Music::of(&heard).unwrap();
            let levels = levels(&heard, &music).unwrap();
            let rows: Vec<_> = levels
                .iter()
                .zip(inputs(&levels, None))
                .map(|(level, inputs)| {
                    let beats = level.beats.iter().map(|hop| hop as f64 * HOP_SECS);
                    serde_json::json!({
                        "beats": beats.collect::<Vec<_>>(),
                        "inputs": inputs.to_vec(),
                        "is_placed": level.is_placed,
                        "phase": phase::describe(&heard, &music, &level.beats).unwrap(),
                    })
                })
                .collect();
            std::fs::write(output, serde_json::Value::from(rows).to_string()).unwrap();
        }
    }
}
