//! The beats of all paths that are still open, as a tree: what paths share is kept once.

/// Where a path begins.
pub(super) const ROOT: u32 = u32::MAX;

/// Fewest beats at which a look at what can be forgotten is worth its time.
const MIN_PRUNED: usize = 1 << 14;

#[derive(Clone, Copy)]
struct Beat {
    hop: u32,
    /// The place of the beat before, or [`ROOT`].
    before: u32,
}

/// Beats, each behind the one before it.
#[derive(Default)]
pub(super) struct Tree {
    beats: Vec<Beat>,
    /// Beats that were left when the tree was last pruned.
    n_pruned: usize,
}

impl Tree {
    /// Adds a beat that follows the one at `before`; its place.
    pub fn push(&mut self, hop: usize, before: u32) -> u32 {
        let place = self.beats.len() as u32;
        self.beats.push(Beat {
            hop: hop as u32,
            before,
        });
        place
    }

    /// Beats that are kept.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.beats.len()
    }

    /// The hops from a beat back to the first one.
    pub fn back_from(&self, place: u32) -> impl Iterator<Item = usize> {
        let at = |place: u32| self.beats.get(place as usize);
        std::iter::successors(at(place), move |beat| at(beat.before)).map(|beat| beat.hop as usize)
    }

    /// Forgets the beats that lie on no path to `leaves`, once that may be half of them, and moves `leaves` to their new places.
    pub fn prune(&mut self, leaves: &mut [u32]) {
        if self.beats.len() < 2 * self.n_pruned.max(MIN_PRUNED) {
            return;
        }
        let mut is_kept = vec![false; self.beats.len()];
        for leaf in leaves.iter() {
            if let Some(is_kept) = is_kept.get_mut(*leaf as usize) {
                *is_kept = true;
            }
        }
        for place in (0..self.beats.len()).rev() {
            let before = self.beats[place].before as usize;
            if is_kept[place] && before < is_kept.len() {
                is_kept[before] = true;
            }
        }
        let mut places = vec![ROOT; self.beats.len()];
        let moved =
            |places: &[u32], place: u32| places.get(place as usize).copied().unwrap_or(ROOT);
        let mut n_kept = 0;
        for place in 0..self.beats.len() {
            if is_kept[place] {
                let beat = self.beats[place];
                self.beats[n_kept] = Beat {
                    before: moved(&places, beat.before),
                    ..beat
                };
                places[place] = n_kept as u32;
                n_kept += 1;
            }
        }
        self.beats.truncate(n_kept);
        self.n_pruned = n_kept;
        for leaf in leaves {
            *leaf = moved(&places, *leaf);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pruning_keeps_the_paths_to_leaves_and_nothing_else() {
        let mut tree = Tree::default();
        let mut leaves = vec![ROOT; 3];
        // Two paths over the even and the odd hops, and a twig at each beat.
        for hop in 0..40_000 {
            leaves[hop % 2] = tree.push(hop, leaves[hop % 2]);
            tree.push(hop, leaves[hop % 2]);
            tree.prune(&mut leaves);
        }
        assert!(tree.len() < 100_000, "{} beats", tree.len());
        for (first, leaf) in leaves[..2].iter().enumerate() {
            let mut hops: Vec<usize> = tree.back_from(*leaf).collect();
            hops.reverse();
            assert!(hops.into_iter().eq((first..40_000).step_by(2)));
        }
        assert_eq!(tree.back_from(leaves[2]).next(), None);
        // Once one of the paths is given up, its half is forgotten.
        leaves[0] = ROOT;
        let n_before = tree.len();
        for hop in 40_000..120_000 {
            leaves[1] = tree.push(hop, leaves[1]);
            tree.prune(&mut leaves);
        }
        assert!(tree.len() < n_before + 80_000 - 20_000, "{}", tree.len());
        let n_beats = 20_000 + 80_000;
        assert_eq!(tree.back_from(leaves[1]).count(), n_beats);
    }
}
