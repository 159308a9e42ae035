//! How sure the beats and the tempo are.

use super::inputs::HOPS_PER_STEP;
use super::tracker::Evidence;
use common::Result;

/// Probabilities, estimated from how plain the beats are to the network and how plain their metrical level is to the judge of levels;
/// see `training/README.md`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Confidence {
    /// That the beats are right: their F-measure against the true ones, within 70 ms, is above .9.
    pub beat: f64,
    /// That the tempo is within 4 % of the true one.
    pub tempo: f64,
    /// That this is music with a beat at all.
    pub music: f64,
}

/// Share of beats from which on they are those of the likely level, and how far each may lie from one of those, in hops.
const SAME_LEVEL: (f64, usize) = (0.75, 4);
/// Values that [`describe`] gives.
pub(super) const N_TRAITS: usize = 3;

/// Activations at the beats, and halfway between; how doubtful their metrical level is, as the probability that the judge of levels
/// gives all others; none where the tempo is given.
///
/// # Errors
/// As [`Series::read`](super::series::Series::read).
pub(super) fn describe(beats: &[(usize, u32)], evidence: &Evidence<'_>) -> Result<[f64; N_TRAITS]> {
    let n = beats.len().max(1) as f64;
    let mean_at = |hops: &mut dyn Iterator<Item = usize>| -> Result<f64> {
        let mut steps = evidence.activations.beat.reader();
        let at = hops.map(|hop| {
            let step = hop / HOPS_PER_STEP;
            let around = steps.read(step.saturating_sub(1)..step + 2)?;
            Ok(f64::from(around.iter().copied().fold(0.0, f32::max)))
        });
        Ok(at.sum::<Result<f64>>()? / n)
    };
    let on = mean_at(&mut beats.iter().map(|(hop, _)| *hop))?;
    let off = mean_at(&mut beats.windows(2).map(|w| (w[0].0 + w[1].0) / 2))?;
    let is_among = |hop: usize, likely: &[usize]| {
        let next = likely.partition_point(|other| other + SAME_LEVEL.1 < hop);
        likely
            .get(next)
            .is_some_and(|other| *other <= hop + SAME_LEVEL.1)
    };
    let n_among = |likely: &[usize]| beats.iter().filter(|beat| is_among(beat.0, likely)).count();
    let is_same = |likely: &[usize]| n_among(likely) as f64 > SAME_LEVEL.0 * n;
    let certainty = match &evidence.likely {
        _ if evidence.config.tempo_bpm.is_some() => 1.0,
        Some(likely) if is_same(&likely.hops) => likely.certainty,
        _ => 0.0,
    };
    Ok([on, off, 1.0 - f64::from(certainty)])
}

/// That this is music with a beat: bias, activations at the beats and halfway between.
const MUSIC: [f64; 3] = [-3.63, 12.88, -2.78];
/// That beats, or their tempo, are right if it is: bias, doubt.
const BEAT_LEVEL: [f64; 2] = [2.99, -4.71];
const TEMPO_LEVEL: [f64; 2] = [3.05, -3.18];

/// Of beats given as hop and position.
///
/// # Errors
/// As [`describe`].
pub(super) fn of(beats: &[(usize, u32)], evidence: &Evidence<'_>) -> Result<Confidence> {
    let [on, off, doubt] = describe(beats, evidence)?;
    let music = probability(&MUSIC, &[on, off]);
    Ok(Confidence {
        beat: music * probability(&BEAT_LEVEL, &[doubt]),
        tempo: music * probability(&TEMPO_LEVEL, &[doubt]),
        music,
    })
}

/// Logistic: `weights` are a bias and then one for each of `traits`.
fn probability(weights: &[f64], traits: &[f64]) -> f64 {
    let weighted = weights[1..].iter().zip(traits).map(|(w, t)| w * t);
    1.0 / (1.0 + (-(weights[0] + weighted.sum::<f64>())).exp())
}

#[cfg(test)]
mod tests {
    use audio::Track;

    use super::super::analyze::tracker_of;
    use super::super::evidence::evidence;
    use super::super::features::Features;
    use super::super::hops::HOP_SECS;
    use super::super::{AnalysisConfig, bars, onset, rhythm, tempo};
    use super::*;

    /// For each WAV file a `.traits` file: JSON with what [`describe`] says, the beats it is said of, and what
    /// [`bars::describe`] says of each.
    #[test]
    #[ignore = "writes what the confidences are fitted to; see training/README.md"]
    fn training_traits() {
        let config = AnalysisConfig::default();
        for entry in std::fs::read_dir(std::env::var("TRAINING_MUSIC").unwrap()).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|e| e != "wav") {
                continue;
            }
            let track = Track::open(&path).unwrap();
            let features = Features::of(&track).unwrap();
            let (strength, activations) = evidence(&features).unwrap();
            let onsets = onset::find(&features, &strength, &activations).unwrap();
            let heard = tempo::Heard {
                features: &features,
                strength: &strength,
                activations: &activations,
                onsets: &onsets,
            };
            let evidence = Evidence {
                features: &features,
                strength: &strength,
                activations: &activations,
                likely: tempo::likely(&heard, None).unwrap(),
                config: &config,
            };
            let tracker = tracker_of(config.tracker, track.sample_rate_hz).unwrap();
            let tracked = tracker.finish(&evidence).unwrap();
            let kept = rhythm::kept(&tracked, &evidence, &onsets).unwrap();
            let beats: Vec<f64> = kept.iter().map(|b| b.0 as f64 * HOP_SECS).collect();
            let hops: Vec<usize> = kept.iter().map(|b| b.0).collect();
            let row = serde_json::json!({
                "traits": describe(&kept, &evidence).unwrap(),
                "beats": beats,
                "signs": bars::describe(&hops, &evidence).unwrap(),
            });
            std::fs::write(path.with_extension("traits"), row.to_string()).unwrap();
        }
    }
}
