use super::*;
use crate::conv::tests::noise;

fn reference(
    shape: &AttentionShape,
    q: &[f32],
    k: &[f32],
    v: &[f32],
    scale: f64,
    causal: bool,
) -> Vec<f64> {
    let width = shape.width();
    let mut out = vec![0.0; shape.batch * shape.n_queries * width];
    for image in 0..shape.batch {
        for (head, query) in
            (0..shape.n_heads).flat_map(|h| (0..shape.n_queries).map(move |q| (h, q)))
        {
            let row = |values: &[f32], n: usize, token: usize| -> Vec<f64> {
                let from = (image * n + token) * width + head * shape.head_width;
                values[from..from + shape.head_width]
                    .iter()
                    .map(|&x| f64::from(x))
                    .collect()
            };
            let q = row(q, shape.n_queries, query);
            let n_seen = if causal {
                shape.n_keys.min(query + 1)
            } else {
                shape.n_keys
            };
            let weights: Vec<f64> = (0..n_seen)
                .map(|key| {
                    let k = row(k, shape.n_keys, key);
                    (scale * q.iter().zip(&k).map(|(a, b)| a * b).sum::<f64>()).exp()
                })
                .collect();
            let total: f64 = weights.iter().sum();
            for (key, weight) in weights.iter().enumerate() {
                for (i, v) in row(v, shape.n_keys, key).iter().enumerate() {
                    let at =
                        (image * shape.n_queries + query) * width + head * shape.head_width + i;
                    out[at] += weight / total * v;
                }
            }
        }
    }
    out
}

#[test]
fn attention_equals_the_definition() {
    for (batch, n_queries, n_keys, n_heads, head_width) in [
        (1, 1, 1, 1, 1),
        (2, 64, 32, 4, 16),
        (8, 50, 77, 2, 40),
        (1, 300, 700, 1, 7),
        (2, 100, 100, 3, 20),
        (2, 150, 150, 3, 64),
        (1, 70, 130, 2, 55),
    ] {
        let shape = AttentionShape {
            batch,
            n_queries,
            n_keys,
            n_heads,
            head_width,
        };
        let q: Vec<f32> = noise(1, batch * n_queries * shape.width())
            .iter()
            .map(|x| 5.0 * x)
            .collect();
        let k = noise(2, batch * n_keys * shape.width());
        let v = noise(3, batch * n_keys * shape.width());
        for causal in [false, true] {
            if causal && n_queries != n_keys {
                continue;
            }
            let expected = reference(&shape, &q, &k, &v, 0.7, causal);
            for isa in Isa::available() {
                // Of split values 16 bits are kept.
                let is_split = isa.uses_bf16x3() && bf16x3::is_faster(&shape);
                let bound = if is_split { 1e-4 } else { 1e-5 };
                let out = attention(isa, shape, (&q, &k, &v), 0.7, causal);
                assert_eq!(out.len(), expected.len());
                for (i, (got, expected)) in out.iter().zip(&expected).enumerate() {
                    let error = (f64::from(*got) - expected).abs();
                    assert!(
                        error < bound,
                        "{shape:?} {causal} {} at {i}: {got} for {expected}",
                        isa.name()
                    );
                }
            }
        }
    }
}
