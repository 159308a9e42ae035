use std::path::Path;

use super::*;
use proptest::prelude::*;

/// A file of the given header and data.
fn file(header: &str, data: &[u8]) -> Bytes {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    Bytes::Owned(bytes.into())
}

fn parse(header: &str, data: &[u8]) -> Result<SafetensorsFile> {
    SafetensorsFile::parse(Path::new("unet.safetensors"), file(header, data))
}

fn f32_bytes(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

fn weights(header: &str, data: &[u8]) -> Weights {
    let file = Arc::new(parse(header, data).unwrap());
    let map = TensorMap::from_files(Path::new("unet"), &[file]).unwrap();
    Weights::new(map, &Device::Cpu, DType::F32)
}

#[test]
fn values_of_every_float_type_are_read() {
    let header = r#"{"a": {"dtype": "F16", "shape": [2], "data_offsets": [0, 4]},
        "b": {"dtype": "BF16", "shape": [2], "data_offsets": [4, 8]},
        "c": {"dtype": "F32", "shape": [2], "data_offsets": [8, 16]},
        "__metadata__": {"format": "pt"}}"#;
    let mut data: Vec<u8> = Vec::new();
    for value in [1.5f32, -2.0] {
        data.extend(half::f16::from_f32(value).to_le_bytes());
    }
    for value in [1.5f32, -2.0] {
        data.extend(half::bf16::from_f32(value).to_le_bytes());
    }
    data.extend(f32_bytes(&[1.5, -2.0]));
    let weights = weights(header, &data);
    for name in ["a", "b", "c"] {
        let values: Vec<f32> = weights.tensor(name, 2).unwrap().to_vec1().unwrap();
        assert_eq!(values, [1.5, -2.0], "{name}");
    }
}

#[test]
fn layouts_are_undone() {
    let header = r#"{"m": {"dtype": "F32", "shape": [4, 1], "data_offsets": [0, 16]}}"#;
    let file = Arc::new(parse(header, &f32_bytes(&[1.0, 2.0, 3.0, 4.0])).unwrap());
    let located = |layout| Located {
        layout,
        ..Located::as_stored(&file, "m")
    };
    let read = |layout| -> Vec<f32> {
        located(layout)
            .read()
            .unwrap()
            .flatten_all()
            .unwrap()
            .to_vec1()
            .unwrap()
    };
    assert_eq!(located(Layout::Transposed).shape(), [1, 4]);
    assert_eq!(
        read(Layout::Rows {
            part: 1,
            n_parts: 2
        }),
        [3.0, 4.0]
    );
    assert_eq!(read(Layout::Transposed), [1.0, 2.0, 3.0, 4.0]);
}

#[test]
fn wrong_tensors_are_named() {
    let header = r#"{"w": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
        "i": {"dtype": "I64", "shape": [1], "data_offsets": [24, 32]}}"#;
    let mut data = f32_bytes(&[1.0, 2.0, f32::NAN, 4.0, 5.0, 6.0]);
    data.extend(1u64.to_le_bytes());
    let weights = weights(header, &data);
    for (name, shape, reason) in [
        ("x", vec![2, 3], "tensor `x` is missing"),
        (
            "w",
            vec![3, 2],
            "tensor `w` has shape [2, 3], expected [3, 2]",
        ),
        ("w", vec![2, 3], "tensor `w` has the value NaN at element 2"),
        ("i", vec![1], "tensor `i` has element type I64"),
    ] {
        let message = weights.tensor(name, shape).unwrap_err().to_string();
        assert!(message.contains(reason), "{message}");
        assert!(message.contains("unet"), "{message}");
    }
}

#[test]
fn a_weight_that_f16_cannot_hold_is_named() {
    let header = r#"{"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}"#;
    let file = Arc::new(parse(header, &f32_bytes(&[1.0, -70000.0])).unwrap());
    let map = TensorMap::from_files(Path::new("unet"), &[file]).unwrap();
    let load = |dtype| Weights::new(map.clone(), &Device::Cpu, dtype).tensor("w", 2);
    let error = load(DType::F16).unwrap_err();
    assert!(
        error.to_string().contains("tensor `w` has the value 70000"),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("bf16"));
    assert!(load(DType::BF16).is_ok());
}

