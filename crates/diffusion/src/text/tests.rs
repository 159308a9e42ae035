//! Words with embeddings of their own.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};

use super::*;
use crate::model::ModelFolder;

/// As the kit's files call it; older ones have `text_model.` before it.
const TABLE: &str = "embeddings.token_embedding.weight";
const LAST: HiddenState = HiddenState::Last { clip_skip: 0 };

/// A model of the small parity kit.
fn kit(family: &str) -> PathBuf {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity/kit/models");
    models.join(family)
}

fn source(folder: &Path) -> ModelSource {
    ModelSource::new(ModelFolder::Disk(folder.to_owned()))
}

/// Rows of a text model's table for the tokens of a text.
fn rows(folder: &Path, part: &str, tokenizer: &str, text: &str) -> Tensor {
    let ids = Tokenizer::load(&ModelFolder::Disk(folder.to_owned()), tokenizer)
        .unwrap()
        .encode(text)
        .unwrap();
    let file = folder.join(part).join("model.safetensors");
    let tensors = candle_core::safetensors::load(file, &Device::Cpu).unwrap();
    let mut tensors = tensors.into_iter();
    let (_, table) = tensors.find(|(name, _)| name.ends_with(TABLE)).unwrap();
    let table = table.to_dtype(DType::F32).unwrap();
    let ids = Tensor::new(ids, &Device::Cpu).unwrap();
    table.index_select(&ids, 0).unwrap()
}

fn save(path: &Path, tensors: &[(&str, Tensor)]) {
    let tensors = tensors
        .iter()
        .map(|(name, tensor)| ((*name).to_owned(), tensor.clone()));
    let tensors: HashMap<String, Tensor> = tensors.collect();
    candle_core::safetensors::save(&tensors, path).unwrap();
}

/// The embedding of a text and its pooled one, flat.
fn embed(model: &ModelSource, hidden_state: HiddenState, text: &str) -> Vec<f32> {
    let encoders = TextEncoders::load(model, hidden_state, &Device::Cpu, DType::F32).unwrap();
    let found = encoders.embed(text, 1).unwrap();
    let flat = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    [
        flat(&found.context),
        found.pooled.as_ref().map(flat).unwrap_or_default(),
    ]
    .concat()
}

#[test]
fn a_word_means_the_vectors_of_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cat.safetensors");
    let vectors = rows(&kit("plain"), "text_encoder", "tokenizer", "bc");
    let plain = source(&kit("plain"));
    for name in ["emb_params", "string_to_param.*", "<cat-toy>"] {
        save(&path, &[(name, vectors.clone())]);
        let model = plain.clone().with_embedding("<Cat-Toy>", &path).unwrap();
        let wanted = embed(&plain, LAST, "a bc d");
        assert_eq!(embed(&model, LAST, "a <cat-toy> d"), wanted, "{name}");
        assert_eq!(embed(&model, LAST, "a bc d"), wanted, "{name}");
        assert_ne!(embed(&plain, LAST, "a <cat-toy> d"), wanted);
        let (weighted, words) = ("a (<cat-toy>:1.3) d", "a (bc:1.3) d");
        assert_eq!(embed(&model, LAST, weighted), embed(&plain, LAST, words));
    }
    // A single vector without an axis for it.
    let one = rows(&kit("plain"), "text_encoder", "tokenizer", "b")
        .get(0)
        .unwrap();
    save(&path, &[("<x>", one)]);
    let model = plain.clone().with_embedding("style", &path).unwrap();
    assert_eq!(embed(&model, LAST, "style, a"), embed(&plain, LAST, "b, a"));
    assert_eq!(
        embed(&model, LAST, "styles a"),
        embed(&plain, LAST, "styles a")
    );
}

