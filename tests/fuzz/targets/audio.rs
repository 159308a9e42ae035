//! A song is opened, decoded to as many samples as were counted, and handed to a film; or it is refused.
#![no_main]

use std::cell::RefCell;
use std::path::Path;

use audio::{SoundtrackFormat, Track};
use libfuzzer_sys::fuzz_target;
use visualize_fuzz::{Scratch, with_checksums};

thread_local! {
    static FILE: RefCell<Scratch> = RefCell::new(Scratch::new(".song"));
}

/// A few bytes can stand for hours of silence; decoding those is slow, not wrong.
const MAX_SAMPLES: u64 = 1 << 20;

fuzz_target!(|bytes: &[u8]| {
    FILE.with_borrow_mut(|file| match with_checksums(bytes) {
        Some(bytes) => open(file.with(&bytes)),
        None => open(file.with(bytes)),
    });
});

fn open(path: &Path) {
    let Ok(track) = Track::open_without_ffmpeg(path) else {
        return;
    };
    assert!(track.n_samples > 0 && track.sample_rate_hz > 0);
    let end = track.n_samples.min(MAX_SAMPLES);
    let blocks = track.blocks(0..end).and_then(|mut blocks| {
        blocks.try_fold(0, |n, block| {
            block.map(|block| n + block.n_samples() as u64)
        })
    });
    if let Ok(n_samples) = blocks {
        assert_eq!(n_samples, end, "other samples were decoded than counted");
    }
    drop(track.all_notes());
    let folder = path.parent().expect("a file lies in a folder");
    if let Ok(Some(soundtrack)) = track.soundtrack(0..end, SoundtrackFormat::Copy, folder)
        && let Ok(packets) = soundtrack.packets()
    {
        for packet in packets {
            if packet.is_err() {
                break;
            }
        }
    }
}
