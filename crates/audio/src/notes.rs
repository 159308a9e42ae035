//! What a person should know of a song's file: at the start from its packets, later from decoding it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use common::units::{format_secs, samples_to_secs};

/// Most places that are kept, and most that are named.
const MAX_KEPT: usize = 10_000;
const MAX_NAMED: usize = 8;

/// Places of a track that couldn't be decoded and are silent. Decoding adds them, and clones share what they hold. Any two
/// are equal: what decoding has found so far is no part of what a track is.
#[derive(Clone, Default)]
pub struct Damage(Arc<Mutex<BTreeMap<u64, u64>>>);

impl Damage {
    /// Adds samples of the track, `start..end`.
    pub(super) fn add(&self, start: u64, end: u64) {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Packets one after another are one place.
        let before = places.range_mut(..=start).next_back();
        if let Some((_, last)) = before.filter(|(_, last)| **last >= start) {
            *last = end.max(*last);
        } else if places.len() < MAX_KEPT {
            places.insert(start, end);
        }
    }

    /// One text for each of the first places with its time, and one for all others.
    pub fn texts(&self, sample_rate_hz: u32) -> Vec<String> {
        let places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let secs = |sample| format_secs(samples_to_secs(sample, sample_rate_hz), 3);
        let mut texts: Vec<String> = places
            .iter()
            .take(MAX_NAMED)
            .map(|(&start, &end)| {
                format!(
                    "the sound is damaged at {}: silent up to {}",
                    secs(start),
                    secs(end)
                )
            })
            .collect();
        if let Some(n_more) = places.len().checked_sub(MAX_NAMED).filter(|&n| n > 0) {
            texts.push(format!("the sound is damaged at {n_more} more places"));
        }
        texts
    }
}

impl PartialEq for Damage {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl fmt::Debug for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Damage")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_one_place_and_few_are_named() {
        let damage = Damage::default();
        damage.add(1000, 2000);
        damage.add(2000, 3000);
        damage.add(1000, 2000);
        assert_eq!(
            damage.texts(1000),
            ["the sound is damaged at 0:01.000: silent up to 0:03.000"]
        );
        for at in 0..20 {
            damage.add(10_000 + at * 10, 10_001 + at * 10);
        }
        let texts = damage.texts(1000);
        assert_eq!(texts.len(), 9);
        assert_eq!(texts[8], "the sound is damaged at 13 more places");
    }
}
