//! A noise position and a pulse become weights of seeds.
//!
//! The Gaussian noises of different seeds are independent, so a weighted sum of them is Gaussian with the sum of squared
//! weights as its variance: weights whose squares add up to 1 leave the picture's statistics alone, wherever the path is.

use std::f64::consts::{FRAC_PI_2, TAU};

use common::rounding::round_nano;

use super::{NoiseKind, NoiseMix, NoisePath};

impl NoisePath {
    /// Position after which a circle is closed.
    pub const CIRCLE_PERIOD: f64 = 4.0;

    /// Position at which the path comes back to its start; `None` for an open path.
    pub fn period(&self) -> Option<f64> {
        match self.kind {
            NoiseKind::Spline | NoiseKind::Slerp => None,
            NoiseKind::Loop => Some(self.seeds.len() as f64),
            NoiseKind::Circle => Some(Self::CIRCLE_PERIOD),
        }
    }

    /// The noise at `position`, turned by `pulse` radians towards the pulse direction.
    ///
    /// # Errors
    /// In words, if the weights cancel out, which takes a seed that is there more than once on a circle.
    pub fn mix(&self, position: f64, pulse: f64) -> Result<NoiseMix, String> {
        let mut terms = Terms::default();
        match self.kind {
            NoiseKind::Spline => self.add_spline(&mut terms, position, &|idx| self.open_seed(idx)),
            NoiseKind::Loop => self.add_spline(&mut terms, position, &|idx| self.ring_seed(idx)),
            NoiseKind::Slerp => {
                let idx = position.floor();
                let (sin, cos) = ((position - idx) * FRAC_PI_2).sin_cos();
                let last = self.seeds.len().saturating_sub(1);
                let seed = |idx: usize| self.seeds.get(idx.min(last)).copied();
                terms.add(seed(idx as usize), cos);
                terms.add(seed(idx as usize + 1), sin);
            }
            NoiseKind::Circle => {
                let (sin, cos) = (position * FRAC_PI_2).sin_cos();
                terms.add(self.seeds.first().copied(), cos);
                terms.add(self.seeds.get(1).copied(), sin);
            }
        }
        let mut terms = terms.normalised()?;
        let (sin, cos) = pulse.sin_cos();
        for (_, weight) in &mut terms.0 {
            *weight *= cos;
        }
        terms.add(Some(self.pulse_seed), sin);
        let Terms(terms) = terms.normalised()?;
        Ok(NoiseMix { terms })
    }

    /// The four weights of a uniform cubic B-spline around a position.
    fn add_spline(&self, terms: &mut Terms, position: f64, seed: &dyn Fn(i64) -> Option<u64>) {
        let knot = position.floor();
        // Rounded, so that the same place between other numbers of knots has the same weights to the last bit.
        let share = round_nano(position - knot);
        for (offset, weight) in (-1..).zip(spline_weights(even_pace(share))) {
            terms.add(seed(knot as i64 + offset), weight);
        }
    }

    /// Seed of a knot of an open path. The knot before the first has the seed one below, and the last seed stays.
    fn open_seed(&self, knot: i64) -> Option<u64> {
        match usize::try_from(knot) {
            Ok(idx) => self.seeds.get(idx).or(self.seeds.last()).copied(),
            Err(_) => self.seeds.first().map(|seed| seed.wrapping_sub(1)),
        }
    }

    /// Seed of a knot of a closed path.
    fn ring_seed(&self, knot: i64) -> Option<u64> {
        let idx = knot.checked_rem_euclid(self.seeds.len() as i64)?;
        self.seeds.get(usize::try_from(idx).ok()?).copied()
    }
}

/// Fraction between two knots at which a `share` of the way, measured as an angle, is done.
///
/// Without it the normalised spline turns 1.33 times as fast halfway between knots as at them. The inverse of its arc
/// length is nearly a straight line; the difference, a sine series, was fitted by least squares. With two terms the speed
/// is even to 0.8 %, and the path stays smooth, since all terms vanish at the knots together with their curvature.
fn even_pace(share: f64) -> f64 {
    let (sin, cos) = (TAU * share).sin_cos();
    share + sin * (0.021_910 + 2.0 * 0.002_044 * cos)
}

/// Uniform cubic B-spline basis at fraction `f` between two knots: weights of the knots -1, 0, 1 and 2.
fn spline_weights(f: f64) -> [f64; 4] {
    let g = 1.0 - f;
    [
        g * g * g / 6.0,
        (3.0 * f * f * (f - 2.0) + 4.0) / 6.0,
        (3.0 * g * g * (g - 2.0) + 4.0) / 6.0,
        f * f * f / 6.0,
    ]
}

/// `(seed, weight)`, each seed once.
#[derive(Default)]
struct Terms(Vec<(u64, f64)>);

impl Terms {
    /// Adds a weight to a seed. Terms of the same seed are the same noise: their weights add up.
    fn add(&mut self, seed: Option<u64>, weight: f64) {
        let Some(seed) = seed else { return };
        match self.0.iter_mut().find(|(known, _)| *known == seed) {
            Some((_, sum)) => *sum += weight,
            None => self.0.push((seed, weight)),
        }
    }