#[test]
fn headers_alone_name_tensors_without_elements() {
    let header = r#"{"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}"#;
    let whole = file(header, &f32_bytes(&[1.0, 2.0]));
    let path = Path::new("unet.safetensors");
    let (start, len) = (&whole[..whole.len() - 8], whole.len() as u64);
    assert_eq!(
        SafetensorsFile::header_end(path, &whole[..8], len).unwrap(),
        start.len() as u64
    );
    let file = SafetensorsFile::headers_only(path, start, len).unwrap();
    assert_eq!(file.entries()["w"].shape, [2]);
    assert!(SafetensorsFile::headers_only(path, &start[..20], len).is_err());
    let map = TensorMap::from_files(path, &[Arc::new(file)]).unwrap();
    assert!(
        Weights::new(map, &Device::Cpu, DType::F32)
            .tensor("w", 2)
            .is_err()
    );
}

#[test]
fn checking_reads_nothing() {
    let header = r#"{"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}"#;
    let file = Arc::new(parse(header, &f32_bytes(&[f32::NAN, 1.0])).unwrap());
    let map = TensorMap::from_files(Path::new("unet"), &[file]).unwrap();
    let weights = Weights::check_only(map);
    assert!(weights.tensor("w", 2).is_ok());
    assert!(weights.tensor("w", 3).is_err());
    assert_eq!(weights.n_checked(), 2);
}

#[test]
fn hostile_headers_are_refused() {
    let data = [0u8; 16];
    for (header, reason) in [
        ("not json", "not valid JSON"),
        ("[1, 2]", "not valid JSON"),
        (r#"{"w": 3}"#, "tensor `w`"),
        (
            r#"{"w": {"dtype": "F32", "shape": [4], "data_offsets": [0, 17]}}"#,
            "tensor `w` lies at bytes 0..17 of 16",
        ),
        (
            r#"{"w": {"dtype": "F32", "shape": [4], "data_offsets": [8, 4]}}"#,
            "tensor `w` lies at bytes 8..4",
        ),
        (
            r#"{"w": {"dtype": "F32", "shape": [5], "data_offsets": [0, 16]}}"#,
            "tensor `w` of shape [5]",
        ),
        (
            r#"{"w": {"dtype": "F32", "shape": [-4], "data_offsets": [0, 16]}}"#,
            "tensor `w`",
        ),
        (
            r#"{"w": {"dtype": "F32", "shape": [1152921504606846976, 16], "data_offsets": [0, 16]}}"#,
            "tensor `w` of shape",
        ),
        (
            r#"{"w": {"dtype": "F32", "shape": [1152921504606846976, 16, 0], "data_offsets": [0, 0]}}"#,
            "tensor `w` of shape",
        ),
        (
            r#"{"w": {"dtype": "F4", "shape": [1152921504606846976, 16], "data_offsets": [0, 16]}}"#,
            "tensor `w` of shape",
        ),
        (
            r#"{"w": {"dtype": "F4", "shape": [129], "data_offsets": [0, 16]}}"#,
            "tensor `w` of shape [129]",
        ),
        (
            r#"{"w": {"dtype": "F32", "shape": [1152921504606846976], "data_offsets": [0, 4611686018427387904]}}"#,
            "tensor `w` lies",
        ),
        (
            r#"{"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 12]},
                "b": {"dtype": "F32", "shape": [2], "data_offsets": [8, 16]}}"#,
            "tensor `b` begins at byte",
        ),
        (
            r#"{"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}"#,
            "the tensors end",
        ),
        (
            r#"{"w": {"dtype": "F32", "shape": [2], "data_offsets": [8, 16]}}"#,
            "tensor `w` begins",
        ),
    ] {
        let error = parse(header, &data).unwrap_err();
        let message = error.to_string();
        assert!(message.contains(reason), "{header}: {message}");
        assert!(message.contains("unet.safetensors"), "{message}");
        assert_eq!(error.exit_code(), 2);
    }
    for bytes in [
        vec![],
        vec![1, 2, 3],
        u64::MAX.to_le_bytes().to_vec(),
        vec![0xff; 64],
    ] {
        let path = Path::new("unet.safetensors");
        assert!(SafetensorsFile::parse(path, Bytes::Owned(bytes.into())).is_err());
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = SafetensorsFile::parse(Path::new("x"), Bytes::Owned(bytes.into()));
    }

    #[test]
    fn no_cut_panics(len in 0usize..112) {
        let header = r#"{"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}"#;
        let whole = file(header, &f32_bytes(&[1.0, 2.0]));
        prop_assume!(len < whole.len());
        let cut = Bytes::Owned(whole[..len].into());
        prop_assert!(SafetensorsFile::parse(Path::new("x"), cut).is_err());
    }

    #[test]
    fn a_lora_is_added_as_the_product_of_its_halves(
        values in proptest::collection::vec(-1.0f32..1.0, 12 + 8 + 6),
        input in proptest::collection::vec(-1.0f32..1.0, 4),
        scale in -2.0f64..2.0,
    ) {
        // W [3, 4], down [2, 4], up [3, 2]: W x + scale up (down x) = (W + scale up down) x
        let header = r#"{"w.weight": {"dtype": "F32", "shape": [3, 4], "data_offsets": [0, 48]},
            "down": {"dtype": "F32", "shape": [2, 4], "data_offsets": [48, 80]},
            "up": {"dtype": "F32", "shape": [3, 2], "data_offsets": [80, 104]}}"#;
        let file = Arc::new(parse(header, &f32_bytes(&values)).unwrap());
        let mut map = TensorMap::from_files(Path::new("unet"), std::slice::from_ref(&file)).unwrap();
        let stored = |name| Located::as_stored(&file, name);
        let product = Product::LowRank { down: stored("down"), up: stored("up"), mid: None };
        let delta = Delta { scale, factor: 1.0, product, magnitude: None };
        map.deltas.insert("w.weight".to_owned(), vec![delta]);
        let merged = Weights::new(map, &Device::Cpu, DType::F32).tensor("w.weight", (3, 4)).unwrap();
        let x = Tensor::from_vec(input.clone(), (4, 1), &Device::Cpu).unwrap();
        let ours: Vec<f32> = merged.matmul(&x).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        let product = |matrix: &[f32], x: &[f32]| -> Vec<f32> {
            matrix.chunks(x.len()).map(|row| row.iter().zip(x).map(|(a, b)| a * b).sum()).collect()
        };
        let plain = product(&values[..12], &input);
        let low_rank = product(&values[20..], &product(&values[12..20], &input));
        for (i, value) in ours.iter().enumerate() {
            prop_assert!((value - (plain[i] + scale as f32 * low_rank[i])).abs() < 1e-5);
        }
    }
}

