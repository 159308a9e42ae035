//! Beats in little memory: there are many candidates for the beat, and a long song has many beats.

/// Bits of a distance that a byte holds; its highest bit says that more follow.
const N_BITS: u32 = 7;
const MORE: u8 = 1 << N_BITS;

/// Ascending hops, kept as the distances between them, for which most take a byte.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in super::super) struct Beats {
    bytes: Vec<u8>,
    len: usize,
    /// The last hop.
    last: usize,
}

impl Beats {
    /// Adds a beat, behind all others or where the last one is.
    pub fn push(&mut self, hop: usize) {
        let mut distance = hop - self.last;
        while distance >= usize::from(MORE) {
            self.bytes.push(distance as u8 | MORE);
            distance >>= N_BITS;
        }
        self.bytes.push(distance as u8);
        self.len += 1;
        self.last = hop;
    }

    /// Number of beats.
    pub fn len(&self) -> usize {
        self.len
    }

    /// The hops.
    pub fn iter(&self) -> impl Iterator<Item = usize> + Clone {
        let mut bytes = self.bytes.iter();
        let mut hop = 0;
        std::iter::from_fn(move || {
            let mut n_bits = 0;
            loop {
                let byte = *bytes.next()?;
                hop += usize::from(byte & !MORE) << n_bits;
                n_bits += N_BITS;
                if byte & MORE == 0 {
                    return Some(hop);
                }
            }
        })
    }

    /// Each beat and the next.
    pub fn pairs(&self) -> impl Iterator<Item = (usize, usize)> + Clone {
        self.iter().zip(self.iter().skip(1))
    }

    /// Each beat half a period later, but for the last.
    pub fn half_later(&self) -> Self {
        self.pairs().map(|(a, b)| (a + b) / 2).collect()
    }

    /// Share of the beats of two sequences that lie within two hops of each other, of the longer one, 0..=1.
    pub fn share(&self, other: &Self) -> f32 {
        let mut others = other.iter().peekable();
        let is_shared = |hop: &usize| {
            while others.next_if(|other| other + 2 < *hop).is_some() {}
            others.peek().is_some_and(|other| *other <= hop + 2)
        };
        let n_shared = self.iter().filter(is_shared).count();
        n_shared as f32 / self.len.max(other.len).max(1) as f32
    }
}

impl FromIterator<usize> for Beats {
    fn from_iter<I: IntoIterator<Item = usize>>(hops: I) -> Self {
        let mut beats = Self::default();
        hops.into_iter().for_each(|hop| beats.push(hop));
        beats.bytes.shrink_to_fit();
        beats
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn hops_come_back(mut hops in prop::collection::vec(0usize..4_000_000, 0..50)) {
            hops.sort();
            let beats: Beats = hops.iter().copied().collect();
            prop_assert_eq!(beats.len, hops.len());
            prop_assert_eq!(beats.iter().collect::<Vec<_>>(), hops);
        }

        #[test]
        fn beats_are_shared_within_two_hops(
            mut a in prop::collection::vec(0usize..300, 1..40),
            mut b in prop::collection::vec(0usize..300, 1..40),
        ) {
            a.sort();
            b.sort();
            let is_near = |hop: &&usize| b.iter().any(|other| other.abs_diff(**hop) <= 2);
            let n_near = a.iter().filter(is_near).count();
            let expected = n_near as f32 / a.len().max(b.len()) as f32;
            let [a, b] = [&a, &b].map(|hops| hops.iter().copied().collect::<Beats>());
            prop_assert_eq!(a.share(&b), expected);
        }
    }

    #[test]
    fn an_hour_at_any_usual_tempo_takes_a_byte_a_beat() {
        for period in [20, 50, 127] {
            let beats: Beats = (0..360_000 / period).map(|i| i * period).collect();
            assert_eq!(beats.bytes.len(), beats.len);
            assert_eq!(beats.half_later().iter().next(), Some(period / 2));
        }
    }
}
