use common::{Error, Result};
use serde_json::{Map, Value, json};

use super::added_words::AddedWords;
use crate::model::ModelFolder;

/// How CLIP cuts text into words (Radford et al. 2021); the pattern of transformers' `CLIPTokenizerFast`.
const WORDS: &str = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";

/// CLIP's byte-pair tokenizer of a model folder.
#[derive(Debug)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// Begins every prompt.
    pub bos: u32,
    /// Ends every prompt.
    pub eos: u32,
    /// Fills prompts up. Not always `eos`: Stable Diffusion 2 fills with "!", whose id is 0.
    pub pad: u32,
    comma: Option<u32>,
    words: AddedWords,
}

impl Tokenizer {
    /// Reads `tokenizer.json`, or `vocab.json` and `merges.txt` where there is none, from a part such as `tokenizer`. With
    /// merges alone, ids are numbered as CLIP does.
    ///
    /// # Errors
    /// [`Error::Weights`] if the files are missing, malformed, or have no begin and end tokens.
    pub fn load(folder: &ModelFolder, part: &str) -> Result<Self> {
        let name = |file: &str| format!("{part}/{file}");
        let config = match folder.has(&name("tokenizer_config.json")) {
            true => Some(folder.config(&name("tokenizer_config.json"))?),
            false => None,
        };
        let token = |key: &str, default: &str| {
            let value = config.as_ref().and_then(|config| config.get(key));
            match value {
                Some(Value::String(text)) => text.clone(),
                Some(Value::Object(token)) => token
                    .get("content")
                    .and_then(Value::as_str)
                    .unwrap_or(default)
                    .to_owned(),
                _ => default.to_owned(),
            }
        };
        let bos = token("bos_token", "<|startoftext|>");
        let eos = token("eos_token", "<|endoftext|>");
        let pad = token("pad_token", &eos);

        let files = ["tokenizer.json", "vocab.json", "merges.txt"];
        let first = files.into_iter().find(|file| folder.has(&name(file)));
        let file = name(first.unwrap_or("tokenizer.json"));
        let path = folder.path_of(&file);
        let broken = |error: tokenizers::Error| {
            Error::weights(
                &path,
                format!("is not a tokenizer that can be used: {error}"),
            )
        };
        let special = [bos.as_str(), &eos, &pad];
        let json = match first {
            Some("vocab.json") => {
                let vocab = serde_json::from_str(&folder.text(&file)?)
                    .map_err(|error| broken(error.into()))?;
                let merges = folder.text(&name("merges.txt"))?;
                from_vocab_and_merges(vocab, &merges, special).map_err(broken)?
            }
            Some("merges.txt") => {
                let merges = folder.text(&file)?;
                let vocab = vocab_of(&merges, [&bos, &eos]);
                from_vocab_and_merges(vocab, &merges, special).map_err(broken)?
            }
            _ => folder.text(&file)?.into_bytes(),
        };
        let mut inner = tokenizers::Tokenizer::from_bytes(json).map_err(broken)?;
        // Length is this program's business: some files store none, others their own.
        inner.with_truncation(None).map_err(broken)?;
        inner.with_padding(None);
        let id = |text: &str| {
            inner
                .token_to_id(text)
                .ok_or_else(|| Error::weights(&path, format!("the vocabulary has no token {text}")))
        };
        Ok(Self {
            bos: id(&bos)?,
            eos: id(&eos)?,
            pad: id(&pad)?,
            comma: inner.token_to_id(",</w>"),
            words: AddedWords::read(folder, part, &inner)?,
            inner,
        })
    }

    /// Ids of the text alone: no begin, no end, no filling, any length.
    ///
    /// # Errors
    /// [`Error::Weights`] if the vocabulary can't express the text.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let mut ids = Vec::new();
        let mut rest = text;
        while let Some(found) = self.words.first(rest) {
            ids.extend(self.encode_plain(rest.get(..found.begin).unwrap_or_default())?);
            ids.extend(found.ids);
            rest = rest.get(found.end..).unwrap_or_default();
        }
        ids.extend(self.encode_plain(rest)?);
        Ok(ids)
    }

    fn encode_plain(&self, text: &str) -> Result<Vec<u32>> {
        let encoding = self.inner.encode_fast(text, false).map_err(|error| {
            Error::weights("tokenizer", format!("can't tokenise \"{text}\": {error}"))
        })?;
        Ok(encoding.get_ids().to_vec())
    }

    /// Ids as diffusers makes them: begin, text, end, cut or filled to `len`.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn encode_padded(&self, text: &str, len: usize) -> Result<Vec<u32>> {
        let mut ids = vec![self.bos];
        ids.extend(self.encode(text)?.into_iter().take(len.saturating_sub(2)));
        ids.push(self.eos);
        ids.resize(len, self.pad);
        Ok(ids)
    }

    /// Gives ids of their own to a word: `n_ids` from `first_id` on.
    pub fn add_word(&mut self, word: &str, first_id: u32, n_ids: u32) {
        self.words.add(word, (first_id..first_id + n_ids).collect());
    }

    /// The first id beyond the plain vocabulary, where words were added.
    pub fn first_added_id(&self) -> Option<u32> {
        self.words.first_id
    }

    /// Number of tokens of the added word that begins with this id; 1 for every other id.
    pub fn n_of_word(&self, id: u32) -> usize {
        self.words.n_of_word(id)
    }

    /// Whether `id` is the word "," by itself.
    pub fn is_comma(&self, id: u32) -> bool {
        self.comma == Some(id)
    }
}

