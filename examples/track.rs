//! Stage 1: what a song's file holds, and its samples as a stream.
//!
//!     cargo run --release --example track -- samples/song.flac

use visualize::{Result, Track};

fn main() -> Result<()> {
    let path = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "samples/song.flac".to_owned());
    let track = Track::open(&path)?;
    println!(
        "{}: {} Hz, {} channels, {:.3} s",
        track.codec, track.sample_rate_hz, track.n_channels, track.duration_secs
    );

    let mut peak = 0f32;
    for block in track.blocks(0..track.n_samples)? {
        peak = block?
            .samples
            .iter()
            .fold(peak, |peak, sample| peak.max(sample.abs()));
    }
    println!("peak {peak:.3}");
    Ok(())
}
