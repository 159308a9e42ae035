use super::*;
use crate::conv::tests::noise;

fn reference(x: &[f32], weight: &[f32], bias: &[f32], width_in: usize) -> Vec<f64> {
    let width_out = weight.len() / width_in;
    let mut out = Vec::new();
    for token in x.chunks(width_in) {
        for column in 0..width_out {
            let row = &weight[column * width_in..][..width_in];
            let sum: f64 = row
                .iter()
                .zip(token)
                .map(|(w, x)| f64::from(*w) * f64::from(*x))
                .sum();
            out.push(sum + f64::from(bias[column]));
        }
    }
    out
}

fn normalized(x: &[f32], norm: &LayerNorm) -> Vec<f32> {
    let width = norm.weight.len();
    x.chunks(width)
        .flat_map(|token| {
            let n = width as f64;
            let mean = token.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
            let variance = token
                .iter()
                .map(|&x| (f64::from(x) - mean).powi(2))
                .sum::<f64>()
                / n;
            let inverse = 1.0 / (variance + f64::from(norm.eps)).sqrt();
            let affine = norm.weight.iter().zip(&norm.bias);
            token
                .iter()
                .zip(affine)
                .map(|(&x, (&w, &b))| {
                    ((f64::from(x) - mean) * inverse * f64::from(w) + f64::from(b)) as f32
                })
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn maps_equal_the_definition() {
    for (n_tokens, width_in, width_out) in [
        (1, 1, 1),
        (8, 64, 64),
        (77, 33, 50),
        (130, 20, 97),
        (300, 48, 16),
        (9, 5, 900),
    ] {
        let x = noise(1, n_tokens * width_in);
        let scale = 1.0 / (width_in as f32).sqrt();
        let weight: Vec<f32> = noise(2, 2 * width_out * width_in)
            .iter()
            .map(|w| w * scale)
            .collect();
        let bias = noise(3, 2 * width_out);
        let residual = noise(4, n_tokens * width_out);
        let norm = LayerNorm {
            weight: noise(5, width_in),
            bias: noise(6, width_in),
            eps: 1e-5,
        };
        let (first, first_bias) = (&weight[..width_out * width_in], &bias[..width_out]);
        let normed = normalized(&x, &norm);
        let expected = reference(&x, first, first_bias, width_in);
        let both = reference(&normed, &weight, &bias, width_in);
        let expected_gated: Vec<f64> = (0..n_tokens * width_out)
            .map(|i| {
                let at = i / width_out * 2 * width_out + i % width_out;
                let gate = both[at + width_out];
                both[at] * crate::math::tests::gelu_reference(gate) + f64::from(residual[i])
            })
            .collect();
        for isa in Isa::available() {
            let widths = (width_in, width_out);
            let plain = Linear::new(isa, widths, first, first_bias);
            let gated = Linear::gated(isa, widths, &weight, &bias);
            // Of split values 16 bits are kept.
            let bound = if isa.uses_bf16x3() { 6e-5 } else { 5e-6 };
            let out = plain.forward(&x, None, None);
            assert_eq!(out.len(), expected.len());
            for (got, expected) in out.iter().zip(&expected) {
                assert!(
                    (f64::from(*got) - expected).abs() < bound,
                    "{} {got} for {expected}",
                    isa.name()
                );
            }
            let gated_out = gated.forward(&x, Some(&norm), Some(&residual));
            assert_eq!(gated_out.len(), out.len());
            for (got, expected) in gated_out.iter().zip(&expected_gated) {
                let error = (f64::from(*got) - expected).abs();
                assert!(
                    error < 2.0 * bound * (1.0 + expected.abs()),
                    "{} {got} for {expected}",
                    isa.name()
                );
            }
            if isa.uses_bf16x3() {
                continue;
            }
            let call = |linear, norm, residual| {
                let call = panels::Call {
                    linear,
                    norm,
                    x: &x,
                    residual,
                };
                #[expect(unsafe_code, reason = "as Linear::forward, shared in another way")]
                // SAFETY: as there; what is forgotten would be NaN here.
                unsafe {
                    write_all(out.len(), |out| call.share_weights(isa, out))
                }
            };
            let shared = call(&plain, None, None);
            assert_eq!(shared, out, "{}", isa.name());
            let shared = call(&gated, Some(&norm), Some(&residual));
            assert_eq!(shared, gated_out, "gated {}", isa.name());
        }
    }
}
