//! Holds a test only: `cargo test -p visualize-candle-transformers-tests`.