#[test]
fn two_text_models_have_vectors_each() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cat.safetensors");
    let xl = source(&kit("xl"));
    let penultimate = HiddenState::Penultimate { clip_skip: 0 };
    let first = rows(&kit("xl"), "text_encoder", "tokenizer", "b");
    let second = rows(&kit("xl"), "text_encoder_2", "tokenizer_2", "b");
    save(
        &path,
        &[("clip_l", first.clone()), ("clip_g", second.clone())],
    );
    let model = xl.clone().with_embedding("cat", &path).unwrap();
    let wanted = embed(&xl, penultimate, "a b c");
    assert_eq!(embed(&model, penultimate, "a cat c"), wanted);

    // A LoRA file that brings them along.
    let lora = folder.path().join("lora.safetensors");
    let module = "unet.mid_block.attentions.0.proj_in";
    let down = Tensor::zeros((1, 1), DType::F32, &Device::Cpu).unwrap();
    save(
        &lora,
        &[
            ("bundle_emb.cat.clip_l", first.clone()),
            ("bundle_emb.cat.clip_g", second),
            (&format!("{module}.lora_A.weight"), down.clone()),
            (&format!("{module}.lora_B.weight"), down),
        ],
    );
    let model = xl.clone().with_lora(&lora, 0.0).unwrap();
    assert_eq!(model.embeddings().len(), 1);
    let texts = [Part::TextEncoder, Part::TextEncoder2];
    assert!(texts.iter().all(|part| model.tensors(*part).is_ok()));
    assert_eq!(embed(&model, penultimate, "a cat c"), wanted);
    let error = model.with_embedding("CAT", &path).unwrap_err();
    assert!(error.to_string().contains("gives the word CAT"), "{error}");

    save(&path, &[("clip_l", first.clone())]);
    let error = xl.clone().with_embedding("cat", &path).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("no vectors for the model's text_encoder_2"),
        "{error}"
    );
    let wide = Tensor::cat(&[&first, &first], 1).unwrap();
    save(&path, &[("emb_params", wide)]);
    let error = source(&kit("plain"))
        .with_embedding("cat", &path)
        .unwrap_err();
    assert!(error.to_string().contains("numbers"), "{error}");
    let error = source(&kit("plain"))
        .with_embedding("two words", &path)
        .unwrap_err();
    assert!(error.to_string().contains("`embedding`"), "{error}");
}

#[test]
fn tokens_that_were_saved_with_a_model_are_whole() {
    let to = tempfile::tempdir().unwrap();
    let from = kit("plain");
    for part in ["text_encoder", "tokenizer"] {
        std::fs::create_dir(to.path().join(part)).unwrap();
        for entry in std::fs::read_dir(from.join(part)).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, to.path().join(part).join(path.file_name().unwrap())).unwrap();
        }
    }
    // Two rows more, which are those of the letters b and c.
    let file = to.path().join("text_encoder/model.safetensors");
    let mut tensors = candle_core::safetensors::load(&file, &Device::Cpu).unwrap();
    let table = tensors[TABLE].clone();
    let n_rows = table.dim(0).unwrap();
    let more = ["b", "c"].map(|text| {
        let more = rows(&from, "text_encoder", "tokenizer", text);
        more.to_dtype(table.dtype()).unwrap()
    });
    let table = Tensor::cat(&[&table, &more[0], &more[1]], 0).unwrap();
    tensors.insert(TABLE.to_owned(), table);
    candle_core::safetensors::save(&tensors, &file).unwrap();
    let config = to.path().join("text_encoder/config.json");
    let text = std::fs::read_to_string(&config).unwrap();
    let mut values: serde_json::Value = serde_json::from_str(&text).unwrap();
    values["vocab_size"] = (n_rows + 2).into();
    std::fs::write(&config, values.to_string()).unwrap();

    let added = serde_json::json!({"<toy>": n_rows, "<toy>_1": n_rows + 1, "<|endoftext|>": 3});
    let added_path = to.path().join("tokenizer/added_tokens.json");
    std::fs::write(&added_path, added.to_string()).unwrap();
    let wanted = embed(&source(&from), LAST, "a b c d");
    for is_slow in [false, true] {
        let fast = to.path().join("tokenizer/tokenizer.json");
        if is_slow && fast.is_file() {
            std::fs::remove_file(fast).unwrap();
        }
        assert_eq!(embed(&source(to.path()), LAST, "a <toy> d"), wanted);
        assert_eq!(embed(&source(to.path()), LAST, "a b <toy>_1 d"), wanted);
    }
    std::fs::write(added_path, "[1]").unwrap();
    let folder = ModelFolder::Disk(to.path().to_owned());
    let error = Tokenizer::load(&folder, "tokenizer").unwrap_err();
    assert!(error.to_string().contains("added_tokens.json"), "{error}");
}

#[test]
fn a_word_of_several_vectors_is_not_torn() {
    let mut tokenizer = Tokenizer::load(&ModelFolder::Disk(kit("plain")), "tokenizer").unwrap();
    tokenizer.add_word("cat", 600, 3);
    let full = |n: usize| format!("{}cat a", "b ".repeat(n));
    let chunks = |text: &str| tokenizer.chunks(text, 10, 0).unwrap(); // room for 8 tokens
    let fits = chunks(&full(5));
    assert_eq!(fits.len(), 2);
    assert_eq!(fits[0].ids[6..9], [600, 601, 602]);
    let torn = chunks(&full(6));
    assert_eq!(torn.len(), 2);
    assert_eq!(torn[0].ids[7], tokenizer.eos);
    assert_eq!(torn[1].ids[1..4], [600, 601, 602]);
}
