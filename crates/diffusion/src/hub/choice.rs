//! Which files of a repository are downloaded: configurations, tokenizers, and one variant of the weights of each part that is used.

use std::collections::BTreeSet;

use common::Error;

use crate::family::Family;
use crate::layout::{FP16_FIRST, WeightFiles, in_part, pickled_weights, weight_files};
use crate::part::Part;

/// Name of the file that says what a repository is.
pub(super) const INDEX: &str = "model_index.json";

/// Why files don't make a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unusable {
    pub reason: String,
    pub hint: Option<&'static str>,
}

impl Unusable {
    /// The error for whoever named the repository.
    pub(super) fn into_error(self, name: &str) -> Error {
        let error = Error::weights(name, self.reason);
        match self.hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }
}

/// The names, out of `files`, of everything that a model of this family needs, sorted.
pub(super) fn choose(files: &BTreeSet<String>, family: Family) -> Result<Vec<String>, Unusable> {
    let mut chosen = BTreeSet::from([INDEX.to_owned(), config_of("scheduler")]);
    let is_xl = family == Family::StableDiffusionXl;
    let (tokenizers, parts) = match is_xl {
        false => (&["tokenizer"][..], &Part::OF_ONE_TEXT_MODEL[..]),
        true => (&["tokenizer", "tokenizer_2"][..], &Part::ALL[..]),
    };
    for tokenizer in tokenizers {
        let has = |file: &str| files.contains(&in_part(tokenizer, file));
        if !(has("tokenizer.json") || has("vocab.json") && has("merges.txt")) {
            return Err(missing(&in_part(tokenizer, "tokenizer.json")));
        }
        chosen.extend(
            files
                .iter()
                .filter(|name| is_tokenizer_file(tokenizer, name))
                .cloned(),
        );
    }
    for part in parts {
        chosen.insert(in_part(part.folder(), "config.json"));
        chosen.extend(weights(files, *part)?);
    }
    match chosen.iter().find(|name| !files.contains(*name)) {
        Some(name) => Err(missing(name)),
        None => Ok(chosen.into_iter().collect()),
    }
}

fn config_of(part: &str) -> String {
    in_part(part, &format!("{part}_config.json"))
}

fn is_tokenizer_file(tokenizer: &str, name: &str) -> bool {
    name.split_once('/').is_some_and(|(folder, file)| {
        folder == tokenizer
            && !file.contains('/')
            && (file.ends_with(".json") || file.ends_with(".txt"))
    })
}

fn weights(files: &BTreeSet<String>, part: Part) -> Result<Vec<String>, Unusable> {
    let has = |name: &str| files.contains(name);
    match weight_files(has, part.folder(), part.stem(), FP16_FIRST) {
        Some(WeightFiles::Single(name)) => Ok(vec![name]),
        Some(WeightFiles::Sharded { index, stem }) => {
            let mut names = shards(files, &stem)?;
            names.push(index);
            Ok(names)
        }
        None => Err(match pickled_weights(has, part.folder(), part.stem()) {
            Some(pickled) => Unusable {
                reason: format!(
                    "has no safetensors weights of {}, only {pickled}, which is pickled and can run code when it is opened",
                    part.folder()
                ),
                hint: Some(
                    "many models have a revision with safetensors: try owner/name@refs/pr/N, or convert the model",
                ),
            },
            None => missing(&in_part(
                part.folder(),
                &format!("{}.safetensors", part.stem()),
            )),
        }),
    }
}

/// All of `STEM-00001-of-0000N.safetensors`.
fn shards(files: &BTreeSet<String>, stem: &str) -> Result<Vec<String>, Unusable> {
    let number = |name: &str| -> Option<(usize, usize)> {
        let rest = name.strip_prefix(stem)?.strip_prefix('-')?;
        let (idx, n) = rest.strip_suffix(".safetensors")?.split_once("-of-")?;
        Some((idx.parse().ok()?, n.parse().ok()?))
    };
    let numbered: Vec<_> = files
        .iter()
        .filter_map(|name| Some((name, number(name)?)))
        .collect();
    let n_shards = numbered.iter().map(|(_, (_, n))| *n).max().unwrap_or(0);
    if numbered.is_empty() || numbered.len() != n_shards {
        return Err(missing(&format!("one of the shards {stem}-*.safetensors")));
    }
    Ok(numbered.into_iter().map(|(name, _)| name.clone()).collect())
}

