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
fn files_that_are_no_models_are_named_for_what_they_are() {
    let bench = Bench::new();
    bench.write("m.ckpt", b"PK\x03\x04xxxxxxxxxxxxxxxxxxxxxxxx");
    bench.write("m.pt", b"\x80\x02}q\x00(X\x05\x00\x00\x00model");
    bench.write("m.gguf", b"GGUF\x03\x00\x00\x00\x00\x00\x00\x00");
    bench.write(
        "page.safetensors",
        b"<!DOCTYPE html><html><head></head></html>",
    );
    bench.write("plain", b"some text that is no model at all");
    let flux = "model.diffusion_model.double_blocks.0.img_mod.lin.weight";
    write_tensors(&bench.path("flux.safetensors"), &[(flux, &[4, 4])]);
    let sd3 = "model.diffusion_model.joint_blocks.0.x_block.mlp.fc1.weight";
    write_tensors(&bench.path("SD3.SAFETENSORS"), &[(sd3, &[4, 4])]);
    write_tensors(
        &bench.path("word.safetensors"),
        &[("emb_params", &[2, 128])],
    );
    for (what, words) in [
        ("m.ckpt", &["pickled", ".safetensors"][..]),
        ("m.pt", &["pickled"]),
        ("m.gguf", &["GGUF"]),
        ("page.safetensors", &["web page"]),
        ("plain", &["not a safetensors file", "diffusers layout"]),
        ("flux.safetensors", &["is a Flux model"]),
        ("SD3.SAFETENSORS", &["Stable Diffusion 3"]),
        ("missing.ckpt", &["no such model"]),
        ("https://civitai.com/models/1", &["web address", "download"]),
    ] {
        let words = [&[what][..], words].concat();
        let info = bench.run(&["models", "info", what]);
        bench.assert_refused(&info, &words);
        let film = bench.film("song.wav", &["--model", what]);
        bench.assert_refused(&film, &words);
        assert_eq!(info.stderr, film.stderr, "{what}");
    }
    for (flag, what, word) in [
        ("--lora", "word.safetensors", "is an embedding, not a LoRA"),
        (
            "--vae",
            "word.safetensors",
            "is an embedding, not an autoencoder",
        ),
        (
            "--model",
            "word.safetensors",
            "is an embedding, not a model",
        ),
        ("--lora", "flux.safetensors", "is a Flux model, not a LoRA"),
        ("--lora", "m.ckpt", "pickled"),
    ] {
        let film = bench.film("song.wav", &[flag, what]);
        bench.assert_refused(&film, &[what, word]);
    }
    let info = bench.run(&["models", "info", "word.safetensors"]);
    assert!(
        info.assert_done().stdout.contains("--embedding"),
        "{}",
        info.stdout
    );
}

#[test]
fn a_checkpoint_is_known_whatever_it_is_called() {
    let bench = Bench::new();
    let conv_in = "model.diffusion_model.input_blocks.0.0.weight";
    for name in ["unet", "UNET.SAFETENSORS", "unet.ckpt"] {
        write_tensors(&bench.path(name), &[(conv_in, &[320, 4, 3, 3])]);
        bench.assert_refused(
            &bench.run(&["models", "info", name]),
            &[name, "no text encoder"],
        );
    }
}

#[test]
fn the_author_s_taesd_decodes() {
    let bench = Bench::new();
    // Four levels of three, three, three and one blocks, in its author's numbers.
    let mut tensors: Vec<(String, Vec<usize>)> = Vec::new();
    let mut conv = |name: String, shape: [usize; 4], has_bias: bool| {
        tensors.push((format!("{name}.weight"), shape.to_vec()));
        if has_bias {
            tensors.push((format!("{name}.bias"), vec![shape[0]]));
        }
    };
    conv("1".to_owned(), [64, 4, 3, 3], true);
    for block in [3, 4, 5, 8, 9, 10, 13, 14, 15, 18] {
        for layer in [0, 2, 4] {
            conv(format!("{block}.conv.{layer}"), [64, 64, 3, 3], true);
        }
    }
    for level in [7, 12, 17] {
        conv(level.to_string(), [64, 64, 3, 3], false);
    }
    conv("19".to_owned(), [3, 64, 3, 3], true);
    let named: Vec<(&str, &[usize])> = tensors
        .iter()
        .map(|(name, shape)| (name.as_str(), shape.as_slice()))
        .collect();
    write_tensors(&bench.path("taesd_decoder.safetensors"), &named);
    let info = bench.run(&["models", "info", "taesd_decoder.safetensors", "--json"]);
    assert_eq!(info.assert_done().json()["class"], "AutoencoderTiny");
    let encoder = bench.path("encoder.safetensors");
    write_tensors(&encoder, &[("0.weight", &[64, 3, 3, 3])]);
    let film = bench.film("song.wav", &["--vae", "encoder.safetensors"]);
    bench.assert_refused(&film, &["an encoder of TAESD"]);
    let vae = ["--vae", "taesd_decoder.safetensors", "--duration", "0.5"];
    bench
        .film("song.wav", &[&vae[..], &["--calibrate", "off"]].concat())
        .assert_done();
}

#[test]
fn a_word_with_an_embedding_changes_the_film() {
    let bench = Bench::new();
    bench.write("prompts.txt", b"a my-cat in teal ocean waves\n");
    let mut bytes = Vec::new();
    for n in 0..256u16 {
        bytes.extend((0x3400 + n).to_le_bytes()); // numbers around a quarter, in half precision
    }
    let header = r#"{"emb_params": {"dtype": "F16", "shape": [2, 128], "data_offsets": [0, 512]}}"#;
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.extend(bytes);
    bench.write("cat.safetensors", &file);
    bench.assert_refused(
        &bench.film("song.wav", &["--embedding", "my-cat=gone.safetensors"]),
        &["gone.safetensors"],
    );
    let run = bench.film("song.wav", &["--embedding", "cat.safetensors"]);
    assert_eq!(run.code, 2);
    assert!(
        run.stderr.contains("my-cat=cat.safetensors"),
        "{}",
        run.stderr
    );
    let film = |name: &str, more: &[&str]| {
        let out = format!("{name}.mp4");
        let flags = ["--duration", "0.5", "--calibrate", "off", "-o", &out];
        bench
            .film("song.wav", &[&flags[..], more].concat())
            .assert_done();
        bench.encoded_frames(name)
    };
    let plain = film("plain", &[]);
    let changed = film("cat", &["--embedding", "my-cat=cat.safetensors"]);
    assert!(plain != changed);
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

#[test]
fn the_cpu_is_listed_whatever_gpu_is_there() {
    let bench = Bench::new();
    let run = bench.run(&["models", "devices"]);
    run.assert_done();
    assert!(run.stdout.starts_with("cpu "), "{}", run.stdout);
    if !cfg!(feature = "gpu") {
        assert!(run.stderr.contains("--features gpu"), "{}", run.stderr);
    }
}
