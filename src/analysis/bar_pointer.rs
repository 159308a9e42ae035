//! Beats and bars: the sequence of beats, each with a period and a position in its bar, that best explains what the network
//! hears.
//!
//! The bar-pointer model (Whiteley, Cemgil and Godsill, ISMIR 2006; Krebs, Böck and Widmer, ISMIR 2015), as a semi-Markov chain
//! from beat to beat: the state at a beat is the distance to the next one and the position in a bar of some length. Its most
//! likely path is found by the Viterbi algorithm for tempo, beats, meter and downbeats at once.

use super::inputs::HOPS_PER_FRAME;
use super::network::Activations;

/// Beats in a bar that are tried.
pub(super) const METERS: [usize; 6] = [2, 3, 4, 5, 6, 7];
/// Log-probability of a meter, relative to 4, for each bar.
pub(super) const METER_COST: [f32; 6] = [0.25, 0.1, 0.0, 0.5, 0.5, 0.6];
/// Positions in bars of all meters, one after the other.
pub(super) const N_POSITIONS: usize = 27;
/// Shortest period in hops: 300 bpm.
const MIN_PERIOD: f64 = 20.0;
/// Longest period in hops: 40 bpm.
const MAX_PERIOD: f64 = 150.0;
/// Distance between periods, as a factor.
const PERIOD_STEP: f64 = 1.025;
/// Largest change from beat to beat, in steps.
const MAX_STEPS: usize = 3;
/// Cost of a change by one step, and of each further one.
const STEP_COST: f32 = 0.5;
/// Cost of a new tempo out of nowhere.
const JUMP_COST: f32 = 9.0;
/// Cost of a bar that ends early or late, and of another meter.
const SLIP_COST: f32 = 6.0;
/// Added to the log-odds of a beat: training weighs beats more than what lies between them.
const BEAT_BIAS: f32 = -0.3;
/// What a beat without any sign of it costs at most: breaks and rests.
const MISSING_COST: f32 = 2.5;
/// Share of downbeats among beats that the network expects without evidence.
pub(super) const DOWNBEAT_SHARE: f32 = 0.28;
/// Weight of the evidence for downbeats.
const DOWNBEAT_WEIGHT: f32 = 0.85;
/// Hops of which choices are remembered, 2 minutes; earlier beats are settled by then.
const MEMORY_HOPS: usize = 12_000;

/// A beat of the path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct BarBeat {
    pub hop: usize,
    /// From 1.
    pub position: u32,
}

/// What is known beforehand.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wanted {
    /// The tempo, kept within some percent.
    pub tempo_bpm: Option<f64>,
    /// Beats in a bar.
    pub meter: Option<u32>,
    /// The likely period in hops; see [`super::tempo`].
    pub period: Option<f32>,
}

/// Log-odds of beats and downbeats at each hop.
struct Evidence {
    /// Of a beat, at least -[`MISSING_COST`].
    beat: Vec<f32>,
    /// What a beat gains when it is a downbeat.
    first: Vec<f32>,
    /// What a beat gains when it isn't.
    other: Vec<f32>,
}

impl Evidence {
    fn of(heard: &Activations, n_hops: usize) -> Self {
        // Between frames by proportion.
        let at = |values: &[f32], hop: usize| {
            let (frame, odd) = (hop / HOPS_PER_FRAME, hop % HOPS_PER_FRAME);
            let get = |i: usize| values.get(i).or(values.last()).copied().unwrap_or(0.0);
            get(frame) + (get(frame + 1) - get(frame)) * odd as f32 / HOPS_PER_FRAME as f32
        };
        let (mut beat, mut first, mut other) = (Vec::new(), Vec::new(), Vec::new());
        for hop in 0..n_hops {
            // Periods are whole hops and players aren't machines: a hop to either side will do.
            let around = hop.saturating_sub(1)..=hop + 1;
            let p = around.fold(1e-4f32, |most, hop| most.max(at(&heard.beat, hop)));
            let p = p.min(1.0 - 1e-4);
            beat.push((p / (1.0 - p)).ln().clamp(-MISSING_COST, 4.0) + BEAT_BIAS);
            let d = at(&heard.downbeat, hop).clamp(0.01, 0.99);
            first.push(DOWNBEAT_WEIGHT * (d / DOWNBEAT_SHARE).ln());
            other.push(DOWNBEAT_WEIGHT * ((1.0 - d) / (1.0 - DOWNBEAT_SHARE)).ln());
        }
        Self { beat, first, other }
    }
}

/// Index of the first position of each meter, and the meter of each position.
pub(super) struct Layout {
    pub first: [usize; METERS.len()],
    pub meter_of: [usize; N_POSITIONS],
}

