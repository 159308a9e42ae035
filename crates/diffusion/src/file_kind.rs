//! What a safetensors file holds, by the names of its tensors.

use std::path::Path;

use common::{Error, Result};

use super::embedding;
use super::lora;
use super::vae::taesd;
use super::weights::SafetensorsFile;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A model that draws, or its UNet: the setting `model`.
    Model,
    /// A LoRA or one of its relatives: the setting `lora`.
    Lora,
    /// An autoencoder: the setting `vae`.
    Vae,
    /// Textual inversion: the setting `embedding`.
    Embedding,
    /// What can't be drawn with, in words.
    Foreign(&'static str),
    /// Nothing that is known.
    Unknown,
}

/// Parts of tensor names that only other kinds of files have.
const FOREIGN: [(&str, &str); 16] = [
    ("double_blocks.", "a Flux model"),
    ("single_transformer_blocks.", "a Flux model"),
    ("joint_blocks.", "a Stable Diffusion 3 model"),
    ("double_layers.", "an AuraFlow model"),
    ("control_model.", "a ControlNet"),
    ("controlnet_cond_embedding.", "a ControlNet"),
    ("input_hint_block.", "a ControlNet"),
    ("motion_modules.", "a motion module of AnimateDiff"),
    ("ip_adapter.", "an IP-Adapter"),
    ("image_proj.", "an IP-Adapter"),
    ("down_blocks.0.0.kv_mapper", "a Stable Cascade model"),
    (
        "transformer_blocks.0.attn.add_q_proj",
        "a Stable Diffusion 3 model",
    ),
    ("adaln_single.", "a diffusion transformer, such as PixArt"),
    ("encoder.block.0.layer.", "a T5 text encoder"),
    (
        "model.diffusion_model.transformer_blocks.",
        "a diffusion transformer",
    ),
    ("model.layers.0.self_attn.", "a language model"),
];

/// Parts of tensor names of LoRAs for models that aren't supported.
const FOREIGN_LORA: [(&str, &str); 6] = [
    ("double_blocks", "a LoRA for Flux"),
    ("single_blocks", "a LoRA for Flux"),
    ("single_transformer_blocks", "a LoRA for Flux"),
    ("joint_blocks", "a LoRA for Stable Diffusion 3"),
    (
        "transformer.transformer_blocks",
        "a LoRA for Stable Diffusion 3",
    ),
    (
        "diffusion_model.layers.",
        "a LoRA for a diffusion transformer",
    ),
];

/// What families can be drawn with.
const FAMILIES: &str = "Stable Diffusion 1, 2 and XL can be drawn with";

impl FileKind {
    /// The kind of a file.
    pub fn of(file: &SafetensorsFile) -> Self {
        let names = || {
            file.entries()
                .keys()
                .filter(|name| !name.starts_with(embedding::BUNDLED))
        };
        let begins = |start: &str| names().any(|name| name.starts_with(start));
        let contains = |part: &str| names().any(|name| name.contains(part));
        let n_lora = names().filter(|name| lora::is_tensor(name)).count();
        if n_lora > 0 && 2 * n_lora >= names().count() {
            let foreign = FOREIGN_LORA.iter().find(|(part, _)| contains(part));
            return foreign.map_or(Self::Lora, |(_, what)| Self::Foreign(what));
        }
        if is_embedding(file) {
            return Self::Embedding;
        }
        if let Some((_, what)) = FOREIGN.iter().find(|(part, _)| contains(part)) {
            return Self::Foreign(what);
        }
        let is_model = [
            "model.diffusion_model.",
            "cond_stage_model.",
            "conditioner.embedders.",
            "down_blocks.",
        ];
        if is_model.into_iter().any(begins) {
            return Self::Model;
        }
        if begins("input_blocks.") {
            return Self::Foreign("a UNet alone");
        }
        if contains("decoder.") || begins("first_stage_model.") || taesd::prefix(file).is_some() {
            return Self::Vae;
        }
        if begins("0.weight") {
            return Self::Foreign("an encoder of TAESD, which also needs its decoder's file");
        }
        if begins("text_model.") || begins("transformer.resblocks.") {
            return Self::Foreign("a text encoder alone");
        }
        Self::Unknown
    }

