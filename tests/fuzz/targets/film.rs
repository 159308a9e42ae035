//! The tables, tags and attachment of a film are read, or it is refused.
#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use video::{FilmReader, attachment, probe};
use visualize_fuzz::Scratch;

thread_local! {
    static FILE: RefCell<Scratch> = RefCell::new(Scratch::new(".mp4"));
}

fuzz_target!(|bytes: &[u8]| {
    FILE.with_borrow_mut(|file| {
        let path = file.with(bytes);
        drop(probe(path));
        drop(attachment(path));
        if let Ok(film) = FilmReader::open(path) {
            drop(film.size());
        }
    });
});
