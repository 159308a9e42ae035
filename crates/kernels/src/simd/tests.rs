use super::*;

struct Shuffle<'a>(&'a [f32; 64]);
impl Kernel for Shuffle<'_> {
    type Output = (Vec<f32>, Vec<f32>);
    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> Self::Output {
        let v = std::array::from_fn(|i| s.load(&self.0[i * S::LANES..]));
        let flat = |v: [S::V; 4]| {
            let mut out = vec![0.0; 4 * S::LANES];
            for (chunk, v) in out.chunks_exact_mut(S::LANES).zip(v) {
                s.store(v, chunk);
            }
            out
        };
        let split = s.deinterleave4(v);
        (flat(split), flat(s.interleave4(split)))
    }
}

#[test]
fn values_are_split_by_four_and_joined() {
    let values: [f32; 64] = std::array::from_fn(|i| i as f32);
    for isa in Isa::available() {
        let (split, joined) = isa.run(Shuffle(&values));
        let n = split.len();
        let expected: Vec<f32> = (0..n).map(|i| ((4 * i) % n + 4 * i / n) as f32).collect();
        assert_eq!(split, expected, "{}", isa.name());
        assert_eq!(joined, &values[..n], "{}", isa.name());
    }
}

struct Arithmetic<'a>(&'a [f32; 16], &'a [f32; 16], &'a [f32; 16]);
impl Kernel for Arithmetic<'_> {
    type Output = (usize, Vec<[f32; 16]>);
    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> Self::Output {
        let (a, b, c) = (s.load(self.0), s.load(self.1), s.load(self.2));
        let results = [
            s.add(a, b),
            s.sub(a, b),
            s.mul(a, b),
            s.div(a, b),
            s.max(a, b),
            s.min(a, b),
            s.mul_add(a, b, c),
            s.splat(s.sum(a)),
            s.load_partial(&self.0[..1]),
            s.exp2_of_biased(s.add(s.splat(12_582_912.0), c)),
        ];
        let stored = results.map(|v| {
            let mut lanes = [0.0; 16];
            s.store(v, &mut lanes);
            lanes
        });
        (S::LANES, stored.to_vec())
    }
}

#[test]
fn lanes_are_computed_alike() {
    let a: [f32; 16] = std::array::from_fn(|i| i as f32 - 7.5);
    let b: [f32; 16] = std::array::from_fn(|i| 11.0 - 1.5 * i as f32 + 0.25);
    let c: [f32; 16] = std::array::from_fn(|i| i as f32 - 3.0);
    for isa in Isa::available() {
        let (lanes, got) = isa.run(Arithmetic(&a, &b, &c));
        for i in 0..lanes {
            let expected = [
                a[i] + b[i],
                a[i] - b[i],
                a[i] * b[i],
                a[i] / b[i],
                a[i].max(b[i]),
                a[i].min(b[i]),
                a[i] * b[i] + c[i],
                a[..lanes].iter().sum(),
                if i == 0 { a[0] } else { 0.0 },
                c[i].exp2(),
            ];
            for (row, expected) in got.iter().zip(expected) {
                assert_eq!(row[i], expected, "{} lane {i}", isa.name());
            }
        }
    }
}
