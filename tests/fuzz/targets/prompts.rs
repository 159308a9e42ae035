//! A prompts file is read and its prompts find their times in a song, or it is refused.
#![no_main]

use std::sync::OnceLock;

use analysis::Analysis;
use analysis::test_songs::Song;
use libfuzzer_sys::fuzz_target;
use mapping::prompts::{Arrive, Script};

static SONG: OnceLock<Analysis> = OnceLock::new();

fuzz_target!(|bytes: &[u8]| {
    let Ok(script) = Script::parse("prompts.txt", bytes) else {
        return;
    };
    let song = SONG.get_or_init(|| Song::default().analysis());
    let span = 0.0..song.duration_secs;
    for arrive in [Arrive::Section, Arrive::Bar, Arrive::Even] {
        if let Ok(arrivals) = script.arrivals(song, arrive, span.clone()) {
            assert!(
                arrivals.is_sorted_by(|a, b| a < b),
                "prompts overtake each other: {arrivals:?}"
            );
        }
    }
    drop(script.check_routes(song));
});
