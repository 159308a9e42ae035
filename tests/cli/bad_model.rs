//! Model folders with a fault are refused with file and tensor.

use std::path::{Path, PathBuf};

use visualize::video::{ChunkReader, SampleInfo};

use super::harness::Bench;

/// The part `vae` where it is an `AutoencoderKL`.
const KL: &str = "vae of AutoencoderKL";
const UNET: &str = "unet/diffusion_pytorch_model.safetensors";

/// A copy of the bundled model's folder in the test's own folder.
fn model(bench: &Bench) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("model");
    let copy = bench.path("model");
    for part in ["scheduler", "text_encoder", "tokenizer", "unet", "vae"] {
        std::fs::create_dir_all(copy.join(part)).unwrap();
        for entry in std::fs::read_dir(source.join(part)).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), copy.join(part).join(entry.file_name())).unwrap();
        }
    }
    std::fs::copy(
        source.join("model_index.json"),
        copy.join("model_index.json"),
    )
    .unwrap();
    copy
}

/// Gives the model in `folder` an `AutoencoderKL` instead of its own autoencoder: the one that its latents come from.
fn give_kl_autoencoder(folder: &Path) {
    let milestone = Path::new(env!("CARGO_MANIFEST_DIR")).join("model/training/milestones/f8c4");
    for file in ["config.json", "diffusion_pytorch_model.safetensors"] {
        std::fs::copy(milestone.join(file), folder.join("vae").join(file)).unwrap();
    }
}

/// Rewrites a safetensors file's header.
fn edit_header(path: &Path, edit: impl FnOnce(String) -> String) {
    let bytes = std::fs::read(path).unwrap();
    let header_len = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header = edit(String::from_utf8(bytes[8..8 + header_len].to_vec()).unwrap());
    let mut edited = (header.len() as u64).to_le_bytes().to_vec();
    edited.extend(header.as_bytes());
    edited.extend(&bytes[8 + header_len..]);
    std::fs::write(path, edited).unwrap();
}

#[test]
fn a_folder_draws_what_the_binary_draws() {
    let bench = Bench::new();
    model(&bench);
    bench.film("song.wav", &["-o", "bundled.mp4"]).assert_done();
    bench
        .film("song.wav", &["-o", "folder.mp4", "--model", "model"])
        .assert_done();
    let samples = |name: &str| -> Vec<Vec<SampleInfo>> {
        let mut paths: Vec<_> = std::fs::read_dir(bench.path(name))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        paths.retain(|path| {
            path.extension()
                .is_some_and(|extension| extension == "chunk")
        });
        paths.sort();
        let read = |path: &PathBuf| ChunkReader::open(path).unwrap().into_info().samples;
        paths.iter().map(read).collect()
    };
    assert!(!samples("bundled.visualize").is_empty());
    assert_eq!(samples("bundled.visualize"), samples("folder.visualize"));
}

#[test]
fn a_missing_folder_is_named() {
    let bench = Bench::new();
    bench.assert_refused(
        &bench.film("song.wav", &["--model", "no/such/model"]),
        &["no/such/model"],
    );
}

#[test]
fn a_missing_file_is_named() {
    let bench = Bench::new();
    std::fs::remove_file(model(&bench).join(UNET)).unwrap();
    bench.assert_refused(
        &bench.film("song.wav", &["--model", "model"]),
        &["unet", "diffusion_pytorch_model"],
    );
}

#[test]
fn an_unsupported_family_is_named() {
    let bench = Bench::new();
    let index = model(&bench).join("model_index.json");
    let text = std::fs::read_to_string(&index)
        .unwrap()
        .replace("StableDiffusionPipeline", "FluxPipeline");
    std::fs::write(index, text).unwrap();
    bench.assert_refused(
        &bench.film("song.wav", &["--model", "model"]),
        &["FluxPipeline"],
    );
}

#[test]
fn a_truncated_file_is_named() {
    let bench = Bench::new();
    let path = model(&bench).join(UNET);
    let bytes = std::fs::read(&path).unwrap();
    for n_bytes in [0, 4, 100, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..n_bytes]).unwrap();
        bench.assert_refused(
            &bench.film("song.wav", &["--model", "model"]),
            &["diffusion_pytorch_model.safetensors"],
        );
    }
}

