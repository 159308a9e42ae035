//! A prompts file, ours or another program's, is read and its prompts find their times in a song, or it is refused. The first byte
//! chooses the file's ending.
#![no_main]

use std::sync::OnceLock;

use analysis::Analysis;
use analysis::test_songs::Song;
use libfuzzer_sys::fuzz_target;
use mapping::prompts::{Arrive, Script, film_lines};

static SONG: OnceLock<Analysis> = OnceLock::new();

fuzz_target!(|input: &[u8]| {
    let Some((kind, bytes)) = input.split_first() else {
        return;
    };
    let name = match kind {
        b'c' => "prompts.csv",
        b'j' => "prompts.json",
        b'l' => "prompts.lrc",
        b's' => "prompts.srt",
        _ => "prompts.txt",
    };
    if let Ok(text) = std::str::from_utf8(bytes) {
        drop(film_lines(text));
    }
    let Ok(script) = Script::parse(name, bytes) else {
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