    /// In words, with the setting that takes it.
    fn words(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Model => Some(("a model", "`model`")),
            Self::Lora => Some(("a LoRA", "`lora`")),
            Self::Vae => Some(("an autoencoder", "`vae`")),
            Self::Embedding => Some(("an embedding", "`embedding NAME=FILE`")),
            Self::Foreign(_) | Self::Unknown => None,
        }
    }

    /// Refuses a file of another kind than `wanted`, by what it is. Unknown files are left to whoever reads them.
    ///
    /// # Errors
    /// [`Error::Weights`] that says what the file is, and which setting takes it.
    pub fn expect(self, wanted: Self, path: &Path) -> Result<()> {
        if self == wanted || self == Self::Unknown {
            return Ok(());
        }
        let (wanted_words, _) = wanted.words().unwrap_or_default();
        Err(match (self, self.words()) {
            (Self::Foreign(what), _) => {
                Error::weights(path, format!("is {what}, not {wanted_words}")).with_hint(FAMILIES)
            }
            (_, words) => {
                let (what, setting) = words.unwrap_or_default();
                Error::weights(path, format!("is {what}, not {wanted_words}"))
                    .with_hint(format!("give it with {setting}"))
            }
        })
    }
}

fn is_embedding(file: &SafetensorsFile) -> bool {
    let names = || file.entries().keys();
    let is_known = |name: &String| {
        let known = [
            "emb_params",
            "clip_l",
            "clip_g",
            "text_encoders_0",
            "text_encoders_1",
        ];
        known.contains(&name.as_str()) || name.starts_with("string_to_param.")
    };
    if names().next().is_some() && names().all(is_known) {
        return true;
    }
    let mut entries = file.entries().iter();
    matches!(
        (entries.next(), entries.next()),
        (Some((name, entry)), None) if !name.contains('.') && (1..=2).contains(&entry.shape.len())
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::Bytes;

    /// A file of tensors of two numbers.
    fn file(names: &[&str]) -> SafetensorsFile {
        let entries = names.iter().enumerate().map(|(idx, name)| {
            let entry = serde_json::json!({
                "dtype": "F16", "shape": [1, 2], "data_offsets": [4 * idx, 4 * idx + 4]
            });
            ((*name).to_owned(), entry)
        });
        let header = serde_json::Value::Object(entries.collect()).to_string();
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.resize(bytes.len() + 4 * names.len(), 0);
        SafetensorsFile::parse(Path::new("x.safetensors"), Bytes::Owned(bytes.into())).unwrap()
    }

    #[test]
    fn files_are_known_by_their_tensors() {
        use FileKind::{Embedding, Lora, Model, Unknown, Vae};
        for (names, wanted) in [
            (
                vec![
                    "model.diffusion_model.input_blocks.0.0.weight",
                    "lora_unet_x.alpha",
                    "y",
                    "z",
                ],
                Model,
            ),
            (
                vec!["lora_unet_mid_block_attentions_0_proj_in.lora_down.weight"],
                Lora,
            ),
            (
                vec!["diffusion_model.input_blocks.1.1.proj_in.lora_up.weight"],
                Lora,
            ),
            (
                vec!["a.hada_w1_a", "bundle_emb.x.clip_l", "bundle_emb.x.clip_g"],
                Lora,
            ),
            (vec!["first_stage_model.decoder.conv_in.weight"], Vae),
            (
                vec!["decoder.conv_in.weight", "encoder.conv_in.weight"],
                Vae,
            ),
            (vec!["1.weight", "3.conv.0.weight"], Vae),
            (vec!["emb_params"], Embedding),
            (vec!["clip_l", "clip_g"], Embedding),
            (vec!["<cat-toy>"], Embedding),
            (vec!["transformer.wte"], Unknown),
        ] {
            assert_eq!(FileKind::of(&file(&names)), wanted, "{names:?}");
        }
        for (names, word) in [
            (
                vec!["model.diffusion_model.double_blocks.0.img_mod.lin.weight"],
                "Flux",
            ),
            (
                vec!["model.diffusion_model.joint_blocks.0.x.weight", "y.z"],
                "Diffusion 3",
            ),
            (vec!["control_model.zero_convs.0.0.weight"], "ControlNet"),
            (
                vec!["lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight"],
                "LoRA for Flux",
            ),
        ] {
            let kind = FileKind::of(&file(&names));
            assert!(
                matches!(kind, FileKind::Foreign(what) if what.contains(word)),
                "{names:?}: {kind:?}"
            );
        }
    }

    #[test]
    fn a_file_in_the_wrong_place_is_told_its_own() {
        let path = Path::new("x.safetensors");
        let error = FileKind::Vae.expect(FileKind::Lora, path).unwrap_err();
        assert!(
            error.to_string().contains("is an autoencoder, not a LoRA"),
            "{error}"
        );
        assert!(error.hint().unwrap().contains("`vae`"));
        let error = FileKind::Foreign("a Flux model")
            .expect(FileKind::Model, path)
            .unwrap_err();
        assert!(error.to_string().contains("is a Flux model"), "{error}");
        assert!(FileKind::Unknown.expect(FileKind::Lora, path).is_ok());
        assert!(FileKind::Lora.expect(FileKind::Lora, path).is_ok());
    }
}
