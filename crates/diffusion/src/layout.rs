//! Which files of a folder in diffusers layout are used: one answer for loading, hashing and downloading.
//!
//! Weights come as one file or in shards with an index, plain or in a variant; `fp16` is the one that people publish:
//!
//! | | one file | index of shards |
//! |---|---|---|
//! | plain | `STEM.safetensors` | `STEM.safetensors.index.json` |
//! | fp16 | `STEM.fp16.safetensors` | `STEM.safetensors.index.fp16.json`, `STEM.fp16.safetensors.index.json` |

/// A variant of the weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// As the model was published first, often in single precision.
    Plain,
    /// In half precision.
    Fp16,
}

/// Both variants, as diffusers looks for them in a folder.
pub const PLAIN_FIRST: [Variant; 2] = [Variant::Plain, Variant::Fp16];
/// Both variants, as they are chosen on the hub: half as much to download.
pub const FP16_FIRST: [Variant; 2] = [Variant::Fp16, Variant::Plain];

/// The weights of one part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WeightFiles {
    /// All tensors in one file.
    Single(String),
    /// An index that names the shards.
    Sharded {
        /// The index.
        index: String,
        /// How the shards' names begin, before `-00001-of-00002.safetensors`.
        stem: String,
    },
}

/// The name of a file of a part; a part without a name is the folder itself.
pub fn in_part(part: &str, file: &str) -> String {
    if part.is_empty() {
        file.to_owned()
    } else {
        format!("{part}/{file}")
    }
}

/// The weights of a part whose files begin with `stem`: the first of `variants` that is there.
pub fn weight_files(
    has: impl Fn(&str) -> bool,
    part: &str,
    stem: &str,
    variants: [Variant; 2],
) -> Option<WeightFiles> {
    variants.into_iter().find_map(|variant| {
        let infix = match variant {
            Variant::Plain => "",
            Variant::Fp16 => ".fp16",
        };
        let stem = in_part(part, stem);
        let shards = format!("{stem}{infix}");
        let single = format!("{shards}.safetensors");
        if has(&single) {
            return Some(WeightFiles::Single(single));
        }
        let indices = [
            format!("{stem}.safetensors.index{infix}.json"),
            format!("{shards}.safetensors.index.json"),
        ];
        let index = indices.into_iter().find(|index| has(index))?;
        Some(WeightFiles::Sharded {
            index,
            stem: shards,
        })
    })
}

/// A file with pickled weights of a part, which are never read: opening one can run code.
pub fn pickled_weights(has: impl Fn(&str) -> bool, part: &str, stem: &str) -> Option<String> {
    let names = [
        format!("{stem}.bin"),
        format!("{stem}.fp16.bin"),
        "pytorch_model.bin".to_owned(),
        "pytorch_model.fp16.bin".to_owned(),
    ];
    let mut names = names.into_iter().map(|name| in_part(part, &name));
    names.find(|name| has(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(names: &[&str], variants: [Variant; 2]) -> Option<WeightFiles> {
        weight_files(|name| names.contains(&name), "unet", "model", variants)
    }

    #[test]
    fn the_first_variant_that_is_there_is_taken() {
        let both = ["unet/model.safetensors", "unet/model.fp16.safetensors"];
        let single = |name: &str| Some(WeightFiles::Single(name.to_owned()));
        assert_eq!(choose(&both, PLAIN_FIRST), single(both[0]));
        assert_eq!(choose(&both, FP16_FIRST), single(both[1]));
        assert_eq!(choose(&both[..1], FP16_FIRST), single(both[0]));
        assert_eq!(choose(&both[1..], PLAIN_FIRST), single(both[1]));
        assert_eq!(choose(&["vae/model.safetensors"], PLAIN_FIRST), None);
    }

    #[test]
    fn both_spellings_of_an_index_are_known() {
        for index in [
            "unet/model.safetensors.index.fp16.json",
            "unet/model.fp16.safetensors.index.json",
        ] {
            let sharded = WeightFiles::Sharded {
                index: index.to_owned(),
                stem: "unet/model.fp16".to_owned(),
            };
            assert_eq!(choose(&[index], FP16_FIRST), Some(sharded));
        }
    }
}
