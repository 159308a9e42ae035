//! Where sections begin: the cuts of the best piecewise constant description of all bars, found exactly by dynamic programming, where
//! every further section must pay for itself. Sums are kept for starts that are still open alone, as hours have many bars.

use common::Result;
use common::statistics::percentile;

use super::bar_sounds::BarSounds;

/// Price of a section in units of the usual change from bar to bar.
const SECTION_PRICE: f32 = 1.8;
/// Least price of a section.
const MIN_PRICE: f32 = 0.5;
/// Sections that are shorter than the first of each pair, in seconds, cost more: nearly as many prices as the second says where
/// they are very short. Musicians feel parts of 4, 8 and 16 bars; an intro may be short.
const SHORT: [(f64, f64); 2] = [(12.0, 1.0), (5.0, 2.0)];
/// Prices that sections cost in addition whose number of bars is even, but no multiple of four, or odd: phrases come in fours.
const EVEN: f64 = 0.15;
const ODD: f64 = 0.4;
/// The most that a section costs beyond its price, in prices.
const MOST_EXTRA: f64 = SHORT[0].1 + SHORT[1].1 + ODD;

/// Index of each section's first bar.
pub(super) fn cut(bars: &BarSounds, starts: &[f64], duration_secs: f64) -> Result<Vec<usize>> {
    let n = bars.len();
    let price = f64::from((SECTION_PRICE * usual_change(bars)?).max(MIN_PRICE));
    let secs = |bar: usize| starts.get(bar).copied().unwrap_or(duration_secs);
    let extra = |start: usize, end: usize| {
        let length = secs(end) - secs(start);
        let short: f64 = SHORT
            .iter()
            .map(|(secs, prices)| prices * (1.0 - length / secs).max(0.0))
            .sum();
        let odd = match end - start {
            _ if end == n => 0.0,
            n_bars if n_bars.is_multiple_of(4) => 0.0,
            n_bars if n_bars.is_multiple_of(2) => EVEN,
            _ => ODD,
        };
        short + odd
    };
    let mut best = vec![(0.0f64, 0usize); n + 1];
    let mut open: Vec<Start> = Vec::new();
    let mut sums = Sums::new(bars.n_dims());
    for (end, bar) in (1..).zip(bars.iter()) {
        open.push(Start {
            sums: sums.clone(),
            cost: 0.0,
        });
        sums.add(&bar?);
        let mut choice = (f64::MAX, 0);
        for start in &mut open {
            let first = start.sums.n_bars;
            start.cost = best[first].0 + start.sums.spread_to(&sums);
            let cost = start.cost + price * (1.0 + extra(first, end));
            if cost < choice.0 {
                choice = (cost, first);
            }
        }
        best[end] = choice;
        // Two sections describe their bars at least as well as one. So a start is out for good where a new section from here on
        // is cheaper even at its dearest (Killick, Fearnhead and Eckley, "Optimal detection of changepoints with a linear
        // computational cost", JASA 2012), and an hour takes as long as twenty songs.
        open.retain(|start| start.cost <= choice.0 + MOST_EXTRA * price);
    }
    let mut cuts = Vec::new();
    let mut end = n;
    while end > 0 {
        end = best[end].1;
        cuts.push(end);
    }
    cuts.reverse();
    Ok(cuts)
}

/// Median change from bar to bar.
fn usual_change(bars: &BarSounds) -> Result<f32> {
    let mut sums = Sums::new(bars.n_dims());
    let mut before: Option<Sums> = None;
    let mut changes = Vec::with_capacity(bars.len());
    for bar in bars.iter() {
        let here = sums.clone();
        sums.add(&bar?);
        changes.extend(before.map(|before| before.spread_to(&sums) as f32));
        before = Some(here);
    }
    Ok(percentile(&changes, 0.5))
}

/// Sums over the bars from the song's start to one of them, so that the spread of any run of bars takes one look at its ends.
#[derive(Clone)]
struct Sums {
    n_bars: usize,
    values: Vec<f64>,
    squares: f64,
}

