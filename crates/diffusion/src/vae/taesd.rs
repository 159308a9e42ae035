//! TAESD's decoder in its first author's names (<https://github.com/madebyollin/taesd>): layers by number, where diffusers counts
//! the first, which only limits the latents, not.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::weights::{Located, SafetensorsFile, TensorMap};

/// What stands before the layers' numbers: nothing in a file of its own.
const PREFIXES: [&str; 3] = ["taesd_decoder.", "decoder.", ""];

/// The layers' prefix in a file that holds such a decoder.
pub fn prefix(file: &SafetensorsFile) -> Option<&'static str> {
    PREFIXES
        .into_iter()
        .find(|prefix| file.entries().contains_key(&format!("{prefix}1.weight")))
}

/// The decoder's tensors in diffusers' names.
pub fn tensors(file: &Arc<SafetensorsFile>, prefix: &str) -> TensorMap {
    let renamed = file.entries().keys().filter_map(|stored| {
        let (number, rest) = stored.strip_prefix(prefix)?.split_once('.')?;
        let number = number.parse::<usize>().ok()?.checked_sub(1)?;
        let name = format!("decoder.layers.{number}.{rest}");
        Some((name, Located::as_stored(file, stored)))
    });
    TensorMap {
        tensors: renamed.collect(),
        label: file.path.clone(),
        deltas: BTreeMap::new(),
    }
}