pub(super) fn layout() -> Layout {
    let mut layout = Layout {
        first: [0; METERS.len()],
        meter_of: [0; N_POSITIONS],
    };
    let mut at = 0;
    for (meter, n) in METERS.into_iter().enumerate() {
        layout.first[meter] = at;
        layout.meter_of[at..at + n].fill(meter);
        at += n;
    }
    layout
}

fn periods(tempo_bpm: Option<f64>) -> Vec<usize> {
    let (low, high) = match tempo_bpm {
        Some(bpm) => (6000.0 / bpm / 1.07, 6000.0 / bpm * 1.07),
        None => (MIN_PERIOD, MAX_PERIOD),
    };
    let step = if tempo_bpm.is_some() {
        1.01
    } else {
        PERIOD_STEP
    };
    let mut periods: Vec<usize> = (0..)
        .map(|i| low * f64::powi(step, i))
        .take_while(|p| *p <= high * 1.0001)
        .map(|p| (p.round() as usize).max(2))
        .collect();
    periods.dedup();
    periods
}

/// Cost of a beat at a period: far from the likely one, or from where people tap where none is likely.
fn period_cost(period: usize, likely: Option<f32>) -> f32 {
    let octaves = (period as f32 / likely.unwrap_or(52.0)).log2();
    octaves * octaves
}

type Row = [f32; N_POSITIONS];
const NOWHERE: Row = [f32::MIN / 4.0; N_POSITIONS];

/// How the states of one hop were reached.
struct Choices {
    /// `[period][position]`: steps from the period before, plus [`MAX_STEPS`], or [`Choices::JUMP`].
    steps: Vec<[u8; N_POSITIONS]>,
    /// `[position]`: the best period, from which jumps come.
    best_period: [u8; N_POSITIONS],
    /// `[period]`: the position from which a slip to a first position comes.
    slip_from: Vec<u8>,
    /// `[period]`: bit m is set where the first position of meter m was reached by a slip.
    slipped: Vec<u8>,
}

impl Choices {
    const JUMP: u8 = 2 * MAX_STEPS as u8 + 1;

    fn new(n_periods: usize) -> Self {
        Self {
            steps: vec![[0; N_POSITIONS]; n_periods],
            best_period: [0; N_POSITIONS],
            slip_from: vec![0; n_periods],
            slipped: vec![0; n_periods],
        }
    }
}

/// The most likely beats of `n_hops` hops.
pub(super) fn track(heard: &Activations, n_hops: usize, wanted: Wanted) -> Vec<BarBeat> {
    Tracker::new(heard, n_hops, wanted).run()
}

struct Tracker {
    evidence: Evidence,
    n_hops: usize,
    periods: Vec<usize>,
    costs: Vec<f32>,
    layout: Layout,
    allowed: [bool; N_POSITIONS],
    /// Gains of paths that may go on from a beat at a hop, `[hop % longest][period]`.
    reached: Vec<Vec<Row>>,
    choices: Vec<Choices>,
    settled: Vec<BarBeat>,
}

impl Tracker {
    fn new(heard: &Activations, n_hops: usize, wanted: Wanted) -> Self {
        let periods = periods(wanted.tempo_bpm);
        let layout = layout();
        let is_wanted = |meter: usize| wanted.meter.is_none_or(|n| METERS[meter] == n as usize);
        let has_wanted = (0..METERS.len()).any(is_wanted);
        let longest = periods.last().copied().unwrap_or(1) + 1;
        let n_kept = MEMORY_HOPS.min(n_hops).max(1);
        Self {
            evidence: Evidence::of(heard, n_hops),
            n_hops,
            costs: match wanted.tempo_bpm {
                Some(_) => vec![0.0; periods.len()],
                None => periods
                    .iter()
                    .map(|p| period_cost(*p, wanted.period))
                    .collect(),
            },
            allowed: std::array::from_fn(|p| !has_wanted || is_wanted(layout.meter_of[p])),
            layout,
            reached: vec![vec![NOWHERE; periods.len()]; longest],
            choices: (0..n_kept).map(|_| Choices::new(periods.len())).collect(),
            settled: Vec::new(),
            periods,
        }
    }

    fn run(mut self) -> Vec<BarBeat> {
        let mut settled_until = 0;
        for hop in 0..self.n_hops {
            if hop >= settled_until + self.choices.len() {
                // The older half of what is remembered makes room.
                let path = self.path(hop, settled_until);
                settled_until += self.choices.len() / 2;
                let keep = path.iter().take_while(|b| b.hop < settled_until);
                self.settled.extend(keep);
            }
            self.step(hop);
        }
        let rest = self.path(self.n_hops, settled_until);
        let mut beats = self.settled;
        let last = beats.last().map_or(0, |b| b.hop + 1);
        beats.extend(rest.into_iter().filter(|b| b.hop >= last));
        beats
    }

