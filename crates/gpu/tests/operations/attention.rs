//! Attention: the heads of the models, and odd ones.

use gpu::Shape;
use kernels::{AttentionShape, Isa};

use super::{assert_near, assert_same_bits, elements, gpu, image, tokens};

#[test]
fn heads_see_what_they_see_on_the_cpu() {
    let Some(gpu) = gpu() else { return };
    for element in elements(gpu) {
        for (batch, n_queries, n_keys, n_heads, head_width) in [
            (1, 1, 1, 1, 4),
            (2, 20, 77, 2, 40),
            (1, 70, 70, 1, 64),
            (1, 9, 130, 2, 80),
            (1, 16, 16, 1, 160),
            (1, 12, 65, 1, 512),
            (2, 5, 6, 3, 5),
            (1, 6, 70, 2, 9),
            (1, 3, 4, 1, 300),
        ] {
            let shape = AttentionShape {
                batch,
                n_queries,
                n_keys,
                n_heads,
                head_width,
            };
            let part = |seed, n| {
                let shape = Shape::tokens(batch, n, n_heads * head_width);
                tokens(gpu, element, seed, shape)
            };
            let (q, k, v) = (part(1, n_queries), part(2, n_keys), part(3, n_keys));
            let scale = (head_width as f32).powf(-0.5);
            let values = (q.1.as_slice(), k.1.as_slice(), v.1.as_slice());
            let expected = kernels::attention(Isa::without_bf16x3(), shape, values, scale, false);
            let run = |q: &gpu::Array, k: &gpu::Array, v: &gpu::Array| {
                let seen = gpu::attention((q, k, v), n_heads, scale).unwrap();
                seen.to_pixels().unwrap()
            };
            let got = run(&q.0, &k.0, &v.0);
            assert_near(element, &got, &expected, &format!("{shape:?}"));
            assert_same_bits(&run(&q.0, &k.0, &v.0), &got, "again");
            for idx in 0..batch {
                let alone = |(array, values): &(gpu::Array, Vec<f32>)| {
                    let shape = Shape {
                        batch: 1,
                        ..array.shape()
                    };
                    let values = image(values, batch, idx);
                    gpu::Array::from_pixels(gpu, element, shape, values).unwrap()
                };
                assert_same_bits(
                    &run(&alone(&q), &alone(&k), &alone(&v)),
                    image(&got, batch, idx),
                    "alone",
                );
            }
        }
    }
}

#[test]
fn large_scores_do_not_overflow() {
    // Products of f16 beyond its range, as in the deep layers of Stable Diffusion 2.
    let Some(gpu) = gpu() else { return };
    for element in elements(gpu) {
        let shape = Shape::tokens(1, 3, 64);
        let large: Vec<f32> = super::noise(1, 3 * 64)
            .iter()
            .map(|x| (x * 60.0).round())
            .collect();
        let array = gpu::Array::from_pixels(gpu, element, shape, &large).unwrap();
        let (v, values) = tokens(gpu, element, 2, shape);
        let seen = gpu::attention((&array, &array, &v), 1, 0.125).unwrap();
        // A token's product with itself is so much larger that it sees itself alone.
        assert_near(element, &seen.to_pixels().unwrap(), &values, "large scores");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let Some(gpu) = gpu() else { return };
    let element = gpu::Element::F32;
    let (q, _) = tokens(gpu, element, 1, Shape::tokens(1, 3, 8));
    let (k, _) = tokens(gpu, element, 2, Shape::tokens(1, 5, 8));
    assert!(gpu::attention((&q, &k, &q), 2, 1.0).is_err());
    assert!(gpu::attention((&q, &k, &k), 3, 1.0).is_err());
    assert!(gpu::attention((&q, &k, &k), 0, 1.0).is_err());
    assert!(gpu::attention((&q, &k, &k), 2, 1.0).is_ok());
}
