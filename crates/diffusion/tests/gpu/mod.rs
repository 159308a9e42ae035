//! The GPU that tests draw on.

use std::sync::OnceLock;

use gpu::{Adapter, Gpu};

/// The first GPU, or the one numbered by `VISUALIZE_TEST_GPU`. Where there is none, tests say that they are skipped and pass;
/// with `VISUALIZE_NEEDS_GPU=1` they fail.
pub fn gpu() -> Option<&'static Gpu> {
    static GPU: OnceLock<Option<Gpu>> = OnceLock::new();
    GPU.get_or_init(open).as_ref()
}

/// The same, opened anew.
pub fn open() -> Option<Gpu> {
    let idx = std::env::var("VISUALIZE_TEST_GPU").map_or(0, |idx| idx.parse().unwrap());
    match Adapter::numbered(idx) {
        Ok(adapter) => Some(Gpu::open(&adapter).unwrap()),
        Err(error) => {
            assert!(std::env::var_os("VISUALIZE_NEEDS_GPU").is_none(), "{error}");
            eprintln!("skipped: {error}");
            None
        }
    }
}