#[test]
fn a_header_that_claims_too_much_is_refused() {
    let bench = Bench::new();
    let path = model(&bench).join(UNET);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[..8].copy_from_slice(&(1u64 << 60).to_le_bytes());
    std::fs::write(&path, bytes).unwrap();
    bench.assert_refused(
        &bench.film("song.wav", &["--model", "model"]),
        &["diffusion_pytorch_model.safetensors"],
    );
}

#[test]
fn a_missing_tensor_is_named() {
    let bench = Bench::new();
    let path = model(&bench).join(UNET);
    edit_header(&path, |header| {
        header.replace("\"conv_in.weight\"", "\"conv_on.weight\"")
    });
    bench.assert_refused(
        &bench.film("song.wav", &["--model", "model"]),
        &["conv_in.weight", "model/unet"],
    );
}

#[test]
fn a_tensor_of_another_shape_is_named_with_both_shapes() {
    let bench = Bench::new();
    let path = model(&bench).join(UNET);
    edit_header(&path, |header| {
        let at = header.find("\"conv_in.weight\"").unwrap();
        let (before, after) = header.split_at(at);
        format!("{before}{}", after.replacen("[64,4,3,3]", "[4,64,3,3]", 1))
    });
    bench.assert_refused(
        &bench.film("song.wav", &["--model", "model"]),
        &["conv_in.weight", "64", "4"],
    );
}

#[test]
fn a_tensor_that_is_not_a_number_is_named() {
    let bench = Bench::new();
    let path = model(&bench).join(UNET);
    let mut bytes = std::fs::read(&path).unwrap();
    let header_len = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + header_len]).unwrap();
    let start = 8
        + header_len
        + header["conv_in.weight"]["data_offsets"][0]
            .as_u64()
            .unwrap() as usize;
    bytes[start..start + 2].copy_from_slice(&0x7e00u16.to_le_bytes()); // NaN in half precision
    std::fs::write(&path, bytes).unwrap();
    bench.assert_refused(
        &bench.film("song.wav", &["--model", "model"]),
        &["conv_in.weight", "NaN"],
    );
}

/// Rewrites a key of a JSON file.
fn edit_json(path: &Path, key: &str, value: serde_json::Value) {
    let text = std::fs::read_to_string(path).unwrap();
    let mut file: serde_json::Value = serde_json::from_str(&text).unwrap();
    file[key] = value;
    std::fs::write(path, file.to_string()).unwrap();
}

#[test]
fn configurations_of_no_network_are_refused_with_file_and_key() {
    use serde_json::json;
    let huge = 1u64 << 60;
    for (part, key, value) in [
        ("unet", "attention_head_dim", json!(0)),
        ("unet", "attention_head_dim", json!(7)),
        ("unet", "attention_head_dim", json!([1])),
        ("unet", "block_out_channels", json!([huge, huge, huge])),
        ("unet", "block_out_channels", json!([0, 0, 0])),
        ("unet", "block_out_channels", json!([])),
        ("unet", "block_out_channels", json!("wide")),
        ("unet", "cross_attention_dim", json!(12345)),
        ("unet", "in_channels", json!(9)),
        ("unet", "layers_per_block", json!(huge)),
        ("unet", "layers_per_block", json!(-1)),
        ("unet", "norm_num_groups", json!(0)),
        ("unet", "norm_num_groups", json!(7)),
        ("unet", "out_channels", json!(8)),
        ("unet", "sample_size", json!(huge)),
        ("unet", "transformer_layers_per_block", json!(huge)),
        ("vae", "_class_name", json!("AutoencoderOobleck")),
        ("vae", "act_fn", json!("silu")),
        ("vae", "latent_channels", json!(0)),
        ("vae", "layers", json!([huge, 1])),
        ("vae", "out_channels", json!(4)),
        ("vae", "patch", json!(huge)),
        ("vae", "refine", json!(-1)),
        ("vae", "widths", json!([160])),
        (KL, "block_out_channels", json!([huge, 1])),
        (KL, "latent_channels", json!(0)),
        (KL, "layers_per_block", json!(huge)),
        (KL, "scaling_factor", json!(0)),
        (KL, "norm_num_groups", json!(3)),
        ("text_encoder", "hidden_act", json!("swish")),
        ("text_encoder", "hidden_size", json!(huge)),
        ("text_encoder", "max_position_embeddings", json!(huge)),
        ("text_encoder", "num_attention_heads", json!(0)),
        ("text_encoder", "num_attention_heads", json!(7)),
        ("text_encoder", "num_hidden_layers", json!(huge)),
        ("text_encoder", "vocab_size", json!(huge)),
    ] {
        let bench = Bench::new();
        let folder = model(&bench);
        let file = if part == KL { "vae" } else { part };
        if part == KL {
            give_kl_autoencoder(&folder);
        }
        edit_json(&folder.join(file).join("config.json"), key, value.clone());
        let run = bench.run(&["models", "info", "model"]);
        assert_eq!(
            run.code, 2,
            "{key} = {value}: {} {}",
            run.stdout, run.stderr
        );
        assert!(
            run.stderr.starts_with("error: "),
            "{key} = {value}: {}",
            run.stderr
        );
        assert!(run.stderr.contains(file), "{key} = {value}: {}", run.stderr);
        assert!(run.stderr.contains(key), "{key} = {value}: {}", run.stderr);
    }
}

