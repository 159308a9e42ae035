/// Seeds of the knots `0..n` of the noise path.
///
/// They count up from `first`. A prompt with a seed of its own puts that seed on the knot nearest to the noise position at
/// the prompt's arrival, and the count goes on from there: with `{seed=42}` and an arrival at position 7.2, knots 7, 8, 9
/// hold 42, 43, 44. Where two prompts want the same knot, the later one takes the next.
///
/// `wanted` has `(position, seed)` of such prompts, in order of position.
pub(super) fn seeds(first: u64, n: usize, wanted: &[(f64, u64)]) -> Vec<u64> {
    let mut wanted = wanted.iter().peekable();
    let mut next = first;
    let mut seeds = Vec::with_capacity(n);
    for knot in 0..n {
        if let Some((_, seed)) = wanted.next_if(|(position, _)| position.round() <= knot as f64) {
            next = *seed;
        }
        seeds.push(next);
        next = next.wrapping_add(1);
    }
    seeds
}

/// A seed for the pulse direction that is none of `seeds`, the same for the same `first`. 32 bits, so that every JSON
/// reader keeps it whole.
pub(super) fn pulse_seed(first: u64, seeds: &[u64]) -> u64 {
    // The finaliser of SplitMix64 (Steele, Lea, Flood 2014): scatters neighbouring seeds.
    let mut bits = first.wrapping_add(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    let mut seed = (bits ^ (bits >> 31)) >> 32;
    while seeds.contains(&seed) {
        seed += 1;
    }
    seed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_count_up_and_prompts_set_them() {
        assert_eq!(seeds(7, 4, &[]), [7, 8, 9, 10]);
        assert_eq!(
            seeds(0, 7, &[(0.2, 40), (3.6, 90)]),
            [40, 41, 42, 43, 90, 91, 92]
        );
        assert_eq!(seeds(0, 4, &[(1.1, 40), (1.4, 90)]), [0, 40, 90, 91]);
        assert_eq!(seeds(u64::MAX, 2, &[]), [u64::MAX, 0]);
    }

    #[test]
    fn the_pulse_has_a_seed_of_its_own() {
        let seed = pulse_seed(7, &[]);
        assert_eq!(seed, pulse_seed(7, &[]));
        assert_ne!(seed, pulse_seed(8, &[]));
        assert_eq!(pulse_seed(7, &[seed, seed + 1]), seed + 2);
    }
}
