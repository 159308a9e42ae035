//! A model's tokenizer is read and cuts a text into tokens, or is refused.
//!
//! The input's parts are files, and the text; the first byte of each says which.
#![no_main]

use std::collections::BTreeMap;
use std::sync::Arc;

use diffusion::text::{Tokenizer, parse};
use diffusion::{HeadersOnly, ModelFolder};
use libfuzzer_sys::fuzz_target;
use visualize_fuzz::parts;

fuzz_target!(|input: &[u8]| {
    let mut texts = BTreeMap::new();
    let mut text = "a (glowing:1.3) sea, [fog]".into();
    for part in parts(input) {
        let Some((kind, part)) = part.split_first() else {
            continue;
        };
        let file = match kind {
            b't' => "tokenizer.json",
            b'v' => "vocab.json",
            b'm' => "merges.txt",
            b'c' => "tokenizer_config.json",
            _ => {
                text = String::from_utf8_lossy(part);
                continue;
            }
        };
        texts.insert(format!("tokenizer/{file}"), part.to_owned());
    }
    let pieces = parse(&text);
    let folder = ModelFolder::HeadersOnly(Arc::new(HeadersOnly {
        name: "model".to_owned(),
        texts,
        weights: BTreeMap::new(),
    }));
    if let Ok(tokenizer) = Tokenizer::load(&folder, "tokenizer") {
        drop(tokenizer.encode(&text));
        drop((tokenizer.encode_padded(&text, 77), pieces));
    }
});
