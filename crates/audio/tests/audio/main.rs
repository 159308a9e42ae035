//! Songs of every format: exact lengths, exact cuts, soundtracks that decode to the song, and bad input.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail by panicking")]

mod bad_input;
mod builders;
mod fixtures;
mod flac_repairs;
mod formats;
mod helpers;
mod joined;
mod mp4_files;
mod ogg_and_matroska;
mod plain_samples;
mod repairs;
mod samples;
mod second_decoder;
mod several_sounds;
mod soundtracks;
