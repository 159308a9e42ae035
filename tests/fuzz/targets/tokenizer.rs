//! A model's tokenizer is read and cuts a text into tokens, or is refused.
//!
//! The input's parts are files, and the text; the first byte of each says which.
#![no_main]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use diffusion::text::{Tokenizer, parse};
use diffusion::{HeadersOnly, ModelFolder};
use libfuzzer_sys::fuzz_target;
use visualize_fuzz::parts;

/// Of inputs that need regular expressions, the first ones are read, the seeds among them, and one in so many of all others: to compile
/// the expressions takes a millisecond, many times as long as everything else.
const N_FIRST: usize = 100;
const ONE_IN: usize = 64;
static N_WITH_EXPRESSIONS: AtomicUsize = AtomicUsize::new(0);

fuzz_target!(|input: &[u8]| {
    if needs_expressions(input) {
        let n_before = N_WITH_EXPRESSIONS.fetch_add(1, Ordering::Relaxed);
        if n_before >= N_FIRST && n_before % ONE_IN != 0 {
            return;
        }
    }
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

/// The two files of slow tokenizers are read by CLIP's own expressions, `tokenizer.json` by those that it has.
fn needs_expressions(input: &[u8]) -> bool {
    parts(input).any(|part| match part {
        [b'v' | b'm', ..] => true,
        [b't', json @ ..] => json.windows(5).any(|word| word == b"Regex"),
        _ => false,
    })
}