/// CLIP's numbering: every byte, every byte at a word's end, the merges in their order, begin and end.
fn vocab_of(merges: &str, special: [&str; 2]) -> Map<String, Value> {
    // Bytes that can be shown stand for themselves, the others for the characters from 256 on.
    let shown: Vec<char> = (33..=126u8)
        .chain(161..=172)
        .chain(174..=255)
        .map(char::from)
        .collect();
    let hidden = (0..256 - shown.len() as u32).filter_map(|i| char::from_u32(256 + i));
    let bytes: Vec<String> = shown
        .iter()
        .copied()
        .chain(hidden)
        .map(String::from)
        .collect();
    let ends = bytes.iter().map(|byte| format!("{byte}</w>"));
    let words = bytes.iter().cloned().chain(ends);
    let words = words.chain(merge_pairs(merges).map(|[left, right]| format!("{left}{right}")));
    let words = words.chain(special.map(str::to_owned));
    words
        .enumerate()
        .map(|(id, word)| (word, id.into()))
        .collect()
}

/// The two symbols of each merge; a first line may hold a version.
fn merge_pairs(merges: &str) -> impl Iterator<Item = [&str; 2]> {
    merges
        .lines()
        .filter(|line| !line.starts_with("#version"))
        .filter_map(|line| line.trim_end().split_once(' '))
        .map(|(left, right)| [left, right])
}

/// The `tokenizer.json` that transformers' `CLIPTokenizerFast` makes of the slow class's two files.
fn from_vocab_and_merges(
    vocab: Map<String, Value>,
    merges: &str,
    special: [&str; 3],
) -> tokenizers::Result<Vec<u8>> {
    let [_, eos, _] = special;
    let merges: Vec<[&str; 2]> = merge_pairs(merges).collect();
    let mut added: Vec<Value> = Vec::new();
    for (idx, token) in special.iter().enumerate() {
        let id = vocab
            .get(*token)
            .ok_or_else(|| format!("the vocabulary has no token {token}"))?;
        if !special.iter().take(idx).any(|earlier| earlier == token) {
            added.push(json!({
                "id": id, "content": token, "special": true, "normalized": token.len() > 1,
                "single_word": false, "lstrip": false, "rstrip": false,
            }));
        }
    }
    added.sort_by_key(|token| token.get("id").and_then(Value::as_u64));
    let tokenizer = json!({
        "version": "1.0",
        "added_tokens": added,
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "NFC"},
            {"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": " "},
            {"type": "Lowercase"},
        ]},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": WORDS}, "behavior": "Removed", "invert": true},
            {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
        ]},
        "model": {
            "type": "BPE", "unk_token": eos, "continuing_subword_prefix": "", "end_of_word_suffix": "</w>",
            "fuse_unk": false, "byte_fallback": false, "vocab": vocab, "merges": merges,
        },
    });
    Ok(serde_json::to_vec(&tokenizer)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::PathBuf;

    fn kit() -> ModelFolder {
        let models = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/parity/kit/models");
        ModelFolder::Disk(models.join("velocity"))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]
        #[test]
        fn the_slow_files_make_the_fast_tokenizer(text in any::<String>()) {
            // `tokenizer.json` was written by transformers from the same two files.
            let fast = Tokenizer::load(&kit(), "tokenizer").unwrap();
            let vocab = kit().text("tokenizer/vocab.json").unwrap();
            let merges = kit().text("tokenizer/merges.txt").unwrap();
            let special = ["<|startoftext|>", "<|endoftext|>", "!"];
            let json = from_vocab_and_merges(serde_json::from_str(&vocab).unwrap(), &merges, special).unwrap();
            let slow = tokenizers::Tokenizer::from_bytes(json).unwrap();
            let slow = slow.encode_fast(text.as_str(), false).unwrap();
            prop_assert_eq!(slow.get_ids(), fast.encode(&text).unwrap());
        }
    }

    #[test]
    fn merges_alone_number_as_the_vocabulary_does() {
        let vocab: Map<String, Value> =
            serde_json::from_str(&kit().text("tokenizer/vocab.json").unwrap()).unwrap();
        let merges = kit().text("tokenizer/merges.txt").unwrap();
        assert_eq!(
            vocab_of(&merges, ["<|startoftext|>", "<|endoftext|>"]),
            vocab
        );
    }

    #[test]
    fn prompts_are_cut_and_filled() {
        let tokenizer = Tokenizer::load(&kit(), "tokenizer").unwrap();
        let ids = tokenizer.encode_padded("a b c d", 4).unwrap();
        assert_eq!(
            (ids.len(), ids[0], ids[3]),
            (4, tokenizer.bos, tokenizer.eos)
        );
        let ids = tokenizer.encode_padded("a", 5).unwrap();
        assert_eq!(ids[2..], [tokenizer.eos, tokenizer.pad, tokenizer.pad]);
    }
}
