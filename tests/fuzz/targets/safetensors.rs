//! A file of weights is read and described, or refused.
#![no_main]

use std::cell::RefCell;
use std::hint::black_box;
use std::path::Path;

use diffusion::describe_path;
use diffusion::weights::{Bytes, SafetensorsFile};
use libfuzzer_sys::fuzz_target;
use visualize_fuzz::Scratch;

thread_local! {
    static FILE: RefCell<Scratch> = RefCell::new(Scratch::new(".safetensors"));
}

fuzz_target!(|bytes: &[u8]| {
    let name = Path::new("x.safetensors");
    // Of a model on the hub the first bytes are read only.
    drop(SafetensorsFile::headers_only(
        name,
        bytes,
        bytes.len() as u64 + 64,
    ));
    let Ok(weights) = SafetensorsFile::parse(name, Bytes::Owned(bytes.into())) else {
        return;
    };
    for (name, entry) in weights.entries() {
        black_box((entry.n_elements(), entry.n_bytes(), entry.float_dtype()));
        drop((weights.read_integer(name), weights.read_f32(name)));
    }
    FILE.with_borrow_mut(|file| drop(describe_path(file.with(bytes), None)));
});