    fn step(&mut self, hop: usize) {
        let longest = self.reached.len();
        let n_memory = self.choices.len();
        let choices = &mut self.choices[hop % n_memory];
        let (beat, first, other) = (
            self.evidence.beat[hop],
            self.evidence.first[hop],
            self.evidence.other[hop],
        );
        let mut gain = [beat + other; N_POSITIONS];
        for (meter, at) in self.layout.first.into_iter().enumerate() {
            gain[at] = beat + first - METER_COST[meter];
        }
        for (gain, allowed) in gain.iter_mut().zip(&self.allowed) {
            if !allowed {
                *gain = f32::MIN / 8.0;
            }
        }
        // Arrivals: a beat here, `period` after the last.
        let mut here = vec![NOWHERE; self.periods.len()];
        for (k, period) in self.periods.iter().enumerate() {
            let arrived = &mut here[k];
            choices.slipped[k] = 0;
            if hop < *period {
                // The first beat.
                for (arrived, gain) in arrived.iter_mut().zip(&gain) {
                    *arrived = gain - self.costs[k];
                }
                continue;
            }
            let before = &self.reached[(hop - period) % longest][k];
            let best = (0..N_POSITIONS).fold(0, |b, p| if before[p] > before[b] { p } else { b });
            choices.slip_from[k] = best as u8;
            arrived[1..].copy_from_slice(&before[..N_POSITIONS - 1]);
            for (meter, at) in self.layout.first.into_iter().enumerate() {
                let regular = before[at + METERS[meter] - 1];
                let slip = before[best] - SLIP_COST;
                arrived[at] = regular.max(slip);
                if slip > regular {
                    choices.slipped[k] |= 1 << meter;
                }
            }
            for (arrived, gain) in arrived.iter_mut().zip(&gain) {
                *arrived += gain - self.costs[k];
            }
        }
        // Departures: the period to the next beat.
        let mut best = NOWHERE;
        for (k, row) in here.iter().enumerate() {
            for position in 0..N_POSITIONS {
                if row[position] > best[position] {
                    best[position] = row[position];
                    choices.best_period[position] = k as u8;
                }
            }
        }
        let reached = &mut self.reached[hop % longest];
        for (k, (row, steps)) in reached.iter_mut().zip(&mut choices.steps).enumerate() {
            *row = best.map(|gain| gain - JUMP_COST);
            *steps = [Choices::JUMP; N_POSITIONS];
            for step in 0..=2 * MAX_STEPS {
                let Some(from) = (k + step).checked_sub(MAX_STEPS).and_then(|k| here.get(k)) else {
                    continue;
                };
                let n_steps = step.abs_diff(MAX_STEPS) as f32;
                let cost = STEP_COST * n_steps * (1.0 + n_steps) / 2.0;
                for position in 0..N_POSITIONS {
                    let gain = from[position] - cost;
                    let is_better = gain > row[position];
                    row[position] = if is_better { gain } else { row[position] };
                    steps[position] = if is_better {
                        step as u8
                    } else {
                        steps[position]
                    };
                }
            }
        }
    }

