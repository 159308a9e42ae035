//! A small network that scores candidates by numbers that describe them: a weighted sum, and a hidden layer of tanh units beside it.

pub(super) struct Scorer {
    n_inputs: usize,
    /// Inputs that lie farther from their mean than this, in standard deviations, tell nothing more.
    far: f32,
    /// `[mean, scale, weight][input]`, then `[unit][weights of inputs, bias, weight of the unit]`.
    numbers: Vec<f32>,
}

impl Scorer {
    /// From a file of weights: numbers with white space between.
    pub fn read(weights: &str, n_inputs: usize, far: f32) -> Self {
        let numbers = weights.split_whitespace();
        Self {
            n_inputs,
            far,
            numbers: numbers.filter_map(|n| n.parse().ok()).collect(),
        }
    }

    pub fn score(&self, inputs: &[f32]) -> f32 {
        let n = self.n_inputs;
        let row = |k: usize| self.numbers.get(k * n..(k + 1) * n).unwrap_or_default();
        let normal = row(0).iter().zip(row(1));
        let scaled = inputs.iter().zip(normal);
        let scaled =
            scaled.map(|(x, (mean, scale))| ((x - mean) * scale).clamp(-self.far, self.far));
        let scaled: Vec<f32> = scaled.collect();
        let units = self.numbers.get(3 * n..).unwrap_or_default();
        let units = units.chunks_exact(n + 2).map(|unit| {
            let (weights, ends) = unit.split_at(n);
            (dot(weights, &scaled) + ends[0]).tanh() * ends[1]
        });
        dot(row(2), &scaled) + units.sum::<f32>()
    }

    /// Number of hidden units; none where the numbers aren't as many as some units need, or aren't all finite.
    #[cfg(test)]
    pub fn n_units(&self) -> Option<usize> {
        let hidden = self.numbers.len().checked_sub(3 * self.n_inputs)?;
        let is_whole = hidden.is_multiple_of(self.n_inputs + 2)
            && self.numbers.iter().all(|number| number.is_finite());
        is_whole.then_some(hidden / (self.n_inputs + 2))
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
