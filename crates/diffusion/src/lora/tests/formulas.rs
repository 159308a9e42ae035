//! Every kind of change against its plain formula.

use candle_core::Tensor;

use super::{CONV, LINEAR, assert_near, change, flat, loaded, number, plain_model, random, shape};

/// `a @ b` by the definition; `b` has `n` columns.
fn matmul(a: &[f64], b: &[f64], rank: usize, n: usize) -> Vec<f64> {
    let rows = a.chunks(rank);
    let cell = |row: &[f64], j: usize| (0..rank).map(|r| row[r] * b[r * n + j]).sum();
    rows.flat_map(|row| (0..n).map(move |j| cell(row, j)).collect::<Vec<f64>>())
        .collect()
}

#[test]
fn loha_is_the_product_of_two_products() {
    let [n_out, n_in] = shape(&format!("{LINEAR}.weight"))[..] else {
        panic!("not a matrix")
    };
    let (a1, b1) = (random(1, &[n_out, 3]), random(2, &[3, n_in]));
    let (a2, b2) = (random(3, &[n_out, 3]), random(4, &[3, n_in]));
    let found = change(
        LINEAR,
        &[
            ("hada_w1_a", a1.clone()),
            ("hada_w1_b", b1.clone()),
            ("hada_w2_a", a2.clone()),
            ("hada_w2_b", b2.clone()),
            ("alpha", number(1.5)),
        ],
        0.8,
    );
    let first = matmul(&flat(&a1), &flat(&b1), 3, n_in);
    let second = matmul(&flat(&a2), &flat(&b2), 3, n_in);
    let wanted: Vec<f64> = first
        .iter()
        .zip(&second)
        .map(|(a, b)| 0.8 * 0.5 * a * b)
        .collect();
    assert_near(&found, &wanted);
}

/// `sum over i and j of left[o, i] core[i, j, k, l] right[j, n]` by the definition.
fn tucker(left: &Tensor, core: &Tensor, right: &Tensor) -> Vec<f64> {
    let (n_out, rank_o) = left.dims2().unwrap();
    let (rank_i, n_in) = right.dims2().unwrap();
    let n_window = core.elem_count() / (rank_o * rank_i);
    let (left, core, right) = (flat(left), flat(core), flat(right));
    let mut whole = Vec::new();
    for o in 0..n_out {
        for n in 0..n_in {
            for k in 0..n_window {
                let terms = (0..rank_o * rank_i).map(|ij| {
                    let (i, j) = (ij / rank_i, ij % rank_i);
                    left[o * rank_o + i] * core[ij * n_window + k] * right[j * n_in + n]
                });
                whole.push(terms.sum());
            }
        }
    }
    whole
}

#[test]
fn tucker_forms_have_a_core_between_their_matrices() {
    let [n_out, n_in, 3, 3] = shape(&format!("{CONV}.weight"))[..] else {
        panic!("not a convolution")
    };
    let (down, mid, up) = (
        random(1, &[2, n_in]),
        random(2, &[4, 2, 3, 3]),
        random(3, &[n_out, 4]),
    );
    let found = change(
        CONV,
        &[
            ("lora_down.weight", down.reshape((2, n_in, 1, 1)).unwrap()),
            ("lora_mid.weight", mid.clone()),
            ("lora_up.weight", up.reshape((n_out, 4, 1, 1)).unwrap()),
            ("alpha", number(1.0)),
        ],
        1.0,
    );
    let wanted: Vec<f64> = tucker(&up, &mid, &down).iter().map(|x| x / 2.0).collect();
    assert_near(&found, &wanted);

    let core = |seed| random(seed, &[3, 3, 3, 3]);
    let (a1, b1, a2, b2) = (
        random(5, &[3, n_out]),
        random(6, &[3, n_in]),
        random(7, &[3, n_out]),
        random(8, &[3, n_in]),
    );
    let found = change(
        CONV,
        &[
            ("hada_t1", core(9)),
            ("hada_w1_a", a1.clone()),
            ("hada_w1_b", b1.clone()),
            ("hada_t2", core(10)),
            ("hada_w2_a", a2.clone()),
            ("hada_w2_b", b2.clone()),
            ("alpha", number(3.0)),
        ],
        0.1,
    );
    let first = tucker(&a1.t().unwrap(), &core(9), &b1);
    let second = tucker(&a2.t().unwrap(), &core(10), &b2);
    let wanted: Vec<f64> = first
        .iter()
        .zip(&second)
        .map(|(a, b)| 0.1 * a * b)
        .collect();
    assert_near(&found, &wanted);
}