    /// The best path up to `end`, back to `start`.
    fn path(&self, end: usize, start: usize) -> Vec<BarBeat> {
        let longest = self.reached.len();
        let n_memory = self.choices.len();
        let mut last = (f32::MIN, 0, 0, 0);
        for hop in end.saturating_sub(longest).max(start)..end {
            for (k, period) in self.periods.iter().enumerate() {
                let row = &self.reached[hop % longest][k];
                for (position, gain) in row.iter().enumerate() {
                    // The next beat would lie behind the end.
                    if hop + period >= end && *gain > last.0 {
                        last = (*gain, hop, k, position);
                    }
                }
            }
        }
        let (gain, mut hop, mut k, mut position) = last;
        let mut beats = Vec::new();
        if gain < f32::MIN / 16.0 {
            return beats;
        }
        loop {
            let meter = self.layout.meter_of[position];
            let within = position - self.layout.first[meter];
            beats.push(BarBeat {
                hop,
                position: within as u32 + 1,
            });
            let choices = &self.choices[hop % n_memory];
            // The period that led here.
            let from = match choices.steps[k][position] {
                Choices::JUMP => usize::from(choices.best_period[position]),
                step => (k + usize::from(step)).saturating_sub(MAX_STEPS),
            };
            position = if within > 0 {
                position - 1
            } else if choices.slipped[from] >> meter & 1 == 1 {
                usize::from(choices.slip_from[from])
            } else {
                position + METERS[meter] - 1
            };
            k = from;
            let Some(before) = hop.checked_sub(self.periods[k]).filter(|h| *h >= start) else {
                break;
            };
            hop = before;
        }
        beats.reverse();
        beats
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Activations of beats `period_secs` apart from `start_secs`, a downbeat every `n` of them.
    fn heard(n_frames: usize, beats: &[(f64, bool)]) -> Activations {
        let mut heard = Activations {
            onset: vec![0.0; n_frames * HOPS_PER_FRAME],
            beat: vec![0.02; n_frames],
            downbeat: vec![0.28; n_frames],
        };
        for (secs, is_first) in beats {
            let frame = (secs / 0.02).round() as usize;
            for near in frame - 1..=frame + 1 {
                heard.beat[near] = if near == frame { 0.9 } else { 0.4 };
                heard.downbeat[near] = if *is_first { 0.8 } else { 0.1 };
            }
        }
        heard
    }

    fn steady(n: usize, bpm: f64, n_beats: usize) -> Vec<(f64, bool)> {
        (0..n_beats)
            .map(|i| (0.5 + i as f64 * 60.0 / bpm, i % n == 0))
            .collect()
    }

    #[test]
    fn every_meter_is_found_at_every_tempo() {
        for meter in METERS {
            for bpm in [60.0, 97.0, 140.0, 200.0] {
                let truth = steady(meter, bpm, 8 * meter);
                let n_frames = (truth[truth.len() - 1].0 / 0.02) as usize + 30;
                let found = track(&heard(n_frames, &truth), 2 * n_frames, Wanted::default());
                let firsts: Vec<usize> = found
                    .iter()
                    .filter(|b| b.position == 1)
                    .map(|b| b.hop)
                    .collect();
                let wanted: Vec<usize> = truth
                    .iter()
                    .filter(|b| b.1)
                    .map(|b| (b.0 * 100.0).round() as usize)
                    .collect();
                assert!(
                    found.len().abs_diff(truth.len()) <= 3,
                    "{meter} {bpm}: {} beats",
                    found.len()
                );
                let near = |a: &usize| firsts.iter().any(|b| a.abs_diff(*b) <= 2);
                assert!(
                    wanted.iter().all(near),
                    "{meter} {bpm}: {firsts:?} {wanted:?}"
                );
            }
        }
    }

    #[test]
    fn a_break_is_bridged_and_a_new_tempo_followed() {
        let mut truth = steady(4, 100.0, 24);
        let start = truth[23].0 + 0.6;
        truth.extend((0..32).map(|i| (start + i as f64 * 60.0 / 140.0, i % 4 == 0)));
        let n_frames = (truth[55].0 / 0.02) as usize + 30;
        let sounding: Vec<_> = truth
            .iter()
            .copied()
            .filter(|b| !(30..36).contains(&((b.0 - start) as i64 + 30)))
            .collect();
        let found = track(&heard(n_frames, &truth), 2 * n_frames, Wanted::default());
        assert!(sounding.len() > 20);
        for (secs, _) in &truth {
            let hop = (secs * 100.0).round() as usize;
            assert!(found.iter().any(|b| b.hop.abs_diff(hop) <= 2), "{secs}");
        }
    }

    #[test]
    fn a_long_song_is_settled_piece_by_piece() {
        let truth = steady(3, 120.0, 1300);
        let n_frames = (truth[1299].0 / 0.02) as usize + 20;
        let found = track(&heard(n_frames, &truth), 2 * n_frames, Wanted::default());
        assert!(found.len().abs_diff(1300) <= 1);
        assert!(
            found
                .windows(2)
                .all(|w| w[1].hop - w[0].hop == 50 && w[1].position == w[0].position % 3 + 1)
        );
    }

    #[test]
    fn the_wanted_meter_and_tempo_are_kept() {
        let truth = steady(4, 120.0, 40);
        let n_frames = (truth[39].0 / 0.02) as usize + 20;
        let heard = heard(n_frames, &truth);
        let wanted = Wanted {
            tempo_bpm: Some(60.0),
            meter: Some(2),
            period: None,
        };
        let found = track(&heard, 2 * n_frames, wanted);
        assert!(found.len().abs_diff(20) <= 1);
        assert!(found.iter().all(|b| b.position <= 2));
    }

    #[test]
    fn nothing_at_all_has_no_beats_to_trip_over() {
        assert!(track(&Activations::default(), 0, Wanted::default()).is_empty());
        let few = heard(3, &[]);
        assert!(track(&few, 5, Wanted::default()).len() < 3);
    }
}