#[test]
fn numbers_of_eight_bits_are_widened() {
    // Zero, the smallest, 1, the largest and its opposite.
    for (dtype, bytes, values) in [
        (
            "F8_E4M3",
            [0x00, 0x01, 0x38, 0x7e, 0xfe],
            [0.0, 0.001953125, 1.0, 448.0, -448.0],
        ),
        (
            "F8_E5M2",
            [0x00, 0x01, 0x3c, 0x7b, 0xfb],
            [0.0, 1.525_878_9e-5, 1.0, 57344.0, -57344.0],
        ),
    ] {
        let header =
            format!(r#"{{"w": {{"dtype": "{dtype}", "shape": [5], "data_offsets": [0, 5]}}}}"#);
        let weights = weights(&header, &bytes);
        let found: Vec<f32> = weights.tensor("w", 5).unwrap().to_vec1().unwrap();
        assert_eq!(found, values, "{dtype}");
    }
    let header = r#"{"w": {"dtype": "F8_E4M3", "shape": [1], "data_offsets": [0, 1]}}"#;
    let error = weights(header, &[0x7f]).tensor("w", 1).unwrap_err();
    assert!(error.to_string().contains("NaN"), "{error}");
}

#[test]
fn a_scale_beside_weights_of_eight_bits_multiplies_them() {
    for (scale, scales, wanted) in [
        ("scale_weight", vec![0.5], vec![0.5, 1.0, 0.5, 1.0]),
        ("weight_scale", vec![0.5, 3.0], vec![0.5, 1.0, 3.0, 6.0]),
    ] {
        let n = scales.len();
        let header = format!(
            r#"{{"a.weight": {{"dtype": "F8_E4M3", "shape": [2, 2], "data_offsets": [0, 4]}},
            "b.weight": {{"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}},
            "b.{scale}": {{"dtype": "F32", "shape": [1], "data_offsets": [8, 12]}},
            "a.{scale}": {{"dtype": "F32", "shape": [{n}], "data_offsets": [12, {}]}}}}"#,
            12 + 4 * n
        );
        let mut data = vec![0x38, 0x40, 0x38, 0x40]; // 1, 2, 1, 2
        data.extend(f32_bytes(&[7.0, 9.0]));
        data.extend(f32_bytes(&scales));
        let weights = weights(&header, &data);
        let found = weights.tensor("a.weight", (2, 2)).unwrap();
        assert_eq!(
            found.flatten_all().unwrap().to_vec1::<f32>().unwrap(),
            wanted
        );
        // Others have no scale.
        assert_eq!(
            weights
                .tensor("b.weight", 1)
                .unwrap()
                .to_vec1::<f32>()
                .unwrap(),
            [7.0]
        );
    }
}