    /// The same direction with squared weights that add up to 1, without terms of weight 0.
    fn normalised(mut self) -> Result<Self, String> {
        let norm = self.0.iter().map(|(_, w)| w * w).sum::<f64>().sqrt();
        if !norm.is_finite() || norm < 1e-6 {
            return Err("the noise cancels out; give seeds that differ".to_owned());
        }
        for (_, weight) in &mut self.0 {
            *weight /= norm;
        }
        self.0.retain(|(_, weight)| weight.abs() > 1e-12);
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn path(kind: NoiseKind, seeds: Vec<u64>) -> NoisePath {
        NoisePath {
            kind,
            seeds,
            pulse_seed: 1_000_000,
        }
    }

    const KINDS: [NoiseKind; 4] = [
        NoiseKind::Spline,
        NoiseKind::Slerp,
        NoiseKind::Loop,
        NoiseKind::Circle,
    ];

    fn weight(mix: &NoiseMix, seed: u64) -> f64 {
        mix.terms
            .iter()
            .filter(|(s, _)| *s == seed)
            .map(|(_, w)| w)
            .sum()
    }

    /// Angle in radians between the noises of two mixes of the seeds 0..20.
    fn angle(a: &NoiseMix, b: &NoiseMix) -> f64 {
        let squares = (0..20).map(|seed| (weight(a, seed) - weight(b, seed)).powi(2));
        2.0 * (0.5 * squares.sum::<f64>().sqrt()).asin()
    }

    /// Angle in radians between the directions in which the path comes to a position and leaves it.
    fn corner(path: &NoisePath, position: f64) -> f64 {
        let h = 1e-4;
        let at = |offset: f64| path.mix(position + offset, 0.0).unwrap();
        let (before, here, after) = (at(-h), at(0.0), at(h));
        let (mut dot, mut in_sq, mut out_sq) = (0.0, 0.0, 0.0);
        for seed in 0..20 {
            let arriving = weight(&here, seed) - weight(&before, seed);
            let leaving = weight(&after, seed) - weight(&here, seed);
            dot += arriving * leaving;
            in_sq += arriving * arriving;
            out_sq += leaving * leaving;
        }
        (dot / (in_sq * out_sq).sqrt()).clamp(-1.0, 1.0).acos()
    }

    #[test]
    fn the_spline_turns_no_corner_at_a_seed_and_slerp_does() {
        for knot in 1..9 {
            let knot = f64::from(knot);
            let spline = corner(&path(NoiseKind::Spline, (0..12).collect()), knot);
            let slerp = corner(&path(NoiseKind::Slerp, (0..12).collect()), knot);
            assert!(spline < 0.01, "{spline}");
            assert!(slerp > 1.5, "{slerp}");
        }
    }

    #[test]
    fn slerp_has_its_ends_and_its_middle() {
        let path = path(NoiseKind::Slerp, vec![5, 6, 7]);
        assert_eq!(path.mix(1.0, 0.0).unwrap().terms, [(6, 1.0)]);
        assert_eq!(path.mix(2.0, 0.0).unwrap().terms, [(7, 1.0)]);
        let middle = path.mix(0.5, 0.0).unwrap();
        for (seed, expected) in [(5, 0.5f64.sqrt()), (6, 0.5f64.sqrt())] {
            assert!((weight(&middle, seed) - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn the_spline_is_nearest_to_a_seed_at_its_knot() {
        let mix = path(NoiseKind::Spline, (0..8).collect())
            .mix(3.0, 0.0)
            .unwrap();
        assert!((weight(&mix, 3) - 4.0 / 18f64.sqrt()).abs() < 1e-12);
        assert!((weight(&mix, 2) - weight(&mix, 4)).abs() < 1e-12);
    }

    #[test]
    fn closed_paths_close_without_a_corner() {
        for kind in [NoiseKind::Loop, NoiseKind::Circle] {
            let path = path(kind, (0..6).collect());
            let period = path.period().unwrap();
            let gap = angle(
                &path.mix(0.0, 0.0).unwrap(),
                &path.mix(period, 0.0).unwrap(),
            );
            assert!(gap < 1e-9, "{kind:?}: {gap}");
            assert!(corner(&path, period) < 0.01, "{kind:?}");
        }
    }

    #[test]
    fn a_pulse_turns_by_its_angle() {
        let path = path(NoiseKind::Spline, (0..8).collect());
        let mix = path.mix(2.3, 0.4).unwrap();
        assert!((weight(&mix, path.pulse_seed) - 0.4f64.sin()).abs() < 1e-12);
    }

    #[test]
    fn noise_that_cancels_out_is_refused() {
        let path = path(NoiseKind::Circle, vec![3, 3]);
        assert!(path.mix(3.0, 0.0).is_err() || path.mix(1.5, 0.0).is_err());
    }

    proptest! {
        #[test]
        fn noise_is_gaussian_everywhere(
            position in 0.0f64..7.0,
            pulse in -3.0f64..3.0,
            seeds in prop::collection::vec(0u64..30, 9),
            kind in prop::sample::select(KINDS.to_vec()),
        ) {
            if let Ok(mix) = path(kind, seeds).mix(position, pulse) {
                let squares: f64 = mix.terms.iter().map(|(_, w)| w * w).sum();
                prop_assert!((squares - 1.0).abs() < 1e-12);
                let mut seeds: Vec<u64> = mix.terms.iter().map(|(s, _)| *s).collect();
                seeds.sort_unstable();
                seeds.dedup();
                prop_assert_eq!(seeds.len(), mix.terms.len());
            } else {
                prop_assert!(kind == NoiseKind::Circle);
            }
        }

        #[test]
        fn equal_steps_of_position_are_equal_turns(position in 0.0f64..8.0) {
            let path = path(NoiseKind::Spline, (1..12).collect());
            let h = 1e-3;
            let turn = angle(&path.mix(position, 0.0).unwrap(), &path.mix(position + h, 0.0).unwrap()) / h;
            prop_assert!((1.16..1.19).contains(&turn), "{}", turn);
        }
    }
}