pub(super) fn missing(name: &str) -> Unusable {
    Unusable {
        reason: format!("{name} is missing"),
        hint: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stabilityai/sd-turbo has, about.
    const TURBO: [&str; 20] = [
        "README.md",
        "model_index.json",
        "sd_turbo.safetensors",
        "scheduler/scheduler_config.json",
        "text_encoder/config.json",
        "text_encoder/model.fp16.safetensors",
        "text_encoder/model.safetensors",
        "text_encoder/pytorch_model.bin",
        "tokenizer/merges.txt",
        "tokenizer/special_tokens_map.json",
        "tokenizer/tokenizer_config.json",
        "tokenizer/vocab.json",
        "unet/config.json",
        "unet/diffusion_pytorch_model.fp16.safetensors",
        "unet/diffusion_pytorch_model.safetensors",
        "unet/model.onnx",
        "vae/config.json",
        "vae/diffusion_pytorch_model.safetensors",
        "vae/diffusion_pytorch_model.bin",
        "safety_checker/model.safetensors",
    ];

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn only_what_is_used_is_chosen_in_half_precision_where_it_exists() {
        let chosen = choose(&set(&TURBO), Family::StableDiffusion).unwrap();
        assert_eq!(
            chosen,
            [
                "model_index.json",
                "scheduler/scheduler_config.json",
                "text_encoder/config.json",
                "text_encoder/model.fp16.safetensors",
                "tokenizer/merges.txt",
                "tokenizer/special_tokens_map.json",
                "tokenizer/tokenizer_config.json",
                "tokenizer/vocab.json",
                "unet/config.json",
                "unet/diffusion_pytorch_model.fp16.safetensors",
                "vae/config.json",
                "vae/diffusion_pytorch_model.safetensors",
            ]
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        for name in [
            "scheduler/scheduler_config.json",
            "unet/config.json",
            "tokenizer/merges.txt",
        ] {
            let mut files = set(&TURBO);
            files.remove(name);
            let error = choose(&files, Family::StableDiffusion).unwrap_err();
            let folder = name.split('/').next().unwrap();
            assert!(error.reason.contains(folder), "{name}: {error:?}");
        }
        let error = choose(&set(&TURBO), Family::StableDiffusionXl).unwrap_err();
        assert!(error.reason.contains("tokenizer_2"), "{error:?}");
    }

    #[test]
    fn pickled_weights_are_never_chosen() {
        let mut files = set(&TURBO);
        files.retain(|name| !(name.starts_with("text_encoder/") && name.ends_with(".safetensors")));
        let error = choose(&files, Family::StableDiffusion).unwrap_err();
        assert!(error.reason.contains("pytorch_model.bin"), "{error:?}");
        assert!(error.hint.is_some());
    }

    #[test]
    fn shards_come_all_or_not_at_all() {
        let mut files = set(&TURBO);
        files.retain(|name| !name.starts_with("unet/diffusion"));
        files.extend(set(&[
            "unet/diffusion_pytorch_model.fp16.safetensors.index.json",
            "unet/diffusion_pytorch_model.fp16-00001-of-00002.safetensors",
            "unet/diffusion_pytorch_model.fp16-00002-of-00002.safetensors",
            "unet/diffusion_pytorch_model-00001-of-00001.safetensors",
        ]));
        let chosen = choose(&files, Family::StableDiffusion).unwrap();
        assert_eq!(
            chosen
                .iter()
                .filter(|name| name.contains("-of-00002"))
                .count(),
            2
        );
        assert!(!chosen.iter().any(|name| name.contains("-of-00001.")));
        files.remove("unet/diffusion_pytorch_model.fp16-00002-of-00002.safetensors");
        assert!(choose(&files, Family::StableDiffusion).is_err());
    }
}
