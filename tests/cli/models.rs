//! `visualize models info` on what lies on disk, and the element type of weights.

use std::path::Path;

use super::harness::Bench;

/// A safetensors file of zeros.
fn write_tensors(path: &Path, tensors: &[(&str, &[usize])]) {
    let mut header = serde_json::Map::new();
    let mut end = 0;
    for (name, shape) in tensors {
        let begin = end;
        end += 2 * shape.iter().product::<usize>();
        let entry =
            serde_json::json!({"dtype": "F16", "shape": shape, "data_offsets": [begin, end]});
        header.insert((*name).to_owned(), entry);
    }
    let header = serde_json::Value::Object(header).to_string();
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + end, 0);
    std::fs::write(path, bytes).unwrap();
}

fn folder(part: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("model")
        .join(part);
    path.to_str().unwrap().to_owned()
}

#[test]
fn the_bundled_model_and_its_folder_are_described_alike() {
    let bench = Bench::new();
    let info = |what: &str| {
        bench
            .run(&["models", "info", what, "--json"])
            .assert_done()
            .json()
    };
    let bundled = info("bundled");
    assert_eq!(bundled, info(&folder("")));
    assert_eq!(bundled["kind"], "model");
    assert_eq!(bundled["class"], "StableDiffusionPipeline");
    assert_eq!(bundled["native_side"], 512);
    assert_eq!(bundled["parts"].as_array().unwrap().len(), 3);
    assert!(bundled["parts"][1]["dtypes"]["F16"].as_u64().unwrap() > 1_000_000);
    let run = bench.run(&["models", "info", "bundled"]);
    for word in [
        "family",
        "unet",
        "CLIPTextModel",
        "F16",
        "512x512",
        "scheduler",
        "guidance",
        "memory",
        "motifs",
        "mountains",
        "styles",
        "watercolor",
    ] {
        assert!(run.stdout.contains(word), "no {word} in\n{}", run.stdout);
    }
}

#[test]
fn memory_grows_with_the_size() {
    let bench = Bench::new();
    let peak = |size: &str| {
        let run = bench.run(&["models", "info", "bundled", "--size", size, "--json"]);
        run.assert_done().json()["memory"]["peak_bytes"]
            .as_u64()
            .unwrap()
    };
    assert!(peak("512x512") > peak("256x256"));
    let run = bench.run(&["models", "info", "bundled", "--size", "100x100"]);
    bench.assert_refused(&run, &["--size", "96x96"]);
}

#[test]
fn loras_and_autoencoders_are_known_by_their_tensors() {
    let bench = Bench::new();
    let prefix = "lora_unet_mid_block_attentions_0_proj_in";
    write_tensors(
        &bench.path("style.safetensors"),
        &[
            (&format!("{prefix}.lora_down.weight"), &[4, 80]),
            (&format!("{prefix}.lora_up.weight"), &[80, 4]),
        ],
    );
    let info = |what: &str| {
        bench
            .run(&["models", "info", what, "--json"])
            .assert_done()
            .json()
    };
    let lora = info("style.safetensors");
    assert_eq!(lora["kind"], "lora");
    assert_eq!(lora["ranks"], serde_json::json!([4]));
    assert_eq!(lora["n_modules"]["unet"], 1);

    write_tensors(
        &bench.path("taesd.safetensors"),
        &[("decoder.layers.0.weight", &[64, 4, 3, 3])],
    );
    assert_eq!(info("taesd.safetensors")["class"], "AutoencoderTiny");
    let vae = info(&folder("vae"));
    assert_eq!(
        (vae["kind"].as_str(), vae["scale"].as_u64()),
        (Some("vae"), Some(16))
    );
    assert_eq!(
        info(&folder("vae/diffusion_pytorch_model.safetensors"))["class"],
        "AutoencoderKL"
    );
}

#[test]
fn anything_else_is_refused_by_name() {
    let bench = Bench::new();
    write_tensors(
        &bench.path("other.safetensors"),
        &[("transformer.wte", &[4, 4])],
    );
    bench.write("song.safetensors", b"not at all");
    for (what, word) in [
        ("other.safetensors", "not a Stable Diffusion"),
        ("song.safetensors", "not a safetensors file"),
        ("missing.safetensors", "missing.safetensors"),
        ("missing", "missing"),
    ] {
        bench.assert_refused(&bench.run(&["models", "info", what]), &[what, word]);
    }
}

#[test]
fn the_element_type_is_part_of_the_timeline() {
    let bench = Bench::new();
    bench.plan("plain.json", &[]);
    bench.plan("half.json", &["--dtype", "bf16"]);
    let dtype = |name: &str| -> serde_json::Value {
        let timeline: serde_json::Value = serde_json::from_slice(&bench.read(name)).unwrap();
        timeline["render"]["diffusion"]["dtype"].clone()
    };
    assert_eq!(dtype("plain.json"), serde_json::Value::Null);
    assert_eq!(dtype("half.json"), "bf16");
    let run = bench.run(&["render", "half.json", "--frames", "0..2"]);
    assert!(
        run.assert_done().stderr.contains("weights in BF16"),
        "{}",
        run.stderr
    );
    let run = bench.film("song.wav", &["--dtype", "int8"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("bf16"), "{}", run.stderr);
    // An edited timeline is checked as well.
    let text = String::from_utf8(bench.read("half.json"))
        .unwrap()
        .replace("bf16", "int8");
    bench.write("half.json", text.as_bytes());
    bench.assert_refused(
        &bench.run(&["render", "half.json"]),
        &["--dtype", "int8", "bf16"],
    );
}
