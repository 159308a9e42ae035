//! Files of beats (label tracks, tables, MIDI, collections of DJ programs), of corrections, and lists of songs are read, or refused. The
//! first byte chooses the kind.
#![no_main]

use std::cell::RefCell;

use analysis::{AnalysisConfig, collection_tracks, corrections};
use libfuzzer_sys::fuzz_target;
use visualize_fuzz::Scratch;

// Alone: the program's own crate needs all others.
#[path = "../../../src/set_list.rs"]
mod set_list;

thread_local! {
    static FILE: RefCell<Scratch> = RefCell::new(Scratch::new(".m3u"));
}

fuzz_target!(|input: &[u8]| {
    let Some((kind, bytes)) = input.split_first() else {
        return;
    };
    FILE.with_borrow_mut(|file| match kind {
        b's' => {
            let path = file.with(bytes);
            assert!(set_list::is_set_list(path));
            if let Ok(list) = set_list::read(path) {
                assert!(!list.songs.is_empty());
            }
        }
        b'c' => {
            let path = file.with(bytes);
            for track in collection_tracks(path).unwrap_or_default() {
                drop(track.find(path));
            }
        }
        kind => read_corrections(*kind, file.with(bytes)),
    });
});

fn read_corrections(kind: u8, path: &std::path::Path) {
    let path = Some(path.to_owned());
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
}
