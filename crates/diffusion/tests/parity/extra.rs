//! Other ways in which weights and prompts arrive: single files, LoRA, dialects of folders, weighted and long prompts.

use std::path::{Path, PathBuf};

use candle_core::Tensor;
use diffusion::model::ModelFolder;
use diffusion::text::{Chunk, HiddenState, Piece, TextEncoder, parse};
use diffusion::unet::{UNet, UNetConfig};
use diffusion::{ModelSource, Part};
use serde_json::Value;

use crate::kit::{CALL_BOUND, Expected, Report, relative_error};
use crate::networks::{Pipeline, load_text, suffix, unet_inputs, weights};

pub fn compare(kit: &Path, report: &mut Report) {
    let folder = kit.join("extra/expected");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .expect("extra/expected")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|ending| ending == "safetensors")
        })
        .collect();
    files.sort();
    for path in files {
        let name = path
            .file_stem()
            .expect("a file name")
            .to_string_lossy()
            .into_owned();
        let mut expected = Expected::load(&path, &name);
        if expected.meta["files"].is_object() && expected.meta["scales"].is_array() {
            compare_loras(kit, &mut expected, report);
        } else if expected.meta["files"].is_object() {
            compare_single_files(kit, &mut expected, report);
        } else if expected.meta["cases"].is_array() {
            compare_prompts(kit, &mut expected, report);
        } else {
            compare_dialect(kit, &mut expected, report);
        }
        expected.check_all_used(report);
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

fn folder(kit: &Path, value: &Value) -> ModelFolder {
    ModelFolder::Disk(kit.join(text(value)))
}

fn model_of(kit: &Path, expected: &Expected) -> ModelSource {
    ModelSource::new(folder(kit, &expected.meta["model"]))
}

/// Tokens and hidden states of one prompt below `prefix`, whichever of them the kit has.
fn compare_texts(
    encoders: &[TextEncoder],
    ids_prefix: &str,
    prefix: &str,
    prompts: &Value,
    expected: &mut Expected,
    report: &mut Report,
) {
    let prompts: Vec<&str> = prompts
        .as_array()
        .expect("prompts")
        .iter()
        .map(text)
        .collect();
    for (idx, encoder) in encoders.iter().enumerate() {
        let suffix = suffix(idx);
        let len = encoder.model.config().max_position_embeddings;
        let ids: Vec<Vec<u32>> = prompts
            .iter()
            .map(|text| encoder.tokenizer.encode_padded(text, len).unwrap())
            .collect();
        let name = format!("{ids_prefix}input_ids{suffix}");
        if expected.has(&name) {
            report.compare_ids(expected, &name, &ids);
        }
        let output = encoder.model.forward(&ids).unwrap();
        let penultimate = encoder
            .select(&output, HiddenState::Penultimate { clip_skip: 0 })
            .unwrap();
        for (field, actual) in [
            ("last_hidden_state", &output.last_hidden_state),
            ("penultimate", &penultimate),
            ("pooled", &output.pooled),
        ] {
            let name = format!("{prefix}text{suffix}/{field}");
            if expected.has(&name) {
                report.compare_within(expected, &name, actual, CALL_BOUND);
            }
        }
    }
}

fn compare_unet(
    unet: &UNet,
    inputs: &str,
    out: &str,
    expected: &mut Expected,
    report: &mut Report,
) {
    let (latents, timesteps, conditioning) =
        unet_inputs(expected, inputs, &format!("{inputs}/context"));
    let actual = unet.forward(&latents, &timesteps, &conditioning).unwrap();
    report.compare_within(expected, out, &actual, CALL_BOUND);
}

fn load_unet(model: &ModelSource) -> UNet {
    let config = UNetConfig::read(&model.config(Part::UNet).unwrap()).unwrap();
    UNet::load(&weights(model, Part::UNet), config).unwrap_or_else(|error| panic!("{error}"))
}

fn compare_single_files(kit: &Path, expected: &mut Expected, report: &mut Report) {
    let files = expected.meta["files"].as_object().expect("files").clone();
    for (name, file) in &files {
        let path = kit.join("extra").join(text(&file["file"]));
        let model = ModelSource::checkpoint(&path, folder(kit, &file["config_from"]))
            .unwrap_or_else(|error| panic!("{error}"));
        let prefix = format!("{name}/");
        compare_texts(
            &load_text(&model),
            &prefix,
            &prefix,
            &file["prompts"],
            expected,
            report,
        );
        if !expected.has(&format!("{name}/unet/out")) {
            continue;
        }
        let pipeline = Pipeline::of(&model, &|weights| weights);
        compare_unet(
            &pipeline.unet,
            &format!("{name}/unet"),
            &format!("{name}/unet/out"),
            expected,
            report,
        );
        let image = pipeline
            .vae
            .decoder
            .decode(&expected.get(&format!("{name}/vae/latent")))
            .unwrap();
        let key = format!("{name}/vae/image");
        let wanted = expected.get(&key).clamp(-1f32, 1f32).unwrap();
        report.compare_within(expected, &key, &image, CALL_BOUND);
        let key = format!("{name}/vae/encode_mean");
        if expected.has(&key) {
            let moments = pipeline.vae.encoder.encode(&wanted).unwrap();
            report.compare_within(expected, &key, &moments.mean, CALL_BOUND);
        }
    }
}

fn compare_loras(kit: &Path, expected: &mut Expected, report: &mut Report) {
    let family = text(&expected.meta["family"]).to_owned();
    let mut cases = expected.cases("", "/unet/out");
    cases.retain(|case| !case.is_empty());
    for case in cases {
        for dialect in ["diffusers", "kohya"] {
            // `a@0.8+b@0.3`
            let parts: Vec<(PathBuf, f64)> = case
                .split('+')
                .filter_map(|part| part.split_once('@'))
                .map(|(name, scale)| {
                    let file = format!("extra/lora/{family}_{name}.{dialect}.safetensors");
                    (kit.join(file), scale.parse().expect("a scale"))
                })
                .collect();
            if parts.iter().any(|(path, _)| !path.is_file()) {
                continue;
            }
            let model = parts
                .iter()
                .fold(model_of(kit, expected), |model, (path, scale)| {
                    model
                        .with_lora(path, *scale)
                        .unwrap_or_else(|error| panic!("{error}"))
                });
            compare_unet(
                &load_unet(&model),
                "unet",
                &format!("{case}/unet/out"),
                expected,
                report,
            );
            let prompts = expected.meta["prompts"].clone();
            compare_texts(
                &load_text(&model),
                "",
                &format!("{case}/"),
                &prompts,
                expected,
                report,
            );
        }
    }
}

fn compare_dialect(kit: &Path, expected: &mut Expected, report: &mut Report) {
    let pipeline = Pipeline::of(&model_of(kit, expected), &|weights| weights);
    let prompts = expected.meta["prompts"].clone();
    compare_texts(&pipeline.text, "", "", &prompts, expected, report);
    compare_unet(&pipeline.unet, "unet", "unet/out", expected, report);
    let image = pipeline
        .vae
        .decoder
        .decode(&expected.get("vae/latent"))
        .unwrap();
    report.compare_within(expected, "vae/image", &image, CALL_BOUND);
}

fn compare_prompts(kit: &Path, expected: &mut Expected, report: &mut Report) {
    let encoders = load_text(&model_of(kit, expected));
    let encoder = &encoders[0];
    let cases = expected.meta["cases"].as_array().expect("cases").clone();
    for case in &cases {
        let idx = case["index"].as_u64().expect("an index");
        let prompt = text(&case["prompt"]);
        let family = expected.family.clone();
        let error = if parses_to(&parse(prompt), &case["parsed"]) {
            0.0
        } else {
            f64::INFINITY
        };
        report.add(&family, &format!("parsed/{idx}"), error, 0.0);

        let backtrack = case["comma_padding_backtrack"].as_u64().expect("a number") as usize;
        let chunks = encoder.chunks(prompt, backtrack).unwrap();
        let ids: Vec<Vec<u32>> = chunks
            .iter()
            .map(|chunk: &Chunk| chunk.ids.clone())
            .collect();
        let wanted = expected.ids(&format!("{idx}/input_ids"));
        report.add(
            &family,
            &format!("ids/{idx}"),
            if ids == wanted { 0.0 } else { f64::INFINITY },
            0.0,
        );
        let rows: Vec<Tensor> = chunks
            .iter()
            .map(|chunk| Tensor::new(chunk.weights.as_slice(), &candle_core::Device::Cpu).unwrap())
            .collect();
        let error = relative_error(
            &expected.get(&format!("{idx}/weights")),
            &Tensor::stack(&rows, 0).unwrap(),
        );
        report.add(&family, &format!("weights/{idx}"), error, 1e-6);
        let key = format!("{idx}/embeddings");
        if expected.has(&key) {
            let (context, _) = encoder
                .encode(&chunks, HiddenState::Last { clip_skip: 0 })
                .unwrap();
            let error = relative_error(&expected.get(&key), &context);
            report.add(&family, &format!("embeddings/{idx}"), error, 1e-4);
        }
    }
}

fn parses_to(pieces: &[Piece], wanted: &Value) -> bool {
    let wanted = wanted.as_array().expect("pieces");
    wanted.len() == pieces.len()
        && pieces.iter().zip(wanted).all(|(piece, wanted)| {
            let weight = wanted[1].as_f64().expect("a weight");
            match piece {
                Piece::Break => text(&wanted[0]) == "BREAK" && weight < 0.0,
                Piece::Text(words, ours) => {
                    words == text(&wanted[0]) && (ours / weight - 1.0).abs() < 1e-6
                }
            }
        })
}