impl Sums {
    /// Before the first bar.
    fn new(n_dims: usize) -> Self {
        Self {
            n_bars: 0,
            values: vec![0.0; n_dims],
            squares: 0.0,
        }
    }

    fn add(&mut self, bar: &[f32]) {
        self.n_bars += 1;
        self.squares += bar.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>();
        for (sum, value) in self.values.iter_mut().zip(bar) {
            *sum += f64::from(*value);
        }
    }

    /// How far the bars behind these, up to those of `end`, lie from their mean, squared and added up.
    fn spread_to(&self, end: &Self) -> f64 {
        let sums = end.values.iter().zip(&self.values);
        let mean_square: f64 = sums.map(|(end, start)| (end - start).powi(2)).sum();
        let n_bars = end.n_bars - self.n_bars;
        (end.squares - self.squares - mean_square / n_bars as f64).max(0.0)
    }
}

/// Where a section may begin that is the last one so far.
struct Start {
    /// Over the bars before it.
    sums: Sums,
    /// What all sections up to here cost, but for the price of this one.
    cost: f64,
}

#[cfg(test)]
mod tests {
    use super::super::distance;
    use super::*;

    /// Bars of two seconds that keep a sound for some of them, each with noise of its own.
    fn bars(n_bars: usize, noise: f32) -> (Vec<Vec<f32>>, Vec<f64>) {
        let random = |seed: usize| {
            let x = (seed as u32).wrapping_mul(0x9E37_79B9);
            (x ^ (x >> 15)).wrapping_mul(0x85EB_CA6B) as f32 / u32::MAX as f32
        };
        let bar = |bar: usize| {
            let sound = (bar / 8 + bar / 20) * 100;
            let value = |d: usize| random(sound + d) + noise * random(7777 + 10 * bar + d);
            (0..6).map(value).collect()
        };
        let starts = (0..n_bars).map(|bar| 2.0 * bar as f64).collect();
        ((0..n_bars).map(bar).collect(), starts)
    }

    /// What a section of bars costs that is followed by others, or that is the last.
    fn cost(bars: &[Vec<f32>], price: f64, is_last: bool) -> f64 {
        let square = |d: usize| {
            let values = bars.iter().map(|bar| f64::from(bar[d]));
            let mean = values.clone().sum::<f64>() / bars.len() as f64;
            values.map(|value| (value - mean).powi(2)).sum::<f64>()
        };
        let length = 2.0 * bars.len() as f64;
        let short = SHORT.map(|(secs, prices)| prices * (1.0 - length / secs).max(0.0));
        let odd = match bars.len() % 4 {
            _ if is_last => 0.0,
            0 => 0.0,
            2 => EVEN,
            _ => ODD,
        };
        let spread: f64 = (0..bars[0].len()).map(square).sum();
        spread + price * (1.0 + short.iter().sum::<f64>() + odd)
    }

    #[test]
    fn no_other_cuts_are_better() {
        for noise in [0.0, 0.1, 0.5, 2.0] {
            let (bars, starts) = bars(120, noise);
            let changes = bars.windows(2).map(|pair| distance(&pair[0], &pair[1]));
            let changes: Vec<f32> = changes.map(|change| change.powi(2) / 2.0).collect();
            let price = f64::from((SECTION_PRICE * percentile(&changes, 0.5)).max(MIN_PRICE));
            let of = |start: usize, end: usize| cost(&bars[start..end], price, end == bars.len());
            let mut least = vec![0.0];
            for end in 1..=bars.len() {
                let costs = (0..end).map(|start| least[start] + of(start, end));
                least.push(costs.fold(f64::MAX, f64::min));
            }
            let mut sounds = BarSounds::new(bars[0].len());
            bars.iter().for_each(|bar| sounds.push(bar));
            let cuts = cut(&sounds, &starts, 240.0).unwrap();
            let ends = cuts.iter().skip(1).copied().chain([bars.len()]);
            let found: f64 = cuts
                .iter()
                .zip(ends)
                .map(|(start, end)| of(*start, end))
                .sum();
            assert!((found - least[bars.len()]).abs() < 1e-3, "{noise}: {found}");
            assert!(cuts.len() > 1, "{noise}");
        }
    }
}