#[test]
fn a_scheduler_that_is_not_known_gives_way_to_the_flag() {
    let bench = Bench::new();
    let scheduler = model(&bench).join("scheduler/scheduler_config.json");
    edit_json(&scheduler, "_class_name", "LMSDiscreteScheduler".into());
    bench.assert_refused(
        &bench.film("song.wav", &["--model", "model"]),
        &["LMSDiscreteScheduler", "--scheduler", "ddim", "heun"],
    );
    // A name that nobody knows is said before the model is looked for.
    bench.assert_refused(
        &bench.film(
            "song.wav",
            &["--model", "no/such/model", "--scheduler", "lms"],
        ),
        &["--scheduler can't be lms", "euler_a"],
    );
    let info = bench.run(&["models", "info", "model"]);
    let said = &info.assert_done().stdout;
    assert!(said.contains("LMSDiscreteScheduler can't be run"), "{said}");
    assert!(said.contains("--scheduler"), "{said}");
    let flags = ["--model", "model", "--steps", "2", "--duration", "0.5"];
    let films = ["ddim", "ddpm", "heun", "deis"].map(|name| {
        let out = format!("{name}.mp4");
        let more = ["--calibrate", "off", "--scheduler", name, "-o", &out];
        let flags = [&flags[..], &more].concat();
        bench.film("song.wav", &flags).assert_done();
        bench.encoded_frames(name)
    });
    // Other algorithms draw other pictures.
    assert!(films[1..].iter().all(|film| *film != films[0]));
}

#[test]
fn pictures_that_hold_no_numbers_are_an_error_with_frame_and_prompt() {
    let bench = Bench::new();
    let huge = format!("(a red:{}) sunset", "9".repeat(45));
    for (prompts, calibrate) in [(huge.clone(), "off"), (huge.clone(), "on")] {
        bench.write("prompts.txt", prompts.as_bytes());
        let run = bench.film("song.wav", &["--calibrate", calibrate]);
        bench.assert_refused(&run, &["frame 0, \"(a red:9", ") sunset\"", "NaN"]);
    }
    // Of a later prompt, frames on the way to it are the first.
    let later = format!("[0:00] teal waves\n[0:01] orange flames\n[0:02] {huge}\n");
    bench.write("prompts.txt", later.as_bytes());
    let run = bench.film("song.wav", &["--calibrate", "off"]);
    bench.assert_refused(&run, &["\"orange flames\" on its way to \"(a red:9", "NaN"]);
    let number = run.stderr.split("error: frame ").nth(1).unwrap();
    let number: u32 = number.split(',').next().unwrap().parse().unwrap();
    assert!((4..=16).contains(&number), "{}", run.stderr); // 8 a second
}
