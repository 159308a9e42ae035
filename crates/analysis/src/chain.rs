//! The most likely sequence of beats, each one period after the last.
//!
//! The bar-pointer model (Whiteley, Cemgil and Godsill, ISMIR 2006; Krebs, Böck and Widmer, ISMIR 2015) without its bars, as a
//! semi-Markov chain from beat to beat: the state at a beat is the distance to the next one. The path with the most gain is
//! found by the Viterbi algorithm. Loops over periods are written for vectors. Once a minute, all choices but those on paths
//! that are still open are forgotten: the path stays the same, and an hour of music needs about as much memory as a minute.

mod tree;

use common::Result;

use super::series::Series;
use super::tempo::Beats;
use tree::{ROOT, Tree};

/// Hops between the moments at which choices are forgotten: 1 minute, much more than the longest period.
const SETTLE_HOPS: usize = 6000;

/// Periods, and what it costs to go from one to another.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    /// In hops, strictly increasing, at most 254 of them.
    periods: Vec<usize>,
    /// Cost of a change by 0, 1, 2, … places among the periods.
    change_costs: Vec<f32>,
    /// Cost of any other change.
    jump_cost: f32,
}

impl Chain {
    /// Periods from `shortest` to `longest` hops, each about `step` times the one before.
    pub fn new(
        (shortest, longest): (f64, f64),
        step: f64,
        change_costs: Vec<f32>,
        jump_cost: f32,
    ) -> Self {
        let mut periods: Vec<usize> = (0..254)
            .map(|i| shortest * step.powi(i))
            .take_while(|period| *period <= longest * 1.0001)
            .map(|period| (period.round() as usize).max(2))
            .collect();
        periods.dedup();
        Self {
            periods,
            change_costs,
            jump_cost,
        }
    }

    pub fn periods(&self) -> &[usize] {
        &self.periods
    }

    /// The beats of the best path through hops, ascending.
    ///
    /// A beat at a hop is worth what `worth` has there times the weight of the period before it, less its cost; `periods` has
    /// `[weight, cost]` of each. The first beat lies within its period of the start, the last within the next period of the
    /// end.
    ///
    /// # Errors
    /// As [`Series::read`].
    pub fn most_likely(&self, worth: &Series<f32>, periods: &[[f32; 2]]) -> Result<Beats> {
        let search = Search::new(self, worth.len());
        pulp::Arch::new().dispatch(Viterbi {
            search,
            worth,
            periods,
        })
    }

    fn max_change(&self) -> usize {
        self.change_costs.len().saturating_sub(1)
    }
}

/// The whole search, compiled for the machine's vectors.
struct Viterbi<'a> {
    search: Search<'a>,
    worth: &'a Series<f32>,
    periods: &'a [[f32; 2]],
}

impl pulp::WithSimd for Viterbi<'_> {
    type Output = Result<Beats>;

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(mut self, _: S) -> Result<Beats> {
        self.search.run(self.worth, self.periods)?;
        Ok(self.search.finish(self.worth.len()))
    }
}

struct Search<'a> {
    chain: &'a Chain,
    /// Gains of paths with a beat at the current hop, by the period before it; with room for changes beyond the shortest and
    /// the longest.
    here: Vec<f32>,
    /// The places chosen at the current hop, in as many bits as gains have.
    chosen: Vec<u32>,
    /// `[hop % n_ring][period]`: gains of paths that go on from a beat at a hop with a period.
    reached: Vec<f32>,
    /// One more than the longest period.
    n_ring: usize,
    /// `[hop - settled_until][period]`: places up from the farthest change down, or [`JUMP`].
    steps: Vec<u8>,
    /// `[hop - settled_until]`: the best period, from which jumps come.
    best: Vec<u8>,
    /// Paths over earlier hops, of which the choices are forgotten.
    tree: Tree,
    /// `[hop % n_ring][period]`: where the tree has the beat at a hop before `settled_until` from which an open path goes on
    /// with a period.
    leaves: Vec<u32>,
    settled_until: usize,
}

