//! How envelopes rise within milliseconds: attacks that windows of a spectrum smear.

use std::ops::Range;

use common::Result;

use super::super::features::from_step;
use super::Inputs;

/// Milliseconds to a hop.
const MS: usize = 10;
/// Milliseconds whose highest level rises over that of [`BEFORE_MS`] earlier ones.
const AFTER_MS: usize = 6;
const BEFORE_MS: usize = 10;
/// Values that describe the attacks at a hop: of the low and the high envelope, in the halves before and after its centre.
pub(in super::super) const N_ATTACKS: usize = 4;

/// The strongest attacks around `hops`: `[hop][low before, low after, high before, high after]`.
///
/// # Errors
/// As [`Envelopes::read`](super::super::features::Envelopes::read).
pub(super) fn around(inputs: &Inputs<'_>, hops: Range<usize>) -> Result<Vec<[f32; N_ATTACKS]>> {
    let mut attacks = vec![[0.0f32; N_ATTACKS]; hops.len()];
    let first_ms = (hops.start * MS) as i64 - (MS / 2 + BEFORE_MS) as i64;
    let n_ms = hops.len() * MS + BEFORE_MS + AFTER_MS;
    let first_read = first_ms.max(0) as usize;
    let read = inputs
        .features
        .envelopes
        .read(first_read..first_read + n_ms)?;
    let hops_read = first_read / MS..(first_read + n_ms) / MS + 1;
    let reference = inputs.reference_db(hops_read)?;
    for part in 0..2 {
        // Silence before the song and after it.
        let levels: Vec<f32> = (first_ms..first_ms + n_ms as i64)
            .map(|ms| {
                let place = usize::try_from(ms - first_read as i64).ok();
                let steps = place.and_then(|place| read.get(place));
                steps.map_or(0.0, |steps| {
                    let reference_db = reference.at(ms as usize / MS);
                    let level_db = from_step(steps[part]);
                    inputs.compression.apply(level_db - reference_db)
                })
            })
            .collect();
        let highest = |levels: &[f32]| levels.iter().copied().fold(0.0, f32::max);
        for (ms, around) in levels.windows(BEFORE_MS + AFTER_MS).enumerate() {
            let (before, after) = around.split_at(BEFORE_MS);
            let rise = highest(after) - highest(before);
            let half = 2 * part + ms % MS / (MS / 2);
            if let Some(attacks) = attacks.get_mut(ms / MS) {
                attacks[half] = attacks[half].max(rise);
            }
        }
    }
    Ok(attacks)
}

#[cfg(test)]
mod tests {
    use super::super::super::features::FeatureExtractor;
    use super::*;

    #[test]
    fn a_click_is_in_the_half_of_its_hop() {
        for (ms, hop, half) in [(497, 50, 2), (502, 50, 3), (504, 50, 3), (506, 51, 2)] {
            let mut samples = vec![0.0f32; 24_000];
            samples[ms * 24..ms * 24 + 12].fill(0.5);
            let mut extractor = FeatureExtractor::new();
            extractor.push(&samples);
            let features = extractor.finish();
            let inputs = Inputs::of(&features).unwrap();
            let attacks = around(&inputs, 40..60).unwrap();
            let strongest = (40..60).max_by(|a, b| {
                let of = |hop: &usize| attacks[hop - 40][2].max(attacks[hop - 40][3]);
                of(a).total_cmp(&of(b))
            });
            assert_eq!(strongest, Some(hop), "{ms} ms");
            assert!(attacks[hop - 40][half] > 1.0, "{ms} ms: {attacks:?}");
            // Parts of a song are analyzed as the whole is.
            assert_eq!(around(&inputs, 45..55).unwrap(), attacks[5..15]);
        }
    }
}
