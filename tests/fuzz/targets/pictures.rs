//! The pictures of a film are decoded, or it is refused. The decoder is C++, which the fuzzer can't look into.
#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use video::FilmReader;
use visualize_fuzz::Scratch;

thread_local! {
    static FILE: RefCell<Scratch> = RefCell::new(Scratch::new(".mp4"));
}

const MAX_FRAMES: usize = 8;

fuzz_target!(|bytes: &[u8]| {
    FILE.with_borrow_mut(|file| {
        let film = FilmReader::open(file.with(bytes));
        if let Ok(film) = &film
            && let Ok(frames) = film.frames()
        {
            for frame in frames.take(MAX_FRAMES) {
                drop(frame);
            }
        }
    });
});