/// The Kronecker product of `[a, b]` and `[c, d, ...]` by the definition.
fn kronecker(first: &[f64], b: usize, second: &[f64], d: usize, n_window: usize) -> Vec<f64> {
    let (a, c) = (first.len() / b, second.len() / d / n_window);
    let mut whole = Vec::new();
    for row in 0..a * c {
        for column in 0..b * d {
            for k in 0..n_window {
                let left = first[(row / c) * b + column / d];
                whole.push(left * second[((row % c) * d + column % d) * n_window + k]);
            }
        }
    }
    whole
}

#[test]
fn lokr_is_a_kronecker_product() {
    let [n_out, n_in] = shape(&format!("{LINEAR}.weight"))[..] else {
        panic!("not a matrix")
    };
    let first = random(1, &[4, 2]);
    let second = random(2, &[n_out / 4, n_in / 2]);
    let whole = [
        ("lokr_w1", first.clone()),
        ("lokr_w2", second.clone()),
        ("alpha", number(7.0)),
    ];
    // Where both are whole there is no rank, and alpha means nothing.
    let wanted = kronecker(&flat(&first), 2, &flat(&second), n_in / 2, 1);
    assert_near(&change(LINEAR, &whole, 1.0), &wanted);

    let (a, b) = (random(3, &[n_out / 4, 3]), random(4, &[3, n_in / 2]));
    let found = change(
        LINEAR,
        &[
            ("lokr_w1", first.clone()),
            ("lokr_w2_a", a.clone()),
            ("lokr_w2_b", b.clone()),
            ("alpha", number(1.5)),
        ],
        2.0,
    );
    let second = matmul(&flat(&a), &flat(&b), 3, n_in / 2);
    let wanted = kronecker(&flat(&first), 2, &second, n_in / 2, 1);
    assert_near(&found, &wanted);

    let [n_out, n_in, 3, 3] = shape(&format!("{CONV}.weight"))[..] else {
        panic!("not a convolution")
    };
    let second = random(5, &[n_out / 4, n_in / 2, 3, 3]);
    let found = change(
        CONV,
        &[("lokr_w1", first.clone()), ("lokr_w2", second.clone())],
        1.0,
    );
    let wanted = kronecker(&flat(&first), 2, &flat(&second), n_in / 2, 9);
    assert_near(&found, &wanted);

    let (a, b, t) = (
        random(6, &[2, n_out / 4]),
        random(7, &[2, n_in / 2]),
        random(8, &[2, 2, 3, 3]),
    );
    let found = change(
        CONV,
        &[
            ("lokr_w1", first.clone()),
            ("lokr_w2_a", a.clone()),
            ("lokr_w2_b", b.clone()),
            ("lokr_t2", t.clone()),
        ],
        1.0,
    );
    let second = tucker(&a.t().unwrap(), &t, &b);
    let wanted = kronecker(&flat(&first), 2, &second, n_in / 2, 9);
    assert_near(&found, &wanted);
}

#[test]
fn dora_brings_the_sum_to_its_lengths() {
    let name = format!("{LINEAR}.weight");
    let [n_out, n_in] = shape(&name)[..] else {
        panic!("not a matrix")
    };
    let (down, up) = (random(1, &[2, n_in]), random(2, &[n_out, 2]));
    let original: Vec<f64> = loaded(&plain_model(), &name)
        .into_iter()
        .map(f64::from)
        .collect();
    let product = matmul(&flat(&up), &flat(&down), 2, n_in);
    let sum: Vec<f64> = original
        .iter()
        .zip(product)
        .map(|(w, p)| w + 0.5 * p)
        .collect();
    let half = |lengths: Tensor, ending: &'static str| {
        let tensors = [
            ("lora_down.weight", down.clone()),
            ("lora_up.weight", up.clone()),
            ("alpha", number(1.0)),
            (ending, lengths),
        ];
        change(LINEAR, &tensors, 0.7)
    };
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|x| x * x).sum::<f64>().sqrt();
    let of_rows: Vec<f64> = sum
        .chunks(n_in)
        .map(|row| norm(&mut row.iter().copied()))
        .collect();
    let lengths = random(3, &[n_out, 1]).abs().unwrap();
    let wanted: Vec<f64> = (0..n_out * n_in)
        .map(|i| 0.7 * (sum[i] * flat(&lengths)[i / n_in] / of_rows[i / n_in] - original[i]))
        .collect();
    assert_near(&half(lengths.clone(), "dora_scale"), &wanted);
    let column = |j: usize| norm(&mut sum.iter().skip(j).step_by(n_in).copied());
    let of_columns: Vec<f64> = (0..n_in).map(column).collect();
    let lengths = random(4, &[1, n_in]).abs().unwrap();
    let wanted: Vec<f64> = (0..n_out * n_in)
        .map(|i| 0.7 * (sum[i] * flat(&lengths)[i % n_in] / of_columns[i % n_in] - original[i]))
        .collect();
    assert_near(&half(lengths, "dora_scale"), &wanted);
}