/// A beat at a hop, from which a path goes on with the period of this place.
type State = (usize, usize);

const JUMP: u8 = u8::MAX;

impl<'a> Search<'a> {
    fn new(chain: &'a Chain, n_hops: usize) -> Self {
        let n_periods = chain.periods.len();
        let n_ring = chain.periods.last().map_or(1, |longest| longest + 1);
        let n_kept = SETTLE_HOPS.min(n_hops);
        Self {
            here: vec![f32::MIN; n_periods + 2 * chain.max_change()],
            chosen: vec![0; n_periods],
            reached: vec![f32::MIN; n_periods * n_ring],
            n_ring,
            steps: Vec::with_capacity(n_periods * n_kept),
            best: Vec::with_capacity(n_kept),
            tree: Tree::default(),
            leaves: vec![ROOT; n_periods * n_ring],
            settled_until: 0,
            chain,
        }
    }

    #[inline(always)]
    fn run(&mut self, worth: &Series<f32>, periods: &[[f32; 2]]) -> Result<()> {
        for (hop, worth) in worth.iter().enumerate() {
            self.step(hop, worth?, periods);
            if (hop + 1) % SETTLE_HOPS == 0 {
                self.settle(hop + 1);
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn step(&mut self, hop: usize, worth: f32, periods: &[[f32; 2]]) {
        let chain = self.chain;
        let (n_periods, max_change) = (chain.periods.len(), chain.max_change());
        let here = &mut self.here[max_change..max_change + n_periods];
        let n_ring = self.n_ring;
        let row = hop % n_ring;
        for (k, (here, period)) in here.iter_mut().zip(&chain.periods).enumerate() {
            *here = if *period > hop {
                0.0
            } else {
                // Without a division, of which there would be one for each period and hop.
                let around = if *period > row { n_ring } else { 0 };
                self.reached[(row + around - period) * n_periods + k]
            };
        }
        for (here, [weight, cost]) in here.iter_mut().zip(periods) {
            *here += worth * weight - cost;
        }
        let most = here.iter().copied().fold(f32::MIN, f32::max);
        let best = here.iter().position(|gain| *gain == most).unwrap_or(0);
        let gains = &mut self.reached[row * n_periods..(row + 1) * n_periods];
        gains.fill(here[best] - chain.jump_cost);
        self.chosen.fill(u32::from(JUMP));
        for step in 0..=2 * max_change {
            let cost = chain.change_costs[step.abs_diff(max_change)];
            let places = gains
                .iter_mut()
                .zip(&mut self.chosen)
                .zip(&self.here[step..]);
            for ((gain, chosen), from) in places {
                let other = from - cost;
                // All bits of a mask rather than a branch, which would keep vectors out.
                let is_better = u32::from(other > *gain).wrapping_neg();
                *chosen = (step as u32 & is_better) | (*chosen & !is_better);
                *gain = gain.max(other);
            }
        }
        self.best.push(best as u8);
        self.steps
            .extend(self.chosen.iter().map(|chosen| *chosen as u8));
    }

    /// The state before one that isn't settled; `None` if its beat is the first.
    fn before(&self, (hop, k): State) -> Option<State> {
        let row = hop - self.settled_until;
        let k = match self.steps[row * self.chain.periods.len() + k] {
            JUMP => usize::from(self.best[row]),
            step => (k + usize::from(step)).saturating_sub(self.chain.max_change()),
        };
        Some((hop.checked_sub(self.chain.periods[k])?, k))
    }

    /// Index of a state among `leaves`.
    fn leaf(&self, (hop, k): State) -> usize {
        hop % self.n_ring * self.chain.periods.len() + k
    }

    /// The states from which a path can go on behind `n_hops` hops.
    fn open(&self, n_hops: usize) -> impl Iterator<Item = State> + use<'a> {
        let periods = &self.chain.periods;
        let is_open = move |(hop, k): &State| hop + periods[*k] >= n_hops;
        (n_hops.saturating_sub(self.n_ring - 1)..n_hops)
            .flat_map(|hop| (0..periods.len()).map(move |k| (hop, k)))
            .filter(is_open)
    }

    /// Moves the beats of open paths over to the tree, and forgets the choices at all hops before `n_hops`.
    fn settle(&mut self, n_hops: usize) {
        let n_periods = self.chain.periods.len();
        let (start, first_row) = (self.settled_until, self.settled_until * n_periods);
        let index = |(hop, k): State| (hop * n_periods + k).checked_sub(first_row);
        let mut is_passed = vec![false; (n_hops - start) * n_periods];
        self.open(n_hops)
            .filter_map(index)
            .for_each(|at| is_passed[at] = true);
        let state = |at: usize| (start + at / n_periods, at % n_periods);
        for at in (0..is_passed.len()).rev() {
            if is_passed[at]
                && let Some(before) = self.before(state(at)).and_then(index)
            {
                is_passed[before] = true;
            }
        }
        for at in (0..is_passed.len()).filter(|at| is_passed[*at]) {
            let before = self.before(state(at));
            let before = before.map_or(ROOT, |before| self.leaves[self.leaf(before)]);
            let leaf = self.leaf(state(at));
            self.leaves[leaf] = self.tree.push(state(at).0, before);
        }
        let mut is_open = vec![false; self.leaves.len()];
        self.open(n_hops)
            .for_each(|state| is_open[self.leaf(state)] = true);
        let leaves = self.leaves.iter_mut().zip(is_open);
        leaves
            .filter(|(_, is_open)| !is_open)
            .for_each(|(leaf, _)| *leaf = ROOT);
        self.tree.prune(&mut self.leaves);
        self.steps.clear();
        self.best.clear();
        self.settled_until = n_hops;
        // Gains stay small, and so exact, however long the song is.
        let highest = self.reached.iter().copied().fold(f32::MIN, f32::max);
        for gain in &mut self.reached {
            *gain -= highest;
        }
    }

    /// The beats of the best path over `n_hops` hops.
    fn finish(self, n_hops: usize) -> Beats {
        let n_periods = self.chain.periods.len();
        let mut last = (f32::MIN, None);
        for hop in n_hops.saturating_sub(self.n_ring)..n_hops {
            let gains = self.reached[hop % self.n_ring * n_periods..].iter();
            for (k, (gain, period)) in gains.zip(&self.chain.periods).enumerate() {
                // The next beat would lie behind the end.
                if hop + period >= n_hops && *gain > last.0 {
                    last = (*gain, Some((hop, k)));
                }
            }
        }
        let is_settled = |state: &State| state.0 < self.settled_until;
        let mut state = last.1;
        let mut hops = Vec::new();
        while let Some(open) = state.filter(|state| !is_settled(state)) {
            hops.push(open.0);
            state = self.before(open);
        }
        if let Some(settled) = state {
            hops.extend(self.tree.back_from(self.leaves[self.leaf(settled)]));
        }
        hops.into_iter().rev().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn chain() -> Chain {
        Chain::new((10.0, 40.0), 1.06, vec![0.0, 0.4, 1.2], 5.0)
    }

    fn cost(chain: &Chain, a: usize, b: usize) -> f32 {
        let near = chain.change_costs.get(a.abs_diff(b)).copied();
        near.map_or(chain.jump_cost, |cost| cost.min(chain.jump_cost))
    }

    /// All periods alike.
    fn plain(chain: &Chain) -> Vec<[f32; 2]> {
        vec![[1.0, 0.0]; chain.periods.len()]
    }

    fn most_likely(chain: &Chain, worth: &[f32]) -> Vec<usize> {
        let worth = Series::from(worth.to_vec());
        let beats = chain.most_likely(&worth, &plain(chain)).unwrap();
        beats.iter().collect()
    }

    /// The gain of the best path, hop by hop over all pairs of periods.
    fn best_gain(chain: &Chain, worth: &[f32]) -> f32 {
        let n_periods = chain.periods.len();
        let mut gains = vec![vec![f32::MIN; n_periods]; worth.len()];
        let mut best = f32::MIN;
        for hop in 0..worth.len() {
            for (k, period) in chain.periods.iter().enumerate() {
                gains[hop][k] = worth[hop];
                if let Some(before) = hop.checked_sub(*period) {
                    let from =
                        (0..n_periods).map(|other| gains[before][other] - cost(chain, other, k));
                    gains[hop][k] += from.fold(f32::MIN, f32::max);
                }
                let next = (0..n_periods).filter(|next| hop + chain.periods[*next] >= worth.len());
                let end = next.map(|next| gains[hop][k] - cost(chain, k, next));
                best = best.max(end.fold(f32::MIN, f32::max));
            }
        }
        best
    }

    /// What lies before the first beat and behind the last is the nearest period that reaches the border.
    fn gain_of(chain: &Chain, worth: &[f32], path: &[usize]) -> f32 {
        let period = |pair: &[usize]| chain.periods.iter().position(|p| *p == pair[1] - pair[0]);
        let inner: Option<Vec<usize>> = path.windows(2).map(period).collect();
        let inner = inner.expect("distances are periods");
        let longest = chain.periods.len() - 1;
        let reaching = |left: usize, beside: Option<&usize>| {
            let beside = *beside.unwrap_or(&longest);
            let enough = (0..=longest).filter(|k| chain.periods[*k] >= left);
            enough.min_by_key(|k| k.abs_diff(beside))
        };
        let before = reaching(path[0] + 1, inner.first());
        let behind = reaching(worth.len() - path[path.len() - 1], inner.last());
        let periods: Vec<usize> = before.into_iter().chain(inner).chain(behind).collect();
        let changes = periods.windows(2).map(|w| cost(chain, w[0], w[1]));
        path.iter().map(|hop| worth[*hop]).sum::<f32>() - changes.sum::<f32>()
    }

    proptest! {
        #[test]
        fn no_path_is_better(worth in prop::collection::vec(-2.0f32..3.0, 30..150)) {
            let chain = chain();
            let path = most_likely(&chain, &worth);
            let best = best_gain(&chain, &worth);
            prop_assert!((gain_of(&chain, &worth, &path) - best).abs() < 1e-3);
        }
    }

    #[test]
    fn no_beat_of_an_hour_is_lost_or_doubled_at_any_tempo() {
        for period in [10.0, 13.7, 25.0, 33.333, 39.1] {
            let mut worth = vec![-2.0f32; 360_000];
            let beats: Vec<usize> = (0..)
                .map(|i| (7.0 + f64::from(i) * period) as usize)
                .take_while(|hop| *hop < worth.len())
                .collect();
            beats.iter().for_each(|hop| worth[*hop] = 3.0);
            let fine = Chain::new((10.0, 40.0), 1.02, vec![0.0, 0.4, 1.2], 5.0);
            let path = most_likely(&fine, &worth);
            assert!(path == beats, "{period}: {} beats", path.len());
        }
    }

    #[test]
    fn where_paths_stay_open_for_an_hour_all_are_kept_and_little_of_each() {
        // Two phases are alike for an hour; then one of them is right.
        let n = 60 * SETTLE_HOPS + 1500;
        let worth = |hop: usize| match hop % 40 {
            5 if hop >= 60 * SETTLE_HOPS => -3.0,
            5 | 25 => 2.0,
            _ => -9.0,
        };
        let worth: Vec<f32> = (0..n).map(worth).collect();
        let slow = Chain::new((38.0, 42.0), 1.03, vec![0.0, 4.0], 50.0);
        let mut search = Search::new(&slow, n);
        search.run(&Series::from(worth), &plain(&slow)).unwrap();
        // A beat of each path every 40 hops, and the last minutes whole.
        assert!(search.tree.len() < 2 * n / 40 + (1 << 15));
        let path: Vec<usize> = search.finish(n).iter().collect();
        assert!(path.iter().all(|hop| hop % 40 == 25), "{:?}", &path[..3]);
        assert_eq!(path.len(), n / 40);
    }

    #[test]
    fn nothing_has_no_beats() {
        assert!(most_likely(&chain(), &[]).is_empty());
    }
}
