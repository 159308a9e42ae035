use super::*;
use crate::conv::tests::noise;
use crate::simd::{Isa, Kernel, Simd};

#[test]
fn parts_keep_16_bits() {
    for x in noise(1, 1000) {
        let [high, low] = split(x).map(|bits| f32::from_bits(u32::from(bits) << 16));
        assert!(
            (high - x).abs() <= x.abs() * 2f32.powi(-8),
            "{high} for {x}"
        );
        assert!(
            (high + low - x).abs() <= x.abs() * 2f32.powi(-16),
            "{high} + {low} for {x}"
        );
    }
    assert_eq!(split(0.0), [0, 0]);
    assert_eq!(split(-1.5), [0xbfc0, 0]);
    assert!(f32::from_bits(u32::from(split(f32::NAN)[0]) << 16).is_nan());
}

struct Split<'a>(&'a [f32], &'a [f32]);
impl Kernel for Split<'_> {
    type Output = Vec<[u32; 2]>;
    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> Self::Output {
        let mut found = Vec::new();
        for (a, b) in self
            .0
            .chunks_exact(S::LANES)
            .zip(self.1.chunks_exact(S::LANES))
        {
            let parts = s.words(s.load(a), s.load(b)).map(|part| {
                let mut lanes = [0.0; 16];
                s.store(part, &mut lanes);
                lanes
            });
            found.extend((0..S::LANES).map(|i| parts.map(|lanes| lanes[i].to_bits())));
        }
        found
    }
}

#[test]
fn vectors_split_alike() {
    let (a, b) = (noise(1, 160), noise(2, 160));
    let expected: Vec<[u32; 2]> = a
        .iter()
        .zip(&b)
        .map(|(&a, &b)| words(a, b).map(f32::to_bits))
        .collect();
    for isa in Isa::available() {
        assert_eq!(isa.run(Split(&a, &b)), expected, "{}", isa.name());
    }
}

/// Rows `[SIDE][steps * DEPTH]` as words.
fn rows_of(values: &[f32], n_steps: usize) -> Vec<f32> {
    let mut packed = vec![0.0; n_steps * STEP_WORDS];
    for (row, values) in values.chunks_exact(n_steps * DEPTH).enumerate() {
        pack_row(values, row, &mut packed);
    }
    packed
}

#[test]
fn products_equal_the_definition_wherever_columns_lie() {
    let Some(amx) = Isa::best().amx() else {
        return; // the other tests of this processor's kernels tell which sets it has
    };
    let n_steps = 3;
    let depth = n_steps * DEPTH;
    let (a, b) = (noise(1, SIDE * depth), noise(2, depth * SIDE)); // [row][k], [k][column]
    let rows = rows_of(&a, n_steps);
    // Steps backwards, rows apart, and not on lines.
    let (pitch, half, low) = (45, 17, 16 * 45 + 3);
    let places: Vec<usize> = (0..n_steps).rev().map(|step| 1 + step * 2 * low).collect();
    let mut strewn = vec![f32::NAN; 1 + n_steps * 2 * low];
    for (step, &place) in places.iter().enumerate() {
        for pair in 0..TILE {
            for column in 0..SIDE {
                let k = step * DEPTH + pair;
                let words = words(b[k * SIDE + column], b[(k + TILE) * SIDE + column]);
                let at = place + pair * pitch + column / TILE * half + column % TILE;
                [strewn[at], strewn[at + low]] = words;
            }
        }
    }
    let columns = Columns {
        words: &strewn,
        pitch,
        half,
        low,
    };
    let steps = Steps::new(places);
    let tiles = amx.tiles();
    let mut out = vec![1.0; SIDE * SIDE];
    tiles.multiply(&rows, columns, &steps, true, (&mut out, SIDE));
    tiles.multiply(&rows, columns, &steps, true, (&mut out, SIDE));
    let mut once = vec![f32::NAN; SIDE * SIDE];
    tiles.multiply(&rows, columns, &steps, false, (&mut once, SIDE));
    for row in 0..SIDE {
        for column in 0..SIDE {
            let exact: f64 = (0..depth)
                .map(|k| f64::from(a[row * depth + k]) * f64::from(b[k * SIDE + column]))
                .sum();
            let at = row * SIDE + column;
            let error = (f64::from(once[at]) - exact).abs();
            assert!(
                error < 6e-5 * (depth as f64).sqrt(),
                "{} for {exact}",
                once[at]
            );
            let error = (f64::from(out[at]) - 1.0 - 2.0 * exact).abs();
            assert!(
                error < 1.5e-4 * (depth as f64).sqrt(),
                "{} added for {exact}",
                out[at]
            );
        }
    }
}

#[test]
#[should_panic(expected = "columns")]
fn tiles_are_not_read_behind_a_slice() {
    let Some(amx) = Isa::best().amx() else {
        panic!("columns"); // nothing to read with
    };
    let words = vec![0.0; STEP_WORDS];
    let columns = Columns::packed(&words[1..]);
    amx.tiles().multiply(
        &words,
        columns,
        &Steps::packed(1),
        false,
        (&mut [0.0; SIDE * SIDE], SIDE),
    );
}

#[test]
fn a_threads_tiles_are_used_once_at_a_time() {
    let Some(amx) = Isa::best().amx() else {
        return;
    };
    drop(amx.tiles());
    let first = amx.tiles();
    assert!(std::panic::catch_unwind(|| amx.tiles()).is_err());
    drop(first);
}
