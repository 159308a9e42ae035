//! Files of beats (label tracks, tables, MIDI) and of corrections are read, or refused. The first byte chooses the kind.
#![no_main]

use std::cell::RefCell;

use analysis::{AnalysisConfig, corrections};
use libfuzzer_sys::fuzz_target;
use visualize_fuzz::Scratch;

thread_local! {
    static FILE: RefCell<Scratch> = RefCell::new(Scratch::new(".txt"));
}

fuzz_target!(|input: &[u8]| {
    let Some((kind, bytes)) = input.split_first() else {
        return;
    };
    FILE.with_borrow_mut(|file| {
        let path = Some(file.with(bytes).to_owned());
        let config = match kind {
            b'f' => AnalysisConfig {
                fix_path: path,
                ..AnalysisConfig::default()
            },
            _ => AnalysisConfig {
                beats_path: path,
                ..AnalysisConfig::default()
            },
        };
        drop(corrections(&config, 60.0));
    });
});
