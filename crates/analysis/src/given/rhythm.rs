//! Beats that are given, as a rhythm: their times stay, their place in the bar is filled in where it isn't given.

use common::Result;
use common::rounding::rounded;

use super::super::Beat;
use super::super::bars;
use super::super::hops::HOP_SECS;
use super::super::rhythm::{Rhythm, strongest, tempo};
use super::super::tracker::Evidence;
use super::{GivenBeat, LockedBeats};

/// The rhythm of beats that a user gave; nothing is surer.
///
/// # Errors
/// As [`bars::positions`].
pub(in super::super) fn rhythm(given: &[GivenBeat], evidence: &Evidence<'_>) -> Result<Rhythm> {
    let hop = |beat: &GivenBeat| (beat.time_secs / HOP_SECS).round() as usize;
    let known: Vec<Option<u32>> = given.iter().map(|beat| beat.position_in_bar).collect();
    let positions = if known.iter().any(Option::is_some) {
        filled(&known)
    } else {
        let hops: Vec<usize> = given.iter().map(hop).collect();
        bars::positions(&hops, evidence)?
    };
    let mut strength = evidence.strength.full.reader();
    let with_strength = |(beat, position_in_bar): (&GivenBeat, u32)| {
        Ok(Beat {
            time_secs: beat.time_secs,
            position_in_bar,
            strength: rounded(strongest(&mut strength, hop(beat))?, 1e4),
        })
    };
    let beats = given.iter().zip(positions).map(with_strength);
    let beats: Vec<Beat> = beats.collect::<Result<_>>()?;
    let confidence = if beats.is_empty() { 0.0 } else { 1.0 };
    Ok(Rhythm {
        tempo_bpm: tempo(&beats),
        tempo_confidence: confidence,
        beat_confidence: confidence,
        beats,
    })
}

/// A rhythm with listed beats in the place of those that were found in locked parts. Found ones keep half a beat away from them.
///
/// # Errors
/// As [`rhythm`].
pub(in super::super) fn with_locked(
    found: Rhythm,
    locked: &LockedBeats,
    evidence: &Evidence<'_>,
) -> Result<Rhythm> {
    let is_locked = |secs: f64| locked.parts.iter().any(|part| part.contains(&secs));
    let mut beats = rhythm(&locked.beats, evidence)?.beats;
    beats.retain(|beat| is_locked(beat.time_secs));
    if beats.is_empty() {
        return Ok(found);
    }
    let half_secs = found.tempo_bpm.map_or(0.0, |bpm| 30.0 / bpm);
    let n_locked = beats.len() as f64;
    let is_far = |secs: f64| {
        let at = beats.partition_point(|beat| beat.time_secs < secs);
        let near = beats.get(at.saturating_sub(1)..(at + 1).min(beats.len()));
        let mut near = near.unwrap_or_default().iter();
        near.all(|beat| (beat.time_secs - secs).abs() >= half_secs)
    };
    let free: Vec<Beat> = found
        .beats
        .iter()
        .filter(|beat| !is_locked(beat.time_secs) && is_far(beat.time_secs))
        .copied()
        .collect();
    // Locked beats are sure.
    let share = n_locked / (n_locked + free.len() as f64);
    let sure = |confidence: f64| share + (1.0 - share) * confidence;
    beats.extend(free);
    beats.sort_by(|a, b| a.time_secs.total_cmp(&b.time_secs));
    Ok(Rhythm {
        tempo_bpm: tempo(&beats),
        tempo_confidence: sure(found.tempo_confidence),
        beat_confidence: sure(found.beat_confidence),
        beats,
    })
}

/// Positions where some are known: counting goes on from them, and back before the first. Where only downbeats are marked,
/// bars are as long as from one to the next.
pub(super) fn filled(known: &[Option<u32>]) -> Vec<u32> {
    let longest = known.iter().flatten().copied().max().unwrap_or(1);
    let bar = if longest > 1 {
        longest
    } else {
        typical_distance(known)
    };
    let first = known.iter().position(Option::is_some).unwrap_or(0);
    let first_position = known.get(first).copied().flatten().unwrap_or(1);
    // Counted back from the first known position.
    let n_back = first as u32 % bar;
    let mut next = (first_position + bar - 1 - n_back) % bar + 1;
    let mut filled = Vec::with_capacity(known.len());
    for position in known {
        let position = position.unwrap_or(if longest > 1 && next > bar { 1 } else { next });
        filled.push(position);
        next = position + 1;
        if longest > 1 && next > bar {
            next = 1;
        }
    }
    filled
}

/// The most frequent number of beats from one known position to the next; 4 without any.
fn typical_distance(known: &[Option<u32>]) -> u32 {
    let marked: Vec<usize> = (0..known.len()).filter(|i| known[*i].is_some()).collect();
    let mut counts = [0u32; 33];
    for pair in marked.windows(2) {
        counts[(pair[1] - pair[0]).min(32)] += 1;
    }
    let most = (1..counts.len())
        .rev()
        .max_by_key(|n| counts[*n])
        .filter(|n| counts[*n] > 0);
    most.unwrap_or(4) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_filled_in() {
        let filled = |text: &str| {
            let known: Vec<Option<u32>> = text.chars().map(|c| c.to_digit(10)).collect();
            let filled: Vec<String> = filled(&known).iter().map(u32::to_string).collect();
            filled.concat()
        };
        assert_eq!(filled("12341234"), "12341234");
        assert_eq!(filled("1..41..4."), "123412341");
        assert_eq!(filled("..1234"), "341234");
        assert_eq!(filled("1...1...1.."), "12341234123", "downbeats alone");
        assert_eq!(filled("..1..1..1"), "231231231");
        assert_eq!(filled("1...1..1...1"), "123412312341", "a short bar");
    }
}
