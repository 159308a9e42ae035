//! Opens songs and prints what is known of them: `cargo run -p visualize-audio --example extent -- SONG...`

use std::time::Instant;

use audio::Track;

fn main() {
    for path in std::env::args().skip(1) {
        let begun = Instant::now();
        let track = match Track::open(&path) {
            Ok(track) => track,
            Err(error) => {
                println!("{path}: refused: {error}");
                continue;
            }
        };
        let opened = begun.elapsed();
        let (mut n_samples, mut peak) = (0, 0.0f32);
        let blocks = track.blocks(0..track.n_samples);
        let decoded = blocks.and_then(|mut blocks| {
            blocks.try_for_each(|block| {
                let block = block?;
                n_samples += block.n_samples() as u64;
                peak = block
                    .samples
                    .iter()
                    .fold(peak, |peak, value| peak.max(value.abs()));
                Ok(())
            })
        });
        println!(
            "{path}: {} of {} samples decoded, {} Hz, {} channels, {}, peak {peak:.4}, opened in {opened:.2?}, all in {:.2?}",
            n_samples,
            track.n_samples,
            track.sample_rate_hz,
            track.n_channels,
            track.codec,
            begun.elapsed()
        );
        for note in track.all_notes() {
            println!("    note: {note}");
        }
        if let Err(error) = decoded {
            println!("    {error}");
        }
    }
}
